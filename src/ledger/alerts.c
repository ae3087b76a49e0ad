/* Alerts, and what of them is still to be told. */
#include "ledger/store.h"
#include "ledger/watching.h"

/* ---- alerts ---- */

static void bind_alert(struct row *r, const struct ledger_alert *a)
{
    row_int(r, a->state);
    row_time(r, a->since_us);
    row_time(r, a->opened_us);
    row_time(r, a->closed_us);
    row_time(r, a->seen_us);
    row_int(r, a->part);
    row_int(r, a->whole);
    row_int(r, a->limit_ppm);
    row_int(r, a->usual_ppm);
    row_text(r, a->cause);
    row_text(r, a->why);
    row_text(r, a->advice);
    row_text(r, a->look);
    row_time(r, a->acked_us);
    row_text(r, a->acked_by);
    row_time(r, a->silent_until_us);
}

static enum status add_alert(struct ledger *l, struct ledger_alert *a, err *e)
{
    struct row r;
    int64_t tenant = 0;
    enum status st = names_id(l, a->tenant, &tenant, e);
    if (st == OK)
        st = row_open(l, STMT_ALERT_ADD, &r, e);
    if (st != OK)
        return st;
    bind_alert(&r, a);
    row_int(&r, tenant);
    row_key(&r, a->rule);
    row_key(&r, a->what);
    row_key(&r, slice_sub(a->name, 0, LEDGER_MAX_TEXT_BYTES));
    st = row_run(&r, e);
    if (st == OK && sqlite3_changes(l->db) == 0)
        return err_set(e, E_INVALID, "alert %.*s %.*s: there is one that is not closed", SLICE_FMT(a->rule),
                       SLICE_FMT(a->name));
    a->id = sqlite3_last_insert_rowid(l->db);
    return st;
}

enum status ledger_put_alert(struct ledger *l, struct ledger_alert *a, err *e)
{
    struct row r;
    enum status st = store_writing(l, e);
    if (st == OK && !a->id)
        return add_alert(l, a, e);
    if (st == OK)
        st = row_open(l, STMT_ALERT_PUT, &r, e);
    if (st != OK)
        return st;
    bind_alert(&r, a);
    row_int(&r, a->id);
    return row_run(&r, e);
}

enum status ledger_drop_alert(struct ledger *l, int64_t id, err *e)
{
    enum status st = store_writing(l, e);
    return st == OK ? row_run_with(l, STMT_ALERT_DROP, id, e) : st;
}

static void read_alert(struct row *r, struct ledger_alert *a)
{
    a->id = cell_int(r);
    a->tenant = names_text(r->l, cell_int(r));
    a->rule = cell_text(r);
    a->what = cell_text(r);
    a->name = cell_text(r);
    a->state = (unsigned)cell_int(r);
    a->since_us = cell_time(r);
    a->opened_us = cell_time(r);
    a->closed_us = cell_time(r);
    a->seen_us = cell_time(r);
    a->part = cell_int(r);
    a->whole = cell_int(r);
    a->limit_ppm = cell_int(r);
    a->usual_ppm = cell_int(r);
    a->cause = cell_text(r);
    a->why = cell_text(r);
    a->advice = cell_text(r);
    a->look = cell_text(r);
    a->acked_us = cell_time(r);
    a->acked_by = cell_text(r);
    a->silent_until_us = cell_time(r);
}

enum status ledger_alerts(struct ledger *l, bool closed, int64_t id, ledger_alert_fn each, void *ctx, err *e)
{
    struct row r;
    struct ledger_alert a;
    enum status st = row_open(l, STMT_ALERTS, &r, e);
    if (st != OK)
        return st;
    row_int(&r, closed);
    row_int(&r, id);
    l->cursors++;
    while (row_next(&r, &st, e) > 0) {
        read_alert(&r, &a);
        if (!each(ctx, &a))
            break;
    }
    l->cursors--;
    row_close(&r);
    return st;
}

enum status ledger_prune_alerts(struct ledger *l, int64_t before_us, int64_t *n, err *e)
{
    enum status st = store_writing(l, e);
    if (st == OK)
        st = row_run_with(l, STMT_ALERTS_PRUNE, before_us, e);
    *n = st == OK ? sqlite3_changes(l->db) : 0;
    return st;
}

/* ---- notices ---- */

enum status ledger_put_notice(struct ledger *l, const struct ledger_notice *n, err *e)
{
    struct row r;
    enum status st = store_writing(l, e);
    if (st == OK)
        st = row_open(l, STMT_NOTICE_ADD, &r, e);
    if (st != OK)
        return st;
    row_key(&r, n->channel);
    row_int(&r, n->alert);
    row_int(&r, n->turn);
    row_key(&r, slice_sub(n->text, 0, LEDGER_MAX_LETTER_BYTES));
    row_time(&r, n->made_us);
    row_time(&r, n->due_us);
    return row_run(&r, e);
}

enum status ledger_notices(struct ledger *l, slice channel, ledger_notice_fn each, void *ctx, err *e)
{
    struct row r;
    enum status st = row_open(l, STMT_NOTICES, &r, e);
    if (st != OK)
        return st;
    row_key(&r, channel);
    while (row_next(&r, &st, e) > 0) {
        struct ledger_notice n = {.id = cell_int(&r)};
        n.channel = cell_text(&r);
        n.alert = cell_int(&r);
        n.turn = (unsigned)cell_int(&r);
        n.text = cell_text(&r);
        n.made_us = cell_time(&r);
        n.due_us = cell_time(&r);
        n.attempts = (unsigned)cell_int(&r);
        if (!each(ctx, &n))
            break;
    }
    row_close(&r);
    return st;
}

enum status ledger_drop_notice(struct ledger *l, int64_t id, err *e)
{
    enum status st = store_writing(l, e);
    return st == OK ? row_run_with(l, STMT_NOTICE_DROP, id, e) : st;
}

enum status ledger_notice_failed(struct ledger *l, int64_t id, int64_t due_us, err *e)
{
    struct row r;
    enum status st = store_writing(l, e);
    if (st == OK)
        st = row_open(l, STMT_NOTICE_FAIL, &r, e);
    if (st != OK)
        return st;
    row_time(&r, due_us);
    row_int(&r, id);
    return row_run(&r, e);
}
