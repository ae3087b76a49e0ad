#include "serve/maildir_batch.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "bounce.h"
#include "core/read_maildir.h"

/* The whole content into the arena; what is longer than a mail may be is cut (BOUNCE_MAX_MESSAGE_BYTES). */
static enum status read_all(int fd, size_t size, const char *path, arena *a, slice *out, err *e)
{
    char *p = arena_alloc(a, size ? size : 1);
    size_t n = 0;
    ssize_t got = 1;
    if (!p)
        return err_set(e, E_MEMORY, "%s: no memory", path);
    while (n < size && got > 0) {
        got = read(fd, p + n, size - n);
        if (got < 0 && errno == EINTR)
            got = 1;
        else if (got < 0)
            return err_os(e, errno, "%s: read", path);
        else
            n += (size_t)got;
    }
    *out = slice_of(p, n);
    return OK;
}

/* E_NOT_FOUND: it has gone, or is no mail. */
static enum status read_mail(const char *path, arena *a, slice *out, err *e)
{
    struct stat st;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    if (fd < 0)
        return errno == ELOOP ? E_NOT_FOUND : err_os(e, errno, "%s: open", path);
    enum status result = E_NOT_FOUND;
    if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode)) {
        size_t size = st.st_size > (off_t)BOUNCE_MAX_MESSAGE_BYTES ? BOUNCE_MAX_MESSAGE_BYTES : (size_t)st.st_size;
        result = read_all(fd, size, path, a, out, e);
    }
    (void)close(fd); /* only read */
    return result;
}

static bool is_full(const struct maildir_batch *b)
{
    return b->n == MAILDIR_BATCH_MAILS || b->bytes >= MAILDIR_BATCH_BYTES;
}

static enum status add(struct maildir_batch *b, slice folder, const char *name, err *trouble, err *e)
{
    struct maildir_mail *m = &b->mails[b->n];
    *m = (struct maildir_mail){.path = arena_printf(&b->a, "%.*s/%s", SLICE_FMT(folder), name), .bytes = SLICE_EMPTY};
    if (slice_empty(m->path))
        return err_set(e, E_MEMORY, "%.*s: no memory", SLICE_FMT(folder));
    enum status st = read_mail(m->path.p, &b->a, &m->bytes, e);
    if (st == E_MEMORY)
        return st;
    if (st == OK) {
        b->n++;
        b->bytes += m->bytes.n;
    } else if (st != E_NOT_FOUND) {
        *trouble = *e;
    }
    return OK;
}

static enum status read_folder(struct maildir_batch *b, slice maildir, const char *which, err *trouble, err *e)
{
    slice folder = arena_printf(&b->a, "%.*s/%s", SLICE_FMT(maildir), which);
    DIR *d = slice_empty(folder) ? NULL : opendir(folder.p);
    if (!d)
        return err_os(e, errno, "%.*s/%s: open", SLICE_FMT(maildir), which);
    enum status st = OK;
    for (struct dirent *entry; st == OK && (entry = readdir(d)) != NULL;) {
        if (entry->d_name[0] == '.' || (which[0] == 'c' && maildir_seen(slice_str(entry->d_name))))
            continue;
        b->more = is_full(b);
        if (b->more)
            break;
        st = add(b, folder, entry->d_name, trouble, e);
    }
    (void)closedir(d); /* only read */
    return st;
}

enum status maildir_batch_read(struct maildir_batch *b, slice maildir, bool with_cur, err *trouble, err *e)
{
    arena_init(&b->a, 0);
    b->n = b->bytes = 0;
    b->more = false;
    *trouble = (err){.status = OK};
    enum status st = read_folder(b, maildir, "new", trouble, e);
    if (st == OK && with_cur && !b->more)
        st = read_folder(b, maildir, "cur", trouble, e);
    return st;
}

enum status maildir_batch_mark(struct maildir_batch *b, bool delete, err *e)
{
    enum status st = OK;
    for (size_t i = 0; i < b->n && st == OK; i++) {
        const struct maildir_mail *m = &b->mails[i];
        if (!m->good)
            continue;
        if (!delete)
            st = maildir_mark(&b->a, m->path, e);
        else if (unlink(m->path.p) != 0 && errno != ENOENT)
            st = err_os(e, errno, "%s: delete", m->path.p);
    }
    return st;
}

void maildir_batch_fini(struct maildir_batch *b)
{
    arena_fini(&b->a);
    b->n = 0;
}
