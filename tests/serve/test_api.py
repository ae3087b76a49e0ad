"""The HTTP API over a real socket: every route, who may use it, and that its description says what it does."""
import datetime
import gzip
import http.client
import json
import re
import unittest
from urllib.parse import quote

from daemontest import DaemonCase
from cmdtest import LOGS, ROOT

HTTP = "[http api]\nlisten = 127.0.0.1:0\nreviewed_rules = reviewed.rules\n"
DOCUMENT = json.loads((ROOT / "docs" / "openapi.json").read_text(encoding="utf-8"))


def fits(schema, value, at=""):
    """What of `value` is not as the schema says (the part of JSON Schema that the document uses)."""
    if "$ref" in schema:
        schema = DOCUMENT["components"]["schemas"][schema["$ref"].rsplit("/", 1)[1]]
    kinds = {"object": dict, "array": list, "string": str, "integer": int, "boolean": bool}
    problems = []
    if "type" in schema and not isinstance(value, kinds[schema["type"]]):
        return [f"{at}: is no {schema['type']}"]
    if "enum" in schema and value not in schema["enum"]:
        problems.append(f"{at}: {value!r} is none of {schema['enum']}")
    if isinstance(value, dict) and "properties" in schema:
        problems += [f"{at}.{name}: missing" for name in schema.get("required", []) if name not in value]
        for name, member in value.items():
            if name in schema["properties"]:
                problems += fits(schema["properties"][name], member, f"{at}.{name}")
    if isinstance(value, list) and "items" in schema:
        for i, item in enumerate(value):
            problems += fits(schema["items"], item, f"{at}[{i}]")
    return problems


class Api(DaemonCase):
    def start(self, more="", conf=HTTP):
        self.d = self.daemon(conf + more)
        listening = {role.get("name"): role.get("listen") for role in self.d.status()["roles"]}
        self.port = int(listening["api"].rsplit(":", 1)[1])
        return self.d

    def key(self, name, role, *options):
        key = self.bounced("key", "add", name, "--role", role, *options).out.strip()
        # the daemon reads keys again every second
        self.d.until(lambda: self.ask("GET", "/v1/check?address=a@example.org", key=key).status == 200)
        return key

    def ask(self, method, path, body=None, key=None, headers=None):
        c = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        self.addCleanup(c.close)
        headers = dict(headers or {})
        if key:
            headers["Authorization"] = f"Bearer {key}"
        if isinstance(body, (dict, list)):
            body = json.dumps(body)
            headers.setdefault("Content-Type", "application/json")
        c.request(method, path, body=body, headers=headers)
        r = c.getresponse()
        r.body = r.read()
        if r.headers.get_content_type() in ("application/json", "application/problem+json") and r.body[:1] == b"{":
            r.json = json.loads(r.body)
        return r

    def known(self, method, path, template, status=200, **kwargs):
        """Asks, and holds status and body against the description of the route."""
        r = self.ask(method, path, key=self.admin, **kwargs)
        self.assertEqual(r.status, status, (path, r.body))
        told = DOCUMENT["paths"][template][method.lower()]["responses"][str(status)]
        if "$ref" in told:
            told = DOCUMENT["components"]["responses"][told["$ref"].rsplit("/", 1)[1]]
        if not told.get("content"):
            self.assertEqual(r.body, b"")
            return r
        kind = r.headers.get_content_type()
        self.assertIn(kind, told["content"])
        if hasattr(r, "json"):
            self.assertEqual(fits(told["content"][kind]["schema"], r.json), [])
        return r


