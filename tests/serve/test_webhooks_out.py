"""Letters to other systems: signed, in order, at least once, through endpoints of every bad habit."""
import base64
import hashlib
import hmac
import http.server
import json
import signal
import threading
import time
import unittest

from daemontest import DaemonCase

KEY = bytes(range(32))
SECRET = "whsec_" + base64.b64encode(KEY).decode()


class Endpoint:
    """An HTTP server that keeps what it is sent; `script` says how to answer, request by request (then 200)."""

    def __init__(self, case, script=()):
        self.got, self.script, self.lock = [], list(script), threading.Lock()
        self.release = threading.Event()
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                with outer.lock:
                    outer.got.append((dict(self.headers.items()), body))
                    step = outer.script.pop(0) if outer.script else 200
                if step == "hang":
                    outer.release.wait(60)
                    step = 500
                if step == "flood":
                    self.send_response(200)
                    self.send_header("Content-Length", str(100 << 20))
                    self.end_headers()
                    try:
                        for _ in range(100):
                            self.wfile.write(bytes(1 << 20))
                    except OSError:
                        pass
                    self.close_connection = True
                    return
                if step == "drop":
                    self.close_connection = True
                    self.connection.close()
                    return
                self.send_response(step)
                if step == 302:
                    self.send_header("Location", "http://169.254.169.254/latest/meta-data/")
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *args):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.server.handle_error = lambda *args: None  # peers that went away
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}/hook"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        case.addCleanup(self.end)

    def end(self):
        self.release.set()
        self.server.shutdown()
        self.server.server_close()

    def letters(self):
        return [json.loads(body) for _, body in self.got]


class Out(DaemonCase):
    def start(self, *sections):
        self.conf("".join(f"[webhook {name}]\nallow = 127.0.0.0/8\nlook = 50ms\n{text}\n" for name, text in sections))
        self.d = self.daemon("".join(f"[webhook {name}]\nallow = 127.0.0.0/8\nlook = 50ms\n{text}\n" for name, text in sections))
        # the ledger knows the endpoints
        self.d.until(lambda: len(self.hooks()) == len(sections))

    def hooks(self):
        return {h["webhook"]: h for r in self.d.status()["roles"] for h in r.get("webhooks", [])}

    def suppress(self, *addresses):
        for address in addresses:
            self.bounced("suppress", "add", address, "--actor", "test", "--reason", "n")

    def until_got(self, endpoint, n):
        self.d.until(lambda: len(endpoint.got) >= n, f"only {len(endpoint.got)} of {n} letters")


