#!/usr/bin/env python3
"""Writes files into a C source as tables of bytes (src/bounce/builtin_rules.h declares them)."""
import argparse
import pathlib


def c_char(byte):
    """A byte as a char constant, whatever the sign of char."""
    return str(byte) if byte < 128 else "'\\%03o'" % byte


def array(index, data):
    lines = [f"static const char text_{index}[] = {{"]
    for at in range(0, len(data), 24):
        lines.append("    " + ", ".join(map(c_char, data[at:at + 24])) + ",")
    if not data:
        lines.append("    0,")
    lines.append("};")
    return lines


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--output", required=True, type=pathlib.Path)
    parser.add_argument("files", nargs="*", type=pathlib.Path)
    args = parser.parse_args()

    lines = ["/* written by tools/embed.py */", '#include "bounce/builtin_rules.h"', ""]
    rows = []
    for index, path in enumerate(args.files):
        data = path.read_bytes()
        lines += array(index, data) + [""]
        rows.append(f'    {{SLICE_INIT("{path.name}"), {{text_{index}, {len(data)}}}}},')
    lines.append("const struct bounce_builtin_rule_file bounce_builtin_rules[] = {")
    lines += rows or ['    {SLICE_INIT(""), SLICE_INIT("")}, /* none yet */']
    lines.append("};")
    lines.append(f"const size_t bounce_builtin_rules_count = {len(rows)};")
    args.output.write_text("\n".join(lines) + "\n", encoding="ascii")


if __name__ == "__main__":
    main()
