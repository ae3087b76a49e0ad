"""What the daemon does once a day: it sends the digest, once, also over a restart, and suppresses by the sunset rule."""
import datetime
import email
import email.policy
import json
import unittest

from daemontest import Daemon, DaemonCase
from test_notify import Receiver

NOW = datetime.datetime.now(datetime.timezone.utc)


def event(kind, recipient, days, campaign, **more):
    time = (NOW - datetime.timedelta(days=days)).strftime("%Y-%m-%dT%H:%M:%SZ")
    return json.dumps({"event": kind, "recipient": recipient, "time": time, "campaign": campaign,
                       "message_id": f"{recipient}-{campaign}-{days}", **more}) + "\n"


class Daily(DaemonCase):
    def role(self, daemon, name):
        return next(r for r in daemon.status()["roles"] if r["role"] == name)

    def test_the_digest_is_sent_once(self):
        self.bounced("ingest", "-q", self.file("e.ndjson", "".join(event("delivered", f"u{i}@d.example", 1, "c") for i in range(9))))
        receiver = Receiver(self)
        settings = (f"[notify people]\nto = ops@example.org\nfrom = b@example.org\nserver = 127.0.0.1:{receiver.port}\n"
                    "[digest]\nenabled = yes\nhour = 0\n")
        daemon = self.daemon(settings)
        raw = daemon.until(lambda: receiver.mails and receiver.mails[0])
        mail = email.message_from_string(raw, policy=email.policy.default)
        self.assertEqual(mail["To"], "ops@example.org")
        self.assertIn("9 sent", mail["Subject"])
        self.assertEqual([p.get_content_type() for p in mail.iter_parts()], ["text/plain", "text/html"])
        day = daemon.until(lambda: self.role(daemon, "digest").get("day"))
        self.assertEqual(daemon.end(), 0)
        again = Daemon(self)
        self.assertEqual(again.until(lambda: self.role(again, "digest").get("day")), day)
        self.assertEqual(self.role(again, "digest")["sent"], 0)
        self.assertEqual(again.end(), 0)
        self.assertEqual(len(receiver.mails), 1)

    def test_nobody_to_send_it_to(self):
        daemon = self.daemon("[digest]\nenabled = yes\nhour = 0\n")
        daemon.until_told("digest.failed")
        self.assertIn("notify NAME", daemon.told())
        self.assertEqual(daemon.end(), 0)

    def test_the_sunset_rule(self):
        lines = [event("delivered", f"{name}@d.example", 400, "old") for name in ("idle", "reader", "fine")]
        lines += [event("opened", "reader@d.example", 20, "c1")]
        for name in ("idle", "reader"):
            lines += [event("bounced", f"{name}@d.example", days, f"c{days}", reply="552 5.2.2 mailbox is over quota")
                      for days in (9, 5, 1)]
        self.conf("[policy]\nquota = never\ncampaign = never\nslow = never\n")
        self.bounced("ingest", "-q", "--config", self.dir / "bounced.conf", self.file("e.ndjson", "".join(lines)))
        daemon = self.daemon("[policy]\nquota = never\ncampaign = never\nslow = never\n"
                             "[sunset]\nenabled = yes\nunengaged = 90d\nfailing = 3\nhour = 0\n")
        daemon.until_told("found=1 suppressed=1")
        self.assertEqual(self.role(daemon, "sunset")["suppressed"], 1)
        self.bounced("check", "idle@d.example", code=1)
        self.bounced("check", "reader@d.example", "fine@d.example")
        self.assertEqual(daemon.end(), 0)


if __name__ == "__main__":
    unittest.main()
