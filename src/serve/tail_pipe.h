/* A named pipe as the source of a feed: what programs write into it, line by line. Read on a worker.
 *
 * The pipe is opened for reading and writing, so that it stays what it is while writers come and go. What was read is held until it is
 * durable and made into a batch again after a failure. It has no position: what the kernel holds when the daemon ends is there at its
 * next start only while a writer keeps the pipe open, and a line of which only the beginning was read is lost (docs/feeds.md). What
 * the ledger does keep, under the name pipe:FEED, is the last line that named columns (feed/log.h).
 */
#ifndef SERVE_TAIL_PIPE_H
#define SERVE_TAIL_PIPE_H

#include "serve/tail_batch.h"

struct tail_pipe {
    int fd;   /* -1: not open */
    buf held; /* read: `taken` bytes that a batch was made of, then lines for the next one and the beginning of a line */
    size_t taken; /* whole lines, not durable yet */
    bool cut;     /* what comes next is the rest of a line that was too long */
};

/* True when the path leads to a named pipe now. */
bool tail_pipe_is(const char *path);

void tail_pipe_init(struct tail_pipe *p);
void tail_pipe_fini(struct tail_pipe *p);
/* Takes what is there, without waiting. When the path leads to another pipe by now, the old one is read to its end and left. */
void tail_pipe_read(struct tail_batch *b, struct tail_pipe *p, const struct tail_source *s, struct maillog *logs,
                    struct worker *w);
/* The last batch is durable: forgets its lines. Where that is not called, the next batch begins with them again. */
void tail_pipe_committed(struct tail_pipe *p);

#endif
