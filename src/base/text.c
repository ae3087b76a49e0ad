#include "base/text.h"

#ifdef __SSE2__
#include <emmintrin.h>
#endif

#define HIGH_BITS UINT64_C(0x8080808080808080)
#define REPLACEMENT "\xef\xbf\xbd" /* U+FFFD */

/* Length of the run of ASCII at the start of s. */
static size_t ascii_run(slice s)
{
    size_t i = 0;
    uint64_t x;
    for (; s.n - i >= 8; i += 8) {
        memcpy(&x, s.p + i, 8);
        if (x & HIGH_BITS)
            break;
    }
    while (i < s.n && (unsigned char)s.p[i] < 0x80)
        i++;
    return i;
}

static bool is_tail(unsigned char c)
{
    return (c & 0xc0) == 0x80;
}

size_t utf8_len(slice s)
{
    if (s.n == 0)
        return 0;
    const unsigned char *p = (const unsigned char *)s.p;
    if (p[0] < 0x80)
        return 1;
    if (p[0] < 0xc2 || p[0] > 0xf4) /* a tail byte, an overlong form, above U+10FFFF */
        return 0;
    if (s.n < 2 || !is_tail(p[1]))
        return 0;
    if (p[0] < 0xe0)
        return 2;
    if (s.n < 3 || !is_tail(p[2]))
        return 0;
    if (p[0] < 0xf0) /* no overlong forms, no surrogates */
        return (p[0] == 0xe0 && p[1] < 0xa0) || (p[0] == 0xed && p[1] > 0x9f) ? 0 : 3;
    if (s.n < 4 || !is_tail(p[3]))
        return 0;
    return (p[0] == 0xf0 && p[1] < 0x90) || (p[0] == 0xf4 && p[1] > 0x8f) ? 0 : 4;
}

bool text_is_ascii(slice s)
{
    uint64_t word;
    size_t i = 0;
#ifdef __SSE2__
    enum { LANES = 16 };
    for (; s.n - i >= (size_t)2 * LANES; i += (size_t)2 * LANES) {
        __m128i here = _mm_loadu_si128((const __m128i *)(const void *)(s.p + i));
        __m128i next = _mm_loadu_si128((const __m128i *)(const void *)(s.p + i + LANES));
        if (_mm_movemask_epi8(_mm_or_si128(here, next)))
            return false;
    }
#endif
    for (; s.n - i >= sizeof word; i += sizeof word) {
        memcpy(&word, s.p + i, sizeof word);
        if (word & UINT64_C(0x8080808080808080))
            return false;
    }
    for (; i < s.n; i++)
        if ((unsigned char)s.p[i] >= 0x80)
            return false;
    return true;
}

bool utf8_valid(slice s)
{
    while (s.n > 0) {
        size_t n = (unsigned char)s.p[0] < 0x80 ? ascii_run(s) : utf8_len(s);
        if (n == 0)
            return false;
        s = (slice){s.p + n, s.n - n};
    }
    return true;
}

uint32_t utf8_get(slice s, size_t *len)
{
    static const unsigned char first_bits[5] = {0, 0x7f, 0x1f, 0x0f, 0x07};
    size_t n = utf8_len(s);
    MUST(n > 0);
    uint32_t cp = (unsigned char)s.p[0] & first_bits[n];
    for (size_t i = 1; i < n; i++)
        cp = cp << 6 | ((unsigned char)s.p[i] & 0x3f);
    *len = n;
    return cp;
}

size_t utf8_put(uint32_t cp, char out[4])
{
    MUST(cp <= 0x10FFFF);
    if (cp < 0x80) {
        out[0] = (char)cp;
        return 1;
    }
    size_t n = cp < 0x800 ? 2 : cp < 0x10000 ? 3 : 4;
    for (size_t i = n - 1; i > 0; i--, cp >>= 6)
        out[i] = (char)(0x80 | (cp & 0x3f));
    out[0] = (char)((0xf00U >> n & 0xf0) | cp);
    return n;
}

enum glyph { SHOWN, CONTROL, INVISIBLE, BROKEN };

/* What stands at the start of s (which is not empty) and how long it is. */
static enum glyph glyph_at(slice s, size_t *len)
{
    *len = 1;
    unsigned char c = (unsigned char)s.p[0];
    if (c < 0x80)
        return c < 0x20 || c == 0x7f ? CONTROL : SHOWN;
    if (utf8_len(s) == 0)
        return BROKEN;
    uint32_t cp = utf8_get(s, len);
    if (cp < 0xa0 || cp == 0x2028 || cp == 0x2029) /* C1, line and paragraph separator */
        return CONTROL;
    if ((cp >= 0x202a && cp <= 0x202e) || (cp >= 0x2066 && cp <= 0x2069) || cp == 0xfeff)
        return INVISIBLE;
    return SHOWN;
}

bool text_safe(slice s)
{
    for (size_t i = 0, n = 1; i < s.n; i += n) {
        if (s.p[i] >= ' ' && s.p[i] < 0x7f) /* nearly all there is */
            n = 1;
        else if (glyph_at(slice_from(s, i), &n) != SHOWN)
            return false;
    }
    return true;
}

/* Output of make_safe: counts only while p is NULL. */
struct sink {
    char *p;
    size_t n, max;
    size_t cut; /* the last end of a character behind which "..." still fits */
    bool full;  /* a character did not fit */
};

