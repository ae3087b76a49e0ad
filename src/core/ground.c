#include "core/ground.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/map.h"
#include "core/rates.h"

#define READ_AGAIN_US TIME_MINUTE

static const char *const KINDS[GROUND_KINDS] = {"source", "import", "feed", "stream", "country"};
static const char *const STATE_WORDS[GROUND_STATES] = {"watched", "good", "bad", "held", "released"};

const char *ground_kind_word(enum ground_kind k)
{
    MUST((unsigned)k < GROUND_KINDS);
    return KINDS[k];
}

const char *ground_state_word(enum ground_state s)
{
    MUST((unsigned)s < GROUND_STATES);
    return STATE_WORDS[s];
}

enum ground_kind ground_kind_find(slice word)
{
    unsigned k = 0;
    while (k < GROUND_KINDS && !slice_eq(word, slice_str(KINDS[k])))
        k++;
    return (enum ground_kind)k;
}

/* ---- the cache ---- */

struct known {
    enum ground_kind kind;
    slice tenant, name;
    bool watched, touched;
    int64_t sent;               /* as read, and counted since */
    struct ledger_ground delta; /* of this batch */
};

struct grounds {
    arena a;
    map by_key;
    struct known **touched;
    size_t n, room;
    int64_t read_us;   /* TIME_NONE: not yet */
    bool sources;      /* a source or an import is watched */
    int64_t looked_id; /* the address whose source was looked for last */
    slice source, import;
    arena scratch;
};

enum status grounds_new(struct grounds **out, err *e)
{
    static const struct sip_key key = {0x67726f756e64, 1}; /* names come from our own side */
    struct grounds *g = calloc(1, sizeof *g);
    *out = g;
    if (!g)
        return err_set(e, E_MEMORY, "grounds: out of memory");
    arena_init(&g->a, 0);
    arena_init(&g->scratch, 0);
    map_init(&g->by_key, &key);
    g->read_us = TIME_NONE;
    return OK;
}

void grounds_free(struct grounds **grounds)
{
    struct grounds *g = *grounds;
    if (!g)
        return;
    map_fini(&g->by_key);
    arena_fini(&g->a);
    arena_fini(&g->scratch);
    free(g);
    *grounds = NULL;
}

static slice make_key(arena *a, enum ground_kind kind, slice tenant, slice name)
{
    return arena_printf(a, "%u\n%.*s\n%.*s", (unsigned)kind, SLICE_FMT(tenant), SLICE_FMT(name));
}

static struct known *add_known(struct grounds *g, enum ground_kind kind, slice tenant, slice name)
{
    slice key = make_key(&g->a, kind, tenant, name);
    struct known *k = ARENA_NEW(&g->a, struct known);
    void **place = k && !g->a.limited ? map_put(&g->by_key, key) : NULL;
    if (!place)
        return NULL;
    k->kind = kind;
    k->tenant = arena_dup(&g->a, tenant);
    k->name = arena_dup(&g->a, name);
    k->watched = true;
    *place = k;
    return k;
}

static bool take(void *ctx, const struct ledger_ground *x)
{
    struct grounds *g = ctx;
    enum ground_kind kind = ground_kind_find(x->kind);
    if (kind == GROUND_KINDS || g->by_key.n >= GROUND_MAX)
        return true;
    struct known *k = add_known(g, kind, x->tenant, x->name);
    if (!k)
        return false;
    k->watched = x->state == GROUND_WATCHED && x->sent < GROUND_SENDS;
    k->sent = x->sent;
    g->sources |= k->watched && (kind == GROUND_SOURCE || kind == GROUND_IMPORT);
    return true;
}

static void forget_batch(struct grounds *g)
{
    g->touched = NULL;
    g->n = g->room = 0;
    g->looked_id = -1;
    arena_reset(&g->scratch);
}

enum status grounds_begin(struct grounds *g, struct ledger *l, int64_t now_us, err *e)
{
    bool stale = g->n > 0 || g->read_us == TIME_NONE || now_us - g->read_us > READ_AGAIN_US || now_us < g->read_us;
    forget_batch(g);
    if (!stale)
        return OK;
    map_clear(&g->by_key);
    arena_reset(&g->a);
    g->sources = false;
    enum status st = ledger_grounds(l, take, g, e);
    if (st == OK && g->a.limited)
        st = err_set(e, E_MEMORY, "grounds: out of memory");
    g->read_us = st == OK ? now_us : TIME_NONE;
    return st;
}

/* ---- counting ---- */

