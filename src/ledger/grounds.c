/* New ground that is watched, and addresses by where they came from. */
#include "ledger/store.h"
#include "ledger/watching.h"

#define NOT_YET INT64_MAX /* no outcome yet: any is earlier */

static enum status open_ground(struct ledger *l, enum stmt which, const struct ledger_ground *g, struct row *r, err *e)
{
    int64_t tenant = 0;
    enum status st = store_writing(l, e);
    if (st == OK)
        st = names_id(l, g->tenant, &tenant, e);
    if (st == OK)
        st = row_open(l, which, r, e);
    if (st != OK)
        return st;
    row_key(r, g->kind);
    row_key(r, slice_sub(g->name, 0, LEDGER_MAX_TEXT_BYTES));
    row_int(r, tenant);
    const int64_t counts[] = {g->sent, g->delivered, g->hard, g->soft, g->block, g->complaint, g->engaged};
    for (size_t i = 0; i < ARRAY_LEN(counts); i++)
        row_int(r, counts[i]);
    row_int(r, g->first_us == TIME_NONE ? NOT_YET : g->first_us);
    row_time(r, g->delivered_us);
    return OK;
}

enum status ledger_add_ground(struct ledger *l, const struct ledger_ground *g, err *e)
{
    struct row r;
    enum status st = open_ground(l, STMT_GROUND_ADD, g, &r, e);
    return st == OK ? row_run(&r, e) : st;
}

enum status ledger_put_ground(struct ledger *l, const struct ledger_ground *g, err *e)
{
    struct row r;
    enum status st = open_ground(l, STMT_GROUND_PUT, g, &r, e);
    if (st != OK)
        return st;
    row_int(&r, g->state);
    row_time(&r, g->judged_us);
    row_text(&r, g->actor);
    row_text(&r, g->note);
    return row_run(&r, e);
}

enum status ledger_grounds(struct ledger *l, ledger_ground_fn each, void *ctx, err *e)
{
    struct row r;
    enum status st = row_open(l, STMT_GROUNDS, &r, e);
    if (st != OK)
        return st;
    l->cursors++;
    while (row_next(&r, &st, e) > 0) {
        struct ledger_ground g = {.kind = cell_text(&r)};
        g.name = cell_text(&r);
        g.tenant = names_text(l, cell_int(&r));
        int64_t *const counts[] = {&g.sent, &g.delivered, &g.hard, &g.soft, &g.block, &g.complaint, &g.engaged};
        for (size_t i = 0; i < ARRAY_LEN(counts); i++)
            *counts[i] = cell_int(&r);
        int64_t first_us = cell_int(&r);
        g.first_us = first_us == NOT_YET ? TIME_NONE : first_us;
        g.delivered_us = cell_time(&r);
        g.state = (unsigned)cell_int(&r);
        g.judged_us = cell_time(&r);
        g.actor = cell_text(&r);
        g.note = cell_text(&r);
        if (!each(ctx, &g))
            break;
    }
    l->cursors--;
    row_close(&r);
    return st;
}

enum status ledger_acquired_of(struct ledger *l, slice tenant, bool batch, slice name, slice after_key, int64_t limit,
                               ledger_acquired_fn each, void *ctx, err *e)
{
    struct row r;
    int64_t tenant_id, source = 0;
    enum status st = names_find(l, tenant, &tenant_id, e);
    if (st == OK && !batch)
        st = names_find(l, name, &source, e);
    if (st == OK)
        st = row_open(l, batch ? STMT_ACQUIRED_BATCH : STMT_ACQUIRED_SOURCE, &r, e);
    if (st != OK)
        return st;
    row_key(&r, after_key);
    row_int(&r, tenant_id);
    if (batch)
        row_key(&r, name);
    else
        row_int(&r, source);
    row_int(&r, limit);
    while (row_next(&r, &st, e) > 0) {
        struct ledger_acquired q = {.tenant = tenant, .signed_up_us = TIME_NONE, .key = cell_text(&r)};
        q.address = cell_text(&r);
        if (!each(ctx, &q))
            break;
    }
    row_close(&r);
    return st;
}
