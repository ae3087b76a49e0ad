#include "ledger/store.h"

enum status ledger_put_cadence(struct ledger *l, const struct ledger_cadence *c, err *e)
{
    struct row r;
    int64_t tenant = 0, stream = 0;
    enum status st = store_writing(l, e);
    if (st == OK)
        st = names_id(l, c->tenant, &tenant, e);
    if (st == OK)
        st = names_id(l, c->stream, &stream, e);
    if (st == OK)
        st = row_open(l, STMT_CADENCE_PUT, &r, e);
    if (st != OK)
        return st;
    row_int(&r, tenant);
    row_int(&r, stream);
    row_int(&r, c->since_us);
    row_int(&r, c->choice);
    row_int(&r, c->sendings);
    row_int(&r, c->median_us);
    return row_run(&r, e);
}

enum status ledger_cadences(struct ledger *l, ledger_cadence_fn each, void *ctx, err *e)
{
    struct row r;
    enum status st = row_open(l, STMT_CADENCES, &r, e);
    if (st != OK)
        return st;
    l->cursors++;
    while (row_next(&r, &st, e) > 0) {
        struct ledger_cadence c = {.tenant = names_text(l, cell_int(&r))};
        c.stream = names_text(l, cell_int(&r));
        c.since_us = cell_int(&r);
        c.choice = (unsigned)cell_int(&r);
        c.sendings = (unsigned)cell_int(&r);
        c.median_us = cell_int(&r);
        if (!each(ctx, &c))
            break;
    }
    l->cursors--;
    row_close(&r);
    return st;
}

/* Kinds that only a message that was sent can have; opens and complaints come long after. */
static int64_t kinds_of_messages(void)
{
    static const enum bounce_kind kinds[] = {BOUNCE_KIND_DELIVERED, BOUNCE_KIND_FAILED,  BOUNCE_KIND_EXPIRED,
                                             BOUNCE_KIND_DEFERRED,  BOUNCE_KIND_DELAYED, BOUNCE_KIND_RELAYED,
                                             BOUNCE_KIND_EXPANDED};
    int64_t bits = 0;
    for (size_t i = 0; i < ARRAY_LEN(kinds); i++)
        bits |= INT64_C(1) << kinds[i];
    return bits;
}

enum status ledger_sending_days(struct ledger *l, int64_t from_us, ledger_day_fn each, void *ctx, err *e)
{
    struct row r;
    enum status st = pending_flush(l, e);
    if (st == OK)
        st = row_open(l, STMT_SENDING_DAYS, &r, e);
    if (st != OK)
        return st;
    row_int(&r, from_us / TIME_DAY);
    row_int(&r, kinds_of_messages());
    l->cursors++;
    while (row_next(&r, &st, e) > 0) {
        slice tenant = names_text(l, cell_int(&r));
        slice stream = names_text(l, cell_int(&r));
        if (!each(ctx, tenant, stream, cell_int(&r)))
            break;
    }
    l->cursors--;
    row_close(&r);
    return st;
}
