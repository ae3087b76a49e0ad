/* The power goes while feeds bring failures, bodies of webhooks and acts of people at once: what was acknowledged is there once, with
 * its letter, and all goes on. The file system loses and tears what was not synced (tests/vfs). */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>
#include <event2/event.h>

#include "core/acts.h"
#include "core/outbox.h"
#include "serve/writer.h"
#include "vfs/lossy.h"

#define NOW_US (INT64_C(1760000000) * TIME_SECOND)
#define PATH "/ledger.db"
#define FEEDS 8u  /* units under way at once */
#define UNITS 60u /* of a run */
#define CUTS_OTHERWISE 40

struct item {
    struct unit unit; /* first */
    struct world *world;
    struct observation o;
    struct act act;
    char address[64], id[64];
    bool done, acknowledged;
};

struct world {
    struct lossy *disk;
    struct event_base *base;
    struct post *post;
    struct knowledge_box *knowledge;
    struct writer *writer;
    struct item items[UNITS];
    size_t put, back;
    bool cut;
};

static int64_t frozen_clock(void)
{
    return NOW_US;
}

static bool open_writer(struct world *w, const char *synchronous)
{
    err e;
    struct writer_options o = {.ledger_path = PATH,
                               .vfs = LOSSY_NAME,
                               .synchronous = synchronous,
                               .knowledge = w->knowledge,
                               .post = w->post,
                               .gather_us = -1,
                               .clock = frozen_clock};
    return writer_new(&o, &w->writer, &e) == OK;
}

static void world_open(struct world *w, uint64_t seed)
{
    err e;
    slice error;
    struct knowledge *k = knowledge_new();
    *w = (struct world){.disk = lossy_new(seed), .base = event_base_new()};
    assert_int_equal(bounce_rules_new(NULL, 0, false, &k->a, &k->rules, &error), BOUNCE_OK);
    assert_int_equal(post_new(w->base, &w->post, &e), OK);
    assert_int_equal(knowledge_box_new(k, &w->knowledge, &e), OK);
}

static void world_close(struct world *w)
{
    writer_free(&w->writer);
    post_run(w->post);
    knowledge_box_free(&w->knowledge);
    post_free(&w->post);
    event_base_free(w->base);
    lossy_free(&w->disk);
}

/* ---- what feeds bring ---- */

static enum status store_body(struct unit *u, struct ledger *l, err *e)
{
    struct item *i = (struct item *)(void *)u;
    return ledger_put_body(l, S("hook"), slice_str(i->address), NOW_US, e);
}

static enum status suppress(struct unit *u, struct ledger *l, const struct policy *policy, err *e)
{
    struct item *i = (struct item *)(void *)u;
    struct act_result r;
    return suppress_add(l, policy, &i->act, &r, e);
}

static void came_back(struct unit *u)
{
    struct item *i = (struct item *)(void *)u;
    i->done = true;
    i->acknowledged = u->status == OK;
    i->world->back++;
    i->world->cut |= u->status != OK;
}

/* Every third is a failure, every third a failure with the body of a webhook beside it, every third an act of a person. */
static void put_next(struct world *w)
{
    struct item *i = &w->items[w->put];
    size_t n = w->put++;
    i->world = w;
    snprintf(i->address, sizeof i->address, "u%zu@example.org", n);
    snprintf(i->id, sizeof i->id, "m%zu@example.net", n);
    i->o = (struct observation){.kind = BOUNCE_KIND_FAILED,
                                .recipient = slice_str(i->address),
                                .reply = S("550 5.1.1 User unknown"),
                                .time_us = NOW_US,
                                .sent_us = TIME_NONE,
                                .ids = {[ID_MESSAGE] = slice_str(i->id)},
                                .phase = BOUNCE_PHASE_RCPT,
                                .trust = TRUST_PROVEN,
                                .source_key = hash128(slice_str(i->id))};
    i->act = (struct act){.address = slice_str(i->address), .actor = S("eve"), .time_us = NOW_US};
    i->unit = (struct unit){.done = came_back};
    if (n % 3 == 2) {
        i->unit.act = suppress;
    } else {
        i->unit.observations = &i->o;
        i->unit.count = 1;
        i->unit.more = n % 3 == 1 ? store_body : NULL;
    }
    assert_int_equal(writer_put(w->writer, &i->unit), OK);
}

static enum status put_endpoint(struct unit *u, struct ledger *l, err *e)
{
    const struct ledger_endpoint p = {.name = S("crm"),
                                      .tenant = SLICE_EMPTY,
                                      .streams = SLICE_EMPTY,
                                      .kinds = 1u << OUTBOX_SUPPRESSED,
                                      .active = true};
    (void)u;
    return ledger_put_endpoint(l, &p, e);
}

static void run(struct world *w)
{
    static struct item endpoint;
    endpoint = (struct item){.world = w, .unit = {.more = put_endpoint, .done = came_back}};
    assert_int_equal(writer_put(w->writer, &endpoint.unit), OK);
    while (!endpoint.done)
        assert_int_equal(event_base_loop(w->base, EVLOOP_ONCE), 0);
    w->back = 0;
    while (!w->cut && w->back < UNITS) {
        while (w->put < UNITS && w->put - w->back < FEEDS)
            put_next(w);
        assert_int_equal(event_base_loop(w->base, EVLOOP_ONCE), 0);
    }
    while (w->back < w->put)
        assert_int_equal(event_base_loop(w->base, EVLOOP_ONCE), 0);
}

