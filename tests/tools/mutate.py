#!/usr/bin/env python3
"""Damage mails at random and see what is still read in them.

usage: mutate.py BOUNCED PATH... [--count N] [--seed S] [--keep DIR]

Each damaged mail is one of the mails under PATH with 1 to 8 changes: bytes deleted, doubled, swapped or replaced, lines
deleted, doubled, swapped or joined, other line ends, other case of field names, cut short. BOUNCED reads them all. It must end
well, and name other recipients than in the whole mail in at most 15 in 100.
"""
import argparse
import collections
import json
import os
import random
import re
import subprocess
import sys
import tempfile

BATCH = 1000
MOST_LOST_PERCENT = 15


def place(rng, data):
    return rng.randrange(len(data)) if data else 0


def delete_bytes(rng, data):
    i = place(rng, data)
    return data[:i] + data[i + rng.randint(1, 4):]


def double_bytes(rng, data):
    i = place(rng, data)
    n = rng.randint(1, 8)
    return data[:i + n] + data[i:]


def swap_bytes(rng, data):
    out = bytearray(data)
    if out:
        i, k = place(rng, data), place(rng, data)
        out[i], out[k] = out[k], out[i]
    return bytes(out)


def replace_byte(rng, data):
    i = place(rng, data)
    return data[:i] + bytes([rng.randrange(256)]) + data[i + 1:]


def on_lines(change):
    def mutate(rng, data):
        lines = data.splitlines(keepends=True)
        return b"".join(change(rng, lines)) if lines else data
    return mutate


def delete_line(rng, lines):
    i = place(rng, lines)
    return lines[:i] + lines[i + 1:]


def double_line(rng, lines):
    i = place(rng, lines)
    return lines[:i + 1] + lines[i:]


def swap_lines(rng, lines):
    i, k = place(rng, lines), place(rng, lines)
    lines[i], lines[k] = lines[k], lines[i]
    return lines


def join_lines(rng, lines):
    i = place(rng, lines)
    return lines[:i] + [lines[i].rstrip(b"\r\n")] + lines[i + 1:]


def line_ends(rng, data):
    end = rng.choice([b"\r\n", b"\r", b"\n", b"\r\r\n"])
    return re.sub(rb"\r\n|\r|\n", end, data)


def field_case(rng, data):
    change = rng.choice([bytes.lower, bytes.upper])
    return re.sub(rb"(?m)^[A-Za-z][A-Za-z-]*(?=:)", lambda m: change(m[0]), data)


def cut(rng, data):
    return data[:max(1, len(data) - rng.randint(1, max(1, len(data) // 5)))]


MUTATIONS = [delete_bytes, double_bytes, swap_bytes, replace_byte, on_lines(delete_line), on_lines(double_line),
             on_lines(swap_lines), on_lines(join_lines), line_ends, field_case, cut]


def mails(paths):
    for path in paths:
        if os.path.isfile(path):
            yield path
        for folder, _, names in sorted(os.walk(path)):
            yield from (os.path.join(folder, n) for n in sorted(names) if not n.endswith((".jsonl", ".py")))


def recipients(bounced, folder):
    """File name to the set of its recipients; None when the program failed."""
    run = subprocess.run([bounced, "parse", "--json", folder], capture_output=True, check=False)
    if run.returncode not in (0, 1):
        sys.stderr.write(run.stderr.decode("utf-8", "replace")[-2000:])
        return None
    found = collections.defaultdict(set)
    for line in run.stdout.splitlines():
        r = json.loads(line)
        found[os.path.basename(r["file"])].add((r.get("recipient") or "").lower())
    return found


def write(folder, name, data):
    with open(os.path.join(folder, name), "wb") as f:
        f.write(data)


def whole(bounced, paths):
    """[(mail, recipients)] of the mails that are reports about one recipient or more."""
    out = []
    with tempfile.TemporaryDirectory() as folder:
        data = []
        for i, path in enumerate(mails(paths)):
            with open(path, "rb") as f:
                data.append(f.read())
            write(folder, f"{i:06}", data[-1])
        found = recipients(bounced, folder)
        for i, mail in enumerate(data):
            names = found and found.get(f"{i:06}", set()) - {""}
            if names:
                out.append((mail, names))
    return out


def main():
    p = argparse.ArgumentParser()
    p.add_argument("bounced")
    p.add_argument("paths", nargs="+")
    p.add_argument("--count", type=int, default=20000)
    p.add_argument("--seed", type=int, default=1)
    p.add_argument("--keep", help="write the mails that lost their recipients there")
    a = p.parse_args()
    rng = random.Random(a.seed)
    seeds = whole(a.bounced, a.paths)
    if not seeds:
        sys.exit("mutate: no report among the mails")
    done = lost = errors = 0
    while done < a.count:
        with tempfile.TemporaryDirectory() as folder:
            batch = []
            for i in range(min(BATCH, a.count - done)):
                mail, names = rng.choice(seeds)
                for _ in range(rng.randint(1, 8)):
                    mail = rng.choice(MUTATIONS)(rng, mail)
                write(folder, f"{i:06}", mail)
                batch.append((mail, names))
            found = recipients(a.bounced, folder)
            if found is None:
                errors += 1
                found = {}
            for i, (mail, names) in enumerate(batch):
                if found.get(f"{i:06}", set()) - {""} != names:
                    lost += 1
                    if a.keep:
                        write(a.keep, f"{done + i:06}", mail)
            done += len(batch)
    percent = 100 * lost / done
    print(f"{done} damaged mails of {len(seeds)}, {errors} failed runs, {lost} ({percent:.1f} %) with other recipients")
    sys.exit(1 if errors or percent > MOST_LOST_PERCENT else 0)


if __name__ == "__main__":
    main()
