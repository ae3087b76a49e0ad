/* The failures of one address judged again, and how it is folded with the old verdicts and with the new ones.
 */
#ifndef CORE_REJUDGE_H
#define CORE_REJUDGE_H

#include "core/entry.h"

/* An event whose verdict, or whose rule, is another one now. */
struct rejudged {
    int64_t seq, time_us;
    size_t at; /* in was and is */
    enum bounce_reason from, to;
    unsigned from_certainty, to_certainty;
    slice from_rule, from_version, was; /* as they stand */
    struct bounce_verdict verdict;      /* the new one; `matched` is empty */
    uint8_t cause;                      /* of the new verdict, of upstream-suppressed */
    slice reply, provider;
};

struct rejudge {
    const struct bounce_rules *rules;
    slice version;    /* of the rules: what they have judged stands; empty: nothing does */
    int64_t since_us; /* TIME_NONE: all */
    arena *a;
    struct policy_event *was, *is; /* all events of the address, in the order of the fold */
    size_t n, room, is_room;
    struct rejudged *list;
    size_t count, list_room;
    uint64_t judged, told, mute;
    bool refused; /* memory was */
};

/* True when reason or certainty change, not the rule alone. */
bool rejudge_differs(const struct rejudged *j);
/* Reads and judges the events of an address; `r` has rules, version, since_us and a. */
NODISCARD enum status rejudge_address(struct rejudge *r, struct ledger *l, int64_t address, err *e);
/* The state that follows from events with these verdicts. `row` as stored. */
NODISCARD enum status rejudge_fold(struct rejudge *r, struct ledger *l, const struct policy *policy,
                                   const struct ledger_address *row, const struct policy_event *events, int64_t now_us,
                                   struct entry *out, err *e);

#endif
