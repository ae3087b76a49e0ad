#include "cmd/commands.h"

const struct cmd *const cmd_table[] = {
    &cmd_parse,
    &cmd_classify,
    NULL,
};
