#include "core/life.h"

#include "policy/history.h"

enum life_end life_end(const struct ledger_life *life)
{
    if (life->state != STATE_SUPPRESSED)
        return LIFE_GOES_ON;
    switch (life->cause) {
    case CAUSE_HARD:
    case CAUSE_INVALID:
    case CAUSE_ESCALATED:
        return LIFE_DEAD;
    case CAUSE_COMPLAINT:
    case CAUSE_UNSUBSCRIBED:
        return LIFE_LEFT;
    default:
        return LIFE_WITHDRAWN;
    }
}

int64_t life_began_us(const struct ledger_life *life)
{
    return life->signed_up_us != TIME_NONE ? life->signed_up_us : life->first_seen_us;
}

/* ---- its events ---- */

static bool engages(const struct policy_event *e)
{
    return (e->kind == BOUNCE_KIND_OPENED || e->kind == BOUNCE_KIND_CLICKED) && e->trust != TRUST_BARE;
}

static bool fails(const struct policy_event *e)
{
    enum bounce_reason reason = (enum bounce_reason)e->reason;
    return bounce_kind_final((enum bounce_kind)e->kind) && e->trust != TRUST_BARE &&
           bounce_reason_class(reason) != BOUNCE_CLASS_BLOCK && bounce_reason_counts(reason) != BOUNCE_COUNTS_NEVER &&
           bounce_reason_counts(reason) != BOUNCE_COUNTS_PLATFORM;
}

/* What failures are told apart by: the campaign, else the day. */
static uint64_t occasion(const struct policy_event *e)
{
    return e->campaign ? e->campaign : (uint64_t)(e->time_us / TIME_DAY);
}

struct occasions {
    uint64_t which[LIFE_MAX_FAILURES];
    unsigned n;
};

static void add_failure(struct occasions *f, const struct policy_event *e)
{
    uint64_t what = occasion(e);
    for (unsigned i = 0; i < f->n; i++)
        if (f->which[i] == what)
            return;
    if (f->n < LIFE_MAX_FAILURES)
        f->which[f->n++] = what;
}

/* Events in the order of the fold. */
static void read_events(const struct policy_event *events, size_t n, int64_t delivered_us, struct life_record *out)
{
    struct occasions f = {.n = 0};
    for (size_t i = 0; i < n; i++) {
        const struct policy_event *e = &events[i];
        if (e->what == EVENT_LIFT)
            f.n = 0;
        if (e->what != EVENT_OBSERVED)
            continue;
        if (engages(e) && e->time_us > out->engaged_us)
            out->engaged_us = e->time_us;
        if (fails(e) && e->time_us > delivered_us)
            add_failure(&f, e);
    }
    out->failures = f.n;
}

enum status life_read(struct ledger *l, const struct policy *policy, const struct ledger_life *life, arena *a,
                      struct life_record *out, err *e)
{
    const struct fold_rules rules = {.policy = policy};
    struct history h;
    struct policy_event *events;
    size_t n;
    enum status st = history_decode(life->history, &rules, a, &h);
    *out = (struct life_record){TIME_NONE, 0};
    if (st == OK && !slice_empty(life->history)) {
        out->engaged_us = h.has_base ? h.base.engaged_us : TIME_NONE;
        read_events(h.recent, h.n, life->last_delivered_us, out);
        return OK;
    }
    if (st == E_MEMORY)
        return err_set(e, E_MEMORY, "life of an address: out of memory");
    st = ledger_fold_events(l, life->id, a, &events, &n, e);
    if (st == OK)
        read_events(events, n, life->last_delivered_us, out);
    return st;
}
