"""What a list suffers from, and its parts: bounced report typos, sources, decay; filters and lines; bounced segment."""
import csv
import datetime
import io
import json
import unittest

from cmdtest import Case

NOW = datetime.datetime.now(datetime.timezone.utc)
FULL = "552 5.2.2 mailbox is over quota"
GONE = "550 5.1.1 no such user"


def ago(days):
    return (NOW - datetime.timedelta(days=days)).strftime("%Y-%m-%dT%H:%M:%SZ")


def event(kind, recipient, days, campaign="", **more):
    return {"event": kind, "recipient": recipient, "time": ago(days), "message_id": f"{recipient}-{campaign}-{days}",
            "campaign": campaign, **more}


class WithEvents(Case):
    def ingest(self, events):
        path = self.file("events.ndjson", "".join(json.dumps(e) + "\n" for e in events))
        self.bounced("ingest", "--quiet", path)


class Rates(WithEvents):
    def setUp(self):
        super().setUp()
        events = [event("delivered", f"u{i}@big.example", 3, "one", stream="news") for i in range(120)]
        events += [event("bounced", f"x{i}@big.example", 3, "one", stream="news", reply=GONE) for i in range(6)]
        events += [event("delivered", f"u{i}@small.example", 2, "two", stream="shop") for i in range(10)]
        self.ingest(events)

    def test_filters(self):
        def sent(*args):
            return sum(row["sent"] for row in self.objects("report", "--json", *args))
        self.assertEqual(sent(), 136)
        self.assertEqual(sent("--campaign", "one"), 126)
        self.assertEqual(sent("--stream", "shop"), 10)
        self.assertEqual(sent("--domain", "small.example"), 10)
        self.assertEqual(sent("--domain", "small.example", "--campaign", "one"), 0)
        self.assertEqual(sent("--domain", "never.example"), 0)
        self.assertEqual(sent("--by", "domain", "--campaign", "two"), 10)
        self.assertEqual(sent("--by", "day", "--from", ago(2.5)), 10)

    def test_lines_are_marked_and_said(self):
        out = self.bounced("report").out
        row = next(line for line in out.splitlines() if line.startswith("one "))
        self.assertIn("4.76!", row)
        self.assertIn("one: hard 4.76 %, over 2.00 % (the field:", out)
        rows = {row["campaign"]: row for row in self.objects("report", "--json")}
        over = {o["figure"]: o for o in rows["one"]["over"]}
        self.assertEqual(over["hard"]["line_ppm"], 20000)
        self.assertEqual(over["hard"]["level"], "limit")
        self.assertEqual(rows["two"]["over"], [])  # ten messages are no rate

    def test_industry(self):
        self.assertIn("In e-commerce 0.50 % to 1.50 % bounce", self.bounced("report", "--industry", "e-commerce").out)
        rows = self.objects("report", "--json", "--industry", "real-estate")
        self.assertEqual({row["campaign"]: row["above_industry"] for row in rows}, {"one": True, "two": False})
        self.assertIn("saas", self.bounced("report", "--industry", "gambling", code=64).err)
        for word in ("moon", "typos extra"):
            self.bounced("report", *word.split(), code=64)

    def test_industry_of_the_settings(self):
        self.file("bounced.conf", "[ledger]\npath = ledger.db\n[tenant shop]\nindustry = b2b\n")
        out = self.bounced("report", "--config", "bounced.conf", "--tenant", "shop").out
        self.assertIn("In B2B 1.50 % to 3.00 % bounce", out)
        self.assertNotIn("bounce,", self.bounced("report", "--config", "bounced.conf").out)


class Findings(WithEvents):
    def test_typos(self):
        self.ingest([event("delivered", f"u{i}@gmail.com", 3, "c") for i in range(30)]
                    + [event("bounced", f"t{i}@gmial.com", 3, "c", reply="DNS: NXDOMAIN, host not found", reason="domain-unknown")
                       for i in range(4)]
                    + [event("delivered", f"v{i}@gmaill.com", 3, "c") for i in range(4)])
        rows = self.objects("report", "typos", "--json")
        self.assertEqual([(r["domain"], r["meant"], r["addresses"], r["failed_ppm"]) for r in rows],
                         [("gmial.com", "gmail.com", 4, 1000000)])
        self.assertIn("gmial.com", self.bounced("report", "typos").out)
        self.assertEqual(self.bounced("report", "typos", "--csv").out.splitlines()[1], '"gmial.com","gmail.com",4,4,4,1')

    def test_sources(self):
        self.file("a.csv", "email,source,form\n" + "".join(f"p{i}@d.example,partner,landing\n" for i in range(40))
                  + "".join(f"f{i}@d.example,form,signup\n" for i in range(40)))
        self.ingest([event("delivered", f"f{i}@d.example", 3, "c") for i in range(40)]
                    + [event("bounced" if i < 20 else "delivered", f"p{i}@d.example", 3, "c", reply=GONE) for i in range(40)])
        self.bounced("acquired", "a.csv")
        rows = self.objects("report", "sources", "--json")
        self.assertEqual([(r["name"], r["addresses"], r["dead"], r["worse"]) for r in rows[:2]],
                         [("partner", 40, 20, True), ("form", 40, 0, False)])
        self.assertLess(rows[0]["dead_share"]["low_ppm"], 500000)
        self.assertIn("worse than the others", self.bounced("report", "sources").out)
        forms = self.objects("report", "sources", "--by", "form", "--json")
        self.assertEqual({r["name"] for r in forms}, {"landing", "signup"})
        self.bounced("report", "sources", "--by", "day", code=64)

    def test_decay(self):
        self.ingest([event("delivered", f"u{i}@d.example", days, f"c{days}") for i in range(10) for days in (395, 30)]
                    + [event("bounced", "u0@d.example", 10, "last", reply=GONE)])
        rows = {(r["part"], r["name"]): r for r in self.objects("report", "decay", "--json")}
        everything = rows["all", "all"]
        self.assertEqual((everything["addresses"], everything["deaths"]), (10, 1))
        self.assertEqual(everything["exposure_days"], 9 * 365 + 385)
        self.assertAlmostEqual(everything["yearly"]["ppm"], 94000, delta=3000)
        self.assertIn("22 to 30 %", self.bounced("report", "decay").out)


