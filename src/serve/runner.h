/* A helper process that starts programs and sends mail for the daemon, which itself may do neither: the system calls for it are refused
 * (sandbox.h). It is forked before the daemon locks itself down and drops its privileges, drops them itself, and knows from then on only
 * what the settings said at the start: a daemon that was taken over can send a message through a channel, not choose a program.
 *
 * Errands are done one after the other. When the helper is gone, errands fail until the daemon is started again.
 */
#ifndef SERVE_RUNNER_H
#define SERVE_RUNNER_H

#include "serve/become.h"
#include "serve/deliver.h"

struct event_base;
struct runner;

/* Forks it, where the settings have a section [notify NAME]; else *out is NULL. Before there are threads or locks. */
NODISCARD enum status runner_start(const struct settings *s, const struct identity *id, struct runner **out, err *e);
/* The loop is there: answers come on it from now on. */
NODISCARD enum status runner_attach(struct runner *r, struct event_base *base, err *e);
/* What comes back: OK, or why not. Never from inside runner_send. */
typedef void (*runner_fn)(void *ctx, enum status st, slice why);
/* Takes a copy. `name` is that of the section. E_NOT_FOUND: there was none of that name at the start. */
NODISCARD enum status runner_send(struct runner *r, slice name, slice message, runner_fn done, void *ctx, err *e);
/* Answers to this one do not come any more. */
void runner_forget(struct runner *r, const void *ctx);
void runner_free(struct runner **r);

#endif
