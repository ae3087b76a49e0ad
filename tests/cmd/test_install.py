"""meson install into a directory: everything is there, and a program builds against the library."""
import os
import pathlib
import re
import shutil
import subprocess
import tempfile
import unittest

from cmdtest import BOUNCED, Case, ROOT

BUILD = pathlib.Path(os.environ.get("BOUNCED_BUILD", pathlib.Path(BOUNCED).parent))
PROGRAM = """
#include <stdio.h>
#include <bounce.h>
int main(void)
{
    struct bounce_arena *arena = bounce_arena_new(0);
    struct bounce_reply reply;
    struct bounce_slice text = {"550 5.1.1 no such user", 22};
    if (!arena || bounce_reply_parse(text, arena, &reply) != BOUNCE_OK)
        return 1;
    printf("%u\\n", reply.code);
    bounce_arena_free(&arena);
    return 0;
}
"""


@unittest.skipUnless(shutil.which("meson") and (BUILD / "build.ninja").exists(), "needs the build directory")
class Install(Case):
    @classmethod
    def setUpClass(cls):
        cls.root = pathlib.Path(tempfile.mkdtemp(prefix="bounced-install-"))
        cls.addClassCleanup(shutil.rmtree, cls.root)
        done = subprocess.run(["meson", "install", "-C", BUILD, "--no-rebuild", "--quiet", "--destdir", cls.root],
                              capture_output=True, text=True, timeout=120, check=False)
        if done.returncode:
            raise RuntimeError(done.stdout + done.stderr)
        cls.files = {p.relative_to(cls.root).as_posix(): p for p in cls.root.rglob("*") if p.is_file() or p.is_symlink()}

    def one(self, pattern):
        found = [path for name, path in self.files.items() if re.search(pattern, name)]
        self.assertEqual(len(found), 1, f"{pattern}: {found}")
        return found[0]

    def test_what_is_installed(self):
        for pattern in (r"/bin/bounced$", r"/include/bounce\.h$", r"/libbounce\.so$", r"/libbounce\.so\.0$",
                        r"/libbounce\.a$", r"/pkgconfig/libbounce\.pc$"):
            self.one(pattern)
        pages = {p.name for p in (ROOT / "man").glob("*.[158]")} | {"bounced.conf.5"}
        self.assertEqual({p.name for n, p in self.files.items() if "/man/" in n}, pages)
        rules = {p.name for p in (ROOT / "rules").glob("*.rules")}
        self.assertEqual({p.name for n, p in self.files.items() if "/bounced/rules/" in n}, rules)

    def test_the_program_needs_nothing_of_the_source(self):
        program = self.one(r"/bin/bounced$")
        done = subprocess.run([program, "classify"], input="550 5.1.1 user unknown\n", cwd="/", env=self.env,
                              capture_output=True, text=True, timeout=60, check=False)
        self.assertTrue(done.stdout.startswith("user-unknown\thard\trecipient\t"), done.stderr)

    def test_a_program_builds_against_it(self):
        if not shutil.which("cc") or "ASAN_OPTIONS" in os.environ and "asan" in BUILD.name:
            self.skipTest("needs a compiler and a plain build")
        source = self.file("try.c", PROGRAM)
        include, library = self.one(r"/include/bounce\.h$").parent, self.one(r"/libbounce\.so$").parent
        for name, extra in (("shared", [f"-L{library}", "-lbounce", f"-Wl,-rpath,{library}"]),
                            ("static", [str(self.one(r"/libbounce\.a$")), "-lpcre2-8", "-lidn2", "-lcrypto"])):
            with self.subTest(name):
                program = self.dir / name
                done = subprocess.run(["cc", "-std=c11", f"-I{include}", str(source), "-o", str(program), *extra],
                                      capture_output=True, text=True, timeout=120, check=False)
                self.assertEqual(done.returncode, 0, done.stderr)
                self.assertEqual(subprocess.run([program], capture_output=True, text=True, check=True).stdout, "550\n")

    def test_examples(self):
        self.bounced("rules", "--rules", ROOT / "examples" / "our-partner.rules", "list")
        for path in (ROOT / "examples").iterdir():
            for command in re.findall(r"bounced ((?:ingest|suppress|backup)[^&\n']*)", path.read_text(encoding="utf-8")):
                help_text = self.bounced(command.split()[0], "--help").out
                for option in re.findall(r"--([a-z-]+)", command):
                    self.assertIn(f"--{option}", help_text, f"{path.name}: {command}")


if __name__ == "__main__":
    unittest.main()
