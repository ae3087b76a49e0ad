/* Parts of a list by age and engagement: counts of all of them, and the addresses of one.
 *
 * Age begins when an address signed up, else when it was first seen. Engagement is the last open or click that was told; who was told of
 * none is `never`. An address is unengaged for a time when it is as old as that and did nothing within it: a new one is not. Walks read
 * every address of the ledger; addresses of a hashed ledger can be counted, not listed.
 */
#ifndef CORE_SEGMENT_H
#define CORE_SEGMENT_H

#include "core/life.h"

enum segment_age {
    AGE_UNDER_30_DAYS,
    AGE_UNDER_90_DAYS,
    AGE_UNDER_1_YEAR,
    AGE_UNDER_2_YEARS,
    AGE_OLDER,
    AGE_UNKNOWN,
    SEGMENT_AGES
};
enum segment_engaged {
    ENGAGED_30_DAYS,
    ENGAGED_90_DAYS,
    ENGAGED_1_YEAR,
    ENGAGED_LONGER_AGO,
    ENGAGED_NEVER,
    SEGMENT_ENGAGED
};
const char *segment_age_word(enum segment_age age);             /* "under 30 days" */
const char *segment_engaged_word(enum segment_engaged engaged); /* "within 30 days" */

/* Which addresses: all conditions must hold; spans of 0, counts of 0 and empty names are none. */
struct segment_filter {
    slice tenant; /* empty: all */
    slice source, form, batch;
    int64_t older_us, younger_us;
    int64_t engaged_us;   /* opened or clicked within this */
    int64_t unengaged_us; /* not within this, and as old as this */
    bool never;           /* never opened or clicked, as far as is known */
    unsigned failing;     /* at least so many failed campaigns in a row (core/life.h) */
    bool suppressed_too;  /* else only those that may be sent to */
    int64_t now_us;
};
struct segment_member {
    const struct ledger_life *life;
    struct life_record record;
    int64_t began_us;
};
typedef bool (*segment_fn)(void *ctx, const struct segment_member *m);
NODISCARD enum status segment_walk(struct ledger *l, const struct policy *policy, const struct segment_filter *f,
                                   segment_fn each, void *ctx, err *e);

struct segment_counts {
    int64_t n[SEGMENT_AGES][SEGMENT_ENGAGED]; /* of those that the filter lets through */
    int64_t all;
    bool engagement_known; /* somebody opened or clicked at some time */
};
NODISCARD enum status segment_count(struct ledger *l, const struct policy *policy, const struct segment_filter *f,
                                    struct segment_counts *out, err *e);

#endif
