"""docs/json.md against what the commands print and what their source can print."""
import json
import os
import re
import unittest

from cmdtest import Case, LOGS, ROOT, SAMPLES

VERDICT = "verdict"


def documented():
    """{section: names in it}; the verdict's names stand in for the word."""
    text = (ROOT / "docs" / "json.md").read_text(encoding="utf-8")
    sections = {}
    for title, body in re.findall(r"^## ([^\n]+)\n(.*?)(?=^## |\Z)", text, re.M | re.S):
        sections[title.lower()] = set(re.findall(r"`([a-z][a-z_]+)`", body)) | ({VERDICT} if VERDICT in body else set())
    for names in sections.values():
        if VERDICT in names:
            names |= sections[VERDICT]
    return sections


def members(value):
    if isinstance(value, dict):
        for name, inner in value.items():
            yield name
            if name not in ("kinds", "reasons", "causes"):  # their names are words of the vocabulary
                yield from members(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from members(inner)


class Json(Case):
    def runs(self):
        log = self.file("mail.log", (LOGS / "postfix-classic.log").read_bytes())
        os.utime(log, (1742000000, 1742000000))
        hard, free = "nobody@corp.example.com", "anybody@mail.example.org"
        self.file("list.csv", f"email,reason\n{free},complaint\nx,y\n")
        self.file("acquired.csv", f"email,source\n{free},x\n")
        self.file("keys", self.bounced("verp", "keygen").out).chmod(0o600)
        self.file("bad.rules", "rule x\n")
        keys = ("--json", "--verp-keys", "keys")
        made, = self.objects("verp", *keys, "make", free, "--domain", "example.org")
        yield "verp, acquired, prune, doctor", [made]
        yield "verp, acquired, prune, doctor", self.objects("verp", *keys, "verify", made["return_path"])
        yield "verp, acquired, prune, doctor", self.objects("doctor", "--json", "--control-name", "localhost", code=None)
        yield "ingest", self.objects("ingest", "--json", "mail.log", SAMPLES / "dsn")
        yield "verp, acquired, prune, doctor", self.objects("acquired", "--json", "acquired.csv")
        yield "parse", self.objects("parse", "--json", SAMPLES / "dsn", SAMPLES / "rfc")
        for words in ("ses", "plain"):
            yield "classify", self.objects("classify", "--json", "--vocabulary", words, stdin='{"id":1,"text":"550 no such user"}')
        for path in sorted((SAMPLES / "webhooks").glob("s*.jsonl")):
            for line in path.read_text(encoding="utf-8").splitlines()[:3]:
                yield "webhook", self.objects("webhook", "--json", path.stem, stdin=json.dumps(json.loads(line)["body"]))
        yield "rules", self.objects("rules", "list", "--json")
        yield "rules", self.objects("rules", "lint", "bad.rules", "--json", code=1)
        yield "rules", self.objects("rules", "explain", "--json", "550 5.1.1 <x@example.com>: user unknown")
        yield "suppress", self.objects("suppress", "import", "--json", "list.csv")
        yield "suppress", self.objects("suppress", "add", "--json", "someone@example.org")
        yield "suppress", self.objects("suppress", "list", "--json")
        yield "suppress", self.objects("suppress", "export", "--format", "ndjson")
        yield "check", self.objects("check", "--json", hard, free, "y@example.org", "x@@", code=1)
        yield "why", self.objects("why", "--json", hard)
        yield "why", self.objects("why", "--json", "someone@example.org")
        for by in ("campaign", "day", "domain", "provider", "source", "reason", "stream", "ip"):
            yield "report", self.objects("report", "--json", "--by", by, "--industry", "saas")
        yield "report", self.objects("report", "sources", "--json")
        yield "report", self.objects("report", "decay", "--json")
        yield "segment", self.objects("segment", "--json")
        yield "segment", self.objects("segment", "list", "--json")
        yield "segment", self.objects("segment", "sunset", "--json", "--unengaged", "90", "--failing", "1")
        yield "review", self.objects("review", "--json", "--limit", "0")
        yield "events", self.objects("events")
        self.file("lax.conf", "[policy]\nsure_certainty = 99\n")
        self.file("own.rules", 'rule own.x\n  reason policy\n  rank 100\n  text "unknown"\n  example "550 5.1.1 unknown"\n')
        rules = ("reclassify", "--json", "--rules", "own.rules")
        yield "reclassify", self.objects(*rules)
        yield "reclassify", self.objects(*rules, "--apply")
        yield "why", self.objects("why", "--json", hard)
        yield "events", self.objects("events")
        yield "replay", self.objects("replay", "--json", "--policy", "lax.conf")
        yield "verp, acquired, prune, doctor", self.objects("prune", "--dry-run", "--json")

    def test_every_member_is_told(self):
        sections = documented()
        for section, objects in self.runs():
            with self.subTest(section):
                self.assertTrue(objects)
                self.assertEqual({name for o in objects for name in members(o)} - sections[section], set())

    def test_every_member_of_the_source_is_told(self):
        everything = set().union(*documented().values())
        for path in [*sorted((ROOT / "src" / "cmd").glob("*.c")), ROOT / "src" / "core" / "show.c",
                     ROOT / "src" / "core" / "show_reports.c"]:
            names = set(re.findall(r"jsonw_k\w+\(\s*&?j, \"([a-z_]+)\"", path.read_text(encoding="utf-8")))
            self.assertEqual(names - everything, set(), path.name)

    def test_acts_are_no_observations(self):
        self.bounced("suppress", "add", "someone@example.org", "--reason", "asked")
        event = self.objects("events")[0]
        self.assertEqual((event["what"], event["cause"], event["note"]), ("suppress", "manual", "asked"))
        self.assertEqual({"kind", "reason", "class", "recipient"} & set(event), set())

    def test_always_means_always(self):
        reports = self.objects("parse", "--json", SAMPLES / "dsn", SAMPLES / "rfc")
        for report in reports:
            self.assertLessEqual({"file", "message", "kind", "recipient", "class"}, set(report))
            failure = report["kind"] in ("failed", "expired", "deferred", "delayed")
            self.assertEqual("reason" in report, failure)
            if failure:
                self.assertLessEqual({"reason", "class", "blame", "certainty", "rule", "next"}, set(report))


if __name__ == "__main__":
    unittest.main()
