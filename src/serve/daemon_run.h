/* The daemon from its start to its end: opens what needs root, becomes its user, opens the ledger, starts the roles, serves until it is
 * asked to end, drains, commits, closes in order.
 *
 * Signals: TERM and INT end (a second one cuts the draining short), HUP reloads, USR1 turns debug lines on and off. Nothing that was
 * acknowledged is lost by any end, kill -9 included; draining is for the peers' sake.
 */
#ifndef SERVE_DAEMON_RUN_H
#define SERVE_DAEMON_RUN_H

#include "serve/settings.h"

#define DAEMON_CLOSE_S 60u /* closing may not take longer than this after draining: SIGALRM ends the process then */

struct daemon_options {
    struct settings *settings; /* taken over */
    settings_problem_fn tell;  /* for what is wrong with the rules at the start */
    void *ctx;                 /* of tell */
    const char *notify_socket; /* NULL: no service manager */
    int64_t watchdog_us;       /* as the manager wants it; 0: none */
    bool journal;              /* standard error is read by journald */
    const char *version;       /* shown in the status */
};

/* Returns when the daemon has ended: OK after it served. Errors of the start are in *e. */
NODISCARD enum status daemon_run(const struct daemon_options *o, err *e);

#endif
