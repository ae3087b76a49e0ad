"""bounced ingest: every feed, repeats, exit codes, and what stays when something fails."""
import gzip
import os
import pathlib
import shutil
import socket
import subprocess
import threading
import unittest

from cmdtest import BOUNCED, Case, LOGS, ROOT, SAMPLES

MAIL = SAMPLES / "dsn" / "postfix-001-unknown-511.eml"
PLAIN = b"From: a@b.example\nTo: c@d.example\nSubject: hello\n\nNo report.\n"


class Ingest(Case):
    def summary(self, *args, **kwargs):
        lines = self.objects("ingest", "--json", *args, **kwargs)
        self.assertEqual(lines[-1]["type"], "summary")
        return lines[-1]

    def dump(self, ledger=None):
        """What the ledger holds but for how far feeds were read: files have other names while they grow."""
        lines = self.bounced("dump", *(("--ledger", ledger) if ledger else ())).out.splitlines()
        return [line for line in lines if not line.startswith("feed ")]

    def logs(self):
        return [LOGS / "rotated" / name for name in ("mail.log", "mail.log.1", "mail.log.2.gz", "mail.log.3.xz")]

    def test_log_twice_counts_once(self):
        first = self.summary(*self.logs())
        self.assertGreater(first["new"], 100)
        self.assertGreater(first["suppressed"], 10)
        dump = self.dump()
        second = self.summary(*reversed(self.logs()))
        self.assertEqual((second["new"], second["suppressed"]), (0, 0))
        self.assertEqual(self.dump(), dump)

    def test_log_that_grows(self):
        text = (LOGS / "postfix-classic.log").read_bytes()
        lines = text.splitlines(True)
        whole = self.dir / "whole.db"
        log = self.file("mail.log", text)
        os.utime(log, (1742000000, 1742000000))
        self.bounced("ingest", "--ledger", whole, log)
        for part in (1, 200, 900, len(lines)):
            log.write_bytes(b"".join(lines[:part]))
            os.utime(log, (1742000000, 1742000000))
            self.bounced("ingest", "-q", log)
        self.assertEqual(self.dump(), self.dump(whole))

    def test_dry_run_changes_nothing(self):
        done = self.bounced("ingest", "--dry-run", *self.logs())
        self.assertIn("would suppress  nobody@corp.example.com  hard: user-unknown", done.out)
        self.assertIn("There is no ledger yet", done.out)
        self.assertFalse(self.ledger.exists())
        shutil.copytree(SAMPLES / "maildir", self.dir / "Maildir")
        before = sorted(p.name for p in (self.dir / "Maildir").rglob("*"))
        self.bounced("ingest", "-q", self.logs()[0])
        dump = self.dump()
        self.bounced("ingest", "--dry-run", "Maildir", *self.logs())
        self.assertEqual(self.dump(), dump)
        self.assertEqual(sorted(p.name for p in (self.dir / "Maildir").rglob("*")), before)

    def test_dry_run_decides_as_the_real_run(self):
        dry = [d for d in self.objects("ingest", "--json", "--dry-run", *self.logs()) if d["type"] == "decision"]
        real = [d for d in self.objects("ingest", "--json", *self.logs()) if d["type"] == "decision"]
        for decision in dry + real:
            decision.pop("dry_run")
        self.assertEqual(dry, real)
        self.assertTrue(dry)

    def test_maildir_is_marked_after_the_commit(self):
        shutil.copytree(SAMPLES / "maildir", self.dir / "Maildir")
        new = len(list((self.dir / "Maildir/new").iterdir()))
        self.assertGreater(new, 0)
        self.bounced("ingest", "-q", "--no-mark", "Maildir")
        self.assertEqual(len(list((self.dir / "Maildir/new").iterdir())), new)
        self.bounced("ingest", "-q", "Maildir")
        self.assertEqual(list((self.dir / "Maildir/new").iterdir()), [])
        self.assertTrue(all(p.name.endswith("S") for p in (self.dir / "Maildir/cur").iterdir()))

    def test_same_mail_from_everywhere_is_one_event(self):
        content = MAIL.read_bytes()
        self.file("box", b"From x@y Tue Mar  4 08:00:00 2025\n" + content + b"\n")
        self.file("mail.gz", gzip.compress(content))
        self.assertEqual(self.summary("-", stdin=content)["new"], 1)
        for path in ("box", "mail.gz", MAIL):
            self.assertEqual(self.summary(path)["new"], 0, path)

    def test_trust(self):
        summary = self.summary(MAIL)
        self.assertEqual((summary["held"], summary["suppressed"]), (1, 0))
        self.assertIn("held", self.bounced("ingest", "--dry-run", SAMPLES / "dsn").out)
        self.bounced("check", "-q", "nobody@corp.example.com")
        other = self.dir / "other.db"
        self.assertEqual(self.summary("--ledger", other, "--trust", "matched", MAIL)["suppressed"], 1)
        self.bounced("check", "--ledger", other, "-q", "nobody@corp.example.com", code=1)
        self.bounced("ingest", "--trust", "proven", MAIL, code=64)

    def test_pipe_transport(self):
        self.bounced("ingest", "-q", "-", stdin=PLAIN)
        self.bounced("ingest", "-q", "-", stdin=b"")
        self.bounced("ingest", "-q", "-", stdin=os.urandom(5000))
        done = self.bounced("ingest", "-q", "--ledger", "/nowhere/at/all.db", "-", stdin=MAIL.read_bytes(), code=75)
        self.assertIn("make it, or name a ledger", done.err)
        self.bounced("ingest", "-q", "--ledger", "/nowhere/at/all.db", MAIL, code=73)
        self.file("bad.rules", "rule x\n")
        self.bounced("ingest", "-q", "--rules", "bad.rules", "-", stdin=PLAIN, code=75)
        self.file("garbage.db", b"this is no ledger " * 100)
        self.bounced("ingest", "-q", "--ledger", "garbage.db", MAIL, code=65)
        self.bounced("ingest", "-q", "--ledger", "garbage.db", "-", stdin=PLAIN, code=75)

    def test_journal_on_standard_input(self):
        export = (LOGS / "postfix-journal.export").read_bytes()
        summary = self.summary("-", stdin=export)
        self.assertGreater(summary["log_lines"], 10)
        self.assertGreater(summary["new"], 1)

    def test_odd_paths(self):
        self.file("binary", bytes(range(256)) * 40)
        self.file("table.csv", "kind,rcpt,dsnStatus\nb,x@example.com,5.1.1\n")
        for name in ("binary", "table.csv"):
            done = self.bounced("ingest", name, MAIL, code=65)
            self.assertIn(name, done.err)
            self.assertIn("1 mails", done.out)
        self.file("odd", b"\x00\x01\n" + MAIL.read_bytes())
        self.bounced("ingest", "--dry-run", "odd", code=65)
        self.assertIn("1 mails", self.bounced("ingest", "--dry-run", "--form", "message", "odd").out)
        self.bounced("ingest", "--form", "lunch", "odd", code=64)
        done = self.bounced("ingest", "nowhere", MAIL, code=66)
        self.assertIn("nowhere", done.err)
        self.assertIn("which files?", self.bounced("ingest", code=64).err)
        (self.dir / "hollow").mkdir()
        self.assertEqual(self.summary("hollow")["files"], 0)
        self.bounced("ingest", "--zone", "Mars/Olympus", MAIL, code=65)

    @unittest.skipUnless(os.geteuid() == 0 and shutil.which("mount"), "needs root to mount a small disk")
    def test_full_disk_takes_nothing_and_goes_on_later(self):
        disk = self.dir / "disk"
        disk.mkdir()
        if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=300k", "none", disk], capture_output=True,
                          check=False).returncode:
            self.skipTest("cannot mount here")
        self.addCleanup(subprocess.run, ["umount", "-l", str(disk)], check=False)
        ledger = disk / "ledger.db"
        done = self.bounced("ingest", "--ledger", ledger, SAMPLES / "dsn", *self.logs(), code=None)
        self.assertIn(done.returncode, (73, 74, 75), done.err)
        self.assertEqual(done.returncode, 75, done.err)
        subprocess.run(["mount", "-o", "remount,size=64m", disk], check=True)
        self.bounced("ingest", "--ledger", ledger, "-q", SAMPLES / "dsn", *self.logs())
        self.bounced("ingest", "-q", SAMPLES / "dsn", *self.logs())
        self.assertEqual(self.dump(ledger), self.dump())

    @unittest.skipUnless(os.geteuid() == 0 and shutil.which("setpriv"), "needs root to become another user")
    def test_ledger_of_somebody_else(self):
        self.bounced("ingest", "-q", MAIL)
        self.dir.chmod(0o755)
        self.ledger.chmod(0o644)
        done = subprocess.run(["setpriv", "--reuid=65534", "--clear-groups", BOUNCED, "ingest", "-q", str(MAIL)],
                              env=self.env, cwd="/", capture_output=True, text=True, timeout=60, check=False)
        if "setpriv" in done.stderr:
            self.skipTest("the program is not readable for others")
        self.assertEqual(done.returncode, 66)
        self.assertIn("ledger.db", done.stderr)
        self.assertIn("run as a user who may", done.stderr)