class Description(unittest.TestCase):
    def test_routes_are_those_of_the_document(self):
        table = (ROOT / "src" / "serve" / "api_routes.def").read_text(encoding="utf-8")
        routes = {(m.lower(), p): role.lower() for m, p, role in re.findall(r'^ROUTE\((\w+), "([^"]+)", (\w+),', table, re.M)}
        told = {(method, path): what["x-role"] for path, item in DOCUMENT["paths"].items() for method, what in item.items()}
        self.assertEqual(routes, told)

    def test_path_parameters_are_described(self):
        for path, item in DOCUMENT["paths"].items():
            for method, what in item.items():
                with self.subTest(f"{method} {path}"):
                    named = {p["name"] for p in what.get("parameters", []) if p["in"] == "path"}
                    self.assertEqual(named, set(re.findall(r"{(\w+)}", path)))
                    self.assertTrue(what["summary"])
                    self.assertEqual(what["security"] == [], what["x-role"] == "none")

    def test_references_lead_somewhere(self):
        for ref in re.findall(r'"\$ref": "#/components/(\w+)/(\w+)"', json.dumps(DOCUMENT)):
            self.assertIn(ref[1], DOCUMENT["components"][ref[0]])


class Keys(Api):
    def test_roles(self):
        self.start()
        read, write, admin = (self.key(name, name) for name in ("read", "write", "admin"))
        for path, item in DOCUMENT["paths"].items():
            for method, what in item.items():
                if method == "post" and path == "/v1/reload":
                    continue
                path_now = re.sub(r"{\w+}", "1", path)
                need = ("none", "read", "write", "admin").index(what["x-role"])
                for have, key in enumerate((None, read, write, admin)):
                    with self.subTest(f"{method} {path} by {have}"):
                        status = self.ask(method.upper(), path_now, key=key, body="" if method == "post" else None).status
                        if have == 0 and need > 0:
                            self.assertEqual(status, 401)
                        elif have < need:
                            self.assertEqual(status, 403)
                        else:
                            self.assertNotIn(status, (401, 403))

    def test_a_wrong_key(self):
        self.start()
        r = self.ask("GET", "/v1/feeds", key="bnc_aaaaaaaa_" + "a" * 32)
        self.assertEqual(r.status, 401)
        self.assertEqual(r.headers["WWW-Authenticate"].split()[0], "Bearer")
        self.assertEqual(r.json["status"], 401)

    def test_a_key_that_was_taken_away(self):
        self.start()
        key = self.key("x", "read")
        self.bounced("key", "remove", "x")
        self.d.until(lambda: self.ask("GET", "/v1/feeds", key=key).status == 401)

    def test_loopback_as_set(self):
        self.start("loopback = read\n")
        self.assertEqual(self.ask("GET", "/v1/feeds").status, 200)
        self.assertEqual(self.ask("GET", "/v1/config").status, 403)
        self.assertEqual(self.ask("GET", "/v1/feeds", key="nonsense").status, 401)

    def test_the_key_of_a_tenant_sees_that_one(self):
        self.start()
        self.admin = self.key("boss", "admin")
        self.ask("POST", "/v1/suppressions?tenant=acme", {"address": "a@example.org"}, key=self.admin)
        self.ask("POST", "/v1/suppressions?tenant=other", {"address": "b@example.org"}, key=self.admin)
        acme = self.key("acme", "write", "--tenant", "acme")
        listed = self.ask("GET", "/v1/suppressions?tenant=other", key=acme).json["items"]
        self.assertEqual([s["address"] for s in listed], ["a@example.org"])
        answer = self.ask("GET", "/v1/check?address=b@example.org&tenant=other", key=acme).json
        self.assertEqual(answer["answer"], "send")
        self.assertEqual(self.ask("GET", "/v1/check?address=a@example.org", key=acme).json["answer"], "suppressed")


