"""Postfix: three runs that differ in log style, queue ids and settings."""
import os
import time

import collect
from inject import Injector, mails

PACKAGES = ["postfix"]

MAIN = """\
compatibility_level = 3.6
myhostname = mail.example.org
mydomain = example.org
myorigin = example.org
mydestination = example.org, news.example.org, mail.example.org
inet_interfaces = 127.0.0.1, 192.0.2.1
inet_protocols = all
smtp_bind_address = 192.0.2.1
mynetworks = 127.0.0.0/8, 192.0.2.1/32
smtpd_relay_restrictions = permit_mynetworks, reject
smtpd_authorized_verp_clients = $mynetworks
local_recipient_maps =
alias_maps = hash:/etc/aliases
alias_database = hash:/etc/aliases
home_mailbox = Maildir/
recipient_delimiter = +
transport_maps = inline:{ {intern.example.org = smtp:[127.0.0.1]:2525}, {pochta.example.org = bulk:}, {poste.example.org = bulk:} }
smtp_tls_security_level = none
smtp_tls_policy_maps = inline:{ {tlsbroken.example.org = encrypt} }
smtp_connect_timeout = 3s
smtp_helo_timeout = 4s
smtp_mail_timeout = 4s
smtp_rcpt_timeout = 4s
smtp_data_done_timeout = 4s
smtp_address_preference = any
delay_warning_time = 4h
smtputf8_enable = yes
"""

MASTER = """
bulk unix - - n - - smtp -o syslog_name=postfix-192.0.2.1
127.0.0.1:10587 inet n - n - - smtpd -o syslog_name=postfix/submission -o content_filter=smtp:[127.0.0.1]:10024
127.0.0.1:10025 inet n - n - - smtpd -o content_filter= -o syslog_name=postfix/reinject
"""

ALIASES = """\
postmaster: root
root: bounces
news: nobody@corp.example.com, ada@corp.example.com
owner-club: bounces
club: full@corp.example.com, closed@corp.example.com, ada@corp.example.com
support: quota@plain.example.net
"""

def settle(world, limit=60):
    """Waits until nothing is being tried any more."""
    end = time.time() + limit
    quiet = 0
    while time.time() < end and quiet < 2:
        time.sleep(1)
        busy = any(files for q in ("incoming", "active", "maildrop")
                   for _, _, files in os.walk(world.root + "/var/spool/postfix/" + q))
        quiet = 0 if busy else quiet + 1


def start(world, extra=""):
    world.write("/etc/postfix/main.cf", MAIN + extra)
    cf = world.read("/etc/postfix/master.cf").decode()
    if "10587" not in cf:
        lines = []
        for l in cf.splitlines():
            f = l.split()
            if len(f) == 8 and not l.startswith((" ", "#")) and f[4] == "y":
                l = " ".join(f[:4] + ["n"] + f[5:])
            lines.append(l)
        world.write("/etc/postfix/master.cf", "\n".join(lines) + MASTER)
    world.write("/etc/aliases", ALIASES)
    world.run("newaliases")
    r = world.run("postfix", "start", check=False)
    if r.returncode:
        raise SystemExit(r.stderr.decode())
    time.sleep(2)


def stop(world):
    world.run("postfix", "stop", check=False)
    time.sleep(1)


def judge_of(world):
    return collect.Judge(world.scenarios, [
        ("club@example.org", None, "list"), ("bounces@example.org", None, "local"),
        ("nosuchsender@example.org", "user-unknown", "sender-unknown"),
        ("user+tag@gone.example.com", "domain-unknown", "nxdomain-tag")])


def flush(world, **delta):
    world.jump(**delta)
    world.run("postqueue", "-f")
    time.sleep(1)
    settle(world)


