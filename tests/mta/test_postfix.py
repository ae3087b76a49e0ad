"""Postfix asks the daemon in each of its ways, with the files of integrations/postfix."""
import os
import pathlib
import shutil
import smtplib
import unittest

from mtatest import DEADLINE_S, MtaCase, free_port, program, run

MAIN = """\
compatibility_level = 3.6
queue_directory = {dir}/queue
data_directory = {dir}/data
command_directory = /usr/sbin
daemon_directory = /usr/lib/postfix/sbin
mail_owner = postfix
setgid_group = postdrop
maillog_file = {dir}/postfix.log
maillog_file_prefixes = {dir}
myhostname = mail.example.org
mydestination =
relay_domains = example.org
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
mynetworks = 127.0.0.0/8
alias_maps =
local_recipient_maps =
relayhost = [127.0.0.1]:{sink}
relay_transport = smtp:[127.0.0.1]:{sink}
smtpd_authorized_xclient_hosts = 127.0.0.0/8
smtpd_relay_restrictions = permit_mynetworks, reject_unauth_destination
smtp_tls_security_level = none
smtp_host_lookup = native
"""

SERVICES = """\
127.0.0.1:{port} inet n - n - - smtpd
pickup unix n - n 60 1 pickup
cleanup unix n - n - 0 cleanup
qmgr unix n - n 300 1 qmgr
rewrite unix - - n - - trivial-rewrite
bounce unix - - n - 0 bounce
defer unix - - n - 0 bounce
trace unix - - n - 0 bounce
verify unix - - n - 1 verify
flush unix n - n 1000? 0 flush
proxymap unix - - n - - proxymap
smtp unix - - n - - smtp
error unix - - n - - error
retry unix - - n - - error
discard unix - - n - - discard
anvil unix - - n - 1 anvil
scache unix - - n - 1 scache
tlsmgr unix - - n 1000? 1 tlsmgr
postlog unix-dgram n - n - 1 postlogd
"""

NO = "550 5.7.1 <{}>: Recipient address rejected: not sent, suppressed by bounced: manual"


