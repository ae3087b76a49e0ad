/* Which files to look at for a log that grows and is rotated.
 *
 * `path` is a file, a directory or a pattern. Beside the file itself stand what a rotation makes of it: names that begin with it and go
 * on with "." or "-" (mail.log.1, mail.log.2.gz, mail.log-20260101.xz). What they hold tells the reader what it knows of them already
 * (core/read.h), so that a file counts once under whatever name.
 */
#ifndef SERVE_TAIL_PATHS_H
#define SERVE_TAIL_PATHS_H

#include "base/arena.h"
#include "base/time.h"

struct tail_paths {
    const char **v;
    size_t n;
};

/* The files that are there, in the arena. `rotated`: those of earlier rotations too, if they changed after `since_us`. False when memory
 * was refused. */
NODISCARD bool tail_paths_find(const char *path, bool rotated, int64_t since_us, arena *a, struct tail_paths *out);

/* What a path was when it was looked at last. */
struct tail_identity {
    uint64_t device, inode;
    int64_t bytes;
    bool there;
};
/* Looks again; true when it is another file, or a shorter one: rotated by renaming or by truncating. Never true for what is no single
 * file. */
bool tail_identity_changed(struct tail_identity *id, const char *path);

#endif
