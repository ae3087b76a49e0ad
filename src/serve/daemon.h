/* What every role is given: the loop, the settings, the workers, the one writer, the table, the log. Fields are set before the first
 * role is opened and stay until the last one is closed, but for `writer`, `workers` and `table`, which are there from `start` on. A
 * reload swaps `settings` for what is LIVE in them; those that the daemon began with live as long as the roles, which may keep
 * pointers to the sections that they were opened with.
 *
 * All of this is for the loop thread; what other threads may call says so in its own header.
 */
#ifndef SERVE_DAEMON_H
#define SERVE_DAEMON_H

#include "serve/knowledge.h"
#include "serve/log.h"
#include "serve/metrics.h"
#include "serve/post.h"
#include "serve/settings.h"
#include "serve/workers.h"
#include "serve/writer.h"

struct event_base;
struct hook;
struct runner;

struct daemon {
    struct event_base *base;
    const struct settings *settings;
    struct log *log;
    struct post *post;
    struct knowledge_box *knowledge;
    struct workers *workers;
    struct writer *writer;
    const struct table *table;
    struct pauses *pauses;
    struct hook *hooks; /* of the sections [webhook-in NAME] (hook.h) */
    struct metrics *metrics;
    struct runner *runner; /* of the sections [notify NAME] (runner.h); NULL: none */
    bool draining;
};

/* Wall clock of the loop's present turn, microseconds UTC. */
int64_t daemon_now(const struct daemon *d);
/* The object of `bounced status`, in one line. */
void daemon_status(struct daemon *d, buf *out);
/* Prometheus text (exposition format 0.0.4): the daemon's own numbers and those of all roles. */
void daemon_metrics(struct daemon *d, buf *out);
/* Reads the settings file and the rules again, beside what is in force, and takes them when all is well. `done` is called on the
 * loop: whether they were taken, and what there is to tell, one line each. While one is under way, another one follows it. E_BUSY: the
 * daemon has too much to do, or is ending; done is not called. */
typedef void (*daemon_reload_fn)(void *ctx, bool taken, slice lines);
NODISCARD enum status daemon_reload(struct daemon *d, daemon_reload_fn done, void *ctx);

#endif
