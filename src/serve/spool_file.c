#include "serve/spool_file.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/text.h"
#include "core/intake.h"
#include "feed/events.h"

/* ---- finding and reading ---- */

/* The first name in the order of bytes, into the arena; empty: none. */
static enum status first_name(slice directory, arena *a, slice *out, err *e)
{
    slice path = arena_dup(a, directory);
    DIR *d = slice_empty(path) ? NULL : opendir(path.p);
    char best[NAME_MAX + 1] = "";
    if (!d)
        return err_os(e, errno, "%.*s: open", SLICE_FMT(directory));
    for (struct dirent *entry; (entry = readdir(d)) != NULL;)
        if (entry->d_name[0] != '.' && entry->d_type != DT_DIR && (!best[0] || strcmp(entry->d_name, best) < 0))
            snprintf(best, sizeof(best), "%s", entry->d_name);
    (void)closedir(d); /* only read */
    *out = arena_dup(a, slice_str(best));
    return OK;
}

/* Out of the way, under a name that no other file has. */
static enum status put_away(const struct spool_file *f, slice directory, int64_t now_us, err *e)
{
    char bad[4096], to[4096];
    int n = snprintf(bad, sizeof(bad), "%.*s/bad", SLICE_FMT(directory));
    int m = snprintf(to, sizeof(to), "%s/%016llx-%.*s", bad, (unsigned long long)now_us,
                     SLICE_FMT(slice_from(f->path, directory.n + 1)));
    if (n < 0 || m < 0 || (size_t)m >= sizeof(to))
        return err_set(e, E_UNSUPPORTED, "%.*s: the name is too long", SLICE_FMT(f->path));
    if (mkdir(bad, 0700) != 0 && errno != EEXIST)
        return err_os(e, errno, "%s: cannot be made", bad);
    return rename(f->path.p, to) == 0 || errno == ENOENT ? OK : err_os(e, errno, "%s: move to bad/", f->path.p);
}

static enum status read_all(struct spool_file *f, int fd, size_t size, err *e)
{
    char *p = arena_alloc(&f->a, size ? size : 1);
    size_t n = 0;
    ssize_t got = 1;
    if (!p)
        return err_set(e, E_MEMORY, "%s: no memory", f->path.p);
    while (n < size && got != 0) {
        got = read(fd, p + n, size - n);
        if (got < 0 && errno != EINTR)
            return err_os(e, errno, "%s: read", f->path.p);
        n += got > 0 ? (size_t)got : 0;
    }
    f->rest = slice_of(p, n);
    return OK;
}

