/* Mails out of an mbox, streamed: memory holds one mail at most, and never more than its cap.
 *
 * A mail begins behind a line "From sender date" at the start of the file or behind an empty line; the date must be there, or a
 * sentence beginning with "From" would cut a mail in two. The empty line before the next one belongs to the mbox. Undoing ">From "
 * is left to the parser of the mail.
 */
#ifndef CORE_READ_MBOX_H
#define CORE_READ_MBOX_H

#include "base/buf.h"
#include "core/read_file.h"

struct mbox {
    struct read_file *file;
    size_t max_bytes; /* of one mail */
    buf window;
    size_t begin;       /* what stands before it in the window is done with */
    uint64_t window_at; /* offset of window.p[begin] in the file */
    size_t next;        /* where the next "From " line stands behind begin */
    bool end;           /* the file has no more */
    bool skipping;      /* inside of the rest of a cut mail */
};

struct mbox_mail {
    slice bytes; /* valid until the next call */
    uint64_t offset;
    bool truncated;
};

void mbox_init(struct mbox *m, struct read_file *file, size_t max_bytes);
void mbox_fini(struct mbox *m); /* the file is the caller's */
/* A mail: 1, the end: 0, an error: -1 (the reading is over then). */
NODISCARD int mbox_next(struct mbox *m, struct mbox_mail *out, err *e);
/* Whether the text begins with a line "From sender date". */
bool mbox_from_line(slice text);

#endif