static void sink_add(struct sink *o, slice s)
{
    if (s.n > o->max - o->n) {
        o->full = true;
        return;
    }
    if (o->p && s.n)
        memcpy(o->p + o->n, s.p, s.n);
    o->n += s.n;
    if (o->max >= 3 && o->n <= o->max - 3)
        o->cut = o->n;
}

static void make_safe(slice s, struct sink *o)
{
    bool space_last = false, control_last = false;
    while (s.n && !o->full) {
        size_t len;
        slice glyph = SLICE_EMPTY;
        bool control = false;
        switch (glyph_at(s, &len)) {
        case SHOWN:
            glyph = slice_of(s.p, len);
            if (control_last && s.p[0] == ' ') /* the control byte before it gave the space */
                glyph = SLICE_EMPTY;
            control = control_last && s.p[0] == ' ';
            break;
        case CONTROL:
            control = true;
            if (!space_last)
                glyph = S(" ");
            break;
        case INVISIBLE:
            control = control_last;
            break;
        case BROKEN:
            glyph = S(REPLACEMENT);
            break;
        }
        sink_add(o, glyph);
        if (glyph.n)
            space_last = glyph.p[0] == ' ';
        control_last = control;
        s = slice_from(s, len);
    }
}

/* What comes out of a text: so many bytes, and "..." behind them when it is cut. */
struct fit {
    size_t n;
    size_t dots; /* 3 or 0 */
};

static struct fit measure(slice s, size_t max)
{
    struct sink o = {.max = max};
    make_safe(s, &o);
    return o.full ? (struct fit){o.cut, max >= 3 ? 3 : 0} : (struct fit){o.n, 0};
}

static void write_safe(slice s, struct fit fit, char *out)
{
    struct sink o = {.p = out, .max = fit.n};
    make_safe(s, &o);
    MUST(o.n == fit.n);
    memcpy(out + fit.n, "...", fit.dots);
}

void text_add_safe(buf *b, slice s, size_t max_bytes)
{
    if (s.n <= max_bytes && text_safe(s)) {
        buf_add(b, s);
        return;
    }
    struct fit fit = measure(s, max_bytes);
    if (fit.n + fit.dots == 0 || !buf_reserve(b, fit.n + fit.dots))
        return;
    write_safe(s, fit, b->p + b->n);
    b->n += fit.n + fit.dots;
    b->p[b->n] = '\0';
}

slice text_safe_dup(arena *a, slice s, size_t max_bytes)
{
    if (s.n <= max_bytes && text_safe(s))
        return s;
    struct fit fit = measure(s, max_bytes);
    char *p = arena_alloc(a, fit.n + fit.dots);
    if (!p)
        return SLICE_EMPTY;
    write_safe(s, fit, p);
    return slice_of(p, fit.n + fit.dots);
}

slice text_lower(arena *a, slice s)
{
    size_t i = 0;
    while (i < s.n && ascii_lower(s.p[i]) == s.p[i])
        i++;
    if (i == s.n)
        return s;
    char *p = arena_alloc(a, s.n);
    if (!p)
        return SLICE_EMPTY;
    memcpy(p, s.p, i);
    for (; i < s.n; i++)
        p[i] = ascii_lower(s.p[i]);
    return (slice){p, s.n};
}

/* The next white space at or behind i that text_squeeze changes, or s.n; s is trimmed: behind white space stands something. */
static size_t next_loose(slice s, size_t i)
{
#ifdef __SSE2__
    const __m128i blank = _mm_set1_epi8(' '), below = _mm_set1_epi8('\t' - 1), above = _mm_set1_epi8('\r' + 1);
    for (; s.n - i > sizeof blank; i += sizeof blank) {
        __m128i here = _mm_loadu_si128((const __m128i *)(const void *)(s.p + i));
        __m128i next = _mm_loadu_si128((const __m128i *)(const void *)(s.p + i + 1));
        __m128i control = _mm_and_si128(_mm_cmpgt_epi8(here, below), _mm_cmplt_epi8(here, above));
        __m128i before = _mm_and_si128(_mm_cmpgt_epi8(next, below), _mm_cmplt_epi8(next, above));
        before = _mm_and_si128(_mm_or_si128(before, _mm_cmpeq_epi8(next, blank)), _mm_cmpeq_epi8(here, blank));
        unsigned found = (unsigned)_mm_movemask_epi8(_mm_or_si128(control, before));
        if (found)
            return i + (unsigned)__builtin_ctz(found);
    }
#endif
    while (i < s.n && (!ascii_space(s.p[i]) || (s.p[i] == ' ' && !ascii_space(s.p[i + 1]))))
        i++;
    return i;
}

slice text_squeeze(arena *a, slice s)
{
    s = slice_trim(s);
    size_t i = next_loose(s, 0), n = 0;
    if (i == s.n)
        return s;
    char *p = arena_alloc(a, s.n);
    if (!p)
        return SLICE_EMPTY;
    for (size_t from = 0; from < s.n; i = next_loose(s, from)) {
        memcpy(p + n, s.p + from, i - from);
        n += i - from;
        if (i < s.n)
            p[n++] = ' ';
        for (from = i; from < s.n && ascii_space(s.p[from]); from++)
            ;
    }
    return slice_of(p, n);
}

size_t text_comment_span(slice s)
{
    size_t depth = 0;
    for (size_t i = 0; i < s.n; i++) {
        if (s.p[i] == '\\')
            i++;
        else if (s.p[i] == '(')
            depth++;
        else if (s.p[i] == ')' && --depth == 0)
            return i + 1;
    }
    return s.n;
}
