#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "bounce/fold.h"
#include "bounce/rules_lint.h"

struct fixture {
    arena arena;
    struct bounce_rules *rules;
    slice error;
};

static enum bounce_status load(struct fixture *f, const char *text)
{
    struct bounce_rule_file file = {S("test.rules"), slice_str(text)};
    return bounce_rules_new(&file, 1, true, &f->arena, &f->rules, &f->error);
}

static void open_fixture(struct fixture *f)
{
    *f = (struct fixture){.rules = NULL};
    arena_init(&f->arena, 0);
}

static void close_fixture(struct fixture *f)
{
    bounce_rules_free(&f->rules);
    arena_fini(&f->arena);
}

static slice rule_of(struct fixture *f, const char *text, const char *provider, enum bounce_phase phase)
{
    struct bounce_evidence_set e = {.text = slice_str(text),
                                    .status = SLICE_EMPTY,
                                    .provider = slice_str(provider),
                                    .recipient = SLICE_EMPTY,
                                    .phase = phase};
    struct bounce_verdict v;
    assert_int_equal(bounce_judge(f->rules, &e, &f->arena, &v), BOUNCE_OK);
    return v.rule;
}

static void expect_rule(struct fixture *f, const char *text, const char *id)
{
    slice got = rule_of(f, text, "", BOUNCE_PHASE_NONE);
    if (!slice_eq(got, slice_str(id)))
        fail_msg("%s: %.*s instead of %s", text, SLICE_FMT(got), id);
}

/* Each built-in example is judged by its own rule, and no two rules fit one equally well. */
static void builtin_rules_are_proven(void **state)
{
    (void)state;
    struct fixture f;
    open_fixture(&f);
    assert_int_equal(bounce_rules_new(NULL, 0, false, &f.arena, &f.rules, &f.error), BOUNCE_OK);
    struct lint_messages m;
    assert_true(rules_lint(f.rules, &f.arena, &m));
    for (size_t i = 0; i < m.n; i++)
        print_error("%.*s:%u: %.*s: %.*s\n", SLICE_FMT(m.v[i].file), m.v[i].line, SLICE_FMT(m.v[i].rule),
                    SLICE_FMT(m.v[i].text));
    assert_int_equal(m.n, 0);
    assert_true(m.examples > 400);
    close_fixture(&f);
}

static const char grammar[] = "set NOUN = user | mail box | {BOX}\n"
                              "set BOX = inbox\n"
                              "rule gone\n"
                              "  reason user-unknown\n"
                              "  text \"no such {NOUN} {here|}\"\n"
                              "  seq 20 \"{NOUN}\" \"left\"\n"
                              "  not \"sender\"\n"
                              "  example \"550 no such user\"\n"
                              "rule stem\n"
                              "  reason policy\n"
                              "  text \"*запрещ*\" \"exceed{s|ed|} limits\" \"rate ... slow\"\n"
                              "  example \"550 exceeds limits\"\n"
                              "rule by-code\n"
                              "  reason mailbox-full\n"
                              "  code 45x 452\n"
                              "  example \"452 weird words\"\n";

static void sets_must_be_known_before_use(void **state)
{
    (void)state;
    struct fixture f;
    open_fixture(&f);
    assert_int_equal(load(&f, grammar), BOUNCE_INVALID);
    assert_true(slice_find(f.error, S("test.rules:1: no such set: NOUN")) != SLICE_NPOS);
    assert_true(slice_find(f.error, S("no reply code: 45x")) != SLICE_NPOS);
    assert_true(slice_find(f.error, S("rule without a pattern: by-code")) != SLICE_NPOS);
    close_fixture(&f);
}

