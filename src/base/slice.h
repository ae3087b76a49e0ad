/* A view into text that somebody else owns: pointer and length, no NUL needed.
 *
 * Absent is empty, never NULL: `p` of an empty slice may point anywhere valid or to a static "". Nothing here
 * allocates. "ci" compares ASCII letters without case; bytes >= 0x80 are compared as they are.
 */
#ifndef BASE_SLICE_H
#define BASE_SLICE_H

#include <string.h>

#include "base/defs.h"

#ifndef BOUNCE_SLICE_DEFINED /* the same type stands in the public header bounce.h */
#define BOUNCE_SLICE_DEFINED
struct bounce_slice {
    const char *p;
    size_t n;
};
#endif
typedef struct bounce_slice slice;

#define SLICE_EMPTY ((slice){"", 0})
#define S(lit) ((slice){"" lit, sizeof(lit) - 1}) /* from a string literal */
#define SLICE_INIT(lit)         \
    {                           \
        "" lit, sizeof(lit) - 1 \
    }                                                            /* the same in a static initialiser */
#define SLICE_FMT(s) (int)((s).n > 65536 ? 65536 : (s).n), (s).p /* for "%.*s" */
#define SLICE_NPOS ((size_t)-1)

static inline slice slice_of(const char *p, size_t n)
{
    return n ? (slice){p, n} : SLICE_EMPTY;
}

static inline char ascii_lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c + 32) : c;
}
static inline bool ascii_digit(char c)
{
    return c >= '0' && c <= '9';
}
static inline bool ascii_alpha(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}
static inline bool ascii_alnum(char c)
{
    return ascii_digit(c) || ascii_alpha(c);
}
static inline bool ascii_space(char c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

/* From a NUL-terminated string; NULL gives the empty slice. */
slice slice_str(const char *s);

static inline bool slice_empty(slice s)
{
    return s.n == 0;
}

/* [from, from + n) cut to what there is. */
static inline slice slice_sub(slice s, size_t from, size_t n)
{
    if (from >= s.n)
        return SLICE_EMPTY;
    size_t left = s.n - from;
    return slice_of(s.p + from, n < left ? n : left);
}

/* All from `from` on; empty when past the end. */
static inline slice slice_from(slice s, size_t from)
{
    return slice_sub(s, from, SLICE_NPOS);
}

static inline bool slice_eq(slice a, slice b)
{
    return a.n == b.n && (a.n == 0 || memcmp(a.p, b.p, a.n) == 0);
}

static inline bool slice_starts(slice s, slice prefix)
{
    return s.n >= prefix.n && (prefix.n == 0 || memcmp(s.p, prefix.p, prefix.n) == 0);
}

/* n bytes each, alike but for the case of ASCII letters. */
bool bytes_same_ci(const char *a, const char *b, size_t n);

static inline bool slice_eq_ci(slice a, slice b)
{
    return a.n == b.n && (a.n == 0 || (ascii_lower(a.p[0]) == ascii_lower(b.p[0]) && bytes_same_ci(a.p, b.p, a.n)));
}

static inline bool slice_starts_ci(slice s, slice prefix)
{
    return s.n >= prefix.n && slice_eq_ci((slice){s.p, prefix.n}, prefix);
}

bool slice_ends_ci(slice s, slice suffix);
/* Order by bytes, shorter first where one is the other's prefix. */
int slice_cmp(slice a, slice b);

static inline size_t slice_chr(slice s, char c)
{
    const char *hit = s.n ? memchr(s.p, c, s.n) : NULL;
    return hit ? (size_t)(hit - s.p) : SLICE_NPOS;
}

/* Offset of the first occurrence or SLICE_NPOS. An empty needle is found at 0. */
size_t slice_find(slice s, slice needle);
size_t slice_find_ci(slice s, slice needle);
size_t slice_rchr(slice s, char c);

/* Without white space (SP HT CR LF VT FF) at both ends / the left / the right. */
static inline slice slice_ltrim(slice s)
{
    size_t i = 0;
    while (i < s.n && ascii_space(s.p[i]))
        i++;
    return slice_from(s, i);
}

static inline slice slice_rtrim(slice s)
{
    size_t n = s.n;
    while (n > 0 && ascii_space(s.p[n - 1]))
        n--;
    return slice_of(s.p, n);
}

static inline slice slice_trim(slice s)
{
    return slice_rtrim(slice_ltrim(s));
}

/* Without one pair of enclosing characters, e.g. '<' '>', when both are there. */
slice slice_unwrap(slice s, char open, char close);

/* Offset of the first `a` or `b`, or s.n. */
size_t slice_either(slice s, char a, char b);

/* Offset of the first CR or LF, or s.n. */
static inline size_t slice_line_end(slice s)
{
    return slice_either(s, '\n', '\r');
}

/* Takes the next line from *rest (ends LF, CRLF or CR; the end is consumed and not part of the line).
 * Returns false when *rest is empty. A CR at the very end counts as a line end, so keep it back while more may follow.
 */
bool slice_line(slice *rest, slice *line);

/* The same for a text whose lines end in LF only, as those of decoded parts do. */
static inline bool slice_lf_line(slice *rest, slice *line)
{
    const char *end = rest->n ? memchr(rest->p, '\n', rest->n) : NULL;
    size_t n = end ? (size_t)(end - rest->p) : rest->n, next = end ? n + 1 : n;
    bool more = rest->n > 0;
    *line = (slice){rest->p, n};
    *rest = (slice){rest->p + next, rest->n - next};
    return more;
}

/* Takes the text up to `sep` from *rest (the separator is consumed). Returns false when *rest is used up
 * (its p is NULL after the last field, so an empty last field is delivered once). */
bool slice_split(slice *rest, char sep, slice *field);

/* Takes the next run of non-white-space. Returns false when none is left. */
bool slice_word(slice *rest, slice *word);

/* The decimal number that is the whole of `s` (digits only, no sign). Returns false on anything else or overflow. */
NODISCARD bool slice_u64(slice s, uint64_t *out);

#endif
