#include "serve/aside.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/hash.h"
#include "base/text.h"
#include "core/atomic_file.h"
#include "core/report.h"

#define STAMP_CHARS 16u
#define HASH_CHARS 32u
#define NAME_CHARS (STAMP_CHARS + 1 + HASH_CHARS + 4) /* "STAMP-HASH.eml" */
#define FIELD_MAX_BYTES 900u                          /* RFC 5322 2.1.1: a line has 998 */

struct kept {
    char name[NAME_CHARS + 1];
    uint64_t bytes;
    bool writing; /* not safe yet */
};

struct aside {
    struct aside_options o;
    char *path;
    int dir;
    pthread_mutex_t lock; /* of all below */
    struct kept *list;    /* oldest first; the first `gone` of them are no more */
    size_t n, room, gone;
    struct aside_counts counts;
};

/* ---- the list ---- */

static bool is_hex(slice s)
{
    for (size_t i = 0; i < s.n; i++)
        if (!ascii_digit(s.p[i]) && !(s.p[i] >= 'a' && s.p[i] <= 'f'))
            return false;
    return true;
}

static bool is_ours(slice name)
{
    return name.n == NAME_CHARS && is_hex(slice_sub(name, 0, STAMP_CHARS)) && name.p[STAMP_CHARS] == '-' &&
           is_hex(slice_sub(name, STAMP_CHARS + 1, HASH_CHARS)) &&
           slice_eq(slice_from(name, STAMP_CHARS + 1 + HASH_CHARS), S(".eml"));
}

/* What a crash left of a file that was being written. */
static bool is_half(slice name)
{
    return name.n > NAME_CHARS + 1 && name.p[0] == '.' && is_ours(slice_sub(name, 1, NAME_CHARS)) &&
           slice_starts(slice_from(name, NAME_CHARS + 1), S(".new-"));
}

static bool same_content(const struct kept *a, slice hash)
{
    return slice_eq(slice_of(a->name + STAMP_CHARS + 1, HASH_CHARS), hash);
}

static bool add(struct aside *a, slice name, uint64_t bytes, bool writing)
{
    if (a->gone > 1000 && a->gone > a->n / 2) {
        a->n -= a->gone;
        memmove(a->list, a->list + a->gone, a->n * sizeof(*a->list));
        a->gone = 0;
    }
    if (a->n == a->room) {
        size_t room = a->room ? 2 * a->room : 64;
        struct kept *list = realloc(a->list, room * sizeof(*list));
        if (!list)
            return false;
        a->list = list;
        a->room = room;
    }
    struct kept *k = &a->list[a->n++];
    memcpy(k->name, name.p, NAME_CHARS);
    k->name[NAME_CHARS] = '\0';
    k->bytes = bytes;
    k->writing = writing;
    a->counts.mails++;
    a->counts.bytes += bytes;
    return true;
}

static void remove_oldest(struct aside *a)
{
    const struct kept *k = &a->list[a->gone++];
    (void)unlinkat(a->dir, k->name, 0); /* somebody else may have taken it */
    a->counts.mails--;
    a->counts.bytes -= k->bytes;
    a->counts.removed++;
}

/* ---- opening ---- */

static int by_name(const void *x, const void *y)
{
    return memcmp(((const struct kept *)x)->name, ((const struct kept *)y)->name, NAME_CHARS);
}

static enum status read_one(struct aside *a, const char *file, err *e)
{
    struct stat st;
    slice name = slice_str(file);
    if (is_half(name))
        (void)unlinkat(a->dir, file, 0);
    if (!is_ours(name) || fstatat(a->dir, file, &st, AT_SYMLINK_NOFOLLOW) != 0 || !S_ISREG(st.st_mode))
        return OK;
    return add(a, name, (uint64_t)st.st_size, false) ? OK : err_set(e, E_MEMORY, "%s: no memory for its list", a->path);
}

