/* What the reports count: one per outcome of a message, corrected when the outcome changes, so that log and DSN of one
 * message are one failure and a delivery that bounces later is no delivery. Attempts, complaints, opt-outs and opens
 * count per event.
 *
 * Mail with the null sender is left out: our own DSNs on their way to our own bounce address are no mail that we sent.
 *
 * Counted whatever the trust: reports show what was said. Exact among the last HISTORY_RECENT events of an address; a
 * witness of something older counts anew. Does not depend on the borders of batches.
 */
#ifndef CORE_TALLY_H
#define CORE_TALLY_H

#include "core/entry.h"

struct tally_source {
    struct policy_event fold;
    const struct observation *o;
};

/* Counts sources[i], which is about to be added to the entry; the others are new ones of the same address that may hold
 * the marks (campaign, stream, ...) of a message. */
NODISCARD enum status tally_event(struct entry *n, const struct tally_source *sources, size_t count, size_t i, err *e);

/* Moves what was counted where verdicts changed: `was` and `is` are all events of the address in the order of the fold, with the old
 * verdicts and with the new ones. The events are in the ledger, inside the transaction. */
NODISCARD enum status tally_verdicts(struct entry *n, const struct policy_event *was, const struct policy_event *is,
                                     size_t count, err *e);

#endif
