#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>
#include <json-c/json.h>

#include "bounce/judge.h"
#include "guard.h"

struct fixture {
    arena arena;
    struct bounce_rules *rules;
};

static int set_up(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);
    slice error;
    if (!f)
        return -1;
    arena_init(&f->arena, 0);
    *state = f;
    return bounce_rules_new(NULL, 0, false, &f->arena, &f->rules, &error) == BOUNCE_OK ? 0 : -1;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;
    bounce_rules_free(&f->rules);
    arena_fini(&f->arena);
    free(f);
    return 0;
}

static struct bounce_verdict judge(struct fixture *f, const char *text, const char *provider, enum bounce_phase phase,
                                   const char *status, const char *recipient, enum bounce_kind kind)
{
    struct bounce_evidence_set e = {.text = slice_str(text),
                                    .status = slice_str(status),
                                    .provider = slice_str(provider),
                                    .recipient = slice_str(recipient),
                                    .phase = phase,
                                    .kind = kind};
    struct bounce_verdict v;
    assert_int_equal(bounce_judge(f->rules, &e, &f->arena, &v), BOUNCE_OK);
    assert_int_equal(v.class_, bounce_reason_class(v.reason));
    assert_int_equal(v.blame, bounce_reason_blame(v.reason));
    assert_true(v.certainty <= 100);
    return v;
}

static struct bounce_verdict judge_text(struct fixture *f, const char *text)
{
    return judge(f, text, "", BOUNCE_PHASE_NONE, "", "", BOUNCE_KIND_FAILED);
}

static slice member(struct json_object *o, const char *name)
{
    struct json_object *v;
    return json_object_object_get_ex(o, name, &v) ? slice_str(json_object_get_string(v)) : SLICE_EMPTY;
}

static bool accepted(struct json_object *o, enum bounce_reason reason)
{
    struct json_object *list;
    slice got = slice_str(bounce_reason_word(reason));
    if (slice_eq(member(o, "reason"), got))
        return true;
    if (!json_object_object_get_ex(o, "accept", &list))
        return false;
    for (size_t i = 0; i < json_object_array_length(list); i++)
        if (slice_eq(slice_str(json_object_get_string(json_object_array_get_idx(list, i))), got))
            return true;
    return false;
}

static void judge_seed(struct fixture *f, struct json_object *o)
{
    enum bounce_phase phase = bounce_phase_find(member(o, "phase"));
    struct bounce_evidence_set e = {.text = member(o, "text"),
                                    .status = SLICE_EMPTY,
                                    .provider = member(o, "provider"),
                                    .recipient = member(o, "recipient"),
                                    .phase = phase == BOUNCE_PHASES ? BOUNCE_PHASE_NONE : phase};
    struct bounce_verdict v;
    assert_int_equal(bounce_judge(f->rules, &e, &f->arena, &v), BOUNCE_OK);
    if (!accepted(o, v.reason))
        fail_msg("%.*s: %s (%.*s) instead of %.*s", SLICE_FMT(e.text), bounce_reason_word(v.reason), SLICE_FMT(v.rule),
                 SLICE_FMT(member(o, "reason")));
}

static void seeds_are_judged_right(void **state)
{
    FILE *in = fopen(TEST_SOURCE "/tests/seeds/replies.jsonl", "r");
    char *line = NULL;
    size_t room = 0, n = 0;
    assert_non_null(in);
    while (getline(&line, &room, in) > 0) {
        struct json_object *o = json_tokener_parse(line);
        assert_non_null(o);
        judge_seed(*state, o);
        json_object_put(o);
        n++;
    }
    free(line);
    fclose(in);
    assert_true(n > 100);
}