class OtherForms(Case):
    """Accounting files, JSON logs and our own events: by their content, in pieces, and from a pipe."""

    CSV = ("type,rcpt,timeLogged,orig,dsnStatus,dsnDiag,bounceCat\r\n"
           "b,a@x.example,2026-01-05 10:00:00+0000,n@us.example,5.1.1 (bad),smtp;550 5.1.1 no such user,bad-mailbox\r\n")
    MORE = "b,b@x.example,2026-01-05 10:00:01+0000,n@us.example,5.1.1 (bad),smtp;550 5.1.1 no such user,bad-mailbox\r\n"
    KUMO = ('{"type":"Bounce","id":"1","recipient":"c@x.example","nodeid":"n","timestamp":1767607200,'
            '"response":{"code":550,"enhanced_code":{"class":5,"subject":1,"detail":1},"content":"no such user",'
            '"command":"RCPT TO:<c@x.example>"}}\n')
    EVENT = ('{"event":"bounced","recipient":"d@x.example","time":"2026-01-05T10:00:00Z",'
             '"reply":"550 5.1.1 no such user"}\n')

    def suppressed(self):
        return [line for line in self.bounced("suppress", "list").out.split() if "@" in line]

    def summary(self, *args, **kwargs):
        return self.objects("ingest", "--json", *args, **kwargs)[-1]

    def test_csv_that_grows(self):
        path = self.file("acct.csv", self.CSV)
        self.assertEqual(self.summary(path)["new"], 1)
        path.write_text(self.CSV + self.MORE, newline="")
        self.assertEqual((lambda s: (s["new"], s["repeats"]))(self.summary(path)), (1, 0))
        self.assertEqual(self.summary("-", stdin=self.CSV + self.MORE)["repeats"], 2)

    def test_json_lines(self):
        self.assertEqual(self.summary(self.file("kumo", self.KUMO))["new"], 1)
        self.assertEqual(self.summary("-", stdin=self.KUMO)["repeats"], 1)
        self.assertEqual(self.summary(self.file("all", self.KUMO + self.EVENT))["new"], 1)
        self.assertEqual(self.summary("-", stdin=self.EVENT)["repeats"], 1)
        self.assertEqual(self.bounced("check", "c@x.example", "d@x.example", code=None).out.count("suppressed"), 2)

    def test_what_is_wrong_is_told(self):
        done = self.bounced("ingest", self.file("e", self.EVENT + '{"event":"danced","recipient":"e@x.example","key":1}\n'))
        self.assertIn("1 records could not be read; the last one: danced is no event that is known", done.err)
        done = self.bounced("ingest", self.file("j", '{"some":"json"}\n'), code=65)
        self.assertIn("--dialect", done.err)

    def test_dialect_of_a_template(self):
        line = '{"type":"Bounce","recipient":"c@x.example","timestamp":1767607200}\n'
        self.bounced("ingest", self.file("k", line), code=65)
        self.assertEqual(self.summary("--dialect", "kumomta", self.dir / "k")["new"], 1)


