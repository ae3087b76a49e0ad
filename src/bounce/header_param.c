/* Structured field values: main value and parameters (RFC 2045 5.1, RFC 2231). */
#include "bounce/header.h"

#include "base/codec.h"
#include "base/text.h"
#include "bounce/charset.h"

#define PARAM_MAX_SECTIONS 32 /* name*0 .. name*31 */
#define PARAM_MAX_COUNT 200   /* parameters of a field that are looked at */

struct param {
    slice name;
    slice value; /* without the quotes; a quoted value keeps its backslashes */
    bool quoted;
};

struct section {
    slice value;
    bool there, encoded, quoted;
};

static size_t skip_blanks(slice s, size_t i)
{
    while (i < s.n) {
        if (ascii_space(s.p[i]))
            i++;
        else if (s.p[i] == '(')
            i += text_comment_span(slice_from(s, i));
        else
            break;
    }
    return i;
}

static size_t quoted_end(slice s, size_t i)
{
    while (i < s.n && s.p[i] != '"')
        i += s.p[i] == '\\' && i + 1 < s.n ? 2 : 1;
    return i < s.n ? i : s.n;
}

/* Characters of a token (RFC 2045 5.1): printable ASCII but the specials; bytes from 0x80 on are let through. */
static bool is_token(char c)
{
    static const bool special[128] = {
        ['('] = true,  [')'] = true, ['<'] = true, ['>'] = true, ['@'] = true, [','] = true,
        [';'] = true,  [':'] = true, ['"'] = true, ['/'] = true, ['['] = true, [']'] = true,
        ['\\'] = true, ['?'] = true, ['='] = true, [127] = true};
    unsigned char u = (unsigned char)c;
    return u > 32 && (u >= 128 || !special[u]);
}

/* Where an unquoted value ends: at the ";", a comment behind a blank, or a blank with another "name=" behind it
 * (somebody forgot the ";"). */
static size_t bare_end(slice s, size_t i)
{
    for (; i < s.n && s.p[i] != ';'; i++) {
        if (!ascii_space(s.p[i]))
            continue;
        size_t next = i;
        while (next < s.n && ascii_space(s.p[next]))
            next++;
        size_t name = next;
        while (name < s.n && is_token(s.p[name]))
            name++;
        if (next < s.n && (s.p[next] == '(' || (name > next && name < s.n && s.p[name] == '=')))
            return i;
    }
    return i;
}

/* Takes the next "name=value" at or after *at. */
static bool param_next(slice s, size_t *at, struct param *p)
{
    size_t i = *at;
    while (i < s.n) {
        i = skip_blanks(s, i);
        size_t start = i;
        while (i < s.n && is_token(s.p[i]))
            i++;
        size_t name_end = i;
        i = skip_blanks(s, i);
        if (name_end > start && i < s.n && s.p[i] == '=') {
            p->name = slice_sub(s, start, name_end - start);
            i = skip_blanks(s, i + 1);
            p->quoted = i < s.n && s.p[i] == '"';
            start = i + (p->quoted ? 1 : 0);
            i = p->quoted ? quoted_end(s, start) : bare_end(s, start);
            p->value = slice_sub(s, start, i - start);
            if (!p->quoted)
                p->value = slice_trim(p->value);
            *at = p->quoted && i < s.n ? i + 1 : i;
            return true;
        }
        if (i == start) /* nothing that can be a name: go past it */
            i++;
    }
    *at = s.n;
    return false;
}

static slice unquote(arena *a, slice value)
{
    if (slice_chr(value, '\\') == SLICE_NPOS)
        return value;
    char *out = arena_alloc(a, value.n);
    if (out == NULL)
        return SLICE_EMPTY;
    size_t n = 0;
    for (size_t i = 0; i < value.n; i++) {
        if (value.p[i] == '\\' && i + 1 < value.n)
            i++;
        out[n++] = value.p[i];
    }
    return slice_of(out, n);
}

static size_t percent_decode(slice s, char *out)
{
    size_t n = 0;
    for (size_t i = 0; i < s.n; i++) {
        size_t got = 0;
        if (s.p[i] == '%' && i + 2 < s.n && hex_decode(slice_sub(s, i + 1, 2), out + n, &got) && got == 1)
            i += 2;
        else
            out[n] = s.p[i];
        n++;
    }
    return n;
}

