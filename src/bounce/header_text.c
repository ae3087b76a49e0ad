/* Encoded words (RFC 2047) and raw 8-bit text in fields. */
#include "bounce/header.h"

#include "base/codec.h"
#include "base/text.h"
#include "bounce/charset.h"

#define WORD_MAX_CHARSET 64 /* octets of a charset name in an encoded word */
#define WORD_MAX_SPACE 1000 /* blanks between two words that are looked at to join them */

struct word {
    slice charset, text;
    bool base64;
    size_t span; /* octets from "=?" through "?=" */
};

/* Reads the encoded word at s, which starts with "=?". Blanks inside are taken, and a last word that was cut off. */
static bool word_read(slice s, struct word *w)
{
    size_t end = 2;
    while (end < s.n && end < WORD_MAX_CHARSET + 2 && s.p[end] != '?' && !ascii_space(s.p[end]))
        end++;
    if (end == 2 || end + 2 >= s.n || s.p[end] != '?' || s.p[end + 2] != '?')
        return false;
    char encoding = ascii_lower(s.p[end + 1]);
    if (encoding != 'b' && encoding != 'q')
        return false;
    slice charset = slice_sub(s, 2, end - 2);
    size_t star = slice_chr(charset, '*'); /* RFC 2231 5: a language tag behind it */
    w->charset = star == SLICE_NPOS ? charset : slice_sub(charset, 0, star);
    w->base64 = encoding == 'b';
    slice body = slice_from(s, end + 3);
    size_t stop = slice_find(body, S("?="));
    if (stop != SLICE_NPOS) {
        w->text = slice_sub(body, 0, stop);
        w->span = end + 3 + stop + 2;
        return true;
    }
    if (slice_chr(body, ' ') != SLICE_NPOS || slice_find(body, S("=?")) != SLICE_NPOS)
        return false;
    w->text = body;
    w->span = s.n;
    return true;
}

static size_t word_decode(const struct word *w, char *out)
{
    return w->base64 ? base64_decode(w->text, out) : qp_decode(w->text, true, out);
}

/* Decodes the words at s that share one charset and encode one text (a character may be split between them) and appends
 * the text to out. Returns what it took of s. */
static size_t words_take(struct charsets *cs, arena *a, slice s, struct word w, slice *text)
{
    char *raw = arena_alloc(a, s.n + 3); /* each word decodes to less than it takes */
    *text = SLICE_EMPTY;
    if (raw == NULL)
        return s.n;
    size_t n = 0;
    size_t taken = 0;
    slice charset = w.charset;
    for (;;) {
        n += word_decode(&w, raw + n);
        taken += w.span;
        size_t gap = taken;
        while (gap < s.n && gap - taken < WORD_MAX_SPACE && ascii_space(s.p[gap]))
            gap++;
        slice next = slice_from(s, gap);
        if (!slice_starts(next, S("=?")) || !word_read(next, &w))
            break;
        taken = gap; /* blanks between words are not part of the text */
        if (!slice_eq_ci(w.charset, charset))
            break;
    }
    *text = charset_decode(cs, a, charset, slice_of(raw, n), NULL, NULL);
    return taken;
}

/* Text between words. */
static slice plain_text(struct charsets *cs, arena *a, slice s, slice fallback)
{
    return charset_decode(cs, a, utf8_valid(s) ? SLICE_EMPTY : fallback, s, NULL, NULL);
}

static bool is_plain_ascii(slice s)
{
    for (size_t i = 0; i < s.n; i++)
        if ((unsigned char)s.p[i] >= 0x80 || s.p[i] == 0x1b)
            return false;
    return true;
}

struct piece {
    slice text;
    struct piece *next;
};

static bool piece_add(arena *a, struct piece ***tail, slice text)
{
    struct piece *p = ARENA_NEW(a, struct piece);
    if (p == NULL)
        return false;
    p->text = text;
    **tail = p;
    *tail = &p->next;
    return true;
}

/* Joins the pieces to one line: a line end or NUL hidden in a word does not come through. */
static slice pieces_join(arena *a, const struct piece *first)
{
    size_t n = 0;
    for (const struct piece *p = first; p != NULL; p = p->next)
        n += p->text.n;
    char *out = arena_alloc(a, n);
    if (out == NULL)
        return SLICE_EMPTY;
    n = 0;
    for (const struct piece *p = first; p != NULL; p = p->next)
        for (size_t i = 0; i < p->text.n; i++) {
            char c = p->text.p[i];
            out[n++] = c == '\n' || c == '\r' || c == '\0' ? ' ' : c;
        }
    return slice_of(out, n);
}

slice header_text(struct charsets *cs, arena *a, slice value, slice fallback)
{
    slice s = header_unfold(a, value);
    size_t at = slice_find(s, S("=?"));
    if (at == SLICE_NPOS)
        return is_plain_ascii(s) ? s : plain_text(cs, a, s, fallback);
    struct piece *first = NULL;
    struct piece **tail = &first;
    size_t plain = 0; /* where text not yet appended begins */
    struct word w;
    while (at < s.n) {
        if (!word_read(slice_from(s, at), &w)) {
            at += 2;
        } else {
            slice text;
            if (at > plain && !piece_add(a, &tail, plain_text(cs, a, slice_sub(s, plain, at - plain), fallback)))
                break;
            at += words_take(cs, a, slice_from(s, at), w, &text);
            plain = at;
            if (!piece_add(a, &tail, text))
                break;
        }
        size_t next = slice_find(slice_from(s, at), S("=?"));
        at = next == SLICE_NPOS ? s.n : at + next;
    }
    if (first == NULL)
        return is_plain_ascii(s) ? s : plain_text(cs, a, s, fallback);
    if (plain < s.n)
        (void)piece_add(a, &tail, plain_text(cs, a, slice_from(s, plain), fallback));
    return pieces_join(a, first);
}
