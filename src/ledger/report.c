#include <stdio.h>
#include <stdlib.h>

#include "ledger/counter.h"

#define DAY_TEXT_BYTES 32
#define SQL_BYTES 1024
#define SUMS_AT_FIRST 1024u /* a power of two */

/* ---- what is added up: by value of the dimension, kind and reason ---- */

struct sum {
    int64_t value, count, first_hour;
    int32_t kind, reason;
    bool used;
};

struct sums {
    struct sum *slots; /* open addressing; `room` is a power of two */
    size_t n, room;
};

static size_t place_of(const struct sums *s, int64_t value, int32_t kind, int32_t reason)
{
    uint64_t h = (uint64_t)value * UINT64_C(0x9e3779b97f4a7c15) + (uint64_t)kind * 131u + (uint64_t)reason * 31u;
    size_t at = (size_t)((h ^ h >> 29) * UINT64_C(0xbf58476d1ce4e5b9) >> 20) & (s->room - 1);
    while (s->slots[at].used &&
           (s->slots[at].value != value || s->slots[at].kind != kind || s->slots[at].reason != reason))
        at = (at + 1) & (s->room - 1);
    return at;
}

static bool grow(struct sums *s)
{
    struct sums wider = {.n = s->n, .room = s->room ? 2 * s->room : SUMS_AT_FIRST};
    wider.slots = calloc(wider.room, sizeof *wider.slots);
    if (!wider.slots)
        return false;
    for (size_t i = 0; i < s->room; i++)
        if (s->slots[i].used)
            wider.slots[place_of(&wider, s->slots[i].value, s->slots[i].kind, s->slots[i].reason)] = s->slots[i];
    free(s->slots);
    *s = wider;
    return true;
}

static bool add(struct sums *s, int64_t value, int64_t kind, int64_t reason, int64_t count, int64_t hour)
{
    if (2 * s->n >= s->room && !grow(s))
        return false;
    struct sum *slot = &s->slots[place_of(s, value, (int32_t)kind, (int32_t)reason)];
    if (!slot->used) {
        *slot = (struct sum){value, 0, hour, (int32_t)kind, (int32_t)reason, true};
        s->n++;
    }
    slot->count += count;
    if (hour < slot->first_hour)
        slot->first_hour = hour;
    return true;
}

static int in_order(const void *a, const void *b)
{
    const struct sum *x = a, *y = b;
    if (x->value != y->value)
        return x->value < y->value ? -1 : 1;
    return x->kind != y->kind ? x->kind - y->kind : x->reason - y->reason;
}

/* ---- reading a table, or a part of it ---- */

#define HOUR_COLUMNS                                                                              \
    {                                                                                             \
        "campaign", "hour / 24", "domain", "provider", "source", "reason", "stream", "sending_ip" \
    }

/* The rows of one domain are looked up one by one in front of reading every hour: what was sent on a day (day, tenant, stream, campaign),
 * times its hours, gives the beginnings of keys of `tallies` behind which the domain stands. */
#define LOOK_UP_DOMAIN                                                                                       \
    "(SELECT DISTINCT day AS of_day, tenant AS of_tenant, stream AS of_stream, campaign AS of_campaign "     \
    "FROM tallies_days WHERE day BETWEEN ?1 / 24 AND ?2 / 24) CROSS JOIN "                                   \
    "(VALUES(0),(1),(2),(3),(4),(5),(6),(7),(8),(9),(10),(11),(12),(13),(14),(15),(16),(17),(18),(19),(20)," \
    "(21),(22),(23)) CROSS JOIN tallies ON hour = of_day * 24 + column1 AND tenant = of_tenant "             \
    "AND stream = of_stream AND campaign = of_campaign"

/* Where rows come from: what stands for the time, what a row of each report is named by, and in what a unit of time is told. */
static const struct source {
    const char *table, *time, *first_hour;
    const char *columns[TALLY_DIMENSIONS]; /* NULL: not kept here */
} hours = {"tallies", "hour", "hour", HOUR_COLUMNS}, hours_of_domain = {LOOK_UP_DOMAIN, "hour", "hour", HOUR_COLUMNS},
  days = {"tallies_days",
          "day",
          "first_hour",
          {"campaign", "day", NULL, "provider", "source", "reason", "stream", "sending_ip"}},
  months = {"tallies_months", "month", "month", {NULL, NULL, "domain", "provider", NULL, "reason", "stream", NULL}};

enum want { WANT_TENANT, WANT_STREAM, WANT_CAMPAIGN, WANT_DOMAIN, WANT_PROVIDER, WANT_SOURCE, WANT_IP, WANTS };

struct reading {
    struct ledger *l;
    enum tally_by by;
    struct {
        const char *column;
        int64_t number; /* 0: any */
    } wanted[WANTS];
    struct sums sums;
    err *e;
};

