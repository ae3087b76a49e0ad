/* Knowledge from settings: rule files read and compiled (PCRE2's compiler runs here), the policy, the keys of signed return paths.
 */
#ifndef SERVE_LEARN_H
#define SERVE_LEARN_H

#include "serve/knowledge.h"
#include "serve/settings.h"

/* Takes some 100 ms for the rules: on a worker, not on the loop. NULL after telling what is wrong. */
NODISCARD struct knowledge *learn(const struct settings *s, settings_problem_fn tell, void *ctx);
/* The policy alone; its lists lie in `a`. E_INVALID with what makes no sense, E_MEMORY. */
NODISCARD enum status learn_policy(const struct settings *s, arena *a, struct policy *out, err *e);
/* How incidents are looked for. */
struct incident_settings learn_incidents(const struct settings *s);

#endif
