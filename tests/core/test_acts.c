/* Asking, acting and explaining: check, suppress, lift, vouch, dismiss, erase, sweep, why, review. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#include "core/acts.h"
#include "core/check.h"
#include "core/intake.h"
#include "core/review.h"
#include "core/why.h"

#define NOW_US (INT64_C(1760000000) * TIME_SECOND)

struct world {
    struct ledger *ledger;
    struct policy policy;
    arena a;
};

static void world_open(struct world *w)
{
    static const struct sip_key key = {3, 4};
    err e;
    struct ledger_options o = {
        .path = ":memory:", .create = true, .key = &key, .hash_addresses = getenv("TEST_HASHED_LEDGER") != NULL};
    arena_init(&w->a, 0);
    assert_int_equal(ledger_open(&o, &w->ledger, &e), OK);
    policy_init(&w->policy);
}

static void world_close(struct world *w)
{
    ledger_close(&w->ledger);
    arena_fini(&w->a);
}

/* An observation with its verdict, so that no rules are needed. */
static void observe(struct world *w, const char *who, enum bounce_kind kind, enum bounce_reason reason,
                    enum trust trust, int64_t time_us, unsigned n)
{
    struct intake *in;
    struct intake_options o = {.dry_run = false};
    struct intake_result r;
    err e;
    struct observation x = {.kind = kind,
                            .recipient = slice_str(who),
                            .reply = S("550 5.1.1 the \"gremlin\" at window 17 ate this letter"),
                            .time_us = time_us,
                            .sent_us = TIME_NONE,
                            .trust = trust,
                            .source_key = hash128(slice_of((const char *)&n, sizeof(n))),
                            .verdict = {.reason = reason, .certainty = 90, .rule = S("test.rule")}};
    assert_int_equal(intake_new(w->ledger, NULL, &w->policy, &o, &in, &e), OK);
    assert_int_equal(intake_add(in, &x, &e), OK);
    assert_int_equal(intake_flush(in, NOW_US, &r, &e), OK);
    assert_int_equal(r.counts.events, 1);
    intake_free(&in);
}

static struct check_answer ask(struct world *w, const char *who, const char *stream)
{
    struct check_answer out;
    err e;
    slice in = slice_str(who);
    assert_int_equal(
        check_ledger(w->ledger, &w->policy, SLICE_EMPTY, slice_str(stream), &in, 1, NOW_US, &w->a, &out, &e), OK);
    return out;
}

static struct act act_of(const char *who)
{
    return (struct act){.address = slice_str(who),
                        .actor = S("anna"),
                        .note = S("asked by phone"),
                        .scope = SCOPE_TENANT,
                        .time_us = NOW_US};
}

static void test_check(void **state)
{
    (void)state;
    struct world w;
    world_open(&w);
    observe(&w, "gone@example.com", BOUNCE_KIND_FAILED, BOUNCE_REASON_USER_UNKNOWN, TRUST_PROVEN, NOW_US - TIME_DAY, 1);
    observe(&w, "full@example.com", BOUNCE_KIND_FAILED, BOUNCE_REASON_MAILBOX_FULL, TRUST_PROVEN, NOW_US - TIME_DAY, 2);
    struct check_answer a = ask(&w, "Gone@EXAMPLE.com", "");
    assert_int_equal(a.word, CHECK_SUPPRESSED);
    assert_int_equal(a.cause, CAUSE_HARD);
    assert_int_equal(a.reason, BOUNCE_REASON_USER_UNKNOWN);
    a = ask(&w, "full@example.com", "");
    assert_int_equal(a.word, CHECK_SEND);
    assert_int_equal(a.state, STATE_SOFT);
    assert_int_equal(a.row_count, 1);
    assert_int_equal(a.row_needed, 6);
    assert_int_equal(ask(&w, "nobody@example.com", "").word, CHECK_SEND);
    assert_false(ask(&w, "nobody@example.com", "").known);
    assert_int_equal(ask(&w, "no address", "").word, CHECK_INVALID);
    /* the table answers the same */
    struct table *t;
    err e;
    int64_t seq = 0;
    assert_int_equal(table_new(ledger_key(w.ledger), 16, &t, &e), OK);
    assert_int_equal(table_follow(t, w.ledger, &seq, &e), OK);
    slice in[] = {S("gone@example.com"), S("full@example.com"), S("x")};
    struct check_answer out[3];
    assert_int_equal(check_table(t, SLICE_EMPTY, SLICE_EMPTY, in, 3, NOW_US, &w.a, out), OK);
    assert_int_equal(out[0].word, CHECK_SUPPRESSED);
    assert_int_equal(out[0].cause, CAUSE_HARD);
    assert_int_equal(out[1].word, CHECK_SEND);
    assert_int_equal(out[2].word, CHECK_INVALID);
    table_free(&t);
    world_close(&w);
}

