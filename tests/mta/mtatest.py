"""What the tests with real mail servers share: a sink that takes their mail, the configuration of integrations/ moved into the
directory of the test, and the programs, installed or unpacked by script/setup-mta (they cannot be installed beside each other).
"""
import os
import pathlib
import shutil
import socket
import subprocess
import sys
import threading
import time
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "serve"))
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "cmd"))
from daemontest import DEADLINE_S, Daemon, DaemonCase  # noqa: E402,F401
from cmdtest import BOUNCED, ROOT  # noqa: E402

INTEGRATIONS = ROOT / "integrations"
UNPACKED = ROOT / "build-mta"


def program(name, folder="usr/sbin"):
    """The path of a mail server's program; the test is skipped when there is none."""
    for place in (UNPACKED, pathlib.Path("/")):
        path = place / folder / name
        if path.is_file():
            return str(path)
    raise unittest.SkipTest(f"skipped: {name} not installed (script/setup-mta)")


def need_root():
    if os.geteuid() != 0:
        raise unittest.SkipTest("skipped: mail servers start as root only")


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


class Sink:
    """An SMTP server that takes every mail and keeps (sender, recipients, text)."""

    def __init__(self):
        self.socket = socket.create_server(("127.0.0.1", 0))
        self.port = self.socket.getsockname()[1]
        self.mails = []
        self.came = threading.Condition()
        threading.Thread(target=self.run, daemon=True).start()

    def run(self):
        while True:
            try:
                connection, _ = self.socket.accept()
            except OSError:
                return
            threading.Thread(target=self.talk, args=(connection,), daemon=True).start()

    def talk(self, connection):
        with connection, connection.makefile("rwb") as f:
            def say(text):
                f.write(text.encode() + b"\r\n")
                f.flush()
            say("220 sink ESMTP")
            sender, recipients = None, []
            for line in f:
                verb = line[:4].upper()
                if verb == b"MAIL":
                    sender, recipients = path_of(line), []
                elif verb == b"RCPT":
                    recipients.append(path_of(line))
                elif verb == b"DATA":
                    say("354 go on")
                    text = b""
                    for part in f:
                        if part == b".\r\n":
                            break
                        text += part
                    with self.came:
                        self.mails.append((sender, recipients, text.decode("utf-8", "replace")))
                        self.came.notify_all()
                elif verb == b"QUIT":
                    say("221 bye")
                    return
                say("250 ok")

    def wait(self, n):
        """The first n mails; None when they do not come in time."""
        with self.came:
            self.came.wait_for(lambda: len(self.mails) >= n, DEADLINE_S)
            return self.mails if len(self.mails) >= n else None

    def close(self):
        self.socket.shutdown(socket.SHUT_RDWR)
        self.socket.close()


def path_of(line):
    return line[line.index(b"<") + 1:line.rindex(b">")].decode()


class MtaCase(DaemonCase):
    def setUp(self):
        need_root()
        super().setUp()
        os.chmod(self.dir, 0o755)
        self.bounced("suppress", "add", "hard@example.com", "@gone.example", "user@example.org", "--reason", "test")
        self.file("keys", "").chmod(0o600)
        (self.dir / "keys").write_text(self.bounced("verp", "keygen", "--verp-keys", self.dir / "keys").out)
        self.sink = Sink()
        self.addCleanup(self.sink.close)

    def integration(self, name, **moved):
        """A file of integrations/ with its places moved: texts of the file to texts of the test."""
        text = (INTEGRATIONS / name).read_text(encoding="utf-8")
        for old, new in moved.get("places", {}).items():
            self.assertIn(old, text, name)
            text = text.replace(old, str(new))
        return text

    def daemon_with(self, text):
        conf = self.conf(text)
        conf.write_text(conf.read_text().replace("keys =\n", "keys = keys\n"))
        return Daemon(self)

    def until(self, what, why):
        deadline = time.monotonic() + DEADLINE_S
        while time.monotonic() < deadline:
            if what():
                return
            time.sleep(0.05)
        self.fail(why() if callable(why) else why)


def run(*argv, **options):
    return subprocess.run([str(a) for a in argv], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False,
                          timeout=DEADLINE_S, **options)


__all__ = ["BOUNCED", "DEADLINE_S", "Daemon", "INTEGRATIONS", "MtaCase", "Sink", "UNPACKED", "free_port", "program", "run", "shutil", "unittest"]
