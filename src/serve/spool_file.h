/* One file of a spool directory: the oldest by name that is whole, read at once, and taken in batches of events. On a worker.
 *
 * A file is whole when its name begins with no dot: writers make it under a name with a dot, or elsewhere on the same file system,
 * and rename it. What it holds is told in docs/events.md. When all of it is durable the file is removed; one with events that were
 * refused, or that is too large or no regular file's content, goes to bad/ below the directory for a person.
 */
#ifndef SERVE_SPOOL_FILE_H
#define SERVE_SPOOL_FILE_H

#include "feed/feed.h"
#include "serve/workers.h"

#define SPOOL_MAX_FILE_BYTES (64u * 1024 * 1024)
#define SPOOL_BATCH_EVENTS 2000u

struct spool_file {
    arena a;    /* of the name and the content */
    slice path; /* empty: no file is open */
    slice rest; /* of the content, not taken yet */
    bool whole; /* an array or one object: taken at once */
    size_t events, bad;
    char why[256]; /* of the first that was refused */
};

struct spool_batch {
    arena a;
    struct feed_list list;
    const struct knowledge *knowledge; /* held: whose rules judged */
};

/* Opens the next file. E_NOT_FOUND: there is none. One that cannot be taken at all goes to bad/, is told by *e (E_INVALID), and the
 * next call finds the one behind it. */
NODISCARD enum status spool_file_next(struct spool_file *f, slice directory, int64_t now_us, err *e);
/* The next batch, judged. *b is empty and OK at the end of the file. */
NODISCARD enum status spool_file_take(struct spool_file *f, slice tenant, slice feed, enum trust trust,
                                      struct worker *w, struct spool_batch *b, err *e);
/* All of it is durable. */
NODISCARD enum status spool_file_done(struct spool_file *f, slice directory, int64_t now_us, err *e);
/* Forgets it: it is read again from its start. */
void spool_file_close(struct spool_file *f);
void spool_batch_fini(struct spool_batch *b);

#endif
