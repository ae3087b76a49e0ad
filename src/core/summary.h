/* What became of the messages, added up by one dimension from the tallies: the rows of `bounced report` and GET /v1/reports. */
#ifndef CORE_SUMMARY_H
#define CORE_SUMMARY_H

#include "core/rates.h"
#include "ledger/ledger.h"

struct summary_row {
    slice name;
    struct rates rates;
    int64_t first_us; /* the hour in which the first of its messages ended (by domain: the hour or the month) */
};

struct summary {
    struct summary_row *rows; /* the largest first; days in their order */
    size_t n;
};

/* "campaign", "day", "domain", "provider", "source", "reason", "stream", "ip"; TALLY_DIMENSIONS for any other word. */
enum tally_by summary_by(slice word);
/* From `from_us` on and before `to_us` (TIME_NONE: no bound); an empty tenant: all. Rows and names are in the arena. */
NODISCARD enum status summary_make(struct ledger *l, enum tally_by by, slice tenant, int64_t from_us, int64_t to_us,
                                   arena *a, struct summary *out, err *e);

/* The same for some of the messages. */
NODISCARD enum status summary_of(struct ledger *l, enum tally_by by, const struct tally_filter *f, arena *a,
                                 struct summary *out, err *e);

#endif
