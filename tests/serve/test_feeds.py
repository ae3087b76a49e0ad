"""Feeds that are no files, by the daemon as a whole and locked down: the systemd journal and a named pipe."""
import os
import subprocess
import unittest

from daemontest import Daemon, DaemonCase

REMOTE = "/lib/systemd/systemd-journal-remote"
FAILED = ("4{n:06X}ZZ: to=<u{n}@example.org>, relay=mx.example.org[192.0.2.1]:25, delay=1, delays=0/0/0/1, dsn=5.1.1, "
          "status=bounced (host mx.example.org[192.0.2.1] said: 550 5.1.1 User unknown (in reply to RCPT TO command))")


class Feeds(DaemonCase):
    def until_suppressed(self, daemon, address):
        daemon.until(lambda: "suppressed" in self.bounced("check", address, code=None).out, f"{address} never counted")

    def entry(self, n):
        return (f"__REALTIME_TIMESTAMP={1764504000000000 + n * 1000}\n__MONOTONIC_TIMESTAMP={1000000 + n * 1000}\n"
                f"_BOOT_ID=5f0c9d4e5f0c9d4e5f0c9d4e5f0c9d4e\n_HOSTNAME=mx\nSYSLOG_FACILITY=2\nSYSLOG_IDENTIFIER=postfix/smtp\n"
                f"MESSAGE={FAILED.format(n=n)}\n\n")

    def put_entry(self, n):
        export = self.file("export", self.entry(n))
        subprocess.run([REMOTE, f"--output={self.dir}/journal/system.journal", str(export)], check=True, capture_output=True)

    def started(self):
        d = Daemon(self, ready=False)
        try:
            d.hear("READY=1")
        except AssertionError:
            if "built without libsystemd" in d.told():
                self.skipTest("this build has no libsystemd")
            raise
        return d

    def test_the_journal_is_followed(self):
        if not os.access(REMOTE, os.X_OK):
            self.skipTest("systemd-journal-remote is not installed")
        (self.dir / "journal").mkdir()
        self.put_entry(1)
        self.conf("[feed mail]\njournal = yes\npath = journal\nhistory = 3650d\n")
        d = self.started()
        self.until_suppressed(d, "u1@example.org")
        self.put_entry(2)
        self.until_suppressed(d, "u2@example.org")
        self.assertEqual(d.end(), 0)

    def test_there_may_be_no_journal(self):
        self.conf("[feed mail]\njournal = yes\n")
        d = self.started()
        self.assertEqual(d.end(), 0)

    def test_a_named_pipe_is_followed(self):
        os.mkfifo(self.dir / "log")
        d = self.daemon("[feed mail]\npath = log\nzone = UTC\n")
        for n in (1, 2):
            with (self.dir / "log").open("w") as pipe:
                pipe.write(f"2025-11-30T11:00:00+00:00 mx postfix/smtp[9]: {FAILED.format(n=n)}\n")
            self.until_suppressed(d, f"u{n}@example.org")
        self.assertEqual(d.end(), 0)

    def test_a_feed_without_a_place_is_told(self):
        self.conf("[feed mail]\n")
        d = Daemon(self, ready=False)
        self.assertNotEqual(d.wait(), 0)
        self.assertIn("[feed mail]: path: it is needed, unless journal = yes", d.told())


if __name__ == "__main__":
    unittest.main()
