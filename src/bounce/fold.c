#include "bounce/fold.h"

#include "base/text.h"
#include "bounce/eight.h"

/* One letter per ASCII byte, 16 a row. END also ends the raw token in which a local part may stand. */
enum byte_class {
    SEPARATOR = 'S',
    END = 'E',
    WORD = 'W',
    DIGIT = 'D',
    DOT = 'O',
    APOSTROPHE = 'Q',
    AT = 'A',
    BACKSLASH = 'B',
    NUMBER_SIGN = 'N'
};

static const char classes[] = /* clang-format off */
    "EEEEEEEEEEEEEEEE"
    "EEEEEEEEEEEEEEEE"
    "ESENSSSQEESSESOS"
    "DDDDDDDDDDEEESES"
    "AWWWWWWWWWWWWWWW"
    "WWWWWWWWWWWEBESS"
    "SWWWWWWWWWWWWWWW"
    "WWWWWWWWWWWSSSSE"; /* clang-format on */

const bool fold_word_byte[256] = {
    ['0'] = 1, ['1'] = 1, ['2'] = 1, ['3'] = 1, ['4'] = 1, ['5'] = 1, ['6'] = 1, ['7'] = 1, ['8'] = 1,
    ['9'] = 1, ['a'] = 1, ['b'] = 1, ['c'] = 1, ['d'] = 1, ['e'] = 1, ['f'] = 1, ['g'] = 1, ['h'] = 1,
    ['i'] = 1, ['j'] = 1, ['k'] = 1, ['l'] = 1, ['m'] = 1, ['n'] = 1, ['o'] = 1, ['p'] = 1, ['q'] = 1,
    ['r'] = 1, ['s'] = 1, ['t'] = 1, ['u'] = 1, ['v'] = 1, ['w'] = 1, ['x'] = 1, ['y'] = 1, ['z'] = 1};

/* U+00C0..U+017F without marks; '?' where the character is no letter. */
static const char latin[] = "aaaaaaaceeeeiiiidnooooo?ouuuuyts" /* C0; AE, ss, thorn below */
                            "aaaaaaaceeeeiiiidnooooo?ouuuuyty" /* E0 */
                            "aaaaaaccccccccddddeeeeeeeeeegggggggghhhhiiiiiiiiiiijjjkkkllllllllllnnnnn"
                            "nnnnoooooooorrrrrrssssssssttttttuuuuuuuuuuuuwwyyyzzzzzzs";

/* Greek vowels with tonos (U+0386..U+03CE) to the plain lower-case letter. */
static const struct {
    uint16_t from, to;
} greek_marks[] = {{0x386, 0x3B1}, {0x388, 0x3B5}, {0x389, 0x3B7}, {0x38A, 0x3B9}, {0x38C, 0x3BF}, {0x38E, 0x3C5},
                   {0x38F, 0x3C9}, {0x3AC, 0x3B1}, {0x3AD, 0x3B5}, {0x3AE, 0x3B7}, {0x3AF, 0x3B9}, {0x3C2, 0x3C3},
                   {0x3CA, 0x3B9}, {0x3CB, 0x3C5}, {0x3CC, 0x3BF}, {0x3CD, 0x3C5}, {0x3CE, 0x3C9}};

struct folder {
    slice in;
    size_t i;
    char *out;
    size_t o;
    size_t token_in, token_out;      /* where the raw token began: what stands before "@" */
    size_t quote_out, old_quote_out; /* behind the last two double quotes */
    bool pattern;
};

static char at(const struct folder *f, size_t i)
{
    return i < f->in.n ? f->in.p[i] : ' ';
}

static void put(struct folder *f, char c)
{
    f->out[f->o++] = c;
}

static void separate(struct folder *f)
{
    if (f->out[f->o - 1] != ' ')
        put(f, ' ');
}

static void end_token(struct folder *f)
{
    separate(f);
    f->token_in = f->i;
    f->token_out = f->o;
}

static void put_word(struct folder *f, slice word)
{
    memcpy(f->out + f->o, word.p, word.n);
    f->o += word.n;
}

/* Length of the dotted quad at i, 0 when there is none. */
static size_t ipv4_span(const struct folder *f, size_t i)
{
    size_t from = i;
    for (int part = 0; part < 4; part++) {
        size_t digits = 0;
        while (ascii_digit(at(f, i)) && digits < 4) {
            i++;
            digits++;
        }
        if (digits == 0 || digits > 3 || (part < 3 && at(f, i++) != '.'))
            return 0;
    }
    char next = at(f, i);
    return ascii_alnum(next) || (next == '.' && ascii_alnum(at(f, i + 1))) ? 0 : i - from;
}

