#include "ledger/store.h"

enum status ledger_put_body(struct ledger *l, slice hook, slice body, int64_t received_us, err *e)
{
    struct row r;
    enum status st = store_writing(l, e);
    if (st == OK && body.n > LEDGER_MAX_BODY_BYTES)
        st = err_set(e, E_INVALID, "webhook %.*s: a body of %zu bytes is too long", SLICE_FMT(hook), body.n);
    if (st == OK)
        st = row_open(l, STMT_BODY_ADD, &r, e);
    if (st != OK)
        return st;
    row_key(&r, hook);
    row_time(&r, received_us);
    row_blob(&r, slice_empty(body) ? S(" ") : body); /* never NULL; a blank says as little */
    return row_run(&r, e);
}

enum status ledger_bodies(struct ledger *l, slice hook, int64_t after, ledger_body_fn each, void *ctx, err *e)
{
    struct row r;
    enum status st = row_open(l, STMT_BODIES, &r, e);
    if (st != OK)
        return st;
    row_key(&r, hook);
    row_int(&r, after);
    while (row_next(&r, &st, e) > 0) {
        struct ledger_body b = {.id = cell_int(&r)};
        b.received_us = cell_time(&r);
        b.body = cell_blob(&r);
        if (!each(ctx, &b))
            break;
    }
    row_close(&r);
    return st;
}

enum status ledger_drop_body(struct ledger *l, int64_t id, bool odd, err *e)
{
    enum status st = store_writing(l, e);
    if (st == OK)
        st = row_run_with(l, odd ? STMT_BODY_ODD : STMT_BODY_DROP, id, e);
    if (st == OK && odd)
        st = row_run_with(l, STMT_BODIES_ODD_PRUNE, LEDGER_MAX_ODD_BODIES, e);
    return st;
}

enum status ledger_body_count(struct ledger *l, slice hook, bool odd, int64_t *n, int64_t *oldest_us, err *e)
{
    struct row r;
    enum status st = row_open(l, STMT_BODY_COUNT, &r, e);
    if (st != OK)
        return st;
    row_key(&r, hook);
    row_int(&r, odd);
    if (row_next(&r, &st, e) > 0) {
        *n = cell_int(&r);
        *oldest_us = cell_time(&r);
    }
    row_close(&r);
    return st;
}
