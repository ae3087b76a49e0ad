/* Why an address stands as it does: the timeline with what was said, by whom, which rule read it, how far it was
 * trusted and what it did; the state now; and what would change it. Data only; the caller prints it. */
#ifndef CORE_WHY_H
#define CORE_WHY_H

#include "ledger/ledger.h"
#include "policy/history.h"

#define WHY_MAX_STEPS 1000u /* the newest; `cut` tells how many older ones were left out */

struct why_step {
    int64_t seq, time_us, ingest_us;
    enum event_what what;
    enum bounce_kind kind;
    enum bounce_reason reason;
    enum bounce_class class_;
    unsigned certainty;
    enum trust trust;
    slice reply, status, rule, rules_version, provider, remote_mta, reporting_mta;
    enum bounce_phase phase;
    slice campaign, stream, feed, format, message_id, sent_to, recipient;
    slice was;                     /* what it was held for before it was judged anew (ledger_event.was) */
    slice actor, note, reverified; /* acts of people */
    enum cause cause;              /* of a suppression by hand or import, or a lift */
    slice decision;                /* one line: what it did to the address, computed now */
    enum address_state state;      /* of the address after it */
    bool held;                     /* waits for review now */
    int64_t circumstance;          /* the incident or breaker in which it failed; 0: none */
};

#define WHY_MAX_AROUND 16u

struct why {
    bool known;
    slice address;
    struct address_status now;
    const slice *streams;         /* by index of now.suppressions; empty for other scopes */
    const struct why_step *steps; /* in the order of the fold */
    size_t step_count, cut;
    const slice *changes; /* what would change it, one sentence each */
    size_t change_count;
    const struct ledger_circumstance *around; /* that the steps name, the latest first, at most WHY_MAX_AROUND */
    size_t around_count;
    struct ledger_address stored; /* first seen, last delivered, ... */
};

/* E_INVALID when `address` is none. An address that the ledger does not have gives OK and known = false. */
NODISCARD enum status why(struct ledger *l, const struct policy *policy, slice tenant, slice address, int64_t now_us,
                          arena *a, struct why *out, err *e);

#endif
