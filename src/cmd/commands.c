#include "cmd/commands.h"

const struct cmd *const cmd_table[] = {
    &cmd_classify,
    NULL,
};
