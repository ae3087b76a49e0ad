"""Exim: a plain run, and one with a talkative log."""
import os
import re
import time

import collect
from inject import Injector, mails

PACKAGES = ["exim4-daemon-heavy"]

CONF = r"""
primary_hostname = mail.example.org
qualify_domain = example.org
local_interfaces = 127.0.0.1 : 192.0.2.1
domainlist local = example.org : news.example.org : mail.example.org
acl_smtp_rcpt = accept
acl_smtp_data = accept
log_file_path = /var/log/exim4/%slog
smtputf8_advertise_hosts = *
dsn_advertise_hosts = *
accept_8bitmime
delay_warning = 4h:30d
delay_warning_condition = yes
ignore_bounce_errors_after = 2d
timeout_frozen_after = 7d
tls_advertise_hosts =
never_users =
smtp_accept_queue_per_connection = 0
keep_environment =
remote_max_parallel = 1
@EXTRA@

begin routers
inner:
  driver = manualroute
  domains = intern.example.org
  route_list = * 127.0.0.1::2525
  self = send
  transport = smtp
away:
  driver = dnslookup
  domains = !+local
  transport = smtp
  self = fail
  no_more
aliases:
  driver = redirect
  allow_fail
  allow_defer
  data = ${lookup{$local_part}lsearch{/etc/aliases}}
  pipe_transport = pipe
  user = bounces
userforward:
  driver = redirect
  check_local_user
  file = $home/.forward
  allow_filter
  allow_fail
  no_verify
  no_expn
  check_ancestor
  reply_transport = reply
local:
  driver = accept
  local_part_suffix = +*
  local_part_suffix_optional
  check_local_user
  transport = maildir
  cannot_route_message = Unknown user

begin transports
smtp:
  driver = smtp
  interface = <; 192.0.2.1 ; 2001:db8::1
  connect_timeout = 3s
  command_timeout = 4s
  data_timeout = 4s
  final_timeout = 4s
  hosts_avoid_tls = ! 198.51.100.42
  hosts_require_tls = 198.51.100.42
maildir:
  driver = appendfile
  directory = $home/Maildir
  maildir_format
  create_directory
  delivery_date_add
  envelope_to_add
  return_path_add
  quota = ${if eq{$local_part}{tiny}{300}{0}}
reply:
  driver = autoreply
pipe:
  driver = pipe
  return_output

begin retry
*  *  F,4d,30m

begin rewrite

begin authenticators
"""

ALIASES = """\
news: nobody@corp.example.com, ada@corp.example.com
support: quota@plain.example.net
closed: :fail: this address was closed in 2023
later: :defer: this address is being moved
broken: "|/bin/sh -c 'echo cannot open the archive; exit 73'"
postmaster: bounces
root: bounces
"""

VACATION = """\
# Exim filter
# no `personal': what we send is list mail, which it would leave alone
if not error_message then
  mail to bounces@example.org
  subject "Away: $h_subject:"
  text "I am in the mountains until 17 March and read no mail.\\nAnn\\n"
endif
"""

REFUSE = """\
# Exim filter
fail "I do not want letters from this sender."
"""

EXTRA = [("ann@example.org", None, "vacation"), ("rex@example.org", "recipient-refused", "user-filter"),
         ("tiny@example.org", "mailbox-full", "local-quota"), ("closed@example.org", "user-disabled", "alias-fail"),
         ("later@example.org", "mailbox-unavailable", "alias-defer"), ("broken@example.org", "system-error", "pipe"),
         ("news@example.org", "user-unknown", "alias"), ("support@example.org", "mailbox-full", "alias-full")]

LINE = re.compile(r"^[-\d]{10} \S+ (?:[-+]\d{4} )?(?:\[\d+\] )?\S{6}-\S{6,11}-\S{2,4} (?P<word>=>|->|>>|\*>|\*\*|==|\(=) (?P<to>\|.+?(?= <| R=)|[^\s<:]+)"
                  r"(?: \([^)]*\))?(?: <(?P<orig>[^>]*)>)?")
