#include <stdio.h>
#include <zlib.h>

#include "base/codec.h"
#include "base/json.h"
#include "base/text.h"
#include "base/time.h"
#include "net/http_own.h"

#define GZIP_LEVEL 1 /* half the size of level 6's gain for a third of its time */

static const struct {
    unsigned status;
    const char *reason;
} reasons[] = {
    {200, "OK"},
    {201, "Created"},
    {202, "Accepted"},
    {204, "No Content"},
    {206, "Partial Content"},
    {301, "Moved Permanently"},
    {302, "Found"},
    {303, "See Other"},
    {304, "Not Modified"},
    {307, "Temporary Redirect"},
    {400, "Bad Request"},
    {401, "Unauthorized"},
    {403, "Forbidden"},
    {404, "Not Found"},
    {405, "Method Not Allowed"},
    {406, "Not Acceptable"},
    {408, "Request Timeout"},
    {409, "Conflict"},
    {410, "Gone"},
    {412, "Precondition Failed"},
    {413, "Content Too Large"},
    {414, "URI Too Long"},
    {415, "Unsupported Media Type"},
    {417, "Expectation Failed"},
    {422, "Unprocessable Content"},
    {429, "Too Many Requests"},
    {431, "Request Header Fields Too Large"},
    {500, "Internal Server Error"},
    {501, "Not Implemented"},
    {503, "Service Unavailable"},
    {505, "HTTP Version Not Supported"},
    {507, "Insufficient Storage"},
};

static const char *reason_of(unsigned status)
{
    for (size_t i = 0; i < ARRAY_LEN(reasons); i++)
        if (reasons[i].status == status)
            return reasons[i].reason;
    return "";
}

/* ---- Date (RFC 9110 5.6.7) ---- */

static void date_set(struct http_date *d, int64_t second)
{
    static const char days[] = "ThuFriSatSunMonTueWed"; /* 1970-01-01 was a Thursday */
    static const char months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
    struct civil t;
    civil_from_us(second * TIME_SECOND, &t);
    snprintf(d->text, sizeof d->text, "%.3s, %02u %.3s %04u %02u:%02u:%02u GMT", days + second / 86400 % 7 * 3,
             (unsigned)t.day % 100, months + (t.month - 1) * 3, (unsigned)t.year % 10000, (unsigned)t.hour % 100,
             (unsigned)t.minute % 100, (unsigned)t.second % 100);
    d->second = second;
}

/* Made once a second. */
static void add_date(struct http_server *s, buf *out)
{
    int64_t second = s->o.now_us(s->o.ctx) / TIME_SECOND;
    if (second != s->date.second)
        date_set(&s->date, second);
    buf_add(out, S("Date: "));
    buf_add(out, slice_str(s->date.text));
    buf_add(out, S("\r\n"));
}

/* ---- compression ---- */

bool http_accepts_gzip(slice list)
{
    slice item;
    while (slice_split(&list, ',', &item)) {
        size_t end = slice_chr(item, ';');
        slice weight = end == SLICE_NPOS ? SLICE_EMPTY : slice_trim(slice_from(item, end + 1));
        if (!slice_eq_ci(slice_trim(slice_sub(item, 0, end == SLICE_NPOS ? item.n : end)), S("gzip")))
            continue;
        return !slice_eq_ci(weight, S("q=0")) && !slice_starts_ci(weight, S("q=0.0"));
    }
    return false;
}

static bool is_text(slice type)
{
    return slice_starts_ci(type, S("text/")) || slice_find_ci(type, S("json")) != SLICE_NPOS ||
           slice_find_ci(type, S("javascript")) != SLICE_NPOS || slice_find_ci(type, S("xml")) != SLICE_NPOS;
}

bool http_gzip(slice body, buf *out)
{
    z_stream z = {.next_in = (unsigned char *)(uintptr_t)body.p, .avail_in = (unsigned)body.n};
    if (body.n > HTTP_GZIP_MAX_BYTES ||
        deflateInit2(&z, GZIP_LEVEL, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY) != Z_OK)
        return false;
    uLong bound = deflateBound(&z, (uLong)body.n);
    bool done = false;
    if (buf_reserve(out, bound)) {
        z.next_out = (unsigned char *)out->p + out->n;
        z.avail_out = (unsigned)bound;
        done = deflate(&z, Z_FINISH) == Z_STREAM_END && z.total_out < body.n;
    }
    if (done)
        out->n += z.total_out;
    (void)deflateEnd(&z);
    return done;
}

/* ---- answers ---- */

/* Whether If-None-Match names this (RFC 9110 13.1.2: weak comparison). */
static bool etag_known(slice list, slice etag)
{
    slice item;
    while (slice_split(&list, ',', &item)) {
        item = slice_trim(item);
        if (slice_eq(item, S("*")))
            return true;
        if (slice_starts(item, S("W/")))
            item = slice_from(item, 2);
        if (item.n == etag.n + 2 && slice_eq(slice_unwrap(item, '"', '"'), etag))
            return true;
    }
    return false;
}

