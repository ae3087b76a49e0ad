"""Health of mailbox providers: from a log to a grade, a pause and a circumstance; and what they say themselves."""
import datetime
import json
import unittest

from cmdtest import Case

THROTTLED = ("host gmail-smtp-in.l.google.com[142.250.1.26] said: 421-4.7.28 [192.0.2.1] Our system has detected an unusual rate of "
             "421 4.7.28 unsolicited mail, try again in 20 minutes (in reply to end of DATA command)")
REFUSED = ("host gmail-smtp-in.l.google.com[142.250.1.26] said: 550-5.7.26 This mail has been blocked because the sender is "
           "unauthenticated. 550 5.7.26 Gmail requires all senders to authenticate with either SPF or DKIM. (in reply to end of DATA command)")


class Health(Case):
    def setUp(self):
        super().setUp()
        self.now = datetime.datetime.now(datetime.timezone.utc) - datetime.timedelta(minutes=5)
        self.queue = 0

    def line(self, recipient, relay, status, dsn, text):
        self.queue += 1
        stamp = (self.now - datetime.timedelta(microseconds=self.queue)).isoformat()
        return (f"{stamp} mail postfix/smtp[99]: 4bXy{self.queue:06d}zz: to=<{recipient}>, relay={relay}[192.0.2.9]:25, delay=1, "
                f"delays=0/0/0/1, dsn={dsn}, status={status} ({text})\n")

    def mail(self):
        """1,000 to Gmail, 15 % refused and some put off; 300 to a hoster, 10 to nobody much."""
        google = "gmail-smtp-in.l.google.com"
        lines = [self.line(f"a{i}@gmail.com", google, "sent", "2.0.0", "250 2.0.0 OK") for i in range(850)]
        lines += [self.line(f"b{i}@gmail.com", google, "bounced", "5.7.26", REFUSED) for i in range(150)]
        lines += [self.line(f"c{i}@gmail.com", google, "deferred", "4.7.28", THROTTLED) for i in range(60)]
        lines += [self.line(f"d{i}@firma{i % 9}.de", "mx1.hoster.example.net", "sent", "2.0.0", "250 OK") for i in range(300)]
        lines += [self.line(f"e{i}@few.example.org", "mx.few.example.org", "sent", "2.0.0", "250 OK") for i in range(10)]
        self.bounced("ingest", "-q", self.file("mail.log", "".join(lines)))

    def snds(self, days):
        rows = "".join(f"192.0.2.10,{d.month}/{d.day}/{d.year} 12:05 AM,{d.month}/{d.day}/{d.year} 11:55 PM,9,9,1000,{level},"
                       f"{complaints},,,{traps},mx1.example.org,someone@example.org,\n" for d, level, complaints, traps in days)
        return self.file("snds.csv", rows)

    def test_from_a_log_to_grades(self):
        self.mail()
        gmail, hoster, few = self.objects("health", "--json")
        self.assertEqual([h["provider"] for h in (gmail, hoster, few)], ["gmail", "example.net", "example.org"])
        self.assertEqual((gmail["grade"], gmail["held_down_by"], gmail["weeks_missing"]), ("Low", "blocks", 4))
        self.assertEqual((hoster["grade"], hoster["points"], hoster["weeks_missing"]), ("High", 100, 0))
        self.assertNotIn("grade", few)
        week = gmail["spans"][1]
        self.assertEqual((week["days"], week["sent"], week["block"], week["block_ppm"], week["deferred"]), (7, 1000, 150, 150000, 60))
        self.assertEqual((gmail["throttling"]["count"], gmail["throttling"]["pause_s"], gmail["throttling"]["asked"]), (60, 1200, True))
        table = self.bounced("health").out
        self.assertRegex(table, r"(?m)^gmail +Low +\d+ +7 d +1000 .* throttled 60 times, wait 20 min; 4 clean weeks missing$")
        self.assertRegex(table, r"(?m)^example.org +\? ")

    def test_one_in_depth(self):
        self.mail()
        gmail, = self.objects("health", "gmail", "--json")
        self.assertEqual([p["part"] for p in gmail["parts"]], ["complaints", "blocks", "hard bounces", "deferrals", "its own word"])
        self.assertEqual({r["reason"]: (r["count"], r["about"]) for r in gmail["reasons"]}["authentication-failed"], (150, "authentication"))
        self.assertTrue(any(p["url"].startswith("https://postmaster.google.com") for p in gmail["pages"]))
        self.assertEqual([w["is"] for w in gmail["weeks"]], ["not clean"] + ["empty"] * 7)
        text = self.bounced("health", "gmail").out
        for part in ("gmail: Low", "held down by blocks", "0 of 30 points: 15.00 %", "authentication-failed (authentication): check SPF",
                     "wait 20 min, as it says:", "0 of 4 clean weeks", "its pages"):
            self.assertIn(part, text)
        self.assertIn("no mail to 'nobody'", self.bounced("health", "nobody", code=1).err)

    def test_grades_stand_as_circumstances(self):
        self.mail()
        self.assertIn("1 provider fell to Low or Bad, 0 rose", self.bounced("health", "--update").out)
        self.assertIn("0 providers fell to Low or Bad, 0 rose", self.bounced("health", "--update").out)
        found = [line for line in self.bounced("dump").out.splitlines() if line.startswith("circumstance ")]
        self.assertEqual(len(found), 1)
        self.assertIn("'gmail'", found[0])
        lines = [self.line(f"f{i}@gmail.com", "gmail-smtp-in.l.google.com", "sent", "2.0.0", "250 OK") for i in range(14000)]
        self.bounced("ingest", "-q", self.file("more.log", "".join(lines)))
        self.assertIn("0 providers fell to Low or Bad, 1 rose", self.bounced("health", "--update").out)

    def test_import(self):
        today = self.now.date()
        day = datetime.timedelta(days=1)
        path = self.snds([(today - day, "YELLOW", "0.3%", 2), (today - 2 * day, "GREEN", "&lt; 0.1%", 0)])
        done = self.bounced("health", "import", path, code=1)
        self.assertIn("1 record of microsoft, 1 line not understood", done.out)
        self.assertIn("snds.csv:2: &lt; 0.1%: a complaint rate is a percentage", done.err)
        path = self.snds([(today - day, "RED", "0.3%", 2), (today - 2 * day, "GREEN", "< 0.1%", 0)])
        self.assertIn("2 records of microsoft\n", self.bounced("health", "import", path).out)
        google = {"trafficStats": [{"name": f"domains/example.org/trafficStats/{(today - day):%Y%m%d}", "domainReputation": "LOW",
                                    "userReportedSpamRatio": 0.002}]}
        self.assertIn("1 record of gmail\n", self.bounced("health", "import", "-", stdin=json.dumps(google)).out)
        microsoft, = self.objects("health", "microsoft", "--json")
        self.assertEqual([(r["level"], r["complaint_ppm"]) for r in microsoft["reports"]], [("bad", 3000), ("good", 1000)])
        self.assertEqual((microsoft["said"]["level"], microsoft["said"]["traps"]), ("bad", 2))
        self.assertIn("192.0.2.10 bad, complaints 0.30 %, 2 trap hits", self.bounced("health", "microsoft").out)
        self.assertNotIn("someone@example.org", self.bounced("dump").out)

    def test_csv_of_postmaster_tools_without_a_domain(self):
        path = self.file("spam.csv", f"Date,Spam rate\n{self.now:%Y-%m-%d},0.2%\n")
        self.assertIn("tell with --domain", self.bounced("health", "import", path, code=1).err)
        self.assertIn("1 record of gmail", self.bounced("health", "import", path, "--domain", "example.org").out)

    def test_what_is_wrong(self):
        self.mail()
        self.assertIn("neither SNDS nor Postmaster", self.bounced("health", "import", "-", code=65, stdin="a,b\n1,2\n").err)
        self.bounced("health", "import", "nowhere.csv", code=66)
        self.bounced("health", "import", code=64)
        self.bounced("health", "gmail", "yahoo", code=64)
        self.bounced("health", "gmail", "--update", code=64)
        self.bounced("health", "--limit", "1")


if __name__ == "__main__":
    unittest.main()
