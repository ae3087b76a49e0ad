#include "ledger/store.h"

static enum status walk_marks(struct row *r, ledger_mark_fn each, void *ctx, err *e)
{
    enum status st = OK;
    while (row_next(r, &st, e) > 0) {
        struct ledger_mark m = {.hash = cell_u64(r)};
        m.scope = (enum scope)cell_int(r);
        m.domain = cell_int(r) != 0;
        m.cause = (enum cause)cell_int(r);
        m.until_us = cell_time(r);
        if (!each(ctx, &m))
            break;
    }
    row_close(r);
    return st;
}

static enum status read_marks(struct ledger *l, int64_t *seq, ledger_mark_fn each, void *ctx, err *e)
{
    int64_t floor = 0, last = 0; /* lifted suppressions up to change number `floor` were forgotten by pruning */
    struct row r;
    enum status st = meta_get(l, S("marks_floor"), &floor, e);
    if (st == OK)
        st = ledger_seq(l, &last, e);
    if (st != OK)
        return st;
    if (*seq > 0 && *seq < floor) {
        *seq = 0;
        return OK;
    }
    st = row_open(l, *seq > 0 ? STMT_MARKS_SINCE : STMT_MARKS_ALL, &r, e);
    if (st != OK)
        return st;
    if (*seq > 0)
        row_int(&r, *seq);
    st = walk_marks(&r, each, ctx, e);
    if (st == OK)
        *seq = last;
    return st;
}

enum status ledger_marks_since(struct ledger *l, int64_t *seq, ledger_mark_fn each, void *ctx, err *e)
{
    bool mine = sqlite3_get_autocommit(l->db) != 0; /* one view of number and rows */
    enum status st = mine ? store_exec(l, "BEGIN", e) : OK;
    if (st != OK)
        return st;
    st = read_marks(l, seq, each, ctx, e);
    if (mine)
        sqlite3_exec(l->db, "COMMIT", NULL, NULL, NULL);
    return st;
}

enum status ledger_mark_count(struct ledger *l, int64_t *n, err *e)
{
    struct row r;
    enum status st = row_open(l, STMT_MARK_COUNT, &r, e);
    if (st != OK)
        return st;
    *n = row_next(&r, &st, e) > 0 ? cell_int(&r) : 0;
    row_close(&r);
    return st;
}
