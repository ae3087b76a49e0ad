/* What the report readers and the tools need of the judge beside bounce_judge.
 *
 * The order of evidence stands in docs/taxonomy.md: words first (rules), then enhanced codes, then the reply code.
 */
#ifndef BOUNCE_JUDGE_H
#define BOUNCE_JUDGE_H

#include "base/arena.h"
#include "bounce.h"
#include "bounce/rules.h"

/* True when some rule's words occur in the text (codes alone do not count). */
bool judge_has_words(const struct bounce_rules *rules, slice text);

/* The verdict for a reason that somebody else came to (a sending platform that tells no reply): `rule` says who. */
void judge_told(enum bounce_reason reason, unsigned certainty, slice rule, struct bounce_verdict *out);

/* bounce_judge where evidence->text was read already: `reply` is what bounce_reply_parse made of it. */
enum bounce_status judge_parsed(const struct bounce_rules *rules, const struct bounce_evidence_set *evidence,
                                const struct bounce_reply *reply, arena *a, struct bounce_verdict *out);

/* The way to a verdict, for `bounced rules explain` and the lint. */
struct judge_trace {
    bool all; /* given: note all rules that fit, not only those that could decide */
    struct bounce_reply reply;
    struct rule_facts facts;
    slice folded;           /* what the rules were matched against */
    bool whole;             /* the deciding reply fitted no rule and the whole text was tried */
    struct rules_hits hits; /* all that fit, sorted */
};

/* bounce_judge with the way shown; *trace is filled, but for `all`, which the caller sets. */
enum bounce_status judge_traced(const struct bounce_rules *rules, const struct bounce_evidence_set *evidence, arena *a,
                                struct bounce_verdict *out, struct judge_trace *trace);

#endif
