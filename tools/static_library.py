#!/usr/bin/env python3
"""Makes one static library of several, in which only the symbols of default visibility can be seen from outside.

Without this, libbounce.a would bring names as common as buf_add into every program that links it.
"""
import argparse
import pathlib
import shlex
import subprocess
import tempfile


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--output", required=True, type=pathlib.Path)
    parser.add_argument("--cc", required=True, help="command that links: the compiler, with what stands before and behind it")
    parser.add_argument("--ar", required=True)
    parser.add_argument("--objcopy", required=True)
    parser.add_argument("archives", nargs="+")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        merged = pathlib.Path(folder, "libbounce.o")
        link = [*shlex.split(args.cc), "-r", "-nostdlib", "-o", merged, "-Wl,--whole-archive", *args.archives]
        subprocess.run(link, check=True)
        subprocess.run([args.objcopy, "--localize-hidden", merged], check=True)
        args.output.unlink(missing_ok=True)
        subprocess.run([args.ar, "rcsD", args.output, merged], check=True)


if __name__ == "__main__":
    main()