def classic(world):
    """BSD stamps, short queue ids, every scenario, days of retries."""
    start(world)
    inj = Injector(world)
    for i, s in enumerate(world.scenarios):
        size = 60 if s["id"] == "size-announced" else 0
        opt = [["RET=HDRS"], ["RET=FULL", "ENVID=c17-%04d" % i], []][i % 3]
        rc = [["ORCPT=rfc822;" + s["to"].replace("+", "+2B"), "NOTIFY=FAILURE,DELAY"], []][i % 2] if s["to"].isascii() else []
        sender = "bounces+%04d=c17@example.org" % i if i % 4 == 3 else "bounces@example.org"
        port = 10587 if i % 5 == 4 and s["to"].isascii() else 25
        inj.send([s["to"]], sender, port, opt, rc, size)
    inj.send(["nobody@corp.example.com", "full@corp.example.com", "ada@corp.example.com", "closed@corp.example.com",
              "spamtest@corp.example.com", "who@plain.example.net", "user@gone.example.com"])
    inj.send(["typo@bigmail.example.com", "gone@bigmail.example.com", "noone@plain.example.net"], "bounces@example.org",
             mail=["XVERP"])
    inj.send(["news@example.org"], rcpt=["ORCPT=rfc822;news@example.org"])
    inj.send(["support@example.org"])
    inj.send(["ada@corp.example.com", "bounces@example.org"], rcpt=["NOTIFY=SUCCESS,FAILURE,DELAY"], mail=["ENVID=c17-ok"])
    inj.send(["club@example.org"], rcpt=["NOTIFY=SUCCESS,FAILURE", "ORCPT=rfc822;club@example.org"])
    inj.send(["user+tag@gone.example.com", '"quoted user"@corp.example.com'])
    settle(world)
    for delta in ({"hours": 1}, {"hours": 4}, {"hours": 20}, {"days": 2}, {"days": 3}):
        flush(world, **delta)
    stop(world)


def soft(world):
    """maillog_file, long queue ids, soft_bounce, copies to postmaster, a short queue life."""
    start(world, "maillog_file = /var/log/postfix.log\nenable_long_queue_ids = yes\nsoft_bounce = yes\n"
                 "maximal_queue_lifetime = 2h\nnotify_classes = bounce, 2bounce, delay, resource, software\n")
    inj = Injector(world)
    for i, s in enumerate(world.scenarios[::6]):
        inj.send([s["to"]], "nosuchsender@example.org" if i == 3 else "bounces@example.org")
    settle(world)
    flush(world, hours=1)
    flush(world, hours=2)
    stop(world)


def iso(world):
    """ISO stamps, long queue ids, another instance name, BSD and journal forms of the same lines."""
    start(world, "enable_long_queue_ids = yes\nsyslog_name = postfix-out\nmaximal_queue_lifetime = 1d\n")
    inj = Injector(world)
    for i, s in enumerate(world.scenarios[1::3]):
        inj.send([s["to"]], port=10587 if i % 7 == 6 else 25)
    settle(world)
    flush(world, hours=5)
    flush(world, hours=20)
    stop(world)


def run(world):
    judge = judge_of(world)
    mine = lambda r: r[2].startswith("postfix")
    classic(world)
    got = mails(world)
    lines = list(world.syslog.lines("bsd", mine))
    collect.save_log("logs/postfix-classic.log", lines, judge)
    collect.save_rotated("logs/rotated", lines)
    world.run("sh", "-c", "rm -rf /home/bounces/Maildir")
    soft(world)
    collect.save_log("logs/postfix-maillog_file.log", world.read("/var/log/postfix.log").decode("utf-8", "replace").splitlines(), judge)
    got += mails(world)
    world.run("sh", "-c", "rm -rf /home/bounces/Maildir; rm /var/log/postfix.log")
    del world.syslog.records[:]
    iso(world)
    collect.save_log("logs/postfix-iso.log", list(world.syslog.lines("iso", mine)), judge)
    collect.put("logs/postfix-journal.export", world.syslog.journal(mine, 160))
    print(len(got), "mails")
    collect.save_mails("postfix", got, judge)
