#include <stdio.h>
#include <stdlib.h>

#include "net/http_own.h"

#define POOL_MAX 64u /* requests kept for the next ones, so that a small one takes no memory from the system */
#define POOL_MAX_ARENA_BYTES 16384u     /* an arena that grew beyond is given back */
#define SCRATCH_MAX_BYTES (256u * 1024) /* the same for the memory of answers */

static struct exchange *exchange_of(struct http_request *r)
{
    return (struct exchange *)(void *)r; /* its first member */
}

/* ---- life ---- */

static struct exchange *from_pool(struct http_server *server)
{
    struct exchange *x = server->pool;
    if (x) {
        server->pool = x->next;
        server->pooled--;
        return x;
    }
    x = calloc(1, sizeof *x);
    if (x)
        arena_init(&x->r.a, HTTP_MAX_ARENA_BYTES);
    return x;
}

struct exchange *exchange_new(struct http_server *server, struct session *s)
{
    struct exchange *x = from_pool(server);
    if (!x)
        return NULL;
    arena a = x->r.a;
    *x = (struct exchange){.server = server, .session = s, .began_us = server->o.now_us(server->o.ctx)};
    x->r = (struct http_request){.id = server->next_id++, .ctx = server->o.ctx, .a = a};
    x->r.target = x->r.path = x->r.query = x->r.host = x->r.body = SLICE_EMPTY;
    x->r.peer = *conn_peer(s->c);
    buf_init(&x->body, 0);
    return x;
}

static void give_back(struct exchange *x)
{
    struct http_server *server = x->server;
    buf_fini(&x->body);
    if (x->r.a.used > POOL_MAX_ARENA_BYTES)
        arena_fini(&x->r.a);
    else
        arena_reset(&x->r.a);
    if (server->pooled < POOL_MAX) {
        x->next = server->pool;
        server->pool = x;
        server->pooled++;
    } else {
        arena_fini(&x->r.a);
        free(x);
    }
}

static void tell_log(const struct exchange *x)
{
    struct http_server *server = x->server;
    struct http_done done = {.request = &x->r,
                             .status = x->status,
                             .body_bytes = x->body_bytes,
                             .answer_bytes = x->answer_bytes,
                             .gone = !x->session};
    if (x->status / 100 < ARRAY_LEN(server->counts.answers))
        server->counts.answers[x->status / 100]++;
    server->counts.bytes_in += x->body_bytes;
    server->counts.bytes_out += x->answer_bytes;
    if (server->o.log) {
        done.took_us = server->o.now_us(server->o.ctx) - x->began_us;
        server->o.log(server->o.ctx, &done);
    }
}

bool exchange_has_body(const struct exchange *x)
{
    return x->chunked ? x->chunks.state == HTTP_CHUNK_DONE : x->body_left == 0;
}

void exchange_end(struct exchange *x)
{
    struct session *s = x->session;
    bool close = x->close;
    tell_log(x);
    x->server->counts.working -= x->handed;
    if (s)
        s->x = NULL;
    give_back(x);
    if (s)
        http_session_answered(s, close);
}

void exchange_lost(struct exchange *x)
{
    x->session->x = NULL;
    x->session = NULL;
    if (!x->handed)
        exchange_end(x);
    else if (x->stage == HTTP_STREAMING)
        x->more(&x->r);
    else if (x->stage == HTTP_READING)
        x->r.route->body->gone(&x->r);
}

/* ---- for handlers ---- */

slice http_header(const struct http_request *r, slice name)
{
    return http_head_value(r->fields, r->field_count, name);
}

bool http_gone(const struct http_request *r)
{
    const struct exchange *x = (const struct exchange *)(const void *)r;
    return !x->session || (x->only_head && x->stage == HTTP_STREAMING);
}

void http_pause(struct http_request *r)
{
    struct exchange *x = exchange_of(r);
    if (!x->session || x->stage != HTTP_READING)
        return;
    http_session_clock(x->session, 0); /* the peer waits for us */
    conn_pause(x->session->c);
}

