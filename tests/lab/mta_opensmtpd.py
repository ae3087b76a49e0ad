"""OpenSMTPD 6.8."""
import re
import smtplib
import time

import collect
from inject import Injector, mails

PACKAGES = ["opensmtpd"]

CONF = """\
queue ttl 5d
bounce warn-interval 4h
smtp max-message-size 20M
table aliases file:/etc/aliases
listen on 127.0.0.1 port 25 hostname mail.example.org
listen on 192.0.2.1 port 25 hostname mail.example.org
action "local" maildir "%{user.directory}/Maildir" alias <aliases>
action "inner" relay host smtp://127.0.0.1:2525
action "out" relay src 192.0.2.1 helo mail.example.org
match from any for domain { "example.org", "news.example.org", "mail.example.org" } action "local"
match from any for domain "intern.example.org" action "inner"
match from any for any action "out"
"""

EXTRA = [("rex@example.org", "system-error", "mda-fails"), ("news@example.org", "user-unknown", "alias"),
         ("support@example.org", "mailbox-full", "alias-full"), ("bounces@example.org", None, "local")]

LINE = re.compile(r" m[td]a delivery evpid=(?P<qid>\S+) from=<[^>]*> to=<(?P<to>[^>]*)> (?:rcpt=<(?P<orig>[^>]*)> )?.*result=\"?(?P<word>\w+)")
EXPIRY = re.compile(r"(?:relay|delivery): Expire for (?P<qid>\w+): .* to=<(?P<to>[^>]*)>")
KINDS = {"Ok": "delivered", "TempFail": "deferred", "PermFail": "failed"}


def settle(world, limit=30):
    end, last, quiet = time.time() + limit, -1, 0
    while time.time() < end and quiet < 4:
        time.sleep(1)
        n = len(world.syslog.records)
        quiet, last = (quiet + 1 if n == last else 0), n


def flush(world, **delta):
    world.jump(**delta)
    world.run("smtpctl", "resume", "route", "1", check=False)
    world.run("smtpctl", "schedule", "all", check=False)
    settle(world)


class Steady(Injector):
    """6.8 dies now and then of a double free; then it is started again."""

    def __init__(self, world):
        super().__init__(world)
        self.daemon = None

    def send(self, *args, **kw):
        for _ in range(4):
            if not self.daemon or self.daemon.poll() is not None:
                self.daemon = self.world.spawn("chroot", self.world.root, "smtpd", "-F",
                                               env={"PATH": "/usr/sbin:/usr/bin:/sbin:/bin"})
                time.sleep(3)
            try:
                return super().send(*args, **kw)
            except (OSError, smtplib.SMTPException) as e:
                print("again:", e)
                time.sleep(1)


def run(world):
    judge = collect.Judge(world.scenarios, EXTRA)
    world.write("/etc/smtpd.conf", CONF)
    world.write("/etc/aliases", "postmaster: root\nroot: bounces\nnews: nobody@corp.example.com, ada@corp.example.com\n"
                                "support: quota@plain.example.net\n")
    world.write("/home/rex/.forward", "|echo cannot open the archive; exit 1\n")
    world.run("chown", "rex", "/home/rex/.forward")
    inj = Steady(world)
    for i, s in enumerate(world.scenarios[::2] + [s for s in world.scenarios[1::2] if "dns" in s or "tcp" in s]):
        # the hang would last its fixed five minutes; it refuses the odd address itself
        if not s["to"].isascii() or s.get("do") == "hang" or ".." in s["to"] or s["phase"] == "local":
            continue
        inj.send([s["to"]], mail=["RET=HDRS"] if i % 3 == 0 else [], size=60 if s["id"] == "size-announced" else 0)
        time.sleep(0.5)
    inj.send(["nobody@corp.example.com", "full@corp.example.com", "ada@corp.example.com", "closed@corp.example.com",
              "spamtest@corp.example.com", "who@plain.example.net", "user@gone.example.com"])
    for to in ("rex@example.org", "news@example.org", "support@example.org"):
        inj.send([to])
    inj.send(["ada@corp.example.com", "bounces@example.org"], rcpt=["NOTIFY=SUCCESS,FAILURE,DELAY"])
    settle(world)
    for delta in ({"hours": 5}, {"days": 6}):
        flush(world, **delta)
    got = mails(world)
    collect.save_log("logs/opensmtpd.log", list(world.syslog.lines("bsd", lambda r: "smtpd" in r[2])), judge, LINE, KINDS,
                     expiry=EXPIRY)
    print(len(got), "mails")
    collect.save_mails("opensmtpd", got, judge, lambda data: ("message", None))
