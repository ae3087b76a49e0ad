#include "core/slurp.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#define CHUNK (256 * 1024)

static enum status fill(int fd, const char *path, size_t max, buf *out, bool *cut, err *e)
{
    for (;;) {
        if (out->n >= max) {
            *cut = true;
            return OK;
        }
        size_t want = max - out->n < CHUNK ? max - out->n : CHUNK;
        if (!buf_reserve(out, want))
            return err_set(e, E_MEMORY, "%s: no memory for it", path);
        ssize_t n = read(fd, out->p + out->n, want);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return err_os(e, errno, "%s: cannot be read", path);
        if (n == 0)
            return OK;
        out->n += (size_t)n;
        out->p[out->n] = 0;
    }
}

enum status slurp(const char *path, size_t max, buf *out, bool *cut, err *e)
{
    *cut = false;
    bool is_stdin = path[0] == '-' && !path[1];
    int fd = is_stdin ? STDIN_FILENO : open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return err_os(e, errno, "%s: cannot be opened", path);
    enum status s = fill(fd, path, max, out, cut, e);
    if (!is_stdin)
        close(fd);
    return s;
}
