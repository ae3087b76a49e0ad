/* A growing byte buffer on the heap, for output and for reading into.
 *
 * Appending never fails halfway: when memory is refused or `cap` would be passed, nothing is appended and `failed`
 * stays set; check it once at the end. Later pieces that still fit are appended nevertheless. There is always a NUL
 * behind the content (not counted). A slice of the buffer itself must not be appended to it.
 */
#ifndef BASE_BUF_H
#define BASE_BUF_H

#include <stdarg.h>

#include "base/slice.h"

typedef struct buf {
    char *p;
    size_t n, room; /* bytes used, bytes there */
    size_t cap;     /* most bytes it may hold; 0 for no limit */
    bool failed;
} buf;

void buf_init(buf *b, size_t cap);
/* Gives the memory back and leaves an empty buffer with the same cap, which may be used again. */
void buf_fini(buf *b);
/* Drops the content and `failed`, keeps the memory. */
void buf_clear(buf *b);
/* Makes room for n more bytes. Returns false (and sets failed) when refused. */
bool buf_reserve(buf *b, size_t n);
void buf_add(buf *b, slice s);
void buf_addc(buf *b, char c);
void buf_adds(buf *b, const char *s);
void buf_addu(buf *b, uint64_t v); /* decimal */
void buf_addi(buf *b, int64_t v);
void buf_printf(buf *b, const char *fmt, ...) PRINTF_LIKE(2, 3);
void buf_vprintf(buf *b, const char *fmt, va_list ap) PRINTF_LIKE(2, 0);
/* Drops the first n bytes, or all when there are fewer. */
void buf_consume(buf *b, size_t n);

static inline slice buf_slice(const buf *b)
{
    return slice_of(b->p, b->n);
}

#endif
