/* What the policy did and what would change it, in sentences.
 */
#ifndef CORE_WHY_WORDS_H
#define CORE_WHY_WORDS_H

#include "base/arena.h"
#include "policy/status.h"

/* One line: what an event did, by the state before and after it. */
slice why_decision(const struct policy_event *ev, const struct address_status *before,
                   const struct address_status *after, arena *a);
/* What would change a state, one sentence each. */
const slice *why_changes(const struct address_status *s, arena *a, size_t *n);
/* The same for a failure that lies in an incident, or came from a feed with an open breaker. */
slice why_taken(const struct policy_event *ev, const struct circumstance *c, arena *a);

#endif
