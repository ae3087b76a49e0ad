/* A sequential test of one share of failures against its own past: Page's cumulative sums of log likelihood ratios (CUSUM, E. S. Page,
 * Biometrika 41, 1954), one for each of a few alternatives between "a few times the past" and "nearly all". docs/incidents.md says
 * why, with the numbers.
 *
 * The past is an exponentially weighted count in the time of the events, beside a prior that stands for it where there is none. How
 * much more than a coin the share wobbles from slice to slice (over-dispersion) is learned too; sums are divided by it. Counting is
 * O(1) and takes no logarithm; cusum_learn, once in a slice of time, does.
 *
 * Pure values, no memory of their own. Times are microseconds; shares are between 0 and 1.
 */
#ifndef POLICY_CUSUM_H
#define POLICY_CUSUM_H

#include "base/time.h"

#define CUSUM_LEVELS 4u

/* What is taken for granted of one kind of failure. */
struct cusum_kind {
    double prior;  /* its share before anything is known */
    double weight; /* messages that this is worth */
    double floor;  /* the past is never taken to be better than this: what is normal for good lists */
};

/* One sum: how much speaks for the alternative since it last was nil, which is when it may have begun. */
struct cusum_run {
    float sum;
    uint32_t messages, failed; /* since then */
    int64_t from_us;           /* the failure that began it; without meaning while the sum is 0 */
};

struct cusum {
    double past_messages, past_failed; /* exponentially weighted */
    float spread_sum, spread_weight;   /* over-dispersion as seen */
    uint32_t slice_messages, slice_failed;
    float gain[CUSUM_LEVELS], loss[CUSUM_LEVELS]; /* of a failure, of a message that did not fail; 0: level not used */
    struct cusum_run up[CUSUM_LEVELS];
};

void cusum_init(struct cusum *c, const struct cusum_kind *kind);
/* Messages that went well and messages that failed, at one time. */
void cusum_count(struct cusum *c, int64_t time_us, uint64_t well, uint32_t failed);
/* The strongest run whose sum has reached `limit` with at least `least` failures; NULL for none. */
const struct cusum_run *cusum_alarm(const struct cusum *c, float limit, uint32_t least);
/* The highest sum. */
float cusum_highest(const struct cusum *c);
/* Takes the slice into the past, which has aged by `age_us`, and works out the alternatives anew. */
void cusum_learn(struct cusum *c, const struct cusum_kind *kind, int64_t age_us);
/* After it was read from somewhere: false when its numbers make no sense; else its alternatives are worked out anew. */
bool cusum_restored(struct cusum *c, const struct cusum_kind *kind);
/* The same for a run: finite, and begun at a time. */
bool cusum_run_sane(const struct cusum_run *r);
/* Forgets the slice and all runs; the past stays. */
void cusum_reset(struct cusum *c);
/* From here on this share is normal. */
void cusum_accept(struct cusum *c, const struct cusum_kind *kind, double share);
/* The share that is normal, cautiously high where little is known. */
double cusum_normal(const struct cusum *c, const struct cusum_kind *kind);
/* How much more it wobbles than a coin does: 1 or more. */
double cusum_spread(const struct cusum *c);

/* The other way round: is it over? The same sum for "normal again" against "as it was". */
struct cusum_back {
    struct cusum_run run; /* its messages begin at the first that went well */
    float well, failed;   /* what each adds and takes */
};
void cusum_back_init(struct cusum_back *b, double normal, double share, double spread);
void cusum_back_count(struct cusum_back *b, int64_t time_us, uint64_t well, uint32_t failed);

#endif
