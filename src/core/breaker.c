#include "core/breaker.h"

#include <stdlib.h>

#include "core/around.h"

void breaker_init(struct breaker_limits *b)
{
    *b = (struct breaker_limits){.on = true, .flood = {.count = 1000, .span_us = TIME_HOUR, .times = 5}};
}

enum status breaker_check(const struct breaker_limits *b, err *e)
{
    if (b->flood.count < 1 || b->flood.times < 1 || b->flood.span_us < TIME_MINUTE)
        return err_set(e, E_INVALID, "breaker: count and times are at least 1, the span is at least a minute");
    return OK;
}

/* ---- hearing ---- */

void heard_init(struct heard *h, arena *a)
{
    *h = (struct heard){.a = a};
}

/* Feeds of a batch are few, and mostly the same one. */
static struct heard_feed *find(struct heard *h, slice tenant, slice feed)
{
    for (size_t k = 0; k < h->n; k++) {
        size_t i = (h->last + k) % h->n;
        if (slice_eq(h->feeds[i]->feed, feed) && slice_eq(h->feeds[i]->tenant, tenant)) {
            h->last = i;
            return h->feeds[i];
        }
    }
    struct heard_feed **grown = arena_grow(h->a, h->feeds, h->n, &h->room, sizeof(struct heard_feed *));
    struct heard_feed *made = grown ? ARENA_NEW(h->a, struct heard_feed) : NULL;
    if (grown)
        h->feeds = grown;
    if (!made)
        return NULL;
    made->tenant = tenant;
    made->feed = feed;
    h->last = h->n;
    h->feeds[h->n++] = made;
    return made;
}

bool heard_feed(struct heard *h, slice tenant, slice feed)
{
    return slice_empty(feed) || find(h, tenant, feed);
}

bool heard_suppression(struct heard *h, slice tenant, slice feed, int64_t time_us)
{
    if (slice_empty(feed))
        return true;
    struct heard_feed *f = find(h, tenant, feed);
    int64_t *grown = f ? arena_grow(h->a, f->times, f->n, &f->room, sizeof *grown) : NULL;
    if (!grown)
        return false;
    f->times = grown;
    grown[f->n++] = time_us;
    return true;
}

/* ---- writing ---- */

static int by_time(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return x < y ? -1 : x > y;
}

static enum status open_breaker(struct ledger *l, const struct heard_feed *f, const struct breaker_limits *limits,
                                int64_t from_us, uint32_t window, uint32_t usual, int64_t now_us, err *e)
{
    buf note;
    buf_init(&note, 0);
    buf_printf(&note, "%u suppressions within ", window);
    time_add_span(&note, limits->flood.span_us);
    buf_printf(&note, " from one feed; it usually brings up to %u", usual);
    struct ledger_circumstance c = {.c = {.from_us = from_us,
                                          .until_us = TIME_NONE,
                                          .reasons = CIRCUMSTANCE_ALL_REASONS,
                                          .what = CIRCUMSTANCE_BREAKER,
                                          .by = MARK_FEED},
                                    .tenant = f->tenant,
                                    .name = f->feed,
                                    .made_us = now_us,
                                    .actor = S(BREAKER_ACTOR),
                                    .note = buf_slice(&note)};
    enum status st = note.failed ? err_set(e, E_MEMORY, "breaker: out of memory") : around_put(l, &c, e);
    buf_fini(&note);
    return st;
}

/* True when the batch makes a flood of it; where it began goes to *from_us. */
static bool count_suppressions(struct beat *b, const struct heard_feed *f, const struct breaker_limits *limits,
                               int64_t now_us, int64_t *from_us, uint32_t *window)
{
    int64_t slot_us = limits->flood.span_us / BEAT_SLOTS;
    bool flood = false;
    qsort(f->times, f->n, sizeof *f->times, by_time);
    for (size_t i = 0, end; i < f->n && !flood; i = end) {
        for (end = i + 1; end < f->n && f->times[end] / slot_us == f->times[i] / slot_us;)
            end++;
        uint32_t before = beat_window(b);
        flood = beat_suppressed(b, &limits->flood, f->times[i], (uint32_t)(end - i), now_us, from_us);
        *window = before + (uint32_t)(end - i);
    }
    return flood;
}

