"""A daemon that may, holds the rest of an import that looks bought."""
import datetime
import json
import unittest

from daemontest import DaemonCase


class Ground(DaemonCase):
    def setUp(self):
        super().setUp()
        self.bounced("acquired", "--batch", "fair",
                     self.file("fair.csv", "email\n" + "".join(f"a{i}@example.org\n" for i in range(100))))
        then = (datetime.datetime.now(datetime.timezone.utc) - datetime.timedelta(days=4)).strftime("%Y-%m-%dT%H:%M:%SZ")
        events = [{"event": "failed" if i < 10 else "delivered", "recipient": f"a{i}@example.org", "time": then,
                   "message_id": f"{i}@x.example", **({"reply": "550 5.1.1 User unknown"} if i < 10 else {})} for i in range(60)]
        events.append({"event": "opened", "recipient": "reader@example.net", "time": then, "message_id": "r@x.example"})
        self.bounced("ingest", "-q", self.file("events.jsonl", "\n".join(map(json.dumps, events)) + "\n"))

    def test_held_when_told_so(self):
        daemon = self.daemon("[ground]\nhold = yes\n")
        daemon.until_told("ground.held")
        self.bounced("check", "a99@example.org", code=1)
        self.bounced("check", "a20@example.org")
        self.assertIn("looks bought", self.bounced("why", "a99@example.org").out)
        ground, = [g for g in self.objects("ground", "list", "--json") if g["kind"] == "import"]
        self.assertEqual((ground["state"], ground["actor"]), ("held", "bounced"))
        self.bounced("ground", "release", "import", "fair", "--note", "they asked for it")
        self.bounced("check", "a99@example.org")
        self.assertEqual(daemon.end(), 0)

    def test_left_alone_otherwise(self):
        daemon = self.daemon()
        daemon.until_told("alerts opened=")
        self.assertEqual(daemon.end(), 0)
        self.assertNotIn("ground.held", daemon.told())
        ground, = [g for g in self.objects("ground", "list", "--json") if g["kind"] == "import"]
        self.assertTrue(ground["looks_bought"])
        self.bounced("check", "a99@example.org")


if __name__ == "__main__":
    unittest.main()