static void test_check_many(void **state)
{
    (void)state;
    enum { N = 1300 };
    struct world w;
    world_open(&w);
    struct act act = act_of("u700@example.com");
    struct act_result r;
    err e;
    assert_int_equal(suppress_add(w.ledger, &w.policy, &act, &r, &e), OK);
    slice *in = arena_calloc(&w.a, N, sizeof(*in));
    struct check_answer *out = arena_calloc(&w.a, N, sizeof(*out));
    for (unsigned i = 0; i < N; i++)
        in[i] = i % 100 == 99 ? S("broken") : arena_printf(&w.a, "u%u@example.com", i);
    assert_int_equal(check_ledger(w.ledger, &w.policy, SLICE_EMPTY, SLICE_EMPTY, in, N, NOW_US, &w.a, out, &e), OK);
    for (unsigned i = 0; i < N; i++)
        assert_int_equal(out[i].word, i == 700 ? CHECK_SUPPRESSED : i % 100 == 99 ? CHECK_INVALID : CHECK_SEND);
    world_close(&w);
}

static void test_suppress_and_lift(void **state)
{
    (void)state;
    struct world w;
    struct act_result r;
    err e;
    world_open(&w);
    struct act act = act_of("a@example.com");
    assert_int_equal(suppress_add(w.ledger, &w.policy, &act, &r, &e), OK);
    assert_true(r.changed);
    assert_int_equal(r.to, STATE_SUPPRESSED);
    act.time_us++;
    assert_int_equal(suppress_add(w.ledger, &w.policy, &act, &r, &e), OK);
    assert_false(r.changed);
    assert_int_equal(ask(&w, "a@example.com", "").cause, CAUSE_MANUAL);
    struct act nameless = act;
    nameless.actor = SLICE_EMPTY;
    assert_int_equal(suppress_lift(w.ledger, &w.policy, &nameless, &r, &e), E_INVALID);
    struct act silent = act;
    silent.note = SLICE_EMPTY;
    assert_int_equal(suppress_lift(w.ledger, &w.policy, &silent, &r, &e), E_DENIED);
    assert_int_equal(suppress_lift(w.ledger, &w.policy, &act, &r, &e), OK);
    assert_int_equal(ask(&w, "a@example.com", "").word, CHECK_SEND);
    assert_int_equal(suppress_lift(w.ledger, &w.policy, &act, &r, &e), E_NOT_FOUND);
    world_close(&w);
}

static void test_hard_needs_verification(void **state)
{
    (void)state;
    struct world w;
    struct act_result r;
    err e;
    world_open(&w);
    /* dated a little ahead: the lift still comes behind it */
    observe(&w, "gone@example.com", BOUNCE_KIND_FAILED, BOUNCE_REASON_USER_UNKNOWN, TRUST_PROVEN, NOW_US + TIME_HOUR,
            1);
    struct act act = act_of("gone@example.com");
    assert_int_equal(suppress_lift(w.ledger, &w.policy, &act, &r, &e), E_DENIED);
    act.reverified = S("because");
    assert_int_equal(suppress_lift(w.ledger, &w.policy, &act, &r, &e), E_INVALID);
    act.reverified = S("confirmed-opt-in");
    assert_int_equal(suppress_lift(w.ledger, &w.policy, &act, &r, &e), OK);
    assert_int_equal(r.to, STATE_ACTIVE);
    assert_int_equal(ask(&w, "gone@example.com", "").word, CHECK_SEND);
    world_close(&w);
}

