"""A thousand messages through a real Postfix to a receiver that accepts, defers and refuses in forty ways: the log and the DSN of each
failure agree and count once, and in a second round exactly the suppressed addresses are refused, through the socketmap and through the
policy service. ROUND_MESSAGES in the environment sets how many."""
import collections
import os
import smtplib
import socket
import threading
import unittest

from mtatest import DEADLINE_S, run
from test_postfix import Postfix

MESSAGES = int(os.environ.get("ROUND_MESSAGES", "1000"))

# (what, how often, where in the session, reply)
WAYS = [
    ("accept", 12, "end", "250 2.0.0 Ok: queued as 4X12345"), ("accept", 8, "end", "250 OK id=1abc-00002-Xy"),
    ("accept", 6, "end", "250 2.6.0 <x@y> Queued mail for delivery"), ("accept", 6, "end", "250 ok 1732233445 qp 1234"),
    ("accept", 6, "end", "250 2.0.0 message accepted for delivery"), ("accept", 4, "end", "250 Thank you"),
    ("defer", 2, "rcpt", "450 4.7.1 Greylisted, try again in 5 minutes"), ("defer", 2, "rcpt", "451 4.7.1 Try again later"),
    ("defer", 2, "rcpt", "452 4.2.2 Mailbox full"), ("defer", 2, "rcpt", "450 4.2.1 The user you are trying to contact is receiving mail at a rate"),
    ("defer", 2, "end", "451 4.3.0 Temporary local problem"), ("defer", 1, "end", "452 4.3.1 Insufficient system storage"),
    ("defer", 1, "rcpt", "451 4.4.1 cannot verify recipient now"), ("defer", 1, "rcpt", "450 4.1.8 sender domain not found"),
    ("gone", 3, "rcpt", "550 5.1.1 User unknown"), ("gone", 3, "rcpt", "550 5.1.1 The email account that you tried to reach does not exist."),
    ("gone", 2, "rcpt", "550 5.1.1 Recipient address rejected: User unknown in virtual mailbox table"),
    ("gone", 2, "rcpt", "550 No such user here"), ("gone", 2, "rcpt", "550 5.1.10 RESOLVER.ADR.RecipientNotFound; Recipient not found by SMTP address lookup"),
    ("gone", 2, "rcpt", "550 5.2.1 The email account that you tried to reach is disabled."), ("gone", 2, "rcpt", "554 5.1.1 mailbox unavailable: no such mailbox"),
    ("gone", 1, "rcpt", "553 5.3.0 ... User unknown"), ("gone", 1, "rcpt", "550 Unrouteable address: unknown user"),
    ("gone", 1, "rcpt", "550 5.1.6 User has moved; mailbox no longer exists"), ("gone", 1, "end", "550 5.1.1 no such user"),
    ("full", 2, "rcpt", "552 5.2.2 Mailbox full, quota exceeded"), ("full", 2, "end", "552 5.2.2 over quota"),
    ("full", 1, "rcpt", "550 5.2.2 user is over the quota"),
    ("block", 2, "rcpt", "554 5.7.1 Service unavailable; Client host [192.0.2.1] blocked using zen.spamhaus.org"),
    ("block", 2, "end", "554 5.7.1 Message rejected as spam"), ("block", 2, "end", "550 5.7.26 unauthenticated email is not accepted due to domain's DMARC policy"),
    ("block", 1, "rcpt", "550 5.7.1 Poor reputation of your mail server"), ("block", 1, "rcpt", "550 5.7.25 no PTR record for your address"),
    ("block", 1, "end", "552 5.3.4 Message size exceeds fixed limit"), ("block", 1, "end", "552 5.7.0 This message was blocked because its content presents a security issue"),
    ("block", 1, "rcpt", "550 5.7.1 Access denied by the policy of this site"), ("block", 1, "end", "554 5.6.0 message headers are malformed"),
    ("block", 1, "rcpt", "550 5.7.1 rate limit exceeded, too many messages"), ("block", 1, "end", "554 5.7.1 URL in message is listed in dbl.spamhaus.org"),
    ("block", 1, "rcpt", "554 5.7.1 Relay access denied"),
]


class Receiver:
    """Answers each recipient w<number of its way>.<number>@example.com as its way says."""

    def __init__(self):
        self.socket = socket.create_server(("127.0.0.1", 0), backlog=200)
        self.port = self.socket.getsockname()[1]
        self.asked = collections.Counter()
        threading.Thread(target=self.run, daemon=True).start()

    def run(self):
        while True:
            try:
                connection, _ = self.socket.accept()
            except OSError:
                return
            threading.Thread(target=self.talk, args=(connection,), daemon=True).start()

    def talk(self, connection):
        with connection, connection.makefile("rwb") as f:
            def say(text):
                f.write(text.encode() + b"\r\n")
                f.flush()

            say("220 receiver ESMTP")
            way = WAYS[0]
            for line in f:
                verb = line[:4].upper()
                if verb == b"RCPT":
                    address = line[line.index(b"<") + 1:line.rindex(b">")].decode()
                    way = WAYS[int(address[1:address.index(".")])]
                    self.asked[address] += 1
                    say(way[3] if way[2] == "rcpt" else "250 ok")
                elif verb == b"DATA":
                    say("354 go on")
                    while f.readline() not in (b".\r\n", b""):
                        pass
                    say(way[3] if way[2] == "end" else "250 ok")
                elif verb == b"QUIT":
                    say("221 bye")
                    return
                else:
                    say("250 ok")

    def close(self):
        self.socket.shutdown(socket.SHUT_RDWR)
        self.socket.close()


