"""sendmail 8.17 with a local delivery program that can refuse."""
import re
import time

import collect
from inject import Injector, mails

PACKAGES = ["sendmail-bin", "sendmail-cf", "m4"]

MC = """\
include(`/usr/share/sendmail/cf/m4/cf.m4')dnl
OSTYPE(`debian')dnl
define(`ALIAS_FILE', `/etc/aliases')dnl
define(`confDOMAIN_NAME', `mail.example.org')dnl
define(`confDONT_PROBE_INTERFACES', `True')dnl
define(`confLOG_LEVEL', `9')dnl
define(`confTO_ICONNECT', `3s')dnl
define(`confTO_CONNECT', `3s')dnl
define(`confTO_INITIAL', `4s')dnl
define(`confTO_HELO', `4s')dnl
define(`confTO_MAIL', `4s')dnl
define(`confTO_RCPT', `4s')dnl
define(`confTO_DATAFINAL', `4s')dnl
define(`confTO_QUIT', `2s')dnl
define(`confTO_MISC', `4s')dnl
define(`confTO_RSET', `4s')dnl
define(`confTO_QUEUEWARN', `4h')dnl
define(`confTO_QUEUERETURN', `5d')dnl
define(`confMIN_QUEUE_AGE', `0')dnl
define(`confTO_RESOLVER_RETRANS', `1s')dnl
define(`confTO_RESOLVER_RETRY', `1')dnl
define(`confTO_IDENT', `0')dnl
define(`confPRIVACY_FLAGS', `')dnl
define(`confHOST_STATUS_DIRECTORY', `')dnl
define(`confMAX_DAEMON_CHILDREN', `40')dnl
define(`confQUEUE_LA', `99')dnl
define(`confREFUSE_LA', `99')dnl
define(`confCOPY_ERRORS_TO', `')dnl
define(`confME_TOO', `True')dnl
define(`LOCAL_MAILER_PATH', `/usr/local/bin/lab-deliver')dnl
define(`LOCAL_MAILER_ARGS', `lab-deliver $u')dnl
FEATURE(`promiscuous_relay')dnl
FEATURE(`accept_unresolvable_domains')dnl
FEATURE(`accept_unqualified_senders')dnl
FEATURE(`preserve_local_plus_detail')dnl
DAEMON_OPTIONS(`Name=MTA, Addr=127.0.0.1, Port=25')dnl
CLIENT_OPTIONS(`Family=inet, Addr=192.0.2.1')dnl
LOCAL_DOMAIN(`example.org')dnl
LOCAL_DOMAIN(`news.example.org')dnl
MAILER(`local')dnl
MAILER(`smtp')dnl
"""

DELIVER = """\
#!/bin/sh
user=${1%%+*}
case $user in
tiny) echo "552 5.2.2 mailbox of tiny is full"; exit 73 ;;
rex) echo "rex does not take mail"; exit 77 ;;
esac
mkdir -p /home/$user/Maildir/new
exec cat > /home/$user/Maildir/new/$(date +%s%N).$$
"""

EXTRA = [("rex@example.org", "recipient-refused", "local-noperm"), ("tiny@example.org", "mailbox-full", "local-cantcreat"),
         ("news@example.org", "user-unknown", "alias"), ("support@example.org", "mailbox-full", "alias-full"),
         ("bounces@example.org", None, "local"), ("club@example.org", None, "list"), ("rex", "recipient-refused", "local-noperm"), ("tiny", "mailbox-full", "local-cantcreat")]

LINE = re.compile(r": (?P<qid>\w+): to=<?(?P<to>[^ ]*?)>?, .*stat=(?P<word>Sent|Deferred|queued|[A-Z]\w+)")
EXPIRY = re.compile(r": (?P<qid>\w+): \w+: (?:DSN|sender notify|return to sender): Cannot send message for")
# Its log has the first line of a reply only, or none of it.
CUT = {"filter@bigmail.example.com": ["policy"], "rep@webhost.example.org": ["unknown"], "tiny@example.org": ["unknown"],
       "nix@plain.example.net": ["mailbox-unavailable"], "user@mirror.example.net": ["local-error"],
       "hourly@plain.example.net": ["unknown"], "user@servfail.example.net": ["unknown"]}


