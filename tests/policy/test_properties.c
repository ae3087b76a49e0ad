/* What must hold of every history: random ones are made from a seed, under presets, streams with tolerances of their own, incidents
 * and breakers, and a property is tried on each. A failure prints its seed; PROPERTY_SEED=n runs that one alone. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "bounce/observation.h"
#include "policy/history.h"

#define SEEDS 5000u
#define START_US (INT64_C(1700000000) * TIME_SECOND)
#define NOW_US (START_US + 400 * TIME_DAY)
#define MAX_EVENTS 48u /* with those added fewer than FOLD_MAX_OPEN, where properties end */
#define MAX_ADDED 8u
#define MAX_AROUND 3u
#define FEEDS 3u

/* One address, all that its state follows from, and room for what a property adds. */
struct world {
    uint64_t seed, random;
    struct policy policy;
    struct policy_stream streams[2];
    struct circumstance around[MAX_AROUND];
    size_t around_count;
    struct policy_event events[MAX_EVENTS + MAX_ADDED];
    size_t n;
    uint64_t fresh; /* ids that no other message has */
    arena a;
};

static uint64_t next_random(struct world *w)
{
    w->random ^= w->random << 13;
    w->random ^= w->random >> 7;
    w->random ^= w->random << 17;
    return w->random;
}

static unsigned pick(struct world *w, unsigned n)
{
    return (unsigned)((next_random(w) >> 16) % n);
}

/* ---- making one ---- */

static const uint8_t FAILURES[] = {BOUNCE_REASON_USER_UNKNOWN,        BOUNCE_REASON_USER_DISABLED,
                                   BOUNCE_REASON_MAILBOX_FULL,        BOUNCE_REASON_MAILBOX_UNAVAILABLE,
                                   BOUNCE_REASON_CONNECT_FAILED,      BOUNCE_REASON_RECIPIENT_REFUSED,
                                   BOUNCE_REASON_DOMAIN_UNKNOWN,      BOUNCE_REASON_UNKNOWN,
                                   BOUNCE_REASON_UPSTREAM_SUPPRESSED, BOUNCE_REASON_SPAM_CONTENT};
static const uint8_t BLOCKS[] = {BOUNCE_REASON_SPAM_CONTENT, BOUNCE_REASON_POLICY, BOUNCE_REASON_RATE_LIMITED,
                                 BOUNCE_REASON_SENDER_IP_LISTED, BOUNCE_REASON_MESSAGE_TOO_LARGE};

static struct policy_event event_at(struct world *w, int64_t time_us, enum bounce_kind kind)
{
    struct policy_event e = {.time_us = time_us, .key = next_random(w) | 1, .what = EVENT_OBSERVED};
    e.kind = (uint8_t)kind;
    e.trust = TRUST_PROVEN;
    e.ids[ID_MESSAGE] = ++w->fresh << 32;
    return e;
}

static struct policy_event failure_at(struct world *w, int64_t time_us, uint8_t reason, uint8_t certainty)
{
    struct policy_event e = event_at(w, time_us, BOUNCE_KIND_FAILED);
    e.reason = reason;
    e.certainty = certainty;
    e.campaign = next_random(w) | 1;
    e.stream = pick(w, 3);
    e.marks[MARK_FEED] = 1 + pick(w, FEEDS);
    return e;
}