static void fold_digit(struct folder *f)
{
    size_t n = f->out[f->o - 1] == ' ' ? ipv4_span(f, f->i) : 0;
    put(f, n ? '#' : f->in.p[f->i]);
    f->i += n ? n : 1;
}

static void fold_apostrophe(struct folder *f, size_t len)
{
    char before = f->out[f->o - 1];
    bool inside = ascii_alpha(before) && (ascii_alpha(at(f, f->i + len)) || (at(f, f->i + len) & 0x80));
    if (!inside || f->out[f->o - 2] == ' ')
        separate(f);
    f->i += len;
}

static bool domain_byte(char c)
{
    return ascii_alnum(c) || c == '.' || c == '-' || c == '_' || (c & 0x80);
}

static void fold_at(struct folder *f)
{
    char next = at(f, f->i + 1);
    bool quoted = f->i > 0 && f->in.p[f->i - 1] == '"';
    if ((f->i > f->token_in || quoted) && (domain_byte(next) || next == '[')) {
        f->o = quoted ? f->old_quote_out : f->token_out;
        f->i++;
        if (next == '[')
            while (f->i < f->in.n && f->in.p[f->i] != ']' && f->in.p[f->i] != ' ')
                f->i++;
        while (f->i < f->in.n && domain_byte(f->in.p[f->i]))
            f->i++;
        separate(f);
        put(f, '@');
        end_token(f);
        return;
    }
    separate(f);
    if (f->pattern)
        put(f, '@');
    f->i++;
    separate(f);
}

static uint32_t fold_greek(uint32_t c)
{
    for (size_t k = 0; k < ARRAY_LEN(greek_marks); k++)
        if (greek_marks[k].from == c)
            return greek_marks[k].to;
    return c >= 0x391 && c <= 0x3AB ? c + 0x20 : c;
}

static uint32_t fold_cyrillic(uint32_t c)
{
    if (c >= 0x410 && c <= 0x42F)
        c += 0x20;
    else if (c >= 0x400 && c <= 0x40F)
        c += 0x50;
    else if (c >= 0x460 && c <= 0x52F && !(c & 1))
        c += 1;
    return c == 0x451 ? 0x435 : c; /* yo is written as ye as often as not */
}

static bool fold_latin(struct folder *f, uint32_t c)
{
    if (c >= 0x218 && c <= 0x21B) { /* Romanian s and t with comma */
        put(f, c < 0x21A ? 's' : 't');
        return true;
    }
    if (c < 0xC0 || c > 0x17F || latin[c - 0xC0] == '?')
        return false;
    put(f, latin[c - 0xC0]);
    if (c == 0xC6 || c == 0xE6 || c == 0x152 || c == 0x153)
        put(f, 'e');
    if (c == 0xDF)
        put(f, 's');
    return true;
}

static bool is_separator(uint32_t c)
{
    return c == 0xD7 || c == 0xF7 || (c >= 0x80 && c < 0xC0) || (c >= 0x2000 && c <= 0x206F) ||
           (c >= 0x3000 && c <= 0x3020) || c == 0x30FB || c == 0xFF61 || c == 0xFF64 || c == 0xFEFF || c == 0xFFFD;
}

static void put_codepoint(struct folder *f, uint32_t c)
{
    char utf8[4];
    size_t n = utf8_put(c, utf8);
    memcpy(f->out + f->o, utf8, n);
    f->o += n;
}

static void fold_codepoint(struct folder *f, uint32_t c)
{
    if (c >= 0x300 && c <= 0x36F) /* combining marks */
        return;
    if (fold_latin(f, c))
        return;
    if (is_separator(c)) {
        separate(f);
        return;
    }
    if (c >= 0xFF01 && c <= 0xFF5E) { /* full-width forms */
        char ascii = (char)(c - 0xFEE0);
        if (ascii_alnum(ascii))
            put(f, ascii_lower(ascii));
        else
            separate(f);
        return;
    }
    if (c >= 0x370 && c <= 0x3FF)
        c = fold_greek(c);
    else if (c >= 0x400 && c <= 0x52F)
        c = fold_cyrillic(c);
    put_codepoint(f, c);
}