/* The order of evidence, as docs/taxonomy.md states it. */
static void evidence_is_weighed(void **state)
{
    static const struct {
        const char *text;
        enum bounce_phase phase;
        enum bounce_reason reason;
        unsigned least, most; /* certainty */
    } cases[] = {{"550 5.7.1 No such user!", BOUNCE_PHASE_NONE, BOUNCE_REASON_USER_UNKNOWN, 80, 100},
                 {"552 5.1.1 mailbox full", BOUNCE_PHASE_NONE, BOUNCE_REASON_MAILBOX_FULL, 80, 100},
                 {"450 4.1.1 no such user here", BOUNCE_PHASE_RCPT, BOUNCE_REASON_USER_UNKNOWN, 1, 69},
                 {"550", BOUNCE_PHASE_RCPT, BOUNCE_REASON_USER_UNKNOWN, 1, 50},
                 {"550", BOUNCE_PHASE_NONE, BOUNCE_REASON_USER_UNKNOWN, 1, 50},
                 {"550", BOUNCE_PHASE_END, BOUNCE_REASON_UNKNOWN, 0, 0},
                 {"550", BOUNCE_PHASE_CONNECT, BOUNCE_REASON_UNKNOWN, 0, 0},
                 {"550", BOUNCE_PHASE_MAIL, BOUNCE_REASON_SENDER_REFUSED, 1, 60},
                 {"550 5.1.0 number 12", BOUNCE_PHASE_MAIL, BOUNCE_REASON_SENDER_REFUSED, 1, 60},
                 {"554", BOUNCE_PHASE_RCPT, BOUNCE_REASON_UNKNOWN, 0, 0},
                 {"521", BOUNCE_PHASE_NONE, BOUNCE_REASON_POLICY, 1, 60},
                 {"550 5.1.1", BOUNCE_PHASE_RCPT, BOUNCE_REASON_USER_UNKNOWN, 70, 80},
                 {"450 4.1.1", BOUNCE_PHASE_RCPT, BOUNCE_REASON_VERIFICATION_PENDING, 1, 80},
                 {"550 flurble gnarf", BOUNCE_PHASE_RCPT, BOUNCE_REASON_UNKNOWN, 0, 0},
                 {"421 4.7.0 rate limited because the mail is unauthenticated", BOUNCE_PHASE_END,
                  BOUNCE_REASON_AUTHENTICATION_FAILED, 80, 100},
                 {"421 [TS03] temporarily deferred due to user complaints", BOUNCE_PHASE_NONE,
                  BOUNCE_REASON_SENDER_REPUTATION, 80, 100},
                 {"451 try again later", BOUNCE_PHASE_CONNECT, BOUNCE_REASON_SYSTEM_BUSY, 1, 80},
                 {"554 transaction failed", BOUNCE_PHASE_NONE, BOUNCE_REASON_UNKNOWN, 0, 40}};
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct bounce_verdict v = judge(*state, cases[i].text, "", cases[i].phase, "", "", BOUNCE_KIND_FAILED);
        if (v.reason != cases[i].reason || v.certainty < cases[i].least || v.certainty > cases[i].most)
            fail_msg("%s: %s %u by %.*s", cases[i].text, bounce_reason_word(v.reason), v.certainty, SLICE_FMT(v.rule));
    }
}

static void providers_have_their_own_codes(void **state)
{
    struct bounce_verdict v =
        judge(*state, "550 5.7.27", "gmail-smtp-in.l.google.com", BOUNCE_PHASE_END, "", "", BOUNCE_KIND_FAILED);
    assert_int_equal(v.reason, BOUNCE_REASON_AUTHENTICATION_FAILED);
    assert_true(slice_eq(v.provider, S("gmail")));
    v = judge_text(*state, "550 5.7.27");
    assert_int_equal(v.reason, BOUNCE_REASON_SENDER_REFUSED);
    v = judge(*state, "550 5.1.10", "", BOUNCE_PHASE_RCPT, "", "ann@hotmail.com", BOUNCE_KIND_FAILED);
    assert_int_equal(v.reason, BOUNCE_REASON_USER_UNKNOWN);
    assert_true(slice_eq(v.provider, S("microsoft")));
    v = judge_text(*state, "550 5.1.1 does not exist - gsmtp");
    assert_true(slice_eq(v.provider, S("gmail")));
}

