"""bounced parse: every way in, and the names that tools read."""
import gzip
import json
import lzma
import os
import shutil
import subprocess
import unittest

from cmdtest import BOUNCED, Case, SAMPLES

MAIL = SAMPLES / "dsn" / "postfix-001-unknown-511.eml"
FIXED = {"file", "message", "kind", "recipient", "reason", "class", "blame", "certainty", "rule", "status",
         "reply_code", "enhanced_code", "diagnostic", "reporting_mta", "remote_mta", "message_id", "format"}


def without_file(reports):
    return [{k: v for k, v in r.items() if k not in ("file", "message")} for r in reports]


class Parse(Case):
    def test_fixed_names(self):
        report, = self.objects("parse", "--json", MAIL)
        self.assertEqual(FIXED - set(report), set())
        self.assertEqual(report["file"], str(MAIL))
        self.assertEqual((report["kind"], report["recipient"], report["reason"], report["class"], report["blame"]),
                         ("failed", "nobody@corp.example.com", "user-unknown", "hard", "recipient"))
        self.assertEqual((report["reply_code"], report["enhanced_code"]), (550, "5.1.1"))
        self.assertEqual(report["message"], 0)

    def test_every_way_in_gives_the_same(self):
        content = MAIL.read_bytes()
        wanted = without_file(self.objects("parse", "--json", MAIL))
        self.file("plain", content)
        self.file("crlf", content.replace(b"\r\n", b"\n").replace(b"\n", b"\r\n"))
        self.file("a.gz", gzip.compress(content))
        self.file("a.xz", lzma.compress(content))
        self.file("one.mbox", b"From x@y Tue Mar  4 08:00:00 2025\n" + content)
        self.file("Maildir/new/1.mail", content)
        for name in ("cur", "tmp"):
            (self.dir / "Maildir" / name).mkdir()
        for name in ("plain", "a.gz", "a.xz", "one.mbox", "Maildir"):
            with self.subTest(name):
                self.assertEqual(without_file(self.objects("parse", "--json", name)), wanted)
        self.assertEqual(without_file(self.objects("parse", "--json", "-", stdin=content)), wanted)
        self.assertEqual(self.objects("parse", "--json", "crlf")[0]["recipient"], wanted[0]["recipient"])
        self.assertTrue((self.dir / "Maildir/new/1.mail").exists(), "parse must not move mails")

    def test_mbox_tells_the_index(self):
        content = MAIL.read_bytes()
        plain = b"From a@b Tue Mar  4 08:00:00 2025\nFrom: a@b\nSubject: hello\n\nNo report.\n\n"
        box = plain + b"From x@y Tue Mar  4 08:00:01 2025\n" + content + b"\n" + plain
        self.file("box", box)
        self.assertEqual([r["message"] for r in self.objects("parse", "--json", "box")], [1])
        self.assertEqual([r["message"] for r in self.objects("parse", "--json", "-", stdin=box)], [1])
        both = self.objects("parse", "--json", "box", "box")
        self.assertEqual([r["message"] for r in both], [1, 1])

    def test_directory_in_order_of_names(self):
        for name in ("b", "a", "c/d"):
            self.file(f"tree/{name}", MAIL.read_bytes())
        files = [r["file"] for r in self.objects("parse", "--json", "tree")]
        self.assertEqual(files, ["tree/a", "tree/b", "tree/c/d"])

    def test_samples_twice_the_same(self):
        self.assertEqual(self.bounced("parse", "--json", SAMPLES / "dsn").out,
                         self.bounced("parse", "--json", SAMPLES / "dsn").out)

    def test_what_is_no_report_prints_nothing(self):
        self.file("empty", b"")
        self.file("junk", bytes(range(256)) * 64)
        self.file("hello", b"From: a@b\nTo: c@d\nSubject: hello\n\nhello\n")
        self.file("log", b"Mar  4 08:00:00 mx postfix/smtpd[1]: connect from a[192.0.2.1]\n")
        for name in ("empty", "junk", "hello", "log"):
            with self.subTest(name):
                done = self.bounced("parse", "--json", name)
                self.assertEqual((done.out, done.err), ("", ""))
        self.assertEqual(self.bounced("parse", "-", stdin=b"").out, "")

    def test_odd_mails_are_tried(self):
        """A mail that looks like a log, a table or nothing known."""
        content = MAIL.read_bytes()
        for first in (b"Mar  4 08:00:00 mx something: begins like a log\n", b"\n\n\n", b"a,b,c\n", b"{ not a mail }\n"):
            self.file("odd", first + content)
            with self.subTest(first):
                self.bounced("parse", "--json", "odd")
        self.file("blank", b"\n\n" + content)
        self.assertEqual(len(self.objects("parse", "--json", "blank")), 1)

    def test_missing_file_and_the_others(self):
        done = self.bounced("parse", "--json", "nowhere", MAIL, code=66)
        self.assertEqual(len(done.out.splitlines()), 1)
        self.assertIn("nowhere", done.err)
        self.assertEqual(len(done.err.splitlines()), 1)
        self.assertIn("which files?", self.bounced("parse", code=64).err)

    @unittest.skipUnless(os.geteuid() == 0 and shutil.which("setpriv"), "needs root to become another user")
    def test_unreadable_file(self):
        secret = self.file("secret", MAIL.read_bytes())
        secret.chmod(0o600)
        self.dir.chmod(0o755)
        done = subprocess.run(["setpriv", "--reuid=65534", "--clear-groups", BOUNCED, "parse", "--json", str(secret),
                               str(MAIL)], env=self.env, cwd="/", capture_output=True, text=True, timeout=60, check=False)
        if "setpriv" in done.stderr or done.returncode in (126, 127):
            self.skipTest("the program is not readable for others")
        self.assertIn("secret", done.stderr)
        self.assertEqual(done.returncode, 66)

    def test_text_for_people(self):
        out = self.bounced("parse", MAIL).out
        self.assertIn("failed <nobody@corp.example.com> user-unknown (hard, recipient", out)
        self.assertIn("    550 5.1.1", out)

    def test_control_characters_do_not_reach_the_terminal(self):
        content = MAIL.read_bytes()
        self.assertIn(b"Recipient address", content)
        self.file("evil", content.replace(b"Recipient address", b"\x1b]0;title\x07\x1b[31mred"))
        out = self.bounced("parse", "evil").out
        self.assertNotIn("\x1b", out)
        self.assertIn("red", out)
        for line in self.bounced("parse", "--json", "evil").out.splitlines():
            json.loads(line)


if __name__ == "__main__":
    unittest.main()
