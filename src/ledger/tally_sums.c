/* Sums of tallies over several dimensions at once. */
#include <stdio.h>

#include "ledger/counter.h"
#include "ledger/store.h"
#include "ledger/watching.h"

static const char *const columns[TALLY_DIMENSIONS] = {
    [TALLY_CAMPAIGN] = "campaign", [TALLY_DOMAIN] = "domain", [TALLY_PROVIDER] = "provider",
    [TALLY_SOURCE] = "source",     [TALLY_STREAM] = "stream", [TALLY_IP] = "sending_ip",
};

#define SQL_BYTES 512

/* Where they are summed from: hours tell all, days all but the domain, months only stream and domain (ledger/counter.h). */
static const struct table {
    const char *name, *unit, *first, *last;
    int64_t hours;
} HOURS = {"tallies", "hour", "min(hour)", "max(hour)", 1},
  DAYS = {"tallies_days", "day", "min(first_hour)", "24 * max(day)", HOURS_A_DAY},
  MONTHS = {"tallies_months", "month", "0", "0", 0};

/* "SELECT tenant, campaign, kind, reason, sum(count), ... GROUP BY 1, 2, 3, 4" */
static void write_sql(const struct table *t, unsigned dimensions, char sql[SQL_BYTES])
{
    char names[160], numbers[48];
    size_t n = (size_t)snprintf(names, sizeof names, "tenant"), m = (size_t)snprintf(numbers, sizeof numbers, "1");
    unsigned at = 1;
    for (size_t i = 0; i < TALLY_DIMENSIONS; i++)
        if (dimensions >> i & 1) {
            MUST(columns[i]);
            n += (size_t)snprintf(names + n, sizeof names - n, ", %s", columns[i]);
            m += (size_t)snprintf(numbers + m, sizeof numbers - m, ", %u", ++at);
        }
    MUST(n < sizeof names && m < sizeof numbers);
    snprintf(sql, SQL_BYTES,
             "SELECT %s, kind, reason, sum(count), %s, %s FROM %s WHERE %s >= ? AND %s < ? "
             "GROUP BY %s, kind, reason HAVING sum(count) <> 0 ORDER BY %s",
             names, t->first, t->last, t->name, t->unit, t->unit, numbers, numbers);
}

static void read_sum(struct row *r, unsigned dimensions, struct ledger_sum *s)
{
    s->tenant = names_text(r->l, cell_int(r));
    for (size_t i = 0; i < TALLY_DIMENSIONS; i++)
        s->by[i] = dimensions >> i & 1 ? names_text(r->l, cell_int(r)) : SLICE_EMPTY;
    s->kind = (enum bounce_kind)cell_int(r);
    s->reason = (enum bounce_reason)cell_int(r);
    s->count = cell_int(r);
    s->first_us = cell_int(r) * TIME_HOUR;
    s->last_us = cell_int(r) * TIME_HOUR;
}

static enum status walk(struct ledger *l, const struct table *t, unsigned dimensions, int64_t from, int64_t to,
                        ledger_sum_fn each, void *ctx, err *e)
{
    char sql[SQL_BYTES];
    struct row r = {.l = l, .at = 1, .rc = SQLITE_OK};
    struct ledger_sum s;
    enum status st = pending_flush(l, e);
    if (st != OK)
        return st;
    write_sql(t, dimensions, sql);
    if (sqlite3_prepare_v2(l->db, sql, -1, &r.s, NULL) != SQLITE_OK)
        return store_fail(l, e, "prepare sums");
    row_int(&r, from);
    row_int(&r, to);
    l->cursors++;
    while (row_next(&r, &st, e) > 0) {
        read_sum(&r, dimensions, &s);
        if (!each(ctx, &s))
            break;
    }
    l->cursors--;
    sqlite3_finalize(r.s);
    return st;
}

static bool is_midnight(int64_t us)
{
    return us == TIME_NONE || us % TIME_DAY == 0;
}

enum status ledger_sums(struct ledger *l, unsigned dimensions, int64_t from_us, int64_t to_us, ledger_sum_fn each,
                        void *ctx, err *e)
{
    bool days = !(dimensions >> TALLY_DOMAIN & 1) && is_midnight(from_us) && is_midnight(to_us);
    const struct table *t = days ? &DAYS : &HOURS;
    int64_t from = from_us == TIME_NONE ? 0 : from_us / TIME_HOUR / t->hours;
    int64_t to = to_us == TIME_NONE ? INT64_MAX : (to_us + TIME_HOUR - 1) / TIME_HOUR / t->hours;
    return walk(l, t, dimensions, from, to, each, ctx, e);
}

enum status ledger_domain_sums(struct ledger *l, int64_t from_us, ledger_sum_fn each, void *ctx, err *e)
{
    return walk(l, &MONTHS, 1u << TALLY_DOMAIN, month_of_hour(from_us / TIME_HOUR), INT64_MAX, each, ctx, e);
}
