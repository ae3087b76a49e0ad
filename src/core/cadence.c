#include "core/cadence.h"

/* ---- choosing ---- */

/* Borders, with the one to come in and the one to go out apart from each other. */
#define DAILY_IN (5 * TIME_DAY / 2)
#define DAILY_OUT (4 * TIME_DAY)
#define MONTHLY_IN (21 * TIME_DAY)
#define MONTHLY_OUT (14 * TIME_DAY)

enum preset cadence_choose(enum preset before, unsigned sendings, int64_t median_us)
{
    if (sendings < CADENCE_LEAST)
        return before == PRESETS ? PRESET_DEFAULT : before;
    if (median_us <= (before == PRESET_AUTO_DAILY ? DAILY_OUT : DAILY_IN) && sendings >= CADENCE_DAILY_LEAST)
        return PRESET_AUTO_DAILY;
    if (median_us >= (before == PRESET_AUTO_MONTHLY ? MONTHLY_OUT : MONTHLY_IN))
        return PRESET_AUTO_MONTHLY;
    return PRESET_DEFAULT;
}

/* ---- what is stored ---- */

struct stored {
    arena *a;
    struct ledger_cadence *v; /* the latest of each stream */
    size_t n, room;
    bool failed;
};

static struct ledger_cadence *stored_of(const struct stored *s, slice tenant, slice stream)
{
    for (size_t i = 0; i < s->n; i++)
        if (slice_eq(s->v[i].tenant, tenant) && slice_eq(s->v[i].stream, stream))
            return &s->v[i];
    return NULL;
}

/* They come in the order of their times: a later one takes the place of the one before it. */
static bool take_stored(void *ctx, const struct ledger_cadence *c)
{
    struct stored *s = ctx;
    struct ledger_cadence *old = stored_of(s, c->tenant, c->stream);
    if (old) {
        old->choice = c->choice;
        old->sendings = c->sendings;
        old->median_us = c->median_us;
        old->since_us = c->since_us;
        return true;
    }
    struct ledger_cadence *grown = arena_grow(s->a, s->v, s->n, &s->room, sizeof(*grown));
    s->failed |= !grown;
    if (!grown)
        return false;
    s->v = grown;
    grown[s->n] = *c;
    grown[s->n].tenant = arena_dup(s->a, c->tenant);
    grown[s->n++].stream = arena_dup(s->a, c->stream);
    return true;
}

static enum status read_stored(struct ledger *l, struct stored *s, err *e)
{
    enum status st = ledger_cadences(l, take_stored, s, e);
    return st == OK && s->failed ? err_set(e, E_MEMORY, "cadences: out of memory") : st;
}

/* ---- measuring ---- */

#define MAX_DAYS 128u

struct measured {
    slice tenant, stream;
    int32_t days[MAX_DAYS];
    unsigned n;
};

struct measuring {
    const struct policy *p;
    struct stored all; /* measured streams grow in its arena too */
    struct measured *v;
    size_t n, room;
};

static bool is_auto(const struct policy *p, slice tenant, slice stream)
{
    return policy_stream(policy_of_tenant(p, tenant), policy_name_hash(stream))->preset == PRESET_AUTO;
}

/* They come sorted by tenant and stream. */
static bool take_day(void *ctx, slice tenant, slice stream, int64_t day)
{
    struct measuring *m = ctx;
    struct measured *last = m->n ? &m->v[m->n - 1] : NULL;
    if (!is_auto(m->p, tenant, stream))
        return true;
    if (!last || !slice_eq(last->tenant, tenant) || !slice_eq(last->stream, stream)) {
        struct measured *grown = arena_grow(m->all.a, m->v, m->n, &m->room, sizeof(*grown));
        m->all.failed |= !grown;
        if (!grown)
            return false;
        m->v = grown;
        last = &grown[m->n++];
        *last = (struct measured){.tenant = arena_dup(m->all.a, tenant), .stream = arena_dup(m->all.a, stream)};
    }
    if (last->n < MAX_DAYS)
        last->days[last->n++] = (int32_t)day;
    return true;
}

static int64_t median_gap(const struct measured *m)
{
    int32_t gaps[MAX_DAYS];
    unsigned n = 0;
    for (unsigned i = 1; i < m->n; i++) {
        int32_t gap = m->days[i] - m->days[i - 1];
        unsigned at = n++;
        for (; at && gaps[at - 1] > gap; at--)
            gaps[at] = gaps[at - 1];
        gaps[at] = gap;
    }
    if (!n)
        return 0;
    int64_t twice = n % 2 ? 2 * (int64_t)gaps[n / 2] : (int64_t)gaps[n / 2 - 1] + gaps[n / 2];
    return twice * (TIME_DAY / 2);
}

static enum status choose(struct ledger *l, const struct measuring *m, const struct measured *one, int64_t now_us,
                          cadence_fn told, void *ctx, unsigned *changed, err *e)
{
    const struct ledger_cadence *old = stored_of(&m->all, one->tenant, one->stream);
    enum preset before = old && old->choice < PRESETS ? (enum preset)old->choice : PRESETS;
    struct ledger_cadence c = {.tenant = one->tenant,
                               .stream = one->stream,
                               .sendings = one->n,
                               .median_us = median_gap(one),
                               .since_us = now_us};
    enum preset choice = cadence_choose(before, c.sendings, c.median_us);
    bool new = choice != before &&c.sendings >= CADENCE_LEAST;
    c.choice = choice;
    if (!new &&old)
        c.since_us = old->since_us;
    *changed += new;
    if (told)
        told(ctx, &c, before);
    return new ? ledger_put_cadence(l, &c, e) : OK;
}

