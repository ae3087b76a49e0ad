"""bounced filter opensmtpd: smtpd on one side, a daemon on the other, both played here."""
import select
import socket
import subprocess
import threading
import time
import unittest

from cmdtest import BOUNCED, Case

PATIENCE_S = 60
READY = "config|smtpd-version|6.8.0\nconfig|subsystem|smtp-in\nconfig|ready\n"
CONNECT = "report|0.6|1.1|smtp-in|link-connect|7641|mail.test|pass|192.0.2.7:4711|192.0.2.1:25\n"
MAIL = "report|0.6|1.1|smtp-in|tx-mail|7641|abcd|ok|a@b.test\n"


class Daemon:
    """A listener of the line protocol: answers by the first word of the recipient; "hang" is not answered."""

    def __init__(self, path):
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.bind(path)
        self.socket.listen()
        self.questions = []
        self.connections = []
        threading.Thread(target=self.run, daemon=True).start()

    def run(self):
        while True:
            try:
                connection, _ = self.socket.accept()
            except OSError:
                return
            self.connections.append(connection)
            threading.Thread(target=self.talk, args=(connection,), daemon=True).start()

    def talk(self, connection):
        with connection, connection.makefile("rwb") as f:
            for line in f:
                self.questions.append(line.decode())
                if b"recipient=hang" in line:
                    continue
                if b"recipient=close" in line:
                    connection.shutdown(socket.SHUT_RDWR)
                    return
                f.write(b"reject 550 5.7.1 not sent\n" if b"recipient=hard" in line else
                        b"discard 550 5.7.1 not sent\n" if b"recipient=away" in line else
                        b"one\ntwo\n" if b"recipient=two" in line else
                        b"no sense\n" if b"recipient=odd" in line else b"send\n")
                f.flush()

    def end(self):
        self.socket.shutdown(socket.SHUT_RDWR)
        self.socket.close()
        for c in self.connections:
            try:
                c.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass


class Filter(Case):
    def start(self, *options):
        self.path = str(self.dir / "line")
        self.process = subprocess.Popen([BOUNCED, "filter", "opensmtpd", "--socket", self.path, *options], stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=self.env, cwd=self.dir)
        self.addCleanup(self.finish, self.process)
        self.got = b""
        self.token = 0
        self.say(READY)
        while "register|ready" not in self.line():
            pass

    def finish(self, process):
        if process.poll() is None:
            process.kill()
        for stream in process.stdin, process.stdout, process.stderr:
            stream.close()
        process.wait(PATIENCE_S)

    def say(self, text):
        self.process.stdin.write(text.encode())
        self.process.stdin.flush()

    def line(self):
        end = time.monotonic() + PATIENCE_S
        while b"\n" not in self.got:
            self.assertTrue(select.select([self.process.stdout], [], [], max(0, end - time.monotonic()))[0], "no line in time")
            piece = self.process.stdout.read1(65536)
            self.assertTrue(piece, "the filter has ended")
            self.got += piece
        line, self.got = self.got.split(b"\n", 1)
        return line.decode()

    def rcpt(self, address):
        self.token += 1
        self.say(f"filter|0.6|1.1|smtp-in|rcpt-to|7641|{self.token:016x}|<{address}>\n")
        answer = self.line().split("|", 3)
        self.assertEqual(answer[:3], ["filter-result", "7641", f"{self.token:016x}"])
        return answer[3]

    def ended(self):
        self.process.stdin.close()
        self.assertEqual(self.process.wait(PATIENCE_S), 0)
        return self.process.stderr.read().decode()

    def test_recipients_are_asked_about(self):
        self.start()
        daemon = Daemon(self.path)
        self.addCleanup(daemon.end)
        self.say(CONNECT + MAIL)
        self.assertEqual(self.rcpt("soft@x.test"), "proceed")
        self.assertEqual(self.rcpt("hard@x.test"), "reject|550 5.7.1 not sent")
        self.assertEqual(self.rcpt("away@x.test"), "reject|550 5.7.1 not sent")
        self.assertEqual(daemon.questions[0],
                         "ask recipient=soft@x.test\tsender=a@b.test\tuser=\tclient=192.0.2.7\tqueue-id=\n")
        self.assertEqual(len(daemon.connections), 1)
        self.assertEqual(self.ended(), "")

    def test_discarded_recipients_go_elsewhere(self):
        self.start("--discard-to", "null@x.test")
        daemon = Daemon(self.path)
        self.addCleanup(daemon.end)
        self.assertEqual(self.rcpt("away@x.test"), "rewrite|null@x.test")

    def test_without_the_daemon_mail_flows(self):
        self.start()
        self.assertEqual(self.rcpt("hard@x.test"), "proceed")
        self.assertIn("the daemon does not answer (cannot connect: No such file or directory); mail is sent unasked", self.ended())

    def test_the_daemon_comes_back_on_a_closed_connection(self):
        self.start()
        daemon = Daemon(self.path)
        self.assertEqual(self.rcpt("soft@x.test"), "proceed")
        daemon.end()
        (self.dir / "line").unlink()
        daemon = Daemon(self.path)
        self.addCleanup(daemon.end)
        self.assertEqual(self.rcpt("hard@x.test"), "reject|550 5.7.1 not sent")
        self.assertEqual(self.ended(), "")

    def test_a_daemon_that_hangs_is_not_waited_for_twice(self):
        self.start("--timeout", "100")
        daemon = Daemon(self.path)
        self.addCleanup(daemon.end)
        self.assertEqual(self.rcpt("hang@x.test"), "proceed")
        for _ in range(5):  # within the five seconds in which it is left alone
            began = time.monotonic()
            answer = self.rcpt("hard@x.test")
            if time.monotonic() - began < 1:
                self.assertEqual(answer, "proceed")
                break
        self.assertIn("no answer in time", self.ended())

    def test_answers_without_sense_send(self):
        for recipient, why in ("odd@x.test", None), ("two@x.test", "more than one answer"), ("close@x.test", "closed"):
            with self.subTest(recipient):
                self.start()
                daemon = Daemon(self.path)
                self.assertEqual(self.rcpt(recipient), "proceed")
                told = self.ended()
                self.assertIn(why, told) if why else self.assertEqual(told, "")
                daemon.end()
                (self.dir / "line").unlink()

    def test_many_at_once_are_answered_in_order(self):
        self.start()
        daemon = Daemon(self.path)
        self.addCleanup(daemon.end)
        self.say("".join(f"filter|0.6|1.1|smtp-in|rcpt-to|7641|{i}|<{'hard' if i % 3 else 'soft'}@x.test>\n" for i in range(500)))
        for i in range(500):
            self.assertEqual(self.line(), f"filter-result|7641|{i}|{'reject|550 5.7.1 not sent' if i % 3 else 'proceed'}")

    def test_another_protocol_ends_it(self):
        done = self.bounced("filter", "opensmtpd", stdin="GET / HTTP/1.1\n", code=65)
        self.assertIn("does not speak the filter protocol", done.err)
        self.bounced("filter", "opensmtpd", stdin="filter" + "x" * 100000, code=65)
        self.bounced("filter", "postfix", code=64)
        self.assertIn("expected 127.0.0.1:PORT", self.bounced("filter", "opensmtpd", "--socket", "nowhere", code=None).err)
        self.bounced("filter", "opensmtpd", "--timeout", "0", code=64)


if __name__ == "__main__":
    unittest.main()
