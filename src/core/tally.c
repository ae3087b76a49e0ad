#include "core/tally.h"

#include "core/ground.h"

#define TALLY_AROUND \
    (HISTORY_RECENT + 1) /* events of an address among which the witnesses of one message are looked for */

/* How one message ended, and the event that decided it: all that a tally depends on. */
struct ending {
    uint64_t key;
    int64_t time_us;
    uint8_t kind, reason;
};

/* Those of the recent events that are witnesses of one message. */
struct witnesses {
    const struct policy_event *events[TALLY_AROUND]; /* in order */
    size_t n;
};

/* A notification (RFC 5321 4.5.5). */
static bool is_notice(const struct observation *o)
{
    return slice_eq(o->sender, S("<>"));
}

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
    bool in[TALLY_AROUND] = {false};
    const struct policy_event *todo[TALLY_AROUND + 1];
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
    if (!is_notice(o))
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
    if ((event->flags & EVENT_TRIED_NOTHING) || is_notice(sources[i].o))
        return OK; /* not tried, or no mail of ours to anybody */
    if (attempt || !outcome_takes(event) || !has_ids(event) || !n->history.n) {
        enum status st = put(n, sources[i].o, &own, 1, e);
        if (st != OK || !attempt || !has_ids(event) || !n->history.n)
            return st;
    }
    return count_message(n, sources, source_count, event, e);
}

/* ---- verdicts that changed ---- */

/* The events around one, and in them those of its message. */
struct part {
    const struct policy_event *was, *is; /* of the first of them */
    size_t n, at;
    bool mine[TALLY_AROUND];
};

static struct part part_around(const struct policy_event *was, const struct policy_event *is, size_t n, size_t at)
{
    size_t from = at > TALLY_AROUND / 2 ? at - TALLY_AROUND / 2 : 0;
    size_t count = n - from < TALLY_AROUND ? n - from : TALLY_AROUND;
    return (struct part){.was = was + from, .is = is + from, .n = count, .at = at - from};
}

static void mark_message(struct part *p, int64_t join_us)
{
    struct witnesses pool = {.n = 0}, mine;
    p->mine[p->at] = true;
    for (size_t i = 0; i < p->n; i++)
        if (takes(&p->was[i]))
            pool.events[pool.n++] = &p->was[i];
    gather(&pool, &p->was[p->at], join_us, &mine);
    for (size_t i = 0; i < mine.n; i++)
        p->mine[mine.events[i] - p->was] = true;
}

static bool ending_in(const struct part *p, const struct policy_event *events, struct ending *out)
{
    struct witnesses w = {.n = 0};
    for (size_t i = 0; i < p->n; i++)
        if (p->mine[i])
            w.events[w.n++] = &events[i];
    return ending_of(&w, out);
}

static bool same_verdict(const struct policy_event *a, const struct policy_event *b)
{
    return a->reason == b->reason && a->certainty == b->certainty;
}

static enum status move(struct entry *n, const struct ending *from, const struct ending *to, err *e)
{
    if (same_ending(from, to))
        return OK;
    enum status st = count(n, NULL, 0, from, -1, e);
    return st == OK ? count(n, NULL, 0, to, 1, e) : st;
}

static enum status move_message(struct entry *n, const struct policy_event *was, const struct policy_event *is,
                                size_t count, size_t at, err *e)
{
    struct part p = part_around(was, is, count, at);
    struct ending before, after;
    mark_message(&p, n->policy->join_us);
    for (size_t i = 0; i < p.at; i++)
        if (p.mine[i] && !same_verdict(&p.was[i], &p.is[i]))
            return OK; /* it was moved with that one */
    bool ended = ending_in(&p, p.was, &before);
    return ended && ending_in(&p, p.is, &after) ? move(n, &before, &after, e) : OK;
}

enum status tally_verdicts(struct entry *n, const struct policy_event *was, const struct policy_event *is, size_t count,
                           err *e)
{
    enum status st = OK;
    for (size_t i = 0; i < count && st == OK; i++) {
        if (same_verdict(&was[i], &is[i]) || !takes(&was[i]))
            continue;
        const struct ending own_was = {was[i].key, was[i].time_us, was[i].kind, was[i].reason};
        const struct ending own_is = {is[i].key, is[i].time_us, is[i].kind, is[i].reason};
        bool attempt = bounce_kind_attempt((enum bounce_kind)was[i].kind);
        st = attempt ? move(n, &own_was, &own_is, e) : OK;
        if (st == OK)
            st = move_message(n, was, is, count, i, e);
    }
    return st;
}
