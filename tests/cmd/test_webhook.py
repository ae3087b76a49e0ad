"""bounced webhook: reading, verifying and mapping, end to end; and the payloads of ../shared/webhooks, where they are there."""
import base64
import collections
import hashlib
import hmac
import itertools
import json
import re
import unittest
import urllib.parse

from cmdtest import Case, ROOT, SAMPLES

SHARED = ROOT.parent / "shared" / "webhooks"
PLATFORMS = ("ses sendgrid mailgun postmark sparkpost mailjet brevo mandrill mailersend resend postal").split()
NOW = "1795000000"
ACME = {"name": "acme", "fields": {"items": "events", "event": "type", "recipient": "to", "event_id": "id", "time": "at"},
        "events": {"gone": "failed user-unknown 80", "listed": "suppressed complaint", "ping": "ignore"},
        "signature": {"scheme": "hmac-sha256", "header": "X-Acme", "encoding": "hex", "prefix": "sha256="}}
# django-anymail's words for an event -> ours; what it calls rejected may be the platform's doing or the far side's
KINDS = {"delivered": {"delivered"}, "deferred": {"deferred", "failed"}, "bounced": {"failed", "expired"},
         "rejected": {"failed", "expired"}, "failed": {"failed", "expired"}, "complained": {"complaint"},
         "unsubscribed": {"unsubscribed"}, "opened": {"opened", None}, "clicked": {"clicked"}, "sent": {"accepted"},
         "queued": {"accepted", "failed"}, "autoresponded": {"autoreply"}, "subscribed": {None}, "unknown": {None}}


def samples(platform):
    for line in (SAMPLES / "webhooks" / f"{platform}.jsonl").read_text(encoding="utf-8").splitlines():
        case = json.loads(line)
        yield case["body"] if isinstance(case["body"], str) else json.dumps(case["body"]), case["want"]


def mac(key, text, digest=hashlib.sha256):
    return hmac.new(key.encode(), text.encode(), digest)


