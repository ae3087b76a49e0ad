#include "core/replay_mail.h"

#include "bounce/observation.h"

void replay_mail_begin(struct replay_mail *m, const struct fold_rules *rules, arena *a)
{
    m->a = a;
    m->rules = rules;
    m->open_count = 0;
    m->list = NULL;
    m->n = m->room = 0;
}

static bool counts(const struct replay_mail *m, const struct outcome *o)
{
    enum bounce_reason reason = (enum bounce_reason)o->reason;
    return o->end == OUTCOME_FAILED && bounce_reason_counts(reason) != BOUNCE_COUNTS_NEVER &&
           !circumstance_of(m->rules, o->time_us, o->attempt_us, reason, o->marks);
}

static bool close_at(struct replay_mail *m, size_t i)
{
    const struct outcome *o = &m->open[i];
    if (o->end == OUTCOME_FAILED || o->end == OUTCOME_DELIVERED) {
        struct replay_message *grown = arena_grow(m->a, m->list, m->n, &m->room, sizeof(*grown));
        if (!grown)
            return false;
        m->list = grown;
        m->list[m->n++] = (struct replay_message){o->first_us, o->stream, o->end == OUTCOME_DELIVERED, counts(m, o)};
    }
    m->open_count--;
    memmove(&m->open[i], &m->open[i + 1], (m->open_count - i) * sizeof(m->open[0]));
    return true;
}

/* Those that nothing can join any more, and the oldest when there are too many. */
static bool make_room(struct replay_mail *m, int64_t now_us)
{
    int64_t join_us = m->rules->policy->join_us;
    for (size_t i = m->open_count; i-- > 0;)
        if (m->open[i].first_us < now_us - join_us && !close_at(m, i))
            return false;
    return m->open_count < REPLAY_MAX_OPEN || close_at(m, 0);
}

static bool proves(const struct policy_event *e)
{
    return e->what == EVENT_OBSERVED && !(e->flags & EVENT_TRIED_NOTHING) && e->trust != TRUST_BARE && outcome_takes(e);
}

bool replay_mail_add(struct replay_mail *m, const struct policy_event *e)
{
    int64_t join_us = m->rules->policy->join_us;
    if (!proves(e))
        return true;
    if (!make_room(m, e->time_us))
        return false;
    struct outcome *mine = NULL;
    for (size_t i = m->open_count; i-- > 0;) {
        if (!outcome_joins(&m->open[i], e, join_us))
            continue;
        if (mine) { /* it belongs to both: they are one */
            outcome_merge(&m->open[i], mine);
            size_t gone = (size_t)(mine - m->open);
            m->open_count--;
            memmove(&m->open[gone], &m->open[gone + 1], (m->open_count - gone) * sizeof(m->open[0]));
        }
        mine = &m->open[i];
    }
    if (mine)
        outcome_add(mine, e);
    else
        outcome_start(&m->open[m->open_count++], e);
    return true;
}

bool replay_mail_end(struct replay_mail *m)
{
    while (m->open_count)
        if (!close_at(m, 0))
            return false;
    return true;
}
