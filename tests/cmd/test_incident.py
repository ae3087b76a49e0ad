"""Incidents, end to end: the outages of Gmail in December 2020, among the mail of other domains, noticed live and undone later.

2020-12-14 22:16 to 2020-12-15 00:38 and 2020-12-15 19:38 to 23:57 UTC, valid users were refused with 550-5.1.1.
"""
import calendar
import json
import random
import time
import unittest

from cmdtest import Case

GONE = ("550-5.1.1 The email account that you tried to reach does not exist. Please try double-checking the recipient's email "
        "address for typos or unnecessary spaces")
HOUR = 3600


def at(text):
    return calendar.timegm(time.strptime(text, "%Y-%m-%d %H:%M"))


FROM, TO = "2020-12-14 22:16", "2020-12-15 00:38"
AGAIN_FROM, AGAIN_TO = "2020-12-15 19:38", "2020-12-15 23:57"
OUTAGES = ((at(FROM), at(TO)), (at(AGAIN_FROM), at(AGAIN_TO)))
# name, mailboxes, messages an hour, soft failures among them
DOMAINS = (("gmail.com", 4000, 300, 0.002), ("yahoo.com", 1500, 90, 0.004), ("outlook.com", 1500, 90, 0.004),
           ("example.org", 200, 12, 0.01), ("example.net", 200, 12, 0.01), ("gmx.de", 400, 25, 0.005))
DEAD_EVERY = 100  # of the mailboxes of each domain: one that died on the day in between


class World:
    """The mail of one sender, hour by hour, as events."""

    def __init__(self):
        self.random = random.Random(20201214)
        self.serial = 0
        self.sent_dead = set()

    def outcome(self, domain, mailbox, when, soft):
        dead = mailbox % DEAD_EVERY == 7 and when >= at("2020-12-15 06:00")
        if dead:
            self.sent_dead.add(f"m{mailbox}@{domain}")
        if dead:
            return "bounced", GONE if domain == "gmail.com" else "550 5.1.1 no such user here"
        if domain == "gmail.com" and any(a <= when < b for a, b in OUTAGES) and self.random.random() < 0.7:
            return "bounced", GONE
        if self.random.random() < soft:
            return "deferred", "451 4.3.0 temporary system problem"
        return "delivered", "250 2.0.0 ok"

    def hour(self, start):
        events = []
        for domain, mailboxes, an_hour, soft in DOMAINS:
            for _ in range(an_hour):
                when = start + self.random.randrange(HOUR)
                mailbox = self.random.randrange(mailboxes)
                event, reply = self.outcome(domain, mailbox, when, soft)
                self.serial += 1
                events.append({"event": event, "recipient": f"m{mailbox}@{domain}", "time": when, "reply": reply,
                               "message_id": f"{self.serial}@news.example.com", "phase": "rcpt"})
        events.sort(key=lambda e: e["time"])
        return "".join(json.dumps(e) + "\n" for e in events)