static void patterns_match_what_they_say(void **state)
{
    (void)state;
    struct fixture f;
    open_fixture(&f);
    assert_int_equal(load(&f, "set BOX = inbox\n"
                              "set NOUN = user | mail box | {BOX}\n"
                              "rule gone\n"
                              "  reason user-unknown\n"
                              "  text \"no such {NOUN} {here|}\"\n"
                              "  seq 20 \"{NOUN}\" \"left\"\n"
                              "  not \"sender\"\n"
                              "  example \"550 no such user\"\n"
                              "rule stem\n"
                              "  reason policy\n"
                              "  text \"*запрещ*\" \"exceed{s|ed|} limits\" \"rate ... slow\"\n"
                              "  example \"550 exceeds limits\"\n"
                              "rule shape\n"
                              "  reason virus\n"
                              "  re: code v[0-9]+ signature( found)?\n"
                              "  example \"550 code v42 signature\"\n"),
                     BOUNCE_OK);
    expect_rule(&f, "550 No such MAIL-BOX!", "gone");
    expect_rule(&f, "550 <x@y.z>: no such inbox here", "gone");
    expect_rule(&f, "550 user bob has left", "gone");
    expect_rule(&f, "550 user bob has gone away and then some more words left", "");
    expect_rule(&f, "550 no such superuser", "");
    expect_rule(&f, "550 no such user as sender", "");
    expect_rule(&f, "550 Доступ ЗАПРЕЩЁН", "stem");
    expect_rule(&f, "550 it exceeded limits", "stem");
    expect_rule(&f, "550 your rate is high, go slow", "stem");
    expect_rule(&f, "550 code v7 signature found", "shape");
    expect_rule(&f, "550 code vx signature found", "");
    /* What a stranger names himself is not read as words. */
    expect_rule(&f, "550 <no.such.user@example.com> hello", "");
    expect_rule(&f, "550 <\"no such user\"@example.com> hello", "");
    close_fixture(&f);
}

/* What is optional takes no gap away, on whichever side of it the anchor stands: the longer word is the anchor. */
static void optional_words_keep_the_gap(void **state)
{
    (void)state;
    struct fixture f;
    open_fixture(&f);
    assert_int_equal(load(&f, "rule right\n"
                              "  reason policy\n"
                              "  text \"red {@|} ... elephants\" \"blue ... {two|three|} hippopotamus\"\n"
                              "  example \"550 red elephants\"\n"
                              "rule left\n"
                              "  reason virus\n"
                              "  text \"crocodiles {@|} {are|} ... big\" \"rhinoceros ... {so|} old\"\n"
                              "  example \"550 crocodiles big\"\n"),
                     BOUNCE_OK);
    expect_rule(&f, "550 red and grey elephants", "right");
    expect_rule(&f, "550 red <a@b.c> and grey elephants", "right");
    expect_rule(&f, "550 red <a@b.c> elephants", "right");
    expect_rule(&f, "550 blue or green hippopotamus", "right");
    expect_rule(&f, "550 blue or three hippopotamus", "right");
    expect_rule(&f, "550 red, and more than sixty bytes are too many to stand before these elephants", "");
    expect_rule(&f, "550 crocodiles grow big", "left");
    expect_rule(&f, "550 crocodiles <a@b.c> are not so big", "left");
    expect_rule(&f, "550 rhinoceros is very old", "left");
    close_fixture(&f);
}

static void order_does_not_depend_on_the_file(void **state)
{
    (void)state;
    static const char *const rules[] = {
        "rule a.low\n reason policy\n rank 30\n text \"blocked by us\"\n example \"550 blocked by us\"\n",
        "rule b.words\n reason policy\n rank 30\n text \"mail blocked by us\"\n example \"550 mail blocked by us\"\n",
        "rule c\n reason policy\n provider gmail\n rank 30\n text \"blocked\"\n example provider=gmail \"blocked\"\n",
        "rule d.rank\n reason virus\n rank 31\n text \"blocked by us virus\"\n example \"550 blocked by us virus\"\n",
        "rule e.harm\n reason user-unknown\n rank 30\n text \"blocked by us\"\n example \"550 x\"\n"};
    for (size_t first = 0; first < ARRAY_LEN(rules); first++) {
        char text[1024] = "";
        for (size_t i = 0; i < ARRAY_LEN(rules); i++)
            strcat(text, rules[(first + i) % ARRAY_LEN(rules)]);
        struct fixture f;
        open_fixture(&f);
        assert_int_equal(load(&f, text), BOUNCE_OK);
        expect_rule(&f, "550 blocked by us", "a.low");
        expect_rule(&f, "550 mail blocked by us", "b.words");
        expect_rule(&f, "550 mail blocked by us virus", "d.rank");
        assert_true(slice_eq(rule_of(&f, "550 mail blocked by us", "gmail", BOUNCE_PHASE_NONE), S("c")));
        close_fixture(&f);
    }
}