static enum status put_beat(struct ledger *l, const struct heard_feed *f, const struct beat *b, err *e)
{
    buf bytes;
    buf_init(&bytes, 0);
    beat_encode(b, &bytes);
    struct ledger_beat row = {
        .tenant = f->tenant, .feed = f->feed, .heard_us = b->heard_us, .memory = buf_slice(&bytes)};
    enum status st = bytes.failed ? err_set(e, E_MEMORY, "feeds: out of memory") : ledger_put_beat(l, &row, e);
    buf_fini(&bytes);
    return st;
}

static enum status write_feed(const struct heard *h, const struct heard_feed *f, struct ledger *l,
                              const struct breaker_limits *limits, int64_t now_us, unsigned *opened, err *e)
{
    struct ledger_beat row;
    struct beat beat;
    int64_t from_us = 0;
    uint32_t window = 0;
    enum status st = ledger_get_beat(l, f->tenant, f->feed, h->a, &row, e);
    if (st != OK && st != E_NOT_FOUND)
        return st;
    if (st == E_NOT_FOUND || !beat_decode(row.memory, &beat))
        beat_init(&beat);
    beat_heard(&beat, now_us);
    bool flood = f->n && limits && limits->on && count_suppressions(&beat, f, limits, now_us, &from_us, &window);
    st = put_beat(l, f, &beat, e);
    if (st != OK || !flood)
        return st;
    ++*opened;
    return open_breaker(l, f, limits, from_us, window, beat.usual, now_us, e);
}

enum status heard_write(const struct heard *h, struct ledger *l, const struct breaker_limits *limits, int64_t now_us,
                        unsigned *opened, err *e)
{
    enum status st = OK;
    *opened = 0;
    for (size_t i = 0; i < h->n && st == OK; i++)
        st = write_feed(h, h->feeds[i], l, limits, now_us, opened, e);
    return st;
}

/* ---- people ---- */

static enum status open_one(struct ledger *l, int64_t id, arena *a, struct ledger_circumstance *c, err *e)
{
    enum status st = ledger_begin(l, e);
    if (st == OK)
        st = ledger_get_circumstance(l, id, a, c, e);
    if (st == E_NOT_FOUND || (st == OK && c->c.what != CIRCUMSTANCE_BREAKER))
        return err_set(e, E_NOT_FOUND, "there is no breaker %lld", (long long)id);
    if (st == OK && (c->undone || c->c.until_us != TIME_NONE))
        return err_set(e, E_DENIED, "breaker %lld was %s already, by %.*s", (long long)id,
                       c->undone ? "released" : "dismissed", SLICE_FMT(c->actor));
    return st;
}

/* What a person calls right is usual from now on. */
static enum status make_usual(struct ledger *l, const struct ledger_circumstance *c, arena *a, err *e)
{
    struct ledger_beat row;
    struct beat beat;
    enum status st = ledger_get_beat(l, c->tenant, c->name, a, &row, e);
    if (st != OK)
        return st == E_NOT_FOUND ? OK : st;
    if (!beat_decode(row.memory, &beat))
        return OK;
    beat_released(&beat);
    const struct heard_feed f = {.tenant = c->tenant, .feed = c->name};
    return put_beat(l, &f, &beat, e);
}

static enum status finish(struct ledger *l, struct ledger_circumstance *c, slice actor, slice note, enum status so_far,
                          err *e)
{
    enum status st = so_far;
    c->actor = actor;
    c->note = slice_empty(note) ? c->note : note;
    if (st == OK)
        st = around_put(l, c, e);
    if (st == OK)
        st = ledger_commit(l, e);
    if (st != OK)
        ledger_abort(l);
    return st;
}

enum status breaker_release(struct ledger *l, int64_t id, slice actor, slice note, int64_t now_us, err *e)
{
    struct ledger_circumstance c = {.c.from_us = 0};
    arena a;
    arena_init(&a, 0);
    enum status st = open_one(l, id, &a, &c, e);
    c.undone = true;
    c.c.until_us = now_us > c.c.from_us ? now_us : c.c.from_us + 1;
    if (st == OK)
        st = make_usual(l, &c, &a, e);
    st = finish(l, &c, actor, note, st, e);
    arena_fini(&a);
    return st;
}

enum status breaker_dismiss(struct ledger *l, int64_t id, slice actor, slice note, int64_t now_us, err *e)
{
    struct ledger_circumstance c = {.c.from_us = 0};
    arena a;
    arena_init(&a, 0);
    enum status st = open_one(l, id, &a, &c, e);
    c.c.until_us = now_us > c.c.from_us ? now_us : c.c.from_us + 1;
    st = finish(l, &c, actor, note, st, e);
    arena_fini(&a);
    return st;
}
