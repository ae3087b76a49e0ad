"""An incident in the running daemon: it opens with the mail that shows it, everything tells of it, mail waits where that is set, and a
person ends it."""
import http.client
import json
import unittest

from daemontest import DaemonCase

CONF = "[http api]\nlisten = 127.0.0.1:0\n[incidents]\nanswer = defer\n"
START = 1_750_000_000  # the daemon's clock is far ahead of a log that is read late: nothing may end for that
GONE = "550 5.1.1 no such user here"


def mail(first, n, step, outcome, mailboxes=400):
    """n messages to bad.example and as many to good.example, from `first` on."""
    events = []
    for i in range(n):
        when = first + i * step
        for domain in ("bad.example", "good.example"):
            event, reply = outcome(domain, i)
            events.append({"event": event, "recipient": f"m{i % mailboxes}@{domain}", "time": when, "reply": reply,
                           "message_id": f"{when}.{domain}@news.example.com", "phase": "rcpt"})
    return events


def delivered(domain, i):
    return "delivered", "250 ok"


def refused(domain, i):
    return ("bounced", GONE) if domain == "bad.example" and i % 4 else ("delivered", "250 ok")


class Incident(DaemonCase):
    def ask(self, method, path, body=None):
        c = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        self.addCleanup(c.close)
        text = None if body is None else json.dumps(body)
        c.request(method, path, body=text, headers={"Authorization": f"Bearer {self.admin}", "Content-Type": "application/json"})
        r = c.getresponse()
        return r.status, json.loads(r.read() or b"{}")

    def send(self, events):
        for i in range(0, len(events), 2000):
            status, told = self.ask("POST", "/v1/events", events[i:i + 2000])
            self.assertEqual(status, 202, told)

    def answer(self, address):
        return self.ask("GET", f"/v1/check?address={address}")[1]["answer"]

    def test_it_opens_is_told_and_ends(self):
        self.d = d = self.daemon(CONF)
        listening = {role.get("name"): role.get("listen") for role in d.status()["roles"]}
        self.port = int(listening["api"].rsplit(":", 1)[1])
        self.admin = self.bounced("key", "add", "admin", "--role", "admin").out.strip()
        d.until(lambda: self.ask("GET", "/v1/feeds")[0] == 200)
        self.send(mail(START, 1600, 300, delivered))
        self.assertEqual(self.answer("m1@bad.example"), "send")
        self.assertEqual(d.status()["ledger"]["incidents"], 0)
        self.send(mail(START + 1600 * 300, 60, 60, refused))
        found = self.ask("GET", "/v1/incidents?state=open")[1]["items"]
        self.assertEqual([i.get("domain") for i in found], ["bad.example"])
        self.assertTrue(found[0]["pause"])
        d.until(lambda: d.status()["ledger"]["incidents"] == 1)
        d.until(lambda: self.answer("m1@bad.example") == "defer")
        self.assertEqual(self.answer("m1@good.example"), "send")
        self.assertEqual(self.ask("GET", "/v1/addresses/m1@bad.example")[1]["state"], "held")
        self.assertEqual(self.ask("GET", "/v1/suppressions")[1]["items"], [])
        # a person in a shell ends it; the daemon sees that
        self.bounced("incident", "close", found[0]["id"], "--note", "they say it is over")
        d.until(lambda: self.answer("m1@bad.example") == "send")
        self.assertEqual(self.ask("GET", "/v1/addresses/m1@bad.example")[1]["state"], "active")
        self.send(mail(START + 1600 * 300 + 3600, 60, 60, delivered))
        d.until(lambda: d.status()["ledger"]["incidents"] == 0)
        self.assertEqual(len(self.ask("GET", "/v1/incidents")[1]["items"]), 1)
        self.bounced("verify")


if __name__ == "__main__":
    unittest.main()
