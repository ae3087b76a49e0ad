#include "policy/circumstance.h"

const char *circumstance_word(enum circumstance_what w)
{
    static const char *const words[CIRCUMSTANCES + 1] = {"incident", "breaker", "health", ""};
    return words[w <= CIRCUMSTANCES ? w : CIRCUMSTANCES];
}

static bool within(const struct circumstance *c, int64_t t)
{
    return t != TIME_NONE && t >= c->from_us && (c->until_us == TIME_NONE || t < c->until_us);
}

bool circumstance_covers(const struct circumstance *c, int64_t time_us, int64_t attempt_us, enum bounce_reason reason,
                         const uint32_t marks[MARKS])
{
    if (!(c->reasons >> reason & 1) || (c->by != MARK_NONE && (!c->mark || marks[c->by] != c->mark)))
        return false;
    if (within(c, time_us))
        return true;
    enum bounce_blame blame = bounce_reason_blame(reason);
    return (blame == BOUNCE_BLAME_DOMAIN || blame == BOUNCE_BLAME_NETWORK) && within(c, attempt_us);
}

const struct circumstance *circumstance_of(const struct fold_rules *rules, int64_t time_us, int64_t attempt_us,
                                           enum bounce_reason reason, const uint32_t marks[MARKS])
{
    const struct circumstance *found = NULL;
    for (size_t i = 0; i < rules->around_count; i++) {
        const struct circumstance *c = &rules->around[i];
        if (c->what != CIRCUMSTANCE_HEALTH && (!found || c->id < found->id) &&
            circumstance_covers(c, time_us, attempt_us, reason, marks))
            found = c;
    }
    return found;
}

const struct circumstance *circumstance_breaker(const struct fold_rules *rules, int64_t time_us,
                                                const uint32_t marks[MARKS])
{
    for (size_t i = 0; i < rules->around_count; i++) {
        const struct circumstance *c = &rules->around[i];
        if (c->what == CIRCUMSTANCE_BREAKER && c->mark && marks[c->by] == c->mark && within(c, time_us))
            return c;
    }
    return NULL;
}

bool circumstance_health(const struct fold_rules *rules, int64_t time_us, enum bounce_reason reason,
                         const uint32_t marks[MARKS])
{
    for (size_t i = 0; i < rules->around_count; i++)
        if (rules->around[i].what == CIRCUMSTANCE_HEALTH &&
            circumstance_covers(&rules->around[i], time_us, TIME_NONE, reason, marks))
            return true;
    return false;
}

const struct circumstance *circumstance_by_id(const struct fold_rules *rules, int64_t id)
{
    for (size_t i = 0; i < rules->around_count; i++)
        if (rules->around[i].id == id)
            return &rules->around[i];
    return NULL;
}
