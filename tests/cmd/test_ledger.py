"""The commands on a ledger: check, why, suppress, report, review, events, acquired, erase, backup, restore, dump."""
import csv
import datetime
import hashlib
import io
import os
import sqlite3
import unittest

from cmdtest import Case, LOGS, SAMPLES

HARD = "nobody@corp.example.com"
FREE = "anybody@mail.example.org"
YEAR_OF_LOGS = 1742000000  # March 2025


class WithLedger(Case):
    def setUp(self):
        super().setUp()
        log = self.file("mail.log", (LOGS / "postfix-classic.log").read_bytes())
        os.utime(log, (YEAR_OF_LOGS, YEAR_OF_LOGS))
        self.bounced("ingest", "-q", log)

    def answer(self, address, *args):
        found, = self.objects("check", "--json", *args, address, code=None)
        return found


class Check(WithLedger):
    def test_exit_status(self):
        self.assertEqual(self.bounced("check", FREE).out, f"send        {FREE}\n")
        self.assertIn("suppressed  " + HARD + "  hard: user-unknown", self.bounced("check", FREE, HARD, code=1).out)
        self.assertIn("invalid     no@@body", self.bounced("check", FREE, "no@@body", code=2).out)
        self.bounced("check", "no@@body", HARD, code=1)
        self.assertEqual(self.bounced("check", "-q", HARD, code=1).out, "")

    def test_case_of_the_address_does_not_matter(self):
        self.assertEqual(self.answer(HARD.upper())["answer"], "suppressed")

    def test_standard_input(self):
        lines = "".join(f"a{i}@example.com\n" for i in range(2500)) + f"\n  {HARD} \r\n"
        out = self.bounced("check", code=1, stdin=lines).out.splitlines()
        self.assertEqual(len(out), 2501)
        self.assertTrue(out[-1].startswith("suppressed  " + HARD))
        self.assertEqual(self.bounced("check", stdin=b"").out, "")

    def test_json(self):
        bad = self.answer(HARD)
        self.assertEqual((bad["address"], bad["answer"], bad["cause"], bad["scope"], bad["reason"]),
                         (HARD, "suppressed", "hard", "global", "user-unknown"))
        self.assertTrue(bad["since"].startswith("2025-03-04T"))
        self.assertEqual(self.answer(FREE), {"address": FREE, "answer": "send", "known": False, "state": "active"})

    def test_cleaning_a_list(self):
        for text, delimiter in ((f'name;E-Mail\n"A; B";{HARD}\nC;{FREE}\nD;nothing\n', ";"),
                                (f'name,email\r\n"A, B",{HARD}\r\nC,{FREE}\r\nD,nothing\r\n', ",")):
            self.file("in.csv", text)
            done = self.bounced("check", "--csv", "in.csv", "--rejects", "out.csv", code=1)
            kept = list(csv.reader(io.StringIO(done.out), delimiter=delimiter))
            self.assertEqual(kept[1:], [["C", FREE]])
            rejected = list(csv.reader((self.dir / "out.csv").read_text().splitlines(), delimiter=delimiter))
            self.assertEqual(rejected[0][-1], "why")
            self.assertEqual([r[1] for r in rejected[1:]], [HARD, "nothing"])
            self.assertIn("hard", rejected[1][-1])
            self.assertIn("1 rows may be sent to, 2 not", done.err)
        self.assertIn("there is no column", self.bounced("check", "--csv", "in.csv", "--column", "x", code=65).err)
        self.assertEqual(self.bounced("check", "--csv", "-", stdin=f"{FREE}\n").out, f"{FREE}\n")
        self.bounced("check", "--csv", "nowhere.csv", code=66)
        self.bounced("check", "--csv", "in.csv", FREE, code=64)
        self.bounced("check", "--csv", "in.csv", "--rejects", "no/such/directory", code=73)
        self.bounced("check", "--csv", "in.csv", "--json", code=64)
        self.bounced("check", "--rejects", "out.csv", FREE, code=64)

    def test_the_rejects_never_replace_the_list(self):
        text = f"email\n{FREE}\n{HARD}\n"
        path = self.file("in.csv", text)
        (self.dir / "link.csv").symlink_to("in.csv")
        for name in ("in.csv", "./in.csv", "link.csv"):
            self.assertIn("name another file", self.bounced("check", "--csv", "in.csv", "--rejects", name, code=64).err)
            self.assertEqual(path.read_text(), text)

    def test_rows_of_a_list_never_vanish_in_a_quote(self):
        for text, kept in ((f'name,email\n5" pipe,{FREE}\nB,{HARD}\n6" pipe,{FREE}\n',
                            f'name,email\n5" pipe,{FREE}\n6" pipe,{FREE}\n'),
                           (f'name,email\n"open,{FREE}\nB,{HARD}\n"Q, r",{FREE}\n', f'name,email\n"Q, r",{FREE}\n'),
                           (f'name,email\n"two\nlines, ""q""",{FREE}\n"B" ,{HARD}\n',
                            f'name,email\n"two\nlines, ""q""",{FREE}\n')):
            self.file("in.csv", text)
            self.assertEqual(self.bounced("check", "--csv", "in.csv", code=1).out, kept)

    def test_columns_with_names_of_somebodys_own(self):
        self.file("in.csv", f"Nr;Kontakt\n1;{FREE}\n2;{HARD}\n")
        self.assertEqual(self.bounced("check", "--csv", "in.csv", code=1).out, f"Nr;Kontakt\n1;{FREE}\n")
        self.file("in.csv", "Nr;Name\n1;A\n")
        done = self.bounced("check", "--csv", "in.csv", code=65)
        self.assertIn("Name it by --column; the first line is: Nr;Name", done.err)
        self.assertEqual(done.out, "")

    def test_utf16_is_told(self):
        self.file("in.csv", f"Email\r\n{FREE}\r\n".encode("utf-16"))
        self.assertIn("UTF-16", self.bounced("check", "--csv", "in.csv", code=65).err)

    def test_an_imported_cause_has_no_reason(self):
        self.bounced("suppress", "import", "-", stdin="email,reason\nx@import.example.org,bounce\n")
        self.assertRegex(self.bounced("check", "x@import.example.org", code=1).out, r"  hard since ")


