/* What if: every address folded under the policy that is and under another one, and both held against what later mail proved.
 *
 * One pass over the ledger (ledger_walk_folds); memory holds one address and the counts. A policy is right where mail that it would
 * have withheld failed, and wrong where it arrived; it misses where the other one would have stopped an address that mail went on to
 * fail at. Only suppressions that policies decide (hard, escalated) are compared. docs/replay.md says what the numbers mean and
 * what the past cannot tell.
 */
#ifndef CORE_REPLAY_H
#define CORE_REPLAY_H

#include "ledger/ledger.h"
#include "policy/timeline.h"

#define REPLAY_MAX_EXAMPLES 100u   /* of each kind */
#define REPLAY_MAX_DOMAINS 100000u /* told apart; the rest is counted as one, without a name */

enum replay_side { REPLAY_IS, REPLAY_IF, REPLAY_SIDES };

/* What later mail says of the choices of one policy. */
struct replay_score {
    uint64_t stopped;       /* addresses stopped now */
    uint64_t ever;          /* addresses stopped at any time since `since_us` */
    uint64_t wrong, lost;   /* addresses stopped that mail reached later; those messages */
    uint64_t right, spared; /* addresses stopped where later mail failed, and none arrived; messages that failed */
    uint64_t unproven;      /* stopped, and no mail went to them since */
    uint64_t missed,
        in_vain; /* dead addresses not stopped where the other policy rightly did; messages that failed there */
    uint64_t by_reason[BOUNCE_REASONS]; /* stopped now, by the reason of it */
    uint64_t wrong_by_reason[BOUNCE_REASONS];
};

enum replay_change { REPLAY_SUPPRESSED, REPLAY_FREED, REPLAY_CHANGES };
const char *replay_change_word(enum replay_change c); /* "suppressed", "freed" */

/* What became of an address that the two policies treat differently now. */
enum replay_proof {
    REPLAY_UNPROVEN,  /* no mail went to it while one of them stopped it */
    REPLAY_DELIVERED, /* mail arrived */
    REPLAY_FAILED     /* mail failed, none arrived */
};
const char *replay_proof_word(enum replay_proof p);

struct replay_example {
    slice tenant, address;
    enum bounce_reason reason;
    enum cause cause;
    int64_t since_us;
    enum replay_proof proof;
    uint64_t messages; /* that prove it */
};

struct replay_domain {
    slice domain; /* empty: those beyond REPLAY_MAX_DOMAINS */
    uint64_t changed[REPLAY_CHANGES];
};

struct replay {
    uint64_t addresses, events;
    struct replay_score score[REPLAY_SIDES];
    uint64_t changed[REPLAY_CHANGES]; /* addresses that the other policy would suppress, or free, now */
    uint64_t changed_by_reason[REPLAY_CHANGES][BOUNCE_REASONS];
    uint64_t changed_by_proof[REPLAY_CHANGES][REPLAY_FAILED + 1];
    struct replay_domain *domains; /* with changes, most of them first */
    size_t domain_count;
    struct replay_example examples[REPLAY_CHANGES][REPLAY_MAX_EXAMPLES];
    size_t example_count[REPLAY_CHANGES];
};

struct replay_options {
    const struct policy *policy[REPLAY_SIDES]; /* the one that is, the other one */
    slice tenant;                              /* empty: all */
    int64_t since_us;                          /* mail sent before proves nothing; TIME_NONE: all of it does */
    int64_t now_us;
    size_t examples; /* of each kind */
};

/* Everything that is told lies in `a`. */
NODISCARD enum status replay_run(struct ledger *l, const struct replay_options *o, arena *a, struct replay *out,
                                 err *e);

#endif
