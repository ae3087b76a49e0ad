"""The daemon is asked before a send: every protocol over real sockets, its settings, its reload."""
import os
import re
import signal
import socket
import struct
import unittest

from daemontest import DEADLINE_S, Daemon, DaemonCase


def connect(path):
    s = socket.socket(socket.AF_UNIX)
    s.settimeout(DEADLINE_S)
    s.connect(str(path))
    return s


def netstring(text):
    return b"%d:%s," % (len(text), text)


def packet(command, data=b""):
    return struct.pack(">I", len(data) + 1) + command + data


class Milter:
    """A mail server's side of the milter protocol, version 6 with everything offered."""

    def __init__(self, path):
        self.socket = connect(path)
        self.f = self.socket.makefile("rb")
        self.say(b"O", struct.pack(">III", 6, 0x1ff, 0xfffff))
        assert self.answer()[0] == b"O"

    def say(self, command, data=b""):
        self.socket.sendall(packet(command, data))

    def answer(self):
        n = struct.unpack(">I", self.f.read(4))[0]
        data = self.f.read(n)
        return data[:1], data[1:]

    def message(self, sender, *recipients, client=b"127.0.0.1"):
        """The answers to each recipient, and all that comes at the end."""
        self.say(b"C", b"host\0004\0\x19" + client + b"\0")
        self.say(b"M", b"<%s>\0" % sender)
        answers = []
        for r in recipients:
            self.say(b"R", b"<%s>\0" % r)
            answers.append(self.answer())
        self.say(b"L", b"Message-ID\0<1@example.org>\0")
        self.say(b"E")
        end = []
        while not end or end[-1][0] not in (b"c", b"d"):
            end.append(self.answer())
        return answers, end

    def close(self):
        self.say(b"Q")
        assert self.f.read() == b""
        self.f.close()
        self.socket.close()


