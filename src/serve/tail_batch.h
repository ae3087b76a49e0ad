/* What one look at a log gives: whole lines made into observations, the place behind them, and what the dialect must remember. Made on
 * a worker, written by the writer, forgotten when that is done.
 */
#ifndef SERVE_TAIL_BATCH_H
#define SERVE_TAIL_BATCH_H

#include "core/read.h"
#include "feed/log.h"
#include "serve/tail_paths.h"
#include "serve/workers.h"

#define TAIL_BATCH_OBSERVATIONS 2000u
#define TAIL_BATCH_BYTES (4u * 1024 * 1024) /* of lines */

struct tail_row {
    slice key, value;
};

struct tail_batch {
    arena a;
    struct feed_list list;
    struct ledger_feed *feeds;
    size_t feed_count, feed_room;
    struct tail_row *rows; /* of the dialect's memory */
    size_t row_count, row_room;
    const struct knowledge *knowledge; /* held: whose rules judged */
    uint64_t bytes;
    bool more;     /* there is more to read at once */
    bool replaced; /* a file holds something else than what was read of it: it was truncated */
    enum status status;
    err error;   /* why it failed; nothing of it counts then */
    err trouble; /* a file that could not be read; the others count. text empty: none */
};

struct tail_source {
    const char *path;
    enum read_form form; /* READ_AUTO: find out */
    bool rotated;        /* look at the files of earlier rotations too */
    int64_t since_us;    /* that changed after this */
    slice feed;          /* observation.feed */
    slice stream;
};

void tail_batch_init(struct tail_batch *b);
void tail_batch_fini(struct tail_batch *b);
/* Fills *logs from the rows that the ledger has. */
NODISCARD enum status tail_remember(struct maillog *logs, struct ledger *l, slice memory, err *e);

/* ---- for those who fill one from another source (tail_pipe.h) ---- */

static inline bool tail_batch_full(const struct tail_batch *b)
{
    return b->list.n >= TAIL_BATCH_OBSERVATIONS || b->bytes >= TAIL_BATCH_BYTES;
}
/* What the ledger has under this name, in *a; empty: nothing. */
slice tail_batch_known(struct worker *w, slice name, arena *a);
/* `position` goes into the ledger under this name, with the batch. Both are copied. */
NODISCARD enum status tail_batch_place(struct tail_batch *b, slice name, slice position, err *e);
/* All is read: judges it, and takes from *logs what the dialects must remember. */
NODISCARD enum status tail_batch_end(struct tail_batch *b, const struct tail_source *s, struct maillog *logs,
                                     struct worker *w, err *e);

/* ---- files ---- */

/* Reads on where the ledger says, until there is nothing more or the batch is full. */
void tail_read(struct tail_batch *b, const struct tail_source *s, struct maillog *logs, struct worker *w);

#endif