/* No two events have one time: properties put others between them. */
static struct policy_event any_event(struct world *w)
{
    static const uint8_t kinds[] = {BOUNCE_KIND_FAILED,      BOUNCE_KIND_FAILED,   BOUNCE_KIND_EXPIRED,
                                    BOUNCE_KIND_DEFERRED,    BOUNCE_KIND_DEFERRED, BOUNCE_KIND_DELIVERED,
                                    BOUNCE_KIND_RELAYED,     BOUNCE_KIND_OPENED,   BOUNCE_KIND_COMPLAINT,
                                    BOUNCE_KIND_UNSUBSCRIBED};
    int64_t t = START_US + (int64_t)pick(w, 300 * 24 * 60) * TIME_MINUTE + (int64_t)pick(w, 60000) * 1000;
    struct policy_event e = failure_at(w, t, FAILURES[pick(w, ARRAY_LEN(FAILURES))], (uint8_t)(pick(w, 2) ? 50 : 90));
    e.kind = kinds[pick(w, pick(w, 6) ? 7 : ARRAY_LEN(kinds))];
    e.campaign = pick(w, 3) ? 1 + pick(w, 12) : 0;
    e.trust = (uint8_t)(pick(w, 6) ? TRUST_PROVEN : TRUST_BARE);
    if (pick(w, 3))
        e.ids[ID_MESSAGE] = 100 + pick(w, 12);
    if (!pick(w, 12)) {
        e.what = (uint8_t)(EVENT_SUPPRESS + pick(w, 4));
        e.flags = pick(w, 2) ? EVENT_REVERIFIED : 0;
        e.scope = SCOPE_TENANT;
        e.ids[0] = 0;
    }
    return e;
}

static void world_start(struct world *w, uint64_t seed)
{
    *w = (struct world){.seed = seed, .random = seed * UINT64_C(0x9e3779b97f4a7c15) + 1};
    arena_init(&w->a, 0);
    policy_preset(&w->policy, (enum preset)pick(w, PRESETS));
    for (unsigned i = 0; i < 2; i++) {
        w->streams[i].stream = 1 + i;
        preset_tolerances((enum preset)pick(w, PRESETS), &w->streams[i].tolerances);
    }
    w->policy.streams = w->streams;
    w->policy.stream_count = pick(w, 3);
    w->around_count = pick(w, MAX_AROUND + 1);
    for (size_t i = 0; i < w->around_count; i++) {
        bool breaker = pick(w, 3) == 0;
        int64_t from = START_US + (int64_t)pick(w, 300) * TIME_DAY;
        w->around[i] = (struct circumstance){.id = (int64_t)i + 1,
                                             .from_us = from,
                                             .until_us = from + (int64_t)(1 + pick(w, 5)) * TIME_DAY,
                                             .reasons = CIRCUMSTANCE_ALL_REASONS,
                                             .what = breaker ? CIRCUMSTANCE_BREAKER : CIRCUMSTANCE_INCIDENT,
                                             .by = breaker ? MARK_FEED : MARK_NONE,
                                             .mark = breaker ? 1 + pick(w, FEEDS) : 0};
    }
    w->n = 1 + pick(w, MAX_EVENTS);
    for (size_t i = 0; i < w->n; i++)
        w->events[i] = any_event(w);
}

static struct fold_rules rules_of(const struct world *w)
{
    return (struct fold_rules){&w->policy, w->around, w->around_count};
}

static struct policy_event *copy_of(struct world *w, const struct policy_event *events, size_t n)
{
    struct policy_event *copy = arena_alloc(&w->a, (n + 1) * sizeof *copy);
    assert_non_null(copy);
    if (n)
        memcpy(copy, events, n * sizeof *copy);
    return copy;
}

/* The state that follows from the first n events, given all at once. */
static struct address_status state_of(struct world *w, const struct policy_event *events, size_t n)
{
    struct history h;
    struct history_env env = {TIME_NONE};
    struct fold_rules rules = rules_of(w);
    struct address_status s;
    struct policy_event *copy = copy_of(w, events, n);
    history_init(&h, &rules, &w->a);
    assert_true(history_rebuild(&h, copy, n));
    assert_true(history_state(&h, &env, NOW_US, &s));
    return s;
}

static bool same_suppression(const struct suppression *a, const struct suppression *b)
{
    return a->cause == b->cause && a->scope == b->scope && a->stream == b->stream && a->since_us == b->since_us &&
           a->until_us == b->until_us;
}

