/* The history of one address: what the ledger keeps of it beside the events, and the state that follows from it.
 *
 * A history is a baseline (the fold of everything before a horizon) and the last HISTORY_RECENT events behind it, in
 * the order (time, key). It is a pure function of the set of events: order of arrival, repeats and borders of batches
 * do not show, not even in the bytes of the encoding. An event that belongs before the horizon cannot be added;
 * history_add says HISTORY_REBUILD, and the caller gives all events of the address to history_rebuild.
 *
 * Everything lives in the arena given. Memory that is refused comes back as HISTORY_MEMORY or E_MEMORY.
 */
#ifndef POLICY_HISTORY_H
#define POLICY_HISTORY_H

#include "base/arena.h"
#include "policy/fold.h"

#define HISTORY_RECENT 128u /* events kept beside the baseline */
#define HISTORY_VERSION 3u  /* first byte of the encoding; 1 and 2 are read too */

struct history {
    struct fold base; /* of the events before recent[0] */
    bool has_base;
    int64_t horizon_us; /* the last event inside the baseline */
    uint64_t horizon_key;
    struct policy_event *recent; /* in the order of the fold */
    size_t n, room;
    uint64_t total;          /* events in all */
    struct fold_rules rules; /* what `around` points to must live as long */
    arena *a;
};

enum history_status {
    HISTORY_ADDED,
    HISTORY_REPEAT,  /* is in it already */
    HISTORY_REBUILD, /* belongs before the horizon: rebuild from all events */
    HISTORY_MEMORY
};

/* An empty one. What `rules` points to and the arena must live as long. */
void history_init(struct history *h, const struct fold_rules *rules, arena *a);
/* Reads what history_encode wrote; empty bytes give an empty history. E_CORRUPT when the bytes are none of ours,
 * E_UNSUPPORTED when they are of a newer version, E_BUSY when the baseline was folded under another policy: rebuild. */
NODISCARD enum status history_decode(slice bytes, const struct fold_rules *rules, arena *a, struct history *out);
void history_encode(const struct history *h, buf *out);
NODISCARD enum history_status history_add(struct history *h, const struct policy_event *e);
/* From all events, in any order, repeats allowed; `events` is sorted in place. Returns false when memory was refused.
 */
NODISCARD bool history_rebuild(struct history *h, struct policy_event *events, size_t n);

/* The same where older events were pruned: `baseline` is what history_baseline made of them (empty: nothing was
 * pruned). EVENT_BASELINE among the events is skipped. E_MEMORY, E_CORRUPT, E_UNSUPPORTED. */
NODISCARD enum status history_rebuild_from(struct history *h, slice baseline, struct policy_event *events, size_t n);
/* Folds events that are about to be pruned behind `old` (an earlier baseline, or empty) and writes the new baseline. */
NODISCARD enum status history_baseline(slice old, const struct policy_event *gone, size_t n,
                                       const struct fold_rules *rules, arena *a, buf *out);

/* What the state depends on beside the address's own events. */
struct history_env {
    int64_t domain_delivered_us; /* last proven delivery to anybody at the domain; TIME_NONE */
};

/* The state of the address at `now`. Returns false when memory was refused. */
NODISCARD bool history_state(const struct history *h, const struct history_env *env, int64_t now_us,
                             struct address_status *out);

/* Puts events into the order of the fold, without repeats and baselines; returns how many are left. */
size_t history_tidy(struct policy_event *events, size_t n);
/* The order of the fold. */
int policy_event_cmp(const struct policy_event *a, const struct policy_event *b);

#endif
