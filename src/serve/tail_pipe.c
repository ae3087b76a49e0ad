#include "serve/tail_pipe.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

bool tail_pipe_is(const char *path)
{
    struct stat st;
    return stat(path, &st) == 0 && S_ISFIFO(st.st_mode);
}

void tail_pipe_init(struct tail_pipe *p)
{
    *p = (struct tail_pipe){.fd = -1};
    buf_init(&p->held, 0);
}

static void leave(struct tail_pipe *p)
{
    if (p->fd >= 0)
        close(p->fd);
    p->fd = -1;
}

void tail_pipe_fini(struct tail_pipe *p)
{
    leave(p);
    buf_fini(&p->held);
}

void tail_pipe_committed(struct tail_pipe *p)
{
    buf_consume(&p->held, p->taken);
    p->taken = 0;
}

/* ---- bytes ---- */

static bool is_at(const struct tail_pipe *p, const char *path)
{
    struct stat here, there;
    return fstat(p->fd, &here) == 0 && stat(path, &there) == 0 && here.st_dev == there.st_dev &&
           here.st_ino == there.st_ino;
}

/* The beginning of a line behind the last line end. */
static size_t open_line_bytes(const buf *held)
{
    const char *end = held->n ? memrchr(held->p, '\n', held->n) : NULL;
    return end ? held->n - (size_t)(end - held->p) - 1 : held->n;
}

/* Of `fresh` bytes at the end of what is held, throws away the rest of a line that was too long. */
static void skip_cut(struct tail_pipe *p, size_t fresh)
{
    char *from = p->held.p + p->held.n - fresh;
    const char *end = memchr(from, '\n', fresh);
    size_t rest = end ? fresh - (size_t)(end - from) - 1 : 0;
    if (end)
        memmove(from, end + 1, rest);
    p->held.n -= fresh - rest;
    p->cut = !end;
}

static enum status open_pipe(struct tail_pipe *p, const char *path, err *e)
{
    struct stat st;
    if (p->fd >= 0)
        return OK;
    /* with a writing end of our own it never ends, whoever closes his */
    p->fd = open(path, O_RDWR | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
    if (p->fd < 0 || fstat(p->fd, &st) != 0)
        return err_os(e, errno, "%s: open for reading and writing", path);
    p->held.n -= open_line_bytes(&p->held); /* of the pipe before */
    p->cut = false;
    if (S_ISFIFO(st.st_mode))
        return OK;
    leave(p);
    return err_set(e, E_INVALID, "%s: it was a named pipe and is none now", path);
}

static void cut_line(struct tail_batch *b, struct tail_pipe *p, const char *path)
{
    (void)err_set(&b->trouble, E_INVALID, "%s: a line over %u bytes was dropped", path, READ_MAX_LINE_BYTES);
    p->held.n -= open_line_bytes(&p->held);
    p->cut = true;
}

static void took(struct tail_batch *b, struct tail_pipe *p, const char *path, size_t n)
{
    p->held.n += n;
    if (p->cut)
        skip_cut(p, n);
    if (open_line_bytes(&p->held) > READ_MAX_LINE_BYTES)
        cut_line(b, p, path);
}

/* Until the pipe is empty or there is enough; *empty says which. */
static enum status fill(struct tail_batch *b, struct tail_pipe *p, const char *path, bool *empty, err *e)
{
    *empty = false;
    for (size_t got = 0; got < TAIL_BATCH_BYTES && p->held.n < TAIL_BATCH_BYTES;) {
        if (!buf_reserve(&p->held, READ_BLOCK_BYTES))
            return err_set(e, E_MEMORY, "%s: out of memory", path);
        ssize_t n = read(p->fd, p->held.p + p->held.n, READ_BLOCK_BYTES);
        *empty = n == 0 || (n < 0 && errno == EAGAIN);
        if (*empty)
            return OK;
        if (n < 0 && errno != EINTR)
            return err_os(e, errno, "%s: read", path);
        if (n > 0) {
            took(b, p, path, (size_t)n);
            got += (size_t)n;
        }
    }
    return OK;
}

/* ---- lines ---- */

static enum status take_lines(struct tail_batch *b, struct tail_pipe *p, struct maillog *logs, slice *names, err *e)
{
    slice rest = slice_from(buf_slice(&p->held), p->taken), line;
    while (!tail_batch_full(b)) {
        size_t end = slice_chr(rest, '\n');
        if (end == SLICE_NPOS)
            return OK;
        line = slice_sub(rest, 0, end);
        rest = slice_from(rest, end + 1);
        p->taken += end + 1;
        b->bytes += end + 1;
        if (log_names_columns(line))
            *names = line;
        if (!maillog_line(logs, line, &b->a, &b->list))
            return err_set(e, E_MEMORY, "log: out of memory");
    }
    b->more = true;
    return OK;
}

static enum status take(struct tail_batch *b, struct tail_pipe *p, const struct tail_source *s, struct maillog *logs,
                        struct worker *w, err *e)
{
    slice name = arena_printf(w->a, "pipe:%.*s", SLICE_FMT(s->feed));
    slice known = tail_batch_known(w, name, w->a), names = known;
    maillog_file(logs, s->feed, SLICE_EMPTY, w->now_us);
    if (known.n && !maillog_line(logs, known, &b->a, &b->list))
        return err_set(e, E_MEMORY, "log: out of memory");
    enum status st = take_lines(b, p, logs, &names, e);
    if (st == OK && !slice_eq(names, known))
        st = tail_batch_place(b, name, names, e);
    return st == OK ? tail_batch_end(b, s, logs, w, e) : st;
}

void tail_pipe_read(struct tail_batch *b, struct tail_pipe *p, const struct tail_source *s, struct maillog *logs,
                    struct worker *w)
{
    bool empty = false;
    p->taken = 0;
    b->status = open_pipe(p, s->path, &b->error);
    if (b->status == OK)
        b->status = fill(b, p, s->path, &empty, &b->error);
    if (b->status == OK)
        b->status = take(b, p, s, logs, w, &b->error);
    if (b->status != OK)
        return;
    b->more |= !empty;
    if (empty && !b->more && !is_at(p, s->path)) {
        leave(p);
        b->more = true;
    }
}
