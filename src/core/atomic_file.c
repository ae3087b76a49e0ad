#include "core/atomic_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

enum status atomic_write(int fd, const char *path, slice bytes, err *e)
{
    while (bytes.n) {
        ssize_t n = write(fd, bytes.p, bytes.n);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return err_os(e, errno, "%s: write", path);
        bytes = slice_from(bytes, (size_t)n);
    }
    return OK;
}

/* The length of the directory part with its slash. */
static size_t directory_bytes(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash ? (size_t)(slash - path) + 1 : 0;
}

enum status atomic_open(struct atomic_file *f, const char *path, err *e)
{
    size_t dir = directory_bytes(path);
    int n = snprintf(f->path, sizeof(f->path), "%s", path);
    int m = snprintf(f->beside, sizeof(f->beside), "%.*s.%s.new-%ld", (int)dir, path, path + dir, (long)getpid());
    f->fd = -1;
    if (n < 0 || m < 0 || (size_t)n >= sizeof(f->path) || (size_t)m >= sizeof(f->beside))
        return err_set(e, E_INVALID, "%.100s...: the name is too long", path);
    struct stat st;
    bool replaces = stat(path, &st) == 0;
    if (replaces && !S_ISREG(st.st_mode))
        return err_set(e, E_INVALID, "%s: is no regular file; write to standard output instead", path);
    (void)unlink(f->beside); /* of a process of our number that crashed */
    f->fd = open(f->beside, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0644);
    if (f->fd < 0)
        return err_os(e, errno, "%s: no file can be made in %.*s", path, dir ? (int)dir : 1, dir ? path : ".");
    if (replaces && fchmod(f->fd, st.st_mode & 07777) != 0) {
        enum status got = err_os(e, errno, "%s: set the mode", f->beside);
        atomic_abort(f);
        return got;
    }
    return OK;
}

void atomic_abort(struct atomic_file *f)
{
    if (f->fd < 0)
        return;
    (void)close(f->fd);
    (void)unlink(f->beside);
    f->fd = -1;
}

static enum status sync_directory(const char *path, err *e)
{
    char dir[ATOMIC_PATH_MAX];
    size_t n = directory_bytes(path);
    snprintf(dir, sizeof(dir), "%.*s", n ? (int)n : 1, n ? path : ".");
    int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return err_os(e, errno, "%s: open", dir);
    int failed = fsync(fd) != 0 ? errno : 0;
    (void)close(fd);
    return failed && failed != EINVAL ? err_os(e, failed, "%s: sync", dir) : OK;
}

enum status atomic_commit(struct atomic_file *f, err *e)
{
    enum status st = OK;
    if (fsync(f->fd) != 0)
        st = err_os(e, errno, "%s: sync", f->beside);
    int closed = close(f->fd);
    f->fd = -1;
    if (st == OK && closed != 0)
        st = err_os(e, errno, "%s: close", f->beside);
    if (st == OK && rename(f->beside, f->path) != 0)
        st = err_os(e, errno, "%s: rename", f->path);
    if (st != OK) {
        (void)unlink(f->beside);
        return st;
    }
    return sync_directory(f->path, e);
}
