/* Receivers to whom better nothing is sent just now: those with an open incident that has the advice to pause (docs/incidents.md).
 * Only with [incidents] answer = defer; else the list is empty, and asking it costs one load.
 *
 * A list in memory, made by the writer, read by whoever answers whether mail may be sent. Safe from any thread.
 */
#ifndef SERVE_PAUSES_H
#define SERVE_PAUSES_H

#include "ledger/ledger.h"
#include "serve/knowledge.h"

#define PAUSES_MOST 256u      /* receivers at one time; the newest incidents count */
#define PAUSES_LOOK_AT 10000u /* the newest circumstances; an older one that is still open is not seen */

struct pauses;
NODISCARD struct pauses *pauses_new(void); /* NULL when memory is refused */
void pauses_free(struct pauses **p);
/* Reads from the ledger what is open now; `defer` false: empties the list. */
NODISCARD enum status pauses_follow(struct pauses *p, struct ledger *l, bool defer, err *e);
/* True when mail to this recipient (its key) should wait. `rules` know the provider of its domain; NULL: domains only. */
bool pauses_has(struct pauses *p, const struct bounce_rules *rules, slice tenant, slice key);
/* The same with the rules that are present. Takes no lock while the list is empty. */
bool pauses_has_now(struct pauses *p, struct knowledge_box *knowledge, slice tenant, slice key);
size_t pauses_count(const struct pauses *p);

#endif
