#include "core/read_file.h"

#include <errno.h>
#include <fcntl.h>
#include <lzma.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>
#include <zstd.h>

#define INPUT_BYTES (64u * 1024)
#define XZ_MEMORY_BYTES (256u * 1024 * 1024) /* what a file may ask for */
#define ZSTD_WINDOW_LOG 27                   /* 128 MB, the default of zstd */

enum packing { PACKING_NONE, PACKING_GZIP, PACKING_XZ, PACKING_ZSTD };

static const struct {
    enum packing packing;
    slice magic;
} magics[] = {
    {PACKING_GZIP, SLICE_INIT("\x1f\x8b\x08")},
    {PACKING_XZ, SLICE_INIT("\xfd"
                            "7zXZ\0")},
    {PACKING_ZSTD, SLICE_INIT("\x28\xb5\x2f\xfd")},
};

struct read_file {
    int fd;
    enum packing packing;
    char *path;
    struct stat stat;
    uint64_t offset;           /* of the content, behind what was handed out */
    bool raw_end, member_open; /* nothing more on the disk; inside of compressed data */
    size_t in_at, in_n;        /* what is left in `in` */
    size_t head_at, head_n;    /* what is left in `head` */
    size_t raw_head_n;
    union {
        z_stream gzip;
        lzma_stream xz;
        ZSTD_DStream *zstd;
    } u;
    char head[READ_HEAD_BYTES], raw_head[READ_HEAD_BYTES];
    char in[INPUT_BYTES];
};

static int64_t read_raw(struct read_file *f, char *p, size_t n, err *e)
{
    for (;;) {
        ssize_t got = read(f->fd, p, n);
        if (got >= 0)
            return got;
        if (errno != EINTR) {
            (void)err_os(e, errno, "%s: cannot read", f->path);
            return -1;
        }
    }
}

/* Fills the input buffer when it is empty. False on error. */
static bool fill(struct read_file *f, err *e)
{
    if (f->in_n > 0 || f->raw_end)
        return true;
    int64_t got = read_raw(f, f->in, INPUT_BYTES, e);
    if (got < 0)
        return false;
    f->in_at = 0;
    f->in_n = (size_t)got;
    f->raw_end = got == 0;
    return true;
}

static bool damaged(const struct read_file *f, err *e, const char *what)
{
    (void)err_set(e, E_CORRUPT, "%s: compressed data %s; what stands before it was read", f->path, what);
    return false;
}

/* Each step decodes from `in` into p; *made is what came out. False on damage. */
static bool step_gzip(struct read_file *f, char *p, size_t n, size_t *made, err *e)
{
    z_stream *z = &f->u.gzip;
    if (!f->member_open && f->in_n && (unsigned char)f->in[f->in_at] != 0x1f) { /* padding behind the last member */
        f->in_n = 0;
        f->raw_end = true;
        return true;
    }
    z->next_in = (unsigned char *)f->in + f->in_at;
    z->avail_in = (unsigned)f->in_n;
    z->next_out = (unsigned char *)p;
    z->avail_out = (unsigned)n;
    f->member_open = true;
    int rc = inflate(z, Z_NO_FLUSH);
    *made = n - z->avail_out;
    f->in_at += f->in_n - z->avail_in;
    f->in_n = z->avail_in;
    if (rc == Z_STREAM_END) {
        f->member_open = false;
        return inflateReset(z) == Z_OK;
    }
    return rc == Z_OK || rc == Z_BUF_ERROR || damaged(f, e, "is damaged");
}

static bool step_xz(struct read_file *f, char *p, size_t n, size_t *made, err *e)
{
    lzma_stream *x = &f->u.xz;
    x->next_in = (const uint8_t *)f->in + f->in_at;
    x->avail_in = f->in_n;
    x->next_out = (uint8_t *)p;
    x->avail_out = n;
    lzma_ret rc = lzma_code(x, f->raw_end ? LZMA_FINISH : LZMA_RUN);
    *made = n - x->avail_out;
    f->in_at += f->in_n - x->avail_in;
    f->in_n = x->avail_in;
    f->member_open = rc != LZMA_STREAM_END;
    return rc == LZMA_OK || rc == LZMA_STREAM_END ||
           (rc == LZMA_BUF_ERROR ? damaged(f, e, "ends too early") : damaged(f, e, "is damaged"));
}