static enum status measure(struct ledger *l, const struct policy *p, int64_t now_us, cadence_fn told, void *ctx,
                           unsigned *changed, err *e)
{
    arena a;
    arena_init(&a, 0);
    struct measuring m = {.p = p, .all = {.a = &a}};
    *changed = 0;
    enum status st = read_stored(l, &m.all, e);
    if (st == OK)
        st = ledger_sending_days(l, now_us > CADENCE_SPAN_US ? now_us - CADENCE_SPAN_US : 0, take_day, &m, e);
    if (st == OK && m.all.failed)
        st = err_set(e, E_MEMORY, "cadences: out of memory");
    for (size_t i = 0; i < m.n && st == OK; i++)
        st = choose(l, &m, &m.v[i], now_us, told, ctx, changed, e);
    arena_fini(&a);
    return st;
}

enum status cadence_measure(struct ledger *l, const struct policy *p, int64_t now_us, cadence_fn told, void *ctx,
                            unsigned *changed, err *e)
{
    enum status st = ledger_begin(l, e);
    if (st != OK)
        return st;
    st = measure(l, p, now_us, told, ctx, changed, e);
    if (st == OK)
        st = ledger_commit(l, e);
    if (st != OK)
        ledger_abort(l);
    return st;
}

/* ---- applying ---- */

static bool any_auto(const struct policy *p)
{
    bool found = p->base.preset == PRESET_AUTO;
    for (size_t i = 0; i < p->stream_count && !found; i++)
        found = p->streams[i].tolerances.preset == PRESET_AUTO;
    return found;
}

bool cadence_wanted(const struct policy *p)
{
    bool found = any_auto(p);
    for (size_t i = 0; i < p->tenant_count && !found; i++)
        found = any_auto(&p->tenants[i].policy);
    return found;
}

/* What a line of the settings did not change. */
static void put_choice(struct tolerances *t, const struct ledger_cadence *c)
{
    struct tolerances untouched, chosen;
    preset_tolerances(PRESET_AUTO, &untouched);
    preset_tolerances((enum preset)c->choice, &chosen);
    for (unsigned i = 0; i < ROWS; i++)
        if (tolerance_same(&t->rows[i], &untouched.rows[i]))
            t->rows[i] = chosen.rows[i];
    t->cadence = (struct cadence){(uint8_t)c->choice, c->sendings, c->median_us, c->since_us};
}

/* The stream's own place in a list that may be written. NULL: memory. */
static struct tolerances *own_place(struct policy *p, slice stream, arena *a)
{
    uint64_t hash = policy_name_hash(stream);
    if (!hash)
        return &p->base;
    struct policy_stream *copy = arena_alloc(a, (p->stream_count + 1) * sizeof(*copy));
    if (!copy)
        return NULL;
    size_t at = p->stream_count;
    for (size_t i = 0; i < p->stream_count; i++) {
        copy[i] = p->streams[i];
        if (copy[i].stream == hash)
            at = i;
    }
    if (at == p->stream_count)
        copy[p->stream_count++] = (struct policy_stream){hash, arena_dup(a, stream), p->base};
    p->streams = copy;
    return &copy[at].tolerances;
}

/* The tenant's policy in a list that may be written; made of the common one where it has none. NULL: memory. */
static struct policy *own_policy(struct policy *p, slice tenant, arena *a)
{
    if (slice_empty(tenant))
        return p;
    uint64_t hash = policy_name_hash(tenant);
    struct policy_tenant *copy = arena_alloc(a, (p->tenant_count + 1) * sizeof(*copy));
    if (!copy)
        return NULL;
    size_t at = p->tenant_count;
    for (size_t i = 0; i < p->tenant_count; i++) {
        copy[i] = p->tenants[i];
        if (copy[i].tenant == hash)
            at = i;
    }
    if (at == p->tenant_count) {
        copy[at] = (struct policy_tenant){hash, arena_dup(a, tenant), *p};
        copy[at].policy.tenants = NULL;
        copy[at].policy.tenant_count = 0;
        p->tenant_count++;
    }
    p->tenants = copy;
    return &copy[at].policy;
}

static bool apply_one(struct policy *p, const struct ledger_cadence *c, arena *a)
{
    if (c->choice >= PRESETS || !is_auto(p, c->tenant, c->stream))
        return true;
    struct policy *mine = own_policy(p, c->tenant, a);
    struct tolerances *t = mine ? own_place(mine, c->stream, a) : NULL;
    if (t)
        put_choice(t, c);
    return t != NULL;
}

/* Tenants first, since they begin with the common policy; of each the mail without a stream last, since streams begin with that. */
static unsigned turn_of(const struct ledger_cadence *c)
{
    return (slice_empty(c->tenant) ? 2u : 0u) + (slice_empty(c->stream) ? 1u : 0u);
}

enum status cadence_apply(struct ledger *l, struct policy *p, arena *a, err *e)
{
    struct stored s = {.a = a};
    if (!cadence_wanted(p))
        return OK;
    enum status st = read_stored(l, &s, e);
    for (unsigned turn = 0; turn < 4 && st == OK; turn++)
        for (size_t i = 0; i < s.n && st == OK; i++)
            if (turn_of(&s.v[i]) == turn && !apply_one(p, &s.v[i], a))
                st = err_set(e, E_MEMORY, "policy: out of memory");
    return st;
}
