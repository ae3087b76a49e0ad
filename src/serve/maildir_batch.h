/* Some mails of a Maildir that nobody has read yet, in memory; and marking them when what they told is durable. On a worker.
 *
 * Mails are regular files in new/, and in cur/ those without the flag S. Links, FIFOs and devices are left alone. A mail that another
 * program moves or deletes meanwhile is nobody's error.
 */
#ifndef SERVE_MAILDIR_BATCH_H
#define SERVE_MAILDIR_BATCH_H

#include "base/arena.h"
#include "base/err.h"

#define MAILDIR_BATCH_MAILS 200u
#define MAILDIR_BATCH_BYTES (64u * 1024 * 1024) /* of all of them; one mail may be larger by itself */

struct maildir_mail {
    slice path, bytes;
    bool good; /* durable: mark it. Set by the caller */
};

struct maildir_batch {
    arena a;
    struct maildir_mail mails[MAILDIR_BATCH_MAILS];
    size_t n, bytes;
    bool more; /* there are more */
};

/* `with_cur`: look at cur/ too. E_IO and E_ACCESS name what could not be read; a mail that cannot be is left out, and told by
 * `*trouble` (its text is empty when there was none). */
NODISCARD enum status maildir_batch_read(struct maildir_batch *b, slice maildir, bool with_cur, err *trouble, err *e);
/* Marks the good ones as seen (moves them to cur/), or deletes them. */
NODISCARD enum status maildir_batch_mark(struct maildir_batch *b, bool delete, err *e);
void maildir_batch_fini(struct maildir_batch *b);

#endif
