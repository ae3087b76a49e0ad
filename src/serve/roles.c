#include "serve/roles.h"

// clang-format off
const struct role *const roles[] = {
    &tail_role,
    &smtp_role,
    &lmtp_role,
    &maildir_role,
    &spool_role,
    &socketmap_role,
    &tcp_table_role,
    &postfix_policy_role,
    &line_role,
    &milter_role,
    &outgoing_role,
    &alerting_role,
    &notify_role,
    &digest_role,
    &sunset_role,
    &hook_role,
    &http_role,
    NULL,
};
// clang-format on
