#include "bounce/charset.h"

#include <errno.h>
#include <iconv.h>
#include <stdlib.h>

#include "base/text.h"

#define CHARSET_MAX_NAME 40  /* octets of a normalised name */
#define CHARSET_SMALL 32768  /* up to here the worst case is allocated; above it the output is measured first */
#define CHARSET_SCRATCH 4096 /* octets that are measured at once */
#define CHARSET_SLACK 16     /* octets for what a converter holds back */
#define CHARSET_MAX_GROWTH 3 /* octets of UTF-8 for an octet of anything, nearly always */
#define REPLACEMENT "\xEF\xBF\xBD"

enum charset {
#define CHARSET(symbol, name) CS_##symbol,
#include "bounce/charsets.def"
#undef CHARSET
    CS_ICONV, /* how many go through iconv; the rest is done here */
    CS_UTF8 = CS_ICONV,
    CS_ASCII,
    CS_CP1252,
    CS_UTF16, /* byte order by its mark or its looks */
    CS_GUESS, /* names that say nothing */
    CS_UNKNOWN
};

static const char *const iconv_names[CS_ICONV] = {
#define CHARSET(symbol, name) name,
#include "bounce/charsets.def"
#undef CHARSET
};

static const struct alias {
    slice name;
    enum charset charset;
} aliases[] = {
#define ALIAS(name, symbol) {SLICE_INIT(name), CS_##symbol},
#include "bounce/charsets.def"
#undef ALIAS
};

/* ESC, SO and SI change what follows them in some charsets. */
static bool is_shift(char c)
{
    return c == 0x1b || c == 0x0e || c == 0x0f;
}

/* windows-1252 0x80 to 0x9F; 0 where nothing is assigned. */
static const uint16_t cp1252_high[32] = {0x20AC, 0,      0x201A, 0x0192, 0x201E, 0x2026, 0x2020, 0x2021,
                                         0x02C6, 0x2030, 0x0160, 0x2039, 0x0152, 0,      0x017D, 0,
                                         0,      0x2018, 0x2019, 0x201C, 0x201D, 0x2022, 0x2013, 0x2014,
                                         0x02DC, 0x2122, 0x0161, 0x203A, 0x0153, 0,      0x017E, 0x0178};

struct charsets {
    iconv_t cd[CS_ICONV]; /* (iconv_t)-1 where the system has no such converter */
    bool plain[CS_ICONV]; /* ASCII without shifts is the same in it: nothing to convert */
};

/* Whether the converter leaves ASCII alone; asked once of each, so that nothing rests on its name. */
static bool leaves_ascii(iconv_t cd)
{
    char ascii[0x80 + 8], out[sizeof ascii * 4];
    size_t n = 0;
    for (char c = 0; n < 0x80 - 3; c++)
        if (!is_shift(c))
            ascii[n++] = c;
    memcpy(ascii + n, "+AD-~{a", 7); /* what begins an escape in UTF-7 and HZ */
    char *in = ascii, *to = out;
    size_t left = n += 7, room = sizeof out;
    iconv(cd, NULL, NULL, NULL, NULL);
    bool done = iconv(cd, &in, &left, &to, &room) == 0 && iconv(cd, NULL, NULL, &to, &room) == 0;
    return done && sizeof out - room == n && !memcmp(out, ascii, n);
}

struct charsets *charsets_new(void)
{
    struct charsets *cs = malloc(sizeof *cs);
    if (cs == NULL)
        return NULL;
    for (size_t i = 0; i < CS_ICONV; i++) {
        cs->cd[i] = iconv_open("UTF-8", iconv_names[i]);
        cs->plain[i] = cs->cd[i] != (iconv_t)-1 && leaves_ascii(cs->cd[i]);
    }
    return cs;
}

void charsets_free(struct charsets **cs)
{
    if (*cs == NULL)
        return;
    for (size_t i = 0; i < CS_ICONV; i++)
        if ((*cs)->cd[i] != (iconv_t)-1)
            iconv_close((*cs)->cd[i]);
    free(*cs);
    *cs = NULL;
}

