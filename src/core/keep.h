/* Keeping a ledger: pruning what is old, and folding every address anew from its events.
 */
#ifndef CORE_KEEP_H
#define CORE_KEEP_H

#include "ledger/ledger.h"
#include "policy/history.h"

/* Removes what is older than `r` says; a baseline takes the place of the events, so that states stay what they are. */
NODISCARD enum status keep_prune(struct ledger *l, const struct policy *policy, const struct ledger_retention *r,
                                 int64_t now_us, int64_t *removed, err *e);
/* Folds all addresses from their events under `policy` and writes those that are others now; *changed counts the states among them.
 * The events are read once, of one moment; an address that somebody else has written since is folded from what it has then. Pages of
 * KEEP_BATCH addresses, a transaction each: after a crash, run it again. */
#define KEEP_BATCH 1000u
NODISCARD enum status keep_rebuild(struct ledger *l, const struct policy *policy, slice tenant, int64_t now_us,
                                   uint64_t *changed, err *e);
/* The same without storing anything: tells of each address whose stored state or suppressions are not what follows from its
 * events. What time alone has changed since is no difference. *folded counts the addresses looked at. */
typedef void (*keep_difference_fn)(void *ctx, const struct ledger_address *stored, const struct ledger_address *folded);
NODISCARD enum status keep_verify(struct ledger *l, const struct policy *policy, slice tenant, int64_t now_us,
                                  keep_difference_fn each, void *ctx, uint64_t *folded, err *e);

#endif
