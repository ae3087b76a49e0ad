#!/usr/bin/env python3
"""Writes the parts of docs/policy.md that are made of the code: presets, states and transitions.

usage: policy_page.py [--check] BUILD

A part stands between "<!-- made: NAME -->" and "<!-- end: NAME -->"; the test program of that name prints it. --check writes nothing and
fails where the page differs.
"""
import pathlib
import re
import subprocess
import sys

PAGE = pathlib.Path(__file__).resolve().parent.parent / "docs" / "policy.md"
PARTS = ("presets", "matrix", "transitions")


def printed(build, name):
    return subprocess.run([build / "tests" / "policy" / f"test_policy_{name}", "print"], capture_output=True, text=True,
                          check=True).stdout


def main():
    check = "--check" in sys.argv
    build = pathlib.Path([a for a in sys.argv[1:] if not a.startswith("--")][0])
    before = text = PAGE.read_text(encoding="utf-8")
    for name in PARTS:
        mark = re.compile(rf"(<!-- made: {name} -->\n).*?(<!-- end: {name} -->)", re.S)
        if not mark.search(text):
            sys.exit(f"{PAGE}: there is no part \"made: {name}\"")
        part = "\n" + printed(build, name) + "\n"
        text = mark.sub(lambda m, part=part: m[1] + part + m[2], text)
    if check and text != before:
        sys.exit("docs/policy.md is not what the code says: run tools/policy_page.py build")
    if text != before:
        PAGE.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
