"""Bounces by SMTP and LMTP, as mail servers bring them: the daemon as a whole, TLS, and a real Postfix in front of it."""
import os
import pathlib
import shutil
import smtplib
import socket
import ssl
import subprocess
import textwrap
import time
import unittest

from daemontest import DEADLINE_S, Daemon, DaemonCase

INBOX = """
[lmtp in]
listen = unix:{dir}/lmtp
group = {group}
domains = bounces.example
[smtp in]
listen = 127.0.0.1:0
domains = bounces.example
addresses = fbl@example.org
vouched = yes
hostname = mx.example
[aside]
path = aside
"""


def report(recipient, note="1"):
    """A DSN about one recipient who does not exist."""
    return textwrap.dedent(f"""\
        From: MAILER-DAEMON@mx.remote.example
        To: bounces
        Subject: Undelivered Mail Returned to Sender
        Date: Sat, 21 Nov 2026 11:00:00 +0000
        X-Note: {note}
        MIME-Version: 1.0
        Content-Type: multipart/report; report-type=delivery-status; boundary="b"

        --b
        Content-Type: text/plain

        I could not deliver your message.

        --b
        Content-Type: message/delivery-status

        Reporting-MTA: dns; mx.remote.example

        Final-Recipient: rfc822; {recipient}
        Action: failed
        Status: 5.1.1
        Diagnostic-Code: smtp; 550 5.1.1 <{recipient}>: User unknown

        --b
        Content-Type: text/rfc822-headers

        Message-ID: <{note}@news.example>
        To: {recipient}

        --b--
        """)


class Wire:
    """A connection that is spoken to byte by byte."""

    def __init__(self, address):
        self.socket = socket.create_connection(address, timeout=DEADLINE_S)
        self.file = self.socket.makefile("rb")
        self.expect("220")

    def say(self, data):
        self.socket.sendall(data)

    def expect(self, code):
        """One reply, all of its lines; its code must be this one."""
        lines = []
        while not lines or lines[-1][3:4] == b"-":
            lines.append(self.file.readline())
            if not lines[-1]:
                raise EOFError(b"".join(lines))
        assert lines[-1].startswith(code.encode()), lines
        return lines

    def secure(self):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        self.socket = context.wrap_socket(self.socket)
        self.file = self.socket.makefile("rb")

    def close(self):
        self.file.close()
        self.socket.close()


class InboxCase(DaemonCase):
    def setUp(self):
        super().setUp()
        self.dir.chmod(0o755)

    def inbox(self, more="", group=""):
        self.text = INBOX.format(dir=self.dir, group=group) + more
        return self.daemon(self.text)

    def smtp_address(self, d):
        """Where the kernel let [smtp in] listen."""
        for role in d.status()["roles"]:
            if role.get("role") == "smtp":
                host, _, port = role["listen"].rpartition(":")
                return host, int(port)
        raise AssertionError(d.status())

    def client(self, d):
        c = smtplib.SMTP(*self.smtp_address(d), timeout=DEADLINE_S)
        self.addCleanup(c.close)
        return c

    def wire(self, d):
        w = Wire(self.smtp_address(d))
        self.addCleanup(w.close)
        return w

    def events(self, address):
        return [e for e in self.objects("events") if e["address"] == address]

    def assert_suppressed(self, address, suppressed=True):
        done = self.bounced("check", address, code=None)
        self.assertEqual("suppressed" in done.out, suppressed, done.out + done.err)


