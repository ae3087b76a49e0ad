/* Hearing of changes in a directory (inotify), on the loop thread. What has changed is for the listener to find out: calls may come
 * too often, and on file systems that tell nothing (NFS) none come, so whoever listens looks by a clock too.
 */
#ifndef SERVE_WATCH_H
#define SERVE_WATCH_H

#include "base/err.h"

struct event_base;
struct watch;

/* `path` is a directory, or a file (or a pattern of files) whose directory is watched; then only names that begin as it does count.
 * A directory that is not there yet, or no more, is looked for at each watch_again. */
NODISCARD enum status watch_new(struct event_base *base, const char *path, void (*changed)(void *ctx), void *ctx,
                                struct watch **out, err *e);
/* Sees to it that the right directory is being watched. Cheap. */
void watch_again(struct watch *w);
void watch_free(struct watch **w);

#endif
