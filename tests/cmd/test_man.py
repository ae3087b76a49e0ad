"""The manual: well formed, complete, and its examples (and those of README.md) run.

In an example a line that begins with "$ " is a command; the lines behind it, up to the next command or empty line, stand in
its output in this order ("..." stands for anything). Well-known places are mapped into the directory of the test.
"""
import os
import pathlib
import re
import shutil
import subprocess
import unittest

from cmdtest import BOUNCED, Case, LOGS, ROOT, SAMPLES

MAN = ROOT / "man"
YEAR_OF_LOGS = 1742000000  # March 2025
PLACES = (("/var/log/mail.log*", "log/mail.log*"), ("/var/log/exim4/", "log/exim4/"),
          ("/home/bounce/Maildir", "Maildir"), ("/var/backups/", "backups/"),
          ("/etc/postfix/", "postfix/"), ("/var/lib/bounced/", ""), ("/etc/bounced/", "etc/"))
STAND_INS = {  # what belongs to other packages, or to the whole machine
    "journalctl": 'cat "$SAMPLES/logs/postfix-journal.export"',
    "postmap": 'test -s "$1"',
    "sendmail": "cat >/dev/null",
    "systemctl": "exit 0",
}


BUILT = pathlib.Path(BOUNCED).parent / "man"  # pages that the build makes


def pages():
    return sorted(list(MAN.glob("*.[158]")) + list(BUILT.glob("*.[158]")))


def options_of_help(command):
    text = subprocess.run([BOUNCED, command, "--help"], capture_output=True, text=True, check=True).stdout
    return set(re.findall(r"^  (?:-\w, |    )--([\w-]+)", text, re.M)) - {"help"}


def built_commands():
    text = subprocess.run([BOUNCED, "--help"], capture_output=True, text=True, check=True).stdout
    return re.findall(r"^  ([a-z]+) +\S", text[text.index("commands:"):], re.M)


def examples_of_page(page):
    text = page.read_text(encoding="utf-8")
    text = text[text.index(".Sh EXAMPLES"):] if ".Sh EXAMPLES" in text else ""
    blocks = re.findall(r"^\.Bd -literal.*?\n(.*?)^\.Ed", text, re.M | re.S)
    return [b.replace("\\&", "").replace("\\e", "\\").replace("\\-", "-") for b in blocks]


def examples_of_readme():
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    return re.findall(r"^```console\n(.*?)^```", text, re.M | re.S)


def commands_of(block):
    """(command, expected lines) of one block."""
    found = []
    for line in block.splitlines():
        if line.startswith("$ "):
            found.append((line[2:], []))
        elif line.strip() and found:
            found[-1][1].append(line.rstrip())
    return found


class Manual(Case):
    def test_every_command_has_its_page(self):
        names = {p.name for p in pages()}
        for command in built_commands():
            if command != "dump":
                self.assertTrue({f"bounced-{command}.1", f"bounced-{command}.8"} & names, command)
        for name in ("bounced.1", "bounced-rules.5"):
            self.assertIn(name, names)
        overview = (MAN / "bounced.1").read_text(encoding="utf-8")
        for command in built_commands():
            self.assertIn(f".It Cm {command}\n", overview)

    def test_every_option_is_told(self):
        for command in built_commands():
            page = MAN / f"bounced-{command}.{8 if command == 'serve' else 1}"
            if not page.exists():
                continue
            told = set(re.findall(r"^\.It (?:Fl \w.*?, )?Fl -([\w-]+)", page.read_text(encoding="utf-8"), re.M))
            told |= set(re.findall(r", Fl -([\w-]+)", page.read_text(encoding="utf-8")))
            with self.subTest(command):
                self.assertEqual(options_of_help(command) | {"help"}, told)

    def test_exit_codes_are_those_of_the_source(self):
        overview = (MAN / "bounced.1").read_text(encoding="utf-8")
        header = (ROOT / "src" / "cmd" / "cmd.h").read_text(encoding="utf-8")
        codes = re.findall(r"^    EXIT_\w+ = (\d+)", header, re.M)
        self.assertGreater(len(codes), 8)
        for code in codes:
            self.assertRegex(overview, rf"(?m)^\.It {code}$")

    @staticmethod
    def by_section(rows):
        """{section: [names]} of (section, name, section that has the same names) of which one is not empty."""
        sections = {}
        for section, name, same in rows:
            if section:
                current = sections.setdefault(section.strip("[]").replace("\\-", "-"), [])
            elif same:
                current += sections[same]
            elif name not in current:  # a list takes a line for each of its values
                current.append(name)
        return sections

    def test_every_setting_is_told(self):
        page = (BUILT / "bounced.conf.5").read_text(encoding="utf-8")
        defaults = subprocess.run([BOUNCED, "config", "--defaults"], capture_output=True, text=True, check=True).stdout
        told = self.by_section(re.findall(r"^\.(?:Ss (\S+)|It Va (\w+) |It all settings of \[(\S+) name\])", page, re.M))
        known = self.by_section(re.findall(r"^#?(?:\[([\w-]+).*\]|(\w+) =.*)()$", defaults, re.M))
        self.assertEqual(told, known)
        self.assertGreater(sum(map(len, known.values())), 30)

    @unittest.skipUnless(shutil.which("mandoc"), "mandoc is not installed")
    def test_lint(self):
        done = subprocess.run(["mandoc", "-T", "lint", "-W", "warning", *map(str, pages())], capture_output=True,
                              text=True, check=False)
        self.assertEqual(done.stdout + done.stderr, "")


