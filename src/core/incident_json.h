/* An incident as JSON, the same in letters, in the API and in the output of commands (docs/incidents.md).
 */
#ifndef CORE_INCIDENT_JSON_H
#define CORE_INCIDENT_JSON_H

#include "base/json.h"
#include "ledger/ledger.h"

/* "open", "over" or "undone". */
const char *incident_state(const struct ledger_circumstance *c);
/* The members of an object; `figures` NULL: there are none. */
void incident_members(struct jsonw *j, const struct ledger_circumstance *c, const struct ledger_incident *figures);

#endif
