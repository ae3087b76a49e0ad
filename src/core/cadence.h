/* How often each stream sends, and what the preset `auto` makes of it. A stream that sends every day or two needs a span: five
 * failures are a bad week. One that sends once a month needs a count: five failures are half a year.
 *
 * Measured are the days on which a campaign began (of mail without campaigns: the days with mail) within CADENCE_SPAN_US, and the
 * median of the days between them. A choice changes only where the measure lies clearly beyond the border, and each change is a row of
 * the ledger with what was measured: that is what the daemon, the commands and a rebuild go by, and what stays to be looked at.
 */
#ifndef CORE_CADENCE_H
#define CORE_CADENCE_H

#include "ledger/ledger.h"
#include "policy/policy.h"

#define CADENCE_SPAN_US (90 * TIME_DAY)
#define CADENCE_LEAST 3u /* sending days; with fewer there is nothing to choose by */
#define CADENCE_DAILY_LEAST \
    5u /* and with fewer than these a stream that has just begun may only look like a daily one */

/* What is chosen for a median, after `before` was chosen (PRESETS: nothing was). */
enum preset cadence_choose(enum preset before, unsigned sendings, int64_t median_us);

/* Measures all streams for which the policy says `auto` and stores changed choices in a transaction of its own. `told` hears of each
 * stream that was measured and may be NULL. *changed counts the choices that are new. */
typedef void (*cadence_fn)(void *ctx, const struct ledger_cadence *c, enum preset before);
NODISCARD enum status cadence_measure(struct ledger *l, const struct policy *p, int64_t now_us, cadence_fn told,
                                      void *ctx, unsigned *changed, err *e);

/* True when some tolerance of the policy or its tenants is `auto`. */
bool cadence_wanted(const struct policy *p);
/* Puts the stored choices into the policy, whose lists are copied to `a` where they change. Lines of the settings stay. */
NODISCARD enum status cadence_apply(struct ledger *l, struct policy *p, arena *a, err *e);

#endif