class Inbox(InboxCase):
    def test_lmtp(self):
        d = self.inbox()
        with smtplib.LMTP(str(self.dir / "lmtp")) as c:
            self.assertEqual(c.sendmail("", ["b@bounces.example"], report("gone@remote.example")), {})
            c.mail("")
            self.assertEqual(c.rcpt("x@example.com"), (550, b"5.7.1 relaying denied"))
        # nobody vouches for this socket, and nothing proves the report: it is held, not believed
        self.assert_suppressed("gone@remote.example", False)
        self.assertEqual(d.end(), 0)

    def test_smtp_is_durable(self):
        d = self.inbox()
        with self.client(d) as c:
            c.sendmail("", ["b@bounces.example"], report("gone@remote.example"))
        d.kill()  # what was answered with 250 is there, however the daemon ends
        self.assert_suppressed("gone@remote.example")
        d = Daemon(self)
        with self.client(d) as c:  # its server did not hear the answer, and comes again
            c.sendmail("", ["b@bounces.example"], report("gone@remote.example"))
        self.assertEqual(len(self.events("gone@remote.example")), 1)

    def test_utf8_addresses(self):
        d = self.inbox()
        with self.client(d) as c:
            c.ehlo("client.example")
            self.assertTrue(c.has_extn("smtputf8") and c.has_extn("8bitmime") and c.has_extn("chunking"))
            c.sendmail("jürgen@absender.example", ["jürgen@bounces.example"], report("müller@remote.example").encode(),
                       mail_options=["SMTPUTF8", "BODY=8BITMIME"])
        self.assert_suppressed("müller@remote.example")

    def test_chunks(self):
        w = self.wire(self.inbox())
        mail = report("gone@remote.example").replace("\n", "\r\n").encode()
        half = len(mail) // 2
        w.say(b"EHLO client.example\r\n")
        w.expect("250")
        w.say(b"MAIL FROM:<>\r\nRCPT TO:<fbl@example.org>\r\nBDAT %d\r\n%bBDAT %d LAST\r\n%bQUIT\r\n"
              % (half, mail[:half], len(mail) - half, mail[half:]))
        for code in "250", "250", "250", "250", "221":
            w.expect(code)
        self.assert_suppressed("gone@remote.example")

    def test_no_report_is_kept(self):
        d = self.inbox()
        with self.client(d) as c:
            c.sendmail("who@remote.example", ["fbl@example.org"], "Subject: hello\r\n\r\nIs anybody there?\r\n")
        kept = list((self.dir / "aside" / "smtp-in").iterdir())
        self.assertEqual(len(kept), 1)
        self.assertEqual(kept[0].read_text(), "Return-Path: <who@remote.example>\nDelivered-To: fbl@example.org\n"
                                              "Subject: hello\n\nIs anybody there?\n")
        self.assertEqual(kept[0].stat().st_mode & 0o77 & kept[0].parent.stat().st_mode, 0)
        d.until_told("mail.aside feed=smtp:in")

    def test_a_reload_changes_who_is_accepted(self):
        d = self.inbox()
        self.conf(self.text.replace("addresses = fbl@example.org", "addresses = complaints@example.org"))
        self.bounced("reload", "--config", self.dir / "bounced.conf")

        def accepted():
            with self.client(d) as c:
                c.ehlo()
                c.mail("")
                return c.rcpt("complaints@example.org")[0] == 250 and c.rcpt("fbl@example.org")[0] == 550
        d.until(accepted, "the reload never took effect")

    @unittest.skipUnless(shutil.which("openssl"), "skipped: openssl is not installed")
    def test_tls(self):
        pem = self.dir / "tls.pem"
        subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
                        "-subj", "/CN=mx.example", "-addext", "subjectAltName=DNS:mx.example,IP:127.0.0.1", "-keyout",
                        str(pem), "-out", str(self.dir / "tls.crt")], capture_output=True, check=True)
        pem.write_bytes(pem.read_bytes() + (self.dir / "tls.crt").read_bytes())
        self.text = INBOX.format(dir=self.dir, group="").replace("vouched = yes", "vouched = yes\ntls = starttls")
        d = self.daemon(self.text + "[tls]\ncertificate = tls.pem\n")
        context = ssl.create_default_context(cafile=str(self.dir / "tls.crt"))
        with self.client(d) as c:
            c.starttls(context=context)
            c.ehlo()
            self.assertFalse(c.has_extn("starttls"))
            c.sendmail("", ["b@bounces.example"], report("gone@remote.example"))
        self.assert_suppressed("gone@remote.example")
        # what came in clear behind STARTTLS is not obeyed (CVE-2011-0411)
        w = self.wire(d)
        w.say(b"EHLO client.example\r\n")
        w.expect("250")
        w.say(b"STARTTLS\r\nEHLO evil.example\r\nMAIL FROM:<>\r\n")
        w.expect("220")
        w.secure()
        w.say(b"RCPT TO:<b@bounces.example>\r\n")
        self.assertIn(b"EHLO comes first", w.expect("503")[0])
        w.say(b"QUIT\r\n")
        w.expect("221")


class Maildir(InboxCase):
    def deliver(self, box, name, mail):
        (box / "tmp" / name).write_text(mail)
        (box / "tmp" / name).rename(box / "new" / name)

    def test_mails_are_read_as_they_come(self):
        seen, gone = self.dir / "seen", self.dir / "gone"
        for box in seen, gone:
            for folder in "tmp", "new", "cur":
                (box / folder).mkdir(parents=True)
        d = self.daemon(f"[maildir seen]\npath = seen\nvouched = yes\n[maildir gone]\npath = gone\nafter = delete\n"
                        "[aside]\npath = aside\nmax_mails = 1\n")
        self.deliver(seen, "1.host", report("a@remote.example"))
        d.until(lambda: (seen / "cur" / "1.host:2,S").exists(), "the mail was never marked")
        self.assert_suppressed("a@remote.example")
        for name in "1.host", "2.host", "3.host":
            self.deliver(gone, name, f"Subject: {name}\n\nNo report.\n")
        d.until(lambda: not list((gone / "new").iterdir()), "the mails were never deleted")
        self.assertEqual(len(list((self.dir / "aside" / "maildir-gone").iterdir())), 1)
        self.assertEqual(d.end(), 0)


MAIN_CF = """\
compatibility_level = 3.6
queue_directory = {root}/spool
data_directory = {root}/data
command_directory = /usr/sbin
daemon_directory = {daemons}
mail_owner = postfix
setgid_group = postdrop
myhostname = mail.example.org
myorigin = example.org
mydestination =
inet_interfaces = loopback-only
inet_protocols = ipv4
local_recipient_maps =
alias_maps =
alias_database =
mynetworks = 127.0.0.0/8
append_dot_mydomain = no
smtputf8_enable = no
maillog_file = {root}/log
maillog_file_prefixes = {root}
transport_maps = inline:{{ {{bounces.example = lmtp:unix:{socket}}}, {{gone.example = error:5.1.1 no such user}} }}
"""

