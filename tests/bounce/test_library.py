"""A stranger's program can link libbounce, shared and static, and may use names that we use inside."""
import os
import pathlib
import subprocess
import tempfile
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILD = pathlib.Path(os.environ.get("BOUNCED_BUILD", ROOT / "build"))

PROGRAM = """
#include <bounce.h>
#include <stdio.h>

int buf_add(void); /* names of ours, meant otherwise */
int arena_alloc(void);

int buf_add(void) { return 1; }
int arena_alloc(void) { return 2; }

int main(void)
{
    struct bounce_arena *arena = bounce_arena_new(0);
    if (!arena)
        return 1;
    bounce_arena_clear(arena);
    bounce_arena_free(&arena);
    puts(bounce_reason_word(bounce_reason_find((struct bounce_slice){"mailbox-full", 12})));
    return arena ? 1 : buf_add() + arena_alloc() - 3;
}
"""


class Library(unittest.TestCase):
    def link(self, *libraries):
        if b"__asan_init" in (BUILD / "src/bounce/libbounce.so").read_bytes():
            self.skipTest("a build with sanitizers")
        with tempfile.TemporaryDirectory() as folder:
            source, exe = pathlib.Path(folder, "a.c"), pathlib.Path(folder, "a")
            source.write_text(PROGRAM, encoding="ascii")
            subprocess.run(["cc", "-std=c11", "-Wall", "-Wextra", "-Wpedantic", "-Werror", f"-I{ROOT}/include", source,
                            "-o", exe, *libraries], check=True)
            done = subprocess.run([exe], check=True, capture_output=True, text=True)
            self.assertEqual(done.stdout, "mailbox-full\n")

    def test_shared(self):
        folder = BUILD / "src/bounce"
        self.link(f"-L{folder}", "-lbounce", f"-Wl,-rpath,{folder}")

    def test_static(self):
        self.link(BUILD / "src/bounce/libbounce.a", "-lpcre2-8", "-lidn2", "-lcrypto")

    def test_soname(self):
        text = subprocess.run(["readelf", "-d", BUILD / "src/bounce/libbounce.so"], check=True, capture_output=True,
                              text=True).stdout
        self.assertIn("libbounce.so.0", text)


if __name__ == "__main__":
    unittest.main()
