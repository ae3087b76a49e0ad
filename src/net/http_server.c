#include <stdlib.h>
#include <sys/random.h>

#include "net/http_own.h"

#define HTTP_CLOCK_US (60 * INT64_C(1000000))

static const char why_malformed[] = "this is no HTTP/1.1 request as RFC 9112 has it";

/* ---- clocks ---- */

void http_session_clock(struct session *s, int64_t us)
{
    if (us == 0 && !s->deadline)
        return;
    s->deadline = us != 0;
    conn_deadline(s->c, us);
}

void http_session_answered(struct session *s, bool close)
{
    http_session_clock(s, 0);
    if (close)
        conn_close(s->c);
    else
        conn_resume(s->c);
}

/* ---- a request comes ---- */

/* The status of a head that cannot be taken, for people. */
static slice why_refused(unsigned status)
{
    switch (status) {
    case 414:
        return S("the target of the request is too long");
    case 417:
        return S("only 100-continue may be expected");
    case 431:
        return S("the head of the request is too long or has too many fields");
    case 501:
        return S("this method or transfer coding is not known here");
    case 505:
        return S("HTTP/1.1 is spoken here");
    default:
        return slice_str(why_malformed);
    }
}

static void refuse_head(struct session *s, unsigned status)
{
    struct exchange *x = exchange_new(s->server, s);
    s->server->counts.malformed++;
    if (!x) {
        conn_abort(s->c);
        return;
    }
    s->x = x;
    x->close = true;
    http_problem(&x->r, status, S(""), why_refused(status));
}

/* The texts of the request are in its own memory from here on. */
static bool keep_head(struct exchange *x, const struct http_head *h)
{
    struct http_request *r = &x->r;
    size_t bytes = h->field_count * sizeof *h->fields;
    struct http_field *fields = arena_alloc(&r->a, bytes);
    const struct conn_peer *p = conn_peer(x->session->c);
    size_t host_at = p->address.n ? (size_t)(p->address.p - p->name.p) : 0;
    r->peer.name = arena_dup(&r->a, p->name);
    r->peer.address = slice_sub(r->peer.name, host_at, p->address.n);
    if (!fields || r->peer.name.n < p->name.n)
        return false;
    if (bytes)
        memcpy(fields, h->fields, bytes);
    r->fields = fields;
    r->field_count = h->field_count;
    r->method = h->method;
    r->target = h->target;
    r->host = h->host;
    x->only_head = h->method == HTTP_HEAD;
    x->minor0 = h->minor == 0;
    x->close = h->close;
    x->chunked = h->chunked;
    x->body_left = h->length;
    x->accepts_gzip = http_accepts_gzip(http_header(r, S("Accept-Encoding")));
    return true;
}

/* Why this request is not taken, before any of its body is read; 0: it is. */
static unsigned examine(struct exchange *x)
{
    struct http_request *r = &x->r;
    const struct http_options *o = &x->server->o;
    struct http_target t;
    unsigned status = 0;
    if (!http_target_parse(r->target, &r->a, &t))
        return 400;
    r->path = t.path;
    r->query = t.query;
    r->route = http_route_find(o->routes, r->method, &t, r->params, &status, &x->allow);
    if (!r->route)
        return status;
    if (r->route->role)
        status = o->authenticate ? o->authenticate(r, r->route->role) : 403;
    if (status == 0 && x->body_left > r->route->max_body)
        status = 413;
    if (status == 0 && x->chunked && r->route->max_body == 0)
        status = 413;
    return status;
}

static slice why_not_taken(unsigned status)
{
    switch (status) {
    case 400:
        return S("the path or the query of the request cannot be read in one way only");
    case 401:
        return S("say who you are");
    case 403:
        return S("this key may not do this");
    case 404:
        return S("there is nothing at this path");
    case 405:
        return S("this path has other methods");
    case 413:
        return S("the body is larger than this path takes");
    case 429:
        return S("too many requests; come again later");
    default:
        return SLICE_EMPTY;
    }
}

/* ---- the handler ---- */

static void hand_over(struct exchange *x)
{
    x->handed = true;
    x->server->counts.working++;
    x->r.route->handle(&x->r);
}

