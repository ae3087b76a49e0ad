/* A file that only one process at a time can hold: locked as long as that process lives, however it ends, with its id in it.
 */
#ifndef SERVE_LOCKFILE_H
#define SERVE_LOCKFILE_H

#include "base/err.h"

#define LOCKFILE_MAX_PATH 4096u

struct lockfile {
    int fd; /* -1: none */
    char path[LOCKFILE_MAX_PATH];
};

/* Makes the file where it is not there, and locks it. E_BUSY, with the id of who has it, when another process does. The process id
 * is written by lockfile_write: whoever forks or changes user between may do so. */
NODISCARD enum status lockfile_open(struct lockfile *l, slice path, err *e);
NODISCARD enum status lockfile_write(struct lockfile *l, err *e);
/* Lets go. `remove`: the file too (a directory that we may not write keeps it, empty). */
void lockfile_close(struct lockfile *l, bool remove);

#endif
