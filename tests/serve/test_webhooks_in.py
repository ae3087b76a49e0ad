"""Webhooks of platforms, over a real socket: verified, durable, answered, read."""
import base64
import hashlib
import hmac
import http.client
import http.server
import json
import shutil
import signal
import ssl
import subprocess
import threading
import time
import unittest

from daemontest import DaemonCase
from cmdtest import SAMPLES

KEY = "key-0123456789abcdef"
CONF = f"""[http api]
listen = 127.0.0.1:0
loopback = admin
[webhook-in pm]
platform = postmark
secret = hook:sesame
[webhook-in mg]
platform = mailgun
secret = {KEY}
stream = newsletter
"""


def postmark(address, n=1):
    return {"RecordType": "Bounce", "ID": n, "Type": "HardBounce", "TypeCode": 1, "Name": "Hard bounce", "MessageID": f"m{n}",
            "ServerID": 23, "Description": "gone", "Details": "smtp;550 5.1.1 no such user here", "Email": address,
            "From": "news@shop.example", "BouncedAt": "2026-11-18T06:06:40Z", "Inactive": True, "CanActivate": True}


def mailgun(address, stamp=None, token="t0", key=KEY):
    stamp = str(stamp or int(time.time()))
    signature = hmac.new(key.encode(), (stamp + token).encode(), hashlib.sha256).hexdigest()
    return {"signature": {"timestamp": stamp, "token": token, "signature": signature},
            "event-data": {"id": f"ev-{address}", "timestamp": time.time(), "recipient": address, "event": "failed",
                           "severity": "permanent", "reason": "bounce",
                           "message": {"headers": {"message-id": "1@shop.example"}},
                           "delivery-status": {"code": 550, "message": "5.1.1 no such user here", "enhanced-code": "5.1.1"}}}


class Hooks(DaemonCase):
    def start(self, more=""):
        self.d = self.daemon(CONF + more)
        self.port = int({r.get("name"): r.get("listen") for r in self.d.status()["roles"]}["api"].rsplit(":", 1)[1])

    def ask(self, method, path, body=None, headers=None):
        c = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        try:
            c.request(method, path, body=body, headers=headers or {})
            r = c.getresponse()
            return r.status, r.read()
        finally:
            c.close()

    def post(self, name, body, login=None, kind="application/json"):
        headers = {"Content-Type": kind}
        if login:
            headers["Authorization"] = "Basic " + base64.b64encode(login.encode()).decode()
        return self.ask("POST", f"/v1/webhooks/{name}", body if isinstance(body, bytes) else json.dumps(body).encode(), headers)[0]

    def answer(self, address):
        return json.loads(self.ask("GET", f"/v1/check?address={address}&stream=newsletter")[1])["answer"]

    def until_suppressed(self, address):
        self.d.until(lambda: self.answer(address) == "suppressed", f"{address} was never suppressed")

    def role(self, name):
        return next(r for r in self.d.status()["roles"] if r.get("name") == name)


