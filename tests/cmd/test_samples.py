"""What real servers wrote (tests/samples, tests/seeds) against what we read in it. The floors: nothing false, nobody
wrongly hard, no recipient missed, every reason right. expected.jsonl: docs/lab.md."""
import collections
import itertools
import json
import os
import shutil
import unittest

from cmdtest import Case, LOGS, ROOT, SAMPLES

AFTER_THE_RUN = 1742500000  # March 2025: stamps of a classic log name no year, the file's time does
POSTFIX_LOGS = ("postfix-classic.log", "postfix-iso.log", "postfix-maillog_file.log")
SEEDS = ("replies.jsonl",)


def lines_of(path):
    with open(path, encoding="utf-8") as f:
        return [json.loads(line) for line in f]


def expected():
    """Expectations by file."""
    by_file = collections.defaultdict(list)
    for e in lines_of(SAMPLES / "expected.jsonl"):
        by_file[e["file"]].append(e)
    return by_file


def right(e, got):
    return (got.get("reason") or None) in [e["reason"], *e.get("accept", [])]


def names(report):
    return {(report.get(k) or "").lower() for k in ("recipient", "original_recipient")} - {""}


class Mails(Case):
    """Every mail: who, which kind, why."""

    @classmethod
    def setUpClass(cls):
        cls.expected = {f: e for f, e in expected().items() if f.endswith(".eml")}

    def setUp(self):
        super().setUp()
        self.got = collections.defaultdict(list)
        for r in self.objects("parse", "--json", *(SAMPLES / f for f in sorted(self.expected)), code=None):
            self.got[os.path.relpath(r["file"], SAMPLES)].append(r)

    def pairs(self):
        """Each expectation of a report with what was read for its recipient (None: nothing)."""
        for file, wanted in self.expected.items():
            for e in wanted:
                if e["kind"] == "none":
                    continue
                who = (e.get("recipient") or "").lower()
                found = [r for r in self.got[file] if not who or who in names(r)]
                yield file, e, found[0] if found else None

    def test_nothing_is_missed(self):
        self.assertEqual([(f, e["recipient"]) for f, e, r in self.pairs() if r is None], [])

    def test_nothing_is_false(self):
        for file, wanted in self.expected.items():
            if all(e["kind"] == "none" for e in wanted):
                self.assertEqual(self.got[file], [], file)
            else:
                self.assertLessEqual(len(self.got[file]), len(wanted), file)

    def test_kinds_and_reasons(self):
        wrong = [(f, e["recipient"], e["kind"], e.get("reason"), r["kind"], r.get("reason"))
                 for f, e, r in self.pairs() if r and (r["kind"] != e["kind"] or (e.get("reason") and not right(e, r)))]
        self.assertEqual(wrong, [])

    def test_nobody_is_wrongly_hard(self):
        wrong = [(f, e["recipient"]) for f, e, r in self.pairs()
                 if r and r.get("class") == "hard" and e["class"] != "hard" and not right(e, r)]
        self.assertEqual(wrong, [])


class Replies(Case):
    def test_every_seed(self):
        for name in SEEDS:
            path = ROOT / "tests" / "seeds" / name
            wanted = {e["id"]: e for e in lines_of(path)}
            asked = "".join(json.dumps({k: e.get(k, "") for k in ("id", "text", "phase", "provider")}) + "\n"
                            for e in wanted.values())
            got = self.objects("classify", "--json", stdin=asked)
            self.assertEqual([g["id"] for g in got], list(wanted))
            wrong = [(g["id"], wanted[g["id"]]["text"][:100], wanted[g["id"]]["reason"], g["reason"])
                     for g in got if not right(wanted[g["id"]], g)]
            self.assertEqual(wrong, [], name)
            for g in got:
                e = wanted[g["id"]]
                if g["reason"] == e["reason"]:
                    self.assertEqual((g["class"], g["blame"]), (e["class"], e["blame"]), e["id"])


class Logs(Case):
    def log(self, name, into="log"):
        path = self.dir / into / name
        path.parent.mkdir(exist_ok=True)
        shutil.copyfile(LOGS / name, path)
        os.utime(path, (AFTER_THE_RUN, AFTER_THE_RUN))
        return path

    def observed(self, ledger=None):
        where = ["-l", ledger] if ledger else []
        return [e for e in self.objects("events", *where) if e["what"] == "observed"]


class PostfixLines(Logs):
    def test_every_line_is_an_event(self):
        """One event for each line that tells of a recipient: recipient, kind, reason, message id."""
        wanted = expected()
        for name in POSTFIX_LOGS:
            ledger = self.dir / (name + ".db")
            self.bounced("ingest", "-q", "-l", ledger, self.log(name))
            got = collections.defaultdict(list)
            for e in self.observed(ledger):
                got[e["recipient"], e.get("message_id"), e["kind"]].append(e)
            wrong = []
            for e in wanted["logs/" + name]:
                found = got[e["recipient"], e.get("message_id"), e["kind"]]
                best = next((g for g in found if right(e, g)), None)
                if best:
                    found.remove(best)
                else:
                    wrong.append((name, e["line"], e["recipient"], e["kind"], e["reason"], [g.get("reason") for g in found]))
            self.assertEqual(wrong, [])
            self.assertEqual([g for found in got.values() for g in found], [], name)


if __name__ == "__main__":
    unittest.main()
