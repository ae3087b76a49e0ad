/* Text in text: sixteen places at once are looked at for the first and the last byte of what is searched for. */
#include "base/slice.h"

#ifdef __SSE2__
#include <emmintrin.h>
#endif

enum {
    LANES = 16,
    LONG_NEEDLE = 24, /* and a text as long as that: memmem moves over it by leaps */
    LONG_TEXT = 1024,
    MAX_WRONG = 64 /* places that look right and are not, before something is used that is linear over any text */
};

typedef bool same_fn(const char *a, const char *b, size_t n);

static bool same(const char *a, const char *b, size_t n)
{
    return memcmp(a, b, n) == 0;
}

/* Looks at one place after the other. */
static size_t find_slowly(slice s, slice needle, same_fn *is_same, size_t places)
{
    char first = ascii_lower(needle.p[0]);
    for (size_t i = 0; i < places; i++)
        if (ascii_lower(s.p[i]) == first && is_same(s.p + i, needle.p, needle.n))
            return i;
    return SLICE_NPOS;
}

#ifdef __SSE2__
/* The first or last byte of a needle, in all lanes. */
struct byte_lanes {
    __m128i value, letter; /* letter: the bit that tells the cases of a letter apart, where case is ignored */
};

static inline struct byte_lanes lanes_of(char c, bool any_case)
{
    __m128i letter = _mm_set1_epi8(any_case && ascii_alpha(c) ? 0x20 : 0);
    return (struct byte_lanes){_mm_or_si128(_mm_set1_epi8(c), letter), letter};
}

static inline __m128i lanes_equal(const char *p, const struct byte_lanes *b, bool any_case)
{
    __m128i bytes = _mm_loadu_si128((const __m128i *)(const void *)p);
    return _mm_cmpeq_epi8(any_case ? _mm_or_si128(bytes, b->letter) : bytes, b->value);
}

/* Marks the places among the LANES at p where a needle of n bytes may begin. */
static inline __m128i may_begin(const char *p, size_t n, const struct byte_lanes *head, const struct byte_lanes *tail,
                                bool any_case)
{
    return _mm_and_si128(lanes_equal(p, head, any_case), lanes_equal(p + n - 1, tail, any_case));
}
#endif

/* Offset of the needle; else SLICE_NPOS, and *rest is where it was given up (behind the last place: it is not there). */
static inline size_t find_fast(slice s, slice needle, bool any_case, same_fn *is_same, size_t *rest)
{
    size_t places = s.n - needle.n + 1;
    *rest = places;
    if (places < LANES)
        return find_slowly(s, needle, is_same, places);
#ifdef __SSE2__
    const struct byte_lanes head = lanes_of(needle.p[0], any_case);
    const struct byte_lanes tail = lanes_of(needle.p[needle.n - 1], any_case);
    unsigned wrong = 0;
    for (size_t i = 0; i < places; i += LANES) {
        for (; places - i >= (size_t)2 * LANES; i += (size_t)2 * LANES) { /* nothing in most of them */
            __m128i here = may_begin(s.p + i, needle.n, &head, &tail, any_case);
            __m128i next = may_begin(s.p + i + LANES, needle.n, &head, &tail, any_case);
            if (_mm_movemask_epi8(_mm_or_si128(here, next)))
                break;
        }
        if (places - i < LANES)
            i = places - LANES;
        unsigned found = (unsigned)_mm_movemask_epi8(may_begin(s.p + i, needle.n, &head, &tail, any_case));
        for (; found; found &= found - 1) {
            size_t at = i + (unsigned)__builtin_ctz(found);
            if (is_same(s.p + at, needle.p, needle.n))
                return at;
            *rest = at + 1;
            if (++wrong > MAX_WRONG)
                return SLICE_NPOS;
        }
    }
    *rest = places;
#else
    (void)any_case;
    *rest = 0;
#endif
    return SLICE_NPOS;
}

size_t slice_find(slice s, slice needle)
{
    if (needle.n == 0)
        return 0;
    if (needle.n > s.n)
        return SLICE_NPOS;
    size_t rest = 0, found = SLICE_NPOS;
    if (needle.n < LONG_NEEDLE || s.n < LONG_TEXT)
        found = find_fast(s, needle, false, same, &rest);
    if (found != SLICE_NPOS || rest > s.n - needle.n)
        return found;
    const char *hit = memmem(s.p + rest, s.n - rest, needle.p, needle.n);
    return hit ? (size_t)(hit - s.p) : SLICE_NPOS;
}

/* Offset of the first `c` at or after `from` and before `end`, or `end`. */
static size_t next_byte(const char *p, size_t from, size_t end, char c)
{
    const char *hit = from < end ? memchr(p + from, c, end - from) : NULL;
    return hit ? (size_t)(hit - p) : end;
}

/* From `from` on, by the next place of the first letter in either case; each is searched again only when it was passed. */
static size_t find_by_letter(slice s, slice needle, size_t from)
{
    size_t end = s.n - needle.n + 1; /* starts at or after it cannot fit */
    char lower = ascii_lower(needle.p[0]);
    char upper = ascii_alpha(lower) ? (char)(lower - 32) : lower;
    size_t at_lower = next_byte(s.p, from, end, lower);
    size_t at_upper = lower == upper ? end : next_byte(s.p, from, end, upper);
    for (;;) {
        size_t at = at_lower < at_upper ? at_lower : at_upper;
        if (at == end)
            return SLICE_NPOS;
        if (bytes_same_ci(s.p + at, needle.p, needle.n))
            return at;
        if (at == at_lower)
            at_lower = next_byte(s.p, at + 1, end, lower);
        else
            at_upper = next_byte(s.p, at + 1, end, upper);
    }
}

size_t slice_find_ci(slice s, slice needle)
{
    if (needle.n == 0)
        return 0;
    if (needle.n > s.n)
        return SLICE_NPOS;
    size_t rest, found = find_fast(s, needle, true, bytes_same_ci, &rest);
    return found != SLICE_NPOS || rest > s.n - needle.n ? found : find_by_letter(s, needle, rest);
}
