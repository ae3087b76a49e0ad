#include "serve/roles.h"

const struct role *const roles[] = {
    &tail_role,
    NULL,
};
