/* Replay equals live: what a small simulated year tells goes through the intake into a ledger, in the order in which it becomes known,
 * and every address has the state there that the simulator gave it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "core/entry.h"
#include "core/intake.h"
#include "plan.h"

#define ADDRESSES 1500u
#define DOMAINS 12u
#define BATCH 100u

struct told {
    int64_t now_us;
    uint32_t address, order;
    struct note note;
};

struct tape {
    struct told *v;
    size_t n, room;
};

static void keep_told(void *ctx, uint32_t address, const struct note *n, int64_t now_us)
{
    struct tape *t = ctx;
    if (t->n == t->room) {
        t->room = t->room ? 2 * t->room : 4096;
        t->v = realloc(t->v, t->room * sizeof(*t->v));
        assert_non_null(t->v);
    }
    t->v[t->n] = (struct told){now_us, address, (uint32_t)t->n, *n};
    t->n++;
}

static int by_arrival(const void *a, const void *b)
{
    const struct told *x = a, *y = b;
    if (x->now_us != y->now_us)
        return x->now_us < y->now_us ? -1 : 1;
    return x->order < y->order ? -1 : 1;
}

/* ---- the ledger's side ---- */

struct bench {
    struct ledger *ledger;
    struct bounce_rules *rules;
    struct intake *intake;
    const struct year *year;
    arena a; /* of one batch */
};

static slice address_of(const struct year *y, uint32_t address, arena *a)
{
    return arena_printf(a, "u%u@d%u.example", (unsigned)address, (unsigned)y->world->addresses[address].domain);
}

static struct observation observe(struct bench *b, const struct told *t)
{
    struct policy_event e;
    opinion_event(&b->year->opinion, t->address, &t->note, &e);
    struct observation o = {.kind = (enum bounce_kind)t->note.kind,
                            .recipient = address_of(b->year, t->address, &b->a),
                            .stream = arena_printf(&b->a, "s%u", (unsigned)t->note.stream),
                            .campaign =
                                arena_printf(&b->a, "c%u-%u", (unsigned)t->note.stream, (unsigned)t->note.campaign),
                            .time_us = t->note.time_us,
                            .sent_us = TIME_NONE,
                            .feed = S("simulator"),
                            .format = S("postfix"),
                            .trust = (enum trust)e.trust,
                            .source_key = {e.key, ~e.key}};
    o.ids[ID_MESSAGE] = arena_printf(&b->a, "%llx@example.org", (unsigned long long)t->note.message);
    if (t->note.witness == WITNESS_LOG)
        o.ids[ID_QUEUE] = arena_printf(&b->a, "host/%llx", (unsigned long long)t->note.message);
    if (bounce_kind_final(o.kind) || bounce_kind_attempt(o.kind))
        o.reply = slice_str(b->year->replies->v[t->note.reply].text);
    return o;
}

static void flush(struct bench *b, int64_t now_us)
{
    struct intake_result r;
    err e = {.text = ""};
    if (intake_flush(b->intake, now_us, &r, &e) != OK)
        fail_msg("flush: %s", e.text);
    arena_reset(&b->a);
}

static void play(struct bench *b, const struct tape *t)
{
    for (size_t i = 0; i < t->n; i++) {
        struct observation o = observe(b, &t->v[i]);
        err e;
        assert_int_equal(intake_add(b->intake, &o, &e), OK);
        if (intake_pending(b->intake) == BATCH)
            flush(b, t->v[i].now_us);
    }
    flush(b, t->v[t->n - 1].now_us);
}

static void bench_open(struct bench *b, const struct year *y, const struct policy *policy, bool watching)
{
    static const struct sip_key key = {5, 6};
    struct ledger_options o = {.path = ":memory:", .create = true, .key = &key};
    struct intake_options options = {.incidents = {.off = !watching, .sensitivity = METER_USUAL}};
    err e;
    slice error;
    memset(b, 0, sizeof(*b));
    b->year = y;
    arena_init(&b->a, 0);
    assert_int_equal(ledger_open(&o, &b->ledger, &e), OK);
    assert_int_equal(bounce_rules_new(NULL, 0, false, &b->a, &b->rules, &error), BOUNCE_OK);
    assert_int_equal(intake_new(b->ledger, b->rules, policy, &options, &b->intake, &e), OK);
}

static void bench_close(struct bench *b)
{
    intake_free(&b->intake);
    bounce_rules_free(&b->rules);
    ledger_close(&b->ledger);
    arena_fini(&b->a);
}

static void compare(struct bench *b, const struct record *r, const struct policy *policy, int64_t now_us)
{
    struct entry n;
    err e = {.text = ""};
    slice address, key;
    arena_reset(&b->a);
    assert_true(entry_name(address_of(b->year, r->address, &b->a), &b->a, &address, &key));
    assert_int_equal(entry_find(&n, b->ledger, policy, SLICE_EMPTY, address, key, &b->a, &e), OK);
    assert_int_equal(entry_settle(&n, now_us, &e), OK);
    if (n.status.state != r->state || n.status.cause != (enum cause)r->cause)
        fail_msg("address %u: %s, %s in the ledger; %s, %s in the simulator", (unsigned)r->address,
                 state_word(n.status.state), cause_word(n.status.cause), state_word((enum address_state)r->state),
                 cause_word((enum cause)r->cause));
}

static void replay(enum plan plan, bool watching)
{
    struct replies replies;
    struct params p;
    struct world w;
    struct year y;
    struct tape tape = {0};
    struct year_options options;
    assert_true(replies_init(&replies));
    params_init(&p, false, 1);
    p.domains = DOMAINS;
    p.outages_giant = 30000; /* so that there is something to notice at so few addresses */
    p.outage_wrong_giant = 300000;
    world_init(&w, &p, 1, ADDRESSES, false);
    plan_options(plan, &options);
    options.all = true;
    options.forgets = false;
    options.told = keep_told;
    options.ctx = &tape;
    year_run(&y, &w, &replies, &options);
    qsort(tape.v, tape.n, sizeof(*tape.v), by_arrival);
    struct bench b;
    bench_open(&b, &y, &options.policy, watching);
    play(&b, &tape);
    int64_t end_us = tape.v[tape.n - 1].now_us;
    opinion_refold(&y.opinion, WORLD_NEVER, INT64_MIN, end_us);
    unsigned states[STATES] = {0};
    for (uint32_t i = 0; i < y.opinion.record_count; i++) {
        compare(&b, &y.opinion.records[i], &options.policy, end_us);
        states[y.opinion.records[i].state]++;
    }
    print_message("%u notes, %u incidents, %u addresses: %u suppressed, %u held, %u soft\n", (unsigned)tape.n,
                  (unsigned)y.score.opened, (unsigned)y.opinion.record_count, states[STATE_SUPPRESSED],
                  states[STATE_HELD], states[STATE_SOFT]);
    assert_true(states[STATE_SUPPRESSED] > 200 && states[STATE_SOFT] > 0);
    assert_int_equal(y.score.opened > 0, watching);
    bench_close(&b);
    free(tape.v);
    year_fini(&y);
    world_fini(&w);
}

static void replay_equals_live(void **state)
{
    (void)state;
    replay(PLAN_BLIND, false);
}

/* The incidents that the intake notices hold and let go the same addresses. */
static void with_incidents(void **state)
{
    (void)state;
    replay(PLAN_DEFAULT, true);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(replay_equals_live), cmocka_unit_test(with_incidents)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
