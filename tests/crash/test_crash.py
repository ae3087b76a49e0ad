"""`bounced ingest` is killed at random moments, or runs out of disk, and goes on: the ledger must be the same as if nothing had
happened. CRASH_KILLS in the environment sets the number of moments, CRASH_SEED where they fall."""
import os
import pathlib
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import unittest

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))
import loggen  # noqa: E402

ROOT = HERE.parent.parent
BOUNCED = os.environ.get("BOUNCED", str(ROOT / "build" / "bounced"))
KILLS = int(os.environ.get("CRASH_KILLS", "40"))
SEED = int(os.environ.get("CRASH_SEED", "1"))
MESSAGES = 12000  # some batches
TIMEOUT_S = 120
EX_TEMPFAIL = 75
NO_MOUNT = 90

FULL_DISK = """
mount -t tmpfs -o size=3m none "$1" || exit 90
"$BOUNCED" ingest -q -l "$1/l.db" "$2"; echo "full $?"
mount -o remount,size=256m "$1" || exit 90
"$BOUNCED" ingest -q -l "$1/l.db" "$2"; echo "room $?"
"$BOUNCED" dump -l "$1/l.db" > "$3"; echo "dump $?"
umount "$1"
"""


class Crash(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.dir = pathlib.Path(tempfile.mkdtemp(prefix="bounced-crash-"))
        cls.addClassCleanup(shutil.rmtree, cls.dir, ignore_errors=True)
        cls.env = {"PATH": os.environ.get("PATH", "/usr/bin:/bin"), "TZ": "UTC", "BOUNCED": BOUNCED}
        cls.env.update({k: v for k, v in os.environ.items() if k.endswith("SAN_OPTIONS")})
        cls.log = cls.dir / "mail.log"
        loggen.write(cls.log, MESSAGES)
        from_now = time.monotonic()
        cls.ingest(cls.dir / "whole.db").wait(TIMEOUT_S)
        cls.length_s = time.monotonic() - from_now
        cls.truth = cls.dump(cls.dir / "whole.db")

    @classmethod
    def ingest(cls, ledger):
        return subprocess.Popen([BOUNCED, "ingest", "-q", "-l", str(ledger), str(cls.log)], env=cls.env,
                                stdout=subprocess.DEVNULL)

    @classmethod
    def dump(cls, ledger):
        done = subprocess.run([BOUNCED, "dump", "-l", str(ledger)], env=cls.env, stdout=subprocess.PIPE, check=False,
                              timeout=TIMEOUT_S)
        return done.stdout if done.returncode == 0 else b"dump failed"

    def expect_truth(self, got, where):
        if got == self.truth:
            return
        want, have = set(self.truth.splitlines()), set(got.splitlines())
        self.fail(f"{where}: {len(want - have)} lines are missing, {len(have - want)} too many; "
                  f"missing: {sorted(want - have)[:2]}; too many: {sorted(have - want)[:2]}")

    def kill_once(self, ledger, after_s):
        """True when it was still at work."""
        process = self.ingest(ledger)
        try:
            process.wait(after_s)
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGKILL)
        killed = process.wait(TIMEOUT_S) == -signal.SIGKILL
        # the machine may be busier or idler than a moment ago: follow the length of a run
        type(self).length_s *= 1.05 if killed else 0.85
        return killed

    def test_truth_is_whole(self):
        kinds = [line.split(b" ", 1)[0] for line in self.truth.splitlines()]
        self.assertEqual(kinds.count(b"event"), MESSAGES)
        self.assertGreater(kinds.count(b"suppression"), MESSAGES // 10)

    def test_killed_runs_end_as_the_whole_one(self):
        rng = random.Random(SEED)
        killed = 0
        for n in range(KILLS):
            ledger = self.dir / f"{n}.db"
            moments = []
            for _ in range(rng.choice((1, 1, 3))):
                moments.append(rng.uniform(0, self.length_s))
                killed += self.kill_once(ledger, moments[-1])
            self.assertEqual(self.ingest(ledger).wait(TIMEOUT_S), 0)
            self.expect_truth(self.dump(ledger), f"killed after {moments} s")
            for path in self.dir.glob(f"{n}.db*"):
                path.unlink()
        print(f"killed {killed} times in {KILLS} runs")
        self.assertGreater(killed, KILLS // 4, "the moments fell behind the end")

    def test_repeating_a_whole_run_changes_nothing(self):
        self.assertEqual(self.ingest(self.dir / "whole.db").wait(TIMEOUT_S), 0)
        self.expect_truth(self.dump(self.dir / "whole.db"), "repeated")

    def test_full_disk_takes_nothing_by_halves_and_goes_on(self):
        disk, out = self.dir / "disk", self.dir / "full.dump"
        disk.mkdir()
        unshare = ["unshare", "--map-root-user", "--mount"]
        if not shutil.which("unshare"):
            self.skipTest("needs unshare")
        done = subprocess.run([*unshare, "sh", "-c", FULL_DISK, "sh", str(disk), str(self.log), str(out)], env=self.env,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE, check=False, timeout=TIMEOUT_S)
        if done.returncode == NO_MOUNT or b"unshare" in done.stderr:
            self.skipTest("cannot mount a small file system here")
        self.assertEqual(done.stdout.decode().split("\n")[:3], [f"full {EX_TEMPFAIL}", "room 0", "dump 0"], done.stderr)
        self.expect_truth(out.read_bytes(), "after a full disk")


if __name__ == "__main__":
    unittest.main()