MASTER_CF = """\
pickup unix n - n 1 1 pickup
cleanup unix n - n - 0 cleanup
qmgr unix n - n 1 1 qmgr
tlsmgr unix - - n 1000? 1 tlsmgr
rewrite unix - - n - - trivial-rewrite
bounce unix - - n - 0 bounce
defer unix - - n - 0 bounce
trace unix - - n - 0 bounce
error unix - - n - - error
retry unix - - n - - error
lmtp unix - - n - - lmtp
flush unix n - n 1000? 0 flush
showq unix n - n - - showq
proxymap unix - - n - - proxymap
postlog unix-dgram n - n - 1 postlogd
"""

DAEMONS = "/usr/lib/postfix/sbin"


class Postfix:
    """A Postfix of its own: queue, settings and log in one directory."""

    def __init__(self, case, socket_path):
        self.root = pathlib.Path(case.dir) / "postfix"
        self.conf = self.root / "conf"
        for folder in self.conf, self.root / "spool", self.root / "data":
            folder.mkdir(parents=True)
        shutil.chown(self.root / "data", "postfix")
        (self.conf / "main.cf").write_text(MAIN_CF.format(root=self.root, daemons=DAEMONS, socket=socket_path))
        (self.conf / "master.cf").write_text(MASTER_CF)
        self.env = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "MAIL_CONFIG": str(self.conf)}
        case.addCleanup(self.run, "stop", check=False)
        self.run("start")

    def run(self, *words, check=True):
        return subprocess.run(["postfix", "-c", str(self.conf), *words], env=self.env, capture_output=True, check=check,
                              timeout=DEADLINE_S)

    def send(self, sender, recipients, mail):
        subprocess.run(["sendmail", "-C", str(self.conf), "-f", sender, "-i", *recipients], env=self.env, input=mail.encode(),
                       check=True, timeout=DEADLINE_S)

    def told(self):
        log = self.root / "log"
        return log.read_text(errors="replace") if log.exists() else ""


@unittest.skipUnless(os.path.exists(DAEMONS + "/lmtp"), "skipped: Postfix is not installed")
@unittest.skipUnless(os.geteuid() == 0, "skipped: a Postfix of its own wants root")
class RealPostfix(InboxCase):
    """integrations/postfix/lmtp.md, done."""

    def test_its_reports_come_by_lmtp(self):
        self.file("verp.keys", "1 aaaqeayeaudaocajbifqydiob4\n").chmod(0o600)
        self.text = INBOX.format(dir=self.dir, group="postfix")
        self.conf(self.text)
        conf = self.dir / "bounced.conf"
        conf.write_text(conf.read_text().replace("[sign]\nkeys =\n", "[sign]\nkeys = verp.keys\n"))
        d = Daemon(self)
        signed = self.bounced("verp", "--verp-keys", "verp.keys", "--domain", "bounces.example", "--message", "week-47",
                              "make", "a@gone.example").out.split()[-1]
        postfix = Postfix(self, self.dir / "lmtp")
        postfix.send(signed, ["a@gone.example"], "Subject: news\nFrom: news@example.org\nTo: a@gone.example\n\nNews.\n")
        postfix.send("b@bounces.example", ["b@gone.example", "c@gone.example"],
                     "Subject: news\nFrom: news@example.org\n\nNews.\n")

        def arrived():
            return postfix.told().count("status=sent (250 2.0.0 taken)") >= 2
        try:
            d.until(arrived, "Postfix never delivered its reports")
        except AssertionError as error:
            raise AssertionError(postfix.told()) from error
        # the signed return path proves the first one; the others are anybody's word
        self.assert_suppressed("a@gone.example")
        self.assert_suppressed("b@gone.example", False)
        for address in "a@gone.example", "b@gone.example", "c@gone.example":
            self.assertEqual([(e["kind"], e["reason"], e["reporting_mta"]) for e in self.events(address)],
                             [("failed", "user-unknown", "mail.example.org")])

    def test_it_keeps_its_mails_while_the_daemon_is_away(self):
        d = self.inbox(group="postfix")
        self.assertEqual(d.end(), 0)
        postfix = Postfix(self, self.dir / "lmtp")
        postfix.send("b@bounces.example", ["b@gone.example"], "Subject: news\n\nNews.\n")
        deadline = time.monotonic() + DEADLINE_S
        while "status=deferred" not in postfix.told() and time.monotonic() < deadline:
            time.sleep(0.05)
        self.assertIn("status=deferred", postfix.told())
        d = Daemon(self)
        postfix.run("flush")
        d.until(lambda: "status=sent (250 2.0.0 taken)" in postfix.told(), "Postfix never came again")
        self.assertEqual(len(self.events("b@gone.example")), 1)


if __name__ == "__main__":
    unittest.main()
