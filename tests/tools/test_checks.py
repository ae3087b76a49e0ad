"""The checks of tools/ hold for the tree as it is, and each finds what it is there to find."""
import importlib.util
import os
import pathlib
import subprocess
import tempfile
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]


def tool(name):
    spec = importlib.util.spec_from_file_location(name, ROOT / "tools" / (name + ".py"))
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


class Layers(unittest.TestCase):
    def check(self, files):
        with tempfile.TemporaryDirectory() as folder:
            for name, text in files.items():
                path = pathlib.Path(folder, "src", name)
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(text, encoding="utf-8")
            return tool("check_layers").check(pathlib.Path(folder))

    def test_tree(self):
        self.assertEqual(tool("check_layers").check(ROOT), [])

    def test_upwards(self):
        self.assertEqual(len(self.check({"base/a.c": '#include "ledger/ledger.h"\n'})), 1)

    def test_downwards(self):
        self.assertEqual(self.check({"core/a.c": '#include "ledger/ledger.h"\n#include <json-c/json.h>\n'}), [])

    def test_core_without_net(self):
        self.assertEqual(len(self.check({"core/a.c": '#include "net/http.h"\n'})), 1)

    def test_single_header(self):
        self.assertEqual(self.check({"policy/a.c": '#include "bounce/observation.h"\n'}), [])
        self.assertEqual(len(self.check({"policy/a.c": '#include "bounce/mime.h"\n'})), 1)

    def test_library(self):
        self.assertEqual(len(self.check({"policy/a.c": "#include <sqlite3.h>\n"})), 1)

    def test_unknown_folder(self):
        self.assertEqual(len(self.check({"misc/a.c": ""})), 1)

    def test_cycle(self):
        problems = self.check({"base/a.h": '#include "base/b.h"\n', "base/b.h": '#include "base/a.h"\n'})
        self.assertEqual(problems, ["cycle: base/a.h -> base/b.h -> base/a.h"])


class Pure(unittest.TestCase):
    def check(self, source):
        with tempfile.TemporaryDirectory() as folder:
            out = pathlib.Path(folder, "src/base")
            out.mkdir(parents=True)
            subprocess.run(["cc", "-x", "c", "-", "-c", "-fPIC", "-O1", "-o", out / "a.c.o"], input=source, text=True, check=True)
            subprocess.run(["ar", "rcs", out / "libbase.a", out / "a.c.o"], check=True)
            return tool("check_pure").check(pathlib.Path(folder))

    def test_tree(self):
        build = pathlib.Path(os.environ.get("BOUNCED_BUILD", ROOT / "build"))
        self.assertEqual(tool("check_pure").check(build), [])

    def test_clean(self):
        self.assertEqual(self.check('const char *const words[] = {"a"}; const char *f(int i) { return words[i]; }'), [])

    def test_call(self):
        self.assertEqual(len(self.check("long time(long *); long f(void) { return time(0); }")), 1)

    def test_writable(self):
        self.assertEqual(len(self.check("int count = 1; int f(void) { return count++; }")), 1)
        self.assertEqual(len(self.check("static int count; int f(void) { return count++; }")), 1)
        self.assertEqual(len(self.check('const char *words[] = {"a"};')), 1)


class Words(unittest.TestCase):
    def test_tree(self):
        self.assertEqual(tool("check_words").main(), 0)

    def test_finds(self):
        pattern = tool("check_words").PATTERN
        self.assertTrue(pattern.search("from " + "pypi" + ".org/simple"))
        self.assertFalse(pattern.search("not-" + "pypi" + ".orga"))


class Count(unittest.TestCase):
    def count(self, result, text):
        return tool("run_tests").count_cmocka({"result": result, "stdout": text})

    def test_all_passed(self):
        text = "[==========] Running 2 test(s).\n[       OK ] a\n[       OK ] b\n"
        self.assertEqual(self.count("OK", text), (2, 0, 0))

    def test_failed_and_skipped(self):
        text = "[==========] Running 3 test(s).\n[       OK ] a\n[  FAILED  ] b\n[  SKIPPED ] c\n[  FAILED  ] 1 test(s)\n"
        self.assertEqual(self.count("FAIL", text), (1, 1, 1))

    def test_crashed(self):
        text = "[==========] Running 3 test(s).\n[       OK ] a\n[ RUN      ] b\n"
        self.assertEqual(self.count("FAIL", text), (1, 2, 0))

    def test_crashed_at_the_end(self):
        text = "[==========] Running 1 test(s).\n[       OK ] a\n"
        self.assertEqual(self.count("FAIL", text), (1, 1, 0))

    def test_without_cmocka(self):
        self.assertEqual(self.count("OK", ""), (1, 0, 0))
        self.assertEqual(self.count("FAIL", ""), (0, 1, 0))


class Embed(unittest.TestCase):
    """Every byte arrives in the C table as it was."""

    def test_bytes(self):
        with tempfile.TemporaryDirectory() as folder:
            source, data = pathlib.Path(folder, "a.c"), pathlib.Path(folder, "x.rules")
            data.write_bytes(bytes(range(256)))
            subprocess.run([ROOT / "tools/embed.py", "--output", source, data], check=True)
            main = pathlib.Path(folder, "main.c")
            main.write_text('#include <stdio.h>\n#include "bounce/builtin_rules.h"\n'
                            "int main(void) { if (bounce_builtin_rules_count != 1) return 1;\n"
                            "fwrite(bounce_builtin_rules[0].text.p, 1, bounce_builtin_rules[0].text.n, stdout); }\n")
            exe = pathlib.Path(folder, "a")
            subprocess.run(["cc", "-Wall", "-Wextra", "-Wconversion", "-Wsign-conversion", "-Werror", f"-I{ROOT}/src",
                            source, main, "-o", exe], check=True)
            self.assertEqual(subprocess.run([exe], check=True, capture_output=True).stdout, bytes(range(256)))


if __name__ == "__main__":
    unittest.main()
