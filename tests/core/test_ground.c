/* New ground: counted with the tallies, warned of early, judged once, held and released. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/acts.h"
#include "core/alerts.h"
#include "core/ground.h"
#include "core/intake.h"
#include "core/lists.h"

#define NOW_US (INT64_C(1760000000) * TIME_SECOND)

struct world {
    struct ledger *ledger;
    struct bounce_rules *rules;
    struct policy policy;
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

static int open_world(void **state)
{
    static struct world w;
    static const struct sip_key key = {3, 4};
    slice error;
    struct ledger_options o = {.path = ":memory:", .create = true, .key = &key};
    w = (struct world){.now_us = NOW_US};
    arena_init(&w.a, 0);
    ok(&w, ledger_open(&o, &w.ledger, &w.e));
    assert_int_equal(bounce_rules_new(NULL, 0, false, &w.a, &w.rules, &error), BOUNCE_OK);
    policy_init(&w.policy);
    struct intake_options io = {.incidents.off = true};
    ok(&w, intake_new(w.ledger, w.rules, &w.policy, &io, &w.in, &w.e));
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

static void tell(struct world *w, slice recipient, enum bounce_kind kind, unsigned message)
{
    unsigned n = w->number++;
    struct observation o = {.kind = kind,
                            .recipient = recipient,
                            .time_us = w->now_us,
                            .sent_us = TIME_NONE,
                            .stream = S("news"),
                            .ids = {[ID_MESSAGE] = arena_printf(&w->a, "m%u@example.org", message)},
                            .phase = BOUNCE_PHASE_RCPT,
                            .feed = S("mail.log"),
                            .format = S("postfix"),
                            .trust = TRUST_PROVEN,
                            .source_key = hash128(slice_of((const char *)&n, sizeof(n)))};
    if (kind == BOUNCE_KIND_FAILED)
        o.reply = S("550 5.1.1 User unknown");
    ok(w, intake_add(w->in, &o, &w->e));
}

static slice address(struct world *w, unsigned i)
{
    return arena_printf(&w->a, "a%u@example.de", i);
}

static void flush(struct world *w)
{
    struct intake_result r;
    ok(w, intake_flush(w->in, w->now_us, &r, &w->e));
}

struct source {
    slice rest;
};

static long give(void *ctx, char *p, size_t n)
{
    struct source *s = ctx;
    n = n < s->rest.n ? n : s->rest.n;
    memcpy(p, s->rest.p, n);
    s->rest = slice_from(s->rest, n);
    return (long)n;
}

/* `n` addresses come with the batch "fair". */
static void import(struct world *w, unsigned n)
{
    struct acquired_result r;
    buf list;
    buf_init(&list, 0);
    buf_adds(&list, "email,source\n");
    for (unsigned i = 0; i < n; i++)
        buf_printf(&list, "a%u@example.de,partner\n", i);
    struct source s = {buf_slice(&list)};
    ok(w, acquired_import(w->ledger, SLICE_EMPTY, S("fair"), false, give, &s, &w->a, &r, &w->e));
    assert_int_equal(r.stored, n);
    buf_fini(&list);
}

struct ground_search {
    const char *kind, *name;
    struct ledger_ground row;
    bool found;
};

static bool match(void *ctx, const struct ledger_ground *g)
{
    struct ground_search *s = ctx;
    if (!slice_eq(g->kind, slice_str(s->kind)) || !slice_eq(g->name, slice_str(s->name)))
        return true;
    s->row = *g;
    s->found = true;
    return false;
}

static struct ledger_ground ground(struct world *w, const char *kind, const char *name)
{
    struct ground_search s = {.kind = kind, .name = name};
    ok(w, ledger_grounds(w->ledger, match, &s, &w->e));
    if (!s.found)
        fail_msg("no ground %s %s", kind, name);
    return s.row;
}

static bool keep_text(void *ctx, const struct ledger_alert *a)
{
    buf *text = ctx;
    if (slice_eq(a->rule, S("ground")))
        buf_printf(text, "%.*s %.*s: %.*s; %.*s\n", SLICE_FMT(a->what), SLICE_FMT(a->name), SLICE_FMT(a->why),
                   SLICE_FMT(a->advice));
    return true;
}

/* The open alerts about new ground, one a line. */
static slice alerts(struct world *w)
{
    struct alert_settings settings;
    struct alert_counts counts;
    struct findings found;
    buf text;
    alert_settings_init(&settings);
    struct alert_run run = {.now_us = w->now_us, .settings = &settings};
    ok(w, ledger_begin(w->ledger, &w->e));
    ok(w, alerts_find(w->ledger, &run, &w->a, &found, &w->e));
    ok(w, alerts_settle(w->ledger, &found, NULL, 0, w->now_us, &counts, &w->e));
    ok(w, ledger_commit(w->ledger, &w->e));
    buf_init(&text, 0);
    ok(w, ledger_alerts(w->ledger, false, 0, keep_text, &text, &w->e));
    slice kept = arena_dup(&w->a, buf_slice(&text));
    buf_fini(&text);
    return kept;
}

static bool has(slice text, const char *word)
{
    return slice_find(text, slice_str(word)) != SLICE_NPOS;
}

