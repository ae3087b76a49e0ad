/* Encoded words (RFC 2047) and raw 8-bit text in fields. */
#include "bounce/header.h"

#include "base/codec.h"
#include "base/text.h"
#include "bounce/charset.h"

#define WORD_MAX_CHARSET 64 /* octets of a charset name in an encoded word */
#define WORD_MAX_TEXT 8192  /* octets of a word; RFC 2047 2 allows 75 */
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
    slice body = slice_sub(s, end + 3, WORD_MAX_TEXT);
    size_t stop = slice_find(body, S("?="));
    if (stop != SLICE_NPOS) {
        w->text = slice_sub(body, 0, stop);
        w->span = end + 3 + stop + 2;
        return true;
    }
    if (end + 3 + body.n < s.n || slice_chr(body, ' ') != SLICE_NPOS || slice_find(body, S("=?")) != SLICE_NPOS)
        return false;
    w->text = body;
    w->span = s.n;
    return true;
}

static size_t word_decode(const struct word *w, char *out)
{
    return w->base64 ? base64_decode(w->text, out) : qp_decode(w->text, true, out);
}

/* The word behind the blanks at s, if one stands there; *gap is how many blanks. */
static bool word_next(slice s, struct word *w, size_t *gap)
{
    *gap = 0;
    while (*gap < s.n && *gap < WORD_MAX_SPACE && ascii_space(s.p[*gap]))
        ++*gap;
    slice next = slice_from(s, *gap);
    return slice_starts(next, S("=?")) && word_read(next, w);
}

/* Octets that the words at s take that share the charset of the first: together they encode one text, for a character
 * may be split between them. Blanks between words are not part of the text and are taken along, also before a word of
 * another charset. */
static size_t run_span(slice s, slice charset, size_t *decoded)
{
    size_t span = 0;
    size_t gap;
    struct word w;
    *decoded = 0;
    while (word_next(slice_from(s, span), &w, &gap)) {
        span += gap;
        if (!slice_eq_ci(w.charset, charset))
            break;
        span += w.span;
        *decoded += w.text.n + 3; /* at most */
    }
    return span;
}

/* Decodes the run of words at s. Returns what it took of s. */
static size_t run_decode(struct charsets *cs, arena *a, slice s, slice charset, slice *text)
{
    size_t room;
    size_t gap;
    size_t n = 0;
    struct word w;
    size_t span = run_span(s, charset, &room);
    char *raw = arena_alloc(a, room);
    *text = SLICE_EMPTY;
    if (raw == NULL)
        return span;
    slice run = slice_sub(s, 0, span);
    while (word_next(run, &w, &gap)) {
        n += word_decode(&w, raw + n);
        run = slice_from(run, gap + w.span);
    }
    *text = charset_decode(cs, a, charset, slice_of(raw, n), NULL, NULL);
    return span;
}

/* Text between words. */
static slice plain_text(struct charsets *cs, arena *a, slice s, slice fallback)
{
    return charset_decode(cs, a, utf8_valid(s) ? SLICE_EMPTY : fallback, s, NULL, NULL);
}

static bool is_plain_ascii(slice s)
{
    return text_is_ascii(s) && slice_chr(s, '\x1b') == SLICE_NPOS;
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
    if (slice_empty(value))
        return value;
    slice s = header_unfold(a, value);
    size_t at = slice_chr(s, '=') == SLICE_NPOS ? SLICE_NPOS : slice_find(s, S("=?"));
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
            at += run_decode(cs, a, slice_from(s, at), w.charset, &text);
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