class Webhooks(Hooks):
    def test_a_genuine_event_counts_once(self):
        self.start()
        for _ in range(3):
            self.assertEqual(self.post("pm", postmark("a@example.org"), "hook:sesame"), 200)
        self.until_suppressed("a@example.org")
        self.d.until(lambda: self.role("pm")["events"] == 3)
        self.assertEqual(len(self.objects("events")), 1)
        event = self.objects("events")[0]
        self.assertEqual((event["reason"], event["trust"], event["feed"]), ("user-unknown", "proven", "webhook:pm"))

    def test_a_signature(self):
        self.start()
        self.assertEqual(self.post("mg", mailgun("b@example.org")), 200)
        self.until_suppressed("b@example.org")
        self.assertEqual(self.objects("events")[0]["stream"], "newsletter")

    def test_others_are_turned_away_and_nothing_is_stored(self):
        self.start()
        self.assertEqual(self.post("pm", postmark("c@example.org")), 401)
        self.assertEqual(self.post("pm", postmark("c@example.org"), "hook:wrong"), 401)
        self.assertEqual(self.post("mg", mailgun("c@example.org", key="other")), 401)
        self.assertEqual(self.post("mg", mailgun("c@example.org", stamp=1)), 401)
        self.assertEqual(self.post("mg", mailgun("d@example.org", token="once")), 200)
        self.assertEqual(self.post("mg", mailgun("e@example.org", token="once")), 401)  # replayed with another body
        self.assertEqual(self.post("nobody", postmark("c@example.org"), "hook:sesame"), 404)
        self.assertEqual(self.post("pm", postmark("c@example.org"), "hook:sesame", kind="image/png"), 415)
        self.until_suppressed("d@example.org")
        self.assertEqual(self.answer("c@example.org"), "send")
        self.assertEqual(self.answer("e@example.org"), "send")
        self.assertEqual(self.role("pm")["denied"], 2)
        self.assertEqual(self.role("mg")["denied"], 3)
        self.assertEqual(len(self.objects("events")), 1)
        self.assertIn("webhook.denied webhook=pm", self.d.told())

    def test_what_makes_no_sense_is_kept_and_others_go_on(self):
        self.start()
        for body in (b"", b"{", b"[]", b"null", b"{" * 200, b"\xff\xfe", json.dumps(postmark("no address")).encode()):
            self.assertIn(self.post("pm", body, "hook:sesame"), (200, 401))
        self.assertEqual(self.post("pm", postmark("f@example.org"), "hook:sesame"), 200)
        self.until_suppressed("f@example.org")
        self.assertGreater(self.role("pm")["odd"], 0)

    def test_nothing_acknowledged_is_lost_by_a_kill(self):
        self.start()
        taken = []
        for n in range(40):
            if self.post("pm", postmark(f"k{n}@example.org", n), "hook:sesame") == 200:
                taken.append(f"k{n}@example.org")
            if n % 10 == 9:
                self.d.send(signal.SIGKILL)
                self.d.wait()
                self.start()
        self.assertEqual(len(taken), 40)
        for address in taken:
            self.until_suppressed(address)
        self.assertEqual(len(self.objects("events")), 40)

    def test_wrong_settings_are_told(self):
        for text, told in (("platform = nope\nsecret = x\n", "there is no platform 'nope'"),
                           ("platform = postmark\n", "without a secret"),
                           ("mapping = missing.json\nsecret = x\n", "missing.json")):
            self.conf(f"[webhook-in x]\n{text}", name="x.conf")
            done = self.bounced("serve", "--config", self.dir / "x.conf", code=None)
            self.assertNotEqual(done.returncode, 0)
            self.assertIn(told, done.err)

    def test_every_platform_can_be_set_up(self):
        names = sorted({json.loads(line)["esp"] for p in (SAMPLES / "webhooks").glob("*.jsonl")
                        for line in p.read_text(encoding="utf-8").splitlines()})
        more = "".join(f"[webhook-in e-{n}]\nplatform = {n}\nsecret = x\ntopics = arn:aws:sns:eu-west-1:1:t\n" for n in names)
        self.start(more)
        for name in names:
            self.assertIn(self.post(f"e-{name}", b"{}"), (401, 415), name)


