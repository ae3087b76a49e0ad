/* What is known around addresses, and what follows from it for them: puts a circumstance (policy/circumstance.h) into the ledger, or
 * changes one, and folds anew the addresses that it touches: those with failures in its span at its domain, its provider, its text
 * or its feed. Undoing is the same. Letters to other systems follow from writing the addresses (core/outbox.h).
 *
 * The work is noted in the row of the circumstance and done in pages, so that a feed may go on in between and a crash loses nothing:
 * around_some goes on with whatever is left, whoever began it. Events that were pruned cannot be judged anew.
 *
 *   ledger_begin; around_put; ledger_commit; around_finish        a command
 *   around_put; around_some                                       inside of somebody's transaction, the rest later
 */
#ifndef CORE_AROUND_H
#define CORE_AROUND_H

#include "core/entry.h"

#define AROUND_PAGE 1000u     /* addresses folded in one transaction */
#define AROUND_WINDOW 200000u /* change numbers looked through for them */

/* Of each address that was folded anew. NULL: nobody wants to know. */
typedef enum status (*around_fn)(void *ctx, const struct entry *n, err *e);

struct around_counts {
    uint64_t folded, suppressed, lifted; /* addresses; suppressed ones and those suppressed no more among them */
};

/* Writes the row (c.id 0: a new one, its number is set) and notes the work that follows. Inside a transaction. Give it what
 * ledger_get_circumstance gave, changed; an end may move, a begin only to an earlier time. */
NODISCARD enum status around_put(struct ledger *l, struct ledger_circumstance *c, err *e);
/* One page of what is left of any circumstance, inside a transaction; *more: there is another page. */
NODISCARD enum status around_some(struct ledger *l, const struct policy *policy, int64_t now_us, around_fn each,
                                  void *ctx, struct around_counts *counts, bool *more, err *e);
/* Whether there is work left of any. */
NODISCARD enum status around_left(struct ledger *l, bool *left, err *e);
/* One page in a transaction of its own, and all that is left. */
NODISCARD enum status around_page(struct ledger *l, const struct policy *policy, int64_t now_us,
                                  struct around_counts *counts, bool *more, err *e);
NODISCARD enum status around_finish(struct ledger *l, const struct policy *policy, int64_t now_us,
                                    struct around_counts *counts, err *e);

#endif
