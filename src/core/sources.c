#include "core/sources.h"

#include <stdlib.h>

#include "base/map.h"
#include "core/life.h"
#include "core/summary.h"

static const char *const BY[SOURCE_BYS] = {"source", "form", "batch"};

const char *source_by_word(enum source_by by)
{
    MUST((unsigned)by < SOURCE_BYS);
    return BY[by];
}

enum source_by source_by_find(slice word)
{
    unsigned i = 0;
    while (i < SOURCE_BYS && !slice_eq(word, slice_str(BY[i])))
        i++;
    return (enum source_by)i;
}

struct making {
    struct sources *out;
    enum source_by by;
    map rows;
    size_t n;
    arena *a;
    bool limited;
};

static struct source_row *row_of(struct making *m, slice name)
{
    struct source_row *row = map_get(&m->rows, name);
    if (row)
        return row;
    slice copy = arena_dup(m->a, name);
    row = ARENA_NEW(m->a, struct source_row);
    void **place = row && copy.n == name.n ? map_put(&m->rows, copy) : NULL;
    if (!place) {
        m->limited = true;
        return NULL;
    }
    row->name = copy;
    *place = row;
    m->n++;
    return row;
}

static void add(struct source_row *row, const struct ledger_life *life)
{
    enum life_end end = life_end(life);
    row->addresses++;
    row->dead += end == LIFE_DEAD;
    row->complained += life->state == STATE_SUPPRESSED && life->cause == CAUSE_COMPLAINT;
    row->left += life->state == STATE_SUPPRESSED && life->cause == CAUSE_UNSUBSCRIBED;
}

static bool count(void *ctx, const struct ledger_life *life)
{
    struct making *m = ctx;
    const slice names[SOURCE_BYS] = {life->source, life->form, life->batch};
    struct source_row *row = row_of(m, names[m->by]);
    if (!row)
        return false;
    add(row, life);
    add(&m->out->all, life);
    return true;
}

/* What became of the messages; sources that only an observation named come in here. */
static enum status add_rates(struct making *m, struct ledger *l, slice tenant, err *e)
{
    struct summary s;
    enum status st = summary_make(l, TALLY_SOURCE, tenant, TIME_NONE, TIME_NONE, m->a, &s, e);
    for (size_t i = 0; st == OK && i < s.n; i++) {
        struct source_row *row = row_of(m, s.rows[i].name);
        if (row)
            row->rates = s.rows[i].rates;
        rates_sum(&m->out->all.rates, &s.rows[i].rates);
    }
    return st;
}

static int surest_first(const void *a, const void *b)
{
    const struct source_row *x = a, *y = b;
    if (x->share.low_ppm != y->share.low_ppm)
        return x->share.low_ppm < y->share.low_ppm ? 1 : -1;
    if (x->addresses != y->addresses)
        return x->addresses < y->addresses ? 1 : -1;
    return slice_cmp(x->name, y->name);
}

static enum status finish(struct making *m, err *e)
{
    struct sources *s = m->out;
    struct map_slot *slot;
    size_t at = 0;
    s->rows = arena_calloc(m->a, m->n + 1, sizeof *s->rows);
    if (!s->rows || m->limited)
        return err_set(e, E_MEMORY, "sources: out of memory");
    while ((slot = map_next(&m->rows, &at)) != NULL)
        s->rows[s->n++] = *(struct source_row *)slot->value;
    s->all.share = interval_share(s->all.dead, s->all.addresses);
    for (size_t i = 0; i < s->n; i++) {
        struct source_row *r = &s->rows[i];
        int64_t others = s->all.addresses - r->addresses;
        r->share = interval_share(r->dead, r->addresses);
        if (!r->addresses)
            r->share = (struct interval){0, 0, 0}; /* named by messages only */
        r->worse = others > 0 && r->share.low_ppm > interval_share(s->all.dead - r->dead, others).high_ppm;
    }
    qsort(s->rows, s->n, sizeof *s->rows, surest_first);
    return OK;
}

enum status sources_make(struct ledger *l, slice tenant, enum source_by by, arena *a, struct sources *out, err *e)
{
    struct making m = {.out = out, .by = by, .a = a};
    *out = (struct sources){.all = {.name = S("all")}};
    map_init(&m.rows, ledger_key(l));
    enum status st = ledger_lives(l, tenant, count, &m, e);
    if (st == OK && by == SOURCE_BY_SOURCE)
        st = add_rates(&m, l, tenant, e);
    if (st == OK)
        st = finish(&m, e);
    map_fini(&m.rows);
    return st;
}
