#include "core/benchmark.h"

#include <stdlib.h>

#include "core/summary.h"

static const struct benchmark table[] = {
#define INDUSTRY(word, name, low, high, hard_low, hard_high) {word, name, low, high, hard_low, hard_high},
#include "core/benchmarks.def"
#undef INDUSTRY
};

const struct benchmark *benchmark_all(size_t *n)
{
    *n = ARRAY_LEN(table);
    return table;
}

const struct benchmark *benchmark_find(slice word)
{
    for (size_t i = 0; i < ARRAY_LEN(table); i++)
        if (slice_eq(word, slice_str(table[i].word)))
            return &table[i];
    return NULL;
}

const struct benchmark *benchmark_at(unsigned setting)
{
    return setting && setting <= ARRAY_LEN(table) ? &table[setting - 1] : NULL;
}

bool benchmark_above(const struct benchmark *b, const struct rates *r)
{
    int64_t sent = rates_sent(r);
    return rates_ppm(rates_bounced(r), sent) > b->high_ppm || rates_ppm(r->hard, sent) > b->hard_high_ppm;
}

static int newest_first(const void *a, const void *b)
{
    const struct benchmark_campaign *x = a, *y = b;
    if (x->first_us != y->first_us)
        return x->first_us < y->first_us ? 1 : -1;
    return slice_cmp(x->name, y->name);
}

static void take(const struct benchmark *b, const struct summary *s, struct benchmark_row *out)
{
    for (size_t i = 0; i < s->n; i++) {
        const struct summary_row *row = &s->rows[i];
        if (slice_empty(row->name) || rates_sent(&row->rates) < BENCHMARK_MIN_SENT)
            continue;
        out->campaigns[out->n++] =
            (struct benchmark_campaign){row->name, row->first_us, row->rates, benchmark_above(b, &row->rates)};
    }
}

enum status benchmark_over(struct ledger *l, slice tenant, const struct benchmark *b, int64_t now_us, arena *a,
                           struct benchmark_row *out, err *e)
{
    struct summary s;
    *out = (struct benchmark_row){NULL, 0, 0};
    enum status st = summary_make(l, TALLY_CAMPAIGN, tenant, now_us - BENCHMARK_BACK_US, TIME_NONE, a, &s, e);
    if (st != OK)
        return st;
    out->campaigns = arena_calloc(a, s.n + 1, sizeof *out->campaigns);
    if (!out->campaigns)
        return err_set(e, E_MEMORY, "benchmark: out of memory");
    take(b, &s, out);
    qsort(out->campaigns, out->n, sizeof *out->campaigns, newest_first);
    if (out->n > BENCHMARK_MAX_CAMPAIGNS)
        out->n = BENCHMARK_MAX_CAMPAIGNS;
    while (out->above < out->n && out->campaigns[out->above].above)
        out->above++;
    return OK;
}