void http_resume(struct http_request *r)
{
    struct exchange *x = exchange_of(r);
    if (!x->session || x->stage != HTTP_READING)
        return;
    http_session_clock(x->session, x->server->o.body_us);
    conn_resume(x->session->c);
}

/* A body that is not read makes the place of the next request unknown. */
static void settle_close(struct exchange *x, const struct http_answer *a)
{
    x->close = x->close || a->close || x->server->draining || !exchange_has_body(x);
}

/* Head and body go out in one piece of memory. */
static void send_scratch(struct exchange *x, const struct http_answer *a, bool streamed)
{
    buf *out = &x->server->scratch;
    buf_clear(out);
    http_compose(x, a, streamed, out);
    if (out->failed)
        conn_abort(x->session->c);
    else
        conn_write(x->session->c, buf_slice(out));
    if (out->room > SCRATCH_MAX_BYTES)
        buf_fini(out);
}

void http_answer(struct http_request *r, const struct http_answer *a)
{
    struct exchange *x = exchange_of(r);
    MUST(x->stage != HTTP_STREAMING && a->status >= 200 && a->status < 600);
    x->status = a->status;
    settle_close(x, a);
    if (x->session)
        send_scratch(x, a, false);
    exchange_end(x);
}

/* RFC 9110 11.6.1: a 401 says how; 10.2.1: a 405 says what. */
void http_problem(struct http_request *r, unsigned status, slice code, slice detail)
{
    struct exchange *x = exchange_of(r);
    const char *challenge = x->server->o.challenge ? x->server->o.challenge : "Bearer";
    buf body, headers;
    buf_init(&body, 0);
    buf_init(&headers, 0);
    if (x->session)
        http_compose_problem(x, status, code, detail, &body);
    if (body.failed)
        buf_clear(&body); /* the status alone says it, too */
    if (status == 401)
        buf_printf(&headers, "WWW-Authenticate: %s\r\n", challenge);
    if (status == 405)
        http_add_allow(x->allow, &headers);
    http_answer(r, &(struct http_answer){.status = status,
                                         .type = S("application/problem+json"),
                                         .body = buf_slice(&body),
                                         .headers = buf_slice(&headers)});
    buf_fini(&body);
    buf_fini(&headers);
}

/* ---- answers in pieces ---- */

void http_begin(struct http_request *r, const struct http_answer *a, void (*more)(struct http_request *r))
{
    struct exchange *x = exchange_of(r);
    MUST(x->stage != HTTP_STREAMING && a->body.n == 0 && a->status >= 200 && a->status < 600);
    settle_close(x, a);
    x->close = x->close || x->minor0; /* the end of the connection is that of the answer */
    x->stage = HTTP_STREAMING;
    x->more = more;
    if (!x->session)
        return;
    http_session_clock(x->session, 0);
    conn_pause(x->session->c);
    send_scratch(x, a, true);
}

/* RFC 9112 7.1; a chunk of no bytes would be the last one. */
void http_write(struct http_request *r, slice piece)
{
    struct exchange *x = exchange_of(r);
    MUST(x->stage == HTTP_STREAMING);
    if (!x->session || piece.n == 0 || x->only_head)
        return;
    struct conn *c = x->session->c;
    char size[24];
    x->answer_bytes += piece.n;
    if (!x->minor0)
        conn_write(c, slice_of(size, (size_t)snprintf(size, sizeof size, "%zx\r\n", piece.n)));
    conn_write(c, piece);
    if (!x->minor0)
        conn_write(c, S("\r\n"));
}

void http_end(struct http_request *r, bool whole)
{
    struct exchange *x = exchange_of(r);
    MUST(x->stage == HTTP_STREAMING);
    if (x->session && !whole)
        conn_abort(x->session->c);
    else if (x->session && !x->minor0 && !x->only_head)
        conn_write(x->session->c, S("0\r\n\r\n"));
    exchange_end(x);
}
