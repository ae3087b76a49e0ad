/* What bounces elsewhere in an industry (benchmarks.def), and how many of the newest campaigns in a row were above it.
 *
 * Rates are parts per million of what was sent (core/rates.h). A campaign is above when all its bounces, or the hard ones, are above
 * the upper end of the industry's range. Campaigns of fewer than BENCHMARK_MIN_SENT messages are not looked at: they neither make nor
 * break a row.
 */
#ifndef CORE_BENCHMARK_H
#define CORE_BENCHMARK_H

#include "core/rates.h"
#include "ledger/ledger.h"

#define BENCHMARK_MIN_SENT 100
#define BENCHMARK_ROW 3u            /* so many in a row are worth an alert */
#define BENCHMARK_MAX_CAMPAIGNS 50u /* the newest so many are looked at */
#define BENCHMARK_BACK_US (90 * TIME_DAY)

struct benchmark {
    const char *word; /* "e-commerce" */
    const char *name; /* for people */
    int64_t low_ppm, high_ppm;
    int64_t hard_low_ppm, hard_high_ppm;
};

/* By its word; NULL when there is none. */
const struct benchmark *benchmark_find(slice word);
const struct benchmark *benchmark_all(size_t *n);
/* By the number of the setting `industry` of a tenant, whose words are "none" and those of the table in its order. NULL: none. */
const struct benchmark *benchmark_at(unsigned setting);
bool benchmark_above(const struct benchmark *b, const struct rates *r);

struct benchmark_campaign {
    slice name;
    int64_t first_us; /* the hour in which its first message ended */
    struct rates rates;
    bool above;
};
struct benchmark_row {
    struct benchmark_campaign *campaigns; /* that began within BENCHMARK_BACK_US, the newest first; in the arena */
    size_t n;
    unsigned above; /* so many of them, from the newest on, are above without a break */
};
/* The newest campaigns of a tenant (empty: all) against `b`. Mail without a campaign is left out. */
NODISCARD enum status benchmark_over(struct ledger *l, slice tenant, const struct benchmark *b, int64_t now_us,
                                     arena *a, struct benchmark_row *out, err *e);

#endif