class Webhook(Case):
    def test_samples_are_told(self):
        for platform in PLATFORMS:
            for body, want in itertools.islice(samples(platform), 4):  # tests/feed/test_esp.c reads all
                with self.subTest(platform, body=body):
                    told = [o for o in self.objects("webhook", platform, "--json", stdin=body, code=None) if "kind" in o]
                    self.assertEqual([w.split()[:2] for w in want], [[o["kind"], o["recipient"]] for o in told])
                    for o in told:
                        self.assertEqual(o["platform"], platform)
                        self.assertEqual(len(o["id"]), 32)

    def test_lines_for_people(self):
        body, _ = next(samples("sendgrid"))
        out = self.bounced("webhook", "sendgrid", stdin=body).out
        self.assertIn("sendgrid bounce/bounce: failed <anna@example.net> user-unknown (hard, recipient, 95 %)\n", out)
        self.assertIn("sendgrid group_resubscribe: nothing about an address\n", out)

    def test_repeats_have_one_id(self):
        body, _ = next(samples("sendgrid"))
        ids = [o["id"] for o in self.objects("webhook", "--json", "sendgrid", stdin=body) if "id" in o]
        again = [o["id"] for o in self.objects("webhook", "--json", "sendgrid", stdin=body + "\r\n") if "id" in o]
        self.assertEqual(ids, again)
        self.assertEqual(len(ids), len(set(ids)))

    def test_bodies_that_are_none(self):
        for body in ("", "hello", "[" * 40 + "]" * 40, '[{"event":'):
            done = self.bounced("webhook", "sendgrid", stdin=body, code=65)
            self.assertEqual(done.out, "")
            self.assertIn("the body:", done.err)

    def test_platforms_are_listed(self):
        done = self.bounced("webhook", "nobody", code=64)
        for platform in PLATFORMS:
            self.assertIn(platform, done.err)

    def verify(self, platform, body, *args, code=0):
        done = self.bounced("webhook", platform, "--now", NOW, *args, stdin=body, code=code)
        if code == 1:
            self.assertEqual(done.out, "")
            self.assertIn("denied", done.err)
        return done

    def test_mailersend(self):
        body = '{"type":"activity.delivered","data":{"id":"1","email":{"recipient":{"email":"anna@example.net"}}}}'
        signature = ("--header", f"Signature: {mac('key', body).hexdigest()}")
        done = self.verify("mailersend", body, "--json", "--secret", "key", *signature)
        self.assertEqual(json.loads(done.out)["trust"], "proven")
        self.verify("mailersend", body, "--secret", "other", "--secret", "key", *signature)
        self.file("secrets", "other\n\nkey\n")
        self.verify("mailersend", body, "--secret-file", "secrets", *signature)
        self.verify("mailersend", body + " ", "--secret", "key", *signature, code=1)
        self.verify("mailersend", body, "--secret", "other", *signature, code=1)
        self.assertIn("no-signature", self.verify("mailersend", body, "--secret", "key", code=1).err)

    def test_mailgun(self):
        body = json.dumps({"signature": {"timestamp": NOW, "token": "t", "signature": mac("key", NOW + "t").hexdigest()},
                           "event-data": {"event": "opened", "recipient": "anna@example.net"}})
        self.verify("mailgun", body, "--secret", "key")
        self.assertIn("(old)", self.bounced("webhook", "mailgun", "--secret", "key", "--now", "1795090000", stdin=body, code=1).err)
        self.bounced("webhook", "mailgun", "--secret", "key", "--now", "1795090000", "--window", 100000, stdin=body)
        self.assertIn("(future)", self.bounced("webhook", "mailgun", "--secret", "key", "--now", "1794999000", stdin=body, code=1).err)

    def test_mandrill(self):
        url, events = "https://b.example/hook", '[{"event":"open","_id":"a","msg":{"email":"anna@example.net"}}]'
        signature = base64.b64encode(mac("key", url + "mandrill_events" + events, hashlib.sha1).digest()).decode()
        body = "mandrill_events=" + urllib.parse.quote_plus(events)
        self.verify("mandrill", body, "--secret", "key", "--url", url, "--header", f"X-Mandrill-Signature: {signature}")
        self.verify("mandrill", body, "--secret", "key", "--url", url + "/", "--header", f"X-Mandrill-Signature: {signature}", code=1)

    def test_credentials(self):
        given = "Authorization: Basic " + base64.b64encode(b"user:pass").decode()
        for platform in ("postmark", "sparkpost", "mailjet", "brevo"):
            self.verify(platform, "[]", "--secret", "user:pass", "--header", given)
            self.verify(platform, "[]", "--secret", "user:other", "--header", given, code=1)
            self.verify(platform, "[]", "--secret", "bearer T", "--header", "authorization: Bearer T")
            self.verify(platform, "[]", "--secret", "header X-T: T", "--header", "x-t: T")

    def test_ses_names_the_certificate(self):
        topic = "arn:aws:sns:eu-central-1:123456789012:bounces"
        url = "https://sns.eu-central-1.amazonaws.com/SimpleNotificationService-1.pem"
        body = json.dumps({"Type": "Notification", "MessageId": "m", "TopicArn": topic, "Message": "{}", "SignatureVersion": "2",
                           "Timestamp": "2026-11-18T11:06:40Z", "Signature": "AAAA", "SigningCertURL": url})
        done = self.verify("ses", body, "--json", "--topic", topic, code=69)
        self.assertEqual(json.loads(done.out), {"certificate_url": url})
        self.assertIn("(topic)", self.verify("ses", body, "--topic", topic + "x", code=1).err)
        self.file("cert.pem", "no certificate")
        self.assertIn("(certificate)", self.verify("ses", body, "--topic", topic, "--certificate", "cert.pem", code=1).err)

    def test_mapping(self):
        self.file("acme.json", json.dumps(ACME))
        body = json.dumps({"events": [{"type": "gone", "to": "anna@example.net", "id": 1, "at": 1795000000}, {"type": "ping"},
                                      {"type": "listed", "to": "bert@example.net", "id": 2, "at": "2026-11-18 11:06:40"},
                                      {"type": "new", "to": "c@example.net"}]})
        args = ("webhook", "--mapping", "acme.json", "--json", "--secret", "k", "--header")
        told = self.objects(*args, f"X-Acme: sha256={mac('k', body).hexdigest()}", stdin=body)
        self.assertEqual([o.get("reason") for o in told], ["user-unknown", None, "upstream-suppressed", None])
        self.assertEqual(told[2]["cause"], "complaint")
        self.assertIn("unknown-event", told[3]["diag"])
        self.assertEqual(told[0]["time"], told[2]["time"])
        self.bounced(*args, "X-Acme: sha256=00", stdin=body, code=1)
        self.file("acme.json", json.dumps({**ACME, "events": {"gone": "faild"}}))
        self.assertIn("faild", self.bounced(*args, "x: y", code=78).err)
        self.bounced("webhook", "--mapping", "none.json", code=66)

    def test_example_mapping(self):
        body = json.dumps({"events": [
            {"event": "bounce", "timestamp": 1795000000, "sending_stream": "bulk", "message_id": "m", "email": "anna@example.net",
             "event_id": "e1", "response": "bounced (550 5.1.1 no such user)", "response_code": 550, "bounce_category": "hard"},
            {"event": "soft bounce", "email": "anna@example.net", "event_id": "e2", "response": "soft bounce (452 4.2.2 full)",
             "response_code": 452, "bounce_category": "unavailable"},
            {"event": "reject", "email": "anna@example.net", "event_id": "e3", "reason": "unknown"}]})
        told = self.objects("webhook", "--json", "--mapping", ROOT / "examples" / "webhook-mailtrap.json", "--secret", "k",
                            "--header", f"mailtrap-signature: {mac('k', body).hexdigest()}", stdin=body)
        self.assertEqual([(o["kind"], o["reason"]) for o in told],
                         [("failed", "user-unknown"), ("deferred", "mailbox-full"), ("failed", "upstream-suppressed")])
        self.assertEqual(told[0]["stream"], "bulk")

    def test_the_page_tells_of_all(self):
        page = (ROOT / "docs" / "webhooks-in.md").read_text(encoding="utf-8")
        source = ROOT / "src" / "feed"
        fields = re.findall(r'^FIELD\(\w+, "(\w+)"', (source / "esp_fields.def").read_text(encoding="utf-8"), re.M)
        words = re.search(r"diag_words\[ESP_DIAGS\] = \{(.*?)\}", (source / "esp_parse.c").read_text(encoding="utf-8"), re.S)[1]
        diag = re.findall(r'"([\w-]+)"', words)
        self.assertGreater(len(fields), 20)
        self.assertGreater(len(diag), 10)
        for name in (*fields, *diag, *PLATFORMS):
            self.assertIn(f"`{name}`", page)
        example = self.file("example.json", re.search(r"```json\n(.*?)```", page, re.S)[1])
        self.objects("webhook", "--json", "--mapping", example, stdin='{"events":[{"type":"ping"}]}')

    def test_options_that_make_no_sense(self):
        for args in (("sendgrid", "brevo"), (), ("sendgrid", "--header", "x"), ("sendgrid", "--secret", "k", "--now", "later")):
            self.bounced("webhook", *args, code=64)