static enum status read_folder(struct aside *a, err *e)
{
    int fd = openat(a->dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *d = fd < 0 ? NULL : fdopendir(fd);
    if (!d) {
        enum status st = err_os(e, errno, "%s: open", a->path);
        if (fd >= 0)
            (void)close(fd);
        return st;
    }
    enum status st = OK;
    for (struct dirent *entry; st == OK && (entry = readdir(d)) != NULL;)
        st = read_one(a, entry->d_name, e);
    (void)closedir(d); /* only read */
    if (st == OK && a->n)
        qsort(a->list, a->n, sizeof(*a->list), by_name);
    return st;
}

static enum status open_folder(struct aside *a, err *e)
{
    if (mkdir(a->path, 0700) != 0 && errno != EEXIST)
        return err_os(e, errno, "%s: cannot be made", a->path);
    a->dir = open(a->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (a->dir < 0)
        return err_os(e, errno, "%s: open", a->path);
    if (faccessat(a->dir, ".", W_OK | X_OK, AT_EACCESS) != 0)
        return err_os(e, errno, "%s: cannot be written to", a->path);
    return read_folder(a, e);
}

enum status aside_open(const struct aside_options *o, struct aside **out, err *e)
{
    struct aside *a = calloc(1, sizeof(*a));
    *out = a;
    if (!a || !(a->path = malloc(o->path.n + 1))) {
        free(a);
        *out = NULL;
        return err_set(e, E_MEMORY, "no memory for a folder");
    }
    a->o = *o;
    memcpy(a->path, o->path.p, o->path.n);
    a->path[o->path.n] = '\0';
    a->dir = -1;
    MUST(o->max_mails >= 1 && o->max_mails <= ASIDE_MAX_MAILS);
    MUST(pthread_mutex_init(&a->lock, NULL) == 0);
    enum status st = open_folder(a, e);
    if (st != OK)
        aside_close(out);
    return st;
}

void aside_close(struct aside **folder)
{
    struct aside *a = *folder;
    *folder = NULL;
    if (!a)
        return;
    if (a->dir >= 0)
        (void)close(a->dir);
    pthread_mutex_destroy(&a->lock);
    free(a->list);
    free(a->path);
    free(a);
}

/* ---- putting ---- */

static void field(buf *b, const char *name, slice value)
{
    buf_adds(b, name);
    text_add_safe(b, value, FIELD_MAX_BYTES);
    buf_addc(b, '\n');
}

/* As a mail server writes them that delivers at last (RFC 5321 4.4): a reader of the file finds the return path there. A mail from
 * a mailbox has its own. */
static void envelope_fields(buf *b, const struct aside_envelope *v)
{
    if (!v->recipient_count)
        return;
    buf_adds(b, "Return-Path: <");
    text_add_safe(b, v->sender, FIELD_MAX_BYTES);
    buf_adds(b, ">\n");
    for (size_t i = 0; i < v->recipient_count; i++)
        field(b, "Delivered-To: ", v->recipients[i]);
}

static enum status write_file(const struct aside *a, const char *name, slice head, slice mail, err *e)
{
    char path[ATOMIC_PATH_MAX];
    struct atomic_file f;
    int n = snprintf(path, sizeof(path), "%s/%s", a->path, name);
    if (n < 0 || (size_t)n >= sizeof(path))
        return err_set(e, E_INVALID, "%.100s...: the name is too long", a->path);
    enum status st = atomic_open(&f, path, e);
    if (st != OK)
        return st;
    st = atomic_write(f.fd, path, head, e);
    if (st == OK)
        st = atomic_write(f.fd, path, mail, e);
    if (st == OK)
        return atomic_commit(&f, e);
    atomic_abort(&f);
    return st;
}

static struct kept *find(const struct aside *a, slice hash)
{
    for (size_t i = a->n; i > a->gone; i--)
        if (same_content(&a->list[i - 1], hash))
            return &a->list[i - 1];
    return NULL;
}

static bool is_full(const struct aside *a, uint64_t bytes)
{
    return a->counts.mails + 1 > a->o.max_mails || a->counts.bytes + bytes > a->o.max_bytes;
}

/* Makes room and takes the place, so that other threads count with it. *known: the same content is there. */
static enum status reserve(struct aside *a, slice name, uint64_t bytes, bool *known, err *e)
{
    const struct kept *same = find(a, slice_sub(name, STAMP_CHARS + 1, HASH_CHARS));
    *known = same != NULL;
    if (same) {
        a->counts.repeats++;
        return same->writing ? err_set(e, E_BUSY, "%s: the same mail is being written", a->path) : OK;
    }
    if (bytes > a->o.max_bytes || (a->o.refuse_new && is_full(a, bytes))) {
        a->counts.refused++;
        return err_set(e, E_FULL, "%s: full; look through it, or raise its limits", a->path);
    }
    while (a->counts.mails && is_full(a, bytes))
        remove_oldest(a);
    return add(a, name, bytes, true) ? OK : err_set(e, E_MEMORY, "%s: no memory for its list", a->path);
}

/* The file is there, or could not be written. */
static void settle(struct aside *a, const char *name, bool there)
{
    struct kept *k = find(a, slice_of(name + STAMP_CHARS + 1, HASH_CHARS));
    if (there) {
        a->counts.kept++;
        if (k)
            k->writing = false;
        else
            (void)unlinkat(a->dir, name, 0); /* it had to make room meanwhile */
    } else if (k) {
        a->counts.mails--;
        a->counts.bytes -= k->bytes;
        memmove(k, k + 1, (size_t)(a->list + a->n - (k + 1)) * sizeof(*k));
        a->n--;
    }
}

enum status aside_put(struct aside *a, const struct aside_envelope *envelope, slice mail, int64_t now_us, err *e)
{
    char name[NAME_CHARS + 1];
    char hash[HASH_CHARS];
    bool known;
    buf head;
    hash128_hex(report_source_key(mail), hash);
    snprintf(name, sizeof(name), "%016llx-%.*s.eml", (unsigned long long)now_us, (int)sizeof(hash), hash);
    buf_init(&head, 0);
    envelope_fields(&head, envelope);
    if (head.failed) {
        buf_fini(&head);
        return err_set(e, E_MEMORY, "%s: no memory for a mail", a->path);
    }
    pthread_mutex_lock(&a->lock);
    enum status st = reserve(a, slice_of(name, NAME_CHARS), head.n + mail.n, &known, e);
    pthread_mutex_unlock(&a->lock);
    if (st == OK && !known) {
        st = write_file(a, name, buf_slice(&head), mail, e);
        pthread_mutex_lock(&a->lock);
        settle(a, name, st == OK);
        pthread_mutex_unlock(&a->lock);
    }
    buf_fini(&head);
    return st;
}

void aside_counts(struct aside *a, struct aside_counts *out)
{
    pthread_mutex_lock(&a->lock);
    *out = a->counts;
    pthread_mutex_unlock(&a->lock);
}
