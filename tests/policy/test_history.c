/* A history is a function of the set of its events: order, repeats and batches do not show, not even in its bytes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "bounce/observation.h"
#include "policy/encode.h"
#include "policy/history.h"

#define START_US (INT64_C(1700000000) * TIME_SECOND)

static uint64_t next_random(uint64_t *seed)
{
    *seed ^= *seed << 13;
    *seed ^= *seed >> 7;
    *seed ^= *seed << 17;
    return *seed;
}

static unsigned pick(uint64_t *seed, unsigned n)
{
    return (unsigned)((next_random(seed) >> 16) % n);
}

/* Events close enough together that messages join, rows fill and acts fall between them. */
static void make_events(uint64_t seed, struct policy_event *out, size_t n, unsigned days)
{
    static const uint8_t reasons[] = {BOUNCE_REASON_USER_UNKNOWN,        BOUNCE_REASON_MAILBOX_FULL,
                                      BOUNCE_REASON_MAILBOX_UNAVAILABLE, BOUNCE_REASON_CONNECT_FAILED,
                                      BOUNCE_REASON_RECIPIENT_REFUSED,   BOUNCE_REASON_SPAM_CONTENT,
                                      BOUNCE_REASON_DOMAIN_UNKNOWN,      BOUNCE_REASON_UNKNOWN};
    for (size_t i = 0; i < n; i++) {
        struct policy_event *e = &out[i];
        memset(e, 0, sizeof(*e));
        e->time_us = START_US + (int64_t)pick(&seed, days * 24) * TIME_HOUR;
        e->key = i / 40 ? next_random(&seed) : i; /* ties in time are common, keys differ */
        e->what = pick(&seed, 20) ? EVENT_OBSERVED : (uint8_t)(1 + pick(&seed, 4));
        if (e->what != EVENT_OBSERVED) {
            e->flags = pick(&seed, 2) ? EVENT_REVERIFIED : 0;
            e->scope = SCOPE_TENANT;
            continue;
        }
        static const uint8_t kinds[] = {
            BOUNCE_KIND_FAILED, BOUNCE_KIND_EXPIRED, BOUNCE_KIND_DEFERRED,  BOUNCE_KIND_DELIVERED, BOUNCE_KIND_DEFERRED,
            BOUNCE_KIND_FAILED, BOUNCE_KIND_RELAYED, BOUNCE_KIND_COMPLAINT, BOUNCE_KIND_FAILED,    BOUNCE_KIND_OPENED};
        e->kind = kinds[pick(&seed, pick(&seed, 8) ? 7 : ARRAY_LEN(kinds))];
        e->reason = reasons[pick(&seed, ARRAY_LEN(reasons))];
        e->certainty = (uint8_t)(pick(&seed, 2) ? 50 : 90);
        e->trust = (uint8_t)(pick(&seed, 6) ? TRUST_PROVEN : TRUST_BARE);
        e->campaign = pick(&seed, 3) ? 1 + pick(&seed, 9) : 0;
        e->stream = pick(&seed, 3);
        e->ids[ID_MESSAGE] = pick(&seed, 4) ? 100 + pick(&seed, (unsigned)n / 2 + 1) : 0;
        e->ids[ID_QUEUE] = pick(&seed, 2) ? 100000 + pick(&seed, (unsigned)n / 2 + 1) : 0;
    }
}

static void shuffle(uint64_t *seed, struct policy_event *v, size_t n)
{
    for (size_t i = n; i > 1; i--) {
        size_t k = pick(seed, (unsigned)i);
        struct policy_event t = v[i - 1];
        v[i - 1] = v[k];
        v[k] = t;
    }
}

static void add_or_rebuild(struct history *h, const struct policy_event *fed, size_t upto)
{
    enum history_status s = history_add(h, &fed[upto]);
    assert_int_not_equal(s, HISTORY_MEMORY);
    if (s != HISTORY_REBUILD)
        return;
    struct policy_event *all = malloc((upto + 1) * sizeof(*all));
    assert_non_null(all);
    memcpy(all, fed, (upto + 1) * sizeof(*all));
    assert_true(history_rebuild(h, all, upto + 1));
    free(all);
}

/* Feeds in order of `fed`, through the encoding at random moments. */
static void feed(const struct policy *p, arena *a, uint64_t *seed, const struct policy_event *fed, size_t n, buf *bytes,
                 struct address_status *status)
{
    struct history h;
    struct history_env env = {TIME_NONE};
    history_init(&h, &(struct fold_rules){.policy = p}, a);
    for (size_t i = 0; i < n; i++) {
        add_or_rebuild(&h, fed, i);
        if (!pick(seed, 4)) {
            enum history_status again = history_add(&h, &fed[i]);
            assert_true(again == HISTORY_REPEAT || (again == HISTORY_REBUILD && h.has_base));
        }
        if (pick(seed, 5))
            continue;
        buf_clear(bytes);
        history_encode(&h, bytes);
        slice kept = arena_dup(a, buf_slice(bytes));
        assert_int_equal(history_decode(kept, &(struct fold_rules){.policy = p}, a, &h), OK);
    }
    buf_clear(bytes);
    history_encode(&h, bytes);
    assert_true(history_state(&h, &env, START_US + 100 * TIME_DAY, status));
}

