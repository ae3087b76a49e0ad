#include "core/read_maildir.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <sys/stat.h>

#define MAX_FLAGS 64u

static bool is_directory(const char *path, const char *below)
{
    char joined[4096];
    struct stat st;
    int n = snprintf(joined, sizeof joined, "%s/%s", path, below);
    return n > 0 && (size_t)n < sizeof joined && stat(joined, &st) == 0 && S_ISDIR(st.st_mode);
}

bool maildir_is(const char *path)
{
    return is_directory(path, "cur") && is_directory(path, "new");
}

/* The unique name, and the flags behind ":2,". */
static slice split_flags(slice name, slice *flags)
{
    size_t colon = slice_rchr(name, ':');
    *flags = SLICE_EMPTY;
    if (colon == SLICE_NPOS)
        return name;
    if (slice_starts(slice_from(name, colon), S(":2,")))
        *flags = slice_from(name, colon + 3);
    return slice_of(name.p, colon);
}

bool maildir_seen(slice name)
{
    slice flags;
    split_flags(name, &flags);
    return slice_chr(flags, 'S') != SLICE_NPOS;
}

/* "<dir>", "new" or "cur", name; false when the path is of another form. */
static bool split_path(slice path, slice *dir, slice *name)
{
    size_t slash = slice_rchr(path, '/');
    if (slash == SLICE_NPOS)
        return false;
    *name = slice_from(path, slash + 1);
    slice parent = slice_of(path.p, slash);
    if (parent.n < 3)
        return false;
    slice last = slice_from(parent, parent.n - 3);
    *dir = slice_of(path.p, parent.n - 3); /* with its slash, or empty */
    return slice_eq(last, S("new")) || slice_eq(last, S("cur"));
}

slice maildir_read_path(arena *a, slice path)
{
    slice dir, name, flags;
    if (!split_path(path, &dir, &name))
        return SLICE_EMPTY;
    slice unique = split_flags(name, &flags);
    if (slice_chr(flags, 'S') != SLICE_NPOS && slice_starts(slice_from(path, dir.n), S("cur")))
        return SLICE_EMPTY;
    char with_s[MAX_FLAGS + 2];
    size_t n = 0;
    bool placed = slice_chr(flags, 'S') != SLICE_NPOS;
    for (size_t i = 0; i < flags.n && n < MAX_FLAGS; i++) {
        if (!placed && flags.p[i] > 'S') {
            with_s[n++] = 'S';
            placed = true;
        }
        with_s[n++] = flags.p[i];
    }
    if (!placed)
        with_s[n++] = 'S';
    return arena_printf(a, "%.*scur/%.*s:2,%.*s", SLICE_FMT(dir), SLICE_FMT(unique), (int)n, with_s);
}

enum status maildir_mark(arena *a, slice path, err *e)
{
    slice from = arena_dup(a, path);
    slice to = maildir_read_path(a, path);
    if (slice_empty(to))
        return OK;
    if (rename(from.p, to.p) < 0 && errno != ENOENT)
        return err_os(e, errno, "%s: cannot mark as read", from.p);
    return OK;
}

slice maildir_find_moved(arena *a, slice path)
{
    slice dir, name, flags, other_flags, found = SLICE_EMPTY;
    if (!split_path(path, &dir, &name))
        return SLICE_EMPTY;
    slice unique = split_flags(name, &flags);
    slice cur = arena_printf(a, "%.*scur", SLICE_FMT(dir));
    DIR *d = slice_empty(cur) ? NULL : opendir(cur.p);
    if (!d)
        return SLICE_EMPTY;
    for (struct dirent *entry; slice_empty(found) && (entry = readdir(d));) {
        slice other = slice_str(entry->d_name);
        if (slice_eq(split_flags(other, &other_flags), unique))
            found = arena_printf(a, "%.*s/%.*s", SLICE_FMT(cur), SLICE_FMT(other));
    }
    (void)closedir(d); /* only read */
    return found;
}
