/* Proofs about a set of rules, for the build and for `bounced rules lint`, `explain` and `list`.
 *
 * A rule is proven by its examples: each must be judged by its own rule. Nothing here reads a clock; timing takes one.
 * (To list rules: rules_count and rules_at of bounce/rules.h.)
 */
#ifndef BOUNCE_RULES_LINT_H
#define BOUNCE_RULES_LINT_H

#include "bounce/judge.h"

struct lint_message {
    slice file;
    unsigned line;
    slice rule;
    slice text; /* what is wrong, one line */
};
struct lint_messages {
    struct lint_message *v;
    size_t n, room;
    size_t examples; /* tried */
};

/* Judges every example of every rule. Messages when an example is taken by another rule (or none), when a rule is never
 * reached by any of its examples, and when two rules that fit an example equally well name different reasons (so that
 * nothing but harm or id decides). False when memory is refused. */
NODISCARD bool rules_lint(const struct bounce_rules *rules, arena *a, struct lint_messages *out);

struct explain_row {
    const struct rules_hit *hit;
    slice words;     /* that matched, as folded */
    const char *why; /* why it stands below the one before it; "" for the first */
};
struct explanation {
    struct bounce_verdict verdict;
    struct judge_trace trace;
    struct explain_row *rows; /* all rules that fit, the deciding one first, rejected ones last */
    size_t n;
};
/* How a text came to its verdict. */
enum bounce_status rules_explain(const struct bounce_rules *rules, const struct bounce_evidence_set *evidence, arena *a,
                                 struct explanation *out);

/* Nanoseconds that each rule takes on average over all built-in and given examples, each pattern run by itself without the
 * prefilter: a measure to find careless patterns, not of the speed of judging. out has rules_count() entries. */
void rules_time(const struct bounce_rules *rules, arena *a, uint64_t (*now_ns)(void *arg), void *arg, uint64_t *out);

#endif