class Routes(Api):
    def setUp(self):
        super().setUp()
        (self.dir / "mail.log").write_bytes((LOGS / "postfix-iso.log").read_bytes())
        self.start("[feed mail]\npath = mail.log\n")
        self.admin = self.key("boss", "admin")
        self.d.until(lambda: self.d.status()["ledger"]["suppressions"] > 5)

    def test_check(self):
        hard = self.ask("GET", "/v1/suppressions?limit=1", key=self.admin).json["items"][0]["address"]
        r = self.known("GET", f"/v1/check?address={quote(hard.upper())}", "/v1/check")
        self.assertEqual((r.json["answer"], r.json["cause"]), ("suppressed", "hard"))
        self.known("GET", "/v1/check", "/v1/check", status=400)
        self.assertEqual(self.known("GET", "/v1/check?address=no", "/v1/check").json["answer"], "invalid")
        many = [hard, "fine@example.net", "bad", 7]
        r = self.known("POST", "/v1/check", "/v1/check", body={"addresses": many})
        self.assertEqual([a["answer"] for a in r.json["answers"]], ["suppressed", "send", "invalid", "invalid"])
        self.assertEqual(self.known("POST", "/v1/check", "/v1/check", body=many).json, r.json)
        text = ("\r\n".join(map(str, many[:3])) + "\n").encode()
        r = self.known("POST", "/v1/check", "/v1/check", body=text, headers={"Content-Type": "text/plain"})
        self.assertEqual(r.body, b"suppressed hard\nsend\ninvalid\n")
        lines = b"".join(b"u%d@example.org\n" % i for i in range(5000)) + hard.encode()
        r = self.known("POST", "/v1/check", "/v1/check", body=lines, headers={"Content-Type": "text/plain; charset=utf-8"})
        self.assertEqual(r.body, b"send\n" * 5000 + b"suppressed hard\n")
        for bad in ("{", "[1", '{"addresses": "x"}', "null", "[" * 100 + "]" * 100):
            self.known("POST", "/v1/check", "/v1/check", body=bad, status=400)

    def test_events_in(self):
        def event(n, word="bounced", **more):
            return {"event": word, "recipient": f"in{n}@example.org", "time": "2026-11-21T20:43:24Z", "message_id": f"{n}@shop.example",
                    "reply": "550 5.1.1 no such user", **more}

        before = len(self.objects("events"))
        path = "/v1/events"
        self.assertEqual(self.known("POST", path, path, body=event(1), status=202).json, {"accepted": 1, "rejected": 0, "errors": []})
        # durable and known at once: no waiting between the answer and the check
        self.assertEqual(self.ask("GET", "/v1/check?address=in1@example.org", key=self.admin).json["answer"], "suppressed")
        many = [event(n) for n in range(2, 102)]
        self.assertEqual(self.known("POST", path, path, body=many, status=202).json["accepted"], 100)
        lines = "".join(json.dumps(event(n)) + "\n" for n in range(50, 152))
        r = self.known("POST", path, path, body=lines, headers={"Content-Type": "application/x-ndjson"}, status=202)
        self.assertEqual(r.json["accepted"], 102)  # half of them known already
        self.assertEqual(len(self.objects("events")) - before, 151)
        odd = [event(200), {"event": "bounced"}, event(201, "danced"), 7, event(202, recipient="no address"), event(203, "opened")]
        r = self.known("POST", path, path, body=odd, status=202)
        self.assertEqual((r.json["accepted"], r.json["rejected"], [e["item"] for e in r.json["errors"]]), (2, 4, [2, 3, 4, 5]))
        r = self.known("POST", path, path, body=[{"event": "bounced"}], status=400)
        self.assertEqual(r.json["rejected"], 1)
        for body in ("", "{", "[1,", "[" * 500, "\u0000"):
            self.assertEqual(self.ask("POST", path, body, key=self.admin).status, 400, body)
        for _ in range(2):
            self.known("POST", path, path, body=event(300, "complaint", key="k1"), status=202)
        keyed = [e for e in self.objects("events") if e["address"] == "in300@example.org"]
        self.assertEqual(len(keyed), 1)

    def test_lines_of_a_log_hook(self):
        record = {"type": "Bounce", "id": "1f1b2c3d", "sender": "b@shop.example", "recipient": "hook@example.org", "queue": "example.org",
                  "site": "mx.example.org", "size": 100, "response": {"code": 550, "enhanced_code": {"class": 5, "subject": 1, "detail": 1},
                  "content": "no such user", "command": "RCPT TO:<hook@example.org>"}, "peer_address": {"name": "mx.example.org", "addr": "192.0.2.1"},
                  "timestamp": 1764504000, "created": 1764503000, "num_attempts": 1, "bounce_classification": "InvalidRecipient", "meta": {}}
        path = "/v1/logs/{dialect}"
        r = self.known("POST", "/v1/logs/kumomta", path, body=json.dumps(record) + "\n", status=202)
        self.assertEqual(r.json["accepted"], 1)
        self.assertEqual(self.ask("GET", "/v1/check?address=hook@example.org", key=self.admin).json["answer"], "suppressed")
        self.known("POST", "/v1/logs/nothing", path, body="x", status=404)

    def test_events_out(self):
        seen, since = [], 0
        while True:
            r = self.known("GET", f"/v1/events?limit=7&since={since}", "/v1/events")
            page = [json.loads(line) for line in r.body.splitlines()]
            if not page:
                break
            seen += page
            self.assertEqual(int(r.headers["X-Last-Seq"]), page[-1]["seq"])
            since = page[-1]["seq"]
        everything = self.objects("events")
        self.assertEqual(seen, everything)
        self.assertGreater(len(seen), 20)
        self.known("GET", "/v1/events?since=x", "/v1/events", status=400)
        self.known("GET", "/v1/events?limit=0", "/v1/events", status=400)

    def test_an_address(self):
        hard = self.ask("GET", "/v1/suppressions?limit=1", key=self.admin).json["items"][0]["address"]
        r = self.known("GET", f"/v1/addresses/{quote(hard)}", "/v1/addresses/{address}")
        self.assertEqual(r.json["state"], "suppressed")
        self.assertIn("No mail is sent", r.json["words"])
        self.assertTrue(r.json["timeline"][0]["reply"])
        r = self.known("GET", "/v1/addresses/nobody@example.net", "/v1/addresses/{address}")
        self.assertFalse(r.json["known"])
        self.known("GET", "/v1/addresses/no", "/v1/addresses/{address}", status=400)
        self.known("DELETE", f"/v1/addresses/{quote(hard)}", "/v1/addresses/{address}", status=204)
        self.assertEqual(self.ask("GET", f"/v1/check?address={quote(hard)}", key=self.admin).json["cause"], "erased")
        self.known("GET", "/v1/addresses/a%2Fb@example.org", "/v1/addresses/{address}", status=400)

    def test_acquisition_is_told(self):
        self.file("a.csv", "email,source,signed_up\nnew@example.net,fair,2025-01-01\n")
        self.bounced("acquired", "a.csv")
        r = self.known("GET", "/v1/addresses/new@example.net", "/v1/addresses/{address}")
        self.assertEqual(r.json["acquired"]["source"], "fair")

    def test_suppressions(self):
        add, lift = "/v1/suppressions", "/v1/suppressions/{address}"
        body = {"address": "Ann@Example.org", "cause": "complaint", "note": "wrote to us"}
        r = self.known("POST", add, add, body=body)
        self.assertEqual((r.json["to"], r.json["changed"]), ("suppressed", True))
        self.assertFalse(self.known("POST", add, add, body=body).json["changed"])
        self.assertEqual(self.ask("GET", "/v1/check?address=ann@example.org", key=self.admin).json["cause"], "complaint")
        self.known("DELETE", "/v1/suppressions/ann@example.org", lift, status=409)
        self.known("DELETE", "/v1/suppressions/ann@example.org?note=asked", lift, status=409)
        r = self.known("DELETE", "/v1/suppressions/ann@example.org?note=asked&reverified=confirmed-opt-in", lift)
        self.assertEqual(r.json["to"], "active")
        self.known("DELETE", "/v1/suppressions/ann@example.org?note=asked&reverified=verification", lift, status=404)
        self.known("POST", add, add, body={"address": "x"}, status=400)
        self.known("POST", add, add, body={"cause": "manual"}, status=400)
        self.known("POST", add, add, body={"address": "a@example.org", "cause": "nonsense"}, status=400)
        self.known("POST", add, add, body={"address": "a@example.org", "cause": "erased"}, status=400)
        who = [e for e in self.ask("GET", "/v1/addresses/ann@example.org", key=self.admin).json["timeline"] if "actor" in e]
        self.assertEqual({e["actor"] for e in who}, {"boss"})

    def test_pages(self):
        everything = self.ask("GET", "/v1/suppressions?limit=1000", key=self.admin).json["items"]
        seen, after = [], ""
        while True:
            r = self.known("GET", f"/v1/suppressions?limit=2&after={quote(after)}", "/v1/suppressions").json
            seen += r["items"]
            if "next" not in r:
                break
            after = r["next"]
        self.assertEqual(seen, everything)

    def test_lists(self):
        rows = b"email,reason\n" + b"".join(b"i%d@example.org,bounced\n" % i for i in range(3000))
        path = "/v1/suppressions/import"
        r = self.known("POST", path + "?dry_run=true", path, body=rows, headers={"Content-Type": "text/csv"})
        self.assertEqual((r.json["dry_run"], r.json["new"]), (True, 3000))
        r = self.known("POST", path, path, body=rows + b"nonsense\n", headers={"Content-Type": "text/csv"})
        self.assertEqual((r.json["new"], r.json["invalid"], r.json["bad"][0]["text"]), (3000, 1, "nonsense"))
        self.d.until(lambda: self.ask("GET", "/v1/check?address=i2999@example.org", key=self.admin).json["answer"] == "suppressed")
        self.known("POST", path + "?format=nope", path, body=rows, status=400)
        out = self.known("GET", "/v1/suppressions/export?format=plain", "/v1/suppressions/export").body.decode().split()
        self.assertIn("i17@example.org", out)
        self.assertGreater(len(out), 3000)
        self.known("GET", "/v1/suppressions/export?format=ses&cause=nope", "/v1/suppressions/export", status=400)

    def test_a_list_that_breaks_off_changes_nothing(self):
        before = self.d.status()["ledger"]["suppressions"]
        c = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        c.putrequest("POST", "/v1/suppressions/import")
        c.putheader("Authorization", f"Bearer {self.admin}")
        c.putheader("Content-Length", "1000000")
        c.endheaders()
        c.send(b"email\nbroken@example.org\n")
        c.close()
        self.assertEqual(self.ask("GET", "/v1/check?address=broken@example.org", key=self.admin).json["answer"], "send")
        self.assertEqual(self.d.status()["ledger"]["suppressions"], before)

    def test_reports(self):
        for by in ("campaign", "day", "domain", "provider", "source", "reason", "stream", "ip"):
            r = self.known("GET", f"/v1/reports/{by}?limit=5", "/v1/reports/{by}")
            self.assertTrue(r.json["items"])
        rows = self.ask("GET", "/v1/reports/reason?limit=1000", key=self.admin).json["items"]
        told = {row.pop("reason"): row for row in self.objects("report", "--by", "reason", "--json", "--limit", "0")}
        self.assertEqual({row.pop("name"): row for row in rows}, told)
        self.known("GET", "/v1/reports/colour", "/v1/reports/{by}", status=404)
        domain = self.ask("GET", "/v1/reports/domain?limit=1", key=self.admin).json["items"][0]
        of_it = self.known("GET", f"/v1/reports/reason?domain={domain['name']}", "/v1/reports/{by}").json["items"]
        self.assertEqual(sum(row["sent"] for row in of_it), domain["sent"])
        self.known("GET", "/v1/reports/day?from=yesterday", "/v1/reports/{by}", status=400)

    def test_health_of_providers(self):
        path, one = "/v1/health/providers", "/v1/health/providers/{provider}"
        day = datetime.datetime.now(datetime.timezone.utc)
        stamp = (day - datetime.timedelta(minutes=9)).isoformat()
        lines = "".join(f"{stamp} mail postfix/smtp[9]: 4cXy{i:06d}zz: to=<h{i}@gmail.com>, relay=gmail-smtp-in.l.google.com[192.0.2.9]:25, "
                        f"delay=1, delays=0/0/0/1, dsn={'5.7.1' if i % 2 else '2.0.0'}, status={'bounced' if i % 2 else 'sent'} "
                        f"({'host x said: 550 5.7.1 blocked by policy' if i % 2 else '250 OK'})\n" for i in range(200))
        self.bounced("ingest", "-q", self.file("health.log", lines))
        self.bounced("health", "import", "-", stdin=f"Date,Domain,Spam rate,Domain reputation\n{day:%Y-%m-%d},a.example,0.2%,LOW\n")
        items = self.known("GET", path, path).json["items"]
        gmail = next(h for h in items if h["provider"] == "gmail")
        self.assertEqual((gmail["grade"], gmail["said"]["level"]), ("Bad", "poor"))
        depth = self.known("GET", path + "/gmail", one).json
        self.assertEqual(depth["reports"][0]["complaint_ppm"], 2000)
        told, = self.objects("health", "gmail", "--json")
        self.assertEqual((depth["parts"], depth["reasons"]), (told["parts"], told["reasons"]))
        self.assertEqual(len(self.known("GET", path + "?limit=1", path).json["items"]), 1)
        self.known("GET", path + "/nobody", one, status=404)
        self.known("GET", path + "?limit=none", path, status=400)

    def test_grades_stand_and_are_told(self):
        lines = "".join(f"{datetime.datetime.now(datetime.timezone.utc).isoformat()} mail postfix/smtp[9]: 4dXy{i:06d}zz: to=<g{i}@yahoo.com>, "
                        f"relay=mta5.am0.yahoodns.net[192.0.2.9]:25, delay=1, delays=0/0/0/1, dsn=5.7.1, status=bounced (host x said: "
                        f"550 5.7.1 blocked by policy)\n" for i in range(150))
        self.bounced("ingest", "-q", self.file("grades.log", lines))
        self.d.end()
        self.start()
        line = 'bounced_provider_grade{provider="yahoo"} 1\n'
        self.d.until(lambda: line in self.ask("GET", "/metrics", key=self.admin).body.decode())
        self.assertIn("'yahoo'", next(x for x in self.bounced("dump").out.splitlines() if x.startswith("circumstance ")))
        self.d.until_told("poor=1")

    def test_reviews_of_the_list(self):
        self.known("GET", "/v1/reports/typos", "/v1/reports/typos")
        sources = self.known("GET", "/v1/reports/sources?by=form", "/v1/reports/sources").json
        self.assertEqual([(r["name"], r["addresses"] > 0) for r in sources["items"]], [("", True)])
        self.known("GET", "/v1/reports/sources?by=day", "/v1/reports/sources", status=400)
        decay = self.known("GET", "/v1/reports/decay", "/v1/reports/decay").json
        self.assertEqual(decay["items"][0]["part"], "all")
        saas = self.known("GET", "/v1/reports/benchmark?industry=saas", "/v1/reports/benchmark").json
        self.assertEqual((saas["high_ppm"], saas["above_in_a_row"]), (20000, 0))
        self.known("GET", "/v1/reports/benchmark", "/v1/reports/benchmark", status=400)
        page = self.known("GET", "/v1/digest?industry=saas", "/v1/digest")
        self.assertTrue(page.body.startswith(b"<!DOCTYPE html>"))
        self.assertIn("default-src 'none'", page.headers["Content-Security-Policy"])
        self.assertIn(b"yesterday", self.known("GET", "/v1/digest?form=text", "/v1/digest").body)
        self.known("GET", "/v1/digest?form=pdf", "/v1/digest", status=400)
        self.known("GET", "/v1/digest?industry=gambling", "/v1/digest", status=400)
        segments = self.known("GET", "/v1/segments", "/v1/segments").json
        self.assertEqual(sum(r["addresses"] for r in segments["items"]), segments["addresses"])

    def test_review(self):
        held = "/v1/review/held"
        self.assertEqual(self.known("GET", held, held).json["items"], [])
        self.known("POST", held + "/999/vouch", held + "/{seq}/vouch", status=404)
        self.known("POST", held + "/x/dismiss", held + "/{seq}/dismiss", status=404)
        groups = self.known("GET", "/v1/review/groups", "/v1/review/groups").json["items"]
        self.known("POST", "/v1/review/groups/1", "/v1/review/groups/{group}", body={"reason": "nope"}, status=400)
        if groups:
            r = self.known("POST", f"/v1/review/groups/{groups[0]['group']}", "/v1/review/groups/{group}", body={"reason": "policy"})
            self.assertIn("rule ", r.json["rule"])

    def test_a_held_report_is_decided(self):
        dsn = (ROOT / "tests" / "samples" / "dsn")
        sample = next(p for p in sorted(dsn.rglob("*")) if p.is_file())
        self.bounced("ingest", sample, code=None)
        held = self.ask("GET", "/v1/review/held", key=self.admin).json["items"]
        if held:
            path = "/v1/review/held/{seq}/dismiss"
            self.known("POST", path.format(seq=held[0]["seq"]), path)
            now = self.ask("GET", "/v1/review/held", key=self.admin).json["items"]
            self.assertNotIn(held[0]["seq"], [h["seq"] for h in now])

    def test_incidents(self):
        event = {"event": "bounced", "recipient": "held@bad.example", "time": "2020-12-14T23:00:00Z", "reply": "550 5.1.1 no such user",
                 "phase": "rcpt"}
        self.ask("POST", "/v1/events", key=self.admin, body=event)
        path, one = "/v1/incidents", "/v1/incidents/{id}"
        address = "/v1/addresses/held@bad.example"
        self.assertEqual(self.ask("GET", address, key=self.admin).json["state"], "suppressed")
        for wrong in ({}, {"domain": "bad.example"}, {"from": "2020-12-14"}, {"domain": "bad.example", "from": "soon"},
                      {"domain": "bad.example", "provider": "x", "from": "2020-12-14"},
                      {"domain": "bad.example", "from": "2020-12-14", "until": "2020-12-13"},
                      {"domain": "bad.example", "from": "2020-12-14", "reasons": ["weather"]},
                      {"domain": "a b", "from": "2020-12-14"}, {"domain": "bad.example", "from": "2999-12-14"}):
            with self.subTest(wrong):
                self.known("POST", path, path, body=wrong, status=400)
        opened = self.known("POST", path, path, body={"domain": "Bad.Example", "from": "2020-12-14T22:16:00Z", "note": "told",
                                                      "reasons": ["user-unknown"]}).json
        self.assertEqual((opened["state"], opened["domain"], opened["manual"]), ("open", "bad.example", True))
        self.assertEqual(self.ask("GET", address, key=self.admin).json["state"], "held")
        self.assertEqual(self.known("GET", path + "?state=open", path).json["items"][0]["id"], opened["id"])
        self.assertEqual(self.known("GET", f"{path}/{opened['id']}", one).json["note"], "told")
        self.known("GET", path + "/999", one, status=404)
        self.known("GET", path + "/x", one, status=404)
        close, undo = one + "/close", one + "/undo"
        closed = self.known("POST", f"{path}/{opened['id']}/close?until=2020-12-15", close).json
        self.assertEqual((closed["state"], closed["until"]), ("over", "2020-12-15T00:00:00Z"))
        self.known("POST", f"{path}/{opened['id']}/close", close, status=409)
        self.known("POST", path + "/999/close", close, status=404)
        self.assertEqual(self.ask("GET", address, key=self.admin).json["state"], "active")
        self.assertEqual(self.known("POST", f"{path}/{opened['id']}/undo?note=none", undo).json["state"], "undone")
        self.assertEqual(self.ask("GET", address, key=self.admin).json["state"], "suppressed")
        self.known("POST", f"{path}/{opened['id']}/undo", undo, status=409)
        self.known("POST", path + "/999/undo", undo, status=404)
        self.assertEqual(self.known("GET", path + "?state=open", path).json["items"], [])

    def test_alerts_and_advice(self):
        now = datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")
        events = [{"event": "delivered" if i > 60 else "bounced", "recipient": f"b{i}@example.net", "time": now, "campaign": "bought list",
                   "message_id": f"{i}@x.example", **({} if i > 60 else {"reply": "550 5.1.1 no such user", "phase": "rcpt"})}
                  for i in range(400)]
        self.assertEqual(self.ask("POST", "/v1/events", key=self.admin, body=events).status, 202)
        path = "/v1/campaigns/{campaign}/advice"
        advice = self.known("GET", "/v1/campaigns/bought%20list/advice", path).json
        self.assertEqual((advice["advice"], advice["hard"], advice["sent"]), ("pause", 61, 400))
        self.assertIn("hard bounces: 15.25 % (61 of 400), limit 2.00 %", advice["why"])
        self.assertEqual([(p["about"], p["name"], p["advice"]) for p in advice["places"]], [("domain", "example.net", "pause")])
        self.assertEqual(self.known("GET", "/v1/campaigns/no-such/advice", path).json["advice"], "continue")
        self.bounced("alerts", "look")
        self.bounced("alerts", "look", "--now", (datetime.datetime.now(datetime.timezone.utc)
                                                 + datetime.timedelta(minutes=6)).strftime("%Y-%m-%dT%H:%M:%SZ"))
        found = self.known("GET", "/v1/alerts", "/v1/alerts").json["items"]
        self.assertIn(("hard", "bought list"), {(a["rule"], a["name"]) for a in found})
        self.assertEqual(len(self.known("GET", "/v1/alerts?limit=1&state=all", "/v1/alerts").json["items"]), 1)
        self.known("GET", "/v1/alerts?limit=x", "/v1/alerts", status=400)

    def test_state(self):
        self.known("GET", "/v1/health", "/v1/health")
        self.known("GET", "/v1/ready", "/v1/ready")
        self.known("GET", "/v1/feeds", "/v1/feeds")
        self.assertIn("[http api]", self.known("GET", "/v1/config", "/v1/config").body.decode())
        self.assertEqual(self.known("GET", "/v1/openapi.json", "/v1/openapi.json").json, DOCUMENT)
        for path in ("/v1/openapi.json", "/v1/rules"):
            etag = self.ask("GET", path, key=self.admin).headers["ETag"]
            again = self.ask("GET", path, key=self.admin, headers={"If-None-Match": etag})
            self.assertEqual((again.status, again.body), (304, b""))
        packed = self.ask("GET", "/v1/rules", key=self.admin, headers={"Accept-Encoding": "gzip"})
        self.assertEqual(packed.headers["Content-Encoding"], "gzip")
        self.assertTrue(json.loads(gzip.decompress(packed.body))["items"])
        self.assertTrue(self.known("GET", "/v1/rules", "/v1/rules").json["items"])
        r = self.known("POST", "/v1/classify", "/v1/classify", body={"text": "550 5.1.1 User unknown", "phase": "rcpt"})
        self.assertEqual(r.json["reason"], "user-unknown")
        self.known("POST", "/v1/classify", "/v1/classify", body="[]", status=400)
        numbers = self.known("GET", "/metrics", "/metrics").body.decode()
        self.assertRegex(numbers, r'bounced_feed_observations_total\{feed="mail"\} [1-9]')

    def test_reload(self):
        self.assertTrue(self.known("POST", "/v1/reload", "/v1/reload").json["taken"])
        conf = self.dir / "bounced.conf"
        conf.write_text(conf.read_text() + "[nonsense]\n")
        r = self.known("POST", "/v1/reload", "/v1/reload", status=422)
        self.assertIn("nonsense", r.json["text"])


if __name__ == "__main__":
    unittest.main()
