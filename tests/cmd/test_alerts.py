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
        """Without those about new ground: in a ledger that is new, everything is."""
        return {(a["rule"], a["about"], a["name"]): a
                for a in self.objects("alerts", "look", "--json", "--now", iso(when), *args) if a["rule"] != "ground"}

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
        closed = [a for a in self.objects("alerts", "--all", "--json") if a["rule"] != "ground"]
        self.assertTrue(all(a["state"] == "closed" for a in closed))
        self.assertIn("hard", {a["rule"] for a in closed})

    def test_settings_move_the_limits(self):
        self.ingest((400, "delivered", None, {"campaign": "spring"}),
                    (4, "failed", "550 5.1.1 User unknown", {"campaign": "spring"}))
        conf = self.file("b.conf", "[ledger]\npath = ledger.db\n[alerts]\nhard = 0.5%\nopen = 0\n")
        self.assertEqual(self.look(NOON), {})
        self.assertIn(("hard", "campaign", "spring"), self.look(NOON, "--config", conf))

    def advice(self, campaign, *args, code=0):
        found, = self.objects("advice", "campaign", campaign, "--json", "--now", iso(NOON + datetime.timedelta(hours=1)), *args, code=code)
        return found

    def test_advice(self):
        self.ingest((1000, "delivered", None, {"campaign": "fine"}), (2, "failed", "550 5.1.1 User unknown", {"campaign": "fine"}),
                    (1000, "delivered", None, {"campaign": "so-so"}), (12, "failed", "550 5.1.1 User unknown", {"campaign": "so-so"}),
                    (1000, "delivered", None, {"campaign": "bad"}), (40, "failed", "550 5.1.1 User unknown", {"campaign": "bad"}),
                    (52, "delivered", None, {"campaign": "early"}), (8, "failed", "550 5.1.1 User unknown", {"campaign": "early"}),
                    (52, "delivered", None, {"campaign": "small"}), (1, "failed", "550 5.1.1 User unknown", {"campaign": "small"}))
        self.assertEqual(self.advice("fine")["advice"], "continue")
        self.assertEqual(self.advice("so-so")["advice"], "slow")
        self.assertEqual(self.advice("bad", code=1)["advice"], "pause")
        self.assertIn("early, but enough to be sure", self.advice("early", code=1)["why"])
        self.assertEqual(self.advice("small")["advice"], "continue")
        self.assertFalse(self.advice("unheard-of")["known"])
        self.assertIn("continue fine: within its limits so far", self.bounced("advice", "campaign", "fine", "--now", iso(NOON)).out)
        self.bounced("advice", "fine", code=64)

    def test_advice_by_place(self):
        self.ingest((500, "delivered", None, {"campaign": "c", "provider": "acme"}),
                    (60, "delivered", None, {"campaign": "c", "provider": "gmail"}),
                    (40, "failed", "550 5.7.1 Our system has detected that this message is likely unsolicited mail",
                     {"campaign": "c", "provider": "gmail"}))
        found = self.advice("c", code=None)
        places = {(p["about"], p["name"]): p for p in found["places"]}
        self.assertEqual(places[("provider", "gmail")]["advice"], "pause")
        self.assertNotIn(("provider", "acme"), places)
        self.assertEqual(found["advice"], "continue")
        self.bounced("incident", "open", "--domain", "example.org", "--from", iso(NOON - datetime.timedelta(hours=2)))
        places = {(p["about"], p["name"]): p for p in self.advice("c", code=None)["places"]}
        self.assertIn("incident 1 is open there", places[("domain", "example.org")]["why"])

    def test_new_ground(self):
        self.bounced("acquired", "--batch", "fair",
                     self.file("fair.csv", "email\n" + "".join(f"a{i}@example.org\n" for i in range(1, 101))))
        self.ingest((8, "failed", "550 5.1.1 User unknown", {}), (52, "delivered", None, {}))
        self.objects("alerts", "look", "--json", "--now", iso(NOON))
        found = [a for a in self.objects("alerts", "--json") if a["rule"] == "ground" and a["about"] == "import"]
        self.assertEqual([(a["name"], a["part"], a["whole"]) for a in found], [("fair", 8, 60)])
        self.assertIn("8 hard bounces of the first 60", self.bounced("ground", "list").out)
        ground, = [g for g in self.objects("ground", "list", "--json") if g["kind"] == "import"]
        self.assertEqual((ground["name"], ground["state"], ground["sent"], ground["looks_bought"]), ("fair", "watched", 60, False))
        self.assertIn("40 of 100 addresses held", self.bounced("ground", "hold", "import", "fair", "--actor", "ann").out)
        self.bounced("check", "a99@example.org", code=1)
        self.assertIn("ground import fair", self.bounced("why", "a99@example.org").out)
        self.bounced("check", "a59@example.org")
        self.assertIn("40 of 100 addresses released", self.bounced("ground", "release", "import", "fair", "--note", "asked them").out)
        self.bounced("check", "a99@example.org")
        self.bounced("ground", "hold", "import", "no-such", code=1)
        self.bounced("ground", "hold", "stream", "news", code=64)

    def test_breaker_is_empty(self):
        self.ingest((1, "delivered", None, {}))
        self.assertEqual(self.bounced("breaker").out, "no breaker is open\n")
        self.bounced("breaker", "show", "7", code=1)
        self.bounced("breaker", "release", "7", code=1)
        self.bounced("breaker", "release", code=64)

    def test_usage(self):
        self.ingest((1, "delivered", None, {}))
        self.bounced("alerts", "dance", code=64)
        self.bounced("alerts", "ack", code=64)
        self.bounced("alerts", "ack", "7", code=1)
        self.bounced("alerts", "look", "--now", "soon", code=64)


if __name__ == "__main__":
    unittest.main()
