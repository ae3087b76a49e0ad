#include <stdio.h>

#include "ledger/store.h"

/* What a row of each report is named by. */
static const char *const columns[TALLY_DIMENSIONS] = {
    [TALLY_CAMPAIGN] = "campaign", [TALLY_DAY] = "hour / 24", [TALLY_DOMAIN] = "domain", [TALLY_PROVIDER] = "provider",
    [TALLY_SOURCE] = "source",     [TALLY_REASON] = "reason", [TALLY_STREAM] = "stream", [TALLY_IP] = "sending_ip",
};

#define DAY_TEXT_BYTES 32

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

static enum status walk_tallies(struct row *r, enum tally_by by, ledger_tally_fn each, void *ctx, err *e)
{
    char day[DAY_TEXT_BYTES];
    enum status st = OK;
    r->l->cursors++;
    while (row_next(r, &st, e) > 0) {
        struct tally_row row = {.name = name_of(r->l, by, cell_int(r), day)};
        row.kind = (enum bounce_kind)cell_int(r);
        row.reason = (enum bounce_reason)cell_int(r);
        row.count = cell_int(r);
        if (!each(ctx, &row))
            break;
    }
    r->l->cursors--;
    return st;
}

enum status ledger_report(struct ledger *l, enum tally_by by, slice tenant, int64_t from_us, int64_t to_us,
                          ledger_tally_fn each, void *ctx, err *e)
{
    MUST((unsigned)by < TALLY_DIMENSIONS);
    char sql[320];
    int64_t tenant_id;
    struct row r = {.l = l, .at = 1, .rc = SQLITE_OK};
    enum status st = pending_flush(l, e);
    if (st == OK)
        st = names_find(l, tenant, &tenant_id, e);
    if (st != OK)
        return st;
    snprintf(
        sql, sizeof sql,
        "SELECT %s, kind, reason, sum(count) FROM tallies WHERE hour >= ? AND hour < ? AND (?3 = 0 OR tenant = ?3) "
        "GROUP BY 1, 2, 3 HAVING sum(count) <> 0 ORDER BY 1, 2, 3",
        columns[by]);
    if (sqlite3_prepare_v2(l->db, sql, -1, &r.s, NULL) != SQLITE_OK)
        return store_fail(l, e, "prepare report");
    row_int(&r, from_us == TIME_NONE ? 0 : from_us / TIME_HOUR);
    row_int(&r, to_us == TIME_NONE ? INT64_MAX : (to_us + TIME_HOUR - 1) / TIME_HOUR);
    row_int(&r, tenant_id);
    st = walk_tallies(&r, by, each, ctx, e);
    sqlite3_finalize(r.s);
    return st;
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