static void conditions_hold(void **state)
{
    (void)state;
    struct fixture f;
    open_fixture(&f);
    assert_int_equal(
        load(&f, "rule code\n reason policy\n code 4xx 554\n text \"words\"\n example \"554 words\"\n"
                 "rule enhanced\n reason policy\n enhanced 5.7.x\n text \"other things\"\n example \"550 5.7.1 other "
                 "things\"\n"
                 "rule phase\n reason policy\n phase data end\n text \"third\"\n example phase=data \"550 third\"\n"),
        BOUNCE_OK);
    expect_rule(&f, "450 words", "code");
    expect_rule(&f, "554 words", "code");
    expect_rule(&f, "553 words", "");
    expect_rule(&f, "550 5.7.9 other things", "enhanced");
    expect_rule(&f, "550 other things 5.7.9", "");
    assert_true(slice_eq(rule_of(&f, "550 third", "", BOUNCE_PHASE_END), S("phase")));
    assert_true(slice_empty(rule_of(&f, "550 third", "", BOUNCE_PHASE_RCPT)));
    close_fixture(&f);
}

static void every_problem_is_told_with_its_line(void **state)
{
    (void)state;
    static const struct {
        const char *text, *problem;
    } cases[] = {{"  reason policy\n", "test.rules:1: stands outside of a rule: reason"},
                 {"rule a\n reason nonsense\n", "test.rules:2: no such reason: nonsense"},
                 {"rule a\n reason policy\n text \"x\"\n", "no part that always stands there"},
                 {"rule a\n reason policy\n text \"{word\"\n", "{ without }"},
                 {"rule a\n reason policy\n text \"{word*|other} text\"\n", "a * stands at the ends"},
                 {"rule a\n reason policy\n text \"{word|other}* text\"\n", "a * stands at the ends"},
                 {"rule a\n reason policy\n text \"some* ... words\"\n", "a * stands at the ends"},
                 {"rule a\n reason policy\n seq \"some*\" \"words\"\n", "a * stands at the ends"},
                 {"rule a\n reason policy\n seq \"some\" \"*words\"\n", "a * stands at the ends"},
                 {"set X = some* | words\n", "a * stands at the ends"},
                 {"rule a\n text \"open\n", "quote is not closed"},
                 {"rule A\n", "a rule's id is lower-case"},
                 {"rule a\n provider nobody\n", "no such provider: nobody"},
                 {"rule a\n phase lunch\n", "no such phase: lunch"},
                 {"rule a\n enhanced 5.1\n", "no enhanced code: 5.1"},
                 {"rule a\n rank 101\n", "rank is 0 to 100"},
                 {"rule a\n retry soon\n", "retry is \"never\" or a time"},
                 {"rule a\n re: [a-z]+\n", "needs a literal of 4 letters"},
                 {"rule a\n re: word(\n", "not a regular expression"},
                 {"rule a\n seq \"one\"\n", "a seq has two literals or more"},
                 {"rule a\n bogus\n", "test.rules:2: no such keyword: bogus"},
                 {"rule a\nrule a\n", "test.rules:2: rule is there already: a"},
                 {"set X\n", "test.rules:1: set NAME = word | word"}};
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct fixture f;
        open_fixture(&f);
        assert_int_equal(load(&f, cases[i].text), BOUNCE_INVALID);
        if (slice_find(f.error, slice_str(cases[i].problem)) == SLICE_NPOS)
            fail_msg("%s: got %.*s", cases[i].text, SLICE_FMT(f.error));
        close_fixture(&f);
    }
}

static void lint_finds_what_it_should(void **state)
{
    (void)state;
    struct fixture f;
    struct lint_messages m;
    open_fixture(&f);
    assert_int_equal(
        load(&f, "rule a\n reason policy\n text \"some words\"\n example \"550 some words\"\n example \"550 nothing\"\n"
                 "rule b\n reason virus\n rank 24\n text \"some words\"\n example \"550 some words\"\n"),
        BOUNCE_OK);
    assert_true(rules_lint(f.rules, &f.arena, &m));
    assert_int_equal(m.examples, 3);
    assert_int_equal(m.n, 4); /* a: a rival, a lost example; b: taken by a, never reached */
    assert_int_equal(m.v[0].line, 4);
    close_fixture(&f);
}

