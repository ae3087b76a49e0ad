"""script/run: the main job on the samples and on files of one's own, as often as one likes."""
import os
import pathlib
import shlex
import shutil
import subprocess
import time
import unittest

from cmdtest import BOUNCED, Case, ROOT, SAMPLES


@unittest.skipUnless((ROOT / "build" / "build.ninja").exists() and shutil.which("ninja")
                     and pathlib.Path(BOUNCED) == ROOT / "build" / "bounced", "only where build/ is what is tested")
class Run(Case):
    def run_script(self, *args, code=0):
        env = {**os.environ, "LEDGER": str(self.dir / "run.db")}
        env.pop("BOUNCED_LEDGER", None)
        done = subprocess.run([ROOT / "script" / "run", *args], cwd=self.dir, env=env, capture_output=True, text=True,
                              timeout=300, check=False)
        self.assertEqual(done.returncode, code, done.stdout + done.stderr)
        return done.stdout

    def start(self):
        """script/run with a daemon behind it: the process, and what it told until the daemon was ready."""
        env = {**os.environ, "LEDGER": str(self.dir / "run.db"), "PORT": "0"}
        env.pop("BOUNCED_LEDGER", None)
        process = subprocess.Popen([ROOT / "script" / "run"], cwd=self.dir, env=env, stdout=subprocess.PIPE,
                                   stderr=subprocess.STDOUT, text=True)
        self.addCleanup(process.stdout.close)
        self.addCleanup(process.wait)
        self.addCleanup(process.kill)
        told = ""
        for line in process.stdout:
            told += line
            if "daemon.ready" in line:
                return process, told
        self.fail(told)

    def end(self, process):
        process.terminate()
        rest = process.stdout.read()
        self.assertEqual(process.wait(timeout=60), 0, rest)
        return rest

    def test_samples_and_the_daemon(self):
        process, told = self.start()
        for words in ("$ bounced ingest", "addresses suppressed", "What became of the messages, by reason:",
                      "user-unknown", "$ bounced suppress list", "$ bounced why ", "decided   suppressed everywhere"):
            self.assertIn(words, told)
        conf = self.dir / "bounced.conf"
        before = self.objects("status", "--json", "--config", conf)[0]
        self.assertGreater(before["ledger"]["suppressions"], 10)
        echo = next(shlex.split(line) for line in told.splitlines() if line.startswith("  echo "))
        with (self.dir / "mail.log").open("a", encoding="utf-8") as log:
            log.write(echo[1] + "\n")
        deadline = time.monotonic() + 60
        while self.objects("status", "--json", "--config", conf)[0]["ledger"]["suppressions"] == before["ledger"]["suppressions"]:
            self.assertLess(time.monotonic(), deadline)
            time.sleep(0.05)
        self.assertIn("daemon.ended", self.end(process))

        process, told = self.start()  # it finds what it had
        self.assertNotIn("$ bounced ingest", told)
        self.assertGreater(self.objects("status", "--json", "--config", conf)[0]["ledger"]["suppressions"],
                           before["ledger"]["suppressions"])
        self.end(process)

    def test_own_files(self):
        shutil.copytree(SAMPLES / "maildir", self.dir / "Maildir")
        new = sorted(p.name for p in (self.dir / "Maildir" / "new").iterdir())
        out = self.run_script("Maildir")
        self.assertIn("bounced ingest --no-mark Maildir", out)
        self.assertEqual(sorted(p.name for p in (self.dir / "Maildir" / "new").iterdir()), new)
        self.run_script("nowhere", code=66)


if __name__ == "__main__":
    unittest.main()
