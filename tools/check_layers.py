#!/usr/bin/env python3
"""Fails when a file under src/ includes what its layer may not use, or when includes form a cycle."""
import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent

# What each folder may include of ours: a folder, or single headers of one.
TYPES = ["bounce/observation.h", "bounce/reasons.def", "bounce/kinds.def", "bounce.h"]
OURS = {
    "base": [],
    "bounce": ["base", "bounce.h"],
    "policy": ["base"] + TYPES,
    "feed": ["base", "bounce", "bounce.h"],
    "ledger": ["base", "policy"] + TYPES,
    "net": ["base"],
    "core": ["base", "bounce", "bounce.h", "policy", "feed", "ledger"],
    "serve": ["base", "bounce", "bounce.h", "policy", "feed", "ledger", "net", "core"],
    "cmd": ["base", "bounce", "bounce.h", "policy", "feed", "ledger", "net", "core", "serve"],
}

# Libraries by their headers, and who may use which. Headers of libc and the system are left to tools/check_pure.py.
LIBRARIES = {
    "iconv.h": "iconv", "pcre2.h": "pcre2", "idn2.h": "idn2", "openssl/": "openssl", "json-c/": "json-c",
    "sqlite3.h": "sqlite", "libpq-fe.h": "libpq", "event2/": "libevent", "http_parser.h": "http_parser",
    "ares.h": "c-ares", "curl/": "curl", "zlib.h": "zlib", "lzma.h": "lzma", "zstd.h": "zstd",
    "libpsl.h": "psl", "ini.h": "inih", "systemd/": "systemd", "seccomp.h": "seccomp", "cmocka.h": "cmocka",
}
THEIRS = {
    "base": [],
    "bounce": ["iconv", "pcre2", "idn2", "openssl"],
    "policy": [],
    "feed": ["json-c", "openssl"],
    "ledger": ["sqlite", "libpq", "openssl"],
    "net": ["libevent", "http_parser", "openssl", "c-ares", "curl", "json-c", "zlib"],
    "core": ["json-c", "openssl", "zlib", "lzma", "zstd", "psl", "inih", "systemd"],
    "serve": ["json-c", "openssl", "libevent", "curl", "psl", "inih", "systemd", "seccomp"],
    "cmd": ["json-c", "inih", "seccomp"],
}

INCLUDE = re.compile(r'^\s*#\s*include\s+(?:"([^"]+)"|<([^>]+)>)', re.M)


def library_of(header):
    for prefix, library in LIBRARIES.items():
        if header == prefix or (prefix.endswith("/") and header.startswith(prefix)):
            return library
    return None


def allowed(folder, header):
    if "/" in header and header.split("/")[0] == folder:
        return True
    return any(header == entry or header.startswith(entry + "/") for entry in OURS[folder])


def find_cycle(graph):
    """A list of files that include each other in a ring, or None."""
    done, path = set(), []

    def visit(node):
        if node in path:
            return path[path.index(node):] + [node]
        if node in done:
            return None
        path.append(node)
        for other in graph.get(node, []):
            ring = visit(other)
            if ring:
                return ring
        path.pop()
        done.add(node)
        return None

    for node in sorted(graph):
        ring = visit(node)
        if ring:
            return ring
    return None


def check(root):
    problems, graph = [], {}
    src = root / "src"
    for path in sorted(src.rglob("*")):
        if path.suffix not in (".c", ".h", ".def"):
            continue
        name = path.relative_to(src).as_posix()
        folder = name.split("/")[0]
        if folder not in OURS:
            problems.append(f"src/{name}: the folder is in no layer (tools/check_layers.py)")
            continue
        for match in INCLUDE.finditer(path.read_text(encoding="utf-8", errors="replace")):
            quoted, angled = match.groups()
            header = quoted or angled
            library = library_of(header)
            if library and library not in THEIRS[folder]:
                problems.append(f"src/{name}: {folder} may not use {library} ({header})")
            if not library and (quoted or header == "bounce.h"):
                graph.setdefault(name, []).append(header)
                if not allowed(folder, header):
                    problems.append(f"src/{name}: {folder} may not include {header}")
    ring = find_cycle(graph)
    if ring:
        problems.append("cycle: " + " -> ".join(ring))
    return problems


def main():
    problems = check(pathlib.Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT)
    for problem in problems:
        print(problem)
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
