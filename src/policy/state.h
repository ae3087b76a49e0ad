/* The state of an address and the types of the policy: pure data, stored by the ledger, computed by policy/history.
 *
 * An address's state is the fold of its outcomes ordered by (time, key) under a policy; what time alone changes
 * (expiry, probation, holds) is state_at(state, now). See docs/policy.md for the table of states and transitions.
 */
#ifndef POLICY_STATE_H
#define POLICY_STATE_H

#include "base/hash.h"
#include "base/time.h"
#include "bounce.h"

enum address_state { STATE_ACTIVE, STATE_SOFT, STATE_HELD, STATE_SUPPRESSED, STATES };

enum cause {
    CAUSE_NONE,
    CAUSE_HARD,
    CAUSE_ESCALATED,
    CAUSE_COMPLAINT,
    CAUSE_UNSUBSCRIBED,
    CAUSE_MANUAL,
    CAUSE_IMPORTED,
    CAUSE_UPSTREAM,
    CAUSE_INVALID,
    CAUSE_ROLE,
    CAUSE_SPAMTRAP,
    CAUSE_ERASED,
    CAUSES
};

enum scope { SCOPE_GLOBAL, SCOPE_TENANT, SCOPE_STREAM }; /* global: all streams and platforms of one tenant */

/* Why an address is held. */
enum hold { HOLD_NONE, HOLD_SECOND_LOOK /* still sent to */, HOLD_TRUST, HOLD_INCIDENT, HOLD_BREAKER };

const char *state_word(enum address_state s);
const char *cause_word(enum cause c);
enum cause cause_find(slice word); /* CAUSES when there is none */
const char *scope_word(enum scope s);
const char *hold_word(enum hold h);
const char *cause_text(enum cause c); /* for people, without the full stop */
unsigned cause_rank(enum cause c);    /* 0 is the strictest */
/* What it takes to lift a suppression of this cause. */
enum cause_lift { LIFT_FREE, LIFT_REVERIFIED, LIFT_NEVER };
enum cause_lift cause_lift(enum cause c);

/* By what, beside time and reason, a circumstance (policy/circumstance.h) can tell events from others. */
enum mark {
    MARK_PROVIDER, /* who answered */
    MARK_TEXT,     /* the reply as it is grouped */
    MARK_FEED,     /* who told us */
    MARKS,
    MARK_NONE = MARKS
};
const char *mark_word(enum mark m); /* "provider", "text", "feed", "" */
/* What stands for a name in a mark: 0 for the empty one only. */
uint32_t policy_mark(slice name);

/* One event of an address, as the fold needs it: no text, fixed size. */
struct policy_event {
    int64_t time_us;
    uint64_t key;      /* first 64 bits of the source key: second part of the order */
    uint64_t ids[5];   /* observation_id_hash by enum id_kind; 0 none. EVENT_VOUCH, EVENT_DISMISS: ids[0] is the key of
                        * the   held event that is meant, 0 for all */
    uint64_t campaign; /* hash; 0 for mail without campaign */
    uint64_t stream;   /* hash; 0 for the default stream */
    uint32_t marks[MARKS]; /* of failures and attempts: policy_mark of what is told; 0: not told */
    uint8_t what;          /* enum event_what */
    uint8_t kind;          /* enum bounce_kind, of observations */
    uint8_t reason;        /* enum bounce_reason */
    uint8_t certainty;
    uint8_t trust;        /* enum trust */
    uint8_t cause, scope; /* of manual acts and imports */
    uint8_t flags;        /* EVENT_* */
};

/* Events that are no observation: acts of people and systems are events too, so that a rebuild gives the same. */
enum event_what {
    EVENT_OBSERVED,
    EVENT_SUPPRESS /* manual, import, sync */,
    EVENT_LIFT,
    EVENT_VOUCH /* a held report was confirmed by a person */,
    EVENT_DISMISS /* a held report was thrown away */,
    EVENT_BASELINE,
    EVENT_ERASE,
    EVENT_RECLASSIFY /* what was said was judged anew: verdicts of the address changed */,
    EVENT_WHATS
};
const char *event_word(enum event_what w);
#define EVENT_TRIED_NOTHING 1u
#define EVENT_REVERIFIED 2u /* a lift that says how the address was re-verified */

#endif
