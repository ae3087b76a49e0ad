"""What real servers wrote (tests/samples, tests/seeds) against what we read in it. The floors: nothing false, nobody
wrongly hard, no recipient missed, every reason right. expected.jsonl: docs/lab.md."""
import collections
import itertools
import json
import os
import re
import shutil
import unittest

from cmdtest import Case, LOGS, ROOT, SAMPLES

AFTER_THE_RUN = 1742500000  # March 2025: stamps of a classic log name no year, the file's time does
POSTFIX_LOGS = ("postfix-classic.log", "postfix-iso.log", "postfix-maillog_file.log")
OTHER_LOGS = ("exim-mainlog", "exim-mainlog-all", "opensmtpd.log", "sendmail.log")
SEEDS = tuple(sorted(p.name for p in (ROOT / "tests" / "seeds").glob("*replies*.jsonl")))


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


class Lines(Logs):
    """One event for each line that tells of a recipient: recipient, kind, reason, and the message where the log names it."""

    def fits(self, e, g):
        alias = e.get("original_recipient") or ""
        if not right(e, g) or ("message_id" in e and e["message_id"] != g.get("message_id")):
            return False
        return g.get("sent_to") == (alias if "@" in alias else None) or ("@" not in alias and alias)

    def compare(self, name):
        ledger = self.dir / (name + ".db")
        self.bounced("ingest", "-q", "-l", ledger, self.log(name))
        got = collections.defaultdict(list)
        for e in self.observed(ledger):
            got[e["recipient"], e["kind"]].append(e)
        wrong = []
        for e in expected()["logs/" + name]:
            found = got[e["recipient"], e["kind"]]
            best = next((g for g in found if self.fits(e, g)), None)
            if best:
                found.remove(best)
            else:
                wrong.append((name, e["line"], e["recipient"], e["kind"], e["reason"], [g.get("reason") for g in found]))
        self.assertEqual(wrong, [])
        self.assertEqual([g for found in got.values() for g in found], [], name)

    def test_postfix(self):
        for name in POSTFIX_LOGS:
            self.compare(name)

    def test_exim(self):
        self.compare("exim-mainlog")

    def test_exim_with_all_that_can_be_logged(self):
        self.compare("exim-mainlog-all")

    def test_opensmtpd(self):
        self.compare("opensmtpd.log")

    def test_sendmail(self):
        self.compare("sendmail.log")

    def test_message_ids(self):
        for name in ("exim-mainlog", "sendmail.log"):
            ledger = self.dir / (name + ".db")
            self.bounced("ingest", "-q", "-l", ledger, self.log(name))
            ours = [e for e in self.observed(ledger) if e["recipient"] != "bounces@example.org"]
            self.assertGreater(len(ours), 150)
            self.assertEqual([e["recipient"] for e in ours if not e.get("message_id") and e.get("sender") != "<>"], [], name)

    def test_mixed_at_once(self):
        """All logs in one run, by their content, and again in pieces: the same events."""
        names = [*POSTFIX_LOGS, *OTHER_LOGS]
        at_once, one_by_one = self.dir / "at-once.db", self.dir / "one-by-one.db"
        self.bounced("ingest", "-q", "-l", at_once, *(self.log(n) for n in names))
        for n in names:
            self.bounced("ingest", "-q", "-l", one_by_one, self.log(n))
        dumps = [[line for line in self.bounced("dump", "-l", ledger).out.splitlines() if not line.startswith("feed ")]
                 for ledger in (at_once, one_by_one)]
        self.assertTrue(dumps[0] == dumps[1])
        self.bounced("ingest", "-q", "-l", at_once, *(self.log(n, "again") for n in names))
        again = [line for line in self.bounced("dump", "-l", at_once).out.splitlines() if not line.startswith("feed ")]
        self.assertTrue(dumps[0] == again)

    def test_dialect_overrides(self):
        done = self.objects("ingest", "--json", "--dialect", "postfix", self.log("exim-mainlog"))[-1]
        self.assertEqual(done["observations"], 0)
        done = self.objects("ingest", "--json", "--dialect", "exim", self.log("exim-mainlog"), "-l", self.dir / "x.db")[-1]
        self.assertGreater(done["observations"], 400)
        self.assertIn("postfix, exim", self.bounced("ingest", "--dialect", "none", "x", code=64).err)


