#include "ledger/store.h"

enum status ledger_wait(struct ledger *l, const struct ledger_address *addr, bool waits, err *e)
{
    int64_t tenant = 0, domain = 0;
    struct row r;
    enum status st = store_writing(l, e);
    if (st == OK)
        st = names_id(l, addr->tenant, &tenant, e);
    if (st == OK)
        st = names_id(l, addr->domain, &domain, e);
    if (st == OK)
        st = row_open(l, waits ? STMT_WAIT_ADD : STMT_WAIT_DROP, &r, e);
    if (st != OK)
        return st;
    row_int(&r, domain);
    row_int(&r, tenant);
    row_int(&r, addr->id);
    return row_run(&r, e);
}