/* All that a decision goes by; when something failed or came last is not. */
static void assert_same(const struct world *w, const struct address_status *a, const struct address_status *b)
{
    bool same = a->state == b->state && a->cause == b->cause && a->scope == b->scope && a->hold == b->hold &&
                a->since_us == b->since_us && a->until_us == b->until_us && a->row == b->row &&
                a->row_count == b->row_count && a->row_first_us == b->row_first_us && a->probation == b->probation &&
                a->held_count == b->held_count && a->suppression_count == b->suppression_count;
    for (size_t i = 0; same && i < a->suppression_count; i++)
        same = same_suppression(&a->suppressions[i], &b->suppressions[i]);
    if (!same)
        fail_msg("seed %llu: %s %s row %u, should be %s %s row %u", (unsigned long long)w->seed, state_word(a->state),
                 cause_word(a->cause), a->row_count, state_word(b->state), cause_word(b->cause), b->row_count);
}

/* ---- the properties ---- */

static void shuffle(struct world *w, struct policy_event *v, size_t n)
{
    for (size_t i = n; i > 1; i--) {
        size_t k = pick(w, (unsigned)i);
        struct policy_event t = v[i - 1];
        v[i - 1] = v[k];
        v[k] = t;
    }
}

/* One by one, in any order, some of them again, through the encoding now and then. */
static void order_and_repeats(struct world *w)
{
    struct address_status whole = state_of(w, w->events, w->n), s;
    struct fold_rules rules = rules_of(w);
    struct history_env env = {TIME_NONE};
    struct history h;
    buf bytes;
    buf_init(&bytes, 0);
    shuffle(w, w->events, w->n);
    history_init(&h, &rules, &w->a);
    for (size_t i = 0; i < w->n; i++) {
        assert_int_equal(history_add(&h, &w->events[i]), HISTORY_ADDED);
        assert_int_equal(history_add(&h, &w->events[pick(w, (unsigned)i + 1)]), HISTORY_REPEAT);
        if (pick(w, 4))
            continue;
        buf_clear(&bytes);
        history_encode(&h, &bytes);
        assert_int_equal(history_decode(arena_dup(&w->a, buf_slice(&bytes)), &rules, &w->a, &h), OK);
    }
    buf_fini(&bytes);
    assert_true(history_state(&h, &env, NOW_US, &s));
    assert_same(w, &s, &whole);
}

/* Every suppression of before is there afterwards. */
static void an_import_never_lifts(struct world *w)
{
    struct address_status before = state_of(w, w->events, w->n);
    struct policy_event e = event_at(w, START_US + (int64_t)pick(w, 350 * 24) * TIME_HOUR + 7, BOUNCE_KIND_FAILED);
    e.what = EVENT_SUPPRESS;
    e.cause = CAUSE_IMPORTED;
    e.scope = SCOPE_TENANT;
    w->events[w->n] = e;
    struct address_status after = state_of(w, w->events, w->n + 1);
    for (size_t i = 0; i < before.suppression_count; i++) {
        bool there = false;
        for (size_t k = 0; k < after.suppression_count; k++)
            there |= before.suppressions[i].cause == after.suppressions[k].cause &&
                     before.suppressions[i].scope == after.suppressions[k].scope &&
                     before.suppressions[i].stream == after.suppressions[k].stream;
        if (!there)
            fail_msg("seed %llu: an import lifted %s", (unsigned long long)w->seed,
                     cause_word(before.suppressions[i].cause));
    }
}

/* Without vouching: a report that is vouched for late joins what is settled by then, which depends on what else has come. */
static void a_block_changes_nothing(struct world *w)
{
    for (size_t i = 0; i < w->n; i++)
        if (w->events[i].what == EVENT_VOUCH)
            w->events[i].what = EVENT_DISMISS;
    struct address_status before = state_of(w, w->events, w->n);
    for (size_t i = 0; i < MAX_ADDED; i++) {
        int64_t t = START_US + (int64_t)pick(w, 350 * 24) * TIME_HOUR + 11;
        w->events[w->n + i] = failure_at(w, t, BLOCKS[pick(w, ARRAY_LEN(BLOCKS))], 90);
    }
    struct address_status after = state_of(w, w->events, w->n + MAX_ADDED);
    assert_same(w, &after, &before);
}