static void orders_under(enum preset preset, size_t n, unsigned days, unsigned rounds, unsigned orders)
{
    struct policy p;
    policy_preset(&p, preset);
    p.expiry_us[CAUSE_HARD] = preset == PRESET_DEFAULT ? 0 : 30 * TIME_DAY;
    struct policy_event *events = malloc(n * sizeof(*events));
    assert_non_null(events);
    arena a;
    arena_init(&a, 0);
    buf first, other;
    buf_init(&first, 0);
    buf_init(&other, 0);
    uint64_t seed = 88172645463325252u + n;
    for (unsigned round = 0; round < rounds; round++) {
        struct address_status want, got;
        make_events(seed + round * 7919, events, n, days);
        feed(&p, &a, &seed, events, n, &first, &want);
        for (unsigned k = 0; k < orders; k++) {
            shuffle(&seed, events, n);
            feed(&p, &a, &seed, events, n, &other, &got);
            assert_int_equal(first.n, other.n);
            assert_memory_equal(first.p, other.p, first.n);
            assert_int_equal(want.state, got.state);
            assert_int_equal(want.cause, got.cause);
            assert_int_equal(want.suppression_count, got.suppression_count);
            assert_true(want.since_us == got.since_us && want.until_us == got.until_us && want.due_us == got.due_us);
            assert_int_equal(want.row_count, got.row_count);
        }
        arena_reset(&a);
    }
    buf_fini(&first);
    buf_fini(&other);
    arena_fini(&a);
    free(events);
}

static void orders_of(size_t n, unsigned days, unsigned rounds, unsigned orders)
{
    orders_under(PRESET_DEFAULT, n, days, rounds, orders);
}

/* Rows that count for life, that an open begins anew, that go stale, that look at gaps. */
static void test_order_under_other_presets(void **state)
{
    (void)state;
    static const enum preset presets[] = {PRESET_LIFETIME_3, PRESET_SALESFORCE, PRESET_MAILMAN, PRESET_ADOBE,
                                          PRESET_MAILCHIMP};
    for (size_t i = 0; i < ARRAY_LEN(presets); i++) {
        orders_under(presets[i], 12, 40, 100, 4);
        orders_under(presets[i], 2 * HISTORY_RECENT, 200, 2, 3);
    }
}

/* A baseline as version 2 wrote it: the failures stood in the rows. */
static void encode_old_row(buf *b, unsigned n, enum bounce_reason reason)
{
    encode_u64(b, n);
    if (n)
        encode_u64(b, reason);
    for (unsigned i = 0; i < n; i++) {
        encode_i64(b, START_US + 4 * (int64_t)i * TIME_DAY);
        encode_u64(b, 1); /* a campaign, eight bytes */
        buf_addc(b, (char)(1 + i));
        buf_add(b, S("\0\0\0\0\0\0\0"));
        encode_u64(b, 0);
    }
}

static void encode_old_baseline(buf *b)
{
    const int64_t times[] = {START_US, TIME_NONE, START_US + 12 * TIME_DAY, TIME_NONE};
    encode_u64(b, 2);
    encode_u64(b, 4); /* events in all */
    encode_u64(b, 1);
    encode_u64(b, 4711); /* of another policy: it stands all the same, being all that is left */
    encode_i64(b, START_US + 12 * TIME_DAY);
    encode_u64(b, 99);
    for (size_t i = 0; i < ARRAY_LEN(times); i++)
        encode_i64(b, times[i]);
    encode_old_row(b, 0, BOUNCE_REASON_UNKNOWN); /* look */
    encode_old_row(b, 0, BOUNCE_REASON_UNKNOWN); /* domain */
    encode_old_row(b, 0, BOUNCE_REASON_UNKNOWN); /* quota */
    encode_old_row(b, 2, BOUNCE_REASON_MAILBOX_UNAVAILABLE);
    encode_old_row(b, 4, BOUNCE_REASON_UNKNOWN); /* slow: the two of the campaign row too */
    for (unsigned i = 0; i < 6; i++) /* no streams, suppressions, held, waiting, excused; nothing behind the baseline */
        encode_u64(b, 0);
}

