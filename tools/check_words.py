#!/usr/bin/env python3
"""Fails when a tracked text file names the host of a package registry: where packages come from is the machine's affair."""
import pathlib
import re
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent

# In two parts each, so that this file passes its own check.
HOSTS = [first + "." + rest for first, rest in [
    ("registry", "npmjs.org"), ("registry", "yarnpkg.com"), ("pypi", "org"), ("files", "pythonhosted.org"),
    ("crates", "io"), ("rubygems", "org"), ("proxy", "golang.org"), ("sum", "golang.org"), ("deb", "debian.org"),
    ("security", "debian.org"), ("snapshot", "debian.org"), ("archive", "ubuntu.com"), ("docker", "io"),
    ("ghcr", "io"), ("quay", "io"), ("repo1", "maven.org"), ("conda", "anaconda.org"), ("dl-cdn", "alpinelinux.org"),
]]
PATTERN = re.compile(r"(?<![\w-])(" + "|".join(re.escape(h) for h in HOSTS) + r")(?![\w-])", re.I)


def tracked():
    git = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=False)
    if git.returncode == 0 and git.stdout:
        return [ROOT / name for name in git.stdout.decode().split("\0") if name]
    return [p for p in ROOT.rglob("*") if p.is_file() and not re.match(r"build|\.git(/|$)", str(p.relative_to(ROOT)))]


def main():
    status = 0
    for path in tracked():
        if not path.is_file():
            continue
        data = path.read_bytes()
        if b"\0" in data[:8192]:
            continue
        for number, line in enumerate(data.decode("utf-8", "replace").splitlines(), 1):
            match = PATTERN.search(line)
            if match:
                print(f"{path.relative_to(ROOT)}:{number}: names {match.group(1)}")
                status = 1
    return status


if __name__ == "__main__":
    sys.exit(main())