static void add_up(struct ledger_ground *d, const struct ledger_tally *t)
{
    struct rates r = {0};
    rates_add(&r, t->kind, t->reason, t->count);
    d->sent += rates_sent(&r);
    d->delivered += r.delivered + r.relayed;
    d->hard += r.hard;
    d->soft += r.soft;
    d->block += r.block;
    d->complaint += r.complaint;
    d->engaged += t->kind == BOUNCE_KIND_OPENED || t->kind == BOUNCE_KIND_CLICKED ? t->count : 0;
}

static enum status count_one(struct grounds *g, enum ground_kind kind, slice tenant, slice name,
                             const struct ledger_tally *t, err *e)
{
    if (slice_empty(name))
        return OK;
    char space[320];
    int n = snprintf(space, sizeof space, "%u\n%.*s\n%.*s", (unsigned)kind, SLICE_FMT(tenant), SLICE_FMT(name));
    if (n < 0 || (size_t)n >= sizeof space)
        return OK; /* a name that long is none of a ground */
    struct known *k = map_get(&g->by_key, slice_of(space, (size_t)n));
    if (!k && g->by_key.n < GROUND_MAX)
        k = add_known(g, kind, tenant, name);
    if (!k)
        return g->a.limited ? err_set(e, E_MEMORY, "grounds: out of memory") : OK;
    if (!k->watched)
        return OK;
    if (!k->touched) {
        struct known **grown = arena_grow(&g->scratch, g->touched, g->n, &g->room, sizeof(struct known *));
        if (!grown)
            return err_set(e, E_MEMORY, "grounds: out of memory");
        g->touched = grown;
        grown[g->n++] = k;
        k->touched = true;
        k->delta = (struct ledger_ground){.first_us = TIME_NONE, .delivered_us = TIME_NONE};
    }
    int64_t at_us = t->hour * TIME_HOUR;
    add_up(&k->delta, t);
    if (k->delta.first_us == TIME_NONE || at_us < k->delta.first_us)
        k->delta.first_us = at_us;
    if (t->kind == BOUNCE_KIND_DELIVERED && (k->delta.delivered_us == TIME_NONE || at_us < k->delta.delivered_us))
        k->delta.delivered_us = at_us;
    return OK;
}

/* Where the address came from, when the mail does not tell. */
static enum status look_for_source(struct grounds *g, const struct entry *n, err *e)
{
    struct ledger_acquired q;
    if (n->row.id && n->row.id == g->looked_id)
        return OK;
    g->looked_id = n->row.id;
    g->source = g->import = SLICE_EMPTY;
    enum status st = ledger_get_acquired(n->ledger, n->row.tenant, n->row.key, &g->scratch, &q, e);
    if (st != OK)
        return st == E_NOT_FOUND ? OK : st;
    g->source = q.source;
    g->import = q.batch;
    return OK;
}

static slice country_of(slice domain)
{
    size_t dot = slice_rchr(domain, '.');
    slice last = dot == SLICE_NPOS ? SLICE_EMPTY : slice_from(domain, dot + 1);
    return last.n == 2 && ascii_alpha(last.p[0]) && ascii_alpha(last.p[1]) ? last : SLICE_EMPTY;
}

enum status grounds_count(struct grounds *g, const struct entry *n, const struct observation *o,
                          const struct ledger_tally *t, err *e)
{
    slice source = t->source, import = SLICE_EMPTY;
    enum status st = OK;
    if (bounce_kind_attempt(t->kind))
        return OK;
    if (g->sources) {
        st = look_for_source(g, n, e);
        source = slice_empty(source) ? g->source : source;
        import = g->import;
    }
    if (st == OK)
        st = count_one(g, GROUND_SOURCE, t->tenant, source, t, e);
    if (st == OK)
        st = count_one(g, GROUND_IMPORT, t->tenant, import, t, e);
    if (st == OK)
        st = count_one(g, GROUND_FEED, t->tenant, o->feed, t, e);
    if (st == OK)
        st = count_one(g, GROUND_STREAM, t->tenant, t->stream, t, e);
    return st == OK ? count_one(g, GROUND_COUNTRY, t->tenant, country_of(t->domain), t, e) : st;
}

enum status grounds_write(struct grounds *g, struct ledger *l, int64_t now_us, err *e)
{
    enum status st = OK;
    for (size_t i = 0; i < g->n && st == OK; i++) {
        struct known *k = g->touched[i];
        struct ledger_ground row = k->delta;
        row.tenant = k->tenant;
        row.kind = slice_str(KINDS[k->kind]);
        row.name = k->name;
        row.first_us = row.first_us == TIME_NONE ? now_us : row.first_us;
        st = ledger_add_ground(l, &row, e);
        k->sent += row.sent;
        k->watched = k->sent < GROUND_SENDS;
        k->touched = false;
    }
    if (st == OK)
        forget_batch(g);
    return st;
}
