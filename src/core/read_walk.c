#include "core/read_walk.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "core/read_maildir.h"

struct level {
    arena names;
    const char **paths; /* sorted */
    size_t n, i;
    bool maildir;
};

struct walk {
    const char *const *given;
    size_t given_n, given_i;
    bool unread_only;
    struct level levels[READ_MAX_DEPTH];
    size_t depth;
};

struct walk *walk_new(const char *const *paths, size_t n, bool unread_only)
{
    struct walk *w = calloc(1, sizeof *w);
    if (w) {
        w->given = paths;
        w->given_n = n;
        w->unread_only = unread_only;
    }
    return w;
}

void walk_free(struct walk **w)
{
    if (!*w)
        return;
    while ((*w)->depth > 0)
        arena_fini(&(*w)->levels[--(*w)->depth].names);
    free(*w);
    *w = NULL;
}

static int by_name(const void *a, const void *b)
{
    const char *const *x = a;
    const char *const *y = b;
    return strcmp(*x, *y);
}

/* Adds the entries of one directory to a level. */
static enum status list(struct walk *w, struct level *level, const char *path, size_t *cap, err *e)
{
    DIR *d = opendir(path);
    if (!d)
        return err_os(e, errno, "%s: cannot read the directory", path);
    enum status status = OK;
    for (struct dirent *entry; status == OK && (entry = readdir(d));) {
        if (entry->d_name[0] == '.')
            continue;
        if (level->maildir && w->unread_only && maildir_seen(slice_str(entry->d_name)))
            continue;
        size_t n = strlen(path);
        slice full = arena_printf(&level->names, n && path[n - 1] == '/' ? "%s%s" : "%s/%s", path, entry->d_name);
        const char **paths = arena_grow(&level->names, level->paths, level->n, cap, sizeof *paths);
        if (slice_empty(full) || !paths || level->n >= READ_MAX_FILES) {
            status = err_set(e, E_FULL, "%s: too many files in one directory", path);
            break;
        }
        level->paths = paths;
        level->paths[level->n++] = full.p;
    }
    (void)closedir(d); /* only read */
    return status;
}

/* new/ and cur/; one of them may be unreadable. */
static enum status list_maildir(struct walk *w, struct level *level, const char *path, size_t *cap, err *e)
{
    static const char *const parts[] = {"cur", "new"};
    enum status status = OK;
    level->maildir = true;
    for (size_t i = 0; i < ARRAY_LEN(parts) && status == OK; i++) {
        slice part = arena_printf(&level->names, "%s/%s", path, parts[i]);
        status = slice_empty(part) ? err_set(e, E_MEMORY, "%s: no memory", path) : list(w, level, part.p, cap, e);
    }
    return status;
}

static enum status enter(struct walk *w, const char *path, err *e)
{
    if (w->depth == READ_MAX_DEPTH)
        return err_set(e, E_INVALID, "%s: more than %d directories deep", path, READ_MAX_DEPTH);
    struct level *level = &w->levels[w->depth];
    size_t cap = 0;
    *level = (struct level){0};
    arena_init(&level->names, 0);
    enum status status = maildir_is(path) ? list_maildir(w, level, path, &cap, e) : list(w, level, path, &cap, e);
    if (status != OK) {
        arena_fini(&level->names);
        return status;
    }
    if (level->n)
        qsort(level->paths, level->n, sizeof *level->paths, by_name);
    w->depth++;
    return OK;
}

/* The next path in order, *given when the caller named it. */
static const char *next_path(struct walk *w, bool *given)
{
    while (w->depth > 0) {
        struct level *level = &w->levels[w->depth - 1];
        *given = false;
        if (level->i < level->n)
            return level->paths[level->i++];
        arena_fini(&level->names);
        w->depth--;
    }
    *given = true;
    return w->given_i < w->given_n ? w->given[w->given_i++] : NULL;
}

int walk_next(struct walk *w, struct walk_file *out, err *e)
{
    bool given;
    for (const char *path; (path = next_path(w, &given));) {
        bool maildir = !given && w->levels[w->depth - 1].maildir;
        *out = (struct walk_file){slice_str(path), maildir};
        if (maildir || (given && strcmp(path, "-") == 0))
            return 1;
        struct stat st, link;
        if (stat(path, &st) < 0) {
            (void)err_os(e, errno, "%s: cannot look at it", path);
            return -1;
        }
        if (!S_ISDIR(st.st_mode))
            return 1;
        if (!given && lstat(path, &link) == 0 && S_ISLNK(link.st_mode))
            continue;
        if (enter(w, path, e) != OK)
            return -1;
    }
    return 0;
}
