#include "serve/roles.h"

const struct role *const roles[] = {
    &tail_role,
    &smtp_role,
    &lmtp_role,
    NULL,
};
