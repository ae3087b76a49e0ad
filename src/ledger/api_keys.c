#include "ledger/store.h"

enum status ledger_put_api_key(struct ledger *l, const struct ledger_api_key *k, err *e)
{
    struct row r;
    int64_t tenant = 0;
    enum status st = store_writing(l, e);
    if (st == OK)
        st = names_id(l, k->tenant, &tenant, e);
    if (st == OK)
        st = row_open(l, STMT_API_KEY_ADD, &r, e);
    if (st != OK)
        return st;
    row_key(&r, k->name);
    row_key(&r, k->id);
    row_blob(&r, k->hash);
    row_int(&r, k->role);
    row_int(&r, tenant);
    row_time(&r, k->made_us);
    st = row_run(&r, e);
    if (st == OK && sqlite3_changes(l->db) == 0)
        return err_set(e, E_INVALID, "key %.*s: there is one of that name; remove it first or choose another",
                       SLICE_FMT(k->name));
    return st;
}

enum status ledger_drop_api_key(struct ledger *l, slice name, err *e)
{
    struct row r;
    enum status st = store_writing(l, e);
    if (st == OK)
        st = row_open(l, STMT_API_KEY_DROP, &r, e);
    if (st != OK)
        return st;
    row_key(&r, name);
    st = row_run(&r, e);
    if (st == OK && sqlite3_changes(l->db) == 0)
        return err_set(e, E_NOT_FOUND, "key %.*s: there is none of that name", SLICE_FMT(name));
    return st;
}

enum status ledger_api_keys(struct ledger *l, ledger_api_key_fn each, void *ctx, err *e)
{
    struct row r;
    enum status st = row_open(l, STMT_API_KEYS, &r, e);
    if (st != OK)
        return st;
    while (row_next(&r, &st, e) > 0) {
        struct ledger_api_key k = {.name = cell_text(&r)};
        k.id = cell_text(&r);
        k.hash = cell_blob(&r);
        k.role = (unsigned)cell_int(&r);
        k.tenant = names_text(l, cell_int(&r));
        k.made_us = cell_time(&r);
        if (!each(ctx, &k))
            break;
    }
    row_close(&r);
    return st;
}