static void test_domain_and_stream(void **state)
{
    (void)state;
    struct world w;
    struct act_result r;
    err e;
    world_open(&w);
    struct act act = act_of("@Example.net");
    assert_int_equal(suppress_add(w.ledger, &w.policy, &act, &r, &e), OK);
    struct check_answer a = ask(&w, "anybody@example.net", "");
    assert_int_equal(a.word, CHECK_SUPPRESSED);
    assert_true(a.domain);
    assert_int_equal(ask(&w, "anybody@example.org", "").word, CHECK_SEND);
    act = act_of("b@example.com");
    act.cause = CAUSE_UNSUBSCRIBED;
    act.scope = SCOPE_STREAM;
    act.stream = S("news");
    assert_int_equal(suppress_add(w.ledger, &w.policy, &act, &r, &e), OK);
    assert_int_equal(ask(&w, "b@example.com", "news").word, CHECK_SUPPRESSED);
    assert_int_equal(ask(&w, "b@example.com", "shop").word, CHECK_SEND);
    assert_int_equal(ask(&w, "b@example.com", "").word, CHECK_SEND);
    world_close(&w);
}

struct held_list {
    int64_t seq[8];
    unsigned n;
};

static bool keep_held(void *ctx, const struct held_report *h)
{
    struct held_list *list = ctx;
    assert_true(h->o->reply.n > 0);
    list->seq[list->n++] = h->seq;
    return true;
}

static void test_review_of_held(void **state)
{
    (void)state;
    struct world w;
    struct act_result r;
    struct held_list list = {.n = 0};
    err e;
    world_open(&w);
    observe(&w, "a@example.com", BOUNCE_KIND_FAILED, BOUNCE_REASON_USER_UNKNOWN, TRUST_BARE, NOW_US - TIME_DAY, 1);
    observe(&w, "a@example.com", BOUNCE_KIND_COMPLAINT, BOUNCE_REASON_UNKNOWN, TRUST_BARE, NOW_US - TIME_HOUR, 2);
    assert_int_equal(ask(&w, "a@example.com", "").word, CHECK_SEND);
    assert_int_equal(ask(&w, "a@example.com", "").hold, HOLD_TRUST);
    assert_int_equal(held_reports(w.ledger, &w.policy, SLICE_EMPTY, 0, keep_held, &list, &e), OK);
    assert_int_equal(list.n, 2);
    struct act act = act_of("a@example.com");
    assert_int_equal(held_dismiss(w.ledger, &w.policy, &act, list.seq[1], &r, &e), OK);
    assert_int_equal(held_dismiss(w.ledger, &w.policy, &act, list.seq[1], &r, &e), E_NOT_FOUND);
    assert_int_equal(held_vouch(w.ledger, &w.policy, &act, 0, &r, &e), OK);
    struct check_answer a = ask(&w, "a@example.com", "");
    assert_int_equal(a.cause, CAUSE_HARD);
    list.n = 0;
    assert_int_equal(held_reports(w.ledger, &w.policy, SLICE_EMPTY, 0, keep_held, &list, &e), OK);
    assert_int_equal(list.n, 0);
    world_close(&w);
}