class Rounds(Postfix):
    def start_round(self, part):
        """Postfix with one way to ask; what it cannot deliver comes back to the daemon by LMTP."""
        more = f"[lmtp in]\nlisten = unix:{self.dir}/run/lmtp\ngroup = postfix\ndomains = bounce.example.org\n"
        more += f"[aside]\npath = {self.dir}/aside\n[feed mail]\npath = {self.dir}/postfix.log\ntype = postfix\nhistory = 36500d\n"
        os.makedirs(self.dir / "run", exist_ok=True)
        os.chmod(self.dir / "run", 0o755)
        self.start(part, more=more, services_more="lmtp unix - - n - - lmtp\n", main_more=f"""
relayhost = [127.0.0.1]:{self.receiver.port}
transport_maps = inline:{{ bounce.example.org=lmtp:unix:{self.dir}/run/lmtp }}
smtpd_hard_error_limit = 100000
smtpd_soft_error_limit = 100000
smtpd_recipient_limit = 100000
smtpd_delay_reject = yes
""")

    def everyone(self):
        shares = [i for i, way in enumerate(WAYS) for _ in range(way[1])]
        return [f"w{shares[n % len(shares)]}.{n}@example.com" for n in range(MESSAGES)]

    def send_round(self, everyone):
        with smtplib.SMTP("127.0.0.1", self.port, timeout=DEADLINE_S) as c:
            c.ehlo("client.test")
            for n, to in enumerate(everyone):
                c.sendmail("b@bounce.example.org", [to], f"Subject: news\nMessage-ID: <{n}@news.example.org>\nX-Campaign: one\n\nHello\n")

    def refused(self, everyone):
        """Whom Postfix refuses at RCPT; nothing is sent."""
        out = set()
        with smtplib.SMTP("127.0.0.1", self.port, timeout=DEADLINE_S) as c:
            c.ehlo("client.test")
            for start in range(0, len(everyone), 100):
                self.assertEqual(c.mail("b@bounce.example.org")[0], 250)
                for to in everyone[start:start + 100]:
                    code, text = c.rcpt(to)
                    self.assertIn(code, (250, 550), (to, text))
                    if code == 550:
                        out.add(to)
                c.rset()
        return out

    def test_two_rounds(self):
        self.assertEqual(len(WAYS), 40)
        self.receiver = Receiver()
        self.addCleanup(self.receiver.close)
        self.start_round("socketmap")
        everyone = self.everyone()
        what = {to: WAYS[int(to[1:to.index(".")])][0] for to in everyone}
        final = {to for to in everyone if what[to] in ("gone", "full", "block")}
        self.send_round(everyone)
        # each message was tried, and each failure came back by its DSN as well
        self.until(lambda: set(self.receiver.asked) == set(everyone), "not every message was tried")
        self.until(lambda: self.told("dsn") >= final, lambda: f"a DSN is missing: {sorted(final - self.told('dsn'))[:5]}")
        self.until(lambda: self.told("log") >= set(everyone), lambda: f"a line is missing: {sorted(set(everyone) - self.told('log'))[:5]}")
        # log and DSN of one message agree, and count once
        events = collections.defaultdict(dict)
        for e in self.objects("events"):
            if e.get("kind") == "failed":
                events[e["address"]].setdefault(e.get("format") == "postfix", set()).add((e["reason"], e["class"]))
        self.assertEqual({to: e for to, e in events.items() if len(e) != 2 or e[True] != e[False]}, {})
        row = {r["day"]: r for r in self.objects("report", "--by", "day", "--json")}
        totals = {k: sum(r[k] for r in row.values()) for k in ("delivered", "relayed", "hard", "soft", "block")}
        # the receiver is on loopback, which is a hop on the way and no destination; the DSNs themselves are not counted
        self.assertEqual((totals["delivered"], totals["relayed"]), (0, sum(w == "accept" for w in what.values())))
        self.assertEqual(totals["hard"] + totals["soft"] + totals["block"], len(final))
        self.assertEqual(totals["hard"], sum(w == "gone" for w in what.values()))
        suppressed = {s["address"] for s in self.objects("suppress", "list", "--json")} & set(everyone)
        self.assertEqual(suppressed, {to for to in everyone if what[to] == "gone"})
        # the second round, in both ways
        self.assertEqual(self.refused(everyone), suppressed)
        run("postfix", "-c", self.dir / "etc", "stop")
        self.d.end()
        self.start_round("policy")
        self.assertEqual(self.refused(everyone), suppressed)

    def told(self, by):
        return {e["address"] for e in self.objects("events") if e["what"] == "observed" and (e.get("format") == "postfix") == (by == "log")}


for inherited in dir(Postfix):  # its own tests are in test_postfix.py
    if inherited.startswith("test_"):
        setattr(Rounds, inherited, None)
del Postfix

if __name__ == "__main__":
    unittest.main()
