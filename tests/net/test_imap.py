#!/usr/bin/env python3
"""An IMAP server that does what each case says, and the probe that reads from it. The probe is tests/net/imap_probe of the build."""
import os
import re
import shutil
import socket
import ssl
import subprocess
import tempfile
import threading
import unittest

BUILD = os.environ.get("BOUNCED_BUILD", os.path.join(os.path.dirname(__file__), "..", "..", "build"))
PROBE = os.path.join(BUILD, "tests", "net", "imap_probe")


class Server:
    """One folder of mails {uid: (flags, bytes)}; a plan says what goes wrong."""

    def __init__(self, mails=None, validity=7, capabilities="IMAP4rev1 UIDPLUS MOVE", tls=None, **plan):
        self.mails = {uid: [set(), body] for uid, body in (mails or {}).items()}
        self.validity, self.capabilities, self.tls, self.plan = validity, capabilities, tls, plan
        self.moved, self.log, self.read_only = [], [], True
        self.socket = socket.create_server(("127.0.0.1", 0))
        self.port = self.socket.getsockname()[1]
        self.thread = threading.Thread(target=self.serve, daemon=True)
        self.thread.start()

    def serve(self):
        while True:
            try:
                conn, _ = self.socket.accept()
            except OSError:
                return
            try:
                if self.tls:
                    conn = self.tls.wrap_socket(conn, server_side=True)
                self.session(conn)
            except (OSError, ssl.SSLError):
                pass
            conn.close()

    def close(self):
        self.socket.shutdown(socket.SHUT_RDWR)
        self.socket.close()
        self.thread.join()

    def session(self, conn):
        self.conn, stream = conn, conn.makefile("rb")
        self.say("* OK [CAPABILITY %s] ready" % self.capabilities)
        for line in stream:
            line = line.decode().rstrip("\r\n")
            tag, verb, rest = (line.split(" ", 2) + ["", ""])[:3]
            if verb.upper() == "UID":
                sub, _, rest = rest.partition(" ")
                verb = "UID" + sub
            self.log.append(verb.upper() + " " + rest)
            if verb.upper() == "LOGOUT":
                self.say("* BYE\r\n%s OK" % tag)
                return
            if not getattr(self, "on_" + verb.lower(), self.unknown)(tag, rest):
                return

    def say(self, text):
        self.conn.sendall(text.encode() + b"\r\n")

    def unknown(self, tag, rest):
        self.say(tag + " BAD what?")
        return True

    def on_capability(self, tag, rest):
        self.say("* CAPABILITY %s\r\n%s OK" % (self.capabilities, tag))
        return True

    def on_login(self, tag, rest):
        good = rest in ("user secret", '"user" "secret"')
        self.say(tag + (" OK in" if good else " NO [AUTHENTICATIONFAILED] no"))
        return True

    def on_select(self, tag, rest, read_only=False):
        self.read_only = read_only
        if rest != '"INBOX"':
            self.say(tag + " NO no such folder")
            return True
        self.say("* %d EXISTS\r\n* OK [UIDVALIDITY %d] v\r\n* FLAGS {3}\r\n(X)\r\n%s OK [READ-WRITE]" % (len(self.mails), self.validity, tag))
        return True

    def on_examine(self, tag, rest):
        return self.on_select(tag, rest, True)

    def on_uidsearch(self, tag, rest):
        low = int(re.match(r"UID (\d+):\*$", rest).group(1))
        found = [u for u in self.mails if u >= low] or list(self.mails)[-1:]
        self.say("* SEARCH %s\r\n%s OK" % (" ".join(map(str, reversed(found))), tag))
        return True

    def on_uidfetch(self, tag, rest):
        uids, limit = re.match(r"([\d,]+) \(UID BODY\.PEEK\[\]<0\.(\d+)>\)$", rest).groups()
        uids = [int(u) for u in uids.split(",")]
        if self.plan.get("backwards"):
            uids.reverse()
        for uid in uids:
            if uid not in self.mails or uid in self.plan.get("vanished", ()):
                continue
            body = self.mails[uid][1][:int(limit)]
            if self.plan.get("cut_in") == uid:
                self.say("* 1 FETCH (UID %d BODY[]<0> {%d}" % (uid, len(body)))
                self.conn.sendall(body[:len(body) // 2])
                return False
            if self.plan.get("bye_before") == uid:
                self.say("* BYE going down")
                return False
            if self.plan.get("silent_before") == uid:
                self.conn.recv(1)
                return False
            self.say("* 3 EXISTS")  # nobody asked for it
            self.say("* 3 FETCH (FLAGS (\\Seen))")
            if not body:
                self.say('* 1 FETCH (BODY[]<0> "" UID %d)' % uid)
            elif self.plan.get("uid_last"):
                self.say("* 1 FETCH (FLAGS {2}\r\n() BODY[]<0> {%d}" % len(body))
                self.conn.sendall(body)
                self.say(" UID %d)" % uid)
            else:
                self.say("* 1 FETCH (UID %d BODY[]<0> {%d}" % (uid, len(body)))
                self.conn.sendall(body)
                self.say(")")
        self.say(tag + " OK")
        return True

    def each(self, rest, act):
        assert not self.read_only
        for uid in rest.split(" ")[0].split(","):
            act(int(uid))

    def on_uidstore(self, tag, rest):
        flags = re.search(r"\((.*)\)", rest).group(1).split()
        self.each(rest, lambda u: self.mails[u][0].update(flags))
        self.say(tag + " OK")
        return True

    def on_uidexpunge(self, tag, rest):
        self.each(rest, lambda u: self.mails.pop(u) if "\\Deleted" in self.mails[u][0] else None)
        self.say(tag + " OK")
        return True

    def on_uidcopy(self, tag, rest):
        self.each(rest, lambda u: self.moved.append((u, rest.split(" ", 1)[1])))
        self.say(tag + " OK")
        return True

    def on_uidmove(self, tag, rest):
        self.on_uidcopy("*", rest)
        self.each(rest, self.mails.pop)
        self.say(tag + " OK")
        return True


MAILS = {4: b"Subject: four\r\n\r\n{9}\r\nb1 OK\r\n", 5: b"Subject: five\r\n\r\n", 9: b"Subject: nine\r\n\r\n" + b"x" * 90}
FOUR, FIVE = r"mail 4 Subject: four\n\n{9}\nb1 OK\n", r"mail 5 Subject: five\n\n"
NINE = r"mail 9 Subject: nine\n\n" + "x" * 90


def probe(server, after="keep", every=0, most=0, position="", password="secret", folder="INBOX", scheme="imap", extra=(), **env):
    url = "%s://%s:%d" % (scheme, "localhost" if scheme == "imaps" else "127.0.0.1", server.port)
    run = subprocess.run([PROBE, url, folder, "user", password, after, str(every), str(most), position, *extra],
                         stdout=subprocess.PIPE, timeout=60, env={**os.environ, **env})
    return run.stdout.decode().splitlines()


class Imap(unittest.TestCase):
    def server(self, *args, **kwargs):
        server = Server(*args, **kwargs)
        self.addCleanup(server.close)
        return server

    def test_reads_all_then_only_what_is_new(self):
        s = self.server(MAILS)
        self.assertEqual(probe(s), ["found 3", FOUR, FIVE, NINE, "position 7 9"])
        self.assertTrue(s.read_only)
        self.assertFalse(any(line.startswith(("UIDSTORE", "SELECT")) for line in s.log))
        self.assertEqual(probe(s, position="7 9"), ["found 0", "position 7 9"])
        self.assertEqual(probe(s, position="7 4"), ["found 2", FIVE, NINE, "position 7 9"])

    def test_empty_folder(self):
        self.assertEqual(probe(self.server({})), ["found 0", "position 7 0"])

    def test_more_mails_than_one_command_fetches(self):
        mails = {u: b"S: %d\r\n\r\n" % u for u in range(1, 231)}
        s = self.server(mails)
        self.assertEqual(probe(s, after="delete", every=7), ["found 230"] + [r"mail %d S: %d\n\n" % (u, u) for u in mails] + ["position 7 230"])
        self.assertEqual(s.mails, {})

    def test_new_uidvalidity_starts_again(self):
        s = self.server(MAILS, validity=8)
        self.assertEqual(probe(s, position="7 9"), ["found 3 restarted", FOUR, FIVE, NINE, "position 8 9"])

    def test_login(self):
        s = self.server(MAILS)
        for password in ("wrong", "env:NO_SUCH_VARIABLE", "file:/nowhere"):
            out = probe(s, password=password)
            self.assertEqual(len(out), 1)
            self.assertTrue(out[0].startswith("error "), out)
        self.assertTrue(probe(s, password="wrong")[0].startswith("error denied"))
        self.assertEqual(probe(s, password="env:PW", PW="secret")[0], "found 3")
        with tempfile.NamedTemporaryFile() as f:
            f.write(b"secret\n")
            f.flush()
            self.assertEqual(probe(s, password="file:" + f.name)[0], "found 3")

    def test_netrc(self):
        with tempfile.TemporaryDirectory() as home:
            with open(home + "/.netrc", "w") as f:
                f.write("machine 127.0.0.1 login user password secret\n")
            s = self.server(MAILS)
            self.assertEqual(probe(s, password="netrc:", HOME=home)[0], "found 3")

    def test_folder_is_missing(self):
        self.assertTrue(probe(self.server(MAILS), folder='no "such"')[0].startswith("error denied"))
        self.assertTrue(probe(self.server(MAILS), folder="a\r\nb1 DELETE x")[0].startswith("error invalid"))

    def test_connection_is_lost(self):
        for plan in ({"cut_in": 5}, {"bye_before": 5}):
            s = self.server(MAILS, **plan)
            out = probe(s, after="delete", every=1)
            self.assertEqual(out[:3], ["found 3", FOUR, "position 7 4"])
            self.assertTrue(out[3].startswith("error io"), out)
            self.assertEqual(sorted(s.mails), [4, 5, 9])  # nothing is deleted in the middle of an answer
            s.plan = {}
            self.assertEqual(probe(s, position="7 4"), ["found 2", FIVE, NINE, "position 7 9"])

    def test_server_falls_silent(self):
        out = probe(self.server(MAILS, silent_before=5))
        self.assertEqual(out[:3], ["found 3", FOUR, "position 7 4"])
        self.assertIn("silent", out[3])

    def test_cap(self):
        s = self.server(MAILS)
        self.assertEqual(probe(s, most=17)[3], r"mail 9 cut Subject: nine\n\n")
        self.assertEqual(probe(s, most=107)[3], NINE)
        self.assertEqual(probe(s, most=106)[3], NINE.replace("mail 9", "mail 9 cut")[:-1])

    def test_order_and_form_of_answers(self):
        s = self.server({**MAILS, 11: b""}, uid_last=True)
        self.assertEqual(probe(s), ["found 4", FOUR, FIVE, NINE, "mail 11 ", "position 7 11"])
        s = self.server(MAILS, backwards=True)
        self.assertEqual(probe(s), ["found 3", NINE, FIVE, FOUR, "position 7 9"])
        s = self.server(MAILS, backwards=True, cut_in=4)
        self.assertEqual(probe(s)[3], "position 7 0")  # four is not lost
        s = self.server(MAILS, vanished=(5, 9))
        self.assertEqual(probe(s), ["found 3", FOUR, "position 7 9"])

    def test_nothing_changes_before_the_commit(self):
        for after in ("seen", "delete", "move:Done"):
            s = self.server(MAILS)
            self.assertEqual(len(probe(s, after=after, every=-1)), 5)
            self.assertEqual([flags for flags, _ in s.mails.values()], [set()] * 3)
            self.assertEqual(s.moved, [])

    def test_marks(self):
        s = self.server(MAILS)
        probe(s, after="seen")
        self.assertEqual([flags for flags, _ in s.mails.values()], [{"\\Seen"}] * 3)

    def test_moves(self):
        s = self.server(MAILS)
        probe(s, after='move:Done "x"')
        self.assertEqual(s.mails, {})
        self.assertEqual([u for u, _ in s.moved], [4, 5, 9])
        self.assertEqual(s.moved[0][1], r'"Done \"x\""')
        s = self.server(MAILS, capabilities="IMAP4rev1 UIDPLUS")
        probe(s, after="move:Done")
        self.assertEqual((s.mails, [u for u, _ in s.moved]), ({}, [4, 5, 9]))

    def test_deletes_only_its_own(self):
        s = self.server(MAILS)
        probe(s, after="delete")
        self.assertEqual(s.mails, {})
        s = self.server(MAILS, capabilities="IMAP4rev1")
        probe(s, after="delete")
        self.assertEqual([flags for flags, _ in s.mails.values()], [{"\\Seen", "\\Deleted"}] * 3)
        self.assertFalse(any("EXPUNGE" in line for line in s.log))

    @unittest.skipUnless(shutil.which("openssl"), "needs the openssl program to make a certificate")
    def test_tls(self):
        with tempfile.TemporaryDirectory() as d:
            subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", d + "/key", "-out", d + "/cert",
                            "-days", "2", "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost"],
                           check=True, stderr=subprocess.DEVNULL)
            tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            tls.load_cert_chain(d + "/cert", d + "/key")
            s = self.server(MAILS, tls=tls)
            self.assertEqual(probe(s, scheme="imaps", extra=[d + "/cert"]), ["found 3", FOUR, FIVE, NINE, "position 7 9"])
            self.assertTrue(probe(s, scheme="imaps")[0].startswith("error io"))  # nobody vouches for the certificate


if __name__ == "__main__":
    unittest.main()
