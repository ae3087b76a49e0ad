"""The policy by settings: commands judge by the same file as the daemon, streams and tenants have their own tolerances, and a check gets
the strictest answer that concerns its mail."""
import json
import time
import unittest

from cmdtest import Case

ANN, BOB = "ann@example.net", "bob@example.net"

SETTINGS = """
[policy]
reasons = greylisted never
[stream news]
preset = word-to-the-wise
[stream shop]
preset = lifetime-3
[tenant acme]
slow = 2 over 1d
[stream acme-tx]
tenant = acme
streams = tx, receipts
preset = klaviyo
[ledger]
path = ledger.db
"""
FULL = "452 4.2.2 The email account that you tried to reach is over quota"


NOW = int(time.time())


def at(day):
    """A day of the last 40: escalated suppressions end after half a year."""
    return NOW - (40 - day) * 86400


def failed(day, stream="", recipient=ANN, reply=FULL, campaign=None, **more):
    return {"event": "bounced", "recipient": recipient, "time": at(day), "stream": stream, "reply": reply,
            "campaign": campaign or f"c{day}{stream}", "message_id": f"{day}{stream}{recipient}", **more}


class Policy(Case):
    def setUp(self):
        super().setUp()
        self.conf = self.file("bounced.conf", SETTINGS)

    def ingest(self, *events, conf=True):
        lines = "\n".join(json.dumps(e) for e in events) + "\n"
        self.bounced("ingest", "--form", "ndjson", *(("-c", self.conf) if conf else ()), "-", stdin=lines)

    def answer(self, address, *args, conf=True):
        line = self.objects("check", "--json", *(("-c", self.conf) if conf else ()), *args, address, code=None)[0]
        return line["answer"], line.get("cause"), line.get("scope")

    def test_the_tolerance_is_that_of_the_stream(self):
        self.ingest(failed(1, "news"), failed(8, "news"))
        self.assertEqual(self.answer(ANN, "--stream", "news")[0], "send")
        self.ingest(failed(16, "news"))
        self.assertEqual(self.answer(ANN, "--stream", "news"), ("suppressed", "escalated", "stream"))
        self.assertEqual(self.answer(ANN, "--stream", "shop")[0], "send")
        self.assertEqual(self.answer(ANN)[0], "send")

    def test_the_strictest_that_concerns_the_mail(self):
        self.ingest(failed(1, "news"), failed(8, "news"), failed(16, "news"),
                    {"event": "unsubscribed", "recipient": ANN, "time": at(17), "stream": "shop"})
        self.assertEqual(self.answer(ANN, "--stream", "news"), ("suppressed", "escalated", "stream"))
        self.assertEqual(self.answer(ANN, "--stream", "shop"), ("suppressed", "unsubscribed", "stream"))
        self.assertEqual(self.answer(ANN, "--stream", "other")[0], "send")
        self.ingest({"event": "complained", "recipient": ANN, "time": at(18), "stream": "news"})
        for stream in ("news", "shop", "other", ""):
            self.assertEqual(self.answer(ANN, "--stream", stream), ("suppressed", "complaint", "global"))
        self.assertEqual(self.answer(ANN, "--tenant", "acme")[0], "send")

    def test_tenants(self):
        for tenant in ("acme", "other"):
            self.ingest(failed(1, tenant=tenant, reply="", reason="unknown"), failed(3, tenant=tenant, reply="", reason="unknown"))
        self.assertEqual(self.answer(ANN, "--tenant", "acme"), ("suppressed", "escalated", "tenant"))
        self.assertEqual(self.answer(ANN, "--tenant", "other")[0], "send")

    def test_a_tenants_stream(self):
        self.ingest(*(failed(day, "receipts", tenant="acme") for day in range(1, 8)))
        self.assertEqual(self.answer(ANN, "--tenant", "acme", "--stream", "receipts")[0], "send")
        self.ingest(failed(8, "receipts", tenant="acme"))
        self.assertEqual(self.answer(ANN, "--tenant", "acme", "--stream", "receipts")[1], "escalated")

    def test_for_life(self):
        good = {"event": "delivered", "recipient": ANN, "time": at(4), "stream": "shop"}
        self.ingest(failed(1, "shop"), failed(3, "shop"), good, failed(5, "shop"))
        self.assertEqual(self.answer(ANN, "--stream", "shop")[1], "escalated")
        why = self.bounced("why", "-c", self.conf, ANN, code=None).out
        self.assertNotIn("a delivery to it clears it", why)

    def test_every_command_judges_alike(self):
        self.ingest(failed(1, "news"), failed(8, "news"), failed(16, "news"), failed(1, "shop", BOB), failed(9, "shop", BOB))
        self.bounced("verify", "-c", self.conf)
        self.bounced("rebuild", "-c", self.conf)
        self.bounced("verify", "-c", self.conf)
        self.bounced("verify", code=1)  # by the default two full mailboxes a week apart suppress
        self.env["BOUNCED_CONFIG"] = str(self.conf)
        self.bounced("verify")
        self.assertEqual(self.answer(BOB, "--stream", "shop", conf=False)[0], "send")

    def test_wrong_settings_are_told(self):
        for text, told in (("[policy]\nslow = 3 in 5d\n", "bounced.conf:2: slow: \"in\" is none of its words"),
                           ("[policy]\nreasons = expird 3\n", "there is no reason \"expird\""),
                           ("[policy]\nreasons = spam-content 3\n", "spam-content: it never counts"),
                           ("[stream a]\nstreams = x\n[stream b]\nstreams = x\n", "stands in two sections"),
                           ("[policy]\nprobation = lunch\n", "there is no cause \"lunch\""),
                           ("[tenant a]\npreset = mailgimp\n", "expected one of inherited|default|")):
            self.file("bounced.conf", text)
            self.assertIn(told, self.bounced("check", "-c", self.conf, ANN, code=78).err)
            self.assertIn(told, self.bounced("config", "-c", self.conf, "--check", code=78).err)
        self.bounced("check", "-c", "nowhere.conf", ANN, code=66)

    def test_explained(self):
        out = self.bounced("policy", "-c", self.conf).out
        self.assertIn("Stream news (preset word-to-the-wise)\n", out)
        self.assertIn("Mail of tenant acme (preset default)\n", out)
        self.assertIn("Stream receipts of tenant acme (preset klaviyo)\n", out)
        self.assertIn("- Of the reason greylisted, whatever is said above: never.\n", out)
        one, = self.objects("policy", "explain", "-c", self.conf, "--stream", "news", "--json")
        self.assertEqual(one["preset"], "word-to-the-wise")
        self.assertEqual(one["tolerances"]["slow"], "3 engaged 3 over 337h")
        self.assertTrue(one["sentences"])
        self.assertEqual(len(self.objects("policy", "presets", "--json")), len(self.bounced("policy", "presets").out.splitlines()))
        self.bounced("policy", "lunch", code=64)

    def test_auto(self):
        self.bounced("ingest", "--form", "ndjson", "-", stdin="\n".join(json.dumps(
            {"event": "delivered", "recipient": BOB, "time": at(30 + day), "stream": "tx"})
            for day in range(10)))
        self.assertIn("no stream has the preset auto", self.bounced("policy", "measure", "-c", self.conf, code=1).err)
        self.conf = self.file("bounced.conf", "[stream tx]\npreset = auto\n")
        self.assertIn("nothing was measured yet", self.bounced("policy", "-c", self.conf).out)
        out = self.bounced("policy", "measure", "-c", self.conf).out
        self.assertIn("tx: 10 sendings within 90 days, half of them less than 1 day apart: auto-daily (new)\n", out)
        self.assertIn("auto-daily (as before)", self.bounced("policy", "measure", "-c", self.conf).out)
        one, = self.objects("policy", "-c", self.conf, "--stream", "tx", "--json")
        self.assertEqual(one["auto"]["choice"], "auto-daily")
        self.assertEqual(one["tolerances"]["slow"], "7 over 14d")
        self.assertIn("Auto: auto-daily was chosen on 20", self.bounced("policy", "-c", self.conf, "--stream", "tx").out)


if __name__ == "__main__":
    unittest.main()
