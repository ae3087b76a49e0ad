#!/usr/bin/env python3
"""Makes tests/samples anew by running real mail servers; see docs/lab.md.

usage: lab.py list              the servers the lab knows
       lab.py run SERVER ...    run them, each in a world of its own (needs root)
       lab.py boxes             mbox/ and maildir/ from what is in dsn/
"""
import importlib
import os
import subprocess
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import collect  # noqa: E402

SERVERS = ["postfix", "exim", "sendmail", "opensmtpd", "small"]


def run_inside(name):
    import world
    mta = importlib.import_module("mta_" + name)
    w = world.World(mta.PACKAGES)
    try:
        mta.run(w)
    finally:
        w.end()


def main(argv):
    if argv[:1] == ["list"]:
        print("\n".join(SERVERS))
    elif argv[:1] == ["run"] and argv[1:]:
        for name in argv[1:]:
            # the shell is the world's init: it reaps what the servers leave behind
            if subprocess.run(["unshare", "-m", "-u", "-i", "-p", "--fork", "--kill-child", "sh", "-c", '"$@"; exit $?', "init",
                               sys.executable, os.path.abspath(__file__), "inside", name]).returncode:
                raise SystemExit("lab: %s failed" % name)
    elif argv[:1] == ["inside"]:
        run_inside(argv[1])
    elif argv[:1] == ["boxes"]:
        collect.boxes()
    else:
        raise SystemExit(__doc__)


if __name__ == "__main__":
    main(sys.argv[1:])
