/* What every role is given: the loop, the settings, the workers, the one writer, the table, the log. Fields are set before the first
 * role is opened and stay until the last one is closed. A reload swaps `settings` for what is LIVE in them; those that the daemon
 * began with live as long as the roles, which may keep pointers to the sections that they were opened with.
 */
#ifndef SERVE_DAEMON_H
#define SERVE_DAEMON_H

#include "serve/knowledge.h"
#include "serve/log.h"
#include "serve/post.h"
#include "serve/settings.h"
#include "serve/workers.h"
#include "serve/writer.h"

struct event_base;

struct daemon {
    struct event_base *base;
    const struct settings *settings;
    struct log *log;
    struct post *post;
    struct knowledge_box *knowledge;
    struct workers *workers;
    struct writer *writer;
    const struct table *table;
    bool draining;
};

/* Wall clock of the loop's present turn, microseconds UTC. */
int64_t daemon_now(const struct daemon *d);

#endif