class Amazon(Hooks):
    """SES over SNS: the certificate is fetched once, from where Amazon's would come, and a subscription is confirmed."""

    HOST, ADDRESS, TOPIC = "sns.eu-west-1.amazonaws.com", "127.9.9.9", "arn:aws:sns:eu-west-1:123456789012:bounces"

    def openssl(self, *args, data=None):
        return subprocess.run(["openssl", *args], cwd=self.dir, input=data, capture_output=True, check=True).stdout

    def setUp(self):
        super().setUp()
        if not shutil.which("openssl"):
            self.skipTest("openssl is not installed")
        self.openssl("req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", f"/CN={self.HOST}", "-addext",
                     f"subjectAltName=DNS:{self.HOST}", "-keyout", "key.pem", "-out", "cert.pem")
        self.visits = []
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                outer.visits.append(self.path)
                body = (outer.dir / "cert.pem").read_bytes() if self.path.endswith(".pem") else b"<ok/>"
                self.send_response(200)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *args):
                pass

        try:
            server = http.server.ThreadingHTTPServer((self.ADDRESS, 443), Handler)
        except OSError as e:
            self.skipTest(f"port 443 of {self.ADDRESS}: {e.strerror}")
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.dir / "cert.pem", self.dir / "key.pem")
        server.socket = context.wrap_socket(server.socket, server_side=True)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        self.addCleanup(server.server_close)
        self.addCleanup(server.shutdown)

    def signed(self, **members):
        m = dict(members, MessageId="22b80b92-fdea-4c2c-8f9d-bdfb0c7bf324", Timestamp=time.strftime("%Y-%m-%dT%H:%M:%S.000Z", time.gmtime()),
                 TopicArn=members.get("TopicArn", self.TOPIC), SignatureVersion="2",
                 SigningCertURL=f"https://{self.HOST}/SimpleNotificationService-0123456789abcdef.pem")
        names = ["Message", "MessageId", "Timestamp", "TopicArn", "Type"]
        if m["Type"] != "Notification":
            names = ["Message", "MessageId", "SubscribeURL", "Timestamp", "Token", "TopicArn", "Type"]
        text = "".join(f"{n}\n{m[n]}\n" for n in names)
        m["Signature"] = base64.b64encode(self.openssl("dgst", "-sha256", "-sign", "key.pem", data=text.encode())).decode()
        return m

    def bounce(self, address):
        return json.dumps({"eventType": "Bounce", "mail": {"messageId": "0102", "destination": [address], "timestamp": "2026-11-18T11:06:40Z"},
                           "bounce": {"bounceType": "Permanent", "bounceSubType": "General", "feedbackId": f"f-{address}",
                                      "timestamp": "2026-11-18T11:06:41.000Z", "reportingMTA": "dns; x",
                                      "bouncedRecipients": [{"emailAddress": address, "action": "failed", "status": "5.1.1",
                                                             "diagnosticCode": "smtp; 550 5.1.1 user unknown"}]}})

    def test_the_certificate_is_fetched_and_the_topic_confirmed(self):
        self.start(f"[webhook-in ses]\nplatform = ses\ntopics = {self.TOPIC}\nallow = 127.0.0.0/8\nauthorities = cert.pem\n"
                   f"resolve = {self.HOST}:443:{self.ADDRESS}\n")
        url = f"https://{self.HOST}/?Action=ConfirmSubscription&TopicArn={self.TOPIC}&Token=abc"
        self.assertEqual(self.post("ses", self.signed(Type="SubscriptionConfirmation", Message="m", Token="abc", SubscribeURL=url),
                                   kind="text/plain; charset=UTF-8"), 200)
        self.d.until(lambda: any("ConfirmSubscription" in v for v in self.visits))
        self.assertEqual(self.post("ses", self.signed(Type="Notification", Message=self.bounce("s@example.org"))), 200)
        self.until_suppressed("s@example.org")
        self.assertEqual(len([v for v in self.visits if v.endswith(".pem")]), 1)
        other = self.signed(Type="Notification", Message=self.bounce("t@example.org"), TopicArn="arn:aws:sns:eu-west-1:1:other")
        self.assertEqual(self.post("ses", other), 401)
        altered = dict(self.signed(Type="Notification", Message=self.bounce("u@example.org")), Message=self.bounce("v@example.org"))
        self.assertEqual(self.post("ses", altered), 401)
        elsewhere = dict(altered, SigningCertURL="https://sns.example.org/x.pem")
        self.assertEqual(self.post("ses", elsewhere), 401)
        self.assertEqual(self.answer("v@example.org"), "send")

    def test_a_certificate_that_cannot_be_had(self):
        self.start(f"[webhook-in ses]\nplatform = ses\ntopics = {self.TOPIC}\nresolve = {self.HOST}:443:{self.ADDRESS}\n")
        # loopback is not reached unless it is allowed; the platform is asked to come again
        self.assertEqual(self.post("ses", self.signed(Type="Notification", Message=self.bounce("w@example.org"))), 503)
        self.assertEqual(self.visits, [])


if __name__ == "__main__":
    unittest.main()
