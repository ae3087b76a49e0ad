"""Small senders and the auto-replies of mail stores: dma, nullmailer, vacation, dovecot-lda with Sieve.

Each program hands what it makes to a stand-in for /usr/sbin/sendmail that
keeps it, because none of them has a queue of its own (dma and nullmailer do).
"""
import glob
import os
import subprocess
import time

import collect
import inject

PACKAGES = ["dovecot-lmtpd", "dovecot-sieve", "dma", "vacation"]

KEEP = """\
#!/bin/sh
mkdir -p /tmp/kept
exec cat > /tmp/kept/$(date +%s%N).$$
"""

DOVECOT = """\
mail_location = maildir:~/Maildir
log_path = /tmp/dovecot.log
hostname = mail.example.org
postmaster_address = postmaster@example.org
sendmail_path = /usr/local/bin/keep
quota_full_tempfail = no
mail_plugins = quota
ssl = no
userdb {
  driver = passwd
}
plugin {
  quota = maildir:User quota
  quota_rule = *:storage=100M
  sieve = file:~/.dovecot.sieve
  sieve_vacation_min_period = 0
}
protocol lda {
  mail_plugins = $mail_plugins sieve
}
"""

SIEVES = {
    "vacation-plain": 'require "vacation";\nvacation :days 1 "I am away until 17 March.";\n',
    "vacation-subject": 'require "vacation";\nvacation :subject "Nicht da: bis 17. M\u00e4rz" :from "Ann Bee <ann@example.org>"'
                        ' :addresses ["ann@example.org"] "Ich bin im Urlaub und lese keine Post.\n\nGr\u00fc\u00dfe, Ann";\n',
    "vacation-mime": 'require "vacation";\nvacation :mime text:\nContent-Type: multipart/alternative; boundary=v\n\n--v\n'
                     'Content-Type: text/plain; charset=utf-8\n\nJe suis absente.\n\n--v\nContent-Type: text/html; charset=utf-8\n\n'
                     '<p>Je suis absente.</p>\n\n--v--\n.\n;\n',
    "reject": 'require "reject";\nreject "I do not want letters from you.";\n',
    "reject-full": 'require "reject";\nreject "552 5.2.2 My mailbox is full, try next week.";\n',
}

NOTES = {"reject": ("failed", "recipient-refused"), "reject-full": ("failed", "mailbox-full"), "quota": ("failed", "mailbox-full")}


def message(world, n, to):
    text = inject.BODY % {"to": to, "n": n, "id": "20250304.c17.%04d@news.example.org" % n,
                          "subject": "What is new in week %d" % n,
                          "date": world.now().strftime("%a, %d %b %Y %H:%M:%S +0000")}
    return "".join(l + "\n" for l in text.split("\n") if not l.startswith(("List-", "Feedback-ID")))


def kept(world):
    out = []
    for p in sorted(glob.glob(world.root + "/tmp/kept/*")):
        with open(p, "rb") as f:
            out.append(f.read())
        os.unlink(p)
    return out


def lda(world, text, *options):
    r = world.run("su", "ann", "-c", "/usr/lib/dovecot/dovecot-lda -c /etc/dovecot/lab.conf -f bounces@example.org -a ann@example.org "
                  + " ".join(options), check=False, input=text.encode())
    if r.returncode:
        print("dovecot-lda:", r.returncode, r.stderr.decode()[-300:])


def stores(world):
    world.write("/usr/local/bin/keep", KEEP, 0o755)
    world.write("/etc/dovecot/lab.conf", DOVECOT)
    world.run("sh", "-c", "mkdir -p /tmp/kept; chmod 1777 /tmp/kept; touch /tmp/dovecot.log; chmod 666 /tmp/dovecot.log")
    out = []
    for n, (name, sieve) in enumerate(SIEVES.items(), 1):
        world.write("/home/ann/.dovecot.sieve", sieve)
        world.run("sh", "-c", "rm -f /home/ann/.dovecot.svbin /home/ann/.dovecot.lda-dupes; chown ann /home/ann/.dovecot.sieve")
        lda(world, message(world, n, "ann@example.org"))
        out += [(name, m) for m in kept(world)]
    world.run("rm", "-f", "/home/ann/.dovecot.sieve")
    lda(world, message(world, 9, "ann@example.org") + "x" * 3000, "-o", "'plugin/quota_rule=*:storage=1'")
    out += [("quota", m) for m in kept(world)]
    log = world.read("/tmp/dovecot.log").decode("utf-8", "replace")
    collect.put("logs/dovecot-lda.log", log)
    return out


