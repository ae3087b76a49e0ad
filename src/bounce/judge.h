/* What the report readers need of the judge beside bounce_judge: quick tests whether a text says anything about a failed
 * delivery at all. */
#ifndef BOUNCE_JUDGE_H
#define BOUNCE_JUDGE_H

#include "base/arena.h"
#include "bounce.h"

/* True when some rule's words occur in the text (codes alone do not count). */
bool judge_has_words(const struct bounce_rules *rules, slice text);

#endif
