"""script/run: the main job on the samples and on files of one's own, as often as one likes."""
import os
import pathlib
import shutil
import subprocess
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

    def test_samples_twice(self):
        first = self.run_script()
        for words in ("addresses suppressed", "What became of the messages, by reason:", "user-unknown",
                      "$ bounced suppress list", "$ bounced why ", "decided   suppressed everywhere"):
            self.assertIn(words, first)
        self.assertEqual(self.run_script(), first)

    def test_own_files(self):
        shutil.copytree(SAMPLES / "maildir", self.dir / "Maildir")
        new = sorted(p.name for p in (self.dir / "Maildir" / "new").iterdir())
        out = self.run_script("Maildir")
        self.assertIn("bounced ingest --no-mark Maildir", out)
        self.assertEqual(sorted(p.name for p in (self.dir / "Maildir" / "new").iterdir()), new)
        self.run_script("nowhere", code=66)


if __name__ == "__main__":
    unittest.main()