class Segments(WithEvents):
    def setUp(self):
        super().setUp()
        self.file("a.csv", f"email,source,signed_up\nidle@d.example,shop,{ago(800)}\n")
        events = []
        for name in ("idle", "reader", "sleeper", "young"):
            events.append(event("delivered", f"{name}@d.example", 20 if name == "young" else 500, "old"))
        events += [event("opened", "reader@d.example", 12), event("opened", "sleeper@d.example", 400)]
        for n, days in enumerate((18, 12, 6)):
            for name in ("idle", "reader", "young"):
                events.append(event("bounced", f"{name}@d.example", days - 1, f"c{n}", reply=FULL))
        self.ingest(events)
        self.bounced("acquired", "a.csv")
        # two in a row suppress a full mailbox by default; these tolerances wait for longer, so that the sunset comes first
        self.file("bounced.conf", "[ledger]\npath = ledger.db\n[policy]\nquota = never\ncampaign = never\nslow = never\n"
                                  "[sunset]\nunengaged = 90d\nfailing = 3\n")
        self.bounced("rebuild", "--config", "bounced.conf")

    def segment(self, *args):
        rows = csv.DictReader(io.StringIO(self.bounced("segment", "list", "--config", "bounced.conf", *args).out))
        return {row["email"].split("@")[0] for row in rows}

    def test_lists(self):
        self.assertEqual(self.segment(), {"idle", "reader", "sleeper", "young"})
        self.assertEqual(self.segment("--unengaged", "90"), {"idle", "sleeper"})
        self.assertEqual(self.segment("--engaged", "30"), {"reader"})
        self.assertEqual(self.segment("--never"), {"idle", "young"})
        self.assertEqual(self.segment("--failing", "3"), {"idle", "reader", "young"})
        self.assertEqual(self.segment("--failing", "4"), set())
        self.assertEqual(self.segment("--older", "600"), {"idle"})  # by its sign-up
        self.assertEqual(self.segment("--younger", "100"), {"young"})
        self.assertEqual(self.segment("--source", "shop"), {"idle"})
        rows = self.objects("segment", "list", "--json", "--source", "shop", "--config", "bounced.conf")
        self.assertEqual(rows[0]["failures_in_row"], 3)
        self.assertEqual(rows[0]["since"], ago(800))

    def test_counts(self):
        rows = self.objects("segment", "--json", "--config", "bounced.conf")
        full = {(r["age"], r["engaged"]): r["addresses"] for r in rows if r["addresses"]}
        self.assertEqual(full, {("over 2 years", "never"): 1, ("1 to 2 years", "within 30 days"): 1,
                                ("1 to 2 years", "longer ago"): 1, ("under 30 days", "never"): 1})
        self.assertIn("4 addresses that may be sent to", self.bounced("segment", "--config", "bounced.conf").out)
        for wrong in (("moon",), ("list", "more"), ("--older", "-1"), ("--failing", "900"), ("sunset", "--failing", "2")):
            self.bounced("segment", *wrong, code=64)

    def test_sunset(self):
        def sunset(*args):
            return self.objects("segment", "sunset", "--json", "--config", "bounced.conf", *args)[0]
        self.assertEqual(sunset()["found"], 1)
        self.bounced("check", "--config", "bounced.conf", "idle@d.example")
        self.assertEqual(sunset("--apply")["suppressed"], 1)
        self.bounced("check", "--config", "bounced.conf", "idle@d.example", code=1)
        why = self.bounced("why", "--config", "bounced.conf", "idle@d.example").out
        self.assertIn("sunset: 3 failed in a row, unengaged for 90 days", why)
        self.assertEqual(sunset("--apply")["found"], 0)
        # who is lifted is not suppressed again the next night
        self.bounced("suppress", "remove", "--config", "bounced.conf", "--reason", "customer called", "idle@d.example")
        self.assertEqual(sunset("--apply")["found"], 0)
        self.assertEqual(sunset("--unengaged", "300", "--failing", "1")["failing"], 1)

    def test_nobody_is_unengaged_where_nothing_is_known(self):
        self.ledger.unlink()
        self.ingest([event("bounced", "a@d.example", days, f"c{days}", reply=FULL) for days in (400, 300, 200)])
        row = self.objects("segment", "sunset", "--json", "--unengaged", "90", "--failing", "1")[0]
        self.assertEqual((row["found"], row["engagement_known"]), (0, False))

    def test_hashed_ledgers_are_counted_not_listed(self):
        self.ledger.unlink()
        path = self.file("e.ndjson", json.dumps(event("delivered", "a@d.example", 5, "c")) + "\n")
        self.bounced("ingest", "--quiet", "--hash-addresses", path)
        self.assertEqual(sum(r["addresses"] for r in self.objects("segment", "--json")), 1)
        self.bounced("segment", "list", code=None)
        self.assertIn("hashes only", self.bounced("segment", "list", code=None).err)


if __name__ == "__main__":
    unittest.main()
