#include "policy/settle.h"
#include "bounce/observation.h"

void fold_init(struct fold *f)
{
    f->failures.n = f->standing_count = f->held_count = 0;
    f->excused = (struct excused){0, TIME_NONE, 0};
    f->first_us = f->delivered_us = f->failed_us = f->engaged_us = TIME_NONE;
    f->pending = NULL;
    f->pending_count = f->pending_room = 0;
}

bool fold_copy(struct fold *to, const struct fold *from, arena *a)
{
    *to = *from;
    to->pending = NULL;
    to->pending_room = 0;
    if (!from->pending_count)
        return true;
    to->pending = arena_alloc(a, from->pending_count * sizeof(*to->pending));
    if (!to->pending)
        return false;
    memcpy(to->pending, from->pending, from->pending_count * sizeof(*to->pending));
    to->pending_room = from->pending_count;
    return true;
}

/* ---- settling ---- */

static int64_t settle_time(const struct pending *w, const struct fold_rules *rules)
{
    if (w->act)
        return w->event.time_us;
    return w->outcome.end == OUTCOME_OPEN ? w->outcome.attempt_us + rules->policy->open_end_us : w->outcome.time_us;
}

static uint64_t settle_key(const struct pending *w)
{
    return w->act ? w->event.key : w->outcome.key;
}

/* The one that is settled next, among acts and the messages that began before a time; pending_count when there is none. */
static unsigned pending_first(const struct fold *f, const struct fold_rules *rules, int64_t closed_before_us)
{
    unsigned best = f->pending_count;
    int64_t best_time = 0;
    for (unsigned i = 0; i < f->pending_count; i++) {
        const struct pending *w = &f->pending[i];
        if (!w->act && w->outcome.first_us >= closed_before_us)
            continue;
        int64_t t = settle_time(w, rules);
        if (best == f->pending_count || t < best_time ||
            (t == best_time && settle_key(w) < settle_key(&f->pending[best]))) {
            best = i;
            best_time = t;
        }
    }
    return best;
}

static void pending_drop(struct fold *f, unsigned i)
{
    f->pending_count--;
    memmove(&f->pending[i], &f->pending[i + 1], (f->pending_count - i) * sizeof(f->pending[0]));
}

/* Settles entry i; a message without an end counts only when its time has come. */
static void settle(struct fold *f, const struct fold_rules *rules, unsigned i, int64_t now_us)
{
    struct pending w = f->pending[i];
    int64_t t = settle_time(&w, rules);
    pending_drop(f, i);
    if (w.act)
        settle_act(f, rules, &w.event);
    else if (w.outcome.end == OUTCOME_DELIVERED)
        settle_delivery(f, rules, &w.outcome, t);
    else if (w.outcome.end == OUTCOME_FAILED || (w.outcome.end == OUTCOME_OPEN && t <= now_us))
        settle_failure(f, rules, &w.outcome, t);
}

/* Settles what nothing that is still open can come before. */
static void settle_closed(struct fold *f, const struct fold_rules *rules, int64_t now_us)
{
    int64_t closed_before = now_us - rules->policy->join_us;
    int64_t frontier = now_us;
    for (unsigned i = 0; i < f->pending_count; i++)
        if (!f->pending[i].act && f->pending[i].outcome.first_us >= closed_before &&
            f->pending[i].outcome.first_us < frontier)
            frontier = f->pending[i].outcome.first_us;
    for (;;) {
        unsigned i = pending_first(f, rules, closed_before);
        if (i == f->pending_count || settle_time(&f->pending[i], rules) >= frontier)
            return;
        settle(f, rules, i, now_us);
    }
}