/* What fails in an incident that is over is as if it had never been tried; while it is open nothing is suppressed for it. */
static void an_incident_takes_its_failures(struct world *w)
{
    int64_t from = START_US + (int64_t)pick(w, 300) * TIME_DAY;
    struct circumstance incident = {.id = 1000,
                                    .from_us = from,
                                    .until_us = from + TIME_DAY,
                                    .reasons = CIRCUMSTANCE_ALL_REASONS,
                                    .what = CIRCUMSTANCE_INCIDENT,
                                    .by = MARK_NONE};
    w->around[0] = incident;
    w->around_count = 1;
    struct address_status before = state_of(w, w->events, w->n);
    for (size_t i = 0; i < MAX_ADDED; i++) {
        int64_t t = from + (int64_t)pick(w, 24 * 60) * TIME_MINUTE + 13;
        w->events[w->n + i] = failure_at(w, t, FAILURES[pick(w, ARRAY_LEN(FAILURES))], (uint8_t)pick(w, 100));
    }
    struct address_status after = state_of(w, w->events, w->n + MAX_ADDED);
    assert_same(w, &after, &before);
    w->around[0].until_us = TIME_NONE;
    size_t kept = 0;
    for (size_t i = 0; i < w->n; i++) /* what came behind its beginning would be held as well */
        if (w->events[i].time_us < from)
            w->events[kept++] = w->events[i];
    memmove(&w->events[kept], &w->events[w->n], MAX_ADDED * sizeof w->events[0]);
    before = state_of(w, w->events, kept);
    after = state_of(w, w->events, kept + MAX_ADDED);
    if (before.state != STATE_SUPPRESSED && after.state == STATE_SUPPRESSED)
        fail_msg("seed %llu: suppressed for a failure in an open incident", (unsigned long long)w->seed);
}

static slice encoded(struct world *w, const struct history *h)
{
    buf b;
    buf_init(&b, 0);
    history_encode(h, &b);
    slice kept = arena_dup(&w->a, buf_slice(&b));
    buf_fini(&b);
    return kept;
}

/* Folded with circumstances, then without them: not a byte tells that they had been there. */
static void undone_is_never_been(struct world *w)
{
    struct history with, without;
    struct fold_rules rules = rules_of(w), none = {.policy = &w->policy};
    history_init(&with, &rules, &w->a);
    assert_true(history_rebuild(&with, copy_of(w, w->events, w->n), w->n));
    history_init(&without, &none, &w->a);
    assert_true(history_rebuild(&without, copy_of(w, w->events, w->n), w->n));
    with.rules = none;
    assert_true(history_rebuild(&with, copy_of(w, w->events, w->n), w->n));
    if (!slice_eq(encoded(w, &with), encoded(w, &without)))
        fail_msg("seed %llu: something is left of a circumstance", (unsigned long long)w->seed);
}

/* A log line and a DSN of one failure are one failure. */
static void a_second_witness_changes_nothing(struct world *w)
{
    struct address_status before = state_of(w, w->events, w->n);
    size_t added = 0;
    for (size_t i = 0; i < w->n && added < MAX_ADDED; i++) {
        struct policy_event e = w->events[i];
        if (e.what != EVENT_OBSERVED || !bounce_kind_final((enum bounce_kind)e.kind) || e.trust == TRUST_BARE)
            continue;
        e.time_us++;
        e.key = next_random(w) | 1;
        w->events[w->n + added++] = e;
    }
    struct address_status after = state_of(w, w->events, w->n + added);
    assert_same(w, &after, &before);
}

static void a_delivery_at_the_end_clears_rows(struct world *w)
{
    if (policy_keeps(&w->policy))
        return; /* somebody counts for life */
    struct policy_event e = event_at(w, NOW_US - TIME_DAY, BOUNCE_KIND_DELIVERED);
    for (unsigned stream = 0; stream < 3; stream++) {
        e.stream = stream;
        e.key = next_random(w) | 1;
        e.ids[ID_MESSAGE] = ++w->fresh << 32;
        w->events[w->n + stream] = e;
    }
    struct address_status s = state_of(w, w->events, w->n + 3);
    bool clear = s.row == ROWS && s.state != STATE_SOFT && !s.circumstance;
    for (size_t i = 0; i < s.suppression_count; i++)
        clear &= s.suppressions[i].cause != CAUSE_ESCALATED;
    if (!clear)
        fail_msg("seed %llu: %s %s row %u behind a delivery", (unsigned long long)w->seed, state_word(s.state),
                 cause_word(s.cause), s.row_count);
}

