/* What people do to addresses: suppress, lift, vouch, dismiss, erase; and the sweep for what time alone changes. Each
 * act is an event of the address, so that a rebuild gives the same. Each call is a transaction of its own.
 */
#ifndef CORE_ACTS_H
#define CORE_ACTS_H

#include "ledger/ledger.h"
#include "policy/history.h"

struct act {
    slice tenant, address;
    int64_t id;       /* not 0: the row of this number, whatever it is called */
    slice actor;      /* who; must not be empty */
    slice note;       /* the reason in words */
    enum cause cause; /* suppress: which one (CAUSE_MANUAL where not told); lift: only this one, CAUSE_NONE: all */
    enum scope scope;
    slice stream;     /* SCOPE_STREAM */
    slice reverified; /* lift: "confirmed-opt-in", "verification", "wrong-verdict" */
    int64_t time_us;  /* when; the caller's clock */
};

/* What became of the address. */
struct act_result {
    enum address_state from, to;
    enum cause cause; /* that holds now */
    bool changed;
};

/* E_INVALID: no address, no actor. A second identical suppression changes nothing and is OK. */
NODISCARD enum status suppress_add(struct ledger *l, const struct policy *policy, const struct act *act,
                                   struct act_result *out, err *e);
/* E_DENIED with the reason when a hard bounce, complaint or opt-out would be lifted without telling how the address was
 * verified again, when no reason is given, or when the address was erased. E_NOT_FOUND when it is not suppressed. */
NODISCARD enum status suppress_lift(struct ledger *l, const struct policy *policy, const struct act *act,
                                    struct act_result *out, err *e);

/* Held reports of an address: seq 0 all of them, else the one of that event. E_NOT_FOUND when none is held. */
NODISCARD enum status held_vouch(struct ledger *l, const struct policy *policy, const struct act *act, int64_t seq,
                                 struct act_result *out, err *e);
NODISCARD enum status held_dismiss(struct ledger *l, const struct policy *policy, const struct act *act, int64_t seq,
                                   struct act_result *out, err *e);

/* Removes the texts of an address; what stays still suppresses. */
NODISCARD enum status address_erase(struct ledger *l, const struct policy *policy, const struct act *act, err *e);

/* Brings the stored state of every address up to date that is due; *changed counts those whose state changed. */
NODISCARD enum status due_sweep(struct ledger *l, const struct policy *policy, int64_t now_us, uint64_t *changed,
                                err *e);
/* One transaction of it, so that others may write in between; *more: there is another. */
NODISCARD enum status due_sweep_some(struct ledger *l, const struct policy *policy, int64_t now_us, uint64_t *changed,
                                     bool *more, err *e);

#endif