/* A handler that did not answer at once: nothing more is read, and it has a clock. */
static void wait_for_answer(struct session *s)
{
    if (!s->x || s->x->stage != HTTP_WORKING)
        return;
    conn_pause(s->c);
    http_session_clock(s, s->server->o.answer_us);
}

/* The body is whole. Behind this `x` may be gone. */
static void body_whole(struct session *s, struct exchange *x)
{
    x->stage = HTTP_WORKING;
    x->r.body = buf_slice(&x->body);
    if (x->r.route->body)
        x->r.route->body->end(&x->r);
    else
        hand_over(x);
    wait_for_answer(s);
}

/* The head is taken; nothing of the body was looked at. A reader of bodies in pieces may answer at once. */
static void begin_body(struct session *s, struct exchange *x, bool expects_continue, bool body_follows)
{
    bool whole = exchange_has_body(x), pieces = x->r.route->body != NULL;
    if (expects_continue && !whole && !body_follows)
        conn_write(s->c, S("HTTP/1.1 100 Continue\r\n\r\n"));
    if (!whole)
        http_session_clock(s, s->server->o.body_us);
    if (pieces)
        hand_over(x);
    if (whole && s->x == x && x->stage == HTTP_READING)
        body_whole(s, x);
}

static void begin_request(struct session *s, slice head, bool body_follows)
{
    struct http_head h;
    struct exchange *x = exchange_new(s->server, s);
    if (!x) {
        conn_abort(s->c);
        return;
    }
    s->x = x;
    slice kept = arena_dup(&x->r.a, head);
    unsigned status = kept.n == head.n ? http_head_parse(kept, &h) : 503;
    if (status == 0 && !keep_head(x, &h))
        status = 503;
    if (status) {
        s->server->counts.malformed++;
        x->close = true;
        http_problem(&x->r, status, S(""), why_refused(status));
        return;
    }
    s->server->counts.requests++;
    status = examine(x);
    if (status)
        http_problem(&x->r, status, S(""), why_not_taken(status));
    else
        begin_body(s, x, h.expects_continue, body_follows);
}

/* ---- bytes ---- */

static size_t take_head(struct session *s, slice in)
{
    unsigned status;
    size_t n = http_head_find(in, &s->scanned, &status);
    s->partial = n == 0;
    if (n == 0 && status == 0)
        return 0;
    s->scanned = 0;
    if (n == 0)
        refuse_head(s, status);
    else
        begin_request(s, slice_sub(in, 0, n), in.n > n);
    return n ? n : in.n;
}

/* A handler has the request, and it goes wrong all the same: the peer is told, the handler learns that it is gone. */
static void break_off(struct session *s, unsigned status, slice why)
{
    struct exchange *told = exchange_new(s->server, s);
    exchange_lost(s->x);
    if (!told) {
        conn_abort(s->c);
        return;
    }
    s->x = told;
    told->close = true;
    http_problem(&told->r, status, S(""), why);
}

/* What cannot be read as a body any more is answered by whoever has the request. */
static void refuse_body(struct session *s, unsigned status, slice why)
{
    if (s->x->handed)
        break_off(s, status, why);
    else
        http_problem(&s->x->r, status, S(""), why);
}

/* The clock is set anew for each HTTP_PROGRESS_BYTES that came: a body may take long, but not for ever. */
static void give_piece(struct session *s, struct exchange *x, slice data)
{
    if (x->body_bytes - x->clocked_bytes >= HTTP_PROGRESS_BYTES) {
        x->clocked_bytes = x->body_bytes;
        http_session_clock(s, s->server->o.body_us);
    }
    if (data.n)
        x->r.route->body->piece(&x->r, data);
}

/* Some bytes of a body, as they were meant. */
static void give_body(struct session *s, slice data)
{
    struct exchange *x = s->x;
    x->body_bytes += data.n;
    if (x->body_bytes > x->r.route->max_body) {
        refuse_body(s, 413, why_not_taken(413));
    } else if (x->r.route->body) {
        give_piece(s, x, data);
    } else {
        buf_add(&x->body, data);
        if (x->body.failed)
            refuse_body(s, 503, S("no memory for the body"));
    }
}

