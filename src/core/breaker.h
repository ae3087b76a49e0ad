/* Feeds as the intake hears them: their rhythm is kept (policy/beat.h), and a flood of suppressions from one of them opens its breaker.
 *
 * A breaker is a circumstance (policy/circumstance.h) by the mark of the feed: what the feed says from there on, and the flood itself
 * from its first message on, is recorded and held, and counts only when a person has released it. It opens in the transaction of the
 * batch that makes the flood; addresses that were suppressed by earlier batches of it are folded anew afterwards, in pages (core/around.h).
 *
 * Costs the intake one look into a small map for each observation, and one row read and written for each feed of a batch.
 */
#ifndef CORE_BREAKER_H
#define CORE_BREAKER_H

#include "ledger/watching.h"
#include "policy/beat.h"

#define BREAKER_ACTOR "bounced"

struct breaker_limits {
    bool on;
    struct beat_limits flood;
};
/* On; more than 1000 in 60 minutes and more than 5 times the usual. */
void breaker_init(struct breaker_limits *b);
NODISCARD enum status breaker_check(const struct breaker_limits *b, err *e);

/* What one batch heard. */
struct heard_feed {
    slice tenant, feed;
    int64_t *times; /* of the observations that suppressed an address */
    size_t n, room;
};
struct heard {
    arena *a;
    struct heard_feed **feeds;
    size_t n, room, last;
};
void heard_init(struct heard *h, arena *a);
/* The feed told something. Returns false when memory is refused. Texts must live as long as the batch. */
NODISCARD bool heard_feed(struct heard *h, slice tenant, slice feed);
/* And suppressed an address by what happened at `time_us`. */
NODISCARD bool heard_suppression(struct heard *h, slice tenant, slice feed, int64_t time_us);
/* Writes the rhythm of the feeds of this batch, and opens the breaker of those that flood. `limits` NULL or not on: only the rhythm.
 * *opened counts breakers. */
NODISCARD enum status heard_write(const struct heard *h, struct ledger *l, const struct breaker_limits *limits,
                                  int64_t now_us, unsigned *opened, err *e);

/* A person has looked. Release: what it holds counts after all, and so much is usual from now on. Dismiss: it never will, and what the
 * feed says from now on counts again. Transactions of their own, which note the work; around_finish (core/around.h) does it.
 * E_NOT_FOUND: there is no breaker of that number; E_DENIED: somebody has looked already. */
NODISCARD enum status breaker_release(struct ledger *l, int64_t id, slice actor, slice note, int64_t now_us, err *e);
NODISCARD enum status breaker_dismiss(struct ledger *l, int64_t id, slice actor, slice note, int64_t now_us, err *e);

#endif
