#!/usr/bin/env python3
"""Runs the meson tests of a build directory and all tests/**/test_*.py, and counts single cases.

The last line printed is "N passed, N failed". A C test program counts its cmocka cases; those that it did not reach because
it crashed are failures. A program without cmocka counts as one case.
"""
import importlib.util
import json
import os
import pathlib
import re
import subprocess
import sys
import unittest

ROOT = pathlib.Path(__file__).resolve().parent.parent


def count_cmocka(test):
    """(passed, failed, skipped) of one entry of meson's log."""
    text = test.get("stdout", "") + test.get("stderr", "")
    ok = test["result"] in ("OK", "EXPECTEDFAIL")
    if test["result"] == "SKIP":
        return 0, 0, 1
    total = sum(int(n) for n in re.findall(r"^\[=+\] Running (\d+) test", text, re.M))
    if total == 0:
        return (1, 0, 0) if ok else (0, 1, 0)
    skipped = len(re.findall(r"^\[ +SKIPPED +\] \S+$", text, re.M))
    passed = len(re.findall(r"^\[ +OK +\] ", text, re.M))
    failed = max(total - passed - skipped, 0 if ok else 1)
    return passed, failed, skipped


def run_meson(build):
    log = build / "meson-logs" / "testlog.json"
    log.unlink(missing_ok=True)
    command = ["meson", "test", "-C", str(build), "--no-rebuild", "--print-errorlogs", "-t", "4"]
    status = subprocess.run(command, check=False).returncode
    counts = [0, 0, 0]
    if log.exists():
        with log.open(encoding="utf-8") as lines:
            for line in lines:
                for i, n in enumerate(count_cmocka(json.loads(line))):
                    counts[i] += n
    if status != 0 and counts[1] == 0:
        counts[1] = 1
    return counts


def load_python(loader):
    """Every test_*.py by its path, so that folders need no __init__.py; helpers beside it can be imported."""
    suite = unittest.TestSuite()
    for path in sorted((ROOT / "tests").rglob("test_*.py")):
        name = "_".join(path.relative_to(ROOT).with_suffix("").parts)
        sys.path.insert(0, str(path.parent))
        try:
            spec = importlib.util.spec_from_file_location(name, path)
            module = importlib.util.module_from_spec(spec)
            sys.modules[name] = module
            spec.loader.exec_module(module)
            suite.addTests(loader.loadTestsFromModule(module))
        except Exception as error:  # a file that cannot be loaded is a failed test
            def fail(self, error=error, path=path):
                raise RuntimeError(f"{path}: {error}") from error
            case = type(f"Load_{name}", (unittest.TestCase,), {"test_load": fail})
            suite.addTest(case("test_load"))
        finally:
            sys.path.remove(str(path.parent))
    return suite


def run_python(build):
    os.environ["BOUNCED_BUILD"] = str(build)
    os.environ["BOUNCED"] = str(build / "bounced")
    os.environ.setdefault("ASAN_OPTIONS", "allocator_may_return_null=1")
    result = unittest.TextTestRunner(stream=sys.stdout, verbosity=1).run(load_python(unittest.TestLoader()))
    failed = len(result.failures) + len(result.errors) + len(result.unexpectedSuccesses)
    skipped = len(result.skipped)
    return max(result.testsRun - failed - skipped, 0), failed, skipped


def main():
    build = (ROOT / (sys.argv[1] if len(sys.argv) > 1 else "build")).resolve()
    sums = [sum(pair) for pair in zip(run_meson(build), run_python(build))]
    if sums[2]:
        print(f"({sums[2]} skipped)")
    print(f"{sums[0]} passed, {sums[1]} failed", flush=True)
    return 1 if sums[1] or not sums[0] else 0


if __name__ == "__main__":
    sys.exit(main())
