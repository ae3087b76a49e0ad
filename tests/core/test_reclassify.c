/* Stored replies judged again by other rules. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "core/acts.h"
#include "core/intake.h"
#include "core/keep.h"
#include "core/outbox.h"
#include "core/reclassify.h"
#include "core/why.h"

#define START_US (INT64_C(1700000000) * TIME_SECOND)
#define DAY(n) (START_US + (n)*TIME_DAY)

/* What was taken for a dead mailbox is a full one by these. */
static const char own_rules[] = "rule own.nest\n  reason mailbox-full\n  rank 100\n  certainty 88\n"
                                "  text \"no such user\"\n  example \"550 5.1.1 no such user\"\n";

struct world {
    struct ledger *ledger;
    struct bounce_rules *old, *new;
    struct policy policy;
    unsigned keys;
    arena a;
};

static int open_world(void **state)
{
    static const struct sip_key key = {3, 4};
    static const struct bounce_rule_file file = {{"own.rules", 9}, {own_rules, sizeof own_rules - 1}};
    struct world *w = calloc(1, sizeof *w);
    struct ledger_options o = {.path = ":memory:", .create = true, .key = &key};
    slice problems;
    err e;
    arena_init(&w->a, 0);
    policy_init(&w->policy);
    assert_int_equal(ledger_open(&o, &w->ledger, &e), OK);
    assert_int_equal(bounce_rules_new(NULL, 0, false, &w->a, &w->old, &problems), BOUNCE_OK);
    assert_int_equal(bounce_rules_new(&file, 1, false, &w->a, &w->new, &problems), BOUNCE_OK);
    *state = w;
    return 0;
}

static int close_world(void **state)
{
    struct world *w = *state;
    ledger_close(&w->ledger);
    bounce_rules_free(&w->old);
    bounce_rules_free(&w->new);
    arena_fini(&w->a);
    free(w);
    return 0;
}

static void take(struct world *w, struct observation x)
{
    struct intake *in;
    struct intake_options o = {.dry_run = false};
    struct intake_result r;
    unsigned n = ++w->keys;
    err e;
    x.source_key = hash128(slice_of((const char *)&n, sizeof(n)));
    assert_int_equal(intake_new(w->ledger, w->old, &w->policy, &o, &in, &e), OK);
    assert_int_equal(intake_add(in, &x, &e), OK);
    assert_int_equal(intake_flush(in, x.time_us + TIME_HOUR, &r, &e), OK);
    assert_int_equal(r.counts.events, 1);
    intake_free(&in);
}

static struct observation failed(const char *who, int64_t time_us)
{
    return (struct observation){.kind = BOUNCE_KIND_FAILED,
                                .recipient = slice_str(who),
                                .reply = S("550 5.1.1 no such user"),
                                .time_us = time_us,
                                .sent_us = TIME_NONE,
                                .phase = BOUNCE_PHASE_RCPT,
                                .trust = TRUST_PROVEN};
}

static struct reclassify_options options(const struct world *w, bool apply)
{
    return (struct reclassify_options){.rules = w->new,
                                       .policy = &w->policy,
                                       .tenant = SLICE_EMPTY,
                                       .since_us = TIME_NONE,
                                       .now_us = DAY(30),
                                       .apply = apply,
                                       .actor = S("anna"),
                                       .examples = 5};
}

static struct reclassify *run(struct world *w, const struct reclassify_options *o)
{
    struct reclassify *r = ARENA_NEW(&w->a, struct reclassify);
    err e = {.text = ""};
    if (reclassify_run(w->ledger, o, &w->a, r, &e) != OK)
        fail_msg("reclassify: %s", e.text);
    return r;
}

static struct why ask(struct world *w, const char *who)
{
    struct why out;
    err e;
    assert_int_equal(why(w->ledger, &w->policy, SLICE_EMPTY, slice_str(who), DAY(30), &w->a, &out, &e), OK);
    return out;
}

static void add_line(void *ctx, slice line)
{
    buf_add(ctx, line);
    buf_addc(ctx, '\n');
}

