#!/usr/bin/env python3
"""Fails when libbounce.so shows a symbol that is not declared in include/bounce.h, or lacks one that is."""
import pathlib
import re
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent


def declared(header):
    """Names of the functions marked BOUNCE_API; comments are dropped first."""
    text = re.sub(r"/\*.*?\*/", "", header.read_text(encoding="utf-8"), flags=re.S)
    text = re.sub(r"^\s*#.*$", "", text, flags=re.M)
    return set(re.findall(r"\bBOUNCE_API\b[^;()]*?\b(bounce_\w+)\s*\(", text))


def main():
    build = ROOT / (sys.argv[1] if len(sys.argv) > 1 else "build")
    library = build / "src/bounce/libbounce.so"
    nm = subprocess.run(["nm", "-D", "--defined-only", str(library)], check=True, capture_output=True, text=True)
    shown = {line.split()[-1].split("@")[0] for line in nm.stdout.splitlines()}
    if any(name.startswith("__asan") for name in shown):
        return 0
    wanted = declared(ROOT / "include/bounce.h")
    for name in sorted(shown - wanted):
        print(f"libbounce.so shows {name}, which bounce.h does not declare")
    for name in sorted(wanted - shown):
        print(f"bounce.h declares {name}, which libbounce.so lacks")
    return 1 if shown != wanted else 0


if __name__ == "__main__":
    sys.exit(main())
