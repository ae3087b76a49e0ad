/* When an address was stopped for its failures: the spans of time in which a policy would have suppressed it, had every report come
 * at once. With them two policies are held against what later mail proved (core/replay.h).
 *
 * Only what policies decide differently is looked at: suppressions that are hard or escalated. A complaint, an opt-out or a person's
 * act stops an address under any policy. Everything lives in the arena given.
 */
#ifndef POLICY_TIMELINE_H
#define POLICY_TIMELINE_H

#include "policy/history.h"

struct stopped {
    int64_t from_us, until_us; /* until TIME_NONE: to the end */
    bool in_stream;            /* else all mail is stopped */
    uint64_t stream;           /* hash */
    enum cause cause;          /* CAUSE_HARD, CAUSE_ESCALATED */
    enum bounce_reason reason; /* when it began */
};

struct timeline {
    struct stopped *spans; /* by from_us */
    size_t n, room;
    struct address_status now;
};

/* `base` is the fold before the first event (fold_init, or that of a baseline) and stays as it is; `events` are in the order of the
 * fold. A delivery at the domain (env) counts from the beginning: when it is the last of many, the ones before it are not known.
 * Returns false when memory was refused. */
NODISCARD bool timeline_make(const struct fold *base, const struct policy_event *events, size_t n,
                             const struct fold_rules *rules, const struct history_env *env, int64_t now_us, arena *a,
                             struct timeline *out);
/* The span in which a message of this stream that was sent then would have been stopped; NULL when it would have gone out. */
const struct stopped *timeline_at(const struct timeline *t, int64_t sent_us, uint64_t stream);

#endif
