#include "base/slice.h"

#ifdef __SSE2__
#include <emmintrin.h>
#endif

slice slice_str(const char *s)
{
    return s ? slice_of(s, strlen(s)) : SLICE_EMPTY;
}

/* Eight bytes at p. */
static inline uint64_t word_at(const char *p)
{
    uint64_t word;
    memcpy(&word, p, sizeof word);
    return word;
}

/* Eight bytes each, alike but for the case of ASCII letters. */
static inline bool words_same_ci(uint64_t a, uint64_t b)
{
    const uint64_t ones = UINT64_C(0x0101010101010101);
    uint64_t differ = a ^ b;
    if (differ == 0)
        return true;
    if (differ & ~(0x20 * ones))
        return false;
    uint64_t lower = a | (0x20 * ones), low7 = lower & (0x7f * ones);
    uint64_t letters = (low7 + (0x80 - 'a') * ones) & ~(low7 + (0x7f - 'z') * ones) & ~lower; /* in the top bits */
    return ((differ << 2) & ~letters) == 0;
}

/* The n bytes at p, fewer than eight: each is in the word, some twice. */
static inline uint64_t short_word_at(const char *p, size_t n)
{
    uint32_t first, last;
    if (n < sizeof first)
        return n == 0 ? 0
                      : (uint64_t)(unsigned char)p[0] << 16 | (uint64_t)(unsigned char)p[n / 2] << 8 |
                            (unsigned char)p[n - 1];
    memcpy(&first, p, sizeof first);
    memcpy(&last, p + n - sizeof last, sizeof last);
    return (uint64_t)first << 32 | last;
}

bool bytes_same_ci(const char *a, const char *b, size_t n)
{
    const size_t word = sizeof(uint64_t);
    if (n < word)
        return words_same_ci(short_word_at(a, n), short_word_at(b, n));
    for (size_t i = 0; i + word < n; i += word)
        if (!words_same_ci(word_at(a + i), word_at(b + i)))
            return false;
    return words_same_ci(word_at(a + n - word), word_at(b + n - word)); /* the last ones, some of them again */
}

bool slice_ends_ci(slice s, slice suffix)
{
    return s.n >= suffix.n && (suffix.n == 0 || bytes_same_ci(s.p + (s.n - suffix.n), suffix.p, suffix.n));
}

int slice_cmp(slice a, slice b)
{
    size_t n = a.n < b.n ? a.n : b.n;
    int order = n ? memcmp(a.p, b.p, n) : 0;
    if (order != 0)
        return order;
    return a.n < b.n ? -1 : a.n > b.n;
}

size_t slice_rchr(slice s, char c)
{
    const char *hit = s.n ? memrchr(s.p, c, s.n) : NULL;
    return hit ? (size_t)(hit - s.p) : SLICE_NPOS;
}

slice slice_unwrap(slice s, char open, char close)
{
    if (s.n >= 2 && s.p[0] == open && s.p[s.n - 1] == close)
        return slice_of(s.p + 1, s.n - 2);
    return s;
}

#ifdef __SSE2__
enum { LANES = 16 };

/* Bits of the LANES bytes at p that are a or b. */
static inline unsigned either_at(const char *p, __m128i a, __m128i b)
{
    __m128i bytes = _mm_loadu_si128((const __m128i *)(const void *)p);
    return (unsigned)_mm_movemask_epi8(_mm_or_si128(_mm_cmpeq_epi8(bytes, a), _mm_cmpeq_epi8(bytes, b)));
}

/* Both in one pass: lines are too short for two calls of memchr each. */
size_t slice_either(slice s, char a, char b)
{
    const __m128i all_a = _mm_set1_epi8(a), all_b = _mm_set1_epi8(b);
    size_t i = 0;
    unsigned found = 0;
    for (; s.n - i >= (size_t)2 * LANES; i += (size_t)2 * LANES) {
        found = either_at(s.p + i, all_a, all_b) | either_at(s.p + i + LANES, all_a, all_b) << LANES;
        if (found)
            return i + (unsigned)__builtin_ctz(found);
    }
    if (s.n - i >= LANES) {
        found = either_at(s.p + i, all_a, all_b);
        if (found)
            return i + (unsigned)__builtin_ctz(found);
        i += LANES;
    }
    if (s.n >= LANES && i < s.n) { /* the last ones, with some before them that are neither */
        i = s.n - LANES;
        found = either_at(s.p + i, all_a, all_b);
        return found ? i + (unsigned)__builtin_ctz(found) : s.n;
    }
    while (i < s.n && s.p[i] != a && s.p[i] != b)
        i++;
    return i;
}
#else
size_t slice_either(slice s, char a, char b)
{
    size_t i = 0;
    while (i < s.n && s.p[i] != a && s.p[i] != b)
        i++;
    return i;
}
#endif

bool slice_line(slice *rest, slice *line)
{
    if (rest->n == 0) {
        *line = SLICE_EMPTY;
        return false;
    }
    size_t n = slice_line_end(*rest);
    size_t next = n;
    if (next < rest->n && rest->p[next] == '\r')
        next++;
    if (next < rest->n && rest->p[next] == '\n')
        next++;
    *line = (slice){rest->p, n};
    *rest = (slice){rest->p + next, rest->n - next};
    return true;
}

bool slice_split(slice *rest, char sep, slice *field)
{
    if (!rest->p) {
        *field = SLICE_EMPTY;
        return false;
    }
    size_t at = slice_chr(*rest, sep);
    if (at == SLICE_NPOS) {
        *field = *rest;
        *rest = (slice){NULL, 0};
    } else {
        *field = (slice){rest->p, at};
        *rest = (slice){rest->p + at + 1, rest->n - at - 1};
    }
    return true;
}

bool slice_word(slice *rest, slice *word)
{
    slice s = slice_ltrim(*rest);
    size_t n = 0;
    while (n < s.n && !ascii_space(s.p[n]))
        n++;
    *word = slice_of(s.p, n);
    *rest = slice_from(s, n);
    return n > 0;
}

bool slice_u64(slice s, uint64_t *out)
{
    uint64_t v = 0;
    if (s.n == 0)
        return false;
    for (size_t i = 0; i < s.n; i++) {
        if (!ascii_digit(s.p[i]))
            return false;
        if (__builtin_mul_overflow(v, 10U, &v) || __builtin_add_overflow(v, (uint64_t)(s.p[i] - '0'), &v))
            return false;
    }
    *out = v;
    return true;
}
