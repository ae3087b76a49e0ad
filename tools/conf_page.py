#!/usr/bin/env python3
"""Writes bounced.conf(5): the page TEMPLATE with the line "@SETTINGS@" replaced by every setting of conf.def.

usage: conf_page.py CONF_DEF TEMPLATE OUT
"""
import pathlib
import re
import sys

ARGUMENTS = re.compile(r'\s*(?:"((?:[^"\\]|\\.)*)"|([^",]+))\s*(?:,|$)')
TYPES = {
    "TEXT": "text", "PATH": "path", "PATHS": "paths", "LIST": "list", "SECRET": "secret", "LISTEN": "address", "SWITCH": "yes | no",
    "NUMBER": "number", "SIZE": "size", "SPAN": "span", "PERCENT": "share", "TOLERANCE": "count over span",
}


def arguments(text):
    return [quoted.replace('\\"', '"').replace("\\\\", "\\") if bare == "" else bare.strip()
            for quoted, bare in ARGUMENTS.findall(text)]


def roff(text):
    """Text that means itself at the start of a line and within one."""
    text = text.replace("\\", "\\e").replace("-", "\\-")
    return "\\&" + text if text[:1] in ".'" else text


def setting(kind, name, rest):
    otherwise, when, told = rest[0], rest[-2], rest[-1]
    form = rest[1].replace("|", " | ") if kind == "WORD" else TYPES[kind]
    told = told[0].upper() + told[1:]
    notes = []
    if "NEEDED" in when and not otherwise:
        notes.append("must be given")
    elif otherwise:
        notes.append(f"default: {otherwise}")
    if "LIVE" not in when:
        notes.append("takes effect at the next start")
    yield f".It Va {name} No = Ar {roff(form)}"
    yield roff(told) + "."
    if notes:
        yield roff("; ".join(notes)[0].upper() + "; ".join(notes)[1:]) + "."


def lines(conf, src, seen):
    """The lines of conf.def with those of the files it includes; one with which several sections begin is told once."""
    section, first = "", False
    for line in conf.splitlines():
        include = re.match(r'#include "(.*)"', line)
        if not include:
            first = line.startswith("SECTION(")
            section = line.split('"')[1] if first else section
            yield line
        elif first and include[1] in seen:
            yield f"AS({seen[include[1]]})"
        else:
            if first:
                seen[include[1]] = section
            yield from (src / include[1]).read_text(encoding="utf-8").splitlines()


def page(conf):
    for line in conf:
        match = re.match(r"^(?:SECTION|AS\b|END\b|  [A-Z]+)(?:\((.*)\))?", line)
        if not match or line.startswith("   "):
            continue
        word = line.split("(")[0].strip()
        args = arguments(match[1]) if match[1] else []
        if word == "SECTION":
            _, kind, form, told = args
            head = f"[{kind} name]" if form == "NAMED" else f"[{kind}]"
            yield f".Ss {roff(head)}"
            yield roff(told[0].upper() + told[1:]) + "."
            yield ".Bl -tag -width Ds"
        elif word == "AS":
            yield f".It all settings of [{roff(match[1])} name]"
        elif word == "END":
            yield ".El"
        elif word in TYPES or word == "WORD":
            yield from setting(word, args[0], args[1:])


def main():
    conf, template, out = (pathlib.Path(p) for p in sys.argv[1:])
    text = conf.read_text(encoding="utf-8")
    rows = lines(text[text.index("// clang-format off"):], conf.parent.parent, {})
    settings = "\n".join(page(rows))
    out.write_text(template.read_text(encoding="utf-8").replace("@SETTINGS@", settings), encoding="utf-8")


if __name__ == "__main__":
    main()
