/* The figures of a report row and the formulas they come from (docs/rates.md says what is divided by what, and why).
 */
#ifndef CORE_RATES_H
#define CORE_RATES_H

#include "bounce.h"

/* Counts of messages by what became of them in the end. */
struct rates {
    int64_t delivered, relayed;
    int64_t hard, soft, block; /* final failures by class; upstream-suppressed and local-error stay out */
    int64_t block_refused;     /* of block: refused for good (5xx), not given up after deferrals */
    int64_t guide_hard; /* hard as two-word guides count that list refusals there: all that was refused for good for a
                                * reason of class hard or block, and relaying and size (docs/rates.md) */
    int64_t unknown;    /* of soft: nothing decided */
    int64_t upstream, local; /* left out of the rates: not sent */
    int64_t deferred;        /* attempts, for information */
    int64_t complaint, unsubscribed;
};

void rates_add(struct rates *r, enum bounce_kind kind, enum bounce_reason reason, int64_t count);
/* Adds the counts of `more`. */
void rates_sum(struct rates *r, const struct rates *more);
/* hard + soft + block. */
int64_t rates_bounced(const struct rates *r);
/* Messages with an end: delivered + relayed + hard + soft + block. */
int64_t rates_sent(const struct rates *r);
/* part / whole in millionths; 0 when whole is not positive. */
int64_t rates_ppm(int64_t part, int64_t whole);

#endif