class Kinds(dict):
    """Whatever is neither sent nor deferred has failed; stat= then is a phrase."""

    def __contains__(self, word):
        return True

    def __missing__(self, word):
        return "failed"


KINDS = Kinds({"Sent": "delivered", "Deferred": "deferred", "queued": "deferred"})


def settle(world, limit=40):
    end, quiet = time.time() + limit, 0
    while time.time() < end and quiet < 2:
        time.sleep(1)
        names = world.run("sh", "-c", "cat /proc/[0-9]*/comm 2>/dev/null | grep -c -E 'sendmail|lab-deliver'; :").stdout
        quiet = quiet + 1 if int(names) <= 1 else 0


def flush(world, **delta):
    world.jump(**delta)
    world.run("sendmail", "-q", check=False)
    settle(world)


def run(world):
    judge = collect.Judge(world.scenarios, EXTRA)
    world.write("/etc/mail/lab.mc", MC)
    world.write("/usr/local/bin/lab-deliver", DELIVER, 0o755)
    world.write("/etc/aliases", "postmaster: root\nroot: bounces\nMAILER-DAEMON: postmaster\n"
                "news: nobody@corp.example.com, ada@corp.example.com\nsupport: quota@plain.example.net\n"
                "club: full@corp.example.com, closed@corp.example.com\nowner-club: bounces\n")
    world.run("sh", "-c", "m4 /etc/mail/lab.mc > /etc/mail/sendmail.cf && chmod 644 /etc/mail/sendmail.cf && touch /etc/mail/local-host-names "
                          "/etc/mail/trusted-users /etc/mail/relay-domains; mkdir -p /var/spool/mqueue /run/sendmail/mta; chown -R root:root /var/spool/mqueue /run/sendmail; "
                          "chmod 700 /var/spool/mqueue; chmod 755 /run/sendmail /run/sendmail/mta; newaliases")
    world.spawn("chroot", world.root, "/usr/sbin/sendmail", "-bD", env={"PATH": "/usr/sbin:/usr/bin:/sbin:/bin"})
    time.sleep(3)
    inj = Injector(world)
    for i, s in enumerate(world.scenarios):
        # a reply without a space keeps it waiting for more, whatever the timeouts say
        if not s["to"].isascii() or s["id"] in ("loopback-relay", "odd-nospace", "local-unknown"):
            continue
        opt = [["RET=HDRS"], ["RET=FULL", "ENVID=c17-%04d" % i], []][i % 3]
        rc = ["ORCPT=rfc822;" + s["to"], "NOTIFY=FAILURE,DELAY"] if i % 2 else []
        inj.send([s["to"]], mail=opt, rcpt=rc, size=60 if s["id"] == "size-announced" else 0)
    inj.send(["nobody@corp.example.com", "full@corp.example.com", "ada@corp.example.com", "closed@corp.example.com",
              "spamtest@corp.example.com", "who@plain.example.net", "user@gone.example.com"])
    for to in ("rex@example.org", "tiny@example.org", "news@example.org", "support@example.org", "club@example.org"):
        inj.send([to])
    inj.send(["ada@corp.example.com", "bounces@example.org"], rcpt=["NOTIFY=SUCCESS,FAILURE,DELAY"], mail=["ENVID=c17-ok"])
    settle(world)
    for delta in ({"hours": 5}, {"days": 6}):
        flush(world, **delta)
    got = mails(world)
    lines = list(world.syslog.lines("bsd", lambda r: r[2].startswith(("sm-", "sendmail"))))
    collect.save_log("logs/sendmail.log", lines, judge, LINE, KINDS, expiry=EXPIRY, accept=CUT)
    print(len(got), "mails")
    collect.save_mails("sendmail", got, judge, lambda data: ("message", None))
