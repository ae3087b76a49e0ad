/* The fold: the automaton that takes the events of one address in order and knows its rows and suppressions.
 *
 * Strictly from left to right, so that the state after any prefix can be stored and gone on from. Messages stay open
 * while witnesses may still join (policy.join_us); what is decided is settled, in the order in which it was decided, as
 * soon as no open message can be decided before it. fold_finish settles the rest for a look at `now`; give it a copy.
 */
#ifndef POLICY_FOLD_H
#define POLICY_FOLD_H

#include "base/arena.h"
#include "policy/circumstance.h"
#include "policy/outcome.h"
#include "policy/row.h"
#include "policy/status.h"

#define FOLD_MAX_OPEN 64u   /* open messages and unsettled acts of one address; the oldest is closed early */
#define FOLD_MAX_ENGAGED 4u /* unsettled opens and clicks among them; the last and the first stay */

/* A suppression as the fold keeps it; expired ones stay: that is probation. */
struct standing {
    struct suppression s;
    int64_t domain_from_us; /* holds only if nobody at the domain was delivered since; TIME_NONE: no such condition */
    bool keeps;             /* of rows that count for life: a delivery does not end it */
    bool opens_end;         /* of rows that an open or a click begins anew: it ends this too */
};

/* An entry of the list of what is not settled yet: a message, or an act or opt-out that waits for its turn. */
struct pending {
    bool act;
    union {
        struct outcome outcome;
        struct policy_event event;
    };
};

/* The last failure that a circumstance took, and that nothing has resolved: neither a delivery nor a failure outside of it. */
struct excused {
    int64_t circumstance; /* 0: none */
    int64_t since_us;     /* the first of them in a row */
    uint8_t reason;
};

struct fold {
    struct failures failures;
    struct standing standing[STATUS_MAX_SUPPRESSIONS];
    unsigned standing_count;
    struct policy_event held[STATUS_MAX_HELD]; /* bare reports, oldest first */
    unsigned held_count;
    struct excused excused;
    int64_t first_us, delivered_us, failed_us, engaged_us; /* TIME_NONE: never */
    struct pending *pending;
    unsigned pending_count, pending_room;
};

void fold_init(struct fold *f);
/* A copy whose list of pending ones lies in `a` too. Returns false when memory was refused. */
NODISCARD bool fold_copy(struct fold *to, const struct fold *from, arena *a);
/* Takes the next event; not before the one given last. Returns false when memory was refused. */
NODISCARD bool fold_step(struct fold *f, const struct fold_rules *rules, const struct policy_event *e, arena *a);
/* True for observations that are held when nothing proves them: those that would count. A block changes nothing anyway. */
bool fold_would_hold(const struct policy_event *e);
/* Settles everything; *due_us gets when the next message without an end counts as a failure, TIME_NONE for none. */
void fold_settle(struct fold *f, const struct fold_rules *rules, int64_t now_us, int64_t *due_us);
/* Settles everything and says what follows at `now`. The fold is used up. */
void fold_finish(struct fold *f, const struct fold_rules *rules, int64_t domain_delivered_us, int64_t now_us,
                 struct address_status *out);

#endif
