/* A flood of suppressions from one feed, through the intake: held from its first message on, released, dismissed. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "core/acts.h"
#include "core/around.h"
#include "core/breaker.h"
#include "core/intake.h"
#include "core/keep.h"

#define NOW_US (INT64_C(1760000000) * TIME_SECOND)
#define FLOOD 60u

struct world {
    struct ledger *ledger;
    struct bounce_rules *rules;
    struct policy policy;
    struct breaker_limits limits;
    struct intake *in;
    int64_t now_us;
    unsigned number;
    arena a;
    err e;
};

#define ok(w, call)                                                             \
    do {                                                                        \
        enum status ok_status = (call);                                         \
        if (ok_status != OK)                                                    \
            fail_msg("%s: %s: %s", #call, status_word(ok_status), (w)->e.text); \
    } while (0)

static void tell(struct world *w, const char *feed, const char *who, enum bounce_kind kind)
{
    unsigned n = w->number++;
    struct observation o = {.kind = kind,
                            .recipient = arena_printf(&w->a, "%s%u@example.com", who, n),
                            .time_us = w->now_us,
                            .sent_us = TIME_NONE,
                            .ids = {[ID_MESSAGE] = arena_printf(&w->a, "m%u@example.org", n)},
                            .phase = BOUNCE_PHASE_RCPT,
                            .feed = slice_str(feed),
                            .format = S("postfix"),
                            .trust = TRUST_PROVEN,
                            .source_key = hash128(slice_of((const char *)&n, sizeof(n)))};
    if (kind == BOUNCE_KIND_FAILED)
        o.reply = S("550 5.1.1 User unknown");
    ok(w, intake_add(w->in, &o, &w->e));
}

static struct intake_counts flush(struct world *w)
{
    struct intake_result r;
    ok(w, intake_flush(w->in, w->now_us, &r, &w->e));
    return r.counts;
}

/* Two days of a feed that tells of a delivery each hour, and of a dead address now and then. */
static int open_world(void **state)
{
    static struct world w;
    static const struct sip_key key = {3, 4};
    slice error;
    struct ledger_options o = {
        .path = ":memory:", .create = true, .key = &key, .hash_addresses = getenv("TEST_HASHED_LEDGER") != NULL};
    w = (struct world){.now_us = NOW_US};
    arena_init(&w.a, 0);
    ok(&w, ledger_open(&o, &w.ledger, &w.e));
    assert_int_equal(bounce_rules_new(NULL, 0, false, &w.a, &w.rules, &error), BOUNCE_OK);
    policy_init(&w.policy);
    breaker_init(&w.limits);
    w.limits.flood.count = 50;
    struct intake_options io = {.breaker = &w.limits};
    ok(&w, intake_new(w.ledger, w.rules, &w.policy, &io, &w.in, &w.e));
    for (unsigned hour = 0; hour < 48; hour++, w.now_us += TIME_HOUR) {
        tell(&w, "mail.log", "good", BOUNCE_KIND_DELIVERED);
        if (hour % 6 == 0)
            tell(&w, "mail.log", "dead", BOUNCE_KIND_FAILED);
        flush(&w);
    }
    *state = &w;
    return 0;
}

static int close_world(void **state)
{
    struct world *w = *state;
    intake_free(&w->in);
    ledger_close(&w->ledger);
    bounce_rules_free(&w->rules);
    arena_fini(&w->a);
    return 0;
}

static bool take_open(void *ctx, const struct ledger_circumstance *c)
{
    if (c->c.what == CIRCUMSTANCE_BREAKER && !c->undone && c->c.until_us == TIME_NONE)
        *(int64_t *)ctx = c->c.id;
    return true;
}

static int64_t open_breaker(struct world *w)
{
    int64_t id = 0;
    ok(w, ledger_circumstances(w->ledger, 0, take_open, &id, &w->e));
    return id;
}

static struct ledger_address row_of(struct world *w, const char *who, unsigned n)
{
    struct ledger_address row;
    slice key = arena_printf(&w->a, "%s%u@example.com", who, n);
    ok(w, ledger_addresses(w->ledger, SLICE_EMPTY, &key, 1, &w->a, &row, &w->e));
    return row;
}

/* The flood comes in several batches; gives the number of its first message. */
static unsigned flood(struct world *w)
{
    unsigned first = w->number;
    for (unsigned i = 0; i < FLOOD; i++) {
        tell(w, "mail.log", "flood", BOUNCE_KIND_FAILED);
        if (i % 20 == 19)
            flush(w);
        w->now_us += TIME_SECOND;
    }
    flush(w);
    return first;
}