static void test_why(void **state)
{
    (void)state;
    struct world w;
    struct act_result r;
    struct why y;
    err e;
    world_open(&w);
    observe(&w, "a@example.com", BOUNCE_KIND_FAILED, BOUNCE_REASON_SPAM_CONTENT, TRUST_PROVEN, NOW_US - 3 * TIME_DAY,
            1);
    observe(&w, "a@example.com", BOUNCE_KIND_FAILED, BOUNCE_REASON_USER_UNKNOWN, TRUST_PROVEN, NOW_US - TIME_DAY, 2);
    struct act act = act_of("a@example.com");
    act.reverified = S("wrong-verdict");
    assert_int_equal(suppress_lift(w.ledger, &w.policy, &act, &r, &e), OK);
    assert_int_equal(why(w.ledger, &w.policy, SLICE_EMPTY, S("A@example.com"), NOW_US, &w.a, &y, &e), OK);
    assert_true(y.known);
    assert_int_equal(y.step_count, 3);
    assert_true(slice_eq(y.steps[0].decision, S("recorded: a block is not the address's fault")));
    assert_true(slice_eq(y.steps[0].rule, S("test.rule")));
    assert_true(slice_eq(y.steps[1].decision, S("suppressed everywhere: hard, user-unknown")));
    assert_int_equal(y.steps[1].state, STATE_SUPPRESSED);
    assert_true(slice_eq(y.steps[2].decision, S("no longer suppressed")));
    assert_true(slice_eq(y.steps[2].actor, S("anna")));
    assert_int_equal(y.now.state, STATE_ACTIVE);
    assert_int_equal(why(w.ledger, &w.policy, SLICE_EMPTY, S("b@example.com"), NOW_US, &w.a, &y, &e), OK);
    assert_false(y.known);
    assert_int_equal(why(w.ledger, &w.policy, SLICE_EMPTY, S("b"), NOW_US, &w.a, &y, &e), E_INVALID);
    /* long histories are cut at the old end, and their states still follow from all of it */
    for (unsigned i = 0; i < WHY_MAX_STEPS + 5; i++)
        observe(&w, "c@example.com", BOUNCE_KIND_FAILED, i ? BOUNCE_REASON_POLICY : BOUNCE_REASON_USER_UNKNOWN,
                TRUST_PROVEN, NOW_US - TIME_DAY + (int64_t)i * TIME_SECOND, 100 + i);
    assert_int_equal(why(w.ledger, &w.policy, SLICE_EMPTY, S("c@example.com"), NOW_US, &w.a, &y, &e), OK);
    assert_int_equal(y.step_count, WHY_MAX_STEPS);
    assert_int_equal(y.cut, 5);
    assert_int_equal(y.steps[0].state, STATE_SUPPRESSED);
    assert_true(y.change_count == 1);
    world_close(&w);
}

static void test_erase(void **state)
{
    (void)state;
    struct world w;
    struct act_result r;
    err e;
    world_open(&w);
    observe(&w, "a@example.com", BOUNCE_KIND_FAILED, BOUNCE_REASON_USER_UNKNOWN, TRUST_PROVEN, NOW_US - TIME_DAY, 1);
    struct act act = act_of("a@example.com");
    assert_int_equal(address_erase(w.ledger, &w.policy, &act, &e), OK);
    assert_int_equal(ask(&w, "a@example.com", "").cause, CAUSE_ERASED);
    act.reverified = S("confirmed-opt-in");
    assert_int_equal(suppress_lift(w.ledger, &w.policy, &act, &r, &e), E_DENIED);
    /* what comes in later is not kept */
    struct intake *in;
    struct intake_options o = {.dry_run = false};
    struct intake_result got;
    struct observation x = {.kind = BOUNCE_KIND_FAILED,
                            .recipient = S("a@example.com"),
                            .time_us = NOW_US,
                            .sent_us = TIME_NONE,
                            .trust = TRUST_PROVEN,
                            .source_key = hash128(S("later"))};
    assert_int_equal(intake_new(w.ledger, NULL, &w.policy, &o, &in, &e), OK);
    assert_int_equal(intake_add(in, &x, &e), OK);
    assert_int_equal(intake_flush(in, NOW_US, &got, &e), OK);
    assert_int_equal(got.counts.erased, 1);
    assert_int_equal(got.counts.events, 0);
    intake_free(&in);
    assert_int_equal(ask(&w, "a@example.com", "").cause, CAUSE_ERASED);
    world_close(&w);
}

