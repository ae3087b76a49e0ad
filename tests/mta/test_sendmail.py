"""sendmail asks the daemon by a mail filter, with the files of integrations/sendmail."""
import os
import smtplib
import subprocess
import unittest

from mtatest import DEADLINE_S, UNPACKED, MtaCase, free_port, program

MC = """\
VERSIONID(`test')dnl
OSTYPE(`linux')dnl
define(`confPID_FILE', `{dir}/sendmail.pid')dnl
define(`QUEUE_DIR', `{dir}/queue')dnl
define(`ALIAS_FILE', `{dir}/aliases')dnl
define(`STATUS_FILE', `{dir}/statistics')dnl
define(`confCONTROL_SOCKET_NAME', `')dnl
define(`confDOMAIN_NAME', `mail.example.org')dnl
define(`SMART_HOST', `smtp:[127.0.0.1]')dnl
define(`SMTP_MAILER_ARGS', `TCP $h {sink}')dnl
define(`confDONT_BLAME_SENDMAIL', `GroupWritableDirPathSafe')dnl
define(`confTO_IDENT', `0')dnl
define(`confLOG_LEVEL', `0')dnl
FEATURE(`no_default_msa')dnl
FEATURE(`promiscuous_relay')dnl
FEATURE(`accept_unresolvable_domains')dnl
FEATURE(`accept_unqualified_senders')dnl
FEATURE(`nocanonify')dnl
undefine(`UUCP_RELAY')dnl
DAEMON_OPTIONS(`Port={port}, Addr=127.0.0.1, Name=MTA')dnl
{filter}
MAILER(smtp)dnl
"""

# sendmail asks for its own name when it starts, and sleeps for a minute when that has no dot
WORLD = """
hostname mail.example.org && mount --bind "$1/resolv.conf" /etc/resolv.conf && mount --bind "$1/hosts" /etc/hosts && shift && exec "$@"
"""


class Sendmail(MtaCase):
    def setUp(self):
        self.sendmail = program("sendmail", "usr/libexec/sendmail")
        cf = UNPACKED / "usr/share/sendmail/cf"
        if not cf.is_dir():
            raise unittest.SkipTest("skipped: sendmail not installed (script/setup-mta)")
        if subprocess.run(["unshare", "--uts", "--mount", "true"], stderr=subprocess.DEVNULL, check=False).returncode:
            raise unittest.SkipTest("skipped: no host name of its own")
        super().setUp()
        self.port, milter = free_port(), free_port()
        self.conf_text = self.integration("sendmail/bounced.conf", places={"127.0.0.1:2529": f"127.0.0.1:{milter}"})
        filters = self.integration("sendmail/bounced.mc", places={"inet:2529@": f"inet:{milter}@"})
        mc = self.file("sendmail.mc", MC.format(dir=self.dir, sink=self.sink.port, port=self.port, filter=filters))
        done = subprocess.run(["m4", f"-D_CF_DIR_={cf}/", str(cf / "m4" / "cf.m4"), str(mc)], capture_output=True, check=False)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.file("sendmail.cf", done.stdout).chmod(0o644)
        self.file("aliases", "")
        self.file("resolv.conf", "nameserver 127.0.0.1\noptions timeout:1 attempts:1\n")
        self.file("hosts", "127.0.0.1 mail.example.org localhost\n")
        (self.dir / "queue").mkdir(mode=0o700)
        self.process = None
        self.addCleanup(self.end)

    def start(self, answers=""):
        d = self.daemon_with(self.conf_text.replace("[answers]\n", "[answers]\n" + answers))
        with (self.dir / "sendmail.log").open("wb") as log:
            self.process = subprocess.Popen(["unshare", "--uts", "--mount", "sh", "-c", WORLD, "sendmail", str(self.dir), self.sendmail, "-C",
                                             str(self.dir / "sendmail.cf"), "-bD", "-q1h"],
                                            stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True)
        self.until(self.listens, self.log)
        return d

    def end(self):
        if self.process and self.process.poll() is None:
            os.killpg(self.process.pid, 9)
            self.process.wait()

    def log(self):
        return (self.dir / "sendmail.log").read_text(encoding="utf-8", errors="replace")

    def listens(self):
        self.assertIsNone(self.process.poll(), self.log())
        try:
            smtplib.SMTP("127.0.0.1", self.port, timeout=DEADLINE_S).quit()
            return True
        except OSError:
            return False

    def send(self, *recipients):
        with smtplib.SMTP("127.0.0.1", self.port, timeout=DEADLINE_S) as c:
            c.ehlo("client.test")
            self.assertEqual(c.mail("news@example.org")[0], 250)
            replies = [c.rcpt(r) for r in recipients]
            if any(code == 250 for code, _ in replies):
                code, text = c.data("Subject: hello\nMessage-ID: <1@example.org>\n\ntext\n")
                self.assertEqual(code, 250, text)
            return [f"{code} {text.decode()}" for code, text in replies]

    def test_recipients_are_refused_and_the_sender_signed(self):
        self.start()
        replies = self.send("hard@example.com", "soft@example.com")
        self.assertEqual(replies[0], "550 5.7.1 <hard@example.com>... not sent, suppressed by bounced: manual")
        self.assertEqual(replies[1][:3], "250")
        mails = self.sink.wait(1)
        self.assertIsNotNone(mails, self.log())
        sender, recipients, _ = mails[0]
        self.assertEqual(recipients, ["soft@example.com"])
        found = self.objects("verp", "verify", sender, "--verp-keys", self.dir / "keys", "--message", "1@example.org", "--json")
        self.assertEqual((found[0]["result"], found[0]["recipient"]), ("ok", "soft@example.com"))

    def test_one_of_two_is_discarded(self):
        self.start("mode = discard\n")
        self.assertEqual([r[:3] for r in self.send("hard@example.com", "soft@example.com")], ["250", "250"])
        self.assertEqual(self.sink.wait(1)[0][1], ["soft@example.com"])

    def test_a_percent_sign_in_a_refusal_is_one(self):
        self.start("reject_text = {address}\n")
        self.assertEqual(self.send("50%s%n@gone.example")[0], "550 5.7.1 <50%s%n@gone.example>... 50%s%n@gone.example")

    def test_without_the_daemon_mail_flows(self):
        self.assertEqual(self.start().end(), 0)
        self.assertEqual(self.send("hard@example.com")[0][:3], "250")


if __name__ == "__main__":
    unittest.main()