class Hashed(Case):
    def setUp(self):
        super().setUp()
        log = self.file("mail.log", (LOGS / "postfix-classic.log").read_bytes())
        os.utime(log, (YEAR_OF_LOGS, YEAR_OF_LOGS))
        self.bounced("ingest", "-q", "--hash-addresses", log)

    def test_no_address_on_disk(self):
        for path in self.dir.glob("ledger.db*"):
            self.assertNotIn(HARD.split("@", maxsplit=1)[0].encode() + b"@", path.read_bytes())

    def test_asked_for_by_name(self):
        self.assertIn("hard: user-unknown", self.bounced("check", HARD, code=1).out)
        self.assertIn(HARD + " is suppressed: hard", self.bounced("why", HARD).out)
        self.bounced("suppress", "add", "--reason", "asked", FREE)
        self.bounced("check", FREE, code=1)
        self.bounced("suppress", "remove", "--reason", "asked again", FREE)
        self.bounced("check", FREE)
        self.bounced("suppress", "add", "--reason", "asked", "@closed.example")
        self.bounced("check", "who@closed.example", code=1)
        self.bounced("erase", HARD)
        self.assertIn("erased", self.bounced("check", HARD, code=1).out)

    def test_no_lists(self):
        self.assertIn("hashes only", self.bounced("suppress", "list", code=69).err)
        for form in ("csv", "md5", "plain"):
            self.assertIn("hashes only", self.bounced("suppress", "export", "--format", form, code=69).err)
        digest = hashlib.md5(HARD.encode()).hexdigest()
        self.file("hashes", digest + "\n")
        self.assertIn("of its own", self.bounced("suppress", "import", "--format", "md5", "hashes", code=69).err)
        self.file("plain", "other@example.com\n")
        self.bounced("suppress", "import", "plain")
        self.bounced("check", "other@example.com", code=1)

    def test_choice_is_made_once(self):
        mail = self.file("x.eml", "Subject: x\n\nx\n")
        self.bounced("ingest", "-q", mail)
        self.env["BOUNCED_LEDGER"] = str(self.dir / "clear.db")
        self.bounced("ingest", "-q", mail)
        self.assertIn("in clear", self.bounced("ingest", "-q", "--hash-addresses", mail, code=78).err)


class Why(WithLedger):
    def test_timeline(self):
        out = self.bounced("why", HARD).out
        for words in (HARD + " is suppressed: hard", "a person may lift it", "said      host mx.corp.example.com",
                      "means     user-unknown (hard, recipient)", "by rule", "decided   suppressed everywhere"):
            self.assertIn(words, out)
        lines = self.objects("why", "--json", HARD)
        self.assertEqual(lines[0]["state"], "suppressed")
        self.assertEqual(lines[0]["suppressions"][0]["cause"], "hard")
        self.assertEqual({line["type"] for line in lines[1:]}, {"event"})
        self.assertIn("User unknown", lines[1]["reply"])

    def test_unknown_address(self):
        self.assertIn("nothing is known", self.bounced("why", FREE, code=1).out)
        self.bounced("why", "no@@body", code=65)

    def test_whole_domain(self):
        self.bounced("suppress", "add", "@gone.example.org", "--reason", "closed")
        self.bounced("check", "a@gone.example.org", code=1)
        out = self.bounced("why", "a@gone.example.org").out
        self.assertIn("must not be sent to: all of @gone.example.org is suppressed, manual", out)
        self.assertNotIn("may be sent to", out)
        self.assertEqual(self.objects("why", "--json", "a@gone.example.org")[0]["domain"]["cause"], "manual")
        self.assertIn("is suppressed: manual", self.bounced("why", "@gone.example.org").out)
        self.assertIn(" @gone.example.org\n", self.bounced("suppress", "list").out)

    def test_one_address_and_not_more(self):
        self.bounced("why", code=64)
        self.bounced("why", HARD, FREE, code=64)


