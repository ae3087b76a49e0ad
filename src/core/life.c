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

static int64_t last_engaged(const struct policy_event *events, size_t n, int64_t engaged_us)
{
    for (size_t i = 0; i < n; i++) {
        const struct policy_event *e = &events[i];
        bool engaged = e->what == EVENT_OBSERVED && (e->kind == BOUNCE_KIND_OPENED || e->kind == BOUNCE_KIND_CLICKED) &&
                       e->trust != TRUST_BARE;
        if (engaged && (engaged_us == TIME_NONE || e->time_us > engaged_us))
            engaged_us = e->time_us;
    }
    return engaged_us;
}

enum status life_engaged(struct ledger *l, const struct policy *policy, const struct ledger_life *life, arena *a,
                         int64_t *engaged_us, err *e)
{
    const struct fold_rules rules = {.policy = policy};
    struct history h;
    struct policy_event *events;
    size_t n;
    enum status st = history_decode(life->history, &rules, a, &h);
    *engaged_us = TIME_NONE;
    if (st == OK && !slice_empty(life->history)) {
        *engaged_us = last_engaged(h.recent, h.n, h.has_base ? h.base.engaged_us : TIME_NONE);
        return OK;
    }
    if (st == E_MEMORY)
        return err_set(e, E_MEMORY, "engagement: out of memory");
    st = ledger_fold_events(l, life->id, a, &events, &n, e);
    if (st == OK)
        *engaged_us = last_engaged(events, n, TIME_NONE);
    return st;
}