class Letters(Out):
    def test_signed_and_in_order(self):
        e = Endpoint(self)
        self.start(("crm", f"url = {e.url}\nsecret = {SECRET}\nheader = X-Key: 7"))
        self.suppress(*(f"a{n}@example.org" for n in range(5)))
        self.bounced("suppress", "remove", "a0@example.org", "--actor", "test", "--reason", "n")
        self.until_got(e, 6)
        self.assertEqual([(m["type"], m["data"]["address"]) for m in e.letters()],
                         [("suppressed", f"a{n}@example.org") for n in range(5)] + [("lifted", "a0@example.org")])
        for headers, body in e.got:
            signed = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + body
            mac = base64.b64encode(hmac.new(KEY, signed, hashlib.sha256).digest()).decode()
            self.assertEqual(headers["webhook-signature"], "v1," + mac)
            self.assertLess(abs(int(headers["webhook-timestamp"]) - time.time()), 300)
            self.assertEqual((headers["X-Key"], headers["Content-Type"]), ("7", "application/json"))
        self.assertEqual(len({headers["webhook-id"] for headers, _ in e.got}), 6)
        self.d.until(lambda: self.hooks()["crm"]["sent"] == 6 and self.hooks()["crm"]["waiting"] == 0)

    def test_each_bad_habit_is_survived(self):
        e = Endpoint(self, [500, 302, "drop", "hang", 404, "flood"])
        self.start(("crm", f"url = {e.url}\ntimeout = 1s\nsecret = {SECRET}"))
        self.suppress("a@example.org", "b@example.org")
        # pauses grow from 5 seconds on: the daemon is started again to look at once
        def done():
            return not e.script and any(b"b@example.org" in body for _, body in e.got)

        for _ in range(20):
            self.d.until(lambda: done() or self.hooks()["crm"]["failures"] + self.hooks()["crm"]["sent"] >= 1)
            if done():
                break
            self.hurry()
        self.d.until(lambda: [x["waiting"] for x in self.objects("webhooks", "list", "--json")] == [0])
        self.assertEqual([m["data"]["address"] for m in e.letters()][-1], "b@example.org")
        firsts = [h["webhook-id"] for h, b in e.got if b"a@example.org" in b]
        self.assertGreaterEqual(len(firsts), 6)
        self.assertEqual(len(set(firsts)), 1)

    def hurry(self):
        """As an operator does: what waits for its time is made due."""
        import sqlite3
        self.d.end()
        db = sqlite3.connect(self.ledger)
        db.execute("UPDATE outbox SET due_us = 0")
        db.commit()
        db.close()
        self.d = self.daemon_again()

    def daemon_again(self):
        from daemontest import Daemon
        d = Daemon(self)
        self.d = d
        d.until(lambda: self.hooks())
        return d

    def test_nothing_is_lost_by_kills(self):
        e = Endpoint(self)
        self.start(("crm", f"url = {e.url}"))
        everyone = [f"k{n}@example.org" for n in range(30)]
        for n, address in enumerate(everyone):
            self.suppress(address)
            if n % 10 == 9:
                self.d.send(signal.SIGKILL)
                self.d.wait()
                self.d = self.daemon_again()
        self.d.until(lambda: {m["data"]["address"] for m in e.letters()} == set(everyone))
        order = list(dict.fromkeys(m["data"]["address"] for m in e.letters()))
        self.assertEqual(order, everyone)

    def test_a_dead_letter_is_kept_and_replayed(self):
        e = Endpoint(self, [500])
        self.start(("crm", f"url = {e.url}\ngive_up = 0"))
        self.suppress("a@example.org")
        self.d.until(lambda: self.hooks()["crm"]["dead"] == 1)
        self.assertIn("webhook.dead webhook=crm", self.d.told())
        listed = self.objects("webhooks", "list", "--json")
        self.assertEqual([(x["webhook"], x["dead"], x["waiting"]) for x in listed], [("crm", 1, 0)])
        dead = self.objects("webhooks", "dead", "--json")
        self.assertEqual((dead[0]["webhook"], dead[0]["error"], dead[0]["attempts"]), ("crm", "answered 500", 1))
        self.assertIn("1 letter", self.bounced("webhooks", "replay", "crm").out)
        self.until_got(e, 2)
        self.d.until(lambda: self.hooks()["crm"]["dead"] == 0)
        self.assertEqual(e.got[0][1], e.got[1][1])

    def test_private_addresses_are_refused(self):
        e = Endpoint(self)
        self.d = self.daemon(f"[webhook crm]\nurl = {e.url}\nlook = 50ms\n")
        self.d.until(lambda: self.hooks())
        self.suppress("a@example.org")
        self.d.until(lambda: self.hooks()["crm"]["failures"] >= 1)
        self.assertIn("refused", self.hooks()["crm"]["trouble"])
        self.assertEqual(e.got, [])

    def test_one_that_hangs_does_not_hold_up_the_other(self):
        slow, fast = Endpoint(self, ["hang"] * 9), Endpoint(self)
        self.start(("slow", f"url = {slow.url}\ntimeout = 60s"), ("fast", f"url = {fast.url}"))
        self.suppress("a@example.org", "b@example.org")
        self.until_got(fast, 2)
        self.assertEqual(len(slow.got), 1)
        slow.release.set()

    def test_an_endpoint_that_is_not_set_any_more_gets_nothing_new(self):
        e = Endpoint(self)
        self.start(("crm", f"url = {e.url}"))
        self.suppress("a@example.org")
        self.until_got(e, 1)
        self.d.end()
        self.d = self.daemon("")
        self.d.until(lambda: [x["active"] for x in self.objects("webhooks", "list", "--json")] == [False])
        self.suppress("b@example.org")
        self.assertEqual([x["waiting"] for x in self.objects("webhooks", "list", "--json")], [0])

    def test_forms_of_other_programs(self):
        listmonk, mautic = Endpoint(self), Endpoint(self)
        self.start(("listmonk", f"url = {listmonk.url}\nform = listmonk"), ("mautic", f"url = {mautic.url}\nform = mautic"))
        self.suppress("a@example.org")
        self.bounced("suppress", "add", "b@example.org", "--cause", "complaint", "--actor", "t", "--reason", "n")
        self.bounced("suppress", "remove", "a@example.org", "--actor", "t", "--reason", "n")
        self.until_got(listmonk, 2)
        self.until_got(mautic, 2)
        self.assertEqual([(m["email"], m["type"]) for m in listmonk.letters()],
                         [("a@example.org", "hard"), ("b@example.org", "complaint")])
        self.assertEqual([(m[0]["email"], m[0]["event"]) for m in mautic.letters()],
                         [("a@example.org", "bounce"), ("b@example.org", "spamreport")])
        self.d.until(lambda: all(h["waiting"] <= 1 for h in self.hooks().values()))

    def test_wrong_settings_are_told(self):
        for text, told in (("url = ftp://x\n", "begins with https://"), ("url = https://x\nsecret = abc\n", "whsec_"),
                           ("url = https://x\nkinds = moved\n", "there is no 'moved'"),
                           ("url = https://x\nallow = everything\n", "is no network"),
                           ("url = https://x\nheader = nothing\n", "NAME: VALUE")):
            self.conf(f"[webhook x]\n{text}", name="x.conf")
            done = self.bounced("serve", "--config", self.dir / "x.conf", code=None)
            self.assertNotEqual(done.returncode, 0)
            self.assertIn(told, done.err)


if __name__ == "__main__":
    unittest.main()
