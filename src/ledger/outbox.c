#include <stdlib.h>

#include "ledger/store.h"

/* What the handle knows of the endpoints, and when it read them. */
struct endpoints {
    arena a;
    struct ledger_endpoint each[LEDGER_MAX_ENDPOINTS];
    size_t n;
    struct kept kept;
};

void endpoints_free(struct endpoints **p)
{
    if (!*p)
        return;
    arena_fini(&(*p)->a);
    free(*p);
    *p = NULL;
}

struct kept *endpoints_kept(struct endpoints *p)
{
    return p ? &p->kept : NULL;
}

slice ledger_hash_of(const struct ledger *l, slice tenant, slice key, char out[LEDGER_HASH_BYTES])
{
    _Static_assert(LEDGER_HASH_BYTES == STORED_KEY_BYTES, "the same hash");
    return stored_is_hash(key) ? key : stored_hash(l, tenant, key, out);
}

static enum status read_endpoints(struct ledger *l, struct endpoints *p, err *e)
{
    struct row r;
    enum status st = row_open(l, STMT_ENDPOINTS, &r, e);
    if (st != OK)
        return st;
    arena_reset(&p->a);
    p->n = 0;
    while (p->n < LEDGER_MAX_ENDPOINTS && row_next(&r, &st, e) > 0) {
        struct ledger_endpoint *one = &p->each[p->n++];
        one->id = cell_int(&r);
        one->name = arena_dup(&p->a, cell_text(&r));
        one->tenant = arena_dup(&p->a, names_text(l, cell_int(&r)));
        one->kinds = (uint32_t)cell_int(&r);
        one->streams = arena_dup(&p->a, cell_text(&r));
        one->active = cell_int(&r) != 0;
    }
    row_close(&r);
    if (st == OK && p->a.limited)
        st = err_set(e, E_MEMORY, "%s: endpoints: out of memory", l->path);
    return st;
}

enum status ledger_endpoints(struct ledger *l, const struct ledger_endpoint **out, size_t *n, err *e)
{
    *n = 0;
    if (!l->endpoints) {
        l->endpoints = calloc(1, sizeof *l->endpoints);
        if (!l->endpoints)
            return err_set(e, E_MEMORY, "%s: endpoints: out of memory", l->path);
        arena_init(&l->endpoints->a, 0);
        l->endpoints->kept.stale = true;
    }
    struct endpoints *p = l->endpoints;
    bool fresh;
    enum status st = kept_fresh(l, &p->kept, &fresh, e);
    if (st == OK && !fresh) {
        st = read_endpoints(l, p, e);
        if (st == OK)
            kept_read(l, &p->kept);
    }
    if (st != OK)
        return st;
    *out = p->each;
    *n = p->n;
    return OK;
}

enum status ledger_put_endpoint(struct ledger *l, const struct ledger_endpoint *p, err *e)
{
    struct row r;
    int64_t tenant = 0;
    const struct ledger_endpoint *all;
    size_t n;
    enum status st = store_writing(l, e);
    if (st == OK)
        st = ledger_endpoints(l, &all, &n, e);
    if (st != OK)
        return st;
    bool known = false;
    for (size_t i = 0; i < n; i++)
        known |= slice_eq(all[i].name, p->name);
    if (!known && n == LEDGER_MAX_ENDPOINTS)
        return err_set(e, E_FULL, "%s: endpoint %.*s: there are %u already", l->path, SLICE_FMT(p->name),
                       LEDGER_MAX_ENDPOINTS);
    st = names_id(l, p->tenant, &tenant, e);
    if (st == OK)
        st = row_open(l, STMT_ENDPOINT_PUT, &r, e);
    if (st != OK)
        return st;
    l->endpoints->kept.stale = true;
    row_key(&r, p->name);
    row_int(&r, tenant);
    row_int(&r, p->kinds);
    row_text(&r, p->streams);
    row_int(&r, p->active);
    return row_run(&r, e);
}

enum status ledger_put_letter(struct ledger *l, const struct ledger_letter *letter, err *e)
{
    struct row r;
    enum status st = store_writing(l, e);
    if (st == OK)
        st = row_open(l, STMT_LETTER_ADD, &r, e);
    if (st != OK)
        return st;
    row_int(&r, letter->endpoint);
    row_id(&r, letter->address_id);
    row_int(&r, letter->kind);
    row_text_max(&r, letter->body, LEDGER_MAX_LETTER_BYTES);
    row_time(&r, letter->made_us);
    row_time(&r, letter->due_us);
    return row_run(&r, e);
}

static struct ledger_letter read_letter(struct row *r)
{
    struct ledger_letter m = {.id = cell_int(r)};
    m.endpoint = cell_int(r);
    m.dead = cell_int(r) != 0;
    m.address_id = cell_int(r);
    m.kind = (unsigned)cell_int(r);
    m.body = cell_text(r);
    m.made_us = cell_time(r);
    m.due_us = cell_time(r);
    m.attempts = (unsigned)cell_int(r);
    m.error = cell_text(r);
    return m;
}

enum status ledger_letters(struct ledger *l, int64_t endpoint, bool dead, int64_t after, int64_t limit,
                           ledger_letter_fn each, void *ctx, err *e)
{
    struct row r;
    enum status st = row_open(l, STMT_LETTERS, &r, e);
    if (st != OK)
        return st;
    row_int(&r, endpoint);
    row_int(&r, dead);
    row_int(&r, after);
    row_int(&r, limit > 0 ? limit : -1);
    while (row_next(&r, &st, e) > 0) {
        struct ledger_letter m = read_letter(&r);
        if (!each(ctx, &m))
            break;
    }
    row_close(&r);
    return st;
}

enum status ledger_letter_sent(struct ledger *l, int64_t id, err *e)
{
    enum status st = store_writing(l, e);
    return st == OK ? row_run_with(l, STMT_LETTER_DROP, id, e) : st;
}

enum status ledger_letter_failed(struct ledger *l, int64_t id, int64_t due_us, bool dead, slice error, err *e)
{
    struct row r;
    enum status st = store_writing(l, e);
    if (st == OK)
        st = row_open(l, STMT_LETTER_FAIL, &r, e);
    if (st != OK)
        return st;
    row_int(&r, dead);
    row_time(&r, due_us);
    row_text(&r, error);
    row_int(&r, id);
    return row_run(&r, e);
}

enum status ledger_letter_revive(struct ledger *l, int64_t endpoint, int64_t id, int64_t now_us, int64_t *n, err *e)
{
    struct row r;
    enum status st = store_writing(l, e);
    if (st == OK)
        st = row_open(l, STMT_LETTER_REVIVE, &r, e);
    if (st != OK)
        return st;
    row_time(&r, now_us);
    row_time(&r, now_us);
    row_int(&r, endpoint);
    row_int(&r, id);
    st = row_run(&r, e);
    *n = st == OK ? sqlite3_changes64(l->db) : 0;
    return st;
}

enum status ledger_letter_count(struct ledger *l, int64_t endpoint, bool dead, int64_t *n, int64_t *oldest_us, err *e)
{
    struct row r;
    enum status st = row_open(l, STMT_LETTER_COUNT, &r, e);
    if (st != OK)
        return st;
    row_int(&r, endpoint);
    row_int(&r, dead);
    if (row_next(&r, &st, e) > 0) {
        *n = cell_int(&r);
        *oldest_us = cell_time(&r);
    }
    row_close(&r);
    return st;
}