static void fold_high(struct folder *f)
{
    slice rest = slice_from(f->in, f->i);
    size_t n = utf8_len(rest);
    uint32_t c = n ? utf8_get(rest, &n) : (unsigned char)rest.p[0];
    if (n == 0)
        n = 1;
    if (c == 0x2019 || c == 0x2018 || c == 0x92) {
        fold_apostrophe(f, n);
        return;
    }
    size_t before = f->o;
    fold_codepoint(f, c);
    f->i += n;
    /* A byte of Latin-1 must not grow the text: two letters or two bytes of UTF-8 out of one byte. */
    if (n < f->o - before)
        f->o = before + n;
}

static void fold_dot(struct folder *f)
{
    bool several = at(f, f->i + 1) == '.';
    bool inside = ascii_alnum(f->out[f->o - 1]) && ascii_alnum(at(f, f->i + 1));
    f->i++;
    if (inside)
        put(f, '.');
    else if (several)
        end_token(f); /* "not allowed...user@example.com" */
    else
        separate(f);
}

static void fold_end(struct folder *f)
{
    char c = f->in.p[f->i++];
    end_token(f);
    if (c == '"') {
        f->old_quote_out = f->quote_out;
        f->quote_out = f->o;
    }
}

static void fold_step(struct folder *f)
{
    char c = f->in.p[f->i];
    if (c & 0x80) {
        fold_high(f);
        return;
    }
    switch (classes[(unsigned char)c]) {
    case WORD:
        put(f, ascii_lower(c));
        f->i++;
        break;
    case DIGIT:
        fold_digit(f);
        break;
    case DOT:
        fold_dot(f);
        break;
    case APOSTROPHE:
        fold_apostrophe(f, 1);
        break;
    case AT:
        fold_at(f);
        break;
    case BACKSLASH:
        f->i += at(f, f->i + 1) == 'n' || at(f, f->i + 1) == 'r' || at(f, f->i + 1) == 't' ? 2 : 1;
        end_token(f);
        break;
    case NUMBER_SIGN:
        separate(f);
        if (f->pattern && at(f, f->i + 1) == ' ')
            put(f, '#');
        f->i++;
        separate(f);
        break;
    case END:
        fold_end(f);
        break;
    default:
        separate(f);
        f->i++;
    }
}

/* The common case in a tight loop, eight bytes at once: ASCII letters with single blanks between. Both are written as they are
 * with the bit of lower case, which a blank has; behind the last blank a raw token begins. */
static void fold_letters(struct folder *f)
{
    const char *p = f->in.p + f->i, *end = f->in.p + f->in.n;
    char *out = f->out + f->o;
    for (size_t n = 8; n == 8 && end - p >= 8; p += n, out += n) {
        uint64_t v = eight_get(p), blanks = eight_equal(v, ' ');
        uint64_t again = blanks & (blanks << 8 | (out[-1] == ' ' ? 0x80 : 0));
        uint64_t others = ~(eight_in_range(v | EIGHT_ONES * 0x20, 'a', 'z') | (blanks ^ again)) & EIGHT_MARKS;
        n = eight_before(others);
        eight_put(out, v | EIGHT_ONES * 0x20);
        blanks &= others ? (others & -others) - 1 : UINT64_MAX; /* those before the first other byte */
        if (blanks) {
            size_t behind = 8 - (size_t)__builtin_clzll(blanks) / 8;
            f->token_in = (size_t)(p - f->in.p) + behind;
            f->token_out = (size_t)(out - f->out) + behind;
        }
    }
    for (; p < end && ascii_alpha(*p); p++)
        *out++ = (char)(*p | 0x20);
    f->i = (size_t)(p - f->in.p);
    f->o = (size_t)(out - f->out);
}

static slice fold(arena *a, slice s, bool pattern)
{
    /* Nothing grows but "@" and its separators (at most two bytes each, in place of three or more), and the first word. In a
     * pattern a bare "@" is a word of its own. */
    struct folder f = {.in = s, .out = arena_alloc(a, (pattern ? 2 * s.n : s.n) + 16 + FOLD_SLACK), .pattern = pattern};
    if (!f.out)
        return SLICE_EMPTY;
    f.out[f.o++] = ' ';
    f.token_out = f.quote_out = f.old_quote_out = f.o;
    if (!pattern && s.n > 1 && s.p[0] == ':' && s.p[1] == ' ')
        put_word(&f, S("noaddress"));
    while (f.i < s.n) {
        fold_letters(&f);
        if (f.i < s.n)
            fold_step(&f);
    }
    separate(&f);
    return slice_of(f.out, f.o);
}

slice fold_text(arena *a, slice s)
{
    return fold(a, slice_sub(s, 0, FOLD_MAX_BYTES), false);
}

slice fold_literal(arena *a, slice s)
{
    return slice_trim(fold(a, s, true));
}
