/* What was known of the receivers at a time, beside an address's own events: an incident at a domain or a provider, a breaker that
 * tripped for a feed, a provider that thinks little of the sender. The third thing that a state follows from, beside the events of
 * the address and the policy: taking one away, or moving its ends, and folding anew is how an incident is undone.
 *
 * Plain data; spans are half open [from, until). Which ones concern an address (its tenant, its domain) has been sorted out by who
 * gives them to the fold; what is left to ask of each event is its time, its reason and one mark.
 */
#ifndef POLICY_CIRCUMSTANCE_H
#define POLICY_CIRCUMSTANCE_H

#include "policy/state.h"

enum circumstance_what {
    CIRCUMSTANCE_INCIDENT, /* failures in it are recorded and held, and never count */
    CIRCUMSTANCE_BREAKER,  /* the same for what one feed says, until a person has looked */
    CIRCUMSTANCE_HEALTH,   /* the provider's grade for this sender is Low or Bad: counts may tighten */
    CIRCUMSTANCES
};
const char *circumstance_word(enum circumstance_what w); /* "incident", ... */

struct circumstance {
    int64_t id; /* in the ledger; rises */
    int64_t from_us;
    int64_t until_us; /* TIME_NONE: it is open */
    uint64_t reasons; /* bits 1 << enum bounce_reason */
    uint32_t mark;    /* what the event's mark `by` must be; see policy_mark */
    uint8_t what;     /* enum circumstance_what */
    uint8_t by;       /* enum mark; MARK_NONE: every event of the address */
};
#define CIRCUMSTANCE_ALL_REASONS UINT64_MAX
_Static_assert(BOUNCE_REASONS <= 64, "one bit for each reason");

/* All that the fold goes by. `around` in any order; where several fit, the one with the lowest id is named. */
struct fold_rules {
    const struct policy *policy;
    const struct circumstance *around;
    size_t around_count;
};

/* True when the event lies in it. A failure also does when its first attempt (TIME_NONE: none) did and the domain or the network is
 * to blame: a server that was down for a day is why the message expired on the next one. */
bool circumstance_covers(const struct circumstance *c, int64_t time_us, int64_t attempt_us, enum bounce_reason reason,
                         const uint32_t marks[MARKS]);
/* The incident or breaker that holds a failure; NULL for none. */
const struct circumstance *circumstance_of(const struct fold_rules *rules, int64_t time_us, int64_t attempt_us,
                                           enum bounce_reason reason, const uint32_t marks[MARKS]);
/* The breaker that holds what a feed says, opt-outs too; NULL for none. */
const struct circumstance *circumstance_breaker(const struct fold_rules *rules, int64_t time_us,
                                                const uint32_t marks[MARKS]);
/* True while the provider's grade for this sender is Low or Bad. */
bool circumstance_health(const struct fold_rules *rules, int64_t time_us, enum bounce_reason reason,
                         const uint32_t marks[MARKS]);
/* By its id; NULL when it is not among them (undone). */
const struct circumstance *circumstance_by_id(const struct fold_rules *rules, int64_t id);

#endif