static void test_sweep(void **state)
{
    (void)state;
    struct world w;
    uint64_t changed;
    err e;
    world_open(&w);
    observe(&w, "a@example.com", BOUNCE_KIND_DEFERRED, BOUNCE_REASON_MAILBOX_FULL, TRUST_PROVEN, NOW_US - TIME_DAY, 1);
    assert_int_equal(due_sweep(w.ledger, &w.policy, NOW_US + TIME_DAY, &changed, &e), OK);
    assert_int_equal(changed, 0);
    assert_int_equal(due_sweep(w.ledger, &w.policy, NOW_US + 3 * TIME_DAY, &changed, &e), OK);
    assert_int_equal(changed, 1);
    assert_int_equal(due_sweep(w.ledger, &w.policy, NOW_US + 3 * TIME_DAY, &changed, &e), OK);
    assert_int_equal(changed, 0);
    world_close(&w);
}

/* What time suppresses is found by checks and by the table, whether the row still has a name or not. */
static void test_sweep_suppresses(void **state)
{
    (void)state;
    struct world w;
    uint64_t changed;
    struct table *t;
    int64_t seq = 0;
    err e;
    world_open(&w);
    observe(&w, "a@example.com", BOUNCE_KIND_DEFERRED, BOUNCE_REASON_USER_UNKNOWN, TRUST_PROVEN, NOW_US - TIME_DAY, 1);
    assert_int_equal(due_sweep(w.ledger, &w.policy, NOW_US + 3 * TIME_DAY, &changed, &e), OK);
    assert_int_equal(changed, 1);
    assert_int_equal(table_new(ledger_key(w.ledger), 16, &t, &e), OK);
    assert_int_equal(table_follow(t, w.ledger, &seq, &e), OK);
    assert_true(table_check(t, SLICE_EMPTY, SLICE_EMPTY, S("a@example.com"), NOW_US).suppressed);
    assert_false(table_check(t, SLICE_EMPTY, SLICE_EMPTY, S("b@example.com"), NOW_US).suppressed);
    table_free(&t);
    world_close(&w);
}

static bool first_group(void *ctx, const struct ledger_group *g)
{
    *(int64_t *)ctx = g->id;
    return false;
}

static void test_assign(void **state)
{
    (void)state;
    struct world w;
    err e = {.text = ""};
    world_open(&w);
    if (ledger_hashed(w.ledger)) { /* which keeps no examples */
        world_close(&w);
        skip();
    }
    observe(&w, "a@example.com", BOUNCE_KIND_FAILED, BOUNCE_REASON_UNKNOWN, TRUST_PROVEN, NOW_US, 1);
    int64_t group = 0;
    assert_int_equal(ledger_groups(w.ledger, BOUNCE_REASONS, 0, first_group, &group, &e), OK);
    assert_true(group > 0);
    char dir[] = "/tmp/bounced-test-XXXXXX", path[64];
    assert_non_null(mkdtemp(dir));
    snprintf(path, sizeof(path), "%s/mine.rules", dir);
    slice rule;
    if (review_assign(w.ledger, group, BOUNCE_REASON_MAILBOX_UNAVAILABLE, path, &w.a, &rule, &e) != OK)
        fail_msg("%s", e.text);
    assert_true(slice_find(rule, S("reason mailbox-unavailable")) != SLICE_NPOS);
    assert_true(slice_find(rule, S("\\\"gremlin\\\"")) != SLICE_NPOS);
    /* the file is whole, and the same group twice is told */
    assert_int_equal(access(path, R_OK), 0);
    assert_int_equal(review_assign(w.ledger, group, BOUNCE_REASON_POLICY, path, &w.a, &rule, &e), E_INVALID);
    assert_int_equal(review_assign(w.ledger, 999, BOUNCE_REASON_POLICY, path, &w.a, &rule, &e), E_NOT_FOUND);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(rmdir(dir), 0);
    world_close(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_check),
        cmocka_unit_test(test_check_many),
        cmocka_unit_test(test_suppress_and_lift),
        cmocka_unit_test(test_hard_needs_verification),
        cmocka_unit_test(test_domain_and_stream),
        cmocka_unit_test(test_review_of_held),
        cmocka_unit_test(test_why),
        cmocka_unit_test(test_erase),
        cmocka_unit_test(test_sweep),
        cmocka_unit_test(test_sweep_suppresses),
        cmocka_unit_test(test_assign),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