/* ---- names ---------------------------------------------------------------------------------------------------- */

static enum charset charset_find(slice name)
{
    char plain[CHARSET_MAX_NAME];
    size_t n = 0;
    for (size_t i = 0; i < name.n; i++) {
        if (!ascii_alnum(name.p[i]))
            continue;
        if (n == sizeof plain)
            return CS_UNKNOWN;
        plain[n++] = ascii_lower(name.p[i]);
    }
    if (n == 0)
        return CS_GUESS;
    size_t low = 0;
    size_t high = ARRAY_LEN(aliases);
    while (low < high) {
        size_t mid = low + (high - low) / 2;
        int order = slice_cmp((slice){plain, n}, aliases[mid].name);
        if (order == 0)
            return aliases[mid].charset;
        if (order < 0)
            high = mid;
        else
            low = mid + 1;
    }
    return CS_UNKNOWN;
}

/* ---- what needs no converter ---------------------------------------------------------------------------------- */

static slice from_cp1252(arena *a, slice s, bool *errors)
{
    size_t most = 0;
    for (size_t i = 0; i < s.n; i++)
        most += (unsigned char)s.p[i] < 0x80 ? 1 : CHARSET_MAX_GROWTH;
    char *out = arena_alloc(a, most);
    if (out == NULL)
        return SLICE_EMPTY;
    size_t n = 0;
    for (size_t i = 0; i < s.n; i++) {
        unsigned char c = (unsigned char)s.p[i];
        uint32_t cp = c >= 0x80 && c < 0xA0 ? cp1252_high[c - 0x80] : c;
        if (cp == 0 && c != 0) {
            cp = 0xFFFD;
            *errors = true;
        }
        if (cp < 0x80)
            out[n++] = (char)cp;
        else
            n += utf8_put(cp, out + n);
    }
    return slice_of(out, n);
}

/* UTF-8 with its wrong bytes replaced. */
static slice from_utf8(arena *a, slice s, bool *errors)
{
    if (utf8_valid(s))
        return s;
    *errors = true;
    size_t wrong = 0;
    for (size_t i = 0; i < s.n;) {
        size_t n = utf8_len(slice_from(s, i));
        wrong += n == 0;
        i += n == 0 ? 1 : n;
    }
    char *out = arena_alloc(a, s.n + wrong * (sizeof REPLACEMENT - 2));
    if (out == NULL)
        return SLICE_EMPTY;
    size_t at = 0;
    for (size_t i = 0; i < s.n;) {
        size_t n = utf8_len(slice_from(s, i));
        const char *from = n == 0 ? REPLACEMENT : s.p + i;
        size_t width = n == 0 ? sizeof REPLACEMENT - 1 : n;
        memcpy(out + at, from, width);
        at += width;
        i += n == 0 ? 1 : n;
    }
    return slice_of(out, at);
}

/* ---- converters ----------------------------------------------------------------------------------------------- */

/* Where the output of a converter goes; counted only when out is NULL. */
struct sink {
    char *out;
    size_t n, room;
};

/* One call of iconv; in and left NULL ask for what it still holds. True when it wants no more calls. */
static bool convert_step(iconv_t cd, char **in, size_t *left, struct sink *k, int *why)
{
    char scratch[CHARSET_SCRATCH];
    char *to = k->out != NULL ? k->out + k->n : scratch;
    size_t space = k->out != NULL ? k->room - k->n : sizeof scratch;
    size_t before = space;
    errno = 0;
    size_t got = iconv(cd, in, left, &to, &space);
    *why = errno;
    k->n += before - space;
    return got != (size_t)-1;
}

