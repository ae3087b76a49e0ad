/* The messages of one address as its events tell of them: when each was sent and how it ended.
 *
 * The witnesses of a message are joined as the fold does it (policy/outcome.h), among the last REPLAY_MAX_OPEN messages.
 */
#ifndef CORE_REPLAY_MAIL_H
#define CORE_REPLAY_MAIL_H

#include "base/arena.h"
#include "policy/circumstance.h"
#include "policy/outcome.h"

#define REPLAY_MAX_OPEN 64u

struct replay_message {
    int64_t sent_us; /* its first event */
    uint64_t stream;
    bool delivered; /* else it failed */
    bool counts;    /* the failure speaks against the address: no block, nothing that an incident or a breaker holds */
};

struct replay_mail {
    arena *a;
    const struct fold_rules *rules;
    struct outcome open[REPLAY_MAX_OPEN];
    size_t open_count;
    struct replay_message *list;
    size_t n, room;
};

/* `rules` for the span in which witnesses join, and for what was known around; they must live as long. */
void replay_mail_begin(struct replay_mail *m, const struct fold_rules *rules, arena *a);
/* Events in the order of the fold. Those that prove nothing (bare, nothing was tried) are left out. Returns false when memory was
 * refused. */
NODISCARD bool replay_mail_add(struct replay_mail *m, const struct policy_event *e);
/* What is still open has ended as it stands; messages without an end are not told. */
NODISCARD bool replay_mail_end(struct replay_mail *m);

#endif