static struct pending *pending_new(struct fold *f, const struct fold_rules *rules, int64_t now_us, arena *a)
{
    if (f->pending_count == FOLD_MAX_OPEN)
        settle(f, rules, pending_first(f, rules, INT64_MAX), now_us);
    if (f->pending_count == f->pending_room) {
        unsigned room = f->pending_room ? 2 * f->pending_room : 4;
        struct pending *grown = arena_alloc(a, room * sizeof(*grown));
        if (!grown)
            return NULL;
        if (f->pending_count)
            memcpy(grown, f->pending, f->pending_count * sizeof(*grown));
        f->pending = grown;
        f->pending_room = room;
    }
    return &f->pending[f->pending_count++];
}

/* ---- taking events ---- */

static bool take_outcome(struct fold *f, const struct fold_rules *rules, const struct policy_event *e, int64_t now_us,
                         arena *a)
{
    struct outcome *mine = NULL;
    for (unsigned i = 0; i < f->pending_count; i++) {
        struct pending *w = &f->pending[i];
        if (w->act || !outcome_joins(&w->outcome, e, rules->policy->join_us))
            continue;
        if (!mine) {
            mine = &w->outcome;
            continue;
        }
        outcome_merge(mine, &w->outcome);
        pending_drop(f, i--);
    }
    if (mine) {
        outcome_add(mine, e);
        return true;
    }
    struct pending *w = pending_new(f, rules, now_us, a);
    if (!w)
        return false;
    w->act = false;
    outcome_start(&w->outcome, e);
    return true;
}

static bool take_act(struct fold *f, const struct fold_rules *rules, const struct policy_event *e, int64_t now_us,
                     arena *a)
{
    struct pending *w = pending_new(f, rules, now_us, a);
    if (!w)
        return false;
    memset(w, 0, sizeof(*w));
    w->act = true;
    w->event = *e;
    return true;
}

static bool is_opt_out(const struct policy_event *e)
{
    return e->kind == BOUNCE_KIND_COMPLAINT || e->kind == BOUNCE_KIND_UNSUBSCRIBED;
}

static bool is_engaged(const struct policy_event *e)
{
    return e->kind == BOUNCE_KIND_OPENED || e->kind == BOUNCE_KIND_CLICKED;
}

/* Opens come in crowds: of those that wait, the last gives its place to the next. */
static bool take_engaged(struct fold *f, const struct fold_rules *rules, const struct policy_event *e, int64_t now_us,
                         arena *a)
{
    unsigned waiting = 0, last = 0;
    for (unsigned i = 0; i < f->pending_count; i++)
        if (f->pending[i].act && f->pending[i].event.what == EVENT_OBSERVED && is_engaged(&f->pending[i].event)) {
            waiting++;
            last = i;
        }
    if (waiting < FOLD_MAX_ENGAGED)
        return take_act(f, rules, e, now_us, a);
    f->pending[last].event = *e;
    return true;
}

/* An observation that is trusted. */
static bool take_trusted(struct fold *f, const struct fold_rules *rules, const struct policy_event *e, int64_t now_us,
                         arena *a)
{
    if (outcome_takes(e))
        return take_outcome(f, rules, e, now_us, a);
    if (is_opt_out(e))
        return take_act(f, rules, e, now_us, a);
    if (is_engaged(e))
        return take_engaged(f, rules, e, now_us, a);
    return true;
}

/* The identifiers that nobody but the sender and the receiver can know. */
static bool names_message(const struct policy_event *e, const struct policy_event *of)
{
    return (e->ids[ID_MESSAGE] && e->ids[ID_MESSAGE] == of->ids[ID_MESSAGE]) ||
           (e->ids[ID_ENVID] && e->ids[ID_ENVID] == of->ids[ID_ENVID]);
}

static bool names_open_message(const struct fold *f, const struct fold_rules *rules, const struct policy_event *e)
{
    struct policy_event only = *e;
    only.ids[ID_VERP] = only.ids[ID_PROVIDER] = only.ids[ID_QUEUE] = 0;
    for (unsigned i = 0; i < f->pending_count; i++)
        if (!f->pending[i].act && outcome_joins(&f->pending[i].outcome, &only, rules->policy->join_us))
            return true;
    return false;
}