class LogAndReports(Logs):
    """The log of a run and the reports of the same messages: one truth, whichever comes first."""

    def reports_of(self, prefix, belongs=lambda data: True):
        return [path for path in sorted((SAMPLES / "dsn").glob(prefix + "-*.eml")) if belongs(path.read_bytes())]

    def ledger_of(self, name, *steps):
        ledger = self.dir / (name + ".db")
        for paths in steps:
            self.bounced("ingest", "-q", "-l", ledger, "--trust", "matched", *paths)
        return ledger

    def failures(self, ledger):
        """How many failures of each reason all campaigns together have."""
        return sum((collections.Counter({k: row[k] for k in ("hard", "soft", "block", "unknown")})
                    for row in self.objects("report", "-l", ledger, "--json")), collections.Counter())

    def agree(self, name, reports, cut=(), apart=()):
        """`cut`: recipients of whose reply the log has less than the report; `apart`: reports about an alias."""
        log = self.log(name)
        reports = [r for r in reports if not any(word in r.name for word in apart)]
        self.assertTrue(reports)
        ledgers = [self.ledger_of("log-first", [log], reports), self.ledger_of("reports-first", reports, [log]),
                   self.ledger_of("at-once", reports + [log])]
        dumps = [self.bounced("dump", "-l", ledger).out for ledger in ledgers]
        for other in dumps[1:]:
            self.assertEqual(dumps[0] == other, True, name)
        self.same_verdicts(ledgers[0], cut)
        both, alone = self.failures(ledgers[0]), self.failures(self.ledger_of("log-only", [log]))
        self.assertEqual(sum(both.values()), sum(alone.values()), name)
        if name.startswith("postfix"):
            self.assertEqual(both, alone, name)

    def same_verdicts(self, ledger, cut):
        """A report of an expiry may not tell why (docs/lab.md); all that is told is the same."""
        witnesses = collections.defaultdict(list)
        for e in self.observed(ledger):
            if e["kind"] in ("failed", "expired"):
                message = e.get("provider_id") or e.get("message_id")
                witnesses[e.get("sent_to") or e["recipient"], message].append(e)
        both, wrong = 0, []
        for who, events in witnesses.items():
            both += len({e["feed"] for e in events}) > 1
            told = {(e["kind"], e["reason"], e["class"], e["blame"]) for e in events if e["reason"] != "expired"}
            if len(told) > 1 and who[0] not in cut:
                wrong.append((who, told))
        self.assertEqual(wrong, [])
        self.assertGreater(both, 5)

    def postfix_reports(self, log):
        text = (LOGS / log).read_text(encoding="utf-8", errors="replace")
        queued = set(re.findall(r"\b([0-9A-Za-z]{6,20}): (?:from|message-id)=", text))

        def belongs(data):
            told = re.search(rb"^X-Postfix-Queue-ID: (\w+)", data, re.M)
            return told and told[1].decode() in queued
        return self.reports_of("postfix", belongs)

    def test_classic_log(self):
        self.agree("postfix-classic.log", self.postfix_reports("postfix-classic.log"))

    def test_log_of_postlogd(self):
        self.agree("postfix-maillog_file.log", self.postfix_reports("postfix-maillog_file.log"))

    def test_exim(self):
        self.agree("exim-mainlog", self.reports_of("exim"))

    def test_opensmtpd(self):
        self.agree("opensmtpd.log", self.reports_of("opensmtpd"), apart=("-035-", "-036-"))  # name no alias

    def test_sendmail(self):
        self.agree("sendmail.log", self.reports_of("sendmail"), apart=("-alias",),
                   cut=("filter@bigmail.example.com", "rep@webhost.example.org", "tiny@example.org", "user@mirror.example.net"))


class RotatedSet(Logs):
    """mail.log, mail.log.1, .2.gz, .3.xz: the same truth however they are given."""

    def setUp(self):
        super().setUp()
        self.paths = []
        for path in sorted((LOGS / "rotated").iterdir()):
            self.paths.append(self.log("rotated/" + path.name, "log/" + path.name).resolve())

    def log(self, name, into="log"):
        path = self.dir / into
        path.parent.mkdir(exist_ok=True)
        shutil.copyfile(LOGS / name, path)
        os.utime(path, (AFTER_THE_RUN, AFTER_THE_RUN))
        return path

    def dump_of(self, name, *steps):
        ledger = self.dir / (name + ".db")
        for paths in steps:
            self.bounced("ingest", "-q", "-l", ledger, *paths)
        return self.bounced("dump", "-l", ledger).out

    def test_order_and_repetition_change_nothing(self):
        once = self.dump_of("once", self.paths)
        self.assertGreater(len(once.splitlines()), 400)
        self.assertTrue(self.dump_of("twice", self.paths, self.paths) == once)
        self.assertTrue(self.dump_of("directory", [self.dir / "log"]) == once)
        for i, order in enumerate(itertools.permutations(self.paths)):
            if i % 5 == 0:
                self.assertTrue(self.dump_of(f"order-{i}", order) == once, order)

    def test_file_by_file_oldest_first(self):
        once = self.dump_of("once", self.paths)
        self.assertTrue(self.dump_of("oldest-first", *([p] for p in reversed(self.paths))) == once)

    def test_the_rotated_set_is_the_log(self):
        whole = Logs.log(self, "postfix-classic.log", "whole")
        dumps = [self.dump_of("whole", [whole]), self.dump_of("once", self.paths)]
        one, other = ([line for line in dump.splitlines() if not line.startswith("feed ")] for dump in dumps)
        self.assertTrue(one == other)


if __name__ == "__main__":
    unittest.main()