/* Converts s into k. Wrong octets become U+FFFD, one each; a strict caller wants nothing behind the first. */
static void convert(iconv_t cd, slice s, struct sink *k, bool strict, bool *errors)
{
    char *in = (char *)(uintptr_t)s.p; /* iconv does not write to its input */
    size_t left = s.n;
    int why;
    iconv(cd, NULL, NULL, NULL, NULL); /* forget the state that the last text left behind */
    while (left > 0 && !convert_step(cd, &in, &left, k, &why)) {
        if (why == E2BIG && k->out == NULL)
            continue;
        *errors = true;
        if (strict || why == E2BIG || (k->out != NULL && k->room - k->n < sizeof REPLACEMENT - 1))
            return;
        if (k->out != NULL)
            memcpy(k->out + k->n, REPLACEMENT, sizeof REPLACEMENT - 1);
        k->n += sizeof REPLACEMENT - 1;
        in++;
        left--;
    }
    (void)convert_step(cd, NULL, NULL, k, &why); /* a character held back for a combining mark */
}

/* With `strict` nothing that can be used is given when there are errors. */
static slice from_iconv(iconv_t cd, arena *a, slice s, bool strict, bool *errors)
{
    bool wrong = false;
    struct sink k = {NULL, 0, 0};
    size_t room = s.n * CHARSET_MAX_GROWTH + CHARSET_SLACK;
    if (s.n > CHARSET_SMALL) {
        convert(cd, s, &k, strict, &wrong);
        room = k.n + CHARSET_SLACK;
    }
    k = (struct sink){wrong && strict ? NULL : arena_alloc(a, room), 0, room};
    if (k.out != NULL)
        convert(cd, s, &k, strict, &wrong);
    *errors |= wrong;
    return k.out != NULL ? slice_of(k.out, k.n) : SLICE_EMPTY;
}

/* ---- guesses -------------------------------------------------------------------------------------------------- */

static enum charset utf16_order(slice *s)
{
    if (slice_starts(*s, S("\xFF\xFE")) || slice_starts(*s, S("\xFE\xFF"))) {
        enum charset c = s->p[0] == '\xFF' ? CS_UTF16LE : CS_UTF16BE;
        *s = slice_from(*s, 2);
        return c;
    }
    size_t even = 0;
    size_t odd = 0;
    for (size_t i = 0; i < s->n; i++)
        if (s->p[i] == '\0')
            (i % 2 == 0 ? &even : &odd)[0]++;
    return odd > even ? CS_UTF16LE : CS_UTF16BE;
}

/* Russian in 8 bits: most octets above ASCII are its ten commonest small letters. Capitals and small letters stand the
 * other way round in the two charsets. */
static enum charset cyrillic_or_latin(slice s)
{
    enum { LOOK_AT = 4096, LEAST = 6 };
    static const char koi8[] = "\xCF\xC5\xC1\xC9\xCE\xD4\xD3\xD2\xD7\xCC";
    static const char windows[] = "\xEE\xE5\xE0\xE8\xED\xF2\xF1\xF0\xE2\xEB";
    size_t high = 0, in_koi8 = 0, in_windows = 0, beside = 0;
    for (size_t i = 0; i < s.n && i < LOOK_AT; i++) {
        unsigned char c = (unsigned char)s.p[i];
        if (c < 0x80)
            continue;
        high++;
        in_koi8 += memchr(koi8, c, sizeof koi8 - 1) != NULL;
        in_windows += memchr(windows, c, sizeof windows - 1) != NULL;
        beside += i > 0 && (unsigned char)s.p[i - 1] >= 0x80;
    }
    if (high < LEAST || beside * 2 < high) /* letters with marks stand alone between plain ones */
        return CS_CP1252;
    size_t most = in_koi8 > in_windows ? in_koi8 : in_windows;
    if (most * 2 < high)
        return CS_CP1252;
    return in_koi8 > in_windows ? CS_KOI8R : CS_CP1251;
}