static void hold(struct fold *f, const struct policy_event *e)
{
    if (f->held_count == STATUS_MAX_HELD) {
        f->held_count--;
        memmove(&f->held[0], &f->held[1], f->held_count * sizeof(f->held[0]));
    }
    f->held[f->held_count++] = *e;
}

static struct policy_event held_take(struct fold *f, unsigned i)
{
    struct policy_event e = f->held[i];
    f->held_count--;
    memmove(&f->held[i], &f->held[i + 1], (f->held_count - i) * sizeof(f->held[0]));
    return e;
}

bool fold_would_hold(const struct policy_event *e)
{
    if (is_opt_out(e))
        return true;
    return bounce_kind_final((enum bounce_kind)e->kind) &&
           bounce_reason_counts((enum bounce_reason)e->reason) != BOUNCE_COUNTS_NEVER;
}

/* A trusted witness vouches for the held reports that name its message. */
static bool release_named(struct fold *f, const struct fold_rules *rules, const struct policy_event *witness, arena *a)
{
    for (unsigned i = 0; i < f->held_count;) {
        if (!names_message(&f->held[i], witness) || witness->time_us - f->held[i].time_us > rules->policy->join_us) {
            i++;
            continue;
        }
        struct policy_event e = held_take(f, i);
        if (!take_trusted(f, rules, &e, witness->time_us, a))
            return false;
    }
    return true;
}

static bool take_observation(struct fold *f, const struct fold_rules *rules, const struct policy_event *e, arena *a)
{
    if (e->flags & EVENT_TRIED_NOTHING)
        return true;
    if (e->trust == TRUST_BARE && !names_open_message(f, rules, e)) {
        if (fold_would_hold(e))
            hold(f, e);
        return true;
    }
    if (e->trust != TRUST_BARE && outcome_takes(e) && !release_named(f, rules, e, a))
        return false;
    if (e->trust == TRUST_BARE && !fold_would_hold(e))
        return true; /* anybody may say "delivered": it takes nothing back */
    return take_trusted(f, rules, e, e->time_us, a);
}

static bool take_review(struct fold *f, const struct fold_rules *rules, const struct policy_event *e, arena *a)
{
    for (unsigned i = 0; i < f->held_count;) {
        if (e->ids[0] && f->held[i].key != e->ids[0]) {
            i++;
            continue;
        }
        struct policy_event held = held_take(f, i);
        if (e->what == EVENT_VOUCH && !take_trusted(f, rules, &held, e->time_us, a))
            return false;
    }
    return true;
}

bool fold_step(struct fold *f, const struct fold_rules *rules, const struct policy_event *e, arena *a)
{
    if (f->first_us == TIME_NONE)
        f->first_us = e->time_us;
    settle_closed(f, rules, e->time_us);
    switch ((enum event_what)e->what) {
    case EVENT_OBSERVED:
        return take_observation(f, rules, e, a);
    case EVENT_VOUCH:
    case EVENT_DISMISS:
        return take_review(f, rules, e, a);
    case EVENT_SUPPRESS:
    case EVENT_LIFT:
    case EVENT_ERASE:
        return take_act(f, rules, e, e->time_us, a);
    case EVENT_BASELINE:
    case EVENT_RECLASSIFY:
    case EVENT_WHATS:
        break;
    }
    return true;
}

void fold_settle(struct fold *f, const struct fold_rules *rules, int64_t now_us, int64_t *due_us)
{
    *due_us = TIME_NONE;
    while (f->pending_count) {
        unsigned i = pending_first(f, rules, INT64_MAX);
        const struct pending *w = &f->pending[i];
        int64_t t = settle_time(w, rules);
        if (!w->act && w->outcome.end == OUTCOME_OPEN && t > now_us && (*due_us == TIME_NONE || t < *due_us))
            *due_us = t;
        settle(f, rules, i, now_us);
    }
}