static void explain_tells_why(void **state)
{
    (void)state;
    struct fixture f;
    struct explanation x;
    open_fixture(&f);
    assert_int_equal(bounce_rules_new(NULL, 0, false, &f.arena, &f.rules, &f.error), BOUNCE_OK);
    struct bounce_evidence_set e = {.text = S("554 5.7.1 <a@example.com>: Recipient address rejected: User unknown"),
                                    .status = SLICE_EMPTY,
                                    .provider = SLICE_EMPTY,
                                    .recipient = SLICE_EMPTY};
    assert_int_equal(rules_explain(f.rules, &e, &f.arena, &x), BOUNCE_OK);
    assert_true(x.n >= 2);
    assert_int_equal(x.verdict.reason, BOUNCE_REASON_USER_UNKNOWN);
    assert_true(slice_eq(x.rows[0].hit->rule->id, x.verdict.rule));
    assert_string_equal(x.rows[0].why, "");
    assert_true(strlen(x.rows[x.n - 1].why) > 0);
    close_fixture(&f);
}

static void folding_makes_one_form(void **state)
{
    (void)state;
    static const struct {
        const char *text, *folded;
    } cases[] = {{"", " "},
                 {"User UNKNOWN.", " user unknown "},
                 {"Empf\xc3\xa4nger existiert nicht", " empfanger existiert nicht "},
                 {"Stra\xc3\x9f"
                  "e \xc5\x81\xc3\xb3"
                  "d\xc5\xba",
                  " strasse lodz "},
                 {"KULLANICI \xc4\xb0"
                  "stanbul ge\xc3\xa7"
                  "ersiz al\xc4\xb1"
                  "c\xc4\xb1",
                  " kullanici istanbul gecersiz alici "},
                 {"\xd0\x9d\xd0\x95\xd0\xa2 \xd0\x81\xd0\xbb\xd0\xba\xd0\xb8",
                  " \xd0\xbd\xd0\xb5\xd1\x82 \xd0\xb5\xd0\xbb\xd0\xba\xd0\xb8 "},
                 {"\xce\x9f \xce\xa7\xce\xa1\xce\x89\xce\xa3\xce\xa4\xce\x97\xce\xa3",
                  " \xce\xbf \xcf\x87\xcf\x81\xce\xb7\xcf\x83\xcf\x84\xce\xb7\xcf\x83 "},
                 {"doesn't / doesn\xe2\x80\x99t / n'existe", " doesnt doesnt n existe "},
                 {"<user.name+tag@example.com>: full", " @ full "},
                 {"at 192.0.2.1, not 5.7.1 or 4.16.55.1", " at # not 5.7.1 or # "},
                 {"see zen.spamhaus.org...now", " see zen.spamhaus.org now "},
                 {"allowed...user@example.com", " allowed @ "},
                 {"\xef\xbc\xb5ser\xe3\x80\x80\xe5\xad\x98\xe5\x9c\xa8\xe3\x80\x82", " user \xe5\xad\x98\xe5\x9c\xa8 "},
                 {"Bo\xeete pleine", " boite pleine "},
                 {"one\\ntwo_three-four", " one two three four "},
                 {"\"neko nyaan\"@example.org gone", " @ gone "}};
    arena a;
    arena_init(&a, 0);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        slice got = fold_text(&a, slice_str(cases[i].text));
        if (!slice_eq(got, slice_str(cases[i].folded)))
            fail_msg("%s: got \"%.*s\"", cases[i].text, SLICE_FMT(got));
    }
    arena_fini(&a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(builtin_rules_are_proven),
                                       cmocka_unit_test(sets_must_be_known_before_use),
                                       cmocka_unit_test(patterns_match_what_they_say),
                                       cmocka_unit_test(order_does_not_depend_on_the_file),
                                       cmocka_unit_test(conditions_hold),
                                       cmocka_unit_test(every_problem_is_told_with_its_line),
                                       cmocka_unit_test(lint_finds_what_it_should),
                                       cmocka_unit_test(optional_words_keep_the_gap),
                                       cmocka_unit_test(explain_tells_why),
                                       cmocka_unit_test(folding_makes_one_form)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
