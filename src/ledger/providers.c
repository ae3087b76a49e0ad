/* What is known of mailbox providers: our own counts by day, and what they say themselves. */
#include "ledger/store.h"

static enum status open_days(struct ledger *l, slice tenant, slice provider, int64_t from_day, int64_t to_day,
                             struct row *r, err *e)
{
    int64_t tenant_id = 0, provider_id = 0;
    enum status st = pending_flush(l, e);
    if (st == OK)
        st = names_find(l, tenant, &tenant_id, e);
    if (st == OK)
        st = names_find(l, provider, &provider_id, e);
    if (st == OK)
        st = row_open(l, STMT_PROVIDER_DAYS, r, e);
    if (st != OK)
        return st;
    row_int(r, from_day);
    row_int(r, to_day);
    row_int(r, tenant_id);
    row_int(r, provider_id);
    return OK;
}

enum status ledger_provider_days(struct ledger *l, slice tenant, slice provider, int64_t from_day, int64_t to_day,
                                 ledger_provider_day_fn each, void *ctx, err *e)
{
    struct row r;
    enum status st = open_days(l, tenant, provider, from_day, to_day, &r, e);
    if (st != OK)
        return st;
    l->cursors++;
    while (row_next(&r, &st, e) > 0) {
        struct ledger_provider_day d = {.provider = names_text(l, cell_int(&r))};
        d.day = cell_int(&r);
        d.kind = (enum bounce_kind)cell_int(&r);
        d.reason = (enum bounce_reason)cell_int(&r);
        d.count = cell_int(&r);
        if (!each(ctx, &d))
            break;
    }
    l->cursors--;
    row_close(&r);
    return st;
}

/* -1 (not told) is NULL, so that what another file told of the same day stays. */
static void row_told(struct row *r, int64_t v)
{
    row_time(r, v < 0 ? TIME_NONE : v);
}

static int64_t cell_told(struct row *r)
{
    int64_t v = cell_time(r);
    return v == TIME_NONE ? -1 : v;
}

enum status ledger_put_provider_report(struct ledger *l, const struct ledger_provider_report *p, err *e)
{
    int64_t tenant = 0;
    struct row r;
    enum status st = store_writing(l, e);
    if (st == OK)
        st = names_id(l, p->tenant, &tenant, e);
    if (st == OK)
        st = row_open(l, STMT_PROVIDER_REPORT_PUT, &r, e);
    if (st != OK)
        return st;
    row_key(&r, p->provider);
    row_key(&r, p->subject);
    row_int(&r, tenant);
    row_int(&r, p->day);
    row_key(&r, p->source);
    row_told(&r, p->level);
    row_told(&r, p->recipients);
    row_told(&r, p->complaint_ppm);
    row_told(&r, p->traps);
    row_told(&r, p->spf_ppm);
    row_told(&r, p->dkim_ppm);
    row_told(&r, p->dmarc_ppm);
    row_told(&r, p->error_ppm);
    row_text(&r, p->detail);
    return row_run(&r, e);
}

static void read_report(struct row *r, struct ledger_provider_report *out)
{
    out->provider = cell_text(r);
    out->subject = cell_text(r);
    out->tenant = names_text(r->l, cell_int(r));
    out->day = cell_int(r);
    out->source = cell_text(r);
    out->level = (int)cell_told(r);
    out->recipients = cell_told(r);
    out->complaint_ppm = cell_told(r);
    out->traps = cell_told(r);
    out->spf_ppm = cell_told(r);
    out->dkim_ppm = cell_told(r);
    out->dmarc_ppm = cell_told(r);
    out->error_ppm = cell_told(r);
    out->detail = cell_text(r);
}

enum status ledger_provider_reports(struct ledger *l, slice tenant, slice provider, int64_t from_day, int64_t to_day,
                                    ledger_provider_report_fn each, void *ctx, err *e)
{
    int64_t tenant_id = 0;
    struct row r;
    struct ledger_provider_report one;
    enum status st = names_find(l, tenant, &tenant_id, e);
    if (st == OK)
        st = row_open(l, STMT_PROVIDER_REPORTS, &r, e);
    if (st != OK)
        return st;
    row_int(&r, from_day);
    row_int(&r, to_day);
    row_int(&r, tenant_id);
    row_key(&r, provider);
    l->cursors++;
    while (row_next(&r, &st, e) > 0) {
        read_report(&r, &one);
        if (!each(ctx, &one))
            break;
    }
    l->cursors--;
    row_close(&r);
    return st;
}
