#include "policy/outcome.h"

bool outcome_takes(const struct policy_event *e)
{
    switch ((enum bounce_kind)e->kind) {
    case BOUNCE_KIND_FAILED:
    case BOUNCE_KIND_EXPIRED:
    case BOUNCE_KIND_DEFERRED:
    case BOUNCE_KIND_DELAYED:
    case BOUNCE_KIND_DELIVERED:
    case BOUNCE_KIND_RELAYED:
    case BOUNCE_KIND_EXPANDED:
        return true;
    default:
        return false;
    }
}

static enum outcome_end end_of(const struct policy_event *e)
{
    enum bounce_kind kind = (enum bounce_kind)e->kind;
    if (bounce_kind_final(kind))
        return OUTCOME_FAILED;
    if (bounce_kind_attempt(kind))
        return OUTCOME_OPEN;
    return kind == BOUNCE_KIND_DELIVERED ? OUTCOME_DELIVERED : OUTCOME_NEUTRAL;
}

static bool has_id(const struct outcome *o, uint64_t id)
{
    for (unsigned i = 0; i < o->id_count; i++)
        if (o->ids[i] == id)
            return true;
    return false;
}

static void add_id(struct outcome *o, uint64_t id)
{
    if (id && o->id_count < OUTCOME_MAX_IDS && !has_id(o, id))
        o->ids[o->id_count++] = id;
}

static void add_ids(struct outcome *o, const struct policy_event *e)
{
    for (size_t i = 0; i < ARRAY_LEN(e->ids); i++)
        add_id(o, e->ids[i]);
}

static void set_reason(struct outcome *o, const struct policy_event *e)
{
    o->kind = e->kind;
    o->reason = e->reason;
    o->certainty = e->certainty;
    o->cause = e->cause;
    o->scope = e->scope;
    memcpy(o->marks, e->marks, sizeof o->marks);
}

static void decide(struct outcome *o, const struct policy_event *e)
{
    o->end = (uint8_t)end_of(e);
    o->time_us = e->time_us;
    o->key = e->key;
    set_reason(o, e);
}

void outcome_start(struct outcome *o, const struct policy_event *e)
{
    *o = (struct outcome){.first_us = e->time_us,
                          .first_key = e->key,
                          .attempt_us = end_of(e) == OUTCOME_OPEN ? e->time_us : TIME_NONE,
                          .campaign = e->campaign,
                          .stream = e->stream};
    decide(o, e);
    add_ids(o, e);
}

bool outcome_joins(const struct outcome *o, const struct policy_event *e, int64_t join_us)
{
    if (e->time_us - o->first_us > join_us)
        return false;
    for (size_t i = 0; i < ARRAY_LEN(e->ids); i++)
        if (e->ids[i] && has_id(o, e->ids[i]))
            return true;
    return false;
}

/* "expired" and "unknown" say little: any other reason tells more. */
static unsigned worth(uint8_t reason, uint8_t certainty)
{
    if (reason == BOUNCE_REASON_UNKNOWN)
        return 0;
    return reason == BOUNCE_REASON_EXPIRED ? 1 : 2u + certainty;
}

static bool before(int64_t time_us, uint64_t key, const struct outcome *o)
{
    return time_us < o->time_us || (time_us == o->time_us && key < o->key);
}

static void add_failure(struct outcome *o, const struct policy_event *e)
{
    if (o->end == OUTCOME_DELIVERED && before(e->time_us, e->key, o))
        return; /* vouched for afterwards, and taken back long since */
    if (o->end != OUTCOME_FAILED) {
        decide(o, e);
        return;
    }
    if (worth(e->reason, e->certainty) > worth(o->reason, o->certainty))
        set_reason(o, e);
    if (before(e->time_us, e->key, o)) {
        o->time_us = e->time_us;
        o->key = e->key;
    }
}

static void add_attempt(struct outcome *o, const struct policy_event *e)
{
    if (o->end == OUTCOME_FAILED || o->end == OUTCOME_DELIVERED)
        return;
    if (o->attempt_us == TIME_NONE)
        o->attempt_us = e->time_us;
    if (o->end == OUTCOME_NEUTRAL)
        decide(o, e);
    else
        set_reason(o, e);
}

void outcome_add(struct outcome *o, const struct policy_event *e)
{
    add_ids(o, e);
    if (!o->campaign)
        o->campaign = e->campaign;
    if (!o->stream)
        o->stream = e->stream;
    if (e->time_us < o->first_us) {
        o->first_us = e->time_us;
        o->first_key = e->key;
    }
    switch (end_of(e)) {
    case OUTCOME_FAILED:
        add_failure(o, e);
        break;
    case OUTCOME_OPEN:
        add_attempt(o, e);
        break;
    case OUTCOME_DELIVERED:
        if (o->end != OUTCOME_DELIVERED)
            decide(o, e);
        break;
    case OUTCOME_NEUTRAL:
        if (o->end == OUTCOME_OPEN)
            decide(o, e);
        break;
    }
}

/* Which of two ends stands: a real one before none, the later one of two different ones, the earlier of two equal ones.
 */
static bool end_wins(const struct outcome *a, const struct outcome *b)
{
    bool a_real = a->end == OUTCOME_FAILED || a->end == OUTCOME_DELIVERED;
    bool b_real = b->end == OUTCOME_FAILED || b->end == OUTCOME_DELIVERED;
    if (a_real != b_real)
        return a_real;
    bool a_before = before(a->time_us, a->key, b);
    return a->end == b->end ? a_before : !a_before;
}

void outcome_merge(struct outcome *into, const struct outcome *from)
{
    const struct outcome a = *into;
    const struct outcome *winner = end_wins(&a, from) ? &a : from;
    *into = *winner;
    bool both_failed = a.end == OUTCOME_FAILED && from->end == OUTCOME_FAILED;
    const struct outcome *loser = winner == &a ? from : &a;
    if (both_failed && worth(loser->reason, loser->certainty) > worth(winner->reason, winner->certainty)) {
        into->kind = loser->kind;
        into->reason = loser->reason;
        into->certainty = loser->certainty;
        into->cause = loser->cause;
        into->scope = loser->scope;
        memcpy(into->marks, loser->marks, sizeof into->marks);
    }
    bool a_first = a.first_us < from->first_us || (a.first_us == from->first_us && a.first_key < from->first_key);
    into->first_us = a_first ? a.first_us : from->first_us;
    into->first_key = a_first ? a.first_key : from->first_key;
    if (from->attempt_us != TIME_NONE && (a.attempt_us == TIME_NONE || from->attempt_us < a.attempt_us))
        into->attempt_us = from->attempt_us;
    else
        into->attempt_us = a.attempt_us;
    into->campaign = a.campaign ? a.campaign : from->campaign;
    into->stream = a.stream ? a.stream : from->stream;
    for (unsigned i = 0; i < loser->id_count; i++)
        add_id(into, loser->ids[i]);
}