static bool step_zstd(struct read_file *f, char *p, size_t n, size_t *made, err *e)
{
    ZSTD_inBuffer in = {f->in + f->in_at, f->in_n, 0};
    ZSTD_outBuffer out = {p, n, 0};
    size_t rc = ZSTD_decompressStream(f->u.zstd, &out, &in);
    if (ZSTD_isError(rc))
        return damaged(f, e, "is damaged");
    *made = out.pos;
    f->in_at += in.pos;
    f->in_n -= in.pos;
    f->member_open = rc != 0;
    return true;
}

static int64_t read_packed(struct read_file *f, char *p, size_t n, err *e)
{
    typedef bool (*step)(struct read_file *, char *, size_t, size_t *, err *);
    static const step steps[] = {[PACKING_GZIP] = step_gzip, [PACKING_XZ] = step_xz, [PACKING_ZSTD] = step_zstd};
    size_t made = 0;
    if (n > INPUT_BYTES)
        n = INPUT_BYTES;
    while (made == 0) {
        if (!fill(f, e))
            return -1;
        bool nothing_in = f->in_n == 0 && f->raw_end;
        if (nothing_in && !f->member_open)
            return 0;
        if (!steps[f->packing](f, p, n, &made, e))
            return -1;
        if (nothing_in && made == 0 && f->member_open) {
            (void)damaged(f, e, "ends too early");
            return -1;
        }
    }
    return (int64_t)made;
}

static int64_t read_plain(struct read_file *f, char *p, size_t n, err *e)
{
    if (f->in_n == 0)
        return f->raw_end ? 0 : read_raw(f, p, n, e);
    if (n > f->in_n)
        n = f->in_n;
    memcpy(p, f->in + f->in_at, n);
    f->in_at += n;
    f->in_n -= n;
    return (int64_t)n;
}

static int64_t read_content(struct read_file *f, char *p, size_t n, err *e)
{
    return f->packing == PACKING_NONE ? read_plain(f, p, n, e) : read_packed(f, p, n, e);
}

int64_t read_file_read(struct read_file *f, char *p, size_t n, err *e)
{
    int64_t got = 0;
    if (f->head_at < f->head_n) {
        size_t left = f->head_n - f->head_at;
        got = (int64_t)(n < left ? n : left);
        memcpy(p, f->head + f->head_at, (size_t)got);
        f->head_at += (size_t)got;
    } else {
        got = read_content(f, p, n, e);
    }
    if (got > 0)
        f->offset += (uint64_t)got;
    return got;
}

enum status read_file_skip(struct read_file *f, uint64_t offset, err *e)
{
    if (f->packing == PACKING_NONE && S_ISREG(f->stat.st_mode) && offset >= f->head_n) {
        if (lseek(f->fd, (off_t)offset, SEEK_SET) < 0)
            return err_os(e, errno, "%s: cannot go to byte %llu", f->path, (unsigned long long)offset);
        f->head_at = f->head_n;
        f->in_n = 0;
        f->raw_end = false;
        f->offset = offset;
        return OK;
    }
    char waste[8192];
    while (f->offset < offset) {
        uint64_t left = offset - f->offset;
        int64_t got = read_file_read(f, waste, left < sizeof waste ? (size_t)left : sizeof waste, e);
        if (got < 0)
            return e ? e->status : E_IO;
        if (got == 0)
            return err_set(e, E_INVALID, "%s: ends before byte %llu", f->path, (unsigned long long)offset);
    }
    return OK;
}

static bool start_packing(struct read_file *f)
{
    slice head = slice_of(f->in, f->in_n);
    for (size_t i = 0; i < ARRAY_LEN(magics); i++)
        if (slice_starts(head, magics[i].magic))
            f->packing = magics[i].packing;
    switch (f->packing) {
    case PACKING_NONE:
        return true;
    case PACKING_GZIP:
        return inflateInit2(&f->u.gzip, 16 + MAX_WBITS) == Z_OK;
    case PACKING_XZ:
        f->u.xz = (lzma_stream)LZMA_STREAM_INIT;
        return lzma_stream_decoder(&f->u.xz, XZ_MEMORY_BYTES, LZMA_CONCATENATED) == LZMA_OK;
    case PACKING_ZSTD:
        f->u.zstd = ZSTD_createDStream();
        return f->u.zstd && !ZSTD_isError(ZSTD_DCtx_setParameter(f->u.zstd, ZSTD_d_windowLogMax, ZSTD_WINDOW_LOG));
    }
    return false;
}