class Examples(Case):
    def prepare(self, ledger=True):
        """The places of the examples, a ledger with the Postfix log in it, and the files that they name."""
        for name in ("log", "backups", "postfix", "etc/rules.d", "bin"):
            (self.dir / name).mkdir(parents=True)
        for path in (LOGS / "rotated").iterdir():
            here = self.dir / "log" / path.name
            shutil.copy(path, here)
            os.utime(here, (YEAR_OF_LOGS, YEAR_OF_LOGS))  # stamps without a year belong to the year before this
        shutil.copytree(SAMPLES / "maildir", self.dir / "Maildir")
        shutil.copy(SAMPLES / "dsn" / "postfix-001-unknown-511.eml", self.dir / "bounce.eml")
        self.file("list.csv", "email,name\nnobody@corp.example.com,N\nanybody@mail.example.org,A\n")
        self.file("addresses.txt", "nobody@corp.example.com\nanybody@mail.example.org\n")
        self.file("signups.csv", "email,source,form,batch,signed_up\nnobody@corp.example.com,partner,,spring,2025-01-02\n")
        rules = re.search(r"\n(set BY_OWNER.*?)\n\.Ed", (MAN / "bounced-rules.5").read_text(encoding="utf-8"), re.S)
        self.file("my.rules", rules[1] + "\n")
        self.file("etc/bounced.conf", "[ledger]\npath = ../ledger.db\n")
        self.file("verp.keys", self.bounced("verp", "keygen").out).chmod(0o600)
        for name, text in STAND_INS.items():
            self.file(f"bin/{name}", f"#!/bin/sh\n{text}\n").chmod(0o755)
        self.env["PATH"] = f"{self.dir}/bin:{self.env['PATH']}"
        self.env["SAMPLES"] = str(SAMPLES)
        if ledger:
            self.bounced("ingest", "--quiet", *sorted((self.dir / "log").iterdir()))
        (self.dir / "log" / "exim4").mkdir()
        shutil.copy(LOGS / "exim-mainlog", self.dir / "log" / "exim4" / "mainlog")

    def run_block(self, block):
        built = built_commands()
        for command, expected in commands_of(block):
            for place, here in PLACES:
                command = command.replace(place, here)
            used = re.findall(r"\bbounced ([a-z]+)", command)
            if any(name not in built for name in used):
                self.skipTest(f"bounced {' '.join(used)} is not built yet")
            done = subprocess.run(["sh", "-c", command], cwd=self.dir, env=self.env, capture_output=True, text=True,
                                  timeout=60, check=False)
            told = done.stdout + done.stderr
            self.assertIn(done.returncode, (0, 1), f"$ {command}\n{told}")
            self.assertNotIn("usage:", told, command)
            at = 0
            for line in expected:
                if line.strip() == "...":
                    continue
                found = told.find(line, at)
                self.assertGreaterEqual(found, 0, f"$ {command}\nhas no line: {line}\n{told}")
                at = found + len(line)

    def test_of_the_manual(self):
        self.prepare()
        fresh = self.dir.with_name(self.dir.name + "-fresh")
        shutil.copytree(self.dir, fresh)
        self.addCleanup(shutil.rmtree, fresh)
        for page in pages():
            blocks = examples_of_page(page)
            if page.name != "bounced-rules.5":
                self.assertTrue(blocks, page.name)
            shutil.rmtree(self.dir)
            shutil.copytree(fresh, self.dir)
            for block in blocks:
                with self.subTest(page.name, block=block):
                    self.run_block(block)

    def test_of_the_readme(self):
        self.prepare(ledger=False)
        for block in examples_of_readme():
            with self.subTest(block):
                self.run_block(block)


if __name__ == "__main__":
    unittest.main()
