/* A file that is there whole or not at all: written beside, synced, renamed, and its directory synced. A reader sees the old
 * content or the new one; a crash leaves at most a file named ".NAME.new-PID" behind.
 */
#ifndef CORE_ATOMIC_FILE_H
#define CORE_ATOMIC_FILE_H

#include "base/err.h"

#define ATOMIC_PATH_MAX 4096u

struct atomic_file {
    int fd;                       /* write here */
    char path[ATOMIC_PATH_MAX];   /* what it will be */
    char beside[ATOMIC_PATH_MAX]; /* what it is */
};

/* Opens the file beside; the mode is that of the file that it will replace, else 0644 less the umask. */
NODISCARD enum status atomic_open(struct atomic_file *f, const char *path, err *e);
/* Syncs and renames. Whatever it returns, the file is closed and nothing is left beside. */
NODISCARD enum status atomic_commit(struct atomic_file *f, err *e);
void atomic_abort(struct atomic_file *f);
/* Writes all of it, through interrupts and short writes. */
NODISCARD enum status atomic_write(int fd, const char *path, slice bytes, err *e);

#endif
