#include "cmd/commands.h"

const struct cmd *const cmd_table[] = {
    &cmd_ingest, &cmd_report, &cmd_events,  &cmd_parse,  &cmd_classify, &cmd_rules,
    &cmd_verp,   &cmd_backup, &cmd_restore, &cmd_doctor, &cmd_dump,     NULL,
};