/* E_INVALID: it can never be taken. */
static enum status read_file(struct spool_file *f, err *e)
{
    struct stat st;
    int fd = open(f->path.p, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    if (fd < 0 && (errno == ELOOP || errno == EACCES))
        return err_set(e, E_INVALID, "%s: is a link, or may not be read", f->path.p);
    if (fd < 0)
        return err_os(e, errno, "%s: open", f->path.p);
    enum status result;
    if (fstat(fd, &st) != 0)
        result = err_os(e, errno, "%s: stat", f->path.p);
    else if (!S_ISREG(st.st_mode))
        result = err_set(e, E_INVALID, "%s: is no file", f->path.p);
    else if (st.st_size > (off_t)SPOOL_MAX_FILE_BYTES)
        result = err_set(e, E_INVALID, "%s: is larger than %u MB; write smaller ones", f->path.p,
                         SPOOL_MAX_FILE_BYTES / 1024 / 1024);
    else
        result = read_all(f, fd, (size_t)st.st_size, e);
    (void)close(fd); /* only read */
    return result;
}

/* An array, {"events": [...]}, or one object over several lines; all else is lines. */
static bool is_whole(slice content)
{
    slice line;
    content = slice_ltrim(content);
    if (slice_starts(content, S("[")))
        return true;
    if (!slice_starts(content, S("{")) || !slice_line(&content, &line))
        return false;
    line = slice_rtrim(line);
    return line.p[line.n - 1] != '}' || slice_starts(line, S("{\"events\""));
}

enum status spool_file_next(struct spool_file *f, slice directory, int64_t now_us, err *e)
{
    err moved;
    slice name;
    *f = (struct spool_file){.path = SLICE_EMPTY, .rest = SLICE_EMPTY};
    arena_init(&f->a, 0);
    enum status st = first_name(directory, &f->a, &name, e);
    if (st == OK && slice_empty(name))
        st = E_NOT_FOUND;
    if (st == OK) {
        f->path = arena_printf(&f->a, "%.*s/%.*s", SLICE_FMT(directory), SLICE_FMT(name));
        st = slice_empty(f->path) ? err_set(e, E_MEMORY, "%.*s: no memory", SLICE_FMT(directory)) : read_file(f, e);
    }
    if (st == E_INVALID && put_away(f, directory, now_us, &moved) != OK) {
        *e = moved;
        st = moved.status;
    }
    if (st == OK)
        f->whole = is_whole(f->rest);
    else
        spool_file_close(f);
    return st;
}

void spool_file_close(struct spool_file *f)
{
    arena_fini(&f->a);
    f->path = f->rest = SLICE_EMPTY;
}

enum status spool_file_done(struct spool_file *f, slice directory, int64_t now_us, err *e)
{
    enum status st = OK;
    if (f->bad)
        st = put_away(f, directory, now_us, e);
    else if (unlink(f->path.p) != 0 && errno != ENOENT)
        st = err_os(e, errno, "%s: delete", f->path.p);
    spool_file_close(f);
    return st;
}

/* ---- taking ---- */

static slice next_body(struct spool_file *f)
{
    slice body = f->rest;
    if (f->whole)
        f->rest = SLICE_EMPTY;
    else if (!slice_line(&f->rest, &body))
        return SLICE_EMPTY;
    return slice_trim(body);
}

static void note_bad(struct spool_file *f, const struct events_result *r)
{
    if (!r->bad_count)
        return;
    if (!f->bad && r->bad_told) {
        buf b;
        buf_init(&b, sizeof(f->why) - 1);
        buf_printf(&b, "event %zu: %s: ", f->events + r->bad[0].item + 1, r->bad[0].why);
        text_add_safe(&b, r->bad[0].what, 64);
        snprintf(f->why, sizeof(f->why), "%.*s", SLICE_FMT(buf_slice(&b)));
        buf_fini(&b);
    }
    f->bad += r->bad_count;
}

static bool take_body(struct spool_file *f, const struct events_options *o, struct spool_batch *b)
{
    struct events_result r;
    slice body = next_body(f);
    if (slice_empty(body))
        return true;
    bool read = events_read(body, o, &b->a, &b->list, &r);
    note_bad(f, &r);
    f->events += r.items;
    return read;
}

enum status spool_file_take(struct spool_file *f, slice tenant, slice feed, enum trust trust, struct worker *w,
                            struct spool_batch *b, err *e)
{
    const struct events_options o = {.tenant = tenant, .feed = feed, .trust = trust};
    enum status st = OK;
    *b = (struct spool_batch){.knowledge = knowledge_keep(w->knowledge)};
    arena_init(&b->a, 0);
    while (b->list.n < SPOOL_BATCH_EVENTS && f->rest.n && st == OK)
        if (!take_body(f, &o, b))
            st = err_set(e, E_MEMORY, "%s: no memory for its events", f->path.p);
    for (size_t i = 0; i < b->list.n && st == OK; i++)
        st = intake_judge(w->knowledge->rules, &b->list.items[i], &b->a, e);
    return st;
}

void spool_batch_fini(struct spool_batch *b)
{
    if (b->knowledge)
        knowledge_release(&b->knowledge);
    arena_fini(&b->a);
}
