/* A decision as ingest prints it.
 */
#ifndef CMD_PRINT_DECISION_H
#define CMD_PRINT_DECISION_H

#include "cmd/cmd.h"
#include "core/intake.h"

void json_decision(buf *out, const struct decision *d, bool dry_run);
void print_decision(buf *out, const struct decision *d, bool dry_run);

#endif
