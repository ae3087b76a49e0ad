/* What a decided message or an act does to an address: rows, suppressions, resets. The part of the fold that knows the policy.
 */
#ifndef POLICY_SETTLE_H
#define POLICY_SETTLE_H

#include "policy/fold.h"

/* A message that failed, at time t. */
void settle_failure(struct fold *f, const struct fold_rules *rules, const struct outcome *o, int64_t t);
/* A message that was delivered: ends rows and what only rows had suppressed. */
void settle_delivery(struct fold *f, const struct fold_rules *rules, const struct outcome *o, int64_t t);
/* An act of a person, an import, an opt-out, an open or a click. */
void settle_act(struct fold *f, const struct fold_rules *rules, const struct policy_event *e);

#endif
