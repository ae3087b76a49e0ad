"""A flood of suppressions through a daemon: held, told, explained, released."""
import datetime
import json
import sqlite3
import struct
import time
import unittest
import urllib.request

from daemontest import Daemon, DaemonCase

CONF = "[http api]\nlisten = 127.0.0.1:0\nloopback = admin\n[breaker]\ncount = 20\n"
DAY_US = 86400 * 1000000


class Breaker(DaemonCase):
    def post(self, daemon, recipients):
        listening = {role.get("name"): role.get("listen") for role in daemon.status()["roles"]}
        now = datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")
        body = [{"event": "bounced", "recipient": r, "time": now, "message_id": f"{r}.x", "reply": "550 5.1.1 no such user",
                 "phase": "rcpt"} for r in recipients]
        request = urllib.request.Request(f"http://{listening['api']}/v1/events", json.dumps(body).encode(),
                                         {"Content-Type": "application/json"})
        with urllib.request.urlopen(request, timeout=60) as answer:
            self.assertEqual(answer.status, 202)

    def make_old(self):
        """The feed has been there for three days, as the ledger remembers (policy/beat.h)."""
        now = time.time_ns() // 1000
        memory = struct.pack("<B", 1) + struct.pack("<qqqqqqqqqq", now - 3 * DAY_US, now, 3600 * 1000000, 100, -(1 << 63), 0, 0, 0, 0,
                                                    -(1 << 63)) + struct.pack("<12q", *[0] * 12)
        with sqlite3.connect(self.ledger) as db:
            self.assertEqual(db.execute("UPDATE beats SET memory = ?", (memory,)).rowcount, 1)
        db.close()

    def test_flood(self):
        daemon = self.daemon(CONF)
        self.post(daemon, ["first@example.org"])
        self.bounced("check", "first@example.org", code=1)
        self.assertEqual(daemon.end(), 0)
        self.make_old()
        daemon = Daemon(self)
        self.post(daemon, [f"f{i}@d{i}.example" for i in range(15)])
        self.bounced("check", "f0@d0.example", code=1)
        self.post(daemon, [f"f{i}@d{i}.example" for i in range(15, 30)])
        breaker, = self.objects("breaker", "list", "--json")
        self.assertEqual(breaker["state"], "open")
        self.bounced("check", "f20@d20.example")
        self.bounced("check", "f0@d0.example")
        self.assertIn(f"held by breaker {breaker['breaker']}", self.bounced("why", "f20@d20.example").out)
        self.bounced("alerts", "look")
        self.assertEqual([a["look"] for a in self.objects("alerts", "--json") if a["rule"] == "flood"],
                         [f"bounced breaker show {breaker['breaker']}"])
        released = self.bounced("breaker", "release", breaker["breaker"], "--note", "they are dead").out
        self.assertRegex(released, "3[01] suppressed")  # the first one may lie in the same five minutes
        self.bounced("check", "f20@d20.example", code=1)
        self.assertEqual(daemon.end(), 0)


if __name__ == "__main__":
    unittest.main()
