#include <stdlib.h>

#include "ledger/counter.h"

/* A row of a sum: dimensions that it leaves out are 0. */
struct sum {
    int64_t key[DIMENSIONS]; /* D_HOUR holds the day or the month */
    int64_t count, first_hour;
};

static const enum dimension day_columns[] = {D_HOUR,   D_TENANT, D_STREAM, D_CAMPAIGN, D_PROVIDER,
                                             D_SOURCE, D_IP,     D_KIND,   D_REASON};
static const enum dimension month_columns[] = {D_HOUR, D_TENANT, D_STREAM, D_DOMAIN, D_PROVIDER, D_KIND, D_REASON};

static const struct shape {
    enum stmt add;
    const enum dimension *columns;
    size_t n;
    bool months, first_hour;
} shapes[] = {
    {STMT_TALLY_DAY_ADD, day_columns, ARRAY_LEN(day_columns), false, true},
    {STMT_TALLY_MONTH_ADD, month_columns, ARRAY_LEN(month_columns), true, false},
};

int64_t month_of_hour(int64_t hour)
{
    struct civil c;
    civil_from_us((hour > 0 ? hour : 0) * TIME_HOUR, &c);
    return (int64_t)c.year * 12 + c.month - 1;
}

int64_t month_start(int64_t month)
{
    return civil_days((int)(month / 12), (int)(month % 12) + 1, 1) * HOURS_A_DAY;
}

static int by_key(const void *a, const void *b)
{
    const struct sum *x = a, *y = b;
    for (int i = 0; i < DIMENSIONS; i++)
        if (x->key[i] != y->key[i])
            return x->key[i] < y->key[i] ? -1 : 1;
    return 0;
}

static struct sum sum_of(const struct shape *shape, const struct counter *c)
{
    struct sum s = {.count = c->count, .first_hour = c->key[D_HOUR]};
    for (size_t i = 0; i < shape->n; i++)
        s.key[shape->columns[i]] = c->key[shape->columns[i]];
    s.key[D_HOUR] = shape->months ? month_of_hour(s.first_hour) : s.first_hour / HOURS_A_DAY;
    return s;
}

/* Sorted neighbours of one key become one row. Returns how many there are. */
static size_t merge(struct sum *sums, size_t n)
{
    size_t last = 0;
    for (size_t i = 1; i < n; i++) {
        if (by_key(&sums[last], &sums[i]) != 0) {
            sums[++last] = sums[i];
            continue;
        }
        sums[last].count += sums[i].count;
        if (sums[i].first_hour < sums[last].first_hour)
            sums[last].first_hour = sums[i].first_hour;
    }
    return last + 1;
}

static enum status write_one(struct ledger *l, const struct shape *shape, const struct sum *s, err *e)
{
    struct row r;
    enum status st = row_open(l, shape->add, &r, e);
    if (st != OK)
        return st;
    for (size_t i = 0; i < shape->n; i++)
        row_int(&r, s->key[shape->columns[i]]);
    row_int(&r, s->count);
    if (shape->first_hour)
        row_int(&r, s->first_hour);
    return row_run(&r, e);
}

static enum status write_shape(struct ledger *l, const struct shape *shape, struct counter *const *counters, size_t n,
                               struct sum *sums, err *e)
{
    size_t used = 0;
    enum status st = OK;
    for (size_t i = 0; i < n; i++)
        if (counters[i]->count)
            sums[used++] = sum_of(shape, counters[i]);
    if (!used)
        return OK;
    qsort(sums, used, sizeof *sums, by_key);
    used = merge(sums, used);
    for (size_t i = 0; st == OK && i < used; i++)
        st = write_one(l, shape, &sums[i], e); /* also 0: reports look for where there are hours (report.c) */
    return st;
}

enum status sums_write(struct ledger *l, struct counter *const *counters, size_t n, arena *a, err *e)
{
    struct sum *sums = arena_calloc(a, n + 1, sizeof *sums);
    enum status st = sums ? OK : err_set(e, E_MEMORY, "%s: sums of tallies: out of memory", l->path);
    for (size_t i = 0; st == OK && i < ARRAY_LEN(shapes); i++)
        st = write_shape(l, &shapes[i], counters, n, sums, e);
    return st;
}
