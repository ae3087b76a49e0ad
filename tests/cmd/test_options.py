"""Options and arguments of every command: --help, wrong ones, output that cannot be written."""
import os
import pty
import re
import subprocess
import unittest

from cmdtest import BOUNCED, Case, SAMPLES


def commands():
    text = subprocess.run([BOUNCED, "--help"], capture_output=True, text=True, check=True).stdout
    return re.findall(r"^  ([a-z]+) +\S", text[text.index("commands:"):], re.M)


class Options(Case):
    def test_help_of_every_command(self):
        names = commands()
        self.assertIn("parse", names)
        for name in names:
            with self.subTest(name):
                done = self.bounced(name, "--help")
                self.assertTrue(done.out.startswith(f"usage: bounced {name} "), done.out)
                self.assertIn("--help", done.out)
                self.assertEqual(done.err, "")
                self.assertEqual(self.bounced(name, "-h").out, done.out)
                self.assertEqual(self.bounced("help", name).out, done.out)
                for line in done.out.splitlines():
                    self.assertLessEqual(len(line), 130, line)

    def test_unknown_option_is_refused_with_a_suggestion(self):
        for name in commands():
            with self.subTest(name):
                done = self.bounced(name, "--hlep", code=64)
                self.assertIn("did you mean --help?", done.err)
                self.assertEqual(done.out, "")
                self.bounced(name, "-%", code=64)

    def test_near_options(self):
        for given, meant in (("--jsn", "--json"), ("--rule", "--rules"), ("--JSON", None)):
            done = self.bounced("parse", given, "x", code=64)
            if meant:
                self.assertIn(f"did you mean {meant}?", done.err)

    def test_unknown_command(self):
        self.assertIn("did you mean 'parse'?", self.bounced("prase", code=64).err)
        self.assertNotIn("did you mean", self.bounced("xyzzyxyzzy", code=64).err)
        self.assertIn("usage: bounced", self.bounced(code=64).err)

    def test_values(self):
        self.assertIn("wants a value", self.bounced("classify", "--provider", code=64).err)
        self.assertIn("takes no value", self.bounced("classify", "--json=1", code=64).err)
        self.assertIn("takes a number", self.bounced("events", "--limit", "many", code=64).err)
        self.assertIn("takes a number", self.bounced("events", "--limit=-1", code=64).err)
        self.assertIn("takes a number", self.bounced("events", "--limit=99999999999999999999999", code=64).err)

    def test_options_anywhere_and_the_end_of_options(self):
        mail = SAMPLES / "dsn" / "postfix-001-unknown-511.eml"
        first = self.bounced("parse", "--json", mail).out
        self.assertEqual(self.bounced("parse", mail, "--json").out, first)
        self.assertIn("--json", self.bounced("parse", "--", "--json", code=66).err)

    def test_version(self):
        self.assertRegex(self.bounced("--version").out, r"^bounced \d+\.\d+\.\d+\n$")


class Output(Case):
    def full(self, *args, **kwargs):
        with open("/dev/full", "wb") as full:
            done = self.bounced(*args, stdout=full, code=74, **kwargs)
        if args[0] != "--help":
            self.assertIn("No space left", done.err)

    @unittest.skipUnless(os.path.exists("/dev/full"), "there is no /dev/full")
    def test_full_disk(self):
        for args, stdin in ((("parse", "--json", SAMPLES / "dsn"), b""), (("classify",), b"550 no such user\n"),
                            (("rules", "list"), b""), (("--help",), b""), (("parse", "--help"), b""),
                            (("doctor",), b"")):
            with self.subTest(args[0]):
                self.full(*args, stdin=stdin)

    def test_closed_pipe(self):
        read, write = os.pipe()
        os.close(read)
        try:
            done = self.bounced("parse", "--json", SAMPLES / "dsn", stdout=write, code=74)
        finally:
            os.close(write)
        self.assertEqual(done.err, "")

    def test_closed_standard_output(self):
        done = subprocess.run(["sh", "-c", 'exec "$0" parse --json "$1" >&-', BOUNCED, str(SAMPLES / "dsn")],
                              env=self.env, cwd=self.dir, capture_output=True, timeout=60, check=False)
        self.assertEqual(done.returncode, 74)

    def test_no_colour_and_no_progress_without_a_terminal(self):
        done = self.bounced("parse", SAMPLES / "dsn")
        self.assertNotIn("\x1b", done.out + done.err)
        self.assertNotIn("\r", done.err)


    def on_a_terminal(self, *args):
        master, slave = pty.openpty()
        try:
            subprocess.run([BOUNCED, *args], stdout=slave, stderr=slave, stdin=subprocess.DEVNULL, env=self.env,
                           cwd=self.dir, timeout=60, check=False)
            return os.read(master, 65536).decode("utf-8", "replace")
        finally:
            os.close(master)
            os.close(slave)

    def test_colour_on_a_terminal_unless_refused(self):
        self.bounced("suppress", "add", "a@example.com")
        self.assertIn("\x1b[31msuppressed\x1b[0m  a@example.com", self.on_a_terminal("check", "a@example.com"))
        self.env["NO_COLOR"] = "1"
        self.assertIn("suppressed  a@example.com", self.on_a_terminal("check", "a@example.com"))


if __name__ == "__main__":
    unittest.main()
