#include "net/http_target.h"

#include "base/codec.h"
#include "base/text.h"

/* Decodes %XX, and "+" where it is a space, into out (s.n bytes). False: a broken escape. */
static bool decode(slice s, bool plus, char *out, size_t *n)
{
    size_t to = 0, one;
    for (size_t i = 0; i < s.n; i++) {
        if (s.p[i] == '%') {
            if (s.n - i < 3 || !hex_decode(slice_sub(s, i + 1, 2), out + to, &one))
                return false;
            to++;
            i += 2;
        } else {
            out[to++] = plus && s.p[i] == '+' ? ' ' : s.p[i];
        }
    }
    *n = to;
    return true;
}

static bool segment_good(slice s)
{
    if (s.n == 0 || slice_eq(s, S(".")) || slice_eq(s, S("..")))
        return false;
    for (size_t i = 0; i < s.n; i++)
        if ((unsigned char)s.p[i] < ' ' || s.p[i] == 0x7f || s.p[i] == '/' || s.p[i] == '\\')
            return false;
    return utf8_valid(s);
}

static bool decode_segment(slice raw, arena *a, slice *out)
{
    *out = raw;
    if (slice_chr(raw, '%') != SLICE_NPOS) {
        char *p = arena_alloc(a, raw.n);
        size_t n;
        if (!p || !decode(raw, false, p, &n))
            return false;
        *out = slice_of(p, n);
    }
    return segment_good(*out);
}

static bool parse_path(slice raw, arena *a, struct http_target *out)
{
    slice rest = slice_from(raw, 1);
    bool encoded = false;
    out->path = raw;
    while (rest.n > 0) {
        size_t end = slice_chr(rest, '/');
        slice segment = slice_sub(rest, 0, end == SLICE_NPOS ? rest.n : end);
        if (out->segment_count == HTTP_MAX_SEGMENTS || !decode_segment(segment, a, &out->segments[out->segment_count]))
            return false;
        encoded = encoded || out->segments[out->segment_count].p != segment.p;
        out->segment_count++;
        if (end == SLICE_NPOS)
            break;
        rest = slice_from(rest, end + 1);
        if (rest.n == 0) { /* "/a/" is not "/a": an empty last segment, which no route has */
            if (out->segment_count == HTTP_MAX_SEGMENTS)
                return false;
            out->segments[out->segment_count++] = SLICE_EMPTY;
        }
    }
    if (encoded) {
        char *p = arena_alloc(a, raw.n);
        size_t n;
        if (!p || !decode(raw, false, p, &n))
            return false;
        out->path = slice_of(p, n);
    }
    return true;
}

static bool query_good(slice s)
{
    char byte;
    size_t n;
    for (size_t i = 0; i < s.n; i++) {
        if (s.p[i] != '%')
            continue;
        if (s.n - i < 3 || !hex_decode(slice_sub(s, i + 1, 2), &byte, &n))
            return false;
        if (((unsigned char)byte < ' ' && byte != '\t' && byte != '\r' && byte != '\n') || byte == 0x7f)
            return false;
    }
    return true;
}

bool http_target_parse(slice text, arena *a, struct http_target *out)
{
    size_t mark = slice_chr(text, '?');
    slice path = slice_sub(text, 0, mark == SLICE_NPOS ? text.n : mark);
    out->segment_count = 0;
    out->query = mark == SLICE_NPOS ? SLICE_EMPTY : slice_from(text, mark + 1);
    return parse_path(path, a, out) && query_good(out->query);
}

static slice decode_dup(slice s, arena *a)
{
    size_t n;
    if (slice_either(s, '%', '+') == s.n)
        return s;
    char *p = arena_alloc(a, s.n);
    return p && decode(s, true, p, &n) ? slice_of(p, n) : s;
}

bool http_query_get(slice query, slice name, arena *a, slice *value)
{
    slice field;
    *value = SLICE_EMPTY;
    for (unsigned i = 0; i < HTTP_MAX_QUERY_FIELDS && slice_split(&query, '&', &field); i++) {
        size_t at = slice_chr(field, '=');
        if (!slice_eq(decode_dup(slice_sub(field, 0, at == SLICE_NPOS ? field.n : at), a), name))
            continue;
        *value = at == SLICE_NPOS ? SLICE_EMPTY : decode_dup(slice_from(field, at + 1), a);
        return true;
    }
    return false;
}
