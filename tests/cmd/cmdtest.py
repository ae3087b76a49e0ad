"""What the end-to-end tests share: the program, a directory and a ledger of its own for each case, and the samples."""
import json
import os
import pathlib
import shutil
import subprocess
import tempfile
import unittest

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
BOUNCED = os.environ.get("BOUNCED", str(ROOT / "build" / "bounced"))
SAMPLES = ROOT / "tests" / "samples"
LOGS = SAMPLES / "logs"
TIMEOUT_S = 60


class Case(unittest.TestCase):
    """One temporary directory, which is also where the program runs; nothing of the machine's own settings leaks in."""

    def setUp(self):
        self.dir = pathlib.Path(tempfile.mkdtemp(prefix="bounced-test-"))
        self.addCleanup(shutil.rmtree, self.dir, ignore_errors=True)
        self.ledger = self.dir / "ledger.db"
        self.env = {
            "PATH": f"{pathlib.Path(BOUNCED).parent}:{os.environ.get('PATH', '/usr/bin:/bin')}",
            "BOUNCED_LEDGER": str(self.ledger),
            "TZ": "UTC",
            "LC_ALL": "C.UTF-8",
        }
        for name in ("ASAN_OPTIONS", "UBSAN_OPTIONS", "LSAN_OPTIONS"):
            if name in os.environ:
                self.env[name] = os.environ[name]

    def bounced(self, *args, code=0, stdin=b"", **kwargs):
        """Runs the program, holds its exit status against `code` (None: any) and gives the finished process."""
        if isinstance(stdin, str):
            stdin = stdin.encode()
        done = subprocess.run([BOUNCED, *map(str, args)], input=stdin, stdout=kwargs.pop("stdout", subprocess.PIPE),
                              stderr=subprocess.PIPE, cwd=self.dir, env=self.env, timeout=TIMEOUT_S, check=False, **kwargs)
        done.out = (done.stdout or b"").decode("utf-8", "replace")
        done.err = done.stderr.decode("utf-8", "replace")
        if code is not None:
            self.assertEqual(done.returncode, code, f"bounced {' '.join(map(str, args))}\n{done.out}\n{done.err}")
        return done

    def objects(self, *args, **kwargs):
        """What a command prints with --json."""
        return [json.loads(line) for line in self.bounced(*args, **kwargs).out.splitlines()]

    def file(self, name, content):
        path = self.dir / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path