static void eight_of_sixty_are_enough(void **state)
{
    struct world *w = *state;
    import(w, 500);
    for (unsigned i = 0; i < 60; i++)
        tell(w, address(w, i), i % 8 == 0 ? BOUNCE_KIND_FAILED : BOUNCE_KIND_DELIVERED, i);
    flush(w);
    struct ledger_ground g = ground(w, "import", "fair");
    assert_int_equal(g.sent, 60);
    assert_int_equal(g.hard, 8);
    assert_int_equal(ground(w, "source", "partner").sent, 60);
    assert_int_equal(ground(w, "stream", "news").sent, 60);
    assert_int_equal(ground(w, "feed", "mail.log").hard, 8);
    assert_int_equal(ground(w, "country", "de").hard, 8);
    slice text = alerts(w);
    assert_true(has(text, "import fair: new: 8 hard bounces of the first 60"));
    assert_true(has(text, "hold its rest: bounced ground hold import 'fair'"));
    assert_false(has(text, "looks bought")); /* it had no time to be opened */
}

static void a_good_one_is_left_alone(void **state)
{
    struct world *w = *state;
    for (unsigned i = 0; i < 1200; i++) {
        tell(w, address(w, i), i % 100 == 0 ? BOUNCE_KIND_FAILED : BOUNCE_KIND_DELIVERED, i);
        if (i % 100 == 99)
            flush(w);
    }
    assert_true(slice_empty(alerts(w)));
    assert_int_equal(ground(w, "stream", "news").state, GROUND_GOOD);
    assert_int_equal(ground(w, "stream", "news").sent, 1000); /* watched no longer */
}

/* A delivery that bounces later is one message. */
static void corrections_correct(void **state)
{
    struct world *w = *state;
    tell(w, address(w, 1), BOUNCE_KIND_DELIVERED, 1);
    flush(w);
    w->now_us += TIME_HOUR;
    tell(w, address(w, 1), BOUNCE_KIND_FAILED, 1);
    flush(w);
    struct ledger_ground g = ground(w, "stream", "news");
    assert_int_equal(g.sent, 1);
    assert_int_equal(g.hard, 1);
    assert_int_equal(g.delivered, 0);
}

static enum address_state state_of(struct world *w, unsigned i, struct ledger_address *row)
{
    slice key = address(w, i);
    ok(w, ledger_addresses(w->ledger, SLICE_EMPTY, &key, 1, &w->a, row, &w->e));
    return row->id ? row->state : STATE_ACTIVE;
}

static void act(struct world *w, const struct ground_act *what, struct ground_counts *counts)
{
    slice after = SLICE_EMPTY;
    bool more = true;
    *counts = (struct ground_counts){0};
    while (more)
        ok(w, ground_act_some(w->ledger, &w->policy, what, &after, &w->a, counts, &more, &w->e));
}

static void held_and_released(void **state)
{
    struct world *w = *state;
    struct ground_counts counts;
    struct ledger_address row;
    struct act_result r;
    import(w, 1200);
    for (unsigned i = 0; i < 60; i++)
        tell(w, address(w, i), i % 8 == 0 ? BOUNCE_KIND_FAILED : BOUNCE_KIND_DELIVERED, i);
    tell(w, S("reader@example.org"), BOUNCE_KIND_OPENED, 9999); /* others are opened */
    flush(w);
    struct act mine = {
        .address = address(w, 700), .actor = S("me"), .note = S("mine"), .scope = SCOPE_TENANT, .time_us = w->now_us};
    ok(w, suppress_add(w->ledger, &w->policy, &mine, &r, &w->e));
    w->now_us += 3 * TIME_DAY;
    assert_true(has(alerts(w), "it looks bought"));
    struct ground_act hold = {
        .kind = GROUND_IMPORT, .name = S("fair"), .actor = S("ann"), .note = S("bought"), .now_us = w->now_us};
    act(w, &hold, &counts);
    assert_int_equal(counts.looked, 1200);
    assert_int_equal(counts.changed, 1200 - 60 - 1); /* without those delivered or suppressed */
    assert_int_equal(state_of(w, 500, &row), STATE_SUPPRESSED);
    assert_int_equal(row.cause, CAUSE_MANUAL);
    assert_int_equal(state_of(w, 1, &row), STATE_ACTIVE);
    assert_int_equal(ground(w, "import", "fair").state, GROUND_HELD);
    w->now_us += TIME_HOUR;
    hold.release = true;
    hold.now_us = w->now_us;
    act(w, &hold, &counts);
    assert_int_equal(counts.changed, 1200 - 60 - 1);
    assert_int_equal(state_of(w, 500, &row), STATE_ACTIVE);
    assert_int_equal(state_of(w, 700, &row), STATE_SUPPRESSED); /* a person's own */
    assert_int_equal(state_of(w, 0, &row), STATE_SUPPRESSED);   /* hard */
    assert_int_equal(ground(w, "import", "fair").state, GROUND_RELEASED);
    assert_false(has(alerts(w), "import fair"));
    hold.kind = GROUND_STREAM;
    slice after = SLICE_EMPTY;
    bool more;
    assert_int_equal(ground_act_some(w->ledger, &w->policy, &hold, &after, &w->a, &counts, &more, &w->e), E_INVALID);
    hold.kind = GROUND_SOURCE;
    hold.name = S("unheard of");
    assert_int_equal(ground_act_some(w->ledger, &w->policy, &hold, &after, &w->a, &counts, &more, &w->e), E_NOT_FOUND);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, open_world, close_world)
    const struct CMUnitTest tests[] = {TEST(eight_of_sixty_are_enough), TEST(a_good_one_is_left_alone),
                                       TEST(corrections_correct), TEST(held_and_released)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
