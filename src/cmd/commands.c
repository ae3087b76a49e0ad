#include "cmd/commands.h"

/* In the order of `bounced --help`. */
// clang-format off
const struct cmd *const cmd_table[] = {
    &cmd_ingest,
    &cmd_check,
    &cmd_why,
    &cmd_suppress,
    &cmd_report,
    &cmd_review,
    &cmd_events,
    &cmd_parse,
    &cmd_webhook,
    &cmd_classify,
    &cmd_rules,
    &cmd_policy,
    &cmd_verp,
    &cmd_filter,
    &cmd_acquired,
    &cmd_erase,
    &cmd_backup,
    &cmd_restore,
    &cmd_prune,
    &cmd_verify,
    &cmd_rebuild,
    &cmd_replay,
    &cmd_key,
    &cmd_webhooks,
    &cmd_alerts,
    &cmd_serve,
    &cmd_status,
    &cmd_reload,
    &cmd_config,
    &cmd_doctor,
    &cmd_dump,
    NULL,
};
// clang-format on
