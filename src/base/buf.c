#include "base/buf.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/pages.h"

#define FIRST_ROOM 256U

/* What an empty buffer points at; never written to, since room is 0. */
static const char nothing[1] = "";

void buf_init(buf *b, size_t cap)
{
    *b = (buf){.p = (char *)(uintptr_t)nothing, .cap = cap};
}

void buf_fini(buf *b)
{
    if (b->room)
        free(b->p);
    buf_init(b, b->cap);
}

void buf_clear(buf *b)
{
    b->n = 0;
    b->failed = false;
    if (b->room)
        b->p[0] = '\0';
}

static inline bool has_room(const buf *b, size_t n)
{
    return n < b->room - b->n && (b->cap == 0 || n <= b->cap - b->n);
}

static bool grow(buf *b, size_t n)
{
    size_t need; /* with the NUL */
    if (__builtin_add_overflow(b->n, n, &need) || (b->cap && need > b->cap) || need == SIZE_MAX) {
        b->failed = true;
        return false;
    }
    need++;
    size_t room = b->room < FIRST_ROOM ? FIRST_ROOM : b->room;
    while (room < need)
        room = room > SIZE_MAX / 2 ? need : room * 2;
    if (b->cap && room - 1 > b->cap)
        room = b->cap + 1;
    char *p = realloc(b->room ? b->p : NULL, room);
    if (!p) {
        b->failed = true;
        return false;
    }
    pages_want_large(p, room);
    b->p = p;
    b->room = room;
    b->p[b->n] = '\0';
    return true;
}

bool buf_reserve(buf *b, size_t n)
{
    return has_room(b, n) || grow(b, n);
}

void buf_add(buf *b, slice s)
{
    if (s.n == 0 || (!has_room(b, s.n) && !grow(b, s.n)))
        return;
    memcpy(b->p + b->n, s.p, s.n);
    b->n += s.n;
    b->p[b->n] = '\0';
}

void buf_addc(buf *b, char c)
{
    if (!has_room(b, 1) && !grow(b, 1))
        return;
    b->p[b->n++] = c;
    b->p[b->n] = '\0';
}

void buf_adds(buf *b, const char *s)
{
    buf_add(b, slice_str(s));
}

static void add_number(buf *b, bool negative, uint64_t v)
{
    char digits[21];
    size_t at = sizeof digits;
    do {
        digits[--at] = (char)('0' + v % 10);
        v /= 10;
    } while (v);
    if (negative)
        digits[--at] = '-';
    buf_add(b, (slice){digits + at, sizeof digits - at});
}

void buf_addu(buf *b, uint64_t v)
{
    add_number(b, false, v);
}

void buf_addi(buf *b, int64_t v)
{
    add_number(b, v < 0, v < 0 ? 0 - (uint64_t)v : (uint64_t)v);
}

void buf_printf(buf *b, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    buf_vprintf(b, fmt, ap);
    va_end(ap);
}

void buf_vprintf(buf *b, const char *fmt, va_list ap)
{
    va_list again;
    va_copy(again, ap);
    size_t free_bytes = b->room - b->n;
    int n = vsnprintf(free_bytes ? b->p + b->n : NULL, free_bytes, fmt, ap);
    if (n < 0) {
        b->failed = true;
    } else if (buf_reserve(b, (size_t)n)) {
        if ((size_t)n >= free_bytes)
            vsnprintf(b->p + b->n, (size_t)n + 1, fmt, again);
        b->n += (size_t)n;
    }
    va_end(again);
    if (b->room)
        b->p[b->n] = '\0';
}

void buf_consume(buf *b, size_t n)
{
    if (n >= b->n)
        n = b->n;
    if (n == 0)
        return;
    b->n -= n;
    memmove(b->p, b->p + n, b->n);
    b->p[b->n] = '\0';
}
