/* New settings and rules for a daemon that runs: read and compiled by a worker, beside what is in force; taken whole or not at all.
 */
#ifndef SERVE_RELOAD_H
#define SERVE_RELOAD_H

#include "serve/daemon.h"

#define RELOAD_MAX_ASKERS 32u

struct reload;

/* `began`: the settings that the daemon began with, for what needs a restart. `take` gives the new ones, and who takes them owns
 * them; the knowledge is swapped already. Both live as long as the reload. */
struct reload_options {
    struct daemon *d;
    const struct settings *began;
    void (*take)(struct daemon *d, struct settings *s);
};

NODISCARD enum status reload_new(const struct reload_options *o, struct reload **out, err *e);
void reload_free(struct reload **r);
/* As daemon_reload. */
NODISCARD enum status reload_begin(struct reload *r, daemon_reload_fn done, void *ctx);
bool reload_idle(const struct reload *r);

#endif