static void test_a_baseline_of_before(void **state)
{
    (void)state;
    struct policy p;
    policy_init(&p);
    struct fold_rules rules = {.policy = &p};
    struct history_env env = {TIME_NONE};
    struct address_status s;
    struct history h;
    arena a;
    buf b;
    arena_init(&a, 0);
    buf_init(&b, 0);
    encode_old_baseline(&b);
    history_init(&h, &rules, &a);
    assert_int_equal(history_rebuild_from(&h, buf_slice(&b), NULL, 0), OK);
    assert_true(history_state(&h, &env, START_US + 13 * TIME_DAY, &s));
    assert_int_equal(s.state, STATE_SOFT);
    assert_int_equal(h.base.failures.n, 4);
    assert_int_equal(h.base.failures.v[0].row, ROW_CAMPAIGN);
    assert_int_equal(h.base.failures.v[3].row, ROW_SLOW);
    struct policy_event e = {.time_us = START_US + 14 * TIME_DAY,
                             .key = 100,
                             .kind = BOUNCE_KIND_FAILED,
                             .reason = BOUNCE_REASON_UNKNOWN,
                             .campaign = 77,
                             .trust = TRUST_PROVEN};
    assert_int_equal(history_rebuild_from(&h, buf_slice(&b), &e, 1), OK);
    assert_true(history_state(&h, &env, START_US + 14 * TIME_DAY, &s));
    assert_int_equal(s.state, STATE_SUPPRESSED);
    for (size_t n = 1; n + 1 < b.n; n++) /* every prefix; what stands behind the fold is not read */
        assert_int_not_equal(history_rebuild_from(&h, slice_of(b.p, n), NULL, 0), OK);
    buf_fini(&b);
    arena_fini(&a);
}

static void test_order_few(void **state)
{
    (void)state;
    orders_of(3, 20, 200, 6);
    orders_of(12, 40, 200, 6);
}

static void test_order_many(void **state)
{
    (void)state;
    orders_of(HISTORY_RECENT + 1, 60, 10, 4);
    orders_of(4 * HISTORY_RECENT, 300, 4, 3);
}

/* The state does not depend on where the horizon lies: the baseline is the fold, nothing else. */
static void test_horizon_does_not_show(void **state)
{
    (void)state;
    enum { N = 600 };
    struct policy p;
    policy_init(&p);
    const struct fold_rules rules = {.policy = &p};
    arena a;
    arena_init(&a, 0);
    struct policy_event *events = malloc(N * sizeof(*events));
    assert_non_null(events);
    make_events(4711, events, N, 500);
    struct history h;
    history_init(&h, &(struct fold_rules){.policy = &p}, &a);
    assert_true(history_rebuild(&h, events, N));
    assert_true(h.has_base);
    struct address_status with, without;
    struct history_env env = {TIME_NONE};
    assert_true(history_state(&h, &env, START_US + 600 * TIME_DAY, &with));
    struct fold f;
    fold_init(&f);
    for (size_t i = 0; i < N; i++)
        assert_true(fold_step(&f, &rules, &events[i], &a));
    fold_finish(&f, &rules, TIME_NONE, START_US + 600 * TIME_DAY, &without);
    assert_int_equal(with.state, without.state);
    assert_int_equal(with.cause, without.cause);
    assert_int_equal(with.suppression_count, without.suppression_count);
    assert_true(with.since_us == without.since_us);
    free(events);
    arena_fini(&a);
}

/* 100,000 hits on one address: bounded bytes, and time that grows with their number only. */
static void test_flood(void **state)
{
    (void)state;
    struct policy p;
    policy_init(&p);
    arena a;
    arena_init(&a, 0);
    struct history h;
    history_init(&h, &(struct fold_rules){.policy = &p}, &a);
    struct policy_event e = {.what = EVENT_OBSERVED, .kind = BOUNCE_KIND_FAILED, .trust = TRUST_PROVEN};
    for (unsigned i = 0; i < 100000; i++) {
        e.time_us = START_US + (int64_t)i * TIME_MINUTE;
        e.key = i;
        e.ids[ID_MESSAGE] = 1 + i;
        e.reason = (uint8_t)(i % 2 ? BOUNCE_REASON_SPAM_CONTENT : BOUNCE_REASON_GREYLISTED);
        assert_int_equal(history_add(&h, &e), HISTORY_ADDED);
    }
    struct address_status s;
    struct history_env env = {TIME_NONE};
    assert_true(history_state(&h, &env, e.time_us, &s));
    assert_int_equal(s.state, STATE_SUPPRESSED);
    assert_int_equal(h.total, 100000);
    buf b;
    buf_init(&b, 0);
    history_encode(&h, &b);
    assert_true(b.n < 32 * 1024);
    buf_fini(&b);
    arena_fini(&a);
}

