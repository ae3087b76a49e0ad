"""bounced classify and rules from end to end."""
import json
import unittest

from cmdtest import Case, ROOT

GOOD = '''
set TEST_OWNER = by its owner | by the customer

rule user-disabled.our-partner
  reason user-disabled
  text "mailbox zapped {TEST_OWNER}"
  example "550 5.2.1 mailbox zapped by its owner"
'''


class Classify(Case):
    def one(self, **members):
        line = json.dumps(dict({"id": "x"}, **members))
        verdict, = self.objects("classify", "--json", stdin=line + "\n")
        return verdict

    def test_fixed_names(self):
        verdict = self.one(text="550 5.1.1 no such user", provider="", phase="rcpt")
        self.assertEqual({"id", "reason", "class", "blame", "certainty", "rule"} - set(verdict), set())
        self.assertEqual((verdict["id"], verdict["reason"], verdict["class"], verdict["blame"]),
                         ("x", "user-unknown", "hard", "recipient"))

    def test_ids_come_back_as_they_were(self):
        for given in (7, "7", 9007199254740993, "ü"):
            self.assertEqual(self.one(id=given, text="550 x")["id"], given)
        line = '{"text": "550 5.1.1 no such user"}\n'
        self.assertNotIn("id", self.objects("classify", "--json", stdin=line)[0])

    def test_lines_for_people(self):
        out = self.bounced("classify", stdin="552 5.2.2 mailbox full\n\n550 5.1.1 no such user").out.splitlines()
        self.assertEqual(len(out), 2)
        fields = out[0].split("\t")
        self.assertEqual(fields[:3] + fields[4:], ["mailbox-full", "soft", "recipient", "552 5.2.2 mailbox full"])
        self.assertTrue(0 < int(fields[3]) <= 100)

    def test_lines_that_are_no_objects(self):
        for line in ("[]", "no", "5"):
            self.assertRegex(self.bounced("classify", "--json", stdin=line, code=65).err,
                             r"^bounced classify: line 1 is not a JSON object(: (?!success).+)?\n$")

    def test_vocabularies(self):
        reply = "550 5.1.1 no such user\n"
        for vocabulary, word in (("ses", "Permanent/NoEmail"), ("sparkpost", "10"), ("powermta", "bad-mailbox"),
                                 ("kumomta", "InvalidRecipient"), ("sisimai", "userunknown"), ("plain", "hard")):
            with self.subTest(vocabulary):
                fields = self.bounced("classify", "--vocabulary", vocabulary, stdin=reply).out.split("\t")
                self.assertEqual(len(fields), 6)
                if vocabulary != "ses":
                    self.assertEqual(fields[4], word)
                verdict, = self.objects("classify", "--json", "--vocabulary", vocabulary,
                                        stdin='{"text": "550 5.1.1 no such user"}')
                self.assertEqual(verdict[vocabulary], fields[4])
        self.assertIn("--vocabulary is one of", self.bounced("classify", "--vocabulary", "x", code=64).err)

    def test_odd_lines(self):
        done = self.bounced("classify", "--json", stdin='[1]\n{"text": "550 5.1.1 no such user"}\n{broken\n', code=65)
        self.assertEqual(len(done.out.splitlines()), 1)
        self.assertIn("line 1", done.err)
        self.assertIn("line 3", done.err)
        self.assertEqual(self.bounced("classify", stdin=b"").out, "")
        junk = b"\xff\xfe\x00 550 \x1b[31m\n" + b"A" * 300000 + b"\n"
        out = self.bounced("classify", stdin=junk).out
        self.assertEqual(len(out.splitlines()), 2)
        self.assertNotIn("\x1b", out)
        self.assertIn("standard input", self.bounced("classify", "550 x", code=64).err)

    def test_text_may_be_absent_or_of_another_type(self):
        for line in ('{"id": 1}', '{"id": 1, "text": null}', '{"id": 1, "text": 550}', "{}"):
            self.assertEqual(self.objects("classify", "--json", stdin=line)[0]["reason"], "unknown")

    def test_phase_and_provider_count(self):
        self.assertEqual(self.bounced("classify", "--phase", "rcpt", stdin="550 \n").out.split("\t")[0], "user-unknown")
        self.assertNotEqual(self.bounced("classify", "--phase", "connect", stdin="550 \n").out.split("\t")[0],
                            "user-unknown")
        self.assertIn("--phase is one of", self.bounced("classify", "--phase", "lunch", code=64).err)