class Postfix(MtaCase):
    def setUp(self):
        program("postfix")
        super().setUp()
        self.port, tcp = free_port(), free_port()
        for folder, owner in (("etc", None), ("data", "postfix"), ("queue", None)):
            (self.dir / folder).mkdir()
            if owner:
                shutil.chown(self.dir / folder, owner)
        (self.dir / "queue" / "bounced").mkdir(mode=0o750)
        shutil.chown(self.dir / "queue" / "bounced", group="postfix")
        self.places = {"/var/spool/postfix": self.dir / "queue", "127.0.0.1:2527": f"127.0.0.1:{tcp}"}
        self.tcp = {"127.0.0.1:2527": f"127.0.0.1:{tcp}"}

    def start(self, *parts, more="", answers="", main_more="", services_more=""):
        """`more` is of the daemon's settings. Postfix begins with all it needs: a reload takes effect when it likes."""
        conf = self.integration("postfix/bounced.conf", places=self.places)
        self.d = self.daemon_with(conf.replace("[answers]\n", "[answers]\n" + answers) + more)
        main = MAIN.format(dir=self.dir, sink=self.sink.port)
        main += "".join(self.integration(f"postfix/{part}.cf", places=self.tcp if part == "tcp_table" else {}) for part in parts)
        self.file("etc/main.cf", main + main_more)
        self.file("etc/master.cf", SERVICES.format(port=self.port) + services_more)
        done = run("postfix", "-c", self.dir / "etc", "start")
        self.assertEqual(done.returncode, 0, done.stdout)
        self.addCleanup(run, "postfix", "-c", self.dir / "etc", "abort")
        self.until(self.listens, self.log)

    def listens(self):
        try:
            smtplib.SMTP("127.0.0.1", self.port, timeout=DEADLINE_S).quit()
            return True
        except OSError:
            return False

    def log(self):
        path = pathlib.Path(self.dir / "postfix.log")
        return path.read_text(encoding="utf-8", errors="replace") if path.exists() else "no log"

    def send(self, *recipients, sender="news@example.org", client=None, size=10):
        """The replies to each recipient that was refused; the mail goes to the others."""
        with smtplib.SMTP("127.0.0.1", self.port, timeout=DEADLINE_S) as c:
            if client:
                self.assertEqual(c.docmd("XCLIENT", f"ADDR={client}")[0], 220)
            c.ehlo("client.test")
            self.assertEqual(c.mail(sender)[0], 250)
            replies = [c.rcpt(r) for r in recipients]
            if any(code == 250 for code, _ in replies):
                self.assertEqual(c.data("Subject: hello\nMessage-ID: <1@example.org>\n\n" + "x" * 70 + "\n" * size)[0], 250, self.log())
            return [f"{code} {text.decode()}" for code, text in replies]

    def refuses_and_sends(self):
        replies = self.send("hard@example.com", "soft@example.com", "x@gone.example")
        self.assertEqual(replies[0], NO.format("hard@example.com"), self.log())
        self.assertEqual(replies[1][:3], "250")
        self.assertEqual(replies[2], NO.format("x@gone.example"))
        mails = self.sink.wait(1)
        self.assertIsNotNone(mails, self.log())
        self.assertEqual(mails[0][1], ["soft@example.com"])

    def takes_incoming(self):
        self.assertEqual(self.send("user@example.org", sender="stranger@example.com", client="203.0.113.7")[0][:3], "250")

    def test_policy_service(self):
        self.start("policy")
        self.refuses_and_sends()
        self.takes_incoming()
        self.send("soft@example.com", size=150000)
        self.until(lambda: " KB: mail over 100 KB is filtered and refused more often" in self.log(), self.log)

    def test_without_the_daemon_the_policy_service_lets_mail_through(self):
        self.start("policy")
        self.assertEqual(self.d.end(), 0)
        self.assertEqual(self.send("hard@example.com")[0][:3], "250", self.log())

    def test_policy_tags(self):
        self.start("policy", answers="mode = tag\n")
        self.assertEqual(self.send("hard@example.com")[0][:3], "250")
        self.assertIn("X-Bounced-Suppressed: manual, global\r\n", self.sink.wait(1)[0][2])

    def test_socketmap(self):
        self.start("socketmap")
        self.refuses_and_sends()
        self.takes_incoming()

    def test_tcp_table(self):
        self.start("tcp_table")
        self.refuses_and_sends()
        self.takes_incoming()

    def test_transport_map(self):
        self.start("transport")
        self.assertEqual(self.send("hard@example.com")[0][:3], "550", self.log())
        self.assertEqual([r[:3] for r in self.send("soft@example.com")], ["250"])
        self.assertEqual(self.sink.wait(1)[0][1], ["soft@example.com"])

    def test_transport_map_discards_one_of_two(self):
        self.start("transport", answers="mode = discard\n")
        self.assertEqual([r[:3] for r in self.send("hard@example.com", "soft@example.com")], ["250", "250"])
        self.assertEqual(self.sink.wait(1)[0][1], ["soft@example.com"])
        self.until(lambda: "to=<hard@example.com>" in self.log() and "relay=none" in self.log(), self.log)

    def test_milter(self):
        self.start("milter")
        replies = self.send("hard@example.com", "soft@example.com", "x@gone.example")
        self.assertEqual(replies[0], "550 5.7.1 not sent, suppressed by bounced: manual", self.log())
        self.assertEqual([r[:3] for r in replies], ["550", "250", "550"])
        sender, recipients, _ = self.sink.wait(1)[0]
        self.assertEqual(recipients, ["soft@example.com"])
        found = self.objects("verp", "verify", sender, "--verp-keys", self.dir / "keys", "--message", "1@example.org", "--json")
        self.assertEqual((found[0]["result"], found[0]["recipient"]), ("ok", "soft@example.com"))
        self.assertTrue(sender.endswith("@bounces.example.org"), sender)
        self.takes_incoming()
        self.assertEqual(self.sink.wait(2)[1][0], "stranger@example.com")

    def test_milter_signs_mail_of_the_sendmail_command(self):
        self.start("milter", more="reference = yes\n")
        done = run("sendmail", "-C", self.dir / "etc", "-f", "news@example.org", "soft@example.com",
                   input=b"Subject: hello\n\ntext\n")
        self.assertEqual(done.returncode, 0, done.stdout)
        mails = self.sink.wait(1)
        self.assertIsNotNone(mails, self.log())
        self.assertTrue(mails[0][0].endswith("@bounces.example.org"), mails[0])
        self.assertIn(f"X-Bounced-Ref: {mails[0][0]}", mails[0][2])

    def test_milter_discards_one_of_two(self):
        self.start("milter", answers="mode = discard\n")
        self.assertEqual([r[:3] for r in self.send("hard@example.com", "soft@example.com")], ["250", "250"])
        mails = self.sink.wait(1)
        self.assertEqual(mails[0][1], ["soft@example.com"])
        self.assertEqual([r[:3] for r in self.send("hard@example.com")], ["250"])
        self.assertEqual([r[:3] for r in self.send("soft@example.com")], ["250"])
        self.assertEqual([m[1] for m in self.sink.wait(2)], [["soft@example.com"]] * 2)

    def test_milter_tags(self):
        self.start("milter", answers="mode = tag\n")
        self.send("hard@example.com")
        self.assertIn("X-Bounced-Suppressed: manual, global\r\n", self.sink.wait(1)[0][2])

    def test_a_percent_sign_in_a_refusal_is_one(self):
        self.start("milter", answers="reject_text = {address}\n")
        self.assertEqual(self.send('"50%off"@gone.example')[0], '550 5.7.1 "50%off"@gone.example', self.log())


if __name__ == "__main__":
    os.umask(0o022)
    unittest.main()