static void test_bytes_of_strangers(void **state)
{
    (void)state;
    struct policy p, other;
    policy_init(&p);
    arena a;
    arena_init(&a, 0);
    struct policy_event events[300];
    make_events(99, events, ARRAY_LEN(events), 200);
    struct history h, back;
    history_init(&h, &(struct fold_rules){.policy = &p}, &a);
    assert_true(history_rebuild(&h, events, ARRAY_LEN(events)));
    buf b;
    buf_init(&b, 0);
    history_encode(&h, &b);
    assert_int_equal(history_decode(buf_slice(&b), &(struct fold_rules){.policy = &p}, &a, &back), OK);
    for (size_t n = 1; n < b.n; n++) /* every prefix */
        assert_int_not_equal(history_decode(slice_of(b.p, n), &(struct fold_rules){.policy = &p}, &a, &back), OK);
    other = p;
    other.base.rows[ROW_SLOW].count = 7;
    assert_int_equal(history_decode(buf_slice(&b), &(struct fold_rules){.policy = &other}, &a, &back), E_BUSY);
    b.p[0] = HISTORY_VERSION + 1;
    assert_int_equal(history_decode(buf_slice(&b), &(struct fold_rules){.policy = &p}, &a, &back), E_UNSUPPORTED);
    uint64_t seed = 5;
    b.p[0] = HISTORY_VERSION;
    for (unsigned i = 0; i < 2000; i++) { /* any byte may be anything: no crash */
        size_t at = pick(&seed, (unsigned)b.n);
        char old = b.p[at];
        b.p[at] = (char)next_random(&seed);
        enum status s = history_decode(buf_slice(&b), &(struct fold_rules){.policy = &p}, &a, &back);
        assert_true(s == OK || s == E_CORRUPT || s == E_BUSY || s == E_UNSUPPORTED);
        b.p[at] = old;
        arena_reset(&a);
    }
    buf_fini(&b);
    arena_fini(&a);
}

/* Version 1 had no marks behind an event, and nothing else is different where there are none. */
static void test_first_version_is_read(void **state)
{
    (void)state;
    struct policy p;
    policy_init(&p);
    const struct fold_rules rules = {.policy = &p};
    arena a;
    arena_init(&a, 0);
    struct policy_event e = {.time_us = START_US, .key = 5, .kind = BOUNCE_KIND_FAILED, .trust = TRUST_PROVEN};
    struct history h, back;
    history_init(&h, &rules, &a);
    assert_int_equal(history_add(&h, &e), HISTORY_ADDED);
    buf b;
    buf_init(&b, 0);
    history_encode(&h, &b);
    b.p[0] = 1;
    assert_int_equal(b.p[b.n - 1], 0); /* no marks */
    assert_int_equal(history_decode(slice_of(b.p, b.n - 1), &rules, &a, &back), OK);
    assert_int_equal(back.n, 1);
    assert_true(back.recent[0].time_us == e.time_us && back.recent[0].key == e.key);
    buf_fini(&b);
    arena_fini(&a);
}

static void test_settings(void **state)
{
    (void)state;
    struct policy p, q;
    err e;
    policy_init(&p);
    assert_int_equal(policy_check(&p, &e), OK);
    q = p;
    assert_true(policy_fingerprint(&p) == policy_fingerprint(&q));
    q.expiry_us[CAUSE_ESCALATED]++;
    assert_true(policy_fingerprint(&p) != policy_fingerprint(&q));
    q.base.rows[ROW_SLOW].count = POLICY_MAX_COUNT + 1;
    assert_int_equal(policy_check(&q, &e), E_INVALID);
}

static void test_memory_refused(void **state)
{
    (void)state;
    struct policy p;
    policy_init(&p);
    struct policy_event events[200];
    make_events(7, events, ARRAY_LEN(events), 30);
    for (size_t cap = 16; cap < 40000; cap += 512) {
        arena a;
        arena_init(&a, cap);
        struct history h;
        struct address_status s;
        struct history_env env = {TIME_NONE};
        history_init(&h, &(struct fold_rules){.policy = &p}, &a);
        enum history_status got = HISTORY_ADDED;
        for (size_t i = 0; i < ARRAY_LEN(events) && got != HISTORY_MEMORY; i++)
            got = history_add(&h, &events[i]);
        if (got != HISTORY_MEMORY)
            assert_true(history_state(&h, &env, START_US, &s) || a.limited);
        arena_fini(&a);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_order_under_other_presets),
        cmocka_unit_test(test_a_baseline_of_before),
        cmocka_unit_test(test_order_few),
        cmocka_unit_test(test_order_many),
        cmocka_unit_test(test_horizon_does_not_show),
        cmocka_unit_test(test_flood),
        cmocka_unit_test(test_bytes_of_strangers),
        cmocka_unit_test(test_first_version_is_read),
        cmocka_unit_test(test_settings),
        cmocka_unit_test(test_memory_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
