/* What the daemon does, as a table of roles: each listens, tails or sends, and knows nothing of the others.
 *
 * The way of a role: `open` while the process may still be root (sockets, files), `start` on the loop when privileges are dropped and
 * the ledger is open, `drain` when the daemon is asked to end (take nothing new, finish what was begun; idle says when), `close`.
 * A role whose section is not in the settings is not opened. Several instances of one role: one per section ("[feed NAME]"). After an
 * error of open or start, close is called with what *self is by then.
 */
#ifndef SERVE_ROLE_H
#define SERVE_ROLE_H

#include "base/buf.h"
#include "base/err.h"
#include "base/json.h"
#include "serve/daemon.h"

struct role {
    const char *name;    /* "socketmap" */
    const char *section; /* of the settings: kind of section that makes an instance */
    NODISCARD enum status (*open)(struct daemon *d, const struct section *section, void **self, err *e);
    NODISCARD enum status (*start)(void *self, err *e);
    void (*drain)(void *self); /* may be NULL, as idle: nothing is ever under way */
    bool (*idle)(const void *self);
    void (*close)(void **self);
    /* Another settings file is in force (daemon.settings): take the LIVE values of the section, which may be gone (NULL). May be NULL. */
    void (*reload)(void *self, const struct section *section);
    /* Members of this role's object in `bounced status` and GET /v1/feeds. May be NULL. */
    void (*status)(const void *self, struct jsonw *w);
    /* Lines of Prometheus text. May be NULL. */
    void (*metrics)(const void *self, buf *out);
};

#endif
