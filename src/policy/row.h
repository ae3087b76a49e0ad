/* A row of failures that no delivery has broken yet: which count, and whether they suffice.
 */
#ifndef POLICY_ROW_H
#define POLICY_ROW_H

#include "policy/policy.h"

#define ROW_MAX_ENTRIES 16u /* failures remembered: the first, the last, and spread ones between */

struct row_entry {
    int64_t time_us;
    uint64_t campaign;
    bool domain; /* blame domain or network: a delivery to anybody at the domain clears it */
};
struct row {
    struct row_entry entries[ROW_MAX_ENTRIES]; /* by time */
    unsigned n;
    uint8_t reason; /* of the last failure */
};

/* Adds a failure. Returns false when it does not count: its campaign was counted, or, without one, it came within
 * `repeat_us` of another. `campaigns` false: every message counts. */
bool row_add(struct row *r, const struct row_entry *e, uint8_t reason, bool campaigns, int64_t repeat_us);
/* True when the row suffices. *domain_from gets TIME_NONE, or, when failures of domain or network are in it, the time
 * since when nobody at the domain may have been delivered. */
bool row_full(const struct row *r, const struct tolerance *t, int64_t *domain_from_us);

#endif
