/* Return paths that carry an id instead of their recipient. */
#include "ledger/store.h"

enum status ledger_put_opaque(struct ledger *l, slice tenant, slice id, slice key, int64_t time_us, err *e)
{
    int64_t tenant_id = 0;
    struct row r;
    enum status st = store_writing(l, e);
    if (st != OK || l->hashed)
        return st;
    st = names_id(l, tenant, &tenant_id, e);
    if (st == OK)
        st = row_open(l, STMT_OPAQUE_PUT, &r, e);
    if (st != OK)
        return st;
    row_int(&r, tenant_id);
    row_key(&r, id);
    row_key(&r, key);
    row_int(&r, time_us / TIME_DAY);
    return row_run(&r, e);
}

enum status ledger_get_opaque(struct ledger *l, slice tenant, slice id, arena *a, slice *key, err *e)
{
    int64_t tenant_id = 0;
    struct row r;
    enum status st = names_find(l, tenant, &tenant_id, e);
    *key = SLICE_EMPTY;
    if (st == OK)
        st = row_open(l, STMT_OPAQUE_GET, &r, e);
    if (st != OK)
        return st;
    row_int(&r, tenant_id);
    row_key(&r, id);
    if (row_next(&r, &st, e) > 0)
        *key = arena_dup(a, cell_text(&r));
    row_close(&r);
    if (st == OK && a->limited)
        st = err_set(e, E_MEMORY, "%s: return path: out of memory", l->path);
    return st;
}
