/* Writing the event of an act into an entry and the ledger, inside a transaction: what acts and imports share.
 */
#ifndef CORE_ACT_EVENT_H
#define CORE_ACT_EVENT_H

#include "core/acts.h"
#include "core/entry.h"

struct act_event {
    enum event_what what;
    unsigned flags; /* EVENT_* */
    uint64_t about; /* key of the held event that is meant; 0: all */
    enum bounce_reason reason;
    int64_t ingest_us; /* when it is written, and looked at */
};

/* Adds the event, settles and writes row and event. The same act at the same time is one event. */
NODISCARD enum status act_write(struct entry *n, const struct act *act, const struct act_event *ev, err *e);
/* True when that suppression stands already. */
bool act_stands(const struct address_status *s, enum cause cause, enum scope scope, slice stream);

#endif
