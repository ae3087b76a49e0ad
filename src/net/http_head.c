#include "net/http_head.h"

static const char *const method_names[HTTP_METHODS] = {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"};

const char *http_method_name(enum http_method m)
{
    return method_names[m];
}

/* ---- characters (RFC 9110 5.6.2, 5.5) ---- */

/* TOKEN; VALUE: what a field may hold; TARGET: of a path or query (RFC 3986 3.3, 3.4), no fragment; HOST: a name or IPv4. */
enum { TOKEN = 1, VALUE = 2, TARGET = 4, HOST = 8 };

// clang-format off
static const uint8_t kinds[128] = {
     0,  0,  0,  0,  0,  0,  0,  0,  0,  2,  0,  0,  0,  0,  0,  0, /* 00 */
     0,  0,  0,  0,  0,  0,  0,  0,  0,  0,  0,  0,  0,  0,  0,  0, /* 10 */
     2,  7,  2,  3,  7,  7,  7,  7,  6,  6,  7,  7,  6, 15, 15,  6, /* 20 */
    15, 15, 15, 15, 15, 15, 15, 15, 15, 15,  6,  6,  2,  6,  2,  6, /* 30 */
     6, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15, /* 40 */
    15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15,  2,  2,  2,  3, 15, /* 50 */
     3, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15, /* 60 */
    15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15,  2,  3,  2,  7,  0, /* 70 */
};
// clang-format on

static bool is(char c, unsigned kind)
{
    unsigned char u = (unsigned char)c;
    return ((u < 128 ? kinds[u] : VALUE) & kind) != 0; /* from 0x80 on: obs-text */
}

static bool all_of(slice s, unsigned kind)
{
    for (size_t i = 0; i < s.n; i++)
        if (!is(s.p[i], kind))
            return false;
    return true;
}

static slice trim_blanks(slice s)
{
    while (s.n > 0 && (s.p[0] == ' ' || s.p[0] == '\t'))
        s = slice_from(s, 1);
    while (s.n > 0 && (s.p[s.n - 1] == ' ' || s.p[s.n - 1] == '\t'))
        s.n--;
    return s;
}

/* ---- finding the end ---- */

size_t http_head_find(slice in, size_t *scanned, unsigned *status)
{
    *status = 0;
    for (size_t at = *scanned;;) { /* the beginning of a line */
        size_t end = slice_chr(slice_from(in, at), '\n');
        size_t length = end == SLICE_NPOS ? in.n - at : end;
        *scanned = at;
        if (at + length >= HTTP_MAX_HEAD_BYTES) {
            *status = at == 0 ? 414 : 431;
            return 0;
        }
        if (end == SLICE_NPOS)
            return 0;
        if (length == 0 || in.p[at + length - 1] != '\r') {
            *status = 400;
            return 0;
        }
        if (length == 1 && at > 0)
            return at + 2;
        at += length + 1;
    }
}

/* ---- the request line (RFC 9112 3) ---- */

static unsigned parse_method(slice s, enum http_method *out)
{
    for (unsigned i = 0; i < HTTP_METHODS; i++)
        if (slice_eq(s, slice_str(method_names[i]))) {
            *out = (enum http_method)i;
            return 0;
        }
    return s.n > 0 && all_of(s, TOKEN) ? 501 : 400;
}

static unsigned parse_version(slice s, unsigned *minor)
{
    if (slice_eq(s, S("HTTP/1.1")) || slice_eq(s, S("HTTP/1.0"))) {
        *minor = s.p[7] == '1';
        return 0;
    }
    return s.n == 8 && slice_starts(s, S("HTTP/")) && ascii_digit(s.p[5]) && s.p[6] == '.' && ascii_digit(s.p[7]) ? 505
                                                                                                                  : 400;
}

static unsigned parse_target(slice s)
{
    if (s.n > HTTP_MAX_TARGET_BYTES)
        return 414;
    return s.n > 0 && s.p[0] == '/' && all_of(s, TARGET) ? 0 : 400;
}

static unsigned parse_request_line(slice line, struct http_head *out)
{
    size_t first = slice_chr(line, ' ');
    if (first == SLICE_NPOS)
        return 400;
    slice rest = slice_from(line, first + 1);
    size_t second = slice_chr(rest, ' ');
    if (second == SLICE_NPOS)
        return 400;
    out->target = slice_sub(rest, 0, second);
    unsigned status = parse_version(slice_from(rest, second + 1), &out->minor);
    if (status == 0)
        status = parse_target(out->target);
    return status ? status : parse_method(slice_sub(line, 0, first), &out->method);
}

/* ---- fields (RFC 9112 5) ---- */

bool http_field_parse(slice line, struct http_field *out)
{
    size_t colon = slice_chr(line, ':');
    if (colon == SLICE_NPOS || colon == 0)
        return false;
    out->name = slice_sub(line, 0, colon);
    out->value = trim_blanks(slice_from(line, colon + 1));
    return all_of(out->name, TOKEN) && all_of(out->value, VALUE);
}

bool http_field_good(const struct http_field *f)
{
    return f->name.n > 0 && all_of(f->name, TOKEN) && all_of(f->value, VALUE) && trim_blanks(f->value).n == f->value.n;
}

bool http_list_has(slice list, slice token)
{
    slice item;
    while (slice_split(&list, ',', &item))
        if (slice_eq_ci(trim_blanks(item), token))
            return true;
    return false;
}

slice http_head_value(const struct http_field *fields, size_t count, slice name)
{
    for (size_t i = 0; i < count; i++)
        if (slice_eq_ci(fields[i].name, name))
            return fields[i].value;
    return SLICE_EMPTY;
}

/* "example.org", "192.0.2.1:8080", "[2001:db8::1]:443" (RFC 9110 7.2). */
static bool is_host(slice s)
{
    uint64_t port;
    size_t end = s.n > 0 && s.p[0] == '[' ? slice_chr(s, ']') : slice_either(s, ':', ':');
    if (end == SLICE_NPOS || end == 0)
        return false;
    slice host = slice_sub(s, 0, end), rest = slice_from(s, end);
    if (host.p[0] == '[') {
        for (size_t i = 1; i < host.n; i++)
            if (!ascii_alnum(host.p[i]) && host.p[i] != ':' && host.p[i] != '.')
                return false;
        rest = slice_from(rest, 1);
    } else if (!all_of(host, HOST)) {
        return false;
    }
    return rest.n == 0 || (rest.p[0] == ':' && rest.n <= 6 && slice_u64(slice_from(rest, 1), &port));
}

/* One handler for each field that means something to the framing. `seen` tells that it came before. */
typedef unsigned (*field_fn)(struct http_head *h, slice value, bool seen);

static unsigned on_host(struct http_head *h, slice value, bool seen)
{
    h->host = value;
    return !seen && is_host(value) ? 0 : 400;
}

static unsigned on_length(struct http_head *h, slice value, bool seen)
{
    h->has_length = true;
    return !seen && value.n <= 18 && slice_u64(value, &h->length) ? 0 : 400;
}

static unsigned on_coding(struct http_head *h, slice value, bool seen)
{
    h->chunked = true;
    if (seen || h->minor == 0)
        return 400;
    return slice_eq_ci(value, S("chunked")) ? 0 : slice_find_ci(value, S("chunked")) == SLICE_NPOS ? 501 : 400;
}

static unsigned on_connection(struct http_head *h, slice value, bool seen)
{
    (void)seen;
    h->close = h->close || http_list_has(value, S("close"));
    return 0;
}

static unsigned on_expect(struct http_head *h, slice value, bool seen)
{
    (void)seen;
    h->expects_continue = h->minor == 1;
    return slice_eq_ci(value, S("100-continue")) ? 0 : 417;
}

static const struct {
    slice name;
    field_fn fn;
} meanings[] = {
    {SLICE_INIT("host"), on_host},
    {SLICE_INIT("content-length"), on_length},
    {SLICE_INIT("transfer-encoding"), on_coding},
    {SLICE_INIT("connection"), on_connection},
    {SLICE_INIT("expect"), on_expect},
};

static unsigned apply(struct http_head *h, const struct http_field *f, unsigned *seen)
{
    for (unsigned i = 0; i < ARRAY_LEN(meanings); i++) {
        if (!slice_eq_ci(f->name, meanings[i].name))
            continue;
        bool before = (*seen & 1U << i) != 0;
        *seen |= 1U << i;
        return meanings[i].fn(h, f->value, before);
    }
    return 0;
}

/* A line that begins with a blank (obs-fold) has no name, and so is none. */
static unsigned parse_fields(slice rest, struct http_head *out)
{
    unsigned seen = 0;
    while (rest.n > 2) {
        size_t end = slice_chr(rest, '\n');
        MUST(end != SLICE_NPOS && end > 0);
        if (out->field_count == HTTP_MAX_HEADERS)
            return 431;
        struct http_field *f = &out->fields[out->field_count++];
        unsigned status = http_field_parse(slice_sub(rest, 0, end - 1), f) ? apply(out, f, &seen) : 400;
        if (status)
            return status;
        rest = slice_from(rest, end + 1);
    }
    return 0;
}

unsigned http_head_parse(slice in, struct http_head *out)
{
    out->method = HTTP_GET;
    out->target = out->host = SLICE_EMPTY;
    out->field_count = 0;
    out->length = 0;
    out->has_length = out->chunked = out->expects_continue = false;
    if (slice_starts(in, S("\r\n")))
        in = slice_from(in, 2);
    size_t end = slice_chr(in, '\n');
    MUST(end != SLICE_NPOS && end > 0);
    unsigned status = parse_request_line(slice_sub(in, 0, end - 1), out);
    out->close = out->minor == 0;
    if (status == 0)
        status = parse_fields(slice_from(in, end + 1), out);
    if (status)
        return status;
    if ((out->has_length && out->chunked) || (out->minor == 1 && out->host.n == 0))
        return 400;
    return 0;
}
