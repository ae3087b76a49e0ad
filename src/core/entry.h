/* One address of the ledger while it is changed or looked at: its row, its history, and the state that follows.
 *
 *   entry_open(...); entry_add(...) for each new event; entry_settle(...); entry_put(...)
 *
 * Everything lives in the arena. entry_put belongs into a transaction.
 */
#ifndef CORE_ENTRY_H
#define CORE_ENTRY_H

#include "ledger/ledger.h"
#include "policy/history.h"

struct stream_name {
    uint64_t hash;
    slice text;
};

struct grounds;

struct entry {
    struct ledger *ledger;
    const struct policy *policy;
    arena *a;
    struct ledger_address row; /* as read; entry_settle makes it what follows */
    enum address_state from;   /* as read */
    enum cause from_cause;
    struct history history;
    struct policy_event *added; /* not in the ledger yet */
    size_t added_count, added_room;
    struct stream_name *streams; /* texts of the streams that the history knows by hash */
    size_t stream_count, stream_room;
    struct address_status status; /* by entry_settle */
    int64_t settled_us;           /* when it was looked at */
    /* What other systems are told of the change (core/outbox.h), where the caller knows it: what decided, or who did it. */
    const struct observation *said;
    slice actor, note;
    struct grounds *grounds; /* outcomes are counted there too (core/ground.h); NULL: nowhere */
};

/* The stored form and key of an address, or of a whole domain written "@example.org" (its key has no "@"). Returns false when it
 * is neither. */
bool entry_name(slice text, arena *a, slice *address, slice *key);

/* Streams and campaigns as the fold knows them; 0 for the empty one. */
uint64_t entry_name_hash(slice name);

/* Takes a row as ledger_addresses gave it (id 0: a new address, whose `address` the caller sets). */
NODISCARD enum status entry_open(struct entry *n, struct ledger *l, const struct policy *policy,
                                 const struct ledger_address *row, arena *a, err *e);
/* The same from all its events, which a walk gave (ledger_walk_folds): what stands in the row's history is not looked at. The texts
 * of the row must live as long as the entry; the events are sorted in place and not kept. */
NODISCARD enum status entry_open_folds(struct entry *n, struct ledger *l, const struct policy *policy,
                                       const struct ledger_folds *folds, arena *a, err *e);
/* Finds one address and opens it. */
NODISCARD enum status entry_find(struct entry *n, struct ledger *l, const struct policy *policy, slice tenant,
                                 slice address, slice key, arena *a, err *e);
/* Opens the one with this number, which a walk gave. E_NOT_FOUND. */
NODISCARD enum status entry_of(struct entry *n, struct ledger *l, const struct policy *policy, int64_t id, arena *a,
                               err *e);
/* Adds an event that is not in the ledger yet; `stream` is the text of its stream. */
NODISCARD enum status entry_add(struct entry *n, const struct policy_event *event, slice stream, err *e);
/* Computes status and row from the history at `now_us`. */
NODISCARD enum status entry_settle(struct entry *n, int64_t now_us, err *e);
/* What there is to tell of the change. */
struct outbox_news;
void entry_news(const struct entry *n, struct outbox_news *out);
/* Writes the row, and the letters to those who want to know what has changed. */
NODISCARD enum status entry_put(struct entry *n, err *e);
/* The text of a stream, found in the row, among the new events or in the stored ones. */
NODISCARD enum status entry_stream(struct entry *n, uint64_t hash, slice *text, err *e);

#endif
