"""The scorers of the shared corpora and their thresholds; skipped where ../shared is not there."""
import json
import re
import subprocess
import sys
import unittest

from cmdtest import Case, ROOT

SHARED = ROOT.parent / "shared"
# line of the scorer: (how to read it, at least or at most)
CORPUS = {"recipients": (">=", 98.5), "recipients checked": (">=", 98.5), "kind": (">=", 98.5), "false": ("<=", 2),
          "wrongly hard": ("<=", 2), "missed hard": ("<=", 3), "reason": (">=", 95.0), "contract": ("<=", 0)}
REPLIES = {"class and blame": (">=", 97.0), "hard precision": (">=", 99.0), "hard recall": (">=", 98.0),
           "left unknown": ("<=", 2.0), "contract": ("<=", 0)}
# mails whose kind the source tells otherwise than docs/taxonomy.md: "- collection/file: theirs, ours"
DISPUTED = re.compile(r"^- (\S+/\S+): [\w-]+, [\w-]+$", re.M)
MAX_UNKNOWN = 0.04  # of the replies without labels


def figures(text):
    return {m[1].strip(): float(m[2]) for m in re.finditer(r"^([a-z, ]+?)  +([\d.]+)", text, re.M)}


class Scores(Case):
    def hold(self, text, thresholds):
        found = figures(text)
        for name, (side, limit) in thresholds.items():
            with self.subTest(name, text=text):
                self.assertIn(name, found)
                if side == ">=":
                    self.assertGreaterEqual(found[name], limit)
                else:
                    self.assertLessEqual(found[name], limit)

    def score(self, script, argument, lines):
        done = subprocess.run([sys.executable, script, argument, "-v"], input=lines, capture_output=True, text=True,
                              timeout=120, check=True)
        return done.stdout

    def without_disputed(self, text):
        """The line "kind" counted anew without the mails that docs/wild.md lists."""
        disputed = set(DISPUTED.findall((ROOT / "docs" / "wild.md").read_text(encoding="utf-8")))
        self.assertTrue(disputed)
        wrong = set(re.findall(r"^- kind (\S+) ", text, re.M))
        self.assertEqual(disputed - wrong, set(), "docs/wild.md lists what is no longer told otherwise")
        line = re.search(r"^kind .*?(\d+) of (\d+)$", text, re.M)
        right, total = int(line[1]), int(line[2]) - len(disputed)
        return text.replace(line[0], f"kind  {100 * right / total:.2f} %  {right} of {total}")

    @unittest.skipUnless((SHARED / "corpus" / "score.py").exists(), "../shared/corpus is not there")
    def test_corpus(self):
        corpus = SHARED / "corpus"
        reports = self.objects("parse", "--json", corpus)
        for report in reports:
            report["file"] = report["file"][len(str(corpus)) + 1:]
        lines = "".join(json.dumps(r) + "\n" for r in reports)
        self.hold(self.without_disputed(self.score(corpus / "score.py", corpus, lines)), CORPUS)

    @unittest.skipUnless((SHARED / "verdicts" / "score_replies.py").exists(), "../shared/verdicts is not there")
    def test_replies(self):
        verdicts = SHARED / "verdicts"
        labels = verdicts / "labels.jsonl"
        lines = self.bounced("classify", "--json", stdin=labels.read_bytes()).out
        self.hold(self.score(verdicts / "score_replies.py", labels, lines), REPLIES)

    @unittest.skipUnless((SHARED / "verdicts" / "unlabelled.jsonl").exists(), "../shared/verdicts is not there")
    def test_few_stay_unknown(self):
        for name in ("unlabelled.jsonl", "provider-replies.jsonl"):
            with self.subTest(name):
                asked = [json.loads(line) for line in (SHARED / "verdicts" / name).read_text(encoding="utf-8").splitlines()]
                lines = [json.dumps({"text": a.get("text") or a.get("reply"), "provider": a.get("provider") or "",
                                     "phase": a.get("phase") or ""}) for a in asked]
                found = self.objects("classify", "--json", stdin="\n".join(lines))
                self.assertEqual(len(found), len(asked))
                unknown = sum(v["reason"] == "unknown" for v in found)
                self.assertGreater(len(found), 100)
                self.assertLessEqual(unknown / len(found), MAX_UNKNOWN)

    @unittest.skipUnless((SHARED / "corpus").exists(), "../shared/corpus is not there")
    def test_line_ends_make_no_difference(self):
        """sisimai-dos and sisimai-mac hold the mails of sisimai with CRLF and CR."""
        corpus = SHARED / "corpus"

        def facts(folder):
            found = {}
            for report in self.objects("parse", "--json", corpus / folder):
                name = report["file"].rsplit("/", 1)[-1]
                found.setdefault(name, []).append(
                    tuple(report.get(k) for k in ("kind", "recipient", "reason", "status", "reply_code", "format")))
            return found
        for twin in ("sisimai-dos", "sisimai-mac"):
            with self.subTest(twin):
                twins = facts(twin)
                originals = facts("sisimai")
                self.assertTrue(twins)
                for name, found in twins.items():
                    self.assertEqual(found, originals[name], name)


if __name__ == "__main__":
    unittest.main()
