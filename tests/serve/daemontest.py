"""What the end-to-end tests of the daemon share: a daemon of its own in a directory of its own, started, asked and ended.

Nothing here sleeps to wait for something: readiness is told by the daemon itself (the protocol of sd_notify), and everything else is
asked again until it is so or the deadline has passed.
"""
import json
import os
import pathlib
import signal
import socket
import subprocess
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "cmd"))
from cmdtest import BOUNCED, Case  # noqa: E402

DEADLINE_S = 60


class Daemon:
    """A running `bounced serve`. Its log is the file self.log."""

    def __init__(self, case, conf="bounced.conf", ready=True, **options):
        self.case = case
        self.log = case.dir / f"log-{time.monotonic_ns()}"
        path = case.dir / f"notify-{time.monotonic_ns()}"
        self.notify = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.notify.bind(str(path))
        os.chmod(path, 0o777)
        self.notify.settimeout(DEADLINE_S)
        self.heard = []
        env = dict(case.env, NOTIFY_SOCKET=str(path), **options.pop("env", {}))
        with self.log.open("wb") as log:
            self.process = subprocess.Popen([BOUNCED, "serve", "--config", str(case.dir / conf)], cwd=case.dir, env=env,
                                            stdin=subprocess.DEVNULL, stdout=log, stderr=log, **options)
        case.addCleanup(self.kill)
        if ready:
            self.hear("READY=1")

    def hear(self, word):
        """Waits for a notification that has this line; returns all of its lines."""
        deadline = time.monotonic() + DEADLINE_S
        self.notify.settimeout(0.2)
        while time.monotonic() < deadline:
            try:
                lines = self.notify.recv(4096).decode().splitlines()
            except TimeoutError:
                if self.process.poll() is not None:
                    self.case.fail(f"the daemon ended with {self.process.returncode}:\n{self.told()}")
                continue
            self.heard.append(lines)
            if word in lines:
                return lines
        self.case.fail(f"no {word} from the daemon; heard {self.heard}\n{self.told()}")

    def told(self):
        return self.log.read_text(encoding="utf-8", errors="replace")

    def until(self, what, why="it never came to be"):
        """Asks until `what()` is true; returns that."""
        deadline = time.monotonic() + DEADLINE_S
        while time.monotonic() < deadline:
            value = what()
            if value:
                return value
            if self.process.poll() is not None:
                break
            time.sleep(0.02)
        self.case.fail(f"{why}\n{self.told()}")

    def until_told(self, text):
        return self.until(lambda: text in self.told(), f"the log never had: {text}")

    def status(self):
        return json.loads(self.case.bounced("status", "--json", "--socket", self.case.dir / "run" / "control").out)

    def send(self, number):
        self.process.send_signal(number)

    def wait(self):
        return self.process.wait(timeout=DEADLINE_S)

    def end(self, number=signal.SIGTERM):
        """Asks it to end; returns its exit status."""
        self.send(number)
        return self.wait()

    def kill(self):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        self.notify.close()


class DaemonCase(Case):
    """Settings for a daemon in the directory of the case, which runs as whoever runs the test."""

    def conf(self, more="", name="bounced.conf", daemon=""):
        user = "user = root\n" if os.geteuid() == 0 else ""
        return self.file(name, f"[daemon]\n{user}seccomp = strict\nrun_dir = run\n{daemon}[ledger]\npath = ledger.db\n[rules]\nfiles =\n"
                               f"[sign]\nkeys =\n{more}")

    def daemon(self, more="", **options):
        self.conf(more)
        return Daemon(self, **options)
