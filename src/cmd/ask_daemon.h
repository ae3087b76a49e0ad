/* Asking the daemon through its control socket.
 */
#ifndef CMD_ASK_DAEMON_H
#define CMD_ASK_DAEMON_H

#include "cmd/cmd.h"

#define CMD_OPT_SOCKET                                                                                       \
    {                                                                                                        \
        "socket", 0, OPT_TEXT, "PATH", "the daemon's control socket (default: as its settings say, run_dir)" \
    }

/* Sends one word (serve/control.h) and reads the whole answer behind what `out` holds. Prints what is wrong, with what to do; returns an
 * exit code. The command's table must have CMD_OPT_SOCKET and CMD_OPT_CONFIG. */
int ask_daemon(const struct args *a, const char *word, buf *out);

#endif
