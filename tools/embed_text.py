#!/usr/bin/env python3
"""Writes one file into a C source as a slice: embed_text.py HEADER NAME INPUT OUTPUT."""
import pathlib
import sys

from embed import array

header, name, source, target = sys.argv[1:]
data = pathlib.Path(source).read_bytes()
lines = ["/* written by tools/embed_text.py */", f'#include "{header}"', ""]
lines += array(0, data)
lines += ["", f"const slice {name} = {{text_0, sizeof text_0}};"]
pathlib.Path(target).write_text("\n".join(lines) + "\n", encoding="ascii")
