/* Paths given, and everything below those that are directories, one file after the other: sorted by name, hidden entries left out,
 * symbolic links to directories not followed below the paths given (so there are no loops). Memory holds one directory per level.
 */
#ifndef CORE_READ_WALK_H
#define CORE_READ_WALK_H

#include "core/read.h"

struct walk;

struct walk_file {
    slice path;      /* NUL behind it; valid until the next call */
    bool in_maildir; /* a mail of a Maildir */
};

/* NULL when memory is refused. The paths must live as long. */
struct walk *walk_new(const char *const *paths, size_t n, bool unread_only);
void walk_free(struct walk **w);
/* A file: 1, the end: 0, a path that cannot be looked at: -1, go on. */
NODISCARD int walk_next(struct walk *w, struct walk_file *out, err *e);

#endif
