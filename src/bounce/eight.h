/* Eight bytes of text at once, for loops that would else ask the same of each byte. The byte that stands first in the text is
 * the lowest of the word; a mark is the high bit of a byte.
 */
#ifndef BOUNCE_EIGHT_H
#define BOUNCE_EIGHT_H

#include <endian.h>

#include "base/slice.h"

#define EIGHT_ONES UINT64_C(0x0101010101010101)
#define EIGHT_MARKS UINT64_C(0x8080808080808080)

static inline uint64_t eight_get(const char *p)
{
    uint64_t v;
    memcpy(&v, p, sizeof v);
    return le64toh(v);
}

/* The last eight bytes of a text from `at` on, of which fewer than eight are left; those before `at` read as 0. The text has
 * eight or more, and one from `at` on. */
static inline uint64_t eight_tail(slice text, size_t at)
{
    size_t before = at + 8 - text.n;
    return eight_get(text.p + text.n - 8) >> (8 * before) << (8 * before);
}

static inline void eight_put(char *p, uint64_t v)
{
    v = htole64(v);
    memcpy(p, &v, sizeof v);
}

/* Bytes before the first mark; 8 when there is none. */
static inline size_t eight_before(uint64_t marks)
{
    return marks ? (size_t)__builtin_ctzll(marks) / 8 : 8;
}

/* Marks the bytes that lie in [from, to], both below 0x80. */
static inline uint64_t eight_in_range(uint64_t v, unsigned char from, unsigned char to)
{
    uint64_t low = v & ~EIGHT_MARKS;
    return (low + EIGHT_ONES * (0x80u - from)) & ~(low + EIGHT_ONES * (0x7fu - to)) & ~v & EIGHT_MARKS;
}

static inline uint64_t eight_equal(uint64_t v, unsigned char c)
{
    return eight_in_range(v, c, c);
}

#endif