class Suppress(WithLedger):
    def test_add_and_remove(self):
        self.assertIn("suppressed, manual", self.bounced("suppress", "add", "--reason", "asked", FREE).out)
        self.assertIn("(as before)", self.bounced("suppress", "add", FREE).out)
        self.assertEqual(self.answer(FREE)["cause"], "manual")
        self.bounced("suppress", "remove", FREE, code=1)  # no reason
        self.bounced("suppress", "remove", "--reason", "asked again", FREE)
        self.assertEqual(self.answer(FREE)["answer"], "send")
        why = self.bounced("why", FREE).out
        self.assertIn("asked again", why)

    def test_hard_needs_more(self):
        done = self.bounced("suppress", "remove", "--reason", "I want to", HARD, code=1)
        self.assertIn("confirmed-opt-in", done.err)
        self.assertEqual(self.answer(HARD)["answer"], "suppressed")
        self.bounced("suppress", "remove", "--reason", "x", "--reverified", "lunch", HARD, code=None)
        self.assertEqual(self.answer(HARD)["answer"], "suppressed")
        self.bounced("suppress", "remove", "--reason", "new mailbox", "--reverified", "confirmed-opt-in", HARD)
        self.assertEqual(self.answer(HARD)["answer"], "send")

    def test_stream(self):
        self.bounced("suppress", "add", "--stream", "news", "--cause", "unsubscribed", FREE)
        self.assertEqual(self.answer(FREE, "--stream", "news")["answer"], "suppressed")
        self.assertEqual(self.answer(FREE, "--stream", "invoices")["answer"], "send")
        self.assertIn(f" {FREE}  (stream news)\n", self.bounced("suppress", "list").out)
        self.assertIn(f" {FREE}  (stream news)\n", self.bounced("suppress", "list", "--stream", "news").out)
        self.assertNotIn(FREE, self.bounced("suppress", "list", "--stream", "invoices").out)
        listed = [a for a in self.objects("suppress", "list", "--json") if a["address"] == FREE]
        self.assertEqual((listed[0]["scope"], listed[0]["stream"]), ("stream", "news"))

    def test_list_and_causes(self):
        self.bounced("suppress", "add", "--cause", "complaint", FREE)
        everything = self.objects("suppress", "list", "--json")
        self.assertIn(HARD, [a["address"] for a in everything])
        only = self.objects("suppress", "list", "--json", "--cause", "complaint")
        self.assertEqual([(a["address"], a["cause"]) for a in only], [(FREE, "complaint")])
        self.assertIn("there is no cause", self.bounced("suppress", "list", "--cause", "lunch", code=64).err)

    def test_every_export(self):
        count = len(self.objects("suppress", "list", "--json"))
        for form in ("csv", "ndjson", "ses", "sendgrid", "mailgun", "postmark", "sparkpost", "mailjet", "brevo",
                     "klaviyo", "mailchimp", "hubspot", "sfmc", "mandrill", "md5", "sha256", "postfix-access", "exim",
                     "plain"):
            with self.subTest(form):
                done = self.bounced("suppress", "export", "--format", form)
                self.assertGreaterEqual(len(done.out.splitlines()), 1 if form in ("sparkpost", "mailgun") else count)
                if form not in ("md5", "sha256"):
                    self.assertIn(HARD, done.out)
        self.bounced("suppress", "add", "jürgen@idn.example.com")
        for form in ("postfix-access", "exim"):
            self.assertIn("jürgen@idn.example.com", self.bounced("suppress", "export", "--format", form).out)
        self.assertIn("there is no format", self.bounced("suppress", "export", "--format", "x", code=64).err)

    def test_what_time_alone_changed_is_exported_after_an_ingest(self):
        now = datetime.datetime.now(datetime.timezone.utc)
        log = ""
        for n, days in enumerate((30, 28, 22, 16, 10, 5)):
            stamp = (now - datetime.timedelta(days=days)).strftime("%Y-%m-%dT%H:%M:%S.000000+00:00")
            log += (f"{stamp} mx postfix/qmgr[1]: AAAAAAAA0{n}: from=<n@example.com>, size=1, nrcpt=1 (queue active)\n"
                    f"{stamp} mx postfix/smtp[2]: AAAAAAAA0{n}: to=<full@time.example.org>, "
                    "relay=mx.time.example.org[192.0.2.1]:25, delay=1, delays=0/0/0/1, dsn=4.2.2, status=deferred "
                    "(host mx.time.example.org[192.0.2.1] said: 452 4.2.2 Mailbox full (in reply to RCPT TO command))\n")
        self.bounced("ingest", "-q", self.file("deferred.log", log))
        self.bounced("check", "full@time.example.org", code=1)
        # as it stood before the 72 hours were over: nothing is stored of what time did since
        ledger = sqlite3.connect(self.ledger)
        ledger.execute("DELETE FROM suppressions WHERE address IN (SELECT id FROM addresses WHERE key LIKE 'full@%')")
        ledger.execute("UPDATE addresses SET state = 1, cause = 0, suppressions = 0, due_us = 1 WHERE key LIKE 'full@%'")
        ledger.commit()
        ledger.close()
        self.bounced("check", "full@time.example.org", code=1)
        self.assertNotIn("full@time.example.org", self.bounced("suppress", "export").out)
        self.bounced("ingest", "-q", self.file("none.log", ""))
        self.assertIn("full@time.example.org", self.bounced("suppress", "export").out)

    def test_export_to_a_file_is_whole_or_old(self):
        target = self.file("list", "old\n")
        self.bounced("suppress", "export", "--format", "plain", "--output", target)
        self.assertIn(HARD, target.read_text().splitlines())
        self.assertEqual([p.name for p in self.dir.iterdir() if p.name.startswith("list") or "tmp" in p.name], ["list"])
        self.bounced("suppress", "export", "--format", "plain", "--output", "no/such/list", code=None)
        self.assertFalse((self.dir / "no").exists())

    def test_import(self):
        self.file("in.csv", f"email,reason\n{FREE},unsubscribed\n{HARD},bounce\nbroken,x\n")
        dry = self.objects("suppress", "import", "--dry-run", "--json", "in.csv")[0]
        self.assertEqual((dry["entries"], dry["new"], dry["invalid"], dry["dry_run"]), (3, 1, 1, True))
        self.assertEqual(self.answer(FREE)["answer"], "send")
        real = self.objects("suppress", "import", "--json", "in.csv")[0]
        self.assertEqual((real["new"], real["invalid"]), (1, 1))
        self.assertEqual(self.answer(FREE)["answer"], "suppressed")
        again = self.objects("suppress", "import", "--json", "in.csv")[0]
        self.assertEqual(again["new"], 0)
        self.assertEqual(self.answer(HARD)["cause"], "hard")
        self.assertIn("line 4", self.bounced("suppress", "import", "in.csv").out)

    def test_import_judges_replies_by_their_words(self):
        self.file("bounces.csv", "status,reason,email,created\n"
                  '5.1.1,"550 5.1.1 no such user",gone@example.org,1780000000\n'
                  '5.7.1,"550 5.7.1 this message looks like spam",fine@example.org,1780000000\n'
                  '5.2.2,"552 5.2.2 mailbox full",full@example.org,1780000000\n')
        self.file("mailgun.csv", 'address,code,error,created_at\nfine2@example.org,550,message rejected as spam,"Thu, 21 May 2026 '
                  '11:02:55 GMT"\n')
        for name in ("bounces.csv", "mailgun.csv"):
            self.bounced("suppress", "import", name)
        self.assertEqual(self.answer("gone@example.org")["cause"], "hard")
        self.assertNotEqual(self.answer("full@example.org").get("cause"), "hard")
        for address in ("fine@example.org", "fine2@example.org"):
            self.assertEqual(self.answer(address)["answer"], "send", address)

    def test_round_trip(self):
        self.bounced("suppress", "add", "--cause", "complaint", FREE)
        for form in ("csv", "ndjson"):
            with self.subTest(form):
                exported = self.bounced("suppress", "export", "--format", form).out
                other = self.dir / f"{form}.db"
                self.bounced("suppress", "import", "--ledger", other, "-", stdin=exported)
                causes = [{a["address"]: a["cause"] for a in self.objects("suppress", "list", "--json", "--ledger", x)}
                          for x in (self.ledger, other)]
                self.assertEqual(causes[0], causes[1])

    def test_an_import_never_lifts(self):
        before = self.bounced("suppress", "export", "--format", "plain").out
        self.file("in.csv", f"email,status\n{HARD},active\n{HARD},subscribed\n{HARD},delivered\n")
        self.bounced("suppress", "import", "in.csv", code=None)
        self.assertEqual(self.bounced("suppress", "export", "--format", "plain").out, before)