def classic_vacation(world):
    world.write("/home/ann/.vacation.msg", "From: Ann Bee <ann@example.org>\nSubject: away from my mail (Re: $SUBJECT)\n\n"
                                           "I will not be reading my mail until 17 March.\n")
    world.write("/usr/sbin/sendmail", KEEP, 0o755)
    world.run("chown", "ann", "/home/ann/.vacation.msg")
    world.run("su", "ann", "-c", "vacation -i", check=False)
    text = "From bounces@example.org Tue Mar  4 08:00:00 2025\n" + message(world, 20, "ann@example.org")
    r = world.run("su", "ann", "-c", "vacation -a ann@example.org ann", check=False, input=text.encode())
    if r.returncode:
        print("vacation:", r.stderr.decode()[-300:])
    return [("vacation", m) for m in kept(world)]


def dma(world):
    """dma delivers by itself, and returns mail to the local mailbox of the sender."""
    world.write("/etc/dma/dma.conf", "MAILNAME mail.example.org\n")
    world.run("sh", "-c", "mkdir -p /var/mail && touch /var/mail/bounces && chown bounces:mail /var/mail/bounces && chmod 660 /var/mail/bounces")
    picks = [s for s in world.scenarios if s["phase"] in ("rcpt", "connect", "end", "dns", "tcp", "mail") and s["to"].isascii()
             and s.get("do") != "hang" and s["id"] != "loopback-relay"]
    for n, s in enumerate(picks[::3], 30):
        world.run("su", "bounces", "-c", "/usr/sbin/dma -f bounces '%s'" % s["to"], check=False, input=message(world, n, s["to"]).encode())
    time.sleep(12)
    for delta in ({"hours": 6}, {"days": 6}):
        world.jump(**delta)
        world.run("dma", "-q1", check=False)
        time.sleep(12)
    box = world.read("/var/mail/bounces")
    mails = [m.split(b"\n", 1)[1] for m in (b"\n" + box).split(b"\nFrom ")[1:]]
    collect.put("logs/dma.log", "".join(l + "\n" for l in world.syslog.lines("bsd", lambda r: r[2].startswith("dma"))))
    return [m.rstrip(b"\n") + b"\n" for m in mails]


def dma_expectation(judge, data):
    """dma writes free text: the recipient and the reply stand in its first paragraphs."""
    text = data.decode("utf-8", "replace").split("\n\n", 1)[1]
    for to, name in judge.name.items():
        if "<%s>" % to in text or " %s" % to in text.split("Message headers follow")[0]:
            return name, [{"recipient": to, **collect.verdict("failed", judge.reason[to])}]
    return "message", None


def run(world):
    judge = collect.Judge(world.scenarios)
    for prefix, pairs in (("dovecot", stores(world)), ("vacation", classic_vacation(world))):
        def look(data, pairs=pairs):
            name = next(n for n, m in pairs if m is data)
            kind, reason = NOTES.get(name, ("autoreply", None))
            return name, [{"recipient": "ann@example.org", **collect.verdict(kind, reason)}]
        judge_here = collect.Judge([], [("ann@example.org", None, "store")])
        judge_here.scenario_of = lambda data: "no-report"
        n = collect.save_mails(prefix, [m for _, m in pairs], judge_here, look)
        print(prefix, n)
    print("dma", collect.save_mails("dma", dma(world), judge, lambda data: dma_expectation(judge, data)))
