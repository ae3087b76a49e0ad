"""People are told: alerts of a daemon arrive by mail and through a program, together, once, and over a restart."""
import datetime
import json
import os
import socket
import threading
import unittest

from daemontest import Daemon, DaemonCase


class Receiver:
    """An SMTP server that takes every mail, for the scripted moment at which it is open."""

    def __init__(self, case, refuse=False):
        self.mails, self.recipients, self.refuse = [], [], refuse
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self.serve, daemon=True).start()
        case.addCleanup(self.listener.close)

    def serve(self):
        while True:
            try:
                peer, _ = self.listener.accept()
            except OSError:
                return
            with peer, peer.makefile("rwb") as wire:
                try:
                    self.talk(wire)
                except OSError:
                    pass

    def talk(self, wire):
        def say(text):
            wire.write(text.encode() + b"\r\n")
            wire.flush()

        say("220 here")
        for line in wire:
            verb = line.split()[0].upper() if line.split() else b""
            if verb == b"DATA":
                say("354 go on")
                mail = []
                for part in wire:
                    if part == b".\r\n":
                        break
                    mail.append(part[1:] if part.startswith(b".") else part)
                self.mails.append(b"".join(mail).decode())
                say("250 taken")
            elif verb == b"RCPT":
                self.recipients.append(line.decode().split(":", 1)[1].strip())
                say("550 5.1.1 nobody of that name" if self.refuse else "250 yes")
            elif verb == b"QUIT":
                say("221 bye")
                return
            else:
                say("250 yes")


class Notify(DaemonCase):
    def bad_campaign(self, name="spring", hard=100):
        now = datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")
        lines = []
        for i in range(400):
            event = {"recipient": f"a{i}@example.org", "time": now, "campaign": name, "message_id": f"{i}.{name}@x.example",
                     "event": "failed" if i < hard else "delivered"}
            if i < hard:
                event["reply"] = "550 5.1.1 User unknown"
            lines.append(json.dumps(event))
        self.bounced("ingest", "-q", self.file(f"{name}.jsonl", "\n".join(lines) + "\n"))

    def test_mail_and_program(self):
        receiver = Receiver(self)
        out = self.dir / "told.json"
        self.bad_campaign()
        daemon = self.daemon(f"[alerts]\nopen = 0\n"
                             f"[notify ops]\nto = ops@example.org, boss@example.org\nserver = 127.0.0.1:{receiver.port}\n"
                             f"[notify pager]\ntype = command\ncommand = /usr/bin/tee\ncommand = {out}\nrules = hard\n")
        mail = daemon.until(lambda: receiver.mails and receiver.mails[0])
        self.assertIn("<ops@example.org>", receiver.recipients)
        self.assertIn("<boss@example.org>", receiver.recipients)
        self.assertIn("To: ops@example.org, boss@example.org", mail)
        self.assertIn("ALERT  hard campaign spring: 25.00 % (100 of 400), limit 2.00 %", mail)
        self.assertIn("likely   data quality", mail)
        self.assertIn("look     bounced advice campaign 'spring'", mail)
        self.assertRegex(mail, r"Subject: \[bounced\] \d+ alerts")
        told = json.loads(daemon.until(lambda: out.exists() and out.read_text().endswith("\n") and out.read_text()))
        self.assertEqual(told["channel"], "pager")
        self.assertEqual({a["rule"] for a in told["alerts"]}, {"hard"})
        self.assertEqual({a["event"] for a in told["alerts"]}, {"opened"})
        daemon.until(lambda: {r["role"]: r for r in daemon.status()["roles"] if r.get("name") == "ops"}["notify"]["messages"] == 1)
        self.assertEqual(daemon.end(), 0)
        self.assertEqual(len(receiver.mails), 1, "all in one mail")
        again = Daemon(self)
        again.until_told("daemon.ready")
        again.end()
        self.assertEqual(len(receiver.mails), 1, "and not again")

    def test_nothing_is_lost_over_a_restart(self):
        deaf = Receiver(self, refuse=True)
        self.bad_campaign()
        daemon = self.daemon(f"[alerts]\nopen = 0\n[notify ops]\nto = ops@example.org\nrules = hard\nevery = 0\nserver = 127.0.0.1:{deaf.port}\n")
        daemon.until_told("notify.failed")
        self.assertIn("550 5.1.1 nobody of that name", daemon.told())
        daemon.kill()
        good = Receiver(self)
        self.conf(f"[alerts]\nopen = 0\n[notify ops]\nto = ops@example.org\nrules = hard\nevery = 0\nserver = 127.0.0.1:{good.port}\n")
        again = Daemon(self)
        again.until(lambda: any("hard campaign spring" in mail for mail in good.mails))  # alerts may come in several mails
        self.assertEqual(again.end(), 0)

    def test_a_program_that_fails_or_hangs(self):
        self.bad_campaign()
        daemon = self.daemon("[alerts]\nopen = 0\n"
                             "[notify no]\ntype = command\ncommand = /bin/sh\ncommand = -c\ncommand = echo not today; exit 3\n"
                             "[notify slow]\ntype = command\ncommand = /bin/sleep\ncommand = 600\ntimeout = 1s\n"
                             "[notify none]\ntype = command\ncommand = /nowhere/at/all\n")
        daemon.until_told("exit status 3: not today")
        daemon.until_told("it took too long, and was ended")
        daemon.until_told("exit status 127: No such file or directory")
        self.assertEqual(daemon.end(), 0)

    def test_trying_a_channel(self):
        receiver = Receiver(self)
        out = self.dir / "tried"
        sendmail = self.file("sendmail", f"#!/bin/sh\necho \"$@\" >{self.dir}/words\ncat >{self.dir}/mail\n")
        sendmail.chmod(0o755)
        conf = self.conf(f"[notify ops]\nto = ops@example.org\nserver = 127.0.0.1:{receiver.port}\n"
                         f"[notify gone]\nto = ops@example.org\nserver = 127.0.0.1:1\n"
                         f"[notify local]\nto = ops@example.org\nsendmail = {sendmail}\n"
                         f"[notify pager]\ntype = command\ncommand = /usr/bin/tee\ncommand = {out}\n")
        self.bounced("alerts", "test", "ops", "--config", conf)
        self.assertIn("Subject: [bounced] a test of this channel", receiver.mails[0])
        self.bounced("alerts", "test", "pager", "--config", conf)
        self.assertTrue(json.loads(out.read_text())["test"])
        self.assertIn("mail to 127.0.0.1:1", self.bounced("alerts", "test", "gone", "--config", conf, code=74).err)
        self.bounced("alerts", "test", "local", "--config", conf)
        self.assertEqual((self.dir / "words").read_text(), "-i -f bounced@localhost -- ops@example.org\n")
        self.assertIn("To: ops@example.org", (self.dir / "mail").read_text())
        self.bounced("alerts", "test", "nobody", "--config", conf, code=1)
        self.bounced("alerts", "test", "--config", conf, code=64)

    def test_settings_that_make_no_sense(self):
        for more, why in (("[notify x]\nto = -oQ/tmp@x\n", "is no address"), ("[notify x]\n", "who gets the mail"),
                          ("[notify x]\ntype = command\ncommand = mail\n", "by its whole path"),
                          ("[notify x]\nto = a@b.example\nrules = hart\n", "there is no rule")):
            self.conf(more)
            daemon = Daemon(self, ready=False)
            self.assertNotEqual(daemon.wait(), 0)
            self.assertIn(why, daemon.told())


if __name__ == "__main__":
    unittest.main()