static void a_plain_hard_bounce_suppresses(struct world *w)
{
    w->events[w->n] = failure_at(w, NOW_US - TIME_DAY, BOUNCE_REASON_USER_UNKNOWN, 95);
    struct address_status s = state_of(w, w->events, w->n + 1);
    if (s.state != STATE_SUPPRESSED || cause_rank(s.cause) > cause_rank(CAUSE_HARD))
        fail_msg("seed %llu: %s %s", (unsigned long long)w->seed, state_word(s.state), cause_word(s.cause));
}

static int by_order(const void *a, const void *b)
{
    return policy_event_cmp(a, b);
}

/* Pruning: what was folded into a baseline, and the rest behind it, are the whole. */
static void a_baseline_and_the_rest_are_the_whole(struct world *w)
{
    struct fold_rules rules = rules_of(w);
    struct history_env env = {TIME_NONE};
    struct address_status whole = state_of(w, w->events, w->n), s;
    struct history h;
    buf b;
    qsort(w->events, w->n, sizeof w->events[0], by_order);
    size_t gone = pick(w, (unsigned)w->n + 1), first = gone ? pick(w, (unsigned)gone + 1) : 0;
    slice base = SLICE_EMPTY;
    for (unsigned turn = 0; turn < 2; turn++) { /* pruned twice */
        const struct policy_event *from = w->events + (turn ? first : 0);
        buf_init(&b, 0);
        assert_int_equal(history_baseline(base, from, turn ? gone - first : first, &rules, &w->a, &b), OK);
        base = arena_dup(&w->a, buf_slice(&b));
        buf_fini(&b);
    }
    size_t left = w->n - gone;
    history_init(&h, &rules, &w->a);
    assert_int_equal(history_rebuild_from(&h, base, copy_of(w, w->events + gone, left), left), OK);
    assert_true(history_state(&h, &env, NOW_US, &s));
    assert_same(w, &s, &whole);
}

/* ---- running them ---- */

typedef void (*property_fn)(struct world *w);

static void for_all(property_fn property)
{
    const char *one = getenv("PROPERTY_SEED");
    uint64_t from = one ? strtoull(one, NULL, 10) : 1, to = one ? from : SEEDS;
    struct world *w = malloc(sizeof *w);
    assert_non_null(w);
    for (uint64_t seed = from; seed <= to; seed++) {
        world_start(w, seed);
        property(w);
        arena_fini(&w->a);
    }
    free(w);
}

#define PROPERTY(name)                    \
    static void test_##name(void **state) \
    {                                     \
        (void)state;                      \
        for_all(name);                    \
    }
PROPERTY(order_and_repeats)
PROPERTY(an_import_never_lifts)
PROPERTY(a_block_changes_nothing)
PROPERTY(an_incident_takes_its_failures)
PROPERTY(undone_is_never_been)
PROPERTY(a_second_witness_changes_nothing)
PROPERTY(a_delivery_at_the_end_clears_rows)
PROPERTY(a_plain_hard_bounce_suppresses)
PROPERTY(a_baseline_and_the_rest_are_the_whole)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_order_and_repeats),
        cmocka_unit_test(test_an_import_never_lifts),
        cmocka_unit_test(test_a_block_changes_nothing),
        cmocka_unit_test(test_an_incident_takes_its_failures),
        cmocka_unit_test(test_undone_is_never_been),
        cmocka_unit_test(test_a_second_witness_changes_nothing),
        cmocka_unit_test(test_a_delivery_at_the_end_clears_rows),
        cmocka_unit_test(test_a_plain_hard_bounce_suppresses),
        cmocka_unit_test(test_a_baseline_and_the_rest_are_the_whole),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