static void dump(struct world *w, buf *out)
{
    err e;
    buf_init(out, 0);
    assert_int_equal(ledger_dump(w->ledger, add_line, out, &e), OK);
}

static void the_same_rules_change_nothing(void **state)
{
    struct world *w = *state;
    struct reclassify_options o = options(w, true);
    buf before, after;
    take(w, failed("a@example.org", DAY(0)));
    o.rules = w->old;
    dump(w, &before);
    assert_int_equal(run(w, &o)->judged, 0);
    o.all = true;
    struct reclassify *r = run(w, &o);
    assert_int_equal(r->judged, 1);
    assert_int_equal(r->changed + r->renamed, 0);
    dump(w, &after);
    assert_true(slice_eq(buf_slice(&before), buf_slice(&after)));
    buf_fini(&before);
    buf_fini(&after);
}

static void telling_changes_nothing(void **state)
{
    struct world *w = *state;
    struct reclassify_options o = options(w, false);
    buf before, after;
    take(w, failed("a@example.org", DAY(0)));
    dump(w, &before);
    struct reclassify *r = run(w, &o);
    dump(w, &after);
    assert_true(slice_eq(buf_slice(&before), buf_slice(&after)));
    buf_fini(&before);
    buf_fini(&after);
    assert_int_equal(r->changed, 1);
    assert_int_equal(r->resting, 1);
    assert_int_equal(r->effects[RECLASSIFY_FREED], 1);
    assert_int_equal(r->row_count, 1);
    assert_int_equal(r->rows[0].from, BOUNCE_REASON_USER_UNKNOWN);
    assert_int_equal(r->rows[0].to, BOUNCE_REASON_MAILBOX_FULL);
    assert_true(slice_eq(r->rows[0].rule, S("own.nest")));
    assert_true(slice_eq(r->rows[0].example, S("550 5.1.1 no such user")));
    assert_int_equal(r->example_count, 1);
    assert_true(slice_eq(r->examples[0].address, S("a@example.org")));
    assert_int_equal(r->examples[0].from_cause, CAUSE_HARD);
    assert_int_equal(r->examples[0].to, STATE_SOFT);
}

static void applying_mends_and_says_who_did_it(void **state)
{
    struct world *w = *state;
    struct reclassify_options o = options(w, true);
    uint64_t folded;
    err e;
    take(w, failed("a@example.org", DAY(0)));
    assert_int_equal(ask(w, "a@example.org").now.state, STATE_SUPPRESSED);
    assert_int_equal(run(w, &o)->effects[RECLASSIFY_FREED], 1);
    struct why is = ask(w, "a@example.org");
    assert_int_equal(is.now.state, STATE_SOFT);
    assert_int_equal(is.stored.state, STATE_SOFT);
    assert_int_equal(is.step_count, 2);
    assert_int_equal(is.steps[0].reason, BOUNCE_REASON_MAILBOX_FULL);
    assert_int_equal(is.steps[0].certainty, 88);
    assert_true(slice_eq(is.steps[0].rule, S("own.nest")));
    assert_true(slice_eq(is.steps[0].rules_version, bounce_rules_version(w->new)));
    assert_true(slice_starts(is.steps[0].was, S("user-unknown 9")));
    assert_int_not_equal(slice_find(is.steps[0].was, bounce_rules_version(w->old)), SLICE_NPOS);
    assert_int_equal(is.steps[1].what, EVENT_RECLASSIFY);
    assert_true(slice_eq(is.steps[1].actor, S("anna")));
    assert_int_not_equal(slice_find(is.steps[1].note, S("user-unknown is mailbox-full (1)")), SLICE_NPOS);
    assert_int_equal(keep_verify(w->ledger, &w->policy, SLICE_EMPTY, DAY(30), NULL, NULL, &folded, &e), OK);
    assert_int_equal(run(w, &o)->judged, 0); /* nothing is left to do */
    o.rules = w->old;                        /* and back */
    o.now_us = DAY(31);
    assert_int_equal(run(w, &o)->effects[RECLASSIFY_SUPPRESSED], 1);
    is = ask(w, "a@example.org");
    assert_int_equal(is.now.state, STATE_SUPPRESSED);
    assert_int_equal(is.step_count, 3);
    assert_true(slice_starts(is.steps[0].was, S("mailbox-full 88 own.nest")));
    assert_int_not_equal(slice_find(is.steps[0].was, S("; user-unknown")), SLICE_NPOS);
}

