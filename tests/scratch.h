/* A directory of a test's own, with files in it; and the readings of a reader as text. Header-only. */
#ifndef TESTS_SCRATCH_H
#define TESTS_SCRATCH_H

#include <fcntl.h>
#include <ftw.h>
#include <lzma.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>
#include <zstd.h>

#include "base/buf.h"
#include "base/time.h"

struct scratch {
    char dir[64];
    char path[256]; /* of scratch_path */
};

static inline void scratch_init(struct scratch *s)
{
    snprintf(s->dir, sizeof s->dir, "/tmp/read.XXXXXX");
    MUST(mkdtemp(s->dir));
}

static inline int scratch_remove(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
    (void)st, (void)type, (void)ftw;
    return remove(path);
}

static inline void scratch_fini(struct scratch *s)
{
    MUST(nftw(s->dir, scratch_remove, 16, FTW_DEPTH | FTW_PHYS) == 0);
}

static inline const char *scratch_path(struct scratch *s, const char *name)
{
    snprintf(s->path, sizeof s->path, "%s/%s", s->dir, name);
    return s->path;
}

static inline void scratch_mkdir(struct scratch *s, const char *name)
{
    MUST(mkdir(scratch_path(s, name), 0700) == 0);
}

/* Writes or appends; the time of change is given, so that no test depends on the clock. */
static inline void scratch_put(struct scratch *s, const char *name, slice text, int flags, int64_t changed_us)
{
    int fd = open(scratch_path(s, name), O_WRONLY | O_CREAT | flags, 0600);
    MUST(fd >= 0 && write(fd, text.p, text.n) == (ssize_t)text.n);
    const struct timespec times[2] = {{changed_us / TIME_SECOND, 0}, {changed_us / TIME_SECOND, 0}};
    MUST(futimens(fd, times) == 0 && close(fd) == 0);
}

static inline void scratch_write(struct scratch *s, const char *name, slice text)
{
    scratch_put(s, name, text, O_TRUNC, INT64_C(1764543600) * TIME_SECOND); /* 2025-11-30T23:00:00Z */
}

static inline void scratch_append(struct scratch *s, const char *name, slice text)
{
    scratch_put(s, name, text, O_APPEND, INT64_C(1764543600) * TIME_SECOND);
}

static inline void pack_gzip(slice text, buf *out)
{
    z_stream z = {0};
    MUST(deflateInit2(&z, 6, Z_DEFLATED, 16 + MAX_WBITS, 8, Z_DEFAULT_STRATEGY) == Z_OK);
    size_t room = deflateBound(&z, text.n) + 64;
    MUST(buf_reserve(out, room));
    z.next_in = (unsigned char *)(uintptr_t)text.p;
    z.avail_in = (unsigned)text.n;
    z.next_out = (unsigned char *)out->p + out->n;
    z.avail_out = (unsigned)room;
    MUST(deflate(&z, Z_FINISH) == Z_STREAM_END);
    out->n += z.total_out;
    deflateEnd(&z);
}

static inline void pack_xz(slice text, buf *out)
{
    MUST(buf_reserve(out, lzma_stream_buffer_bound(text.n)));
    size_t at = out->n;
    MUST(lzma_easy_buffer_encode(3, LZMA_CHECK_CRC32, NULL, (const uint8_t *)text.p, text.n, (uint8_t *)out->p, &at,
                                 out->n + lzma_stream_buffer_bound(text.n)) == LZMA_OK);
    out->n = at;
}

static inline void pack_zstd(slice text, buf *out)
{
    MUST(buf_reserve(out, ZSTD_compressBound(text.n)));
    size_t n = ZSTD_compress(out->p + out->n, ZSTD_compressBound(text.n), text.p, text.n, 3);
    MUST(!ZSTD_isError(n));
    out->n += n;
}

#endif