class Rules(Case):
    def test_list(self):
        rules = self.objects("rules", "list", "--json")
        self.assertGreater(len(rules), 20)
        self.assertEqual(len({r["rule"] for r in rules}), len(rules))
        for rule in rules:
            source = (ROOT / "rules" / rule["file"]).read_text(encoding="utf-8").splitlines()
            self.assertEqual(source[rule["line"] - 1].split(), ["rule", rule["rule"]])
        full = self.objects("rules", "list", "--json", "--reason", "mailbox-full")
        self.assertEqual({r["reason"] for r in full}, {"mailbox-full"})
        self.assertEqual(len(self.bounced("rules", "list").out.splitlines()), len(rules))
        self.assertIn("there is no reason", self.bounced("rules", "list", "--reason", "x", code=64).err)
        self.assertIn("there is no provider", self.bounced("rules", "list", "--provider", "x", code=64).err)

    def test_users_file(self):
        self.file("my.rules", GOOD)
        mine = [r for r in self.objects("rules", "--rules", "my.rules", "list", "--json") if r["user"]]
        self.assertEqual([(r["rule"], r["file"], r["line"]) for r in mine], [("user-disabled.our-partner", "my.rules", 4)])
        reply = '{"text": "550 5.2.1 mailbox zapped by the customer"}'
        self.assertEqual(self.objects("classify", "--json", "--rules", "my.rules", stdin=reply)[0]["rule"],
                         "user-disabled.our-partner")
        self.assertNotEqual(self.objects("classify", "--json", stdin=reply)[0]["rule"], "user-disabled.our-partner")

    def test_broken_file_names_the_line(self):
        self.file("bad.rules", "rule x\n  reason no-such-reason\n  text \"abcdef\"\n")
        for command in (("rules", "list"), ("classify",), ("parse", "-")):
            done = self.bounced(*command, "--rules", "bad.rules", code=78)
            self.assertIn("bad.rules:2:", done.err)
        self.bounced("classify", "--rules", "nowhere.rules", code=66)

    def test_examples_hold(self):
        done = self.bounced("rules", "test", code=None)
        self.assertRegex(done.out, r"(?m)^\d+ rules, \d+ examples, \d+ failed\n\Z")
        self.assertEqual(done.returncode, 0 if " 0 failed" in done.out else 1)

    def test_example_that_another_rule_takes(self):
        self.file("my.rules", GOOD + '  example "550 5.1.1 user unknown"\n')
        failed, = [f for f in self.objects("rules", "--rules", "my.rules", "test", "--json", code=1)
                   if f["file"] == "my.rules"]
        self.assertEqual((failed["rule"], failed["file"], failed["line"], failed["reason"]),
                         ("user-disabled.our-partner", "my.rules", 8, "user-unknown"))
        self.assertIn("my.rules:8: ", self.bounced("rules", "--rules", "my.rules", "test", code=1).out)

    def test_lint(self):
        self.file("my.rules", GOOD)
        done = self.bounced("rules", "lint", "my.rules", code=None)
        self.assertNotIn("my.rules", done.out)
        self.assertRegex(done.out, r"\d+ rules, \d+ examples: \d+ faults, \d+ slow\n$")
        self.file("bad.rules", "rule x\n  reason no-such-reason\n")
        self.assertIn("bad.rules:2: ", self.bounced("rules", "lint", "bad.rules", code=1).out)
        fault = self.objects("rules", "lint", "--json", "bad.rules", code=1)[0]
        self.assertEqual((fault["file"], fault["line"]), ("bad.rules", 2))
        self.file("never.rules", GOOD + '  example "550 5.1.1 user unknown"\n')
        self.assertIn("never.rules:8: ", self.bounced("rules", "lint", "never.rules", code=1).out)
        self.bounced("rules", "lint", "nowhere.rules", code=66)

    def test_explain(self):
        trace, = self.objects("rules", "explain", "--json", "550 5.1.1 <x@example.com>: user unknown")
        self.assertEqual((trace["reply_code"], trace["enhanced_code"], trace["reason"]), (550, "5.1.1", "user-unknown"))
        self.assertEqual(trace["rules"][0]["rule"], trace["rule"])
        self.assertTrue(trace["rules"][0]["holds"])
        for other in trace["rules"][1:]:
            self.assertTrue(other["why_not"])
        text = self.bounced("rules", "explain", "550 5.1.1 <x@example.com>: user unknown").out
        self.assertIn("  * " + trace["rule"], text)
        self.assertIn("verdict    user-unknown:", text)
        self.assertIn("codes decide", self.bounced("rules", "explain", "550 5.7.1").out)
        self.bounced("rules", "explain", "--phase", "lunch", "550", code=64)
        self.assertIn("in quotes", self.bounced("rules", "explain", code=64).err)
        self.assertIn("list, lint, test or explain", self.bounced("rules", code=64).err)


if __name__ == "__main__":
    unittest.main()