/* Counts by reason of what a report shows. */
static bool count_row(void *ctx, const struct tally_row *row)
{
    int64_t *counts = ctx;
    counts[row->reason] += row->count;
    return true;
}

static void tallies_follow(void **state)
{
    struct world *w = *state;
    struct reclassify_options o = options(w, true);
    int64_t counts[BOUNCE_REASONS] = {0};
    struct observation log = failed("a@example.org", DAY(0)), dsn = failed("a@example.org", DAY(1));
    struct observation late = failed("a@example.org", DAY(2));
    err e;
    log.ids[ID_MESSAGE] = dsn.ids[ID_MESSAGE] = S("m1@example.net");
    late.reply = S("452 4.2.2 mailbox is full");
    late.kind = BOUNCE_KIND_DEFERRED;
    take(w, log);
    take(w, dsn);
    take(w, late);
    take(w, failed("b@example.org", DAY(3)));
    run(w, &o);
    assert_int_equal(ledger_report(w->ledger, TALLY_REASON, SLICE_EMPTY, 0, DAY(40), count_row, counts, &e), OK);
    assert_int_equal(counts[BOUNCE_REASON_USER_UNKNOWN], 0);
    assert_int_equal(counts[BOUNCE_REASON_MAILBOX_FULL], 3); /* two messages and an attempt */
}

static void what_a_platform_told_stands(void **state)
{
    struct world *w = *state;
    struct reclassify_options o = options(w, true);
    struct observation x = failed("a@example.org", DAY(0));
    x.verdict = (struct bounce_verdict){
        .reason = BOUNCE_REASON_USER_DISABLED, .certainty = 90, .rule = S("platform:ses:Permanent")};
    take(w, x);
    struct reclassify *r = run(w, &o);
    assert_int_equal(r->told, 1);
    assert_int_equal(r->judged + r->changed, 0);
}

static void what_nothing_is_left_of_stands(void **state)
{
    struct world *w = *state;
    struct reclassify_options o = options(w, true);
    struct observation x = failed("a@example.org", DAY(0));
    x.reply = SLICE_EMPTY;
    x.status = S("5.1.1");
    x.verdict = (struct bounce_verdict){
        .reason = BOUNCE_REASON_USER_DISABLED, .certainty = 90, .rule = S("user-disabled.words")};
    take(w, x);
    assert_int_equal(run(w, &o)->mute, 1);
}

static void what_happened_before_since_stands(void **state)
{
    struct world *w = *state;
    struct reclassify_options o = options(w, true);
    take(w, failed("a@example.org", DAY(0)));
    take(w, failed("b@example.org", DAY(5)));
    o.since_us = DAY(1);
    assert_int_equal(run(w, &o)->changed, 1);
    assert_int_equal(ask(w, "a@example.org").now.state, STATE_SUPPRESSED);
    assert_int_equal(ask(w, "b@example.org").now.state, STATE_SOFT);
}

static void what_was_pruned_stands(void **state)
{
    struct world *w = *state;
    struct reclassify_options o = options(w, true);
    struct ledger_retention keep = {.events_us = 10 * TIME_DAY};
    struct observation later = failed("a@example.org", DAY(20));
    int64_t removed;
    err e;
    take(w, failed("a@example.org", DAY(0)));
    take(w, later);
    assert_int_equal(keep_prune(w->ledger, &w->policy, &keep, DAY(21), &removed, &e), OK);
    struct reclassify *r = run(w, &o);
    assert_int_equal(r->changed, 1);
    assert_int_equal(r->effects[RECLASSIFY_FREED], 0); /* the first failure still suppresses */
    assert_int_equal(ask(w, "a@example.org").now.state, STATE_SUPPRESSED);
}

