/* An event of the ledger as JSON with stable names: for export.
 */
#ifndef CMD_PRINT_EVENT_H
#define CMD_PRINT_EVENT_H

#include "cmd/cmd.h"
#include "ledger/ledger.h"

/* One object and a line end; `o` is NULL for acts of people. */
void json_event(buf *out, const struct ledger_event *ev, const struct observation *o);

#endif