@unittest.skipUnless((SHARED / "samples.jsonl").exists(), "../shared/webhooks is not there")
class Shared(Case):
    """Real payloads, with what another library makes of them."""

    def body(self, case):
        payload = case["payload"]
        if case["esp"] == "mandrill":
            return "mandrill_events=" + urllib.parse.quote_plus(json.dumps(payload))
        if case["wrapper"] == "mailgun_sign_legacy_payload":
            return urllib.parse.urlencode(payload, doseq=True)
        if case["esp"] == "mailgun" and "event-data" not in payload:
            payload = {"event-data": payload}
        return json.dumps(payload)

    def test_every_payload(self):
        seen = collections.Counter()
        for line in (SHARED / "samples.jsonl").read_text(encoding="utf-8").splitlines():
            case = json.loads(line)
            platform = {"amazon_ses": "ses"}.get(case["esp"], case["esp"])
            if platform not in (*PLATFORMS, "mailtrap"):
                continue
            which = [platform] if platform in PLATFORMS else ["--mapping", ROOT / "examples" / f"webhook-{platform}.json"]
            told = self.objects("webhook", *which, "--json", stdin=self.body(case))
            expect, seen[platform] = case["anymail_expect"], seen[platform] + 1
            with self.subTest(platform, test=case["test"], told=told):
                if expect.get("recipient") and expect.get("event_type") != "unknown":
                    self.assertIn(expect["recipient"], [o.get("recipient", expect["recipient"]) for o in told])
                if expect.get("event_type") and platform + case["test"] not in self.elsewhere:
                    self.assertIn(told[0].get("kind"), KINDS[expect["event_type"]])
        self.assertEqual(set(seen), {*PLATFORMS, "mailtrap"})
        self.assertGreater(sum(seen.values()), 90)

    # a body of nothing but the sender's own variables; an event that names nobody
    elsewhere = {"mailguntest_metadata_key_conflicts", "postmarktest_bounce_unsubscribe_variant"}

    def test_every_vector(self):
        """The signatures that Python can make a request of without a library."""
        done = collections.Counter()
        for v in json.loads((SHARED / "webhook-signature-vectors.json").read_text(encoding="utf-8")):
            args, body, now = [], v.get("body", ""), NOW
            for name, value in v.get("headers", {}).items():
                args += ["--header", f"{name}: {value}"]
                now = value if name.lower().endswith("timestamp") else now
            scheme = v["scheme"].split("-")[0]
            if scheme == "sendgrid":
                args += ["--secret", v["public_key_spki_b64"]]
            elif scheme == "mailgun":
                body = json.dumps({"signature": {n: v[n] for n in ("timestamp", "token", "signature")}})
                args, now = ["--secret", v["key"]], v["timestamp"]
            elif scheme == "mandrill":
                body = urllib.parse.urlencode(v["params"])
                args = ["--secret", v["key"], "--url", v["url"], "--header", f"{v['header']}: {v['signature']}"]
            elif scheme == "mailersend":
                args = ["--secret", v["key"], "--header", f"{v['header']}: {v['signature']}"]
            elif scheme.startswith("svix"):
                scheme, args = "resend", args + ["--secret", v["secret"]]
            else:
                self.file("cert.pem", v["certificate_pem"])
                scheme, body, now = "ses", json.dumps(v["message"]), "2026-11-25T00:00:00Z"
                args = ["--topic", v["message"]["TopicArn"], "--certificate", "cert.pem", "--window", 10**9]
            done[scheme] += 1
            with self.subTest(scheme):
                told = self.bounced("webhook", scheme, "--now", now, *args, stdin=body, code=None)
                self.assertNotIn("denied", told.err)
                self.assertNotEqual(told.returncode, 1)
                self.assertEqual(self.bounced("webhook", scheme, "--now", now, *args, stdin=body.replace("e", "f", 1)
                                              .replace("token", "tokem"), code=None).returncode == 1, True)
        self.assertEqual(done["ses"], 3)
        self.assertEqual(len(done), 6)


if __name__ == "__main__":
    unittest.main()
