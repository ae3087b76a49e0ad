/* Knowledge from settings: rule files read and compiled (PCRE2's compiler runs here), the policy, the keys of signed return paths.
 */
#ifndef SERVE_LEARN_H
#define SERVE_LEARN_H

#include "serve/knowledge.h"
#include "serve/settings.h"

/* Takes some 100 ms for the rules: on a worker, not on the loop. NULL after telling what is wrong. */
NODISCARD struct knowledge *learn(const struct settings *s, settings_problem_fn tell, void *ctx);
/* The policy alone. */
void learn_policy(const struct settings *s, struct policy *out);

#endif
