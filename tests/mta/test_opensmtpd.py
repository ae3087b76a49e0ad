"""OpenSMTPD runs `bounced filter opensmtpd`, with the files of integrations/opensmtpd, in mounts of its own."""
import os
import shutil
import smtplib
import subprocess
import unittest

from mtatest import BOUNCED, DEADLINE_S, MtaCase, free_port, program

# where smtpd expects its folders: memory of this test only
MOUNTS = """
mount -t tmpfs tmpfs /var/spool && mkdir -p /var/spool/smtpd && chmod 711 /var/spool/smtpd &&
mount -t tmpfs -o mode=755 tmpfs /var/lib && mkdir -p /var/lib/opensmtpd/empty && mkdir -p /var/empty &&
mount -t tmpfs -o mode=755 tmpfs /run && exec "$@"
"""
REST = """
table aliases file:{dir}/aliases
action "out" relay host smtp://127.0.0.1:{sink}
match from any for any action "out"
"""
TRIES = 5  # 6.8 dies now and then of a double free


class OpenSmtpd(MtaCase):
    def setUp(self):
        self.smtpd = program("smtpd")
        if subprocess.run(["unshare", "--mount", "true"], stderr=subprocess.DEVNULL, check=False).returncode:
            raise unittest.SkipTest("skipped: no mounts of its own")
        super().setUp()
        self.port = free_port()
        self.process = None
        self.addCleanup(self.end)
        shutil.copy(BOUNCED, self.dir / "bounced")
        (self.dir / "bounced").chmod(0o755)
        self.file("aliases", "")

    def configured(self, answers=""):
        self.conf_text = self.integration("opensmtpd/bounced.conf", places={"/run/bounced/line": self.dir / "line"})
        self.conf_text = self.conf_text.replace("[answers]\n", "[answers]\n" + answers)
        text = self.integration("opensmtpd/smtpd.conf", places={
            "/usr/bin/bounced": self.dir / "bounced", "/run/bounced/line": self.dir / "line",
            "0.0.0.0 port 587 tls-require auth pki mail.example.org": f"127.0.0.1 port {self.port} hostname mail.example.org"})
        self.file("smtpd.conf", text + REST.format(dir=self.dir, sink=self.sink.port)).chmod(0o600)

    def end(self):
        if self.process and self.process.poll() is None:
            self.process.kill()  # and with it all that is in its world (--kill-child)
            self.process.wait()

    def alive(self):
        return self.process is not None and self.process.poll() is None

    def listens(self):
        try:
            with smtplib.SMTP("127.0.0.1", self.port, timeout=DEADLINE_S):
                return True
        except (OSError, smtplib.SMTPException):
            return not self.alive()

    def log(self):
        return (self.dir / "smtpd.log").read_text(encoding="utf-8", errors="replace")

    def begin(self):
        with (self.dir / "smtpd.log").open("ab") as log:
            self.process = subprocess.Popen(
                ["unshare", "--mount", "--propagation", "private", "--pid", "--fork", "--kill-child", "sh", "-c", MOUNTS, "smtpd",
                 self.smtpd, "-d", "-f", str(self.dir / "smtpd.conf")], stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        self.until(self.listens, self.log)

    def once(self, recipients, client):
        with smtplib.SMTP("127.0.0.1", self.port, timeout=DEADLINE_S, source_address=(client, 0)) as c:
            c.ehlo("client.test")
            self.assertEqual(c.mail("news@example.org")[0], 250)
            replies = [c.rcpt(r) for r in recipients]
            if any(code == 250 for code, _ in replies):
                self.assertEqual(c.data("Subject: hello\n\ntext\n")[0], 250)
            return [f"{code} {text.decode()}" for code, text in replies]

    def send(self, *recipients, client="127.0.0.1"):
        for _ in range(TRIES):
            if not self.alive():
                self.begin()
            try:
                return self.once(recipients, client)
            except (OSError, smtplib.SMTPException) as e:
                print("again:", e)
        return self.fail(self.log())

    def test_recipients_are_refused(self):
        self.configured()
        self.daemon_with(self.conf_text)
        self.assertEqual(self.send("hard@example.com", "x@gone.example"),
                         ["550 5.7.1 not sent, suppressed by bounced: manual"] * 2)
        replies = self.send("hard@example.com", "soft@example.com")
        self.assertEqual([r[:3] for r in replies], ["550", "250"])
        mails = self.sink.wait(1)
        self.assertIsNotNone(mails, self.log())
        self.assertEqual(mails[0][1], ["soft@example.com"])

    def test_incoming_mail_is_let_through(self):
        self.configured("loopback = no\nmynetworks = 127.0.0.1\n")
        self.daemon_with(self.conf_text)
        self.assertEqual(self.send("hard@example.com")[0][:3], "550")
        self.assertEqual(self.send("hard@example.com", client="127.0.0.2")[0][:3], "250")

    def test_without_the_daemon_mail_flows(self):
        self.configured()
        self.assertEqual(self.send("hard@example.com")[0][:3], "250")
        self.assertIn("the daemon does not answer", self.log())


if __name__ == "__main__":
    os.umask(0o022)
    unittest.main()
