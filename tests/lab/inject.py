"""Sends the table through a server and fetches what came back."""
import glob
import os
import smtplib

BODY = """\
From: Example News <news@example.org>
To: %(to)s
Subject: %(subject)s
Date: %(date)s
Message-ID: <%(id)s>
MIME-Version: 1.0
Content-Type: text/plain; charset=utf-8
Content-Transfer-Encoding: 8bit
List-Id: Spring news <spring.news.example.org>
List-Unsubscribe: <https://news.example.org/u/%(n)04d>
List-Unsubscribe-Post: List-Unsubscribe=One-Click
Feedback-ID: spring:c17:news:example
X-Campaign: c17

Hello,

here is what is new in the garden this week: the first tulips are out,
the frogs are back, and the café opens again on Sunday.

Your Example News
"""


class Injector:
    def __init__(self, world):
        self.world, self.n, self.sent = world, 0, {}

    def send(self, rcpts, sender="bounces@example.org", port=25, mail=(), rcpt=(), size=0, subject=None):
        self.n += 1
        to = rcpts[0]
        data = BODY % {"to": ", ".join(rcpts), "n": self.n, "id": "20250304.c17.%04d@news.example.org" % self.n,
                       "subject": subject or "What is new in week %d" % (self.n % 52 + 1),
                       "date": self.world.now().strftime("%a, %d %b %Y %H:%M:%S +0000")}
        data += "".join("Line %d of a long letter about the garden and its guests.\n" % i for i in range(size))
        utf8 = not to.isascii()
        with smtplib.SMTP("127.0.0.1", port) as c:
            c.ehlo("app.news.example.org")
            if utf8:
                c.command_encoding = "utf-8"
            code, text = c.mail(sender, list(mail) + (["SMTPUTF8", "BODY=8BITMIME"] if utf8 else ["BODY=8BITMIME"]))
            for r in rcpts:
                code, text = c.rcpt(r, list(rcpt))
                if code != 250:
                    print("not accepted:", r, code, text)
                    return
            c.data(data.replace("\n", "\r\n").encode())


def mails(world, user="bounces"):
    files = glob.glob(world.root + "/home/%s/Maildir/new/*" % user)
    files.sort(key=lambda p: (os.stat(p).st_mtime_ns, p))
    out = []
    for p in files:
        with open(p, "rb") as f:
            out.append(f.read())
    return out
