/* How fast a list dies: the share of its addresses that is gone after a year, by age and by source, beside what the field tells.
 *
 * An address is under watch from when it was first seen until it dies, or leaves, or until the last message whose end we know: after
 * that nobody would have noticed. Years under watch are summed; deaths divided by them give the rate, 1 - exp(-rate) the yearly share
 * (core/interval.h). An address that was dead at its first message was dead before: it is told apart, and no death of the list.
 * Death: suppressed as hard, invalid or escalated (core/life.h), at the time of that.
 */
#ifndef CORE_DECAY_H
#define CORE_DECAY_H

#include "core/interval.h"
#include "ledger/ledger.h"

#define DECAY_FIELD_LOW_PPM 220000 /* "22 to 30 % of a list die each year", as the field tells */
#define DECAY_FIELD_HIGH_PPM 300000
#define DECAY_ARRIVAL_US TIME_DAY /* dead within this of the first message: dead before */

enum decay_age {
    DECAY_UNDER_3_MONTHS,
    DECAY_UNDER_1_YEAR,
    DECAY_UNDER_2_YEARS,
    DECAY_UNDER_5_YEARS,
    DECAY_OLDER,
    DECAY_AGES
};
const char *decay_age_word(enum decay_age age); /* "under 3 months", ... */

struct decay_row {
    slice name;
    int64_t addresses; /* by age: that were under watch at that age */
    int64_t deaths, dead_on_arrival;
    int64_t exposure_s;
    struct interval yearly;
};
struct decay {
    struct decay_row all;
    struct decay_row ages[DECAY_AGES]; /* since signing up where that is known, else since first seen */
    struct decay_row *sources;         /* most time under watch first; an empty name: nothing is known. In the arena */
    size_t source_count;
};
/* Of a tenant (empty: all). */
NODISCARD enum status decay_make(struct ledger *l, slice tenant, arena *a, struct decay *out, err *e);

#endif