/* What stands behind "name*" says which section it is and whether it is percent-encoded. */
static bool section_of(slice suffix, size_t *number, bool *encoded)
{
    uint64_t v = 0;
    *encoded = slice_empty(suffix) || suffix.p[suffix.n - 1] == '*';
    if (!slice_empty(suffix) && *encoded)
        suffix = slice_sub(suffix, 0, suffix.n - 1);
    if (!slice_empty(suffix) && (!slice_u64(suffix, &v) || v >= PARAM_MAX_SECTIONS))
        return false;
    *number = (size_t)v;
    return true;
}

/* Joins the sections (RFC 2231 3 and 4). */
static slice sections_join(struct charsets *cs, arena *a, const struct section *sections)
{
    size_t n = 0;
    for (size_t i = 0; i < PARAM_MAX_SECTIONS && sections[i].there; i++)
        n += sections[i].value.n;
    char *out = arena_alloc(a, n + 1);
    if (out == NULL)
        return SLICE_EMPTY;
    slice charset = SLICE_EMPTY;
    n = 0;
    for (size_t i = 0; i < PARAM_MAX_SECTIONS && sections[i].there; i++) {
        slice v = sections[i].value;
        size_t tick = slice_chr(v, '\'');
        if (i == 0 && sections[i].encoded && tick != SLICE_NPOS) {
            charset = slice_sub(v, 0, tick);
            size_t second = slice_chr(slice_from(v, tick + 1), '\'');
            v = slice_from(v, second == SLICE_NPOS ? tick + 1 : tick + 1 + second + 1);
        }
        if (sections[i].encoded) {
            n += percent_decode(v, out + n);
        } else {
            v = sections[i].quoted ? unquote(a, v) : v;
            memcpy(out + n, v.p, v.n);
            n += v.n;
        }
    }
    return charset_decode(cs, a, charset, slice_of(out, n), NULL, NULL);
}

static size_t main_end(slice s)
{
    size_t semicolon = slice_chr(s, ';');
    if (semicolon != SLICE_NPOS)
        return semicolon;
    size_t i = 0; /* "text/plain charset=x": without the ";" a blank must do */
    while (i < s.n && !ascii_space(s.p[i]))
        i++;
    return slice_chr(slice_from(s, i), '=') != SLICE_NPOS ? i : s.n;
}

slice header_main_value(arena *a, slice value)
{
    if (slice_empty(value))
        return value;
    slice s = header_unfold(a, value);
    s = slice_from(s, skip_blanks(s, 0));
    s = slice_sub(s, 0, main_end(s));
    size_t comment = slice_chr(s, '(');
    if (comment != SLICE_NPOS && slice_chr(s, '"') == SLICE_NPOS)
        s = slice_sub(s, 0, comment);
    return slice_trim(s);
}

/* The first parameter that is called `name` and has no sections. */
static slice plain_param(struct charsets *cs, arena *a, slice s, size_t at, slice name)
{
    struct param p;
    for (unsigned i = 0; i < PARAM_MAX_COUNT && param_next(s, &at, &p); i++)
        if (slice_eq_ci(p.name, name))
            return header_text(cs, a, slice_trim(p.quoted ? unquote(a, p.value) : p.value), SLICE_EMPTY);
    return SLICE_EMPTY;
}

/* The parameter given as name*= or name*0=, name*1*= and so on; false when there is none. */
static bool sectioned_param(struct charsets *cs, arena *a, slice s, size_t at, slice name, slice *value)
{
    struct section sections[PARAM_MAX_SECTIONS] = {0};
    struct param p;
    size_t number;
    bool encoded;
    for (unsigned i = 0; i < PARAM_MAX_COUNT && param_next(s, &at, &p); i++)
        if (p.name.n > name.n && p.name.p[name.n] == '*' && slice_starts_ci(p.name, name) &&
            section_of(slice_from(p.name, name.n + 1), &number, &encoded) && !sections[number].there)
            sections[number] = (struct section){p.value, true, encoded, p.quoted};
    if (!sections[0].there)
        return false;
    *value = sections_join(cs, a, sections);
    return true;
}

slice header_param(struct charsets *cs, arena *a, slice value, slice name)
{
    slice s = header_unfold(a, value);
    size_t semicolon = slice_chr(s, ';');
    size_t at = semicolon == SLICE_NPOS ? main_end(s) : semicolon + 1;
    if (at >= s.n)
        return SLICE_EMPTY;
    slice joined;
    if (slice_chr(s, '*') != SLICE_NPOS && sectioned_param(cs, a, s, at, name, &joined))
        return joined;
    return plain_param(cs, a, s, at, name);
}
