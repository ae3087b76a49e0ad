/* The failures of an address that no delivery has cleared, and the rows that they make: how many count, and whether they suffice.
 *
 * The failures are the shared evidence of the mailbox; each tolerance reads them in its own way. What is thrown away when there are
 * too many are those between that lie closest together, so that first, last and span stay.
 */
#ifndef POLICY_ROW_H
#define POLICY_ROW_H

#include "policy/policy.h"

#define ROW_MAX_FAILURES 64u /* failures remembered of an address: more than any tolerance may ask for */
_Static_assert(ROW_MAX_FAILURES > POLICY_MAX_COUNT, "a row must be able to fill");

enum cleared { CLEARED_DELIVERY = 1, CLEARED_ENGAGED = 2 };

struct row_failure {
    int64_t time_us;
    uint64_t campaign, stream; /* hashes; 0: none */
    uint8_t reason;
    uint8_t row;     /* enum row_kind: that of its word */
    uint8_t cleared; /* bits of enum cleared: counts only for tolerances that do not mind */
};
struct failures {
    struct row_failure v[ROW_MAX_FAILURES]; /* by time */
    unsigned n;
};

/* Adds one, *at gets its place, and returns true; false when no tolerance could ever count it: a hundred messages a day that fail
 * the same way. */
bool failures_add(struct failures *f, const struct row_failure *new, int64_t repeat_us, unsigned *at);
/* A delivery (to a stream) or an engagement: marks what it clears, or drops it where no tolerance would look at it again. A refusal
 * is cleared by its own stream only. */
void failures_clear(struct failures *f, enum cleared by, uint64_t stream, bool keep);

/* What is asked. */
#define ROW_NOBODY ROW_MAX_FAILURES
struct row_terms {
    enum row_kind kind;
    unsigned asked; /* the place of the failure that is asked about; ROW_NOBODY: none */
    const struct tolerance *tolerance;
    unsigned needed;   /* tolerance_needed */
    uint64_t stream;   /* ROW_REFUSED: whose row */
    int64_t repeat_us; /* of failures without a campaign one counts in this span */
};
struct row {
    unsigned count;
    int64_t first_us, last_us; /* of those that count */
    uint8_t reason;            /* of the last one */
    bool full;                 /* it suffices */
    bool counts;               /* the one that is asked about counts */
    int64_t domain_from_us;    /* full: since when nobody at the domain may have been delivered; TIME_NONE: no matter */
};
void row_read(const struct failures *f, const struct row_terms *terms, struct row *out);

#endif