/* ---- what must be there afterwards ---- */

struct found {
    unsigned events[UNITS], letters[UNITS], bodies[UNITS];
};

static bool number_in(slice text, size_t *n)
{
    uint64_t v;
    size_t at = slice_find(text, S("@example.org")), from = at;
    if (at == SLICE_NPOS)
        return false;
    while (from > 0 && text.p[from - 1] >= '0' && text.p[from - 1] <= '9')
        from--;
    if (!slice_u64(slice_sub(text, from, at - from), &v) || v >= UNITS)
        return false;
    *n = (size_t)v;
    return true;
}

static bool count_event(void *ctx, const struct ledger_event *ev, const struct observation *o)
{
    struct found *f = ctx;
    size_t n;
    (void)o;
    if (number_in(ev->address, &n))
        f->events[n]++;
    return true;
}

static bool count_letter(void *ctx, const struct ledger_letter *m)
{
    struct found *f = ctx;
    size_t n;
    if (number_in(m->body, &n))
        f->letters[n]++;
    return true;
}

static bool count_body(void *ctx, const struct ledger_body *b)
{
    struct found *f = ctx;
    size_t n;
    if (number_in(b->body, &n))
        f->bodies[n]++;
    return true;
}

/* How many acknowledged items are not wholly there. Nothing is ever there twice or by half; but a body that its sender sends again is
 * another body (`again`), of the same events. */
static size_t missing(struct world *w, bool again)
{
    struct ledger *l;
    struct ledger_options o = {.path = PATH, .create = true, .vfs = LOSSY_NAME};
    static struct found f;
    size_t lost = 0;
    err e;
    f = (struct found){0};
    if (ledger_open(&o, &l, &e) != OK)
        return SIZE_MAX;
    if (ledger_events_since(l, 0, 0, count_event, &f, &e) != OK ||
        ledger_letters(l, 1, false, 0, 0, count_letter, &f, &e) != OK ||
        ledger_bodies(l, S("hook"), 0, count_body, &f, &e) != OK)
        lost = SIZE_MAX;
    ledger_close(&l);
    for (size_t n = 0; n < UNITS && lost != SIZE_MAX; n++) {
        bool wants_body = n % 3 == 1;
        assert_true(f.events[n] <= 1 && f.letters[n] <= 1 && f.bodies[n] <= (again ? 2u : 1u));
        assert_int_equal(f.events[n], f.letters[n]);
        assert_true(!wants_body || again || f.events[n] == f.bodies[n]);
        lost += w->items[n].acknowledged && !f.events[n];
    }
    return lost;
}

static uint64_t operations_of_a_whole_run(void)
{
    static struct world w;
    world_open(&w, 1);
    assert_true(open_writer(&w, "FULL"));
    run(&w);
    assert_int_equal(w.back, UNITS);
    writer_free(&w.writer);
    assert_int_equal(missing(&w, false), 0);
    uint64_t n = lossy_operations(w.disk);
    world_close(&w);
    return n;
}

/* Cut at one place; how many acknowledged items are missing then. */
static size_t lose(uint64_t seed, uint64_t at, const char *synchronous)
{
    static struct world w;
    world_open(&w, seed);
    if (!open_writer(&w, synchronous)) {
        world_close(&w);
        return 0;
    }
    lossy_cut_at(w.disk, lossy_operations(w.disk) + at);
    run(&w);
    writer_free(&w.writer);
    post_run(w.post);
    lossy_restart(w.disk);
    size_t lost = missing(&w, false);
    if (open_writer(&w, synchronous)) { /* it goes on */
        w.put = w.back = 0;
        w.cut = false;
        run(&w);
        assert_int_equal(w.back, UNITS);
        assert_false(w.cut);
        writer_free(&w.writer);
        assert_int_equal(missing(&w, true), 0);
    }
    world_close(&w);
    return lost;
}

static unsigned cuts(void)
{
    const char *text = getenv("SERVE_POWER_CUTS");
    return text ? (unsigned)strtoul(text, NULL, 10) : CUTS_OTHERWISE;
}

static void nothing_acknowledged_is_lost(void **state)
{
    uint64_t operations = operations_of_a_whole_run();
    (void)state;
    for (unsigned i = 0; i < cuts(); i++)
        assert_int_equal(lose(i + 1, 1 + (i * 7919u) % operations, "FULL"), 0);
}

/* The test must be able to see a loss. */
static void without_syncs_something_is_lost(void **state)
{
    uint64_t operations = operations_of_a_whole_run();
    unsigned seen = 0;
    (void)state;
    for (unsigned i = 0; i < 20; i++)
        seen += lose(i + 1, operations / 2 + (i * 7919u) % (operations / 2), "OFF") > 0;
    assert_true(seen > 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_acknowledged_is_lost),
        cmocka_unit_test(without_syncs_something_is_lost),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
