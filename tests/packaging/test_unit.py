"""The files for a service manager: they are well, they keep the daemon in, and the settings to begin with are taken."""
import pathlib
import re
import shutil
import subprocess
import sys
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "cmd"))
from cmdtest import BOUNCED, Case, ROOT  # noqa: E402

PACKAGING = ROOT / "packaging"
EXPOSURE = 16  # tenths, of 100; as measured when this was written: 14


class Unit(Case):
    def unit(self):
        text = (pathlib.Path(BOUNCED).parent / "packaging" / "bounced.service").read_text(encoding="utf-8")
        self.assertNotIn("@", text.replace("@system-service", "").replace("@privileged", "").replace("@resources", "")
                         .replace("@mount", "").replace("@swap", "").replace("@obsolete", ""))
        return re.sub(r"(?m)^(Exec\w+=)\S+/bounced ", rf"\1{BOUNCED} ", text)

    def analyze(self, *args):
        if not shutil.which("systemd-analyze"):
            self.skipTest("systemd-analyze is not installed")
        path = self.file("bounced.service", self.unit())
        done = subprocess.run(["systemd-analyze", *args, path], capture_output=True, text=True, timeout=60, check=False,
                              env=dict(self.env, SYSTEMD_COLORS="0", SYSTEMD_PAGER=""))
        if "Unknown" in done.stderr and "option" in done.stderr:
            self.skipTest(f"systemd-analyze is too old: {done.stderr}")
        return done

    def test_it_is_well_formed(self):
        done = self.analyze("verify", "--man=no")
        told = [line for line in done.stderr.splitlines() if "bounced.service" in line]
        self.assertEqual(told, [])

    def test_it_keeps_the_daemon_in(self):
        done = self.analyze("security", "--offline=true", f"--threshold={EXPOSURE}", "--no-pager")
        self.assertEqual(done.returncode, 0, done.stdout[-3000:] + done.stderr)
        self.assertIn("Overall exposure level", done.stdout)

    def test_what_it_allows_is_what_the_code_needs(self):
        text = self.unit()
        self.assertNotIn("MemoryDenyWriteExecute=yes", text)  # rules are compiled to machine code
        families = re.search(r"(?m)^RestrictAddressFamilies=(.*)$", text)[1].split()
        sandbox = (ROOT / "src" / "serve" / "sandbox.c").read_text(encoding="utf-8")
        self.assertEqual(families, re.search(r"families\[\] = \{(.*?)\}", sandbox)[1].replace(",", "").split())
        self.assertRegex(text, r"(?m)^RestartPreventExitStatus=64 66 78$")

    def test_settings_to_begin_with(self):
        text = (PACKAGING / "bounced.conf").read_text(encoding="utf-8")
        self.bounced("config", "--check", "--config", self.file("a.conf", text))
        all_of_them = re.sub(r"(?m)^#(?=\[|\w+ = )", "", text)
        self.assertGreater(all_of_them.count("\n["), 4)
        self.bounced("config", "--check", "--config", self.file("b.conf", all_of_them))

    def test_users_and_directories(self):
        for line in (PACKAGING / "sysusers.conf").read_text(encoding="utf-8").splitlines():
            self.assertRegex(line, r'^(#.*|u bounced - ".*" /var/lib/bounced -|m bounced adm)$')
        for line in (PACKAGING / "tmpfiles.conf").read_text(encoding="utf-8").splitlines():
            self.assertRegex(line, r"^(#.*|[dz] /\S+ 0\d{3} (root|bounced) (root|bounced) -)$")
        if shutil.which("systemd-tmpfiles"):
            for name in ("etc", "run", "var/lib"):
                (self.dir / "root" / name).mkdir(parents=True)
            self.file("root/etc/passwd", "root:x:0:0::/:/bin/sh\nbounced:x:0:0::/:/bin/sh\n")
            self.file("root/etc/group", "root:x:0:\nbounced:x:0:\n")
            done = subprocess.run(["systemd-tmpfiles", "--create", f"--root={self.dir}/root", PACKAGING / "tmpfiles.conf"],
                                  capture_output=True, text=True, timeout=60, check=False)
            self.assertEqual(done.stderr, "")
            self.assertTrue((self.dir / "root/var/lib/bounced").is_dir())


if __name__ == "__main__":
    unittest.main()
