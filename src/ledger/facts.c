#include "ledger/store.h"

/* ---- feeds ---- */

enum status ledger_get_feed(struct ledger *l, slice name, arena *a, struct ledger_feed *out, err *e)
{
    struct row r;
    enum status st = row_open(l, STMT_FEED_GET, &r, e);
    if (st != OK)
        return st;
    *out = (struct ledger_feed){.name = name, .updated_us = TIME_NONE};
    row_key(&r, name);
    int found = row_next(&r, &st, e);
    if (found > 0) {
        out->position = arena_dup(a, cell_text(&r));
        out->memory = arena_dup(a, cell_blob(&r));
        out->updated_us = cell_time(&r);
        if (a->limited)
            st = err_set(e, E_MEMORY, "%s: feed: out of memory", l->path);
    }
    row_close(&r);
    return found == 0 ? err_set(e, E_NOT_FOUND, "feed %.*s: not in the ledger", SLICE_FMT(name)) : st;
}

enum status ledger_put_feed(struct ledger *l, const struct ledger_feed *f, err *e)
{
    struct row r;
    enum status st = store_writing(l, e);
    if (st == OK)
        st = row_open(l, STMT_FEED_PUT, &r, e);
    if (st != OK)
        return st;
    row_key(&r, f->name);
    row_text(&r, f->position);
    row_blob(&r, f->memory);
    row_time(&r, f->updated_us);
    return row_run(&r, e);
}

enum status ledger_put_memory(struct ledger *l, slice feed, slice key, slice value, err *e)
{
    struct row r;
    enum status st = store_writing(l, e);
    if (st == OK)
        st = row_open(l, slice_empty(value) ? STMT_MEMORY_DROP : STMT_MEMORY_PUT, &r, e);
    if (st != OK)
        return st;
    row_key(&r, feed);
    row_blob(&r, key);
    if (!slice_empty(value))
        row_blob(&r, value);
    return row_run(&r, e);
}

enum status ledger_memory(struct ledger *l, slice feed, ledger_memory_fn each, void *ctx, err *e)
{
    struct row r;
    enum status st = row_open(l, STMT_MEMORY_OF, &r, e);
    if (st != OK)
        return st;
    row_key(&r, feed);
    while (row_next(&r, &st, e) > 0) {
        slice key = cell_blob(&r);
        if (!each(ctx, key, cell_blob(&r)))
            break;
    }
    row_close(&r);
    return st;
}

/* ---- sent ---- */

/* The first day behind `after` of which hashes are kept; *found is false when there is none. */
static enum status next_sent_day(struct ledger *l, int64_t after, int64_t *day, bool *found, err *e)
{
    struct row r;
    enum status st = row_open(l, STMT_SENT_DAY, &r, e);
    if (st != OK)
        return st;
    row_int(&r, after);
    *found = row_next(&r, &st, e) > 0 && sqlite3_column_type(r.s, 0) != SQLITE_NULL;
    if (*found)
        *day = cell_int(&r);
    row_close(&r);
    return st;
}

static enum status sent_on_day(struct ledger *l, int64_t day, uint64_t id_hash, bool *was, err *e)
{
    struct row r;
    enum status st = row_open(l, STMT_SENT_HAS, &r, e);
    if (st != OK)
        return st;
    row_int(&r, day);
    row_u64(&r, id_hash);
    *was = row_next(&r, &st, e) > 0;
    row_close(&r);
    return st;
}

enum status ledger_was_sent(struct ledger *l, uint64_t id_hash, bool *was, err *e)
{
    int64_t day = INT64_MIN;
    bool more = true;
    enum status st = pending_flush(l, e);
    *was = false;
    while (st == OK && more && !*was) {
        st = next_sent_day(l, day, &day, &more, e);
        if (st == OK && more)
            st = sent_on_day(l, day, id_hash, was, e);
    }
    return st;
}

/* ---- domains ---- */

enum status ledger_put_domain(struct ledger *l, slice tenant, slice domain, int64_t delivered_us, err *e)
{
    int64_t tenant_id = 0, domain_id = 0;
    struct row r;
    enum status st = store_writing(l, e);
    if (st == OK)
        st = names_id(l, tenant, &tenant_id, e);
    if (st == OK)
        st = names_id(l, domain, &domain_id, e);
    if (st == OK)
        st = row_open(l, STMT_DOMAIN_PUT, &r, e);
    if (st != OK)
        return st;
    row_int(&r, domain_id);
    row_int(&r, tenant_id);
    row_int(&r, delivered_us);
    return row_run(&r, e);
}

enum status ledger_get_domain(struct ledger *l, slice tenant, slice domain, int64_t *delivered_us, err *e)
{
    struct row r;
    enum status st = row_open_domain(l, STMT_DOMAIN_GET, tenant, domain, &r, e);
    *delivered_us = TIME_NONE;
    if (st != OK)
        return st;
    if (row_next(&r, &st, e) > 0)
        *delivered_us = cell_int(&r);
    row_close(&r);
    return st;
}

/* ---- acquired ---- */

enum status ledger_put_acquired(struct ledger *l, const struct ledger_acquired *q, err *e)
{
    char hash[STORED_KEY_BYTES];
    int64_t tenant = 0, source = 0;
    struct row r;
    enum status st = store_writing(l, e);
    if (st == OK)
        st = names_id(l, q->tenant, &tenant, e);
    if (st == OK)
        st = names_id(l, q->source, &source, e);
    if (st == OK)
        st = row_open(l, STMT_ACQUIRED_PUT, &r, e);
    if (st != OK)
        return st;
    row_key(&r, l->hashed ? stored_hash(l, q->tenant, q->key, hash) : q->key);
    row_int(&r, tenant);
    row_text(&r, l->hashed || slice_eq(q->address, q->key) ? SLICE_EMPTY : q->address);
    row_int(&r, source);
    row_text(&r, q->form);
    row_text(&r, q->batch);
    row_time(&r, q->signed_up_us);
    return row_run(&r, e);
}

enum status ledger_get_acquired(struct ledger *l, slice tenant, slice key, arena *a, struct ledger_acquired *out,
                                err *e)
{
    char hash[STORED_KEY_BYTES];
    int64_t tenant_id;
    struct row r;
    enum status st = names_find(l, tenant, &tenant_id, e);
    if (st == OK)
        st = row_open(l, STMT_ACQUIRED_GET, &r, e);
    if (st != OK)
        return st;
    *out = (struct ledger_acquired){.tenant = tenant, .key = key, .signed_up_us = TIME_NONE};
    row_key(&r, l->hashed ? stored_hash(l, tenant, key, hash) : key);
    row_int(&r, tenant_id);
    int found = row_next(&r, &st, e);
    if (found > 0) {
        slice address = cell_text(&r);
        out->address = slice_empty(address) && !l->hashed ? key : arena_dup(a, address);
        out->source = arena_dup(a, names_text(l, cell_int(&r)));
        out->form = arena_dup(a, cell_text(&r));
        out->batch = arena_dup(a, cell_text(&r));
        out->signed_up_us = cell_time(&r);
        if (a->limited)
            st = err_set(e, E_MEMORY, "%s: acquired: out of memory", l->path);
    }
    row_close(&r);
    return found == 0 ? err_set(e, E_NOT_FOUND, "%.*s: nothing is known of its acquisition", SLICE_FMT(key)) : st;
}
