/* The rhythm of feeds, and codes of replies by provider. */
#include "ledger/store.h"
#include "ledger/watching.h"

enum status ledger_put_beat(struct ledger *l, const struct ledger_beat *b, err *e)
{
    struct row r;
    int64_t tenant = 0, feed = 0;
    enum status st = store_writing(l, e);
    if (st == OK)
        st = names_id(l, b->tenant, &tenant, e);
    if (st == OK)
        st = names_id(l, b->feed, &feed, e);
    if (st == OK)
        st = row_open(l, STMT_BEAT_PUT, &r, e);
    if (st != OK)
        return st;
    row_int(&r, feed);
    row_int(&r, tenant);
    row_time(&r, b->heard_us);
    row_blob(&r, b->memory);
    return row_run(&r, e);
}

enum status ledger_get_beat(struct ledger *l, slice tenant, slice feed, arena *a, struct ledger_beat *out, err *e)
{
    struct row r;
    int64_t tenant_id, feed_id;
    enum status st = names_find(l, tenant, &tenant_id, e);
    if (st == OK)
        st = names_find(l, feed, &feed_id, e);
    if (st == OK)
        st = row_open(l, STMT_BEAT_GET, &r, e);
    if (st != OK)
        return st;
    row_int(&r, feed_id);
    row_int(&r, tenant_id);
    *out = (struct ledger_beat){.tenant = tenant, .feed = feed, .heard_us = TIME_NONE};
    if (row_next(&r, &st, e) > 0) {
        out->heard_us = cell_time(&r);
        out->memory = arena_dup(a, cell_blob(&r));
    } else if (st == OK) {
        st = err_set(e, E_NOT_FOUND, "feed %.*s: never heard of", SLICE_FMT(feed));
    }
    row_close(&r);
    return st;
}

enum status ledger_beats(struct ledger *l, ledger_beat_fn each, void *ctx, err *e)
{
    struct row r;
    enum status st = row_open(l, STMT_BEATS, &r, e);
    if (st != OK)
        return st;
    l->cursors++;
    while (row_next(&r, &st, e) > 0) {
        struct ledger_beat b = {.feed = names_text(l, cell_int(&r))};
        b.tenant = names_text(l, cell_int(&r));
        b.heard_us = cell_time(&r);
        b.memory = cell_blob(&r);
        if (!each(ctx, &b))
            break;
    }
    l->cursors--;
    row_close(&r);
    return st;
}

enum status ledger_codes(struct ledger *l, int64_t from_us, int64_t to_us, ledger_code_fn each, void *ctx, err *e)
{
    struct row r;
    enum status st = pending_flush(l, e);
    if (st == OK)
        st = row_open(l, STMT_CODES, &r, e);
    if (st != OK)
        return st;
    row_int(&r, from_us == TIME_NONE ? 0 : from_us / TIME_HOUR);
    row_int(&r, to_us == TIME_NONE ? INT64_MAX : (to_us + TIME_HOUR - 1) / TIME_HOUR);
    l->cursors++;
    while (row_next(&r, &st, e) > 0) {
        struct ledger_code c = {.tenant = names_text(l, cell_int(&r))};
        c.provider = names_text(l, cell_int(&r));
        c.code = (unsigned)cell_int(&r);
        c.phase = (enum bounce_phase)cell_int(&r);
        c.reason = (enum bounce_reason)cell_int(&r);
        c.count = cell_int(&r);
        if (!each(ctx, &c))
            break;
    }
    l->cursors--;
    row_close(&r);
    return st;
}
