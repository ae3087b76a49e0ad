/* A Maildir: which mails are in it, and marking them as read. tmp/ is never looked at.
 */
#ifndef CORE_READ_MAILDIR_H
#define CORE_READ_MAILDIR_H

#include "base/arena.h"
#include "base/err.h"

/* Has new/ and cur/. */
bool maildir_is(const char *path);
/* Has been seen: ":2," with S among the flags. */
bool maildir_seen(slice name);
/* Where a mail file belongs once it has been read: "<dir>/new/x" to "<dir>/cur/x:2,S", flags kept and in order; empty when it is
 * there already. */
slice maildir_read_path(arena *a, slice path);
/* Renames it so. A mail that somebody else has moved meanwhile is no error. */
NODISCARD enum status maildir_mark(arena *a, slice path, err *e);
/* Where a mail that has gone from `path` is now, when another program moved it to cur/ or changed its flags; empty: nowhere. */
slice maildir_find_moved(arena *a, slice path);

#endif
