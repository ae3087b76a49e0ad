/* The settings of the policy: how many failures of which kind it takes. Plain data; nothing here decides.
 *
 * The defaults are those of docs/policy.md. Spans are microseconds. A policy is a value: copy it, change it, and
 * rebuild with it to see "what if".
 */
#ifndef POLICY_POLICY_H
#define POLICY_POLICY_H

#include "base/err.h"
#include "policy/state.h"

#define POLICY_MAX_COUNT 8u /* most failed campaigns that a row may ask for */

#define POLICY_MAX_SPAN_US (36500 * TIME_DAY)

/* The rows of failures that an address can have. A failure counts in the row of its word and in those more patient. */
enum row_kind {
    ROW_LOOK,   /* at once, but not certain enough */
    ROW_DOMAIN, /* domain-unknown */
    ROW_QUOTA,
    ROW_CAMPAIGN,
    ROW_SLOW,
    ROWS
};
const char *row_word(enum row_kind row);

/* Suppresses when there are `count` failures in a row and the last is at least `span_us` behind the first. */
struct tolerance {
    unsigned count; /* 1..POLICY_MAX_COUNT; 0: never */
    int64_t span_us;
};

struct policy {
    struct tolerance rows[ROWS];
    struct tolerance refused; /* recipient-refused, in its stream */
    unsigned sure_certainty;  /* at once: suppresses at the first outcome from this certainty on */
    int64_t repeat_us;        /* mail without a campaign counts once in this span */
    int64_t open_end_us;      /* deferrals without an end count as a failure after this span */
    int64_t join_us;          /* witnesses of one message join within this span from its first event */
    int64_t expiry_us;        /* escalated suppressions end into probation; 0: never */
    /* Later: incidents, streams' own policies, engagement. They become fields here and nowhere else. */
};

void policy_init(struct policy *p); /* the defaults */
/* E_INVALID with the first value that makes no sense. */
NODISCARD enum status policy_check(const struct policy *p, err *e);
/* Stands for the settings; kept with stored folds so that another policy is noticed. Never 0. */
uint64_t policy_fingerprint(const struct policy *p);

#endif
