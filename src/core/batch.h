/* One batch of observations on its way into the ledger: judge, key, trust, group by address, fold, write. Inside a
 * transaction that the caller has begun; used by intake only.
 */
#ifndef CORE_BATCH_H
#define CORE_BATCH_H

#include "core/intake.h"

struct batch_item;
struct incidents;

struct batch {
    struct ledger *ledger;
    const struct bounce_rules *rules;
    slice rules_version;
    const struct policy *policy;
    struct incidents *incidents;          /* NULL: nobody looks for them */
    const struct breaker_limits *breaker; /* NULL: none */
    struct grounds *grounds;              /* new ground is counted; NULL: not */
    struct observation *observations;     /* verdicts are filled in */
    size_t count;
    int64_t now_us;
    arena *a;        /* everything, the result too */
    arena *verdicts; /* lives as long as the observations: a failed batch is tried again */
    struct intake_result *result;
    struct batch_item *items; /* those that go in */
    size_t item_count;
};

NODISCARD enum status batch_write(struct batch *b, err *e);

/* The two halves of it: batch_prepare.c and batch.c. */
struct batch_item {
    struct observation *o;
    slice address, key;
    slice text; /* of a failure or an attempt: the reply as it is grouped */
    struct policy_event fold;
    int64_t knew_us; /* the last delivery to it before this batch, when nothing has failed since; TIME_NONE */
    uint32_t order;  /* place in the batch */
};
NODISCARD enum status batch_prepare(struct batch *b, err *e);

#endif