static void status_is_weaker_than_the_reply(void **state)
{
    struct bounce_verdict v = judge(*state, "", "", BOUNCE_PHASE_NONE, "5.1.1", "", BOUNCE_KIND_FAILED);
    assert_int_equal(v.reason, BOUNCE_REASON_USER_UNKNOWN);
    assert_true(v.certainty < 70);
    v = judge(*state, "552 5.2.2", "", BOUNCE_PHASE_NONE, "5.1.1", "", BOUNCE_KIND_FAILED);
    assert_int_equal(v.reason, BOUNCE_REASON_MAILBOX_FULL);
}

static void advice_is_given(void **state)
{
    struct bounce_verdict v = judge_text(*state, "551 5.1.6 User has moved; please try <new@example.org>");
    assert_int_equal(v.reason, BOUNCE_REASON_USER_MOVED);
    assert_true(slice_eq(v.new_address, S("new@example.org")));
    assert_int_equal(v.next, BOUNCE_NEXT_STOP);
    v = judge_text(*state, "451 4.7.1 Greylisted, try again in 5 minutes");
    assert_int_equal(v.retry_after_s, 300);
    assert_int_equal(v.next, BOUNCE_NEXT_SEND);
    v = judge_text(*state, "550 5.7.1 spam message rejected");
    assert_int_equal(v.retry_after_s, -1);
    assert_int_equal(v.next, BOUNCE_NEXT_FIX);
    v = judge_text(
        *state,
        "421 4.7.1 [TS03] All messages from 192.0.2.1 will be permanently deferred; Retrying will NOT succeed.");
    assert_int_equal(v.retry_after_s, -1);
    v = judge_text(*state, "452 4.2.2 over quota");
    assert_int_equal(v.retry_after_s, 0);
    assert_int_equal(v.next, BOUNCE_NEXT_WAIT);
}

static void giving_up_is_no_reason(void **state)
{
    struct bounce_verdict v = judge(*state, "", "", BOUNCE_PHASE_NONE, "", "", BOUNCE_KIND_EXPIRED);
    assert_int_equal(v.reason, BOUNCE_REASON_EXPIRED);
    v = judge(*state, "452 4.2.2 Mailbox full", "", BOUNCE_PHASE_RCPT, "", "", BOUNCE_KIND_EXPIRED);
    assert_int_equal(v.reason, BOUNCE_REASON_MAILBOX_FULL);
}

static void judge_guarded(slice prefix, void *data)
{
    struct fixture *f = data;
    struct bounce_evidence_set e = {.text = prefix, .status = prefix, .provider = prefix, .recipient = prefix};
    struct bounce_verdict v;
    assert_int_equal(bounce_judge(f->rules, &e, &f->arena, &v), BOUNCE_OK);
    (void)judge_has_words(f->rules, prefix);
}

static void no_prefix_reads_too_far(void **state)
{
    guard_prefixes(
        S("host mx.a.example[192.0.2.1] said: 550-5.1.1 <\"x y\"@a.example>: Empf\xc3\xa4nger unbekannt\\n550 5.1.1 "
          "\xe5\xad\x98\xe5\x9c\xa8 user_unknown (in reply to RCPT TO command)"),
        judge_guarded, *state);
}

static void words_are_told_from_codes(void **state)
{
    struct fixture *f = *state;
    assert_true(judge_has_words(f->rules, S("the mailbox is full")));
    assert_false(judge_has_words(f->rules, S("550 5.1.1")));
    assert_false(judge_has_words(f->rules, S("Dear colleague, see you on Monday")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(seeds_are_judged_right),
                                       cmocka_unit_test(evidence_is_weighed),
                                       cmocka_unit_test(providers_have_their_own_codes),
                                       cmocka_unit_test(status_is_weaker_than_the_reply),
                                       cmocka_unit_test(advice_is_given),
                                       cmocka_unit_test(giving_up_is_no_reason),
                                       cmocka_unit_test(no_prefix_reads_too_far),
                                       cmocka_unit_test(words_are_told_from_codes)};
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