static enum status add_rows(struct reading *q, struct row *r, bool by_month)
{
    enum status st = OK;
    while (row_next(r, &st, q->e) > 0) {
        int64_t value = cell_int(r), kind = cell_int(r), reason = cell_int(r), count = cell_int(r), at = cell_int(r);
        if (!add(&q->sums, value, kind, reason, count, by_month ? month_start(at) : at))
            return err_set(q->e, E_MEMORY, "%s: report: out of memory", q->l->path);
    }
    return st;
}

/* Rows of `s` from one unit of its time on and before another. */
static enum status read_part(struct reading *q, const struct source *s, int64_t from, int64_t to)
{
    char sql[SQL_BYTES];
    struct row r = {.l = q->l, .at = 1, .rc = SQLITE_OK};
    if (from >= to)
        return OK;
    int n = snprintf(sql, sizeof sql, "SELECT %s, kind, reason, count, %s FROM %s WHERE %s >= ?1 AND %s < ?2",
                     s->columns[q->by], s->first_hour, s->table, s->time, s->time);
    for (size_t i = 0; i < ARRAY_LEN(q->wanted); i++)
        if (q->wanted[i].number)
            n += snprintf(sql + n, sizeof sql - (size_t)n, " AND %s = ?", q->wanted[i].column);
    MUST(n > 0 && (size_t)n < sizeof sql);
    if (sqlite3_prepare_v2(q->l->db, sql, -1, &r.s, NULL) != SQLITE_OK)
        return store_fail(q->l, q->e, "prepare report");
    row_int(&r, from);
    row_int(&r, to);
    for (size_t i = 0; i < ARRAY_LEN(q->wanted); i++)
        if (q->wanted[i].number)
            row_int(&r, q->wanted[i].number);
    enum status st = add_rows(q, &r, s == &months);
    sqlite3_finalize(r.s);
    return st;
}

/* ---- which parts of which tables ---- */

static bool only_of(const struct reading *q, const char *const *columns, size_t n)
{
    for (size_t i = 0; i < ARRAY_LEN(q->wanted); i++) {
        bool known = !q->wanted[i].number;
        for (size_t k = 0; k < n; k++)
            known |= strcmp(columns[k], q->wanted[i].column) == 0;
        if (!known)
            return false;
    }
    return true;
}

/* The sum that can tell it; NULL: only the hours can. */
static const struct source *sum_for(const struct reading *q)
{
    static const char *const of_days[] = {"tenant", "stream", "campaign", "provider", "source", "sending_ip"};
    static const char *const of_months[] = {"tenant", "stream", "domain", "provider"};
    if (days.columns[q->by] && only_of(q, of_days, ARRAY_LEN(of_days)))
        return &days;
    return months.columns[q->by] && only_of(q, of_months, ARRAY_LEN(of_months)) ? &months : NULL;
}

/* The first whole unit of a sum at or behind an hour, and where it begins. */
static int64_t unit_from(const struct source *s, int64_t hour)
{
    if (s == &days)
        return (hour + HOURS_A_DAY - 1) / HOURS_A_DAY;
    int64_t month = month_of_hour(hour);
    return month_start(month) < hour ? month + 1 : month;
}

static int64_t unit_start(const struct source *s, int64_t unit)
{
    return s == &days ? unit * HOURS_A_DAY : month_start(unit);
}

#define LAST_HOUR (INT64_C(8000) * 366 * HOURS_A_DAY) /* behind the year 9900: later ones are not told (base/time.h) */

/* A campaign ends within days: the days in which it has rows bound the hours. */
static enum status narrow(struct reading *q, int64_t campaign, int64_t *from, int64_t *to)
{
    struct row r;
    enum status st = row_open(q->l, STMT_CAMPAIGN_DAYS, &r, q->e);
    if (st != OK)
        return st;
    row_int(&r, campaign);
    if (row_next(&r, &st, q->e) > 0) {
        int64_t first = cell_int(&r) * HOURS_A_DAY, last = (cell_int(&r) + 1) * HOURS_A_DAY;
        *from = first > *from ? first : *from;
        *to = last < *to ? last : *to;
    }
    row_close(&r);
    return st;
}

static enum status read_hours(struct reading *q, int64_t from, int64_t to)
{
    return read_part(q, q->wanted[WANT_DOMAIN].number ? &hours_of_domain : &hours, from, to);
}

static enum status read_all(struct reading *q, int64_t from, int64_t to)
{
    int64_t campaign = q->wanted[WANT_CAMPAIGN].number;
    const struct source *s = sum_for(q);
    enum status st = OK;
    if (!s) {
        if (campaign)
            st = narrow(q, campaign, &from, &to);
        return st == OK ? read_hours(q, from, to) : st;
    }
    int64_t first = unit_from(s, from), last = unit_from(s, to);
    if (to < LAST_HOUR && unit_start(s, last) > to)
        last--;
    if (first >= last)
        return read_hours(q, from, to);
    st = read_hours(q, from, unit_start(s, first));
    if (st == OK)
        st = read_part(q, s, first, last);
    return st == OK ? read_hours(q, unit_start(s, last), to) : st;
}

