#include "base/codec.h"

#include "base/text.h"

/* Tables of values by character. Base64: 64 is a foreign character, 65 the padding; base32 and hex: 255 is foreign. */
/* clang-format off */
static const unsigned char base64_value[256] = {
    64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64,
    64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 62, 64, 64, 64, 63, 52, 53, 54, 55, 56, 57, 58, 59,
    60, 61, 64, 64, 64, 65, 64, 64, 64, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21,
    22, 23, 24, 25, 64, 64, 64, 64, 64, 64, 26, 27, 28, 29, 30, 31, 32, 33, 34, 35, 36, 37, 38, 39, 40, 41, 42, 43,
    44, 45, 46, 47, 48, 49, 50, 51, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64,
    64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64,
    64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64,
    64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64,
    64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64,
    64,
};
static const unsigned char base32_value[256] = {
    255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255,
    255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255,
    255, 255, 255, 255, 26, 27, 28, 29, 30, 31, 255, 255, 255, 255, 255, 255, 255, 255, 255, 0, 1, 2, 3, 4, 5, 6, 7,
    8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 255, 255, 255, 255, 255, 255, 0, 1, 2, 3, 4,
    5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 255, 255, 255, 255, 255, 255, 255,
    255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255,
    255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255,
    255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255,
    255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255,
    255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255,
    255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255,
};
static const unsigned char hex_value[256] = {
    255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255,
    255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255,
    255, 255, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 255, 255, 255, 255, 255, 255, 255, 10, 11, 12, 13, 14, 15, 255, 255, 255,
    255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255,
    10, 11, 12, 13, 14, 15, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255,
    255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255,
    255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255,
    255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255,
    255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255,
    255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255,
    255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255,
};
/* clang-format on */
static const char base64_digit[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
static const char base32_digit[] = "abcdefghijklmnopqrstuvwxyz234567";
static const char hex_digit[] = "0123456789abcdef";

#define FOREIGN 64
#define PADDING 65

/* Writes the whole bytes of a group of `count` characters that ended early. */
static size_t base64_partial(uint32_t bits, unsigned count, char *out)
{
    if (count < 2)
        return 0;
    bits <<= 6 * (4 - count);
    out[0] = (char)(bits >> 16);
    if (count == 3)
        out[1] = (char)(bits >> 8);
    return count - 1;
}

size_t base64_decode(slice s, char *out)
{
    const unsigned char *p = (const unsigned char *)s.p, *end = p + s.n;
    char *o = out;
    uint32_t bits = 0;
    unsigned count = 0; /* characters of the group read so far */
    while (p < end) {
        while (count == 0 && end - p >= 4) {
            uint32_t a = base64_value[p[0]], b = base64_value[p[1]], c = base64_value[p[2]], d = base64_value[p[3]];
            if ((a | b | c | d) >= FOREIGN)
                break;
            bits = a << 18 | b << 12 | c << 6 | d;
            p += 4;
            o[0] = (char)(bits >> 16);
            o[1] = (char)(bits >> 8);
            o[2] = (char)bits;
            o += 3;
        }
        if (p == end)
            break;
        uint32_t v = base64_value[*p++];
        if (v == PADDING) {
            o += base64_partial(bits, count, o);
            count = 0;
        } else if (v != FOREIGN) {
            bits = count == 0 ? v : bits << 6 | v;
            if (++count == 4) {
                o[0] = (char)(bits >> 16);
                o[1] = (char)(bits >> 8);
                o[2] = (char)bits;
                o += 3;
                count = 0;
            }
        }
    }
    o += base64_partial(bits, count, o);
    return (size_t)(o - out);
}

size_t base64_encode(slice s, char *out)
{
    const unsigned char *p = (const unsigned char *)s.p;
    char *o = out;
    size_t left = s.n;
    for (; left > 0; o += 4) {
        size_t take = left < 3 ? left : 3;
        uint32_t bits = (uint32_t)p[0] << 16;
        if (take > 1)
            bits |= (uint32_t)p[1] << 8;
        if (take > 2)
            bits |= p[2];
        o[0] = base64_digit[bits >> 18];
        o[1] = base64_digit[bits >> 12 & 63];
        o[2] = take > 1 ? base64_digit[bits >> 6 & 63] : '=';
        o[3] = take > 2 ? base64_digit[bits & 63] : '=';
        p += take;
        left -= take;
    }
    return (size_t)(o - out);
}

/* The byte of the two hex digits at p, or -1. */
static int hex_pair(const char *p)
{
    unsigned high = hex_value[(unsigned char)p[0]], low = hex_value[(unsigned char)p[1]];
    return (high | low) > 15 ? -1 : (int)(high << 4 | low);
}

static size_t q_decode(slice s, char *out)
{
    size_t o = 0;
    for (size_t i = 0; i < s.n; i++) {
        char c = s.p[i];
        int byte = c == '=' && s.n - i > 2 ? hex_pair(s.p + i + 1) : -1;
        if (byte >= 0) {
            c = (char)byte;
            i += 2;
        }
        out[o++] = c == '_' && byte < 0 ? ' ' : c;
    }
    return o;
}

/* Length of what stands behind a "=" that hides a line end (white space and the line end, or nothing at the end of the
 * text); SLICE_NPOS when it is no soft line break. */
static size_t soft_break(slice s)
{
    size_t i = 0;
    while (i < s.n && (s.p[i] == ' ' || s.p[i] == '\t'))
        i++;
    if (i == s.n)
        return i;
    if (s.p[i] == '\r')
        return i + 1 < s.n && s.p[i + 1] == '\n' ? i + 2 : i + 1;
    return s.p[i] == '\n' ? i + 1 : SLICE_NPOS;
}

/* out[0..n) without the white space that stands literally at its end; nothing before `from` is touched. */
static size_t drop_blanks(const char *out, size_t from, size_t n)
{
    while (n > from && (out[n - 1] == ' ' || out[n - 1] == '\t'))
        n--;
    return n;
}

size_t qp_decode(slice s, bool header, char *out)
{
    if (header)
        return q_decode(s, out);
    size_t i = 0, o = 0;
    size_t solid = 0;                /* white space before it was encoded or ended a line, so it stays */
    size_t line = slice_line_end(s); /* end of the line that i is in */
    while (i < s.n) {
        if (i > line)
            line = i + slice_line_end(slice_from(s, i));
        size_t equals = slice_chr(slice_sub(s, i, line - i), '=');
        size_t run = equals == SLICE_NPOS ? line - i : equals;
        memmove(out + o, s.p + i, run);
        i += run;
        o += run;
        if (i == s.n)
            break;
        if (s.p[i] == '=') {
            size_t skip = soft_break(slice_from(s, i + 1));
            int byte = s.n - i > 2 ? hex_pair(s.p + i + 1) : -1;
            if (byte >= 0)
                out[o++] = (char)byte;
            else if (skip == SLICE_NPOS)
                out[o++] = '=';
            i += byte >= 0 ? 3 : skip == SLICE_NPOS ? 1 : 1 + skip;
        } else {
            o = drop_blanks(out, solid, o);
            i += s.p[i] == '\r' && i + 1 < s.n && s.p[i + 1] == '\n' ? 2 : 1;
            out[o++] = '\n';
        }
        solid = o;
    }
    return drop_blanks(out, solid, o);
}

size_t base32_encode(slice s, char *out)
{
    uint32_t bits = 0;
    unsigned have = 0;
    size_t o = 0;
    for (size_t i = 0; i < s.n; i++) {
        bits = bits << 8 | (unsigned char)s.p[i];
        for (have += 8; have >= 5; have -= 5)
            out[o++] = base32_digit[bits >> (have - 5) & 31];
    }
    if (have)
        out[o++] = base32_digit[bits << (5 - have) & 31];
    return o;
}

bool base32_decode(slice s, char *out, size_t *n)
{
    uint32_t bits = 0;
    unsigned have = 0;
    size_t o = 0;
    *n = 0;
    for (size_t i = 0; i < s.n; i++) {
        uint32_t v = base32_value[(unsigned char)s.p[i]];
        if (v > 31)
            return false;
        bits = bits << 5 | v;
        have += 5;
        if (have >= 8) {
            have -= 8;
            out[o++] = (char)(bits >> have);
        }
    }
    *n = o;
    return true;
}

size_t hex_encode(slice s, char *out)
{
    for (size_t i = 0; i < s.n; i++) {
        unsigned char c = (unsigned char)s.p[i];
        out[2 * i] = hex_digit[c >> 4];
        out[2 * i + 1] = hex_digit[c & 15];
    }
    return 2 * s.n;
}

bool hex_decode(slice s, char *out, size_t *n)
{
    *n = 0;
    if (s.n % 2)
        return false;
    for (size_t i = 0; i < s.n; i += 2) {
        int byte = hex_pair(s.p + i);
        if (byte < 0)
            return false;
        out[i / 2] = (char)byte;
    }
    *n = s.n / 2;
    return true;
}

/* Reads \x{HEX} at the start of s; its length, or 0 when it is none or no character. */
static size_t xtext_unicode(slice s, uint32_t *cp)
{
    if (!slice_starts_ci(s, S("\\x{")))
        return 0;
    uint32_t v = 0;
    size_t i = 3;
    for (; i < s.n && i < 3 + 6 && hex_value[(unsigned char)s.p[i]] <= 15; i++)
        v = v << 4 | hex_value[(unsigned char)s.p[i]];
    if (i == 3 || i == s.n || s.p[i] != '}' || v > 0x10FFFF || (v >= 0xD800 && v <= 0xDFFF))
        return 0;
    *cp = v;
    return i + 1;
}

size_t xtext_decode(slice s, char *out)
{
    size_t o = 0;
    while (s.n) {
        uint32_t cp;
        size_t used = 1;
        int byte = s.p[0] == '+' && s.n > 2 ? hex_pair(s.p + 1) : -1;
        if (byte >= 0) {
            out[o++] = (char)byte;
            used = 3;
        } else if (s.p[0] == '\\' && (used = xtext_unicode(s, &cp)) != 0) {
            char utf8[4];
            size_t n = utf8_put(cp, utf8);
            memcpy(out + o, utf8, n);
            o += n;
        } else {
            out[o++] = s.p[0];
            used = 1;
        }
        s = slice_from(s, used);
    }
    return o;
}