KINDS = {"=>": "delivered", "->": "delivered", "**": "failed", "==": "deferred"}
FAILED = re.compile(r"(?:^|\n)  (\S+@\S+)\n", re.M)


def settle(world, limit=90):
    """Waits until no delivery process is left."""
    end = time.time() + limit
    quiet = 0
    while time.time() < end and quiet < 2:
        time.sleep(1)
        names = world.run("sh", "-c", "cat /proc/[0-9]*/comm 2>/dev/null | grep -c exim; :").stdout
        quiet = quiet + 1 if int(names) <= 1 else 0


def start(world, extra=""):
    world.write("/etc/exim4/exim4.conf", CONF.replace("@EXTRA@", extra))
    world.write("/etc/aliases", ALIASES)
    for user, text in (("ann", VACATION), ("rex", REFUSE)):
        world.write("/home/%s/.forward" % user, text)
    world.run("sh", "-c", "mkdir -p /var/log/exim4 /var/spool/exim4; chown -R Debian-exim:adm /var/log/exim4;"
                          "chown -R Debian-exim: /var/spool/exim4; chown ann /home/ann/.forward; chown rex /home/rex/.forward")
    r = world.run("exim4", "-bV", check=False)
    if r.returncode:
        raise SystemExit(r.stdout.decode() + r.stderr.decode())
    world.daemon = world.spawn("chroot", world.root, "exim4", "-bdf")
    time.sleep(1)


def stop(world):
    world.daemon.terminate()
    world.daemon.wait()


def flush(world, **delta):
    world.jump(**delta)
    world.run("exim4", "-qff")
    settle(world)


def others(judge):
    """For what carries no machine-readable report: auto-replies and warnings."""
    def look(data):
        text = data.decode("utf-8", "replace")
        if "I am in the mountains" in text:
            return "vacation", [{"recipient": "ann@example.org", **collect.verdict("autoreply", None)}]
        return "message", None
    return look


def run(world):
    judge = collect.Judge(world.scenarios, EXTRA)
    start(world)
    inj = Injector(world)
    for i, s in enumerate(world.scenarios):
        opt = [["RET=HDRS"], ["RET=FULL", "ENVID=c17-%04d" % i], []][i % 3]
        rc = ["ORCPT=rfc822;" + s["to"], "NOTIFY=FAILURE,DELAY"] if i % 2 and s["to"].isascii() else []
        inj.send([s["to"]], mail=opt if s["to"].isascii() else [], rcpt=rc, size=60 if s["id"] == "size-announced" else 0)
    inj.send(["nobody@corp.example.com", "full@corp.example.com", "ada@corp.example.com", "closed@corp.example.com",
              "spamtest@corp.example.com", "who@plain.example.net", "user@gone.example.com"])
    for to in (e[0] for e in EXTRA):
        inj.send([to])
    inj.send(["ada@corp.example.com", "bounces@example.org"], rcpt=["NOTIFY=SUCCESS,FAILURE,DELAY"], mail=["ENVID=c17-ok"])
    settle(world)
    for delta in ({"hours": 1}, {"hours": 4}, {"days": 2}, {"days": 3}):
        flush(world, **delta)
    stop(world)
    log = world.read("/var/log/exim4/mainlog").decode("utf-8", "replace").splitlines()
    collect.save_log("logs/exim-mainlog", log, judge, LINE, KINDS)
    got = mails(world)
    world.run("sh", "-c", "rm -f /var/log/exim4/*; rm -rf /var/spool/exim4/db/*")
    start(world, "log_selector = +all -arguments -smtp_connection -smtp_no_mail -smtp_syntax_error +millisec -dnssec\nlog_timezone = true")
    inj = Injector(world)
    for s in world.scenarios[::4]:
        inj.send([s["to"]])
    inj.send(["news@example.org", "support@example.org"])
    settle(world)
    flush(world, hours=1)
    stop(world)
    log = world.read("/var/log/exim4/mainlog").decode("utf-8", "replace").splitlines()
    collect.save_log("logs/exim-mainlog-all", log, judge, LINE, KINDS)
    print(len(got), "mails")
    collect.save_mails("exim", got, judge, others(judge))
