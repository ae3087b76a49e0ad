/* The daemon's settings as commands find them: --config FILE, $BOUNCED_CONFIG or the default.
 */
#ifndef CMD_CONFIG_H
#define CMD_CONFIG_H

#include "cmd/cmd.h"
#include "serve/settings.h"

#define CMD_OPT_CONFIG                                                                                     \
    {                                                                                                      \
        "config", 'c', OPT_TEXT, "FILE", "the settings (default: $BOUNCED_CONFIG, else " SETTINGS_FILE ")" \
    }

const char *config_path(const struct args *a);
/* Whether there are settings to read: a file was named, or the default one is there. */
bool config_there(const struct args *a);
/* Prints a problem; `ctx` is the struct args. */
void config_told(void *ctx, slice path, unsigned line, bool warning, slice text);
/* NULL after telling what is wrong, with file and line. */
struct settings *config_read(const struct args *a);
/* Exit code of a file that config_read did not take. */
int config_exit(const struct args *a);

#endif