class Imap(Case):
    """A folder on a small server; tests/net tries the protocol itself."""

    def setUp(self):
        super().setUp()
        self.mails = {3: MAIL.read_bytes(), 5: PLAIN}
        self.log, self.flags = [], {}
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.addCleanup(self.listener.close)
        threading.Thread(target=self.serve, daemon=True).start()
        self.url = f"imap://user@127.0.0.1:{self.listener.getsockname()[1]}/INBOX"
        self.env["BOUNCED_IMAP_PASSWORD"] = "secret"

    def serve(self):
        while True:
            try:
                conn, _ = self.listener.accept()
            except OSError:
                return
            with conn:
                try:
                    self.session(conn)
                except OSError:
                    pass

    def session(self, conn):
        def say(data):
            conn.sendall(data.encode() + b"\r\n" if isinstance(data, str) else data)
        say("* OK [CAPABILITY IMAP4rev1 UIDPLUS] ready")
        for line in conn.makefile("rb"):
            tag, verb, rest = (line.decode().rstrip("\r\n").split(" ", 2) + ["", ""])[:3]
            self.log.append(f"{verb} {rest}".upper())
            if verb.upper() == "LOGIN" and "secret" not in rest:
                say(f"{tag} NO [AUTHENTICATIONFAILED] no")
                continue
            if verb.upper() == "CAPABILITY":
                say("* CAPABILITY IMAP4rev1 UIDPLUS")
            elif verb.upper() in ("SELECT", "EXAMINE"):
                say(f"* {len(self.mails)} EXISTS\r\n* OK [UIDVALIDITY 9] v")
            elif rest.upper().startswith("SEARCH"):
                low = int(rest.split("UID ")[1].split(":")[0])
                say("* SEARCH " + " ".join(str(u) for u in self.mails if u >= low or u == max(self.mails)))
            elif rest.upper().startswith("FETCH"):
                for uid in map(int, rest.split(" ")[1].split(",")):
                    say(f"* 1 FETCH (UID {uid} BODY[]<0> {{{len(self.mails[uid])}}}")
                    say(self.mails[uid])
                    say(")")
            say(f"{tag} OK done")
            if verb.upper() == "LOGOUT":
                return

    def test_folder_twice(self):
        first = self.objects("ingest", "--json", "--plain-text", self.url)[-1]
        self.assertEqual((first["mails"], first["new"]), (2, 1))
        self.assertFalse([x for x in self.log if "STORE" in x or "EXPUNGE" in x])
        second = self.objects("ingest", "--json", "--plain-text", self.url)[-1]
        self.assertEqual((second["mails"], second["new"]), (0, 0))

    def test_seen_after_the_commit_and_not_in_a_dry_run(self):
        self.bounced("ingest", "--plain-text", "--dry-run", "--after", "seen", self.url)
        self.assertFalse([x for x in self.log if "STORE" in x])
        self.bounced("ingest", "--plain-text", "--after", "seen", self.url)
        self.assertTrue([x for x in self.log if "STORE" in x and "SEEN" in x])

    def test_trouble(self):
        self.env["BOUNCED_IMAP_PASSWORD"] = "wrong"
        done = self.bounced("ingest", "--plain-text", self.url, code=77)
        self.assertNotIn("wrong", done.out + done.err)
        self.bounced("ingest", self.url, code=69)  # no TLS, and none allowed to be missing
        self.bounced("ingest", "--plain-text", "imap://u@127.0.0.1:1/INBOX", code=69)
        self.bounced("ingest", "imaps://", code=64)
        self.bounced("ingest", "--after", "lunch", self.url, code=64)
        self.assertEqual(self.bounced("ingest", "--plain-text", self.url, MAIL, code=77).out.count("1 mails"), 1)

    def test_password_from_a_file(self):
        del self.env["BOUNCED_IMAP_PASSWORD"]
        self.file("password", "secret\n").chmod(0o600)
        self.bounced("ingest", "--plain-text", "--password-file", "password", self.url)


if __name__ == "__main__":
    unittest.main()
