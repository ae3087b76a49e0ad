#include "http_rig.h"

#include <stdlib.h>

#include "net/http_chunk.h"
#include "net/http_head.h"
#include "net/http_target.h"

static struct rig *rig_of(struct http_request *r)
{
    return r->ctx;
}

static void say(struct http_request *r, slice text)
{
    http_answer(r, &(struct http_answer){.status = 200, .type = S("text/plain"), .body = text});
}

static void get_root(struct http_request *r)
{
    say(r, S("root"));
}

static void get_echo(struct http_request *r)
{
    slice q;
    (void)http_query_get(r->query, S("q"), &r->a, &q);
    say(r, arena_printf(&r->a, "%.*s|%.*s|%.*s", SLICE_FMT(r->params[0]), SLICE_FMT(r->params[1]), SLICE_FMT(q)));
}

static void post_gather(struct http_request *r)
{
    MUST(r->body.n <= r->route->max_body);
    say(r, r->body);
}

static void get_later(struct http_request *r)
{
    struct rig *rig = rig_of(r);
    if (rig->later_count == ARRAY_LEN(rig->later))
        http_problem(r, 503, S("full"), S("too many wait"));
    else
        rig->later[rig->later_count++] = r;
}

void rig_answer(struct rig *rig, slice text)
{
    MUST(rig->later_count > 0);
    struct http_request *r = rig->later[0];
    rig->later_count--;
    memmove(rig->later, rig->later + 1, rig->later_count * sizeof *rig->later);
    say(r, text);
}

static void get_text(struct http_request *r)
{
    char text[5000];
    memset(text, 't', sizeof text);
    http_answer(r, &(struct http_answer){
                       .status = 200, .type = S("text/plain"), .body = slice_of(text, sizeof text), .etag = S("v1")});
}

/* ---- bodies in pieces ---- */

struct sum {
    uint64_t n, sum;
};

static void post_stream(struct http_request *r)
{
    r->user = ARENA_NEW(&r->a, struct sum);
    MUST(r->user);
}

static void stream_piece(struct http_request *r, slice bytes)
{
    struct sum *s = r->user;
    s->n += bytes.n;
    for (size_t i = 0; i < bytes.n; i++)
        s->sum += (unsigned char)bytes.p[i];
    if (rig_of(r)->hold) {
        http_pause(r);
        rig_of(r)->held = r;
    }
}

static void stream_end(struct http_request *r)
{
    const struct sum *s = r->user;
    say(r, arena_printf(&r->a, "%llu %llu", (unsigned long long)s->n, (unsigned long long)s->sum));
}

static void stream_gone(struct http_request *r)
{
    MUST(http_gone(r));
    rig_of(r)->gone++;
    http_problem(r, 500, S(""), S("nobody hears this"));
}

static const struct http_body stream_body = {stream_piece, stream_end, stream_gone};

/* ---- answers in pieces ---- */

static void long_more(struct http_request *r)
{
    char piece[10000];
    unsigned *left = r->user;
    if (http_gone(r) || *left == 0) {
        http_end(r, true);
        return;
    }
    --*left;
    memset(piece, 'p', sizeof piece);
    http_write(r, slice_of(piece, sizeof piece));
}

static void get_long(struct http_request *r)
{
    unsigned *left = arena_alloc(&r->a, sizeof *left);
    MUST(left);
    *left = 50;
    r->user = left;
    http_begin(r, &(struct http_answer){.status = 200, .type = S("text/plain")}, long_more);
}

static void torn_more(struct http_request *r)
{
    unsigned *left = r->user;
    if (http_gone(r) || *left == 0) {
        http_end(r, false);
        return;
    }
    --*left;
    http_write(r, S("so far so good"));
}

static void get_torn(struct http_request *r)
{
    unsigned *left = arena_alloc(&r->a, sizeof *left);
    MUST(left);
    *left = 2;
    r->user = left;
    http_begin(r, &(struct http_answer){.status = 200, .type = S("text/plain")}, torn_more);
}

static void get_secret(struct http_request *r)
{
    MUST(r->identity);
    say(r, S("secret"));
}

