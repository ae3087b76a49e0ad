"""The daily digest: its figures, and a mail that every program can read."""
import datetime
import email
import email.policy
import html.parser
import json
import unittest

from cmdtest import Case

GONE = "550 5.1.1 no such user"
SPAM = "554 5.7.1 message looks like spam"
HOSTILE = "<script>alert(1)</script>\u202e & \"quotes\""


def event(kind, recipient, time, campaign, **more):
    return {"event": kind, "recipient": recipient, "time": time, "message_id": f"{recipient}-{campaign}-{time}",
            "campaign": campaign, **more}


class Page(html.parser.HTMLParser):
    """Holds that what is opened is closed, and keeps the texts."""

    VOID = {"meta"}

    def __init__(self, text):
        super().__init__()
        self.open, self.texts, self.cells, self.seen = [], [], [], set()
        self.feed(text)
        self.close()

    def handle_starttag(self, tag, attrs):
        self.seen.add(tag)
        if tag not in self.VOID:
            self.open.append(tag)
        for name, value in attrs:
            assert name not in ("src", "href", "onload", "onclick"), (name, value)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag, tag

    def handle_data(self, data):
        if self.open and self.open[-1] != "style":
            self.texts.append(data)
        if self.open and self.open[-1] in ("td", "th"):
            self.cells.append(data)


class Digest(Case):
    def setUp(self):
        super().setUp()
        day = "2026-03-10T12:00:00Z"
        events = [event("delivered", f"u{i}@big.example", day, "spring") for i in range(190)]
        events += [event("bounced", f"x{i}@big.example", day, "spring", reply=GONE) for i in range(7)]
        events += [event("bounced", f"y{i}@big.example", day, "spring", reply=SPAM) for i in range(3)]
        events += [event("delivered", f"u{i}@big.example", "2026-03-05T12:00:00Z", "before") for i in range(70)]
        events += [event("delivered", f"v{i}@gmail.com", "2026-03-05T12:00:00Z", "before") for i in range(70)]
        events += [event("bounced", f"t{i}@gmial.com", day, HOSTILE, reply=GONE) for i in range(110)]
        path = self.file("events.ndjson", "".join(json.dumps(e) + "\n" for e in events))
        self.bounced("ingest", "--quiet", path)
        self.bounced("ingest", "--quiet", "--trust", "bare", self.file("bare.ndjson", json.dumps(
            event("bounced", "held@big.example", "2026-03-10T13:00:00Z", "spring", reply=GONE)) + "\n"), code=None)

    def digest(self, *args):
        return self.bounced("digest", "--day", "2026-03-10", *args)

    def test_text(self):
        out = self.digest().out
        lines = [" ".join(line.split()) for line in out.splitlines()]
        self.assertTrue(lines[0].endswith("2026-03-10"))
        self.assertTrue(any(line.startswith("delivered 190 ") and " 20 100.00 %" in line for line in lines), out)
        self.assertTrue(any(line.startswith("! campaign spring hard 3.") for line in lines), out)
        self.assertTrue(any(line.startswith("spam-content 3 send the same mail without its links") for line in lines), out)
        self.assertTrue(any(line.startswith("gmial.com gmail.com 110") for line in lines), out)
        self.assertTrue(any(line.startswith("hard 117 ") for line in lines), out)
        self.assertIn("bounced report --from 2026-03-10", out)
        self.assertNotIn("\u202e", out)
        quiet = self.bounced("digest", "--day", "2026-03-01").out
        self.assertIn("Nothing was sent", quiet)

    def test_mail(self):
        raw = self.digest("--mail", "--to", "ops@example.org, boss@example.org", "--from", "b@example.org").stdout
        self.assertNotIn(b"\r", raw)
        self.assertLessEqual(max(map(len, raw.splitlines())), 120)
        mail = email.message_from_bytes(raw, policy=email.policy.default)
        self.assertEqual(mail.defects, [])
        self.assertEqual([a.addr_spec for a in mail["To"].addresses], ["ops@example.org", "boss@example.org"])
        self.assertEqual(mail["Auto-Submitted"], "auto-generated")
        self.assertRegex(mail["Subject"], r"^bounced: 310 sent, 38\.71 % bounced, \d+ limits crossed \(2026-03-10\)$")
        self.assertIsInstance(mail["Date"].datetime, datetime.datetime)
        self.assertEqual(mail.get_content_type(), "multipart/alternative")
        text, page = mail.iter_parts()
        self.assertEqual((text.get_content_type(), page.get_content_type()), ("text/plain", "text/html"))
        self.assertEqual(text.get_content(), self.digest().out)
        self.assertEqual(page.get_content(), self.digest("--html").out)

    def test_a_header_cannot_be_added(self):
        raw = self.digest("--mail", "--to", "a@example.org\nBcc: evil@example.org").stdout
        self.assertIsNone(email.message_from_bytes(raw)["Bcc"])

    def test_html(self):
        out = self.digest("--html").out
        page = Page(out)
        self.assertEqual(page.open, [])
        self.assertEqual(page.seen & {"script", "img", "link", "a", "iframe", "form"}, set())
        self.assertTrue(any("<script>alert(1)</script>" in cell for cell in page.cells))  # as text
        self.assertNotIn("http", out)
        self.assertIn('name="viewport"', out)

    def test_arguments(self):
        self.bounced("digest", "--day", "someday", code=64)
        self.bounced("digest", "extra", code=64)


if __name__ == "__main__":
    unittest.main()
