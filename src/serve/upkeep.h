/* What the ledger needs from time to time, as units of the one writer: the states that time alone has changed (every minute), and
 * forgetting what is old (every night, [retention]).
 */
#ifndef SERVE_UPKEEP_H
#define SERVE_UPKEEP_H

#include "serve/daemon.h"

#define UPKEEP_SWEEP_US TIME_MINUTE
#define UPKEEP_PRUNE_US (20 * TIME_HOUR) /* not again within this, whatever the wall clock says */

struct upkeep;

NODISCARD enum status upkeep_new(struct daemon *d, struct upkeep **out, err *e);
/* Begins nothing more. */
void upkeep_drain(struct upkeep *u);
bool upkeep_idle(const struct upkeep *u);
void upkeep_free(struct upkeep **u);

#endif
