/* A counter of the tallies, with its dimensions as numbers (store.h, names), and the sums that are kept of it. Inside of src/ledger.
 *
 * Reports over years read two sums beside the hours: `tallies_days` (everything but the domain, of which there are too many) and
 * `tallies_months` (domains by month, stream and provider). They are written in the same flush as the hours, so all three agree at any
 * time, and a row of a day is there wherever hours are.
 */
#ifndef LEDGER_COUNTER_H
#define LEDGER_COUNTER_H

#include "ledger/store.h"

enum dimension {
    D_HOUR,
    D_TENANT,
    D_STREAM,
    D_CAMPAIGN,
    D_DOMAIN,
    D_PROVIDER,
    D_SOURCE,
    D_IP,
    D_KIND,
    D_REASON,
    DIMENSIONS
};

struct counter {
    int64_t key[DIMENSIONS];
    int64_t count;
};

#define HOURS_A_DAY 24

/* Months since year 0, and the first hour (since 1970) of one. Hours before 1970 count as 1970. */
int64_t month_of_hour(int64_t hour);
int64_t month_start(int64_t month);

/* Adds counters (not sorted, any number of each) to the sums. */
NODISCARD enum status sums_write(struct ledger *l, struct counter *const *counters, size_t n, arena *a, err *e);

#endif
