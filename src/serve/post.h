/* Messages to the loop thread: how workers and the writer give back what they have done.
 *
 * post_send may be called by any thread; `run` is called on the loop thread, in the order of sending. The note is its sender's
 * memory, usually the first member of the thing that is given back.
 */
#ifndef SERVE_POST_H
#define SERVE_POST_H

#include "base/err.h"

struct event_base;
struct post;

struct note {
    struct note *next;
    void (*run)(struct note *n);
};

NODISCARD enum status post_new(struct event_base *base, struct post **out, err *e);
void post_send(struct post *p, struct note *n);
/* Runs what is waiting; the loop does so by itself. For the end, when the loop stands still. */
void post_run(struct post *p);
void post_free(struct post **p);

#endif