static size_t take_body(struct session *s, slice in)
{
    struct exchange *x = s->x;
    slice data;
    size_t used;
    if (x->chunked) {
        used = http_chunks_next(&x->chunks, in, &data);
    } else {
        used = x->body_left < in.n ? (size_t)x->body_left : in.n;
        data = slice_sub(in, 0, used);
        x->body_left -= used;
    }
    if (x->chunks.state == HTTP_CHUNK_BAD) {
        s->server->counts.malformed++;
        x->close = true;
        refuse_body(s, 400, slice_str(why_malformed));
        return in.n;
    }
    give_body(s, data);
    if (s->x == x && x->stage == HTTP_READING && exchange_has_body(x))
        body_whole(s, x);
    return used;
}

static size_t on_input(void *session, struct conn *c, slice in)
{
    struct session *s = session;
    if (s->x)
        return s->x->stage == HTTP_READING ? take_body(s, in) : 0;
    if (conn_unsent(c) > HTTP_MAX_UNSENT_BYTES) {
        s->full = true;
        conn_pause(c);
        return 0;
    }
    return take_head(s, in);
}

/* ---- the rest of the protocol ---- */

static void *on_open(void *ctx, struct conn *c)
{
    struct http_server *server = ctx;
    struct session *s = calloc(1, sizeof *s);
    if (!s)
        return NULL;
    s->server = server;
    s->c = c;
    s->next = server->sessions;
    if (s->next)
        s->next->prev = s;
    server->sessions = s;
    server->counts.connections++;
    return s;
}

static void on_closed(void *session)
{
    struct session *s = session;
    struct http_server *server = s->server;
    if (s->x)
        exchange_lost(s->x);
    if (s->next)
        s->next->prev = s->prev;
    if (s->prev)
        s->prev->next = s->next;
    else
        server->sessions = s->next;
    server->counts.connections--;
    free(s);
}

static void on_eof(void *session, struct conn *c)
{
    struct session *s = session;
    if (s->x && s->x->stage == HTTP_READING)
        exchange_lost(s->x);
    if (s->x)
        s->x->close = true;
    else
        conn_close(c);
}

/* The last words: only to one who has begun to ask. */
static void on_timeout(void *session, struct conn *c)
{
    struct session *s = session;
    if (s->x && s->x->stage == HTTP_STREAMING) {
        conn_abort(c);
    } else if (s->x && s->x->stage == HTTP_WORKING) {
        break_off(s, 503, S("the answer took too long"));
    } else if (s->x) {
        refuse_body(s, 408, S("the body came too slowly"));
    } else if (s->partial) {
        refuse_head(s, 408);
    }
}

static void on_drained(void *session, struct conn *c)
{
    struct session *s = session;
    if (s->full) {
        s->full = false;
        conn_resume(c);
    } else if (s->x && s->x->stage == HTTP_STREAMING) {
        s->x->more(&s->x->r);
    }
}

const struct protocol http_protocol = {.name = "http",
                                       .open = on_open,
                                       .input = on_input,
                                       .eof = on_eof,
                                       .timeout = on_timeout,
                                       .drained = on_drained,
                                       .closed = on_closed};

/* ---- the server ---- */

struct http_server *http_server_new(const struct http_options *o)
{
    struct http_server *s = calloc(1, sizeof *s);
    if (!s)
        return NULL;
    MUST(o->routes && o->now_us);
    s->o = *o;
    s->o.body_us = o->body_us ? o->body_us : HTTP_CLOCK_US;
    s->o.answer_us = o->answer_us ? o->answer_us : HTTP_CLOCK_US;
    MUST(getrandom(&s->next_id, sizeof s->next_id, 0) == sizeof s->next_id);
    s->date.second = INT64_MIN;
    buf_init(&s->scratch, 0);
    return s;
}

void http_server_drain(struct http_server *s)
{
    s->draining = true;
    for (struct session *one = s->sessions; one; one = one->next)
        if (!one->x)
            conn_close(one->c);
}

const struct http_counts *http_server_counts(const struct http_server *s)
{
    return &s->counts;
}

void http_server_free(struct http_server **out)
{
    struct http_server *s = *out;
    *out = NULL;
    if (!s)
        return;
    MUST(!s->sessions && s->counts.working == 0);
    while (s->pool) {
        struct exchange *x = s->pool;
        s->pool = x->next;
        arena_fini(&x->r.a);
        free(x);
    }
    buf_fini(&s->scratch);
    free(s);
}