static void an_erased_address_is_left_alone(void **state)
{
    struct world *w = *state;
    struct reclassify_options o = options(w, true);
    struct act act = {.tenant = SLICE_EMPTY,
                      .address = S("a@example.org"),
                      .actor = S("anna"),
                      .note = S("asked"),
                      .stream = SLICE_EMPTY,
                      .reverified = SLICE_EMPTY,
                      .time_us = DAY(2)};
    err e;
    take(w, failed("a@example.org", DAY(0)));
    assert_int_equal(address_erase(w->ledger, &w->policy, &act, &e), OK);
    assert_int_equal(run(w, &o)->judged, 0);
}

static void those_who_want_to_know_get_a_letter(void **state)
{
    struct world *w = *state;
    struct reclassify_options o = options(w, true);
    struct ledger_endpoint p = {
        .name = S("crm"), .tenant = SLICE_EMPTY, .kinds = UINT32_MAX, .streams = SLICE_EMPTY, .active = true};
    int64_t before, after, oldest;
    err e;
    assert_int_equal(ledger_begin(w->ledger, &e), OK);
    assert_int_equal(ledger_put_endpoint(w->ledger, &p, &e), OK);
    assert_int_equal(ledger_commit(w->ledger, &e), OK);
    take(w, failed("a@example.org", DAY(0)));
    assert_int_equal(ledger_letter_count(w->ledger, 1, false, &before, &oldest, &e), OK);
    run(w, &o);
    assert_int_equal(ledger_letter_count(w->ledger, 1, false, &after, &oldest, &e), OK);
    assert_int_equal(after, before + 1);
}

static void a_hashed_ledger_is_refused(void **state)
{
    struct world *w = *state;
    struct ledger_options lo = {.path = ":memory:", .create = true, .hash_addresses = true};
    struct reclassify_options o = options(w, false);
    struct reclassify *r = ARENA_NEW(&w->a, struct reclassify);
    struct ledger *hashed;
    err e;
    assert_int_equal(ledger_open(&lo, &hashed, &e), OK);
    assert_int_equal(reclassify_run(hashed, &o, &w->a, r, &e), E_DENIED);
    ledger_close(&hashed);
    o.apply = true;
    o.actor = SLICE_EMPTY;
    assert_int_equal(reclassify_run(w->ledger, &o, &w->a, r, &e), E_INVALID);
}

/* More addresses than a page has. */
static void many_pages(void **state)
{
    struct world *w = *state;
    struct reclassify_options o = options(w, true);
    struct intake *in;
    struct intake_options io = {.dry_run = false};
    struct intake_result flushed;
    err e;
    assert_int_equal(intake_new(w->ledger, w->old, &w->policy, &io, &in, &e), OK);
    for (unsigned i = 0; i < 2 * RECLASSIFY_PAGE + 7; i++) {
        struct observation x = failed("", DAY(0));
        x.recipient = arena_printf(&w->a, "u%u@example.org", i);
        x.source_key = hash128(x.recipient);
        assert_int_equal(intake_add(in, &x, &e), OK);
    }
    assert_int_equal(intake_flush(in, DAY(1), &flushed, &e), OK);
    intake_free(&in);
    struct reclassify *r = run(w, &o);
    assert_int_equal(r->changed, 2 * RECLASSIFY_PAGE + 7);
    assert_int_equal(r->effects[RECLASSIFY_FREED], 2 * RECLASSIFY_PAGE + 7);
    assert_int_equal(r->example_count, 5);
    assert_int_equal(run(w, &o)->judged, 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, open_world, close_world)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(the_same_rules_change_nothing),      TEST(telling_changes_nothing),
        TEST(applying_mends_and_says_who_did_it), TEST(tallies_follow),
        TEST(what_a_platform_told_stands),        TEST(what_nothing_is_left_of_stands),
        TEST(what_happened_before_since_stands),  TEST(what_was_pruned_stands),
        TEST(an_erased_address_is_left_alone),    TEST(those_who_want_to_know_get_a_letter),
        TEST(a_hashed_ledger_is_refused),         TEST(many_pages),
    };
    return cmocka_run_group_tests_name("reclassify", tests, NULL, NULL);
}