class Gmail(Case):
    def feed(self, world, start, end, *options, step=HOUR):
        """Hours in files of `step` seconds."""
        for first in range(start, end, step):
            text = "".join(world.hour(t) for t in range(first, min(first + step, end), HOUR))
            self.bounced("ingest", "--quiet", "--form", "ndjson", *options, self.file("events.ndjson", text))

    def suppressed(self):
        return {line["address"] for line in self.objects("suppress", "list", "--json")}

    def whole_story(self, *options):
        world = World()
        start, end = at("2020-12-10 00:00"), at("2020-12-18 00:00")
        self.feed(world, start, at("2020-12-14 22:00"), *options, step=24 * HOUR)
        self.feed(world, at("2020-12-14 22:00"), at("2020-12-15 02:00"), *options)
        first = world.sent_dead.copy(), self.suppressed()
        self.feed(world, at("2020-12-15 02:00"), at("2020-12-15 19:00"), *options, step=4 * HOUR)
        self.feed(world, at("2020-12-15 19:00"), at("2020-12-16 01:00"), *options)
        self.feed(world, at("2020-12-16 01:00"), end, *options, step=24 * HOUR)
        return world, first

    def test_noticed_as_it_happens(self):
        world, (_, during) = self.whole_story()
        self.assertEqual(during, set(), "nobody is lost in the first outage")
        found = self.suppressed()
        self.assertEqual(found - world.sent_dead, set(), "no good address is suppressed when it is over")
        missed = {a for a in world.sent_dead - found if not a.endswith("@gmail.com")}
        self.assertEqual(missed, set(), "the dead of other domains are suppressed")
        dead_at_gmail = {a for a in world.sent_dead if a.endswith("@gmail.com")}
        self.assertGreater(len(dead_at_gmail & found), 0.6 * len(dead_at_gmail), "and those that fail outside of it")
        incidents = self.objects("incident", "list", "--json")
        spans = [(i["from"], i["until"]) for i in reversed(incidents) if i.get("domain") == "gmail.com"]
        self.assertEqual(len(spans), 2, incidents)
        for (begin, end), (from_, until) in zip(OUTAGES, spans):
            self.assertLess(abs(calendar.timegm(time.strptime(from_, "%Y-%m-%dT%H:%M:%SZ")) - begin), 30 * 60)
            self.assertLess(abs(calendar.timegm(time.strptime(until, "%Y-%m-%dT%H:%M:%SZ")) - end), 45 * 60)
        self.assertTrue(all("gmail" in json.dumps(i) for i in incidents), incidents)
        self.assertTrue(all(i["pause"] for i in incidents))
        self.bounced("verify")

    def test_nobody_looked(self):
        conf = self.file("bounced.conf", f"[ledger]\npath = {self.ledger}\n[incidents]\nenabled = no\n")
        world, _ = self.whole_story("--config", conf)
        self.assertEqual(self.objects("incident", "list", "--json"), [])
        lost = self.suppressed() - world.sent_dead
        self.assertGreater(len(lost), 800, "that is what incidents are for")
        before = self.suppressed()
        for begin, end in ((FROM, TO), (AGAIN_FROM, AGAIN_TO)):
            said = self.bounced("incident", "open", "--config", conf, "--domain", "Gmail.com", "--from", begin, "--until", end,
                                "--reason", "user-unknown", "--note", "told by Google", "--actor", "ann").out
            self.assertIn("gmail.com", said)
        found = self.suppressed()
        self.assertEqual(found - world.sent_dead, set())
        self.assertEqual({a for a in before & world.sent_dead if not a.endswith("@gmail.com")} - found, set())
        self.bounced("verify", "--config", conf)
        shown = self.bounced("incident", "show", 1).out
        for text in ("gmail.com", "2020-12-14T22:16:00Z to 2020-12-15T00:38:00Z", "user-unknown", "told by Google", "ann", "over"):
            self.assertIn(text, shown)
        why = self.bounced("why", sorted(lost)[0]).out
        self.assertRegex(why, "incident [12]")
        self.bounced("incident", "undo", 1, "--config", conf)
        self.bounced("incident", "undo", 2, "--config", conf)
        self.assertEqual(self.suppressed(), before, "undo is as if it had never been")
        self.assertIn("undone", self.bounced("incident", "list").out)
        self.bounced("incident", "undo", 2, code=1)


class Words(Case):
    def test_what_cannot_be(self):
        self.bounced("ingest", "--quiet", "--form", "ndjson", self.file("none.ndjson", ""))
        self.assertIn("no incident", self.bounced("incident").out)
        self.bounced("incident", "show", 7, code=1)
        self.bounced("incident", "close", 7, code=1)
        self.bounced("incident", "show", "x", code=64)
        self.bounced("incident", "open", "--domain", "a.example", code=64)
        self.bounced("incident", "open", "--from", "2020-12-14", code=64)
        self.bounced("incident", "open", "--domain", "a.example", "--provider", "b", "--from", "2020-12-14", code=64)
        self.bounced("incident", "open", "--domain", "a.example", "--from", "yesterday", code=64)
        self.bounced("incident", "open", "--domain", "a.example", "--from", "2020-12-14", "--reason", "weather", code=64)
        self.bounced("incident", "sing", code=64)

    def test_open_and_close(self):
        self.bounced("ingest", "--quiet", "--form", "ndjson", self.file("none.ndjson", ""))
        self.bounced("incident", "open", "--provider", "microsoft", "--from", "2020-12-14 10:00")
        self.assertEqual(self.objects("incident", "list", "--open", "--json")[0]["provider"], "microsoft")
        self.bounced("incident", "close", 1, "--until", "2020-12-13", code=65)
        self.bounced("incident", "close", 1, "--until", "2020-12-14 12:00")
        self.assertEqual(self.objects("incident", "show", 1, "--json")[0]["until"], "2020-12-14T12:00:00Z")
        self.assertEqual(self.objects("incident", "list", "--open", "--json"), [])
        self.bounced("incident", "close", 1, code=1)


if __name__ == "__main__":
    unittest.main()