class Answers(DaemonCase):
    def setUp(self):
        super().setUp()
        self.bounced("suppress", "add", "hard@example.com", "@gone.example", "user@example.org", "--reason", "test")

    def line(self, request):
        with connect(self.dir / "line") as s:
            s.sendall(request)
            s.shutdown(socket.SHUT_WR)
            with s.makefile("rb") as f:
                return f.read()

    def socketmap(self, *queries):
        with connect(self.dir / "map") as s, s.makefile("rb") as f:
            s.sendall(b"".join(netstring(q) for q in queries))
            return [f.read(int(iter_length(f)) + 1)[:-1] for _ in queries]

    def policy(self, **attributes):
        request = "request=smtpd_access_policy\n" + "".join(f"{k}={v}\n" for k, v in attributes.items()) + "\n"
        with connect(self.dir / "policy") as s, s.makefile("rb") as f:
            s.sendall(request.encode())
            return f.readline().decode().strip(), f.readline()

    ALL = "".join(f"[{kind} x]\nlisten = unix:{name}\n" for kind, name in
                  (("socketmap", "map"), ("tcp_table", "tcp"), ("postfix-policy", "policy"), ("line", "line"), ("milter", "milter")))

    def sockets(self, text):
        return text.replace("unix:", f"unix:{self.dir}/")

    def test_every_protocol_answers(self):
        d = self.daemon(self.sockets(self.ALL))
        no = "550 5.7.1 not sent, suppressed by bounced: manual"
        self.assertEqual(self.socketmap(b"rcpt soft@example.com", b"rcpt hard@example.com", b"transport x@gone.example"),
                         [b"NOTFOUND ", b"OK " + no.encode(), b"OK error:5.7.1 not sent, suppressed by bounced: manual"])
        with connect(self.dir / "tcp") as s, s.makefile("rb") as f:
            s.sendall(b"get hard@example.com\nget soft@example.com\n")
            self.assertEqual(f.readline(), b"200 " + no.replace(" ", "%20").encode() + b"\n")
            self.assertEqual(f.readline(), b"500 not%20found\n")
        self.assertEqual(self.line(b"check hard@example.com\ncheck soft@example.com"), b"reject %s\nsend\n" % no.encode())
        self.assertEqual(self.policy(protocol_state="RCPT", recipient="hard@example.com", sender="a@example.org",
                                     client_address="127.0.0.1"), ("action=" + no, b"\n"))
        m = Milter(self.dir / "milter")
        self.assertEqual(m.message(b"a@example.org", b"hard@example.com", b"soft@example.com"),
                         ([(b"y", no.encode() + b"\0"), (b"c", b"")], [(b"c", b"")]))
        m.close()
        roles = {r["role"]: r for r in d.status()["roles"]}
        self.assertEqual((roles["socketmap"]["asked"], roles["socketmap"]["sent"], roles["socketmap"]["rejected"]), (3, 1, 2))
        self.assertFalse(roles["milter"]["failing"])
        self.assertEqual(d.end(), 0)
        self.assertFalse((self.dir / "map").exists())

    def test_only_outgoing_mail_is_refused(self):
        self.daemon(self.sockets(self.ALL) + "[answers]\nmynetworks = 192.0.2.0/24\n")
        rcpt = {"protocol_state": "RCPT", "recipient": "hard@example.com", "sender": "a@example.org"}
        for client, refused in (("127.0.0.1", True), ("192.0.2.7", True), ("203.0.113.7", False)):
            self.assertEqual(self.policy(client_address=client, **rcpt)[0] != "action=DUNNO", refused, client)
        self.assertNotEqual(self.policy(client_address="203.0.113.7", sasl_username="ada", **rcpt)[0], "action=DUNNO")
        m = Milter(self.dir / "milter")
        self.assertEqual(m.message(b"a@example.org", b"hard@example.com", client=b"203.0.113.7")[0], [(b"c", b"")])
        self.assertEqual(m.message(b"", b"hard@example.com")[0], [(b"c", b"")])
        m.close()

    def test_large_messages_are_warned_of(self):
        self.daemon(self.sockets(self.ALL))
        end = {"protocol_state": "END-OF-MESSAGE", "recipient": "hard@example.com", "sender": "a@example.org",
               "client_address": "127.0.0.1"}
        self.assertEqual(self.policy(size=200 * 1024, **end)[0],
                         "action=WARN message of 200 KB: mail over 100 KB is filtered and refused more often")
        self.assertEqual(self.policy(size=20 * 1024, **end)[0], "action=DUNNO")

    def test_a_reload_changes_the_answers_and_a_wrong_one_nothing(self):
        d = self.daemon(self.sockets(self.ALL))
        with connect(self.dir / "line") as s, s.makefile("rb") as f:
            def ask():
                s.sendall(b"check hard@example.com\n")
                return f.readline()
            self.assertEqual(ask()[:7], b"reject ")
            self.conf(self.sockets(self.ALL) + "[answers]\nmode = tag\ntag_text = {cause}\n")
            self.bounced("reload", "--config", self.dir / "bounced.conf")
            self.assertEqual(ask(), b"tag X-Bounced-Suppressed: manual\n")
            self.conf(self.sockets(self.ALL).replace("line x]", "line x]\nmode = defer") + "[answers]\nmode = tag\n")
            self.bounced("reload", "--config", self.dir / "bounced.conf")
            self.assertEqual(ask()[:6], b"defer ")
            self.conf(self.sockets(self.ALL) + "[answers]\nmode = discard\nreject_text = {since}\n")
            d.send(signal.SIGHUP)
            d.until_told("{since} is no place to fill in")
            self.assertEqual(ask()[:6], b"defer ")

    def test_wrong_settings_keep_it_from_starting(self):
        for text, why in (
            ("[answers]\nmynetworks = 192.0.2.1/24\n", "'192.0.2.1/24' is no network"),
            ("[answers]\nreject_text = {nobody}\n", "{nobody} is no place to fill in"),
            ("[milter y]\nlisten = unix:other\nsign_sender = yes\n", "bounce_domain is needed"),
        ):
            with self.subTest(why):
                self.conf(self.sockets(self.ALL + text), name="wrong.conf")
                self.assertIn(why, self.bounced("serve", "--config", self.dir / "wrong.conf", code=78).err)
                if text.startswith("[answers]"):
                    self.assertRegex(self.bounced("config", "--check", "--config", self.dir / "wrong.conf", code=78).err,
                                     r"wrong.conf:\d+: \w+: .*" + re.escape(why))

    def test_return_paths_are_signed(self):
        self.file("keys", "").chmod(0o600)
        (self.dir / "keys").write_text(self.bounced("verp", "keygen", "--verp-keys", self.dir / "keys").out)
        self.conf(self.sockets("[milter x]\nlisten = unix:milter\nsign_sender = yes\nreference = yes\n"
                               "bounce_domain = bounces.example\n"))
        conf = self.dir / "bounced.conf"
        conf.write_text(conf.read_text().replace("keys =", "keys = keys"))
        d = Daemon(self)
        m = Milter(self.dir / "milter")
        _, end = m.message(b"news@example.org", b"soft@example.com")
        self.assertEqual([c for c, _ in end], [b"e", b"h", b"c"])
        path = end[0][1].strip(b"<>\0").decode()
        self.assertEqual(end[1][1], b"X-Bounced-Ref\0" + path.encode() + b"\0")
        found = self.objects("verp", "verify", path, "--verp-keys", self.dir / "keys", "--message", "1@example.org", "--json")
        self.assertEqual((found[0]["result"], found[0]["recipient"]), ("ok", "soft@example.com"))
        _, end = m.message(b"news@example.org", b"a.very.long.name.that.does.not.fit.into.it@example.com")
        opaque = end[0][1].strip(b"<>\0").decode()
        _, end = m.message(b"news@example.org", b"soft@example.com", b"soft2@example.com")
        self.assertEqual([c for c, _ in end], [b"c"])
        m.close()
        self.assertEqual(d.end(), 0)
        # whose an id is was written by the daemon
        found = self.objects("verp", "verify", opaque, "--verp-keys", self.dir / "keys", "--recipient",
                             "a.very.long.name.that.does.not.fit.into.it@example.com", "--json")
        self.assertEqual(found[0]["result"], "ok")
        self.assertEqual(self.bounced("dump").out.count("opaque"), 1)

    def test_sockets_have_their_mode(self):
        self.daemon(self.sockets("[line x]\nlisten = unix:line\naccess = all\n[socketmap x]\nlisten = unix:map\n"))
        self.assertEqual(os.stat(self.dir / "line").st_mode & 0o777, 0o666)
        self.assertEqual(os.stat(self.dir / "map").st_mode & 0o777, 0o660)

    def test_garbage_is_told_and_sent_away(self):
        d = self.daemon(self.sockets(self.ALL))
        with connect(self.dir / "map") as s:
            s.sendall(b"GET / HTTP/1.1\r\n\r\n")
            self.assertEqual(s.recv(100), b"")
        d.until_told('cause="not a netstring of a query"')
        self.assertEqual(self.socketmap(b"rcpt soft@example.com"), [b"NOTFOUND "])


def iter_length(f):
    digits = b""
    while not digits.endswith(b":"):
        byte = f.read(1)
        assert byte, "the daemon closed"
        digits += byte
    return digits[:-1]


if __name__ == "__main__":
    unittest.main()
