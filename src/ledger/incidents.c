#include "ledger/pack.h"
#include "ledger/store.h"

_Static_assert(EVENT_OBSERVED == 0 && EVENT_BASELINE == 5 && BOUNCE_KIND_DELAYED == 3 && BOUNCE_KIND_COMPLAINT == 7 &&
                   BOUNCE_KIND_UNSUBSCRIBED == 9,
               "as EVENTS_TOUCHED has them");

/* What an event may be told to have happened before it was taken in: clocks are wrong, and what is dated later is dated now. */
#define SLACK_US (2 * TIME_DAY)

/* ---- the figures of an incident ---- */

enum status ledger_put_incident(struct ledger *l, const struct ledger_incident *i, err *e)
{
    struct row r;
    enum status st = store_writing(l, e);
    if (st == OK)
        st = row_open(l, STMT_INCIDENT_PUT, &r, e);
    if (st != OK)
        return st;
    row_int(&r, i->id);
    row_int(&r, i->signal);
    row_int(&r, i->ending);
    row_int(&r, i->pause);
    row_int(&r, i->messages);
    row_int(&r, i->failed);
    row_int(&r, i->normal_ppm);
    row_int(&r, i->share_ppm);
    row_time(&r, i->seen_us);
    return row_run(&r, e);
}

enum status ledger_get_incident(struct ledger *l, int64_t id, struct ledger_incident *out, err *e)
{
    struct row r;
    enum status st = row_open(l, STMT_INCIDENT, &r, e);
    *out = (struct ledger_incident){.id = id, .seen_us = TIME_NONE};
    if (st != OK)
        return st;
    row_int(&r, id);
    bool found = row_next(&r, &st, e) > 0;
    if (found) {
        out->signal = (uint8_t)cell_int(&r);
        out->ending = (uint8_t)cell_int(&r);
        out->pause = cell_int(&r) != 0;
        out->messages = (uint32_t)cell_int(&r);
        out->failed = (uint32_t)cell_int(&r);
        out->normal_ppm = (uint32_t)cell_int(&r);
        out->share_ppm = (uint32_t)cell_int(&r);
        out->seen_us = cell_time(&r);
    }
    row_close(&r);
    return st == OK && !found ? err_set(e, E_NOT_FOUND, "incident %lld has no figures", (long long)id) : st;
}

/* ---- meters ---- */

enum status ledger_put_meter(struct ledger *l, uint64_t key, slice bytes, int64_t now_us, err *e)
{
    struct row r;
    enum status st = store_writing(l, e);
    if (st == OK)
        st = row_open(l, STMT_METER_PUT, &r, e);
    if (st != OK)
        return st;
    row_u64(&r, key);
    row_blob(&r, bytes);
    row_int(&r, now_us);
    return row_run(&r, e);
}

enum status ledger_meters(struct ledger *l, ledger_meter_fn each, void *ctx, err *e)
{
    struct row r;
    enum status st = row_open(l, STMT_METERS, &r, e);
    if (st != OK)
        return st;
    while (row_next(&r, &st, e) > 0) {
        uint64_t key = cell_u64(&r);
        if (!each(ctx, key, cell_blob(&r)))
            break;
    }
    row_close(&r);
    return st;
}

enum status ledger_drop_meters(struct ledger *l, int64_t before_us, err *e)
{
    enum status st = store_writing(l, e);
    return st == OK ? row_run_with(l, STMT_METERS_DROP, before_us, e) : st;
}

/* ---- whom a circumstance may touch ---- */

/* The first event taken in not before a time, at or behind `seq`; *seq 0: there is none. */
static enum status event_at(struct ledger *l, int64_t *seq, int64_t *ingest_us, err *e)
{
    struct row r;
    enum status st = row_open(l, STMT_EVENT_NEXT, &r, e);
    if (st != OK)
        return st;
    row_int(&r, *seq);
    bool found = row_next(&r, &st, e) > 0;
    *seq = found ? cell_int(&r) : 0;
    *ingest_us = found ? cell_time(&r) : TIME_NONE;
    row_close(&r);
    return st;
}

enum status ledger_seq_at(struct ledger *l, int64_t time_us, int64_t *seq, err *e)
{
    int64_t low = 0, high;
    enum status st = ledger_seq(l, &high, e);
    while (st == OK && low < high) { /* all up to low were taken in before; what is behind high was not */
        int64_t middle = low + (high - low) / 2 + 1, at = middle, ingest_us;
        st = event_at(l, &at, &ingest_us, e);
        if (st != OK)
            break;
        if (at && at <= high && ingest_us < time_us - SLACK_US)
            low = at;
        else
            high = middle - 1;
    }
    *seq = low;
    return st;
}

static bool has_mark(const struct circumstance *c, const struct policy_event *ev)
{
    return c->by >= MARKS || ev->marks[c->by] == c->mark;
}

static enum status numbers_of(struct ledger *l, const struct ledger_circumstance *c, int64_t *tenant, int64_t *domain,
                              err *e)
{
    *tenant = *domain = 0;
    enum status st = slice_empty(c->tenant) ? OK : names_find(l, c->tenant, tenant, e);
    return st == OK && !slice_empty(c->domain) ? names_find(l, c->domain, domain, e) : st;
}

enum status ledger_touched(struct ledger *l, const struct ledger_circumstance *c, int64_t after, int64_t window,
                           ledger_touched_fn each, void *ctx, int64_t *next, err *e)
{
    int64_t tenant, domain, last;
    struct row r;
    enum status st = numbers_of(l, c, &tenant, &domain, e);
    if (st == OK)
        st = ledger_seq(l, &last, e);
    if (st != OK)
        return st;
    *next = last - after > window ? after + window : 0;
    st = row_open(l, STMT_EVENTS_TOUCHED, &r, e);
    if (st != OK)
        return st;
    row_int(&r, after);
    row_int(&r, *next ? *next : last);
    row_int(&r, c->c.from_us);
    row_int(&r, c->c.until_us == TIME_NONE ? INT64_MAX : c->c.until_us);
    row_text(&r, c->domain);
    row_int(&r, domain);
    row_int(&r, tenant);
    while (row_next(&r, &st, e) > 0) {
        struct policy_event ev = {0};
        int64_t seq = cell_int(&r), address = cell_int(&r), what = cell_int(&r), reason = cell_int(&r);
        unpack_event(cell_blob(&r), &ev);
        if (what == EVENT_OBSERVED && (!(c->c.reasons >> reason & 1) || !has_mark(&c->c, &ev)))
            continue;
        if (!each(ctx, address)) {
            *next = seq;
            break;
        }
    }
    row_close(&r);
    return st;
}
