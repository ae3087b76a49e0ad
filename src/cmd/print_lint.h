/* What is wrong with rules, for people and as JSON: what does not compile, examples that another rule takes, rules that
 * are never reached, rules that contradict each other, slow rules.
 */
#ifndef CMD_PRINT_LINT_H
#define CMD_PRINT_LINT_H

#include "base/arena.h"
#include "cmd/cmd.h"

/* From here on a rule is told to be slow: nanoseconds a text, its patterns run one by one. Word sets are many literals,
 * which the prefilter spares nearly every text; a careless regular expression costs each text that has its literal. */
#define LINT_SLOW_NS 5000000u
#define LINT_SLOW_RE_NS 100000u

/* Returns EXIT_YES, or EXIT_NO when it found something. */
int rules_lint_print(buf *out, const struct bounce_rules *rules, arena *memory, bool as_json);
/* Lines "file:line: what" of bounce_rules_new. */
void rules_problems_print(buf *out, slice problems, bool as_json);

#endif