static unsigned count_suppressed(struct world *w, unsigned first)
{
    unsigned n = 0;
    for (unsigned i = 0; i < FLOOD; i++)
        n += row_of(w, "flood", first + i).state == STATE_SUPPRESSED;
    return n;
}

static void held_from_its_first_message(void **state)
{
    struct world *w = *state;
    assert_int_equal(open_breaker(w), 0);
    unsigned first = flood(w);
    assert_true(open_breaker(w) > 0);
    struct around_counts counts = {0};
    ok(w, around_finish(w->ledger, &w->policy, w->now_us, &counts, &w->e));
    assert_int_equal(count_suppressed(w, first), 0);
    assert_int_equal(row_of(w, "flood", first).state, STATE_HELD);
    assert_int_equal(row_of(w, "flood", first).hold, HOLD_BREAKER);
    assert_int_equal(row_of(w, "flood", first + FLOOD - 1).hold, HOLD_BREAKER);
    /* what was there before stays, and other feeds go on */
    assert_int_equal(row_of(w, "dead", 1).state, STATE_SUPPRESSED);
    unsigned n = w->number;
    tell(w, "dsn", "other", BOUNCE_KIND_FAILED);
    flush(w);
    assert_int_equal(row_of(w, "other", n).state, STATE_SUPPRESSED);
}

static void released(void **state)
{
    struct world *w = *state;
    unsigned first = flood(w);
    struct around_counts counts = {0};
    int64_t id = open_breaker(w);
    ok(w, around_finish(w->ledger, &w->policy, w->now_us, &counts, &w->e));
    ok(w, breaker_release(w->ledger, id, S("ann"), S("the list was bought"), w->now_us, &w->e));
    ok(w, around_finish(w->ledger, &w->policy, w->now_us, &counts, &w->e));
    assert_int_equal(count_suppressed(w, first), FLOOD);
    assert_int_equal(open_breaker(w), 0);
    assert_int_equal(breaker_release(w->ledger, id, S("ann"), SLICE_EMPTY, w->now_us, &w->e), E_DENIED);
    assert_int_equal(breaker_release(w->ledger, 99, S("ann"), SLICE_EMPTY, w->now_us, &w->e), E_NOT_FOUND);
    w->now_us += TIME_DAY;
    flood(w); /* so much is usual now */
    assert_int_equal(open_breaker(w), 0);
}

static void dismissed(void **state)
{
    struct world *w = *state;
    unsigned first = flood(w);
    struct around_counts counts = {0};
    ok(w, around_finish(w->ledger, &w->policy, w->now_us, &counts, &w->e));
    ok(w, breaker_dismiss(w->ledger, open_breaker(w), S("ann"), SLICE_EMPTY, w->now_us, &w->e));
    ok(w, around_finish(w->ledger, &w->policy, w->now_us, &counts, &w->e));
    assert_int_equal(count_suppressed(w, first), 0);
    assert_int_equal(row_of(w, "flood", first).state, STATE_ACTIVE);
    w->now_us += TIME_MINUTE;
    unsigned n = w->number;
    tell(w, "mail.log", "late", BOUNCE_KIND_FAILED);
    flush(w);
    assert_int_equal(row_of(w, "late", n).state, STATE_SUPPRESSED);
}

/* What is stored is what the events give, with the breaker open and without. */
static void a_rebuild_gives_the_same(void **state)
{
    struct world *w = *state;
    struct around_counts counts = {0};
    unsigned first = flood(w);
    ok(w, around_finish(w->ledger, &w->policy, w->now_us, &counts, &w->e));
    struct ledger_address before = row_of(w, "flood", first);
    w->limits.on = false;
    struct entry n;
    ok(w, entry_of(&n, w->ledger, &w->policy, before.id, &w->a, &w->e));
    ok(w, entry_settle(&n, w->now_us, &w->e));
    assert_int_equal(n.row.state, before.state);
    assert_int_equal(n.row.hold, before.hold);
}

static void switched_off(void **state)
{
    struct world *w = *state;
    w->limits.on = false;
    unsigned first = flood(w);
    assert_int_equal(open_breaker(w), 0);
    assert_int_equal(count_suppressed(w, first), FLOOD);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, open_world, close_world)
    const struct CMUnitTest tests[] = {
        TEST(held_from_its_first_message), TEST(released),     TEST(dismissed),
        TEST(a_rebuild_gives_the_same),    TEST(switched_off),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
