#include "core/digest.h"

#include <stdlib.h>

#include "core/incidents.h"
#include "core/summary.h"

struct making {
    struct ledger *l;
    struct digest *d;
    arena *a;
    err *e;
};

static int64_t day_end(const struct digest *d)
{
    return d->day_us + TIME_DAY;
}

static enum status summarise(struct making *m, enum tally_by by, int64_t from_us, int64_t to_us, struct summary *out)
{
    return summary_make(m->l, by, m->d->options.tenant, from_us, to_us, m->a, out, m->e);
}

static void total(const struct summary *s, struct rates *out)
{
    for (size_t i = 0; i < s->n; i++)
        rates_sum(out, &s->rows[i].rates);
}

/* ---- figures, and lines that were crossed ---- */

static void add_crossed(struct digest *d, const char *what, slice name, const struct rates *r, enum figure f)
{
    const struct threshold *t = threshold_worst(r, f);
    if (!t || t->level != THRESHOLD_LIMIT)
        return;
    d->crossed_all++;
    if (d->crossed_count < DIGEST_MAX_CROSSED)
        d->crossed[d->crossed_count++] = (struct digest_crossed){what, name, t, figure_of(r, f)};
}

static enum status look_at(struct making *m, const char *what, enum tally_by by)
{
    struct summary s;
    enum status st = summarise(m, by, m->d->day_us, day_end(m->d), &s);
    for (size_t i = 0; st == OK && i < s.n; i++)
        for (unsigned f = 0; f < FIGURES; f++)
            if (!slice_empty(s.rows[i].name))
                add_crossed(m->d, what, s.rows[i].name, &s.rows[i].rates, (enum figure)f);
    return st;
}

static enum status figures(struct making *m)
{
    struct digest *d = m->d;
    struct summary s;
    enum status st = summarise(m, TALLY_DAY, d->day_us, day_end(d), &s);
    if (st == OK) {
        total(&s, &d->day);
        for (unsigned f = 0; f < FIGURES; f++)
            add_crossed(d, "all mail", SLICE_EMPTY, &d->day, (enum figure)f);
        st = summarise(m, TALLY_DAY, d->day_us - DIGEST_DAYS_BEFORE * TIME_DAY, d->day_us, &s);
    }
    if (st == OK)
        total(&s, &d->before);
    static const struct {
        const char *what;
        enum tally_by by;
    } parts[] = {{"campaign", TALLY_CAMPAIGN}, {"stream", TALLY_STREAM}, {"provider", TALLY_PROVIDER}};
    for (size_t i = 0; st == OK && i < ARRAY_LEN(parts); i++)
        st = look_at(m, parts[i].what, parts[i].by);
    return st;
}

/* Rows come the largest first. */
static enum status blocks(struct making *m)
{
    struct summary s;
    enum status st = summarise(m, TALLY_REASON, m->d->day_us, day_end(m->d), &s);
    for (size_t i = 0; st == OK && i < s.n && m->d->block_count < DIGEST_MAX_BLOCKS; i++)
        if (s.rows[i].rates.block > 0)
            m->d->blocks[m->d->block_count++] =
                (struct digest_block){bounce_reason_find(s.rows[i].name), s.rows[i].rates.block};
    return st;
}

/* ---- incidents: those that are open, and those of the day ---- */

static bool keep_incident(void *ctx, const struct ledger_circumstance *c)
{
    struct making *m = ctx;
    struct digest *d = m->d;
    bool open = c->c.until_us == TIME_NONE;
    bool ours = slice_empty(c->tenant) || slice_empty(d->options.tenant) || slice_eq(c->tenant, d->options.tenant);
    if (c->c.what != CIRCUMSTANCE_INCIDENT || c->undone || !ours)
        return true;
    if (!open && (c->c.until_us < d->day_us || c->c.from_us >= day_end(d)))
        return true;
    slice about = incident_about(c, m->a);
    d->incidents[d->incident_count++] =
        (struct digest_incident){arena_dup(m->a, about), arena_dup(m->a, c->note), c->c.from_us, open};
    return d->incident_count < DIGEST_MAX_INCIDENTS;
}

#define CIRCUMSTANCES_LOOKED_AT 1000

static enum status findings(struct making *m)
{
    struct digest *d = m->d;
    enum status st = typos_find(m->l, d->options.tenant, m->a, &d->typos, m->e);
    if (st == OK)
        st = sources_make(m->l, d->options.tenant, SOURCE_BY_SOURCE, m->a, &d->sources, m->e);
    if (st == OK && d->options.industry)
        st = benchmark_over(m->l, d->options.tenant, d->options.industry, d->options.now_us, m->a, &d->benchmark, m->e);
    return st;
}

enum status digest_make(struct ledger *l, const struct digest_options *o, arena *a, struct digest *out, err *e)
{
    struct making m = {l, out, a, e};
    *out = (struct digest){.options = *o, .day_us = o->now_us / TIME_DAY * TIME_DAY - TIME_DAY};
    enum status st = figures(&m);
    if (st == OK)
        st = blocks(&m);
    if (st == OK)
        st = ledger_suppressed_within(l, o->tenant, out->day_us, day_end(out), out->suppressed, e);
    if (st == OK)
        st = ledger_held_now(l, o->tenant, out->held, e);
    if (st == OK)
        st = ledger_circumstances(l, CIRCUMSTANCES_LOOKED_AT, keep_incident, &m, e);
    return st == OK ? findings(&m) : st;
}
