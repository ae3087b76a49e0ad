#include "core/summary.h"

#include <stdlib.h>

#include "base/map.h"

static const struct {
    const char *word;
    enum tally_by by;
} DIMENSIONS[] = {
    {"campaign", TALLY_CAMPAIGN}, {"day", TALLY_DAY},       {"domain", TALLY_DOMAIN}, {"provider", TALLY_PROVIDER},
    {"source", TALLY_SOURCE},     {"reason", TALLY_REASON}, {"stream", TALLY_STREAM}, {"ip", TALLY_IP},
};

enum tally_by summary_by(slice word)
{
    for (size_t i = 0; i < ARRAY_LEN(DIMENSIONS); i++)
        if (slice_eq(word, slice_str(DIMENSIONS[i].word)))
            return DIMENSIONS[i].by;
    return TALLY_DIMENSIONS;
}

struct making {
    arena *a;
    map by_name;
    size_t n;
    enum tally_by by;
    bool limited;
};

static struct summary_row *row_of(struct making *r, slice name)
{
    struct summary_row *row = map_get(&r->by_name, name);
    if (row)
        return row;
    slice copy = arena_dup(r->a, name);
    row = ARENA_NEW(r->a, struct summary_row);
    void **place = row && copy.n == name.n ? map_put(&r->by_name, copy) : NULL;
    if (!place)
        return NULL;
    row->name = copy;
    row->first_us = INT64_MAX;
    *place = row;
    r->n++;
    return row;
}

/* Only a failure has a reason. */
static slice row_name(const struct making *r, const struct tally_row *t)
{
    bool failure = bounce_kind_final(t->kind) || bounce_kind_attempt(t->kind);
    return r->by == TALLY_REASON && !failure ? S("(no failure)") : t->name;
}

static bool tally_one(void *ctx, const struct tally_row *t)
{
    struct making *r = ctx;
    struct summary_row *row = row_of(r, row_name(r, t));
    r->limited |= !row;
    if (row && t->first_us < row->first_us)
        row->first_us = t->first_us;
    if (row)
        rates_add(&row->rates, t->kind, t->reason, t->count);
    return row != NULL;
}

static int64_t weight(const struct rates *r)
{
    return r->upstream + r->local + r->deferred + r->complaint + r->unsubscribed;
}

static int larger_first(const void *a, const void *b)
{
    const struct summary_row *x = a, *y = b;
    int64_t wx = rates_sent(&x->rates), wy = rates_sent(&y->rates);
    if (wx == wy)
        wx = weight(&x->rates), wy = weight(&y->rates);
    return wx != wy ? (wx < wy) - (wx > wy) : slice_cmp(x->name, y->name);
}

static int by_name(const void *a, const void *b)
{
    const struct summary_row *x = a, *y = b;
    return slice_cmp(x->name, y->name);
}

static enum status sort_rows(struct making *r, struct summary *out, err *e)
{
    struct map_slot *slot;
    size_t i = 0;
    out->n = 0;
    out->rows = arena_calloc(r->a, r->n + 1, sizeof *out->rows);
    if (!out->rows || r->limited)
        return err_set(e, E_MEMORY, "report: no memory for the rows");
    while ((slot = map_next(&r->by_name, &i)) != NULL)
        out->rows[out->n++] = *(struct summary_row *)slot->value;
    qsort(out->rows, out->n, sizeof *out->rows, r->by == TALLY_DAY ? by_name : larger_first);
    return OK;
}

enum status summary_of(struct ledger *l, enum tally_by by, const struct tally_filter *f, arena *a, struct summary *out,
                       err *e)
{
    struct making r = {.a = a, .by = by};
    map_init(&r.by_name, ledger_key(l));
    enum status st = ledger_report_of(l, by, f, tally_one, &r, e);
    if (st == OK)
        st = sort_rows(&r, out, e);
    map_fini(&r.by_name);
    return st;
}

enum status summary_make(struct ledger *l, enum tally_by by, slice tenant, int64_t from_us, int64_t to_us, arena *a,
                         struct summary *out, err *e)
{
    struct tally_filter f = TALLY_FILTER_ALL;
    f.tenant = tenant;
    f.from_us = from_us;
    f.to_us = to_us;
    return summary_of(l, by, &f, a, out, e);
}
