/* The outcome of one message for one recipient: all witness events (log, DSN, webhook) joined by shared identifiers.
 *
 * Events are taken in the order of the fold. An attempt does not end a message; failed and expired do; a later delivery
 * takes a failure back; a failure after a delivery replaces it. Of several witnesses of one failure the first gives the
 * time, the most certain one the reason.
 */
#ifndef POLICY_OUTCOME_H
#define POLICY_OUTCOME_H

#include "policy/policy.h"

#define OUTCOME_MAX_IDS 12u /* of all witnesses together; more are not remembered */

enum outcome_end {
    OUTCOME_OPEN /* nothing but attempts */,
    OUTCOME_FAILED,
    OUTCOME_DELIVERED,
    OUTCOME_NEUTRAL /* relayed, expanded */
};

struct outcome {
    int64_t first_us; /* its first event */
    uint64_t first_key;
    int64_t time_us;    /* when it was decided; of an open one: the first attempt */
    uint64_t key;       /* the event that decided it */
    int64_t attempt_us; /* first attempt; TIME_NONE */
    uint64_t ids[OUTCOME_MAX_IDS];
    uint64_t campaign, stream;
    uint32_t marks[MARKS]; /* of the event that gave the reason */
    uint8_t id_count;
    uint8_t end;                     /* enum outcome_end */
    uint8_t kind, reason, certainty; /* of the end, or of the last attempt */
    uint8_t cause, scope;            /* upstream-suppressed: what the platform said */
};

/* True when the event takes part in an outcome (failed, delivered, deferred, ...). */
bool outcome_takes(const struct policy_event *e);
void outcome_start(struct outcome *o, const struct policy_event *e);
/* True when they share an identifier and the event is near enough. */
bool outcome_joins(const struct outcome *o, const struct policy_event *e, int64_t join_us);
/* Takes in an event that is not before any of its own. */
void outcome_add(struct outcome *o, const struct policy_event *e);
/* Makes one of two, when an event turns out to belong to both. */
void outcome_merge(struct outcome *into, const struct outcome *from);

#endif
