#include "core/typos.h"

#include <stdlib.h>

#include "core/distance.h"
#include "core/summary.h"
#include "core/typo.h"

/* A domain that may have been meant. */
struct target {
    slice name;
    int64_t sent;
    bool own;
};

struct finding {
    struct ledger *l;
    arena *a;
    const struct summary *domains;
    struct target *targets;
    size_t target_count;
    struct typos *out;
};

static const struct summary_row *row_of(const struct summary *s, slice name)
{
    for (size_t i = 0; i < s->n; i++)
        if (slice_eq(s->rows[i].name, name))
            return &s->rows[i];
    return NULL;
}

static int64_t delivered_ppm(const struct rates *r)
{
    return rates_ppm(r->delivered + r->relayed, rates_sent(r));
}

static bool add_target(struct finding *f, slice name, int64_t sent, bool own)
{
    for (size_t i = 0; i < f->target_count; i++)
        if (slice_eq(f->targets[i].name, name))
            return true;
    f->targets[f->target_count++] = (struct target){name, sent, own};
    return true;
}

/* The large ones, then the frequent ones: rows come the largest first. */
static enum status gather_targets(struct finding *f, err *e)
{
    size_t large = 0, own = 0;
    while (!slice_empty(typo_large(large)))
        large++;
    f->targets = arena_calloc(f->a, large + TYPOS_OWN_MAX, sizeof *f->targets);
    if (!f->targets)
        return err_set(e, E_MEMORY, "typos: out of memory");
    for (size_t i = 0; i < large; i++) {
        const struct summary_row *row = row_of(f->domains, typo_large(i));
        add_target(f, typo_large(i), row ? rates_sent(&row->rates) : 0, false);
    }
    for (size_t i = 0; i < f->domains->n && own < TYPOS_OWN_MAX; i++) {
        const struct summary_row *row = &f->domains->rows[i];
        int64_t sent = rates_sent(&row->rates);
        if (sent < TYPOS_OWN_MIN_SENT)
            break;
        if (delivered_ppm(&row->rates) >= TYPOS_OWN_GOOD_PPM && row->name.n >= TYPO_MIN_BYTES)
            own += add_target(f, row->name, sent, true);
    }
    return OK;
}

static bool may_be_mistyped(const struct summary_row *row)
{
    return row->name.n >= TYPO_MIN_BYTES && !typo_exists(row->name) && rates_sent(&row->rates) > 0 &&
           delivered_ppm(&row->rates) < TYPOS_TAKES_PPM;
}

/* The nearest one; among equally near ones the most frequent; NULL when there is none, or two that are alike. */
static const struct target *nearest(const struct finding *f, const struct summary_row *row, unsigned *slips)
{
    const struct target *best = NULL;
    bool tie = false;
    unsigned most = row->name.n >= TYPOS_LONG_BYTES ? 2 : 1;
    for (size_t i = 0; i < f->target_count; i++) {
        const struct target *t = &f->targets[i];
        if (t->own && t->sent < TYPOS_RARER * rates_sent(&row->rates))
            continue;
        unsigned d = distance(row->name, t->name, most);
        if (d > most || d == 0)
            continue;
        if (best && (d > *slips || (d == *slips && t->sent <= best->sent))) {
            tie |= d == *slips && t->sent == best->sent;
            continue;
        }
        tie = false;
        best = t;
        *slips = d;
    }
    return tie ? NULL : best;
}

static enum status match(struct finding *f, err *e)
{
    f->out->clusters = arena_calloc(f->a, f->domains->n + 1, sizeof *f->out->clusters);
    if (!f->out->clusters)
        return err_set(e, E_MEMORY, "typos: out of memory");
    for (size_t i = 0; i < f->domains->n; i++) {
        const struct summary_row *row = &f->domains->rows[i];
        unsigned slips = 0;
        const struct target *t = may_be_mistyped(row) ? nearest(f, row, &slips) : NULL;
        if (t)
            f->out->clusters[f->out->n++] = (struct typo_cluster){row->name, t->name, slips, t->own, 0, row->rates};
    }
    return OK;
}

/* ---- the addresses ---- */

static int by_domain(const void *a, const void *b)
{
    return slice_cmp(((const struct typo_cluster *)a)->domain, ((const struct typo_cluster *)b)->domain);
}

static int most_first(const void *a, const void *b)
{
    const struct typo_cluster *x = a, *y = b;
    int64_t sx = rates_sent(&x->rates), sy = rates_sent(&y->rates);
    if (x->addresses != y->addresses)
        return x->addresses < y->addresses ? 1 : -1;
    return sx != sy ? (sx < sy ? 1 : -1) : by_domain(a, b);
}

static bool count_address(void *ctx, const struct ledger_life *life)
{
    struct finding *f = ctx;
    const struct typo_cluster wanted = {.domain = life->domain};
    struct typo_cluster *c = bsearch(&wanted, f->out->clusters, f->out->n, sizeof wanted, by_domain);
    if (c)
        c->addresses++;
    return true;
}

static enum status count_addresses(struct finding *f, slice tenant, err *e)
{
    struct typos *t = f->out;
    if (!t->n)
        return OK;
    qsort(t->clusters, t->n, sizeof *t->clusters, by_domain);
    enum status st = ledger_lives(f->l, tenant, count_address, f, e);
    for (size_t i = 0; i < t->n; i++)
        t->addresses += t->clusters[i].addresses;
    qsort(t->clusters, t->n, sizeof *t->clusters, most_first);
    return st;
}

enum status typos_find(struct ledger *l, slice tenant, arena *a, struct typos *out, err *e)
{
    struct summary domains;
    *out = (struct typos){NULL, 0, 0};
    enum status st = summary_make(l, TALLY_DOMAIN, tenant, TIME_NONE, TIME_NONE, a, &domains, e);
    struct finding f = {.l = l, .a = a, .domains = &domains, .out = out};
    if (st == OK)
        st = gather_targets(&f, e);
    if (st == OK)
        st = match(&f, e);
    return st == OK ? count_addresses(&f, tenant, e) : st;
}

const struct typo_cluster *typos_of(const struct typos *t, slice domain)
{
    for (size_t i = 0; i < t->n; i++)
        if (slice_eq(t->clusters[i].domain, domain))
            return &t->clusters[i];
    return NULL;
}
