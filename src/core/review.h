/* What waits for a person: held reports, and replies that no rule knows. */
#ifndef CORE_REVIEW_H
#define CORE_REVIEW_H

#include "ledger/ledger.h"
#include "policy/history.h"

struct held_report {
    int64_t seq; /* for held_vouch and held_dismiss */
    int64_t address_id;
    slice tenant, address; /* a hash where addresses have no names */
    const struct observation *o;
};
/* Valid during the call; false stops. */
typedef bool (*held_report_fn)(void *ctx, const struct held_report *h);
/* Held reports in the order of the addresses; limit 0: all. */
NODISCARD enum status held_reports(struct ledger *l, const struct policy *policy, slice tenant, int64_t limit,
                                   held_report_fn each, void *ctx, err *e);

/* Gives a reply group a reason: appends a rule with the group's example to the file (made when it is not there; written
 * whole beside and renamed), after a trial: E_INVALID with the linter's words when the rules would not compile with it,
 * or when the example would still be judged otherwise. *rule (in the arena) gets the text of the new rule. */
NODISCARD enum status review_assign(struct ledger *l, int64_t group, enum bounce_reason reason, const char *rules_file,
                                    arena *a, slice *rule, err *e);

#endif
