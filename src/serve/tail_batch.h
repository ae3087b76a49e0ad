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
    slice memory;        /* name of the dialect's rows in the ledger */
    slice feed;          /* observation.feed */
    slice tenant, stream;
};

void tail_batch_init(struct tail_batch *b);
void tail_batch_fini(struct tail_batch *b);
/* Fills *logs from the rows that the ledger has. */
NODISCARD enum status tail_remember(struct maillog *logs, struct ledger *l, slice memory, err *e);
/* Reads on where the ledger says, until there is nothing more or the batch is full. */
void tail_read(struct tail_batch *b, const struct tail_source *s, struct maillog *logs, struct worker *w);

#endif