/* Reads what the file begins with: raw bytes, packing, content. Damage in it is told by the first read. */
static enum status read_heads(struct read_file *f, err *e)
{
    while (f->in_n < READ_HEAD_BYTES && !f->raw_end && !(f->in_n > 0 && f->in_n == read_file_raw_bytes(f))) {
        int64_t got = read_raw(f, f->in + f->in_n, INPUT_BYTES - f->in_n, e);
        if (got < 0)
            return e ? e->status : E_IO;
        f->in_n += (size_t)got;
        f->raw_end = got == 0;
    }
    f->raw_head_n = f->in_n < READ_HEAD_BYTES ? f->in_n : READ_HEAD_BYTES;
    memcpy(f->raw_head, f->in, f->raw_head_n);
    if (!start_packing(f))
        return err_set(e, E_MEMORY, "%s: no memory to decompress it", f->path);
    while (f->head_n < READ_HEAD_BYTES && (f->packing != PACKING_NONE || f->in_n > 0)) {
        int64_t got = read_content(f, f->head + f->head_n, READ_HEAD_BYTES - f->head_n, e);
        if (got < 0 && f->head_n == 0)
            return e ? e->status : E_CORRUPT;
        if (got <= 0)
            break;
        f->head_n += (size_t)got;
    }
    if (f->packing == PACKING_NONE)
        f->raw_end = false; /* it may have grown */
    return OK;
}

static enum status open_fd(struct read_file *f, const char *path, err *e)
{
    bool stream = strcmp(path, "-") == 0;
    /* O_NONBLOCK: a FIFO must not keep us waiting for its writer */
    f->fd = stream ? dup(STDIN_FILENO) : open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    if (f->fd < 0)
        return err_os(e, errno, "%s: cannot open", path);
    if (fstat(f->fd, &f->stat) < 0)
        return err_os(e, errno, "%s: cannot stat", path);
    if (!stream && !S_ISREG(f->stat.st_mode))
        return err_set(e, E_INVALID, "%s: is no regular file; give it on standard input with \"-\" if it is to be read",
                       path);
    return OK;
}

enum status read_file_open(const char *path, struct read_file **out, err *e)
{
    *out = NULL;
    struct read_file *f = malloc(sizeof *f);
    if (!f)
        return err_set(e, E_MEMORY, "%s: no memory", path);
    memset(f, 0, offsetof(struct read_file, head)); /* the buffers behind are large: a directory has many small files */
    f->fd = -1;
    f->path = strdup(path);
    enum status status = f->path ? open_fd(f, path, e) : err_set(e, E_MEMORY, "%s: no memory", path);
    if (status == OK)
        status = read_heads(f, e);
    if (status != OK)
        read_file_close(&f);
    *out = f;
    return status;
}

void read_file_close(struct read_file **out)
{
    struct read_file *f = *out;
    if (!f)
        return;
    if (f->packing == PACKING_GZIP)
        inflateEnd(&f->u.gzip);
    else if (f->packing == PACKING_XZ)
        lzma_end(&f->u.xz);
    else if (f->packing == PACKING_ZSTD)
        ZSTD_freeDStream(f->u.zstd);
    if (f->fd >= 0)
        (void)close(f->fd); /* only read */
    free(f->path);
    free(f);
    *out = NULL;
}

slice read_file_head(const struct read_file *f)
{
    return slice_of(f->head, f->head_n);
}

slice read_file_raw_head(const struct read_file *f)
{
    return slice_of(f->raw_head, f->raw_head_n);
}

bool read_file_packed(const struct read_file *f)
{
    return f->packing != PACKING_NONE;
}

uint64_t read_file_raw_bytes(const struct read_file *f)
{
    return f->stat.st_size > 0 ? (uint64_t)f->stat.st_size : 0;
}

int64_t read_file_changed_us(const struct read_file *f)
{
    if (!S_ISREG(f->stat.st_mode))
        return TIME_NONE;
    return (int64_t)f->stat.st_mtim.tv_sec * TIME_SECOND + f->stat.st_mtim.tv_nsec / 1000;
}
