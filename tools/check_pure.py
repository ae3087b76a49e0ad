#!/usr/bin/env python3
"""Fails when a pure library (base, bounce, policy, feed) calls what is not on the list, or has a writable global.

Reads the static libraries of a build directory with nm. Builds with sanitizers are left alone: they call much more.
"""
import pathlib
import re
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent

# C library: memory, text, formatting; no file, socket, clock, environment, locale.
LIBC = {
    "malloc", "calloc", "realloc", "free",
    "memchr", "memrchr", "memcmp", "memcpy", "memmove", "memset", "memmem", "rawmemchr", "mempcpy",
    "strlen", "strchr", "strcmp", "strncmp", "strrchr", "strspn", "strcspn", "strstr",
    "snprintf", "vsnprintf", "qsort", "bsearch", "strerrordesc_np",
    "__stack_chk_fail", "__errno_location", "_GLOBAL_OFFSET_TABLE_",
}
CHECKED = re.compile(r"^__(\w+)_chk$")  # what _FORTIFY_SOURCE makes of them

# More for one library: exact names, or prefixes that end in "*".
MORE = {
    "base": [],
    "bounce": ["iconv", "iconv_open", "iconv_close", "pcre2_*", "idn2_*", "HMAC*", "EVP_*", "OSSL_*", "CRYPTO_memcmp",
               "OPENSSL_cleanse", "SHA256"],
    "policy": ["exp", "log", "sqrt"],
    "feed": ["json_*", "HMAC*", "EVP_*", "OSSL_*", "CRYPTO_memcmp", "OPENSSL_cleanse", "ERR_clear_error",
             "BIO_new_mem_buf", "BIO_free", "PEM_read_bio_PUBKEY", "PEM_read_bio_X509", "d2i_PUBKEY", "X509_*"],
}
# More for one object: the assertion that stays on says where it failed before it traps; large memory wishes for large pages.
OBJECTS = {"must.c.o": ["write"], "pages.c.o": ["madvise"]}

LIBRARIES = {
    "base": "src/base/libbase.a",
    "bounce": "src/bounce/libbounce_objects.a",
    "policy": "src/policy/libpolicy.a",
    "feed": "src/feed/libfeed.a",
}
WRITABLE = re.compile(r"^(\.data|\.bss|\.tdata|\.tbss|\*COM\*)(?!\.rel\.ro)")


def symbols(library):
    """(object, name, class, section) of every symbol."""
    text = subprocess.run(["nm", "--format=sysv", str(library)], check=True, capture_output=True, text=True).stdout
    current = ""
    for line in text.splitlines():
        head = re.match(r"^(?:Undefined symbols|Symbols) from .*\[(.+)\]:", line)
        if head:
            current = pathlib.PurePath(head.group(1)).name
            continue
        fields = [f.strip() for f in line.split("|")]
        if len(fields) == 7 and fields[0] != "Name":
            yield current, fields[0], fields[2], fields[6]


def may_call(folder, obj, name):
    checked = CHECKED.match(name)
    if name in LIBC or (checked and checked.group(1) in LIBC):
        return True
    for entry in MORE[folder] + OBJECTS.get(obj, []):
        if name == entry or (entry.endswith("*") and name.startswith(entry[:-1])):
            return True
    return False


def check(build):
    problems, defined, rows = [], set(), []
    for folder, library in LIBRARIES.items():
        if not (build / library).exists():
            continue
        for obj, name, kind, section in symbols(build / library):
            rows.append((folder, obj, name, kind, section))
            if section != "*UND*":
                defined.add(name)
    if any(name.startswith(("__asan_", "__ubsan_", "__sanitizer_")) for _, _, name, _, _ in rows):
        return []
    for folder, obj, name, kind, section in rows:
        if kind in "Uw" and name not in defined:
            if not may_call(folder, obj, name):
                problems.append(f"{folder}: {obj} calls {name}, which no pure folder may")
        elif WRITABLE.match(section):
            problems.append(f"{folder}: {obj} has a writable global {name} (section {section})")
    if not rows:
        problems.append(f"{build}: no libraries there; build first")
    return problems


def main():
    problems = check(ROOT / (sys.argv[1] if len(sys.argv) > 1 else "build"))
    for problem in problems:
        print(problem)
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
