/* What the policy says of an address: the answer of history_state. Plain data. */
#ifndef POLICY_STATUS_H
#define POLICY_STATUS_H

#include "policy/circumstance.h"
#include "policy/policy.h"

#define STATUS_MAX_SUPPRESSIONS 24u /* per address; the weakest goes when there are more */
#define STATUS_MAX_HELD 16u         /* held reports remembered per address; the oldest goes */

struct suppression {
    enum cause cause;
    enum scope scope;
    uint64_t stream;            /* hash, of SCOPE_STREAM */
    enum bounce_reason reason;  /* of CAUSE_HARD and CAUSE_ESCALATED */
    int64_t since_us, until_us; /* TIME_NONE: no end */
    bool tight;                 /* half the count sufficed, since the provider thinks little of the sender */
};

/* What would change the state: bits. */
enum change {
    CHANGE_DELIVERY = 1,    /* a delivery clears it */
    CHANGE_FAILURE = 2,     /* so many more failures suppress it: see row_* */
    CHANGE_TIME = 4,        /* ends by itself at until_us or due_us */
    CHANGE_LIFT = 8,        /* a person may lift it with a reason */
    CHANGE_REVERIFIED = 16, /* a person may lift it, telling how the address was verified again */
    CHANGE_REVIEW = 32,     /* a held report waits to be vouched for or dismissed */
    CHANGE_DOMAIN = 64,     /* a delivery to anybody at its domain clears it */
    CHANGE_NEVER = 128,     /* nothing does */
    CHANGE_OVER = 256       /* the end of the incident, or of the breaker, that holds it */
};

struct address_status {
    enum address_state state;
    enum cause cause;          /* of the strictest suppression that holds now */
    enum bounce_reason reason; /* of it, or of the last failure that counted */
    enum scope scope;
    enum hold hold;
    int64_t since_us; /* of the state; TIME_NONE for active */
    int64_t until_us; /* TIME_NONE: no end */
    int64_t due_us;   /* when time alone may change the state next; TIME_NONE: never */
    struct suppression suppressions[STATUS_MAX_SUPPRESSIONS]; /* those that hold now, strictest first */
    size_t suppression_count;
    enum row_kind row; /* the row that is nearest to suppressing; ROWS when there is none */
    unsigned row_count, row_needed;
    int64_t row_first_us, row_last_us;
    int64_t row_not_before_us;      /* a failure before this time cannot suppress */
    bool row_keeps;                 /* it counts for life: no delivery clears it */
    bool second_look;               /* a hard row has begun: whatever row is nearest, it is looked at again */
    bool for_life;                  /* suppressed: by a row that counts for life, so that no delivery ends it */
    bool then_probation;            /* suppressed: what comes behind until_us */
    bool probation;                 /* an escalated suppression expired: one counted failure suppresses again */
    bool domain_sensitive;          /* a delivery to anybody at the domain would clear a suppression */
    uint64_t held[STATUS_MAX_HELD]; /* keys of the held reports */
    size_t held_count;
    int64_t circumstance; /* the incident or breaker that holds its last failure; 0: none, or it is over */
    int64_t last_delivered_us, last_failed_us, last_engaged_us, first_seen_us;
    unsigned changes; /* bits of enum change */
};

#endif
