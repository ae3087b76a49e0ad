"""Alerts end to end: events in, what is open, what it says, who has seen it."""
import datetime
import json
import unittest

from cmdtest import Case

NOON = datetime.datetime(2026, 3, 10, 12, 0, tzinfo=datetime.timezone.utc)


def iso(when):
    return when.strftime("%Y-%m-%dT%H:%M:%SZ")


class Alerts(Case):
    def ingest(self, *groups):
        """Each group: (count, kind, reply, members)."""
        lines, number = [], 0
        for count, kind, reply, members in groups:
            for _ in range(count):
                number += 1
                event = {"recipient": f"a{number}@example.org", "event": kind, "time": iso(NOON),
                         "message_id": f"{number}.{members.get('campaign', '')}@example.com", **members}
                if reply:
                    event["reply"] = reply
                lines.append(json.dumps(event))
        self.bounced("ingest", "-q", self.file("events.jsonl", "\n".join(lines) + "\n"))

    def look(self, when, *args):
        return {(a["rule"], a["about"], a["name"]): a
                for a in self.objects("alerts", "look", "--json", "--now", iso(when), *args)}

    def test_a_campaign_over_its_limit(self):
        self.ingest((400, "delivered", None, {"campaign": "spring"}),
                    (40, "failed", "550 5.1.1 User unknown", {"campaign": "spring"}))
        self.assertEqual(self.bounced("alerts").out, "no alerts\n")
        first = self.look(NOON + datetime.timedelta(minutes=10))
        self.assertEqual(first, {}, "it must last for a while")
        found = self.look(NOON + datetime.timedelta(minutes=20))[("hard", "campaign", "spring")]
        self.assertEqual((found["state"], found["part"], found["whole"], found["limit_ppm"]), ("open", 40, 440, 20000))
        self.assertEqual(found["cause"], "data quality")
        self.assertIn("user-unknown 40", found["why"])
        text = self.bounced("alerts").out
        self.assertIn("hard campaign spring: 9.09 % (40 of 440), limit 2.00 %", text)
        self.assertIn("likely   data quality", text)
        self.bounced("alerts", "ack", found["alert"], "--actor", "ann")
        self.assertIn("seen by ann", self.bounced("alerts").out)
        self.look(NOON + datetime.timedelta(days=9))
        self.assertEqual(self.look(NOON + datetime.timedelta(days=9, hours=2)), {})
        closed = self.objects("alerts", "--all", "--json")
        self.assertTrue(all(a["state"] == "closed" for a in closed))
        self.assertIn("hard", {a["rule"] for a in closed})

    def test_settings_move_the_limits(self):
        self.ingest((400, "delivered", None, {"campaign": "spring"}),
                    (4, "failed", "550 5.1.1 User unknown", {"campaign": "spring"}))
        conf = self.file("b.conf", "[ledger]\npath = ledger.db\n[alerts]\nhard = 0.5%\nopen = 0\n")
        self.assertEqual(self.look(NOON), {})
        self.assertIn(("hard", "campaign", "spring"), self.look(NOON, "--config", conf))

    def test_usage(self):
        self.ingest((1, "delivered", None, {}))
        self.bounced("alerts", "dance", code=64)
        self.bounced("alerts", "ack", code=64)
        self.bounced("alerts", "ack", "7", code=1)
        self.bounced("alerts", "look", "--now", "soon", code=64)


if __name__ == "__main__":
    unittest.main()
