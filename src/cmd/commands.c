#include "cmd/commands.h"

/* In the order of `bounced --help`. */
const struct cmd *const cmd_table[] = {
    &cmd_ingest, &cmd_check, &cmd_why,   &cmd_report, &cmd_review,  &cmd_events, &cmd_parse, &cmd_classify,
    &cmd_rules,  &cmd_verp,  &cmd_erase, &cmd_backup, &cmd_restore, &cmd_doctor, &cmd_dump,  NULL,
};