static void add_field(buf *out, slice name, slice value)
{
    buf_add(out, name);
    buf_add(out, S(": "));
    buf_add(out, value);
    buf_add(out, S("\r\n"));
}

static void add_id(const struct exchange *x, buf *out)
{
    char hex[16];
    for (unsigned i = 0; i < 16; i++)
        hex[i] = "0123456789abcdef"[x->r.id >> (60 - 4 * i) & 15];
    buf_add(out, slice_of(hex, sizeof hex));
}

static void add_status(unsigned status, buf *out)
{
    buf_add(out, S("HTTP/1.1 "));
    buf_addu(out, status);
    buf_addc(out, ' ');
    buf_adds(out, reason_of(status));
    buf_add(out, S("\r\n"));
}

/* What every answer says. */
static void add_common(struct exchange *x, const struct http_answer *a, buf *out)
{
    add_date(x->server, out);
    buf_add(out, S("X-Request-Id: "));
    add_id(x, out);
    buf_add(out, S("\r\n"));
    add_field(out, S("Cache-Control"), a->cache.n ? a->cache : S("no-store"));
    if (x->server->o.headers)
        buf_adds(out, x->server->o.headers);
    buf_add(out, a->headers);
    if (x->close)
        buf_add(out, S("Connection: close\r\n"));
}

void http_add_allow(unsigned methods, buf *out)
{
    const char *comma = "";
    buf_add(out, S("Allow: "));
    for (unsigned m = 0; m < HTTP_METHODS; m++)
        if (methods & 1U << m) {
            buf_adds(out, comma);
            buf_adds(out, m == HTTP_GET ? "GET, HEAD" : http_method_name((enum http_method)m));
            comma = ", ";
        }
    buf_add(out, S("\r\n"));
}

static bool has_no_body(unsigned status)
{
    return status == 204 || status == 304;
}

/* RFC 9112 6.3: exactly one way to tell where the body ends. */
static void add_framing(const struct exchange *x, unsigned status, size_t length, bool streamed, buf *out)
{
    if (has_no_body(status))
        return;
    if (!streamed) {
        buf_add(out, S("Content-Length: "));
        buf_addu(out, length);
        buf_add(out, S("\r\n"));
    } else if (!x->minor0) {
        buf_add(out, S("Transfer-Encoding: chunked\r\n"));
    }
}

void http_compose(struct exchange *x, const struct http_answer *a, bool streamed, buf *out)
{
    unsigned status = a->status;
    slice type = a->type.n ? a->type : a->body.n || streamed ? S("application/json") : SLICE_EMPTY;
    slice body = a->body;
    buf packed;
    buf_init(&packed, 0);
    if (a->etag.n && status == 200 && x->r.method <= HTTP_HEAD &&
        etag_known(http_header(&x->r, S("If-None-Match")), a->etag))
        status = 304;
    bool packable = !streamed && !a->plain && status != 304 && body.n >= HTTP_GZIP_MIN_BYTES && is_text(type);
    bool gzip = packable && x->accepts_gzip && http_gzip(body, &packed);
    if (gzip)
        body = buf_slice(&packed);
    add_status(status, out);
    add_common(x, a, out);
    if (type.n && !has_no_body(status))
        add_field(out, S("Content-Type"), type);
    if (packable)
        buf_add(out, S("Vary: Accept-Encoding\r\n"));
    if (gzip)
        buf_add(out, S("Content-Encoding: gzip\r\n"));
    if (a->etag.n) {
        buf_add(out, S("ETag: W/\""));
        buf_add(out, a->etag);
        buf_add(out, S("\"\r\n"));
    }
    add_framing(x, status, body.n, streamed, out);
    buf_add(out, S("\r\n"));
    if (!x->only_head && !has_no_body(status)) {
        buf_add(out, body);
        x->answer_bytes = body.n;
    }
    x->status = status;
    buf_fini(&packed);
}

static void add_safe_member(struct jsonw *w, const char *name, slice s)
{
    buf safe;
    buf_init(&safe, 0);
    text_add_safe(&safe, s, 1024);
    jsonw_kstr(w, name, buf_slice(&safe));
    buf_fini(&safe);
}

void http_compose_problem(const struct exchange *x, unsigned status, slice code, slice detail, buf *out)
{
    struct jsonw w;
    buf type, id;
    buf_init(&type, 0);
    buf_init(&id, 0);
    if (code.n && x->server->o.problem_base) {
        buf_adds(&type, x->server->o.problem_base);
        buf_add(&type, code);
    } else {
        buf_adds(&type, "about:blank");
    }
    add_id(x, &id);
    jsonw_init(&w, out);
    jsonw_object(&w);
    add_safe_member(&w, "type", buf_slice(&type));
    jsonw_kstr(&w, "title", slice_str(reason_of(status)));
    jsonw_ki64(&w, "status", status);
    if (code.n)
        add_safe_member(&w, "code", code);
    if (detail.n)
        add_safe_member(&w, "detail", detail);
    jsonw_kstr(&w, "request_id", buf_slice(&id));
    jsonw_end_object(&w);
    buf_addc(out, '\n');
    buf_fini(&type);
    buf_fini(&id);
}
