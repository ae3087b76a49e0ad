/* When rules change: the stored replies are judged again, and what past verdicts become is told, or applied.
 *
 * Judged are failures and attempts that have a reply (or, where a code alone decided, a status) and were judged by rules of another
 * version. What stands: what a platform told of its own ("platform:...", "told:..."), events that were pruned, and ledgers in which
 * addresses are hashes (nothing that was said is left whole there: E_DENIED).
 *
 * The evidence is what the ledger keeps: reply, status, phase, kind, recipient, and who answered. Where two readings of that (by the
 * server's name, by the provider) differ, the verdict that is there already stands.
 *
 * Applying is a transaction for each page of addresses: the new verdicts, an event EVENT_RECLASSIFY for each address whose verdicts
 * changed (who, which rules, what became what), tallies and letters. A daemon may run beside it; run it again after a crash, it goes
 * on where it was. What an event was held for stays beside it (ledger_event.was).
 */
#ifndef CORE_RECLASSIFY_H
#define CORE_RECLASSIFY_H

#include "ledger/ledger.h"
#include "policy/policy.h"

#define RECLASSIFY_MAX_EXAMPLES 100u /* of addresses */
#define RECLASSIFY_PAGE 100u         /* addresses of a transaction */

struct reclassify_options {
    const struct bounce_rules *rules;
    const struct policy *policy;
    slice tenant;     /* empty: all */
    int64_t since_us; /* events before stand; TIME_NONE: none do */
    int64_t now_us;
    bool all;    /* judge also what these rules have judged */
    bool apply;  /* else only tell */
    slice actor; /* who applies; must not be empty then */
    size_t examples;
};

/* Verdicts that change alike. */
struct reclassify_row {
    enum bounce_reason from, to; /* the same: only the certainty changes */
    slice rule;                  /* the new one; empty: no rule fits */
    uint64_t events;
    slice example; /* a reply */
};

/* What becomes of an address. */
enum reclassify_effect {
    RECLASSIFY_FREED,
    RECLASSIFY_SUPPRESSED,
    RECLASSIFY_OTHER,
    RECLASSIFY_SAME,
    RECLASSIFY_EFFECTS
};
const char *reclassify_effect_word(enum reclassify_effect effect); /* "freed", "suppressed", "changed", "same" */

struct reclassify_example {
    slice tenant, address;
    enum reclassify_effect effect;
    enum address_state from, to;
    enum cause from_cause, to_cause;
    enum bounce_reason from_reason, to_reason; /* of the verdict that changed last */
};

struct reclassify {
    uint64_t judged, told, mute; /* events: judged again; told by a platform; with nothing left to judge by */
    uint64_t changed, renamed;   /* other verdicts; the same verdict by another rule */
    struct reclassify_row *rows; /* most events first */
    size_t row_count;
    uint64_t resting;                     /* addresses suppressed for failures, of which a verdict changes */
    uint64_t effects[RECLASSIFY_EFFECTS]; /* of addresses of which a verdict changes */
    struct reclassify_example examples[RECLASSIFY_MAX_EXAMPLES];
    size_t example_count;
};

/* Everything that is told lies in `a`. E_DENIED in a hashed ledger. */
NODISCARD enum status reclassify_run(struct ledger *l, const struct reclassify_options *o, arena *a,
                                     struct reclassify *out, err *e);

#endif
