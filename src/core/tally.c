#include "core/tally.h"

#include "core/ground.h"

/* How one message ended, and the event that decided it: all that a tally depends on. */
struct ending {
    uint64_t key;
    int64_t time_us;
    uint8_t kind, reason;
};

/* Those of the recent events that are witnesses of one message. */
struct witnesses {
    const struct policy_event *events[HISTORY_RECENT + 1]; /* in order */
    size_t n;
};

static enum status put(struct entry *n, const struct observation *o, const struct ending *x, int64_t count, err *e)
{
    struct ledger_tally t = {.hour = x->time_us / TIME_HOUR,
                             .tenant = n->row.tenant,
                             .stream = o->stream,
                             .campaign = o->campaign,
                             .domain = n->row.domain,
                             .provider = o->provider,
                             .source = o->source,
                             .sending_ip = o->sending_ip,
                             .kind = (enum bounce_kind)x->kind,
                             .reason = (enum bounce_reason)x->reason,
                             .count = count};
    enum status st = ledger_add_tally(n->ledger, &t, e);
    return st == OK && n->grounds ? grounds_count(n->grounds, n, o, &t, e) : st;
}

/* ---- which events belong together ---- */

static bool takes(const struct policy_event *e)
{
    return e->what == EVENT_OBSERVED && !(e->flags & EVENT_TRIED_NOTHING) && outcome_takes(e);
}

static bool share(const struct policy_event *a, const struct policy_event *b, int64_t join_us)
{
    int64_t apart = a->time_us - b->time_us;
    if (apart > join_us || apart < -join_us)
        return false;
    for (size_t i = 0; i < ARRAY_LEN(a->ids); i++)
        if (a->ids[i] && a->ids[i] == b->ids[i])
            return true;
    return false;
}

/* Moves from `pool` to `out` whatever shares an identifier with `seed`, also over others; both stay in order. */
static void gather(struct witnesses *pool, const struct policy_event *seed, int64_t join_us, struct witnesses *out)
{
    bool in[HISTORY_RECENT + 1] = {false};
    const struct policy_event *todo[HISTORY_RECENT + 2];
    size_t todo_count = 0;
    todo[todo_count++] = seed;
    while (todo_count) {
        const struct policy_event *by = todo[--todo_count];
        for (size_t i = 0; i < pool->n; i++)
            if (!in[i] && share(by, pool->events[i], join_us)) {
                in[i] = true;
                todo[todo_count++] = pool->events[i];
            }
    }
    size_t left = 0;
    out->n = 0;
    for (size_t i = 0; i < pool->n; i++)
        if (in[i])
            out->events[out->n++] = pool->events[i];
        else
            pool->events[left++] = pool->events[i];
    pool->n = left;
}

/* Returns false when the message has not ended. */
static bool ending_of(const struct witnesses *w, struct ending *out)
{
    struct outcome o;
    outcome_start(&o, w->events[0]);
    for (size_t i = 1; i < w->n; i++)
        outcome_add(&o, w->events[i]);
    *out = (struct ending){o.key, o.time_us, o.kind, o.reason};
    return o.end != OUTCOME_OPEN;
}

static void insert(struct witnesses *w, const struct policy_event *e)
{
    size_t at = w->n;
    while (at && policy_event_cmp(w->events[at - 1], e) > 0)
        at--;
    memmove(&w->events[at + 1], &w->events[at], (w->n - at) * sizeof(w->events[0]));
    w->events[at] = e;
    w->n++;
}

/* ---- counting ---- */

struct mark_search {
    struct entry *n;
    const struct ending *ending;
    int64_t count;
    enum status status;
    err *e;
};

static bool count_stored(void *ctx, const struct ledger_event *ev, const struct observation *o)
{
    struct mark_search *s = ctx;
    if (ev->what != EVENT_OBSERVED || !o || ev->fold.key != s->ending->key || ev->fold.time_us != s->ending->time_us)
        return true;
    s->status = put(s->n, o, s->ending, s->count, s->e);
    return false;
}

/* Counts with the marks of the event that decided, which may be in the ledger. */
static enum status count(struct entry *n, const struct tally_source *sources, size_t source_count,
                         const struct ending *x, int64_t by, err *e)
{
    for (size_t i = 0; i < source_count; i++)
        if (sources[i].fold.key == x->key && sources[i].fold.time_us == x->time_us)
            return put(n, sources[i].o, x, by, e);
    if (!n->row.id)
        return OK;
    struct mark_search s = {n, x, by, OK, e};
    enum status st = ledger_events_of(n->ledger, n->row.id, count_stored, &s, e);
    return st == OK ? s.status : st;
}

static bool has_ids(const struct policy_event *e)
{
    for (size_t i = 0; i < ARRAY_LEN(e->ids); i++)
        if (e->ids[i])
            return true;
    return false;
}

static bool same_ending(const struct ending *a, const struct ending *b)
{
    return a->key == b->key && a->time_us == b->time_us && a->kind == b->kind && a->reason == b->reason;
}

/* Takes back how the messages that `event` belongs to had ended without it, and counts how they end with it. */
static enum status count_message(struct entry *n, const struct tally_source *sources, size_t source_count,
                                 const struct policy_event *event, err *e)
{
    int64_t join_us = n->policy->join_us;
    struct witnesses pool = {.n = 0}, mine, part;
    for (size_t i = 0; i < n->history.n; i++)
        if (takes(&n->history.recent[i]))
            pool.events[pool.n++] = &n->history.recent[i];
    gather(&pool, event, join_us, &mine);
    struct witnesses all = mine;
    insert(&all, event);
    struct ending after, before;
    bool ended = ending_of(&all, &after);
    while (mine.n) {
        const struct policy_event *seed = mine.events[0];
        gather(&mine, seed, join_us, &part);
        if (!part.n) { /* without identifiers: alone */
            memmove(&mine.events[0], &mine.events[1], --mine.n * sizeof(mine.events[0]));
            continue;
        }
        if (!ending_of(&part, &before))
            continue;
        if (ended && same_ending(&before, &after)) {
            ended = false; /* counted already */
            continue;
        }
        enum status st = count(n, sources, source_count, &before, -1, e);
        if (st != OK)
            return st;
    }
    return ended ? count(n, sources, source_count, &after, 1, e) : OK;
}

enum status tally_event(struct entry *n, const struct tally_source *sources, size_t source_count, size_t i, err *e)
{
    const struct policy_event *event = &sources[i].fold;
    const struct ending own = {event->key, event->time_us, event->kind, event->reason};
    bool attempt = bounce_kind_attempt((enum bounce_kind)event->kind);
    if ((event->flags & EVENT_TRIED_NOTHING) || slice_eq(sources[i].o->sender, S("<>")))
        return OK; /* not tried; a notification (RFC 5321 4.5.5), which is no mail of ours to anybody */
    if (attempt || !outcome_takes(event) || !has_ids(event) || !n->history.n) {
        enum status st = put(n, sources[i].o, &own, 1, e);
        if (st != OK || !attempt || !has_ids(event) || !n->history.n)
            return st;
    }
    return count_message(n, sources, source_count, event, e);
}