/* What a text without a (meaningful) charset is in. */
static enum charset guess(slice s)
{
    if (slice_starts(s, S("\xFF\xFE")) || slice_starts(s, S("\xFE\xFF")))
        return CS_UTF16;
    if (!text_is_ascii(s))
        return utf8_valid(s) ? CS_UTF8 : cyrillic_or_latin(s);
    if (slice_chr(s, '\x1b') == SLICE_NPOS)
        return CS_ASCII;
    if (slice_find(s, S("\x1b$)C")) != SLICE_NPOS)
        return CS_ISO2022KR;
    if (slice_find(s, S("\x1b$)A")) != SLICE_NPOS)
        return CS_ISO2022CN;
    if (slice_find(s, S("\x1b$")) != SLICE_NPOS || slice_find(s, S("\x1b(")) != SLICE_NPOS)
        return CS_ISO2022JP;
    return CS_ASCII;
}

/* The charset to read s by, given the one that was named. */
static enum charset settle(enum charset named, slice *s, bool *errors, bool *unknown)
{
    if (named == CS_UNKNOWN)
        *unknown = true;
    if (named == CS_ASCII && !text_is_ascii(*s))
        *errors = true;
    if (named == CS_UNKNOWN || named == CS_ASCII || named == CS_GUESS)
        named = guess(*s);
    return named == CS_UTF16 ? utf16_order(s) : named;
}

/* Text that is not of the charset it is labelled with. Gateways turn text into UTF-8 and leave the label; Japanese mailers
 * label Shift_JIS and EUC-JP as ISO-2022-JP. False when it is neither. */
static bool mislabelled(struct charsets *cs, arena *a, enum charset c, slice s, slice *out)
{
    static const enum charset japanese[] = {CS_EUCJP, CS_CP932}; /* the pickier one first */
    *out = s;
    if (utf8_valid(s))
        return true;
    for (size_t i = 0; c == CS_ISO2022JP && i < ARRAY_LEN(japanese); i++) {
        bool errors = false;
        if (cs->cd[japanese[i]] == (iconv_t)-1)
            continue;
        *out = from_iconv(cs->cd[japanese[i]], a, s, true, &errors);
        if (!errors)
            return true;
    }
    return false;
}

static slice from_named(struct charsets *cs, arena *a, enum charset c, slice s, bool *errors)
{
    bool wrong = false, doubtful = !text_is_ascii(s);
    slice out = from_iconv(cs->cd[c], a, s, doubtful, &wrong);
    *errors |= wrong;
    if (!wrong || !doubtful || mislabelled(cs, a, c, s, &out))
        return out;
    return from_iconv(cs->cd[c], a, s, false, errors);
}

static bool is_unshifted_ascii(slice s)
{
    return text_is_ascii(s) && slice_chr(s, 0x1b) == SLICE_NPOS && slice_chr(s, 0x0e) == SLICE_NPOS &&
           slice_chr(s, 0x0f) == SLICE_NPOS;
}

slice charset_decode(struct charsets *cs, arena *a, slice name, slice text, bool *errors, bool *unknown)
{
    bool wrong = false;
    bool strange = false;
    enum charset c = settle(charset_find(name), &text, &wrong, &strange);
    slice out = text;
    if (c < CS_ICONV && (cs == NULL || cs->cd[c] == (iconv_t)-1)) {
        strange = true;
        c = utf8_valid(text) ? CS_UTF8 : CS_CP1252;
    }
    if (c < CS_ICONV && !(cs->plain[c] && is_unshifted_ascii(text)))
        out = from_named(cs, a, c, text, &wrong);
    else if (c == CS_CP1252 && !text_is_ascii(text))
        out = from_cp1252(a, text, &wrong);
    else if (c == CS_UTF8)
        out = from_utf8(a, slice_starts(text, S("\xEF\xBB\xBF")) ? slice_from(text, 3) : text, &wrong);
    if (errors != NULL && wrong)
        *errors = true;
    if (unknown != NULL && strange)
        *unknown = true;
    return out;
}
