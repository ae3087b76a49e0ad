/* Every subcommand, one line each. */
#ifndef CMD_COMMANDS_H
#define CMD_COMMANDS_H

#include "cmd/cmd.h"

extern const struct cmd cmd_parse;
extern const struct cmd cmd_classify;

#endif
