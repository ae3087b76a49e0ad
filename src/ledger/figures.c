/* Numbers of addresses and suppressions, for reports of a day. */
#include "ledger/store.h"

/* Rows of a number below `n` and a count. */
static enum status read_counts(struct row *r, int64_t *counts, int64_t n, err *e)
{
    enum status st = OK;
    memset(counts, 0, (size_t)n * sizeof *counts);
    while (row_next(r, &st, e) > 0) {
        int64_t which = cell_int(r), count = cell_int(r);
        if (which >= 0 && which < n)
            counts[which] = count;
    }
    row_close(r);
    return st;
}

enum status ledger_suppressed_within(struct ledger *l, slice tenant, int64_t from_us, int64_t to_us,
                                     int64_t counts[CAUSES], err *e)
{
    int64_t tenant_id;
    struct row r;
    enum status st = names_find(l, tenant, &tenant_id, e);
    if (st == OK)
        st = row_open(l, STMT_SUPPRESSED_WITHIN, &r, e);
    if (st != OK)
        return st;
    row_int(&r, from_us);
    row_int(&r, to_us);
    row_int(&r, tenant_id);
    return read_counts(&r, counts, CAUSES, e);
}

enum status ledger_held_now(struct ledger *l, slice tenant, int64_t counts[LEDGER_HOLDS], err *e)
{
    int64_t tenant_id;
    struct row r;
    enum status st = names_find(l, tenant, &tenant_id, e);
    if (st == OK)
        st = row_open(l, STMT_HELD_NOW, &r, e);
    if (st != OK)
        return st;
    row_int(&r, tenant_id);
    return read_counts(&r, counts, LEDGER_HOLDS, e);
}