/* ---- telling ---- */

static slice name_of(struct ledger *l, enum tally_by by, int64_t value, char day[DAY_TEXT_BYTES])
{
    struct civil c;
    switch (by) {
    case TALLY_DAY:
        civil_from_us(value * TIME_DAY, &c);
        return slice_of(day, (size_t)snprintf(day, DAY_TEXT_BYTES, "%04d-%02d-%02d", c.year, c.month, c.day));
    case TALLY_REASON:
        return value >= 0 && value < BOUNCE_REASONS ? slice_str(bounce_reason_word((enum bounce_reason)value))
                                                    : SLICE_EMPTY;
    default:
        return names_text(l, value);
    }
}

static void tell(struct reading *q, ledger_tally_fn each, void *ctx)
{
    char day[DAY_TEXT_BYTES];
    size_t n = 0;
    for (size_t i = 0; i < q->sums.room; i++)
        if (q->sums.slots[i].used && q->sums.slots[i].count)
            q->sums.slots[n++] = q->sums.slots[i];
    if (n)
        qsort(q->sums.slots, n, sizeof *q->sums.slots, in_order);
    q->l->cursors++;
    for (size_t i = 0; i < n; i++) {
        const struct sum *s = &q->sums.slots[i];
        struct tally_row row = {.name = name_of(q->l, q->by, s->value, day),
                                .kind = (enum bounce_kind)s->kind,
                                .reason = (enum bounce_reason)s->reason,
                                .count = s->count,
                                .first_us = s->first_hour * TIME_HOUR};
        if (!each(ctx, &row))
            break;
    }
    q->l->cursors--;
}

static enum status want(struct reading *q, const struct tally_filter *f)
{
    const struct {
        const char *column;
        slice text;
    } wanted[ARRAY_LEN(q->wanted)] = {
        {"tenant", f->tenant},     {"stream", f->stream}, {"campaign", f->campaign},    {"domain", f->domain},
        {"provider", f->provider}, {"source", f->source}, {"sending_ip", f->sending_ip}};
    enum status st = OK;
    for (size_t i = 0; st == OK && i < ARRAY_LEN(wanted); i++) {
        q->wanted[i].column = wanted[i].column;
        st = names_find(q->l, wanted[i].text, &q->wanted[i].number, q->e);
    }
    return st;
}

enum status ledger_report_of(struct ledger *l, enum tally_by by, const struct tally_filter *f, ledger_tally_fn each,
                             void *ctx, err *e)
{
    MUST((unsigned)by < TALLY_DIMENSIONS);
    struct reading q = {.l = l, .by = by, .e = e};
    int64_t from = f->from_us == TIME_NONE || f->from_us < 0 ? 0 : f->from_us / TIME_HOUR;
    int64_t to = f->to_us == TIME_NONE ? LAST_HOUR : (f->to_us + TIME_HOUR - 1) / TIME_HOUR;
    bool mine = sqlite3_get_autocommit(l->db) != 0; /* one view of all parts */
    enum status st = mine ? store_exec(l, "BEGIN", e) : pending_flush(l, e);
    if (st == OK)
        st = want(&q, f);
    if (st == OK)
        st = read_all(&q, from, to < LAST_HOUR ? to : LAST_HOUR);
    if (mine)
        sqlite3_exec(l->db, "COMMIT", NULL, NULL, NULL);
    if (st == OK)
        tell(&q, each, ctx);
    free(q.sums.slots);
    return st;
}

enum status ledger_report(struct ledger *l, enum tally_by by, slice tenant, int64_t from_us, int64_t to_us,
                          ledger_tally_fn each, void *ctx, err *e)
{
    struct tally_filter f = TALLY_FILTER_ALL;
    f.tenant = tenant;
    f.from_us = from_us;
    f.to_us = to_us;
    return ledger_report_of(l, by, &f, each, ctx, e);
}

enum status ledger_groups(struct ledger *l, enum bounce_reason reason, int64_t limit, ledger_group_fn each, void *ctx,
                          err *e)
{
    struct row r;
    int64_t given = 0;
    enum status st = pending_flush(l, e);
    if (st == OK)
        st = row_open(l, STMT_GROUPS, &r, e);
    if (st != OK)
        return st;
    l->cursors++;
    while (!(limit && given >= limit) && row_next(&r, &st, e) > 0) {
        struct ledger_group g = {.id = cell_int(&r)};
        g.text = cell_text(&r);
        g.example = cell_text(&r);
        g.provider = names_text(l, cell_int(&r));
        g.reason = (enum bounce_reason)cell_int(&r);
        g.count = cell_int(&r);
        g.first_us = cell_time(&r);
        g.last_us = cell_time(&r);
        if (reason != BOUNCE_REASONS && g.reason != reason)
            continue;
        given++;
        if (!each(ctx, &g))
            break;
    }
    l->cursors--;
    row_close(&r);
    return st;
}
