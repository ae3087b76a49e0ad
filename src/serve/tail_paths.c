#include "serve/tail_paths.h"

#include <glob.h>
#include <string.h>
#include <sys/stat.h>

static bool keep(struct tail_paths *out, size_t *room, const char *path, arena *a)
{
    for (size_t i = 0; i < out->n; i++)
        if (strcmp(out->v[i], path) == 0)
            return true;
    slice copy = arena_dup(a, slice_str(path));
    const char **grown = arena_grow(a, out->v, out->n, room, sizeof *grown);
    if (!grown || !copy.n)
        return false;
    out->v = grown;
    out->v[out->n++] = copy.p;
    return true;
}

static bool wanted(const char *path, int64_t since_us)
{
    struct stat st;
    return stat(path, &st) == 0 && S_ISREG(st.st_mode) && (int64_t)st.st_mtim.tv_sec * TIME_SECOND >= since_us;
}

static bool keep_matching(struct tail_paths *out, size_t *room, const char *pattern, int64_t since_us, arena *a)
{
    glob_t g;
    bool good = true;
    int rc = glob(pattern, 0, NULL, &g);
    for (size_t i = 0; rc == 0 && good && i < g.gl_pathc; i++)
        if (wanted(g.gl_pathv[i], since_us))
            good = keep(out, room, g.gl_pathv[i], a);
    if (rc == 0)
        globfree(&g);
    return good && rc != GLOB_NOSPACE;
}

/* A path may hold characters that mean something in a pattern. */
static const char *literal(const char *path, const char *suffix, arena *a)
{
    char *out = arena_alloc(a, 2 * strlen(path) + strlen(suffix) + 1), *p = out;
    if (!out)
        return NULL;
    for (; *path; path++) {
        if (strchr("*?[]\\", *path))
            *p++ = '\\';
        *p++ = *path;
    }
    memcpy(p, suffix, strlen(suffix) + 1);
    return out;
}

bool tail_paths_find(const char *path, bool rotated, int64_t since_us, arena *a, struct tail_paths *out)
{
    static const char *const suffixes[] = {".*", "-*"};
    struct stat st;
    size_t room = 0;
    *out = (struct tail_paths){0};
    if (stat(path, &st) == 0 && S_ISDIR(st.st_mode)) {
        const char *pattern = literal(path, "/*", a);
        return pattern && keep_matching(out, &room, pattern, since_us, a);
    }
    if (stat(path, &st) != 0 && strpbrk(path, "*?["))
        return keep_matching(out, &room, path, since_us, a);
    bool good = !wanted(path, INT64_MIN) || keep(out, &room, path, a);
    for (size_t i = 0; i < ARRAY_LEN(suffixes) && rotated && good; i++) {
        const char *pattern = literal(path, suffixes[i], a);
        good = pattern && keep_matching(out, &room, pattern, since_us, a);
    }
    return good;
}

bool tail_identity_changed(struct tail_identity *id, const char *path)
{
    struct stat st;
    struct tail_identity now = {0};
    if (stat(path, &st) == 0 && S_ISREG(st.st_mode))
        now = (struct tail_identity){(uint64_t)st.st_dev, (uint64_t)st.st_ino, (int64_t)st.st_size, true};
    bool changed =
        id->there && (!now.there || now.device != id->device || now.inode != id->inode || now.bytes < id->bytes);
    *id = now;
    return changed;
}
