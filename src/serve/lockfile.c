#include "serve/lockfile.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

static enum status held(const struct lockfile *l, err *e)
{
    char text[32];
    ssize_t n = pread(l->fd, text, sizeof text, 0);
    slice pid = slice_trim(slice_of(text, n > 0 ? (size_t)n : 0));
    return err_set(e, E_BUSY, "%s: held by process %.*s", l->path, SLICE_FMT(slice_empty(pid) ? S("(unknown)") : pid));
}

/* The one before us may have removed the file between our open and our lock: then ours has no name any more. */
static bool still_there(const struct lockfile *l)
{
    struct stat open_one, named;
    return fstat(l->fd, &open_one) == 0 && stat(l->path, &named) == 0 && open_one.st_ino == named.st_ino &&
           open_one.st_dev == named.st_dev;
}

static enum status try_lock(struct lockfile *l, err *e)
{
    l->fd = open(l->path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOCTTY | O_NOFOLLOW, 0644);
    if (l->fd < 0)
        return err_os(e, errno, "%s: cannot be opened", l->path);
    if (flock(l->fd, LOCK_EX | LOCK_NB) == 0)
        return OK;
    enum status st = errno == EWOULDBLOCK ? held(l, e) : err_os(e, errno, "%s: cannot be locked", l->path);
    lockfile_close(l, false);
    return st;
}

enum status lockfile_open(struct lockfile *l, slice path, err *e)
{
    l->fd = -1;
    if (path.n >= sizeof l->path)
        return err_set(e, E_INVALID, "%.64s...: a longer path than %u bytes", path.p, LOCKFILE_MAX_PATH);
    snprintf(l->path, sizeof l->path, "%.*s", SLICE_FMT(path));
    enum status st = try_lock(l, e);
    while (st == OK && !still_there(l)) {
        lockfile_close(l, false);
        st = try_lock(l, e);
    }
    return st;
}

enum status lockfile_write(struct lockfile *l, err *e)
{
    char text[32];
    int n = snprintf(text, sizeof text, "%ld\n", (long)getpid());
    if (ftruncate(l->fd, 0) != 0 || pwrite(l->fd, text, (size_t)n, 0) != n)
        return err_os(e, errno, "%s: cannot be written", l->path);
    return OK;
}

void lockfile_close(struct lockfile *l, bool remove)
{
    if (l->fd < 0)
        return;
    if (remove && unlink(l->path) != 0 && ftruncate(l->fd, 0) != 0)
        remove = false; /* a stale id stays in a file that nobody holds: lockfile_open does not read it */
    close(l->fd);       /* what was written matters to people only */
    l->fd = -1;
}
