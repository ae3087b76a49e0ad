/* Whole lines (or whole entries of a journal export) out of a file, block by block.
 *
 * What has no end yet stays for the next run, unless the file is complete (compressed, standard input). Lines over
 * READ_MAX_LINE_BYTES and entries over READ_MAX_ENTRY_BYTES are dropped and counted.
 */
#ifndef CORE_READ_LINES_H
#define CORE_READ_LINES_H

#include "base/buf.h"
#include "core/read.h"
#include "core/read_file.h"

struct lines {
    struct read_file *file;
    bool journal;  /* entries instead of lines */
    bool complete; /* a last line without an end counts */
    buf window;
    size_t given;       /* of the window, by the last call */
    uint64_t offset;    /* of the window in the file */
    bool end, dropping; /* inside of a line that is too long */
    uint64_t dropped;
};

/* `offset`: where the file stands. */
void lines_init(struct lines *l, struct read_file *file, bool journal, bool complete, uint64_t offset);
void lines_fini(struct lines *l); /* the file is the caller's */
/* A block: 1 (bytes valid until the next call, *offset where it begins), the end: 0, an error: -1 (the reading is over). */
NODISCARD int lines_next(struct lines *l, slice *bytes, uint64_t *offset, err *e);

#endif
