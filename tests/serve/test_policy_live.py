"""The daemon judges by the tenants' and streams' own tolerances, tells them at /v1/policy, and goes by what `auto` chose."""
import json
import time
import unittest

from test_api import HTTP, Api

POLICY = """
[policy]
preset = word-to-the-wise
[stream tx]
preset = auto
[tenant acme]
quota = 2
slow = 2
"""
NOW = int(time.time())


class Live(Api):
    def setUp(self):
        super().setUp()
        self.conf(HTTP + POLICY)
        self.bounced("ingest", "-c", "bounced.conf", "--form", "ndjson", "-", stdin="\n".join(json.dumps(
            {"event": "delivered", "recipient": "bob@example.net", "time": NOW - 86400 * day, "stream": "tx"})
            for day in range(10)))
        self.bounced("policy", "measure", "-c", "bounced.conf")
        self.start(POLICY)
        self.admin = self.key("admin", "admin")

    def policy(self, query=""):
        return self.known("GET", f"/v1/policy{query}", "/v1/policy").json["items"]

    def test_told(self):
        names = [(x["tenant"], x["stream"], x["preset"]) for x in self.policy()]
        self.assertEqual(names, [("", "", "word-to-the-wise"), ("", "tx", "auto"), ("acme", "", "word-to-the-wise")])
        one, = self.policy("?stream=tx")
        self.assertEqual((one["auto"]["choice"], one["auto"]["sendings"]), ("auto-daily", 10))
        self.assertEqual(one["tolerances"]["slow"], "7 over 14d")
        self.assertEqual(self.objects("policy", "--json", "-c", "bounced.conf"), self.policy())
        acme = self.key("acme", "read", "--tenant", "acme")
        seen = self.ask("GET", "/v1/policy", key=acme).json["items"]
        self.assertEqual([x["tenant"] for x in seen], ["acme"])

    def test_measured_by_the_daemon(self):
        self.d.end()
        self.bounced("ingest", "-c", "bounced.conf", "--form", "ndjson", "-", stdin="\n".join(json.dumps(
            {"event": "delivered", "recipient": "bob@example.net", "time": NOW - 86400 * 28 * i, "stream": "rare"})
            for i in range(3)))
        self.start("[policy]\npreset = auto\n")
        self.d.until_told("cadence.chosen")
        self.d.until(lambda: {x["stream"]: x["auto"]["choice"] for x in self.policy()} ==
                     {"": "default", "tx": "auto-daily", "rare": "auto-monthly"})

    def test_judged_and_reloaded(self):
        events = [{"event": "bounced", "recipient": "ann@example.net", "time": NOW - 86400 * day, "tenant": tenant,
                   "campaign": f"c{day}", "reply": "452 4.2.2 mailbox is over quota"}
                  for tenant in ("acme", "other") for day in (9, 1)]
        self.assertEqual(self.ask("POST", "/v1/events", events, key=self.admin).status, 202)
        check = "/v1/check?address=ann@example.net&tenant="
        self.d.until(lambda: self.ask("GET", check + "acme", key=self.admin).json["answer"] == "suppressed")
        self.assertEqual(self.ask("GET", check + "other", key=self.admin).json["answer"], "send")
        self.bounced("verify", "-c", "bounced.conf")
        self.conf(HTTP + "[policy]\npreset = klaviyo\n")
        self.assertEqual(self.ask("POST", "/v1/reload", key=self.admin).status, 200)
        self.assertEqual([x["preset"] for x in self.policy()], ["klaviyo"])


if __name__ == "__main__":
    unittest.main()