class Reports(WithLedger):
    def test_all_dimensions_have_the_same_sum(self):
        sums = set()
        for by in ("campaign", "day", "domain", "provider", "source", "reason", "stream", "ip"):
            rows = self.objects("report", "--by", by, "--json", "--limit", "0")
            self.assertTrue(all(by in row for row in rows))
            sums.add(tuple(sum(row[k] for row in rows) for k in ("sent", "delivered", "hard", "soft", "block")))
        self.assertEqual(len(sums), 1)
        sent, delivered, hard, soft, block = sums.pop()
        self.assertGreater(min(delivered, hard, soft, block), 0)

    def test_rates_are_of_what_was_sent(self):
        for row in self.objects("report", "--by", "domain", "--json", "--limit", "0"):
            self.assertEqual(row["sent"], row["delivered"] + row["relayed"] + row["hard"] + row["soft"] + row["block"])
            if row["sent"]:
                self.assertEqual(row["hard_ppm"], row["hard"] * 1000000 // row["sent"])
            self.assertGreaterEqual(row["guide_hard"], row["hard"])

    def test_forms_and_times(self):
        out = self.bounced("report", "--by", "day", "--csv").out
        rows = list(csv.DictReader(io.StringIO(out)))
        self.assertTrue(all(r["day"].startswith("2025-03-") for r in rows))
        none = self.bounced("report", "--by", "day", "--csv", "--from", "2030-01-01").out
        self.assertEqual(len(none.splitlines()), 1)
        one = self.bounced("report", "--by", "day", "--csv", "--from", "2025-03-04", "--to", "2025-03-05").out
        self.assertEqual([r["day"] for r in csv.DictReader(io.StringIO(one))], ["2025-03-04"])
        self.assertIn("sent = delivered", self.bounced("report").out)
        self.bounced("report", "--from", "yesterday", code=64)
        self.bounced("report", "--by", "moon", code=64)

    def test_source_from_acquisition(self):
        self.file("a.csv", f"email,source,form,batch,signed_up\n{HARD},partner-x,,b1,2025-01-02\nnonsense,y,,,\n")
        told = self.objects("acquired", "--json", "a.csv")[0]
        self.assertEqual((told["lines"], told["stored"], told["invalid"]), (2, 1, 1))
        dump = self.bounced("dump").out
        self.assertIn("1 would be stored", self.bounced("acquired", "--dry-run", "a.csv").out)
        self.assertEqual(self.bounced("dump").out, dump)
        self.bounced("acquired", "nowhere.csv", code=66)
        self.file("b.csv", "a,b\n1,2\n")
        self.assertIn("b.csv: the first line must name", self.bounced("acquired", "b.csv", code=65).err)


class Events(WithLedger):
    def test_since_misses_nothing_and_tells_nothing_twice(self):
        everything = self.objects("events")
        seqs = [e["seq"] for e in everything]
        self.assertEqual(seqs, sorted(set(seqs)))
        self.assertEqual(len({e["id"] for e in everything}), len(everything))
        some, since = [], 0
        while True:
            page = self.objects("events", "--since", since, "--limit", 97, "--json")
            if not page:
                break
            some += page
            since = page[-1]["seq"]
        self.assertEqual(some, everything)

    def test_ids_are_stable(self):
        other = self.dir / "other.db"
        self.bounced("ingest", "-q", "--ledger", other, "mail.log")
        self.assertEqual(sorted(e["id"] for e in self.objects("events")),
                         sorted(e["id"] for e in self.objects("events", "--ledger", other)))


class Review(WithLedger):
    def test_vouch_and_dismiss(self):
        mails = [SAMPLES / "dsn" / name for name in ("postfix-025-disabled-bigmail.eml", "postfix-001-unknown-511.eml")]
        other = self.dir / "other.db"
        self.env["BOUNCED_LEDGER"] = str(other)
        self.bounced("ingest", "-q", *mails)
        held = [h for h in self.objects("review", "--json") if h["type"] == "held"]
        self.assertEqual(len(held), 2)
        self.assertIn(held[0]["address"], self.bounced("review").out)
        self.bounced("review", "vouch", "--note", "known server", held[0]["seq"])
        self.assertEqual(self.answer(held[0]["address"])["answer"], "suppressed")
        self.bounced("review", "dismiss", held[1]["seq"])
        self.assertEqual(self.answer(held[1]["address"])["answer"], "send")
        self.assertEqual([h for h in self.objects("review", "--json") if h["type"] == "held"], [])
        self.bounced("review", "vouch", held[0]["seq"], code=1)
        self.bounced("review", "vouch", "x", code=64)
        self.bounced("review", "lunch", code=64)

    def test_assign_makes_a_rule(self):
        reply = "550 zqxj flurbed the wompus"
        line = ("Mar  4 09:00:00 mail postfix/smtp[1]: 3F8FE4AAA: to=<z@odd.example.org>, relay=mx.odd.example.org[192.0.2.9]:25, "
                f"delay=1, delays=0/0/0/1, dsn=5.0.0, status=bounced (host mx.odd.example.org[192.0.2.9] said: {reply} "
                "(in reply to end of DATA command))\n")
        log = self.file("odd.log", line)
        os.utime(log, (YEAR_OF_LOGS, YEAR_OF_LOGS))
        self.bounced("ingest", "-q", log)
        group, = [g for g in self.objects("review", "--json") if g["type"] == "group" and "wompus" in g["example"]]
        self.assertEqual(group["count"], 1)
        out = self.bounced("review", "assign", group["group"], "mailbox-full", "--rules-file", "my.rules").out
        self.assertIn("reason mailbox-full", out)
        self.assertEqual(self.bounced("classify", "--rules", "my.rules", stdin=reply + "\n").out.split("\t")[0], "mailbox-full")
        self.bounced("review", "assign", group["group"], "no-such-reason", code=64)
        self.bounced("review", "assign", "999999", "policy", "--rules-file", "my.rules", code=66)


class Keeping(WithLedger):
    def test_erase(self):
        address = "ghost@corp.example.com"
        self.assertEqual(self.answer(address)["cause"], "hard")
        self.bounced("erase", "--note", "request 7", address)
        self.assertEqual(self.answer(address)["answer"], "suppressed")
        for suffix in ("", "-wal"):
            path = self.dir / f"ledger.db{suffix}"
            if path.exists():
                self.assertFalse(address.encode() in path.read_bytes(), path.name)
        self.assertFalse(address in self.bounced("dump").out)
        self.bounced("erase", code=64)

    def test_backup_and_restore(self):
        dump = self.bounced("dump").out
        self.bounced("backup", "copy.db")
        self.bounced("backup", "copy.db", code=1)  # it is there already
        self.bounced("suppress", "add", FREE)
        self.assertNotEqual(self.bounced("dump").out, dump)
        self.assertIn("--force replaces it", self.bounced("restore", "copy.db", code=1).err)
        self.bounced("restore", "--force", "copy.db")
        self.assertEqual(self.bounced("dump").out, dump)
        self.file("junk.db", b"junk" * 1000)
        self.assertNotEqual(self.bounced("restore", "--force", "junk.db", code=None).returncode, 0)
        self.assertEqual(self.bounced("dump").out, dump)
        self.bounced("restore", "nowhere.db", code=66)

    def test_read_only_ledger(self):
        if os.geteuid() == 0:
            self.skipTest("root may write everything")
        self.ledger.chmod(0o444)
        self.bounced("check", FREE)
        self.assertNotEqual(self.bounced("suppress", "add", FREE, code=None).returncode, 0)

    def test_no_ledger(self):
        self.env["BOUNCED_LEDGER"] = str(self.dir / "none.db")
        for command in (("check", FREE), ("why", FREE), ("report",), ("events",), ("review",), ("suppress", "list"),
                        ("suppress", "export"), ("erase", FREE), ("backup", "x"), ("dump",)):
            with self.subTest(command):
                self.assertIn("there is no ledger", self.bounced(*command, code=66).err)
        for command in (("suppress", "add"), ("suppress", "import"), ("suppress", "remove")):
            self.assertIn("which ", self.bounced(*command, code=64).err)
        self.assertFalse((self.dir / "none.db").exists())

    def test_a_directory_is_no_ledger(self):
        self.assertIn("is a directory", self.bounced("check", "--ledger", self.dir, FREE, code=66).err)
        self.assertIn("is a directory", self.bounced("suppress", "add", "--ledger", self.dir, FREE, code=66).err)


class Verp(Case):
    def test_make_and_verify(self):
        self.file("keys", self.bounced("verp", "keygen").out).chmod(0o600)
        keys = ("--verp-keys", "keys")
        path = self.bounced("verp", *keys, "make", "user@corp.example.com", "--domain", "b.example.org", "-m", "c42").out.strip()
        self.assertLessEqual(len(path.split("@")[0]), 64)
        self.assertIn("user@corp.example.com", self.bounced("verp", *keys, "verify", path).out)
        found, = self.objects("verp", *keys, "--json", "verify", path.upper())
        self.assertEqual((found["result"], found["recipient"], found["message"]), ("ok", "user@corp.example.com", "c42"))
        at = path.index("@")
        forged = path[:at - 3] + ("a" if path[at - 3] != "a" else "b") + path[at - 2:]
        self.assertIn("forged", self.bounced("verp", *keys, "verify", forged, code=1).out)
        self.assertIn("not-ours", self.bounced("verp", *keys, "verify", "joe@example.com", code=1).out)
        (self.dir / "keys").chmod(0o644)
        self.assertIn("chmod 0640", self.bounced("verp", *keys, "verify", path, code=78).err)

    def test_bounce_to_a_signed_return_path_is_proven(self):
        self.file("keys", self.bounced("verp", "keygen").out).chmod(0o600)
        mail = (SAMPLES / "dsn" / "postfix-001-unknown-511.eml").read_bytes()
        path = self.bounced("verp", "--verp-keys", "keys", "make", HARD, "--domain", "example.org").out.strip()
        signed = b"Delivered-To: " + path.encode() + b"\n" + mail
        self.bounced("ingest", "-q", "--verp-keys", "keys", "-", stdin=signed)
        self.assertIn("proven", self.bounced("why", HARD).out)
        self.bounced("check", "-q", HARD, code=1)


class Keep(WithLedger):
    def states(self):
        return self.objects("suppress", "list", "--json")

    def test_prune_keeps_states(self):
        before, events = self.states(), len(self.objects("events"))
        dump = self.bounced("dump").out
        would, = self.objects("prune", "--dry-run", "--json")
        self.assertEqual(self.bounced("dump").out, dump)
        self.assertGreater(would["removed"], 0)
        done, = self.objects("prune", "--json")
        self.assertEqual(done, {"removed": would["removed"], "dry_run": False})
        self.assertLess(len(self.objects("events")), events)
        self.assertEqual(self.states(), before)
        self.assertIn(" 0 differ", self.bounced("verify").out)
        self.assertIn("\n0 rows", "\n" + self.bounced("prune").out)
        self.bounced("prune", "now", code=64)

    def test_reclassify_gives_what_the_rules_would_have_given(self):
        """The ledger after it is that of somebody who had the rules from the beginning."""
        samples = [LOGS, SAMPLES / "dsn", SAMPLES / "mbox"]
        self.file("own.rules", 'rule own.gone\n  reason policy\n  rank 100\n  text "unknown"\n'
                  '  example "550 5.1.1 unknown"\n')
        self.bounced("ingest", "-q", *samples, code=None)
        told, *rest = self.objects("reclassify", "--json", "--rules", "own.rules")
        self.assertGreater(told["changed"], 10)
        self.assertGreater(told["addresses"]["freed"], 0)
        self.assertIn(HARD, [o["address"] for o in rest if o["type"] == "address"])
        done, *_ = self.objects("reclassify", "--json", "--rules", "own.rules", "--apply", "--actor", "anna")
        self.assertEqual(dict(done, applied=False), told)
        self.assertIn(" 0 differ", self.bounced("verify").out)
        again, *_ = self.objects("reclassify", "--json", "--rules", "own.rules", "--apply")
        self.assertEqual(again["changed"], 0)
        kinds = ("suppression ", "tally ", "group ")
        mended = [line for line in self.bounced("dump").out.splitlines() if line.startswith(kinds)]
        log = self.file("mail.log", (LOGS / "postfix-classic.log").read_bytes())
        os.utime(log, (YEAR_OF_LOGS, YEAR_OF_LOGS))
        for paths in ([log], samples):
            self.bounced("ingest", "-q", "--ledger", "fresh.db", "--rules", "own.rules", *paths, code=None)
        fresh = self.bounced("dump", "--ledger", "fresh.db").out.splitlines()
        self.assertEqual(mended, [line for line in fresh if line.startswith(kinds)])
        why = self.bounced("why", HARD).out
        self.assertIn("    was       user-unknown 95 ", why)
        self.assertIn("reclassify by anna\n    note      rules ", why)

    def test_reclassify_by_the_same_rules_changes_nothing(self):
        self.bounced("ingest", "-q", LOGS, SAMPLES / "dsn", SAMPLES / "mbox", SAMPLES / "rfc", code=None)
        dump = self.bounced("dump").out
        told, = self.objects("reclassify", "--json", "--all", "--apply")
        self.assertGreater(told["judged"], 1000)
        self.assertEqual((told["changed"], told["renamed"]), (0, 0))
        self.assertEqual(self.bounced("dump").out, dump)

    def test_replay_tells_what_another_policy_would_do(self):
        dump = self.bounced("dump").out
        self.file("same.conf", "[policy]\n")
        self.file("lax.conf", "[ledger]\npath = /nowhere\n[policy]\nsure_certainty = 100\n")
        same = self.objects("replay", "--json", "--policy", "same.conf")
        self.assertEqual([o["addresses"] for o in same if o["type"] == "change"], [0, 0])
        lax = self.objects("replay", "--json", "--policy", "lax.conf")
        freed, = [o for o in lax if o["type"] == "change" and o["change"] == "freed"]
        self.assertGreater(freed["addresses"], 0)
        self.assertIn(HARD, [o["address"] for o in lax if o["type"] == "example"])
        text = self.bounced("replay", "--policy", "lax.conf", "--limit", "1").out
        self.assertIn(f"{freed['addresses']} addresses would be freed", text)
        self.assertEqual(self.bounced("dump").out, dump)

    def test_replay_refuses(self):
        self.file("bad.conf", "[policy]\nquota = often\n")
        self.assertIn("bad.conf:2", self.bounced("replay", "--policy", "bad.conf", code=78).err)
        self.bounced("replay", code=64)
        self.bounced("replay", "--preset", "mailchump", code=64)
        self.bounced("replay", "--preset", "mailchimp")
        self.bounced("replay", "--policy", "bad.conf", "--since", "someday", code=64)

    def test_verify_finds_and_rebuild_mends(self):
        self.assertIn(" 0 differ", self.bounced("verify").out)
        before = self.states()
        with sqlite3.connect(self.ledger) as db:
            db.execute("UPDATE addresses SET state = 0, cause = 0 WHERE key = ?", (HARD,))
            db.execute("DELETE FROM suppressions WHERE address = (SELECT id FROM addresses WHERE key = ?)", (HARD,))
        found = self.bounced("verify", code=1).out
        self.assertIn(HARD + ": stored active", found)
        self.assertIn("its events say suppressed (hard)", found)
        self.assertEqual(self.bounced("rebuild").out, "1 addresses have another state now\n")
        self.assertIn(" 0 differ", self.bounced("verify").out)
        self.assertEqual(self.states(), before)


LONG = "a.very.long.local.part.that.leaves.no.room.for.anything.else@corp.example.com"


class Opaque(Case):
    """A recipient that does not fit into its return path, and a bounce that names somebody else."""

    def setUp(self):
        super().setUp()
        self.file("keys", self.bounced("verp", "keygen").out).chmod(0o600)
        self.mail = (SAMPLES / "dsn" / "postfix-001-unknown-511.eml").read_bytes().replace(HARD.encode(), b"x@far.example")

    def make(self, *args):
        return self.bounced("verp", "--verp-keys", "keys", "make", LONG, "--domain", "example.org", *args).out.strip()

    def bounce(self, path):
        return self.file("bounce.eml", b"Delivered-To: " + path.encode() + b"\n" + self.mail)

    def test_unknown_path_blames_nobody(self):
        self.bounced("ingest", "-q", "--verp-keys", "keys", self.bounce(self.make()))
        self.bounced("check", "-q", LONG)
        self.bounced("check", "-q", "x@far.example")

    def test_path_remembered_when_made(self):
        self.bounced("ingest", "-q", self.file("none.eml", "Subject: x\n\nx\n"))
        self.bounced("ingest", "-q", "--verp-keys", "keys", self.bounce(self.make("--ledger", self.ledger)))
        self.bounced("check", "-q", LONG, code=1)
        self.assertIn("proven", self.bounced("why", LONG).out)
        self.bounced("check", "-q", "x@far.example")

    def test_path_seen_in_the_log(self):
        path = self.make()
        lines = (f"qmgr[1]: 4F2A31: from=<{path}>, size=900, nrcpt=1 (queue active)",
                 f"smtp[2]: 4F2A31: to=<{LONG}>, relay=mx.corp.example.com[192.0.2.1]:25, delay=1, "
                 "delays=0/0/0/1, dsn=2.0.0, status=sent (250 2.0.0 Ok: queued as 1)",
                 "qmgr[1]: 4F2A31: removed")
        log = self.file("mail.log", "".join(f"Mar  4 10:00:0{i} mta postfix/{line}\n" for i, line in enumerate(lines)))
        os.utime(log, (YEAR_OF_LOGS, YEAR_OF_LOGS))
        self.bounced("ingest", "-q", log)
        self.bounced("ingest", "-q", "--verp-keys", "keys", self.bounce(path))
        self.assertIn("rfc3464, proven", self.bounced("why", LONG).out)
        self.assertIn("user-unknown", self.bounced("why", LONG).out)
        self.bounced("check", "-q", "x@far.example")
        self.bounced("erase", LONG)
        self.assertNotIn("opaque", self.bounced("dump").out)


class Doctor(Case):
    def test_lines(self):
        checks = {c["check"]: c for c in self.objects("doctor", "--json", "--control-name", "localhost", code=None)}
        for name in ("ledger", "feed", "smarthost", "zone", "clock", "signing", "resolver"):
            self.assertIn(name, checks)
            self.assertIn(checks[name]["result"], ("ok", "note", "bad"))
        self.bounced("ingest", "-q", SAMPLES / "dsn" / "postfix-001-unknown-511.eml")
        self.assertRegex(self.bounced("doctor", code=None).out, r"ok +ledger .*ledger\.db: writable")
        self.file("ledger.db", b"garbage" * 1000)
        self.assertIn("bad   ledger", self.bounced("doctor", code=1).out)


if __name__ == "__main__":
    unittest.main()