static const struct http_route routes[] = {
    {HTTP_GET, "/", 0, 0, get_root, NULL},
    {HTTP_GET, "/v1/echo/{a}/{b}", 0, 0, get_echo, NULL},
    {HTTP_POST, "/v1/gather", 0, 100, post_gather, NULL},
    {HTTP_POST, "/v1/stream", 0, 1 << 20, post_stream, &stream_body},
    {HTTP_GET, "/v1/later", 0, 0, get_later, NULL},
    {HTTP_GET, "/v1/secret", 1, 0, get_secret, NULL},
    {HTTP_POST, "/v1/secret", 1, 100, get_secret, NULL},
    {HTTP_DELETE, "/v1/secret", 1, 0, get_secret, NULL},
    {HTTP_GET, "/v1/text", 0, 0, get_text, NULL},
    {HTTP_GET, "/v1/long", 0, 0, get_long, NULL},
    {HTTP_GET, "/v1/torn", 0, 0, get_torn, NULL},
    {.pattern = NULL},
};

static unsigned authenticate(struct http_request *r, unsigned role)
{
    slice key = http_header(r, S("Authorization"));
    MUST(role == 1 && r->body.n == 0);
    if (slice_eq(key, S("Bearer good"))) {
        r->identity = r->ctx;
        return 0;
    }
    return slice_eq(key, S("Bearer weak")) ? 403 : 401;
}

static int64_t now_us(void *ctx)
{
    (void)ctx;
    return INT64_C(1763683404000000); /* Fri, 21 Nov 2025 00:03:24 GMT */
}

static void on_log(void *ctx, const struct http_done *d)
{
    struct rig *rig = ctx;
    MUST((d->status >= 200 || (d->status == 0 && d->gone)) && d->status < 600 && d->took_us == 0);
    rig->logged++;
}

void rig_init_clocks(struct rig *rig, int64_t body_us, int64_t answer_us)
{
    *rig = (struct rig){.server = NULL};
    rig->server = http_server_new(&(struct http_options){.routes = routes,
                                                         .ctx = rig,
                                                         .authenticate = authenticate,
                                                         .headers = "X-Content-Type-Options: nosniff\r\n",
                                                         .problem_base = "urn:problem:",
                                                         .now_us = now_us,
                                                         .log = on_log,
                                                         .body_us = body_us,
                                                         .answer_us = answer_us});
    MUST(rig->server);
}

void rig_init(struct rig *rig)
{
    rig_init_clocks(rig, 0, 0);
}

void rig_fini(struct rig *rig)
{
    while (rig->later_count)
        rig_answer(rig, S("too late"));
    http_server_free(&rig->server);
}

/* ---- reading answers ---- */

slice rig_field(const struct rig_reply *r, slice name)
{
    slice rest = r->head, line;
    struct http_field f;
    while (slice_line(&rest, &line))
        if (http_field_parse(line, &f) && slice_eq_ci(f.name, name))
            return f.value;
    return SLICE_EMPTY;
}

static bool take_chunks(slice *rest, buf *out)
{
    struct http_chunks c = {.left = 0};
    slice data;
    while (c.state < HTTP_CHUNK_DONE) {
        size_t used = http_chunks_next(&c, *rest, &data);
        if (used == 0)
            return false;
        buf_add(out, data);
        *rest = slice_from(*rest, used);
    }
    return c.state == HTTP_CHUNK_DONE;
}

bool rig_reply_next(slice *rest, bool to_head, struct rig_reply *out)
{
    uint64_t n;
    buf_init(&out->body, 0);
    out->close = out->whole = false;
    size_t end = slice_find(*rest, S("\r\n\r\n"));
    if (end == SLICE_NPOS || !slice_starts(*rest, S("HTTP/1.1 ")))
        return false;
    out->head = slice_sub(*rest, 0, end + 2);
    *rest = slice_from(*rest, end + 4);
    out->status = slice_u64(slice_sub(out->head, 9, 3), &n) ? (unsigned)n : 0;
    out->close = slice_eq(rig_field(out, S("Connection")), S("close"));
    if (to_head || out->status == 204 || out->status == 304 || out->status == 100) {
        out->whole = true;
    } else if (slice_u64(rig_field(out, S("Content-Length")), &n)) {
        buf_add(&out->body, slice_sub(*rest, 0, (size_t)n));
        out->whole = out->body.n == n;
        *rest = slice_from(*rest, (size_t)n);
    } else if (slice_eq(rig_field(out, S("Transfer-Encoding")), S("chunked"))) {
        out->whole = take_chunks(rest, &out->body);
    } else {
        buf_add(&out->body, *rest);
        *rest = SLICE_EMPTY;
        out->whole = out->close;
    }
    return true;
}

void rig_statuses(slice all, buf *out)
{
    struct rig_reply r;
    while (rig_reply_next(&all, false, &r)) {
        buf_addu(out, r.status);
        buf_addc(out, r.whole ? ' ' : '!');
        buf_fini(&r.body);
    }
    if (all.n)
        buf_adds(out, "junk");
}
