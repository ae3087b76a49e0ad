#include "ledger/store.h"

/* Returns false for the row of a whole domain and of an address that was erased. */
static bool read_life(struct row *r, struct ledger_life *out)
{
    *out = (struct ledger_life){.id = cell_int(r)};
    out->tenant = names_text(r->l, cell_int(r));
    out->key = cell_text(r);
    out->address = cell_text(r);
    out->state = (enum address_state)cell_int(r);
    out->cause = (enum cause)cell_int(r);
    out->since_us = cell_time(r);
    out->first_seen_us = cell_time(r);
    out->last_delivered_us = cell_time(r);
    out->last_failed_us = cell_time(r);
    int64_t domain = cell_int(r);
    out->history = cell_blob(r);
    out->source = names_text(r->l, cell_int(r));
    out->form = cell_text(r);
    out->batch = cell_text(r);
    out->signed_up_us = cell_time(r);
    size_t at = slice_rchr(out->key, '@');
    if (slice_empty(out->address))
        out->address = out->key;
    if (stored_is_hash(out->key)) {
        out->domain = names_text(r->l, domain);
        return domain > 0 && out->cause != CAUSE_ERASED;
    }
    out->domain = at == SLICE_NPOS ? SLICE_EMPTY : slice_from(out->key, at + 1);
    return at != SLICE_NPOS;
}

enum status ledger_lives(struct ledger *l, slice tenant, ledger_life_fn each, void *ctx, err *e)
{
    int64_t tenant_id;
    struct row r;
    enum status st = names_find(l, tenant, &tenant_id, e);
    if (st == OK)
        st = row_open(l, STMT_LIVES, &r, e);
    if (st != OK)
        return st;
    row_int(&r, tenant_id);
    l->cursors++;
    while (row_next(&r, &st, e) > 0) {
        struct ledger_life life;
        if (read_life(&r, &life) && !each(ctx, &life))
            break;
    }
    l->cursors--;
    row_close(&r);
    return st;
}
