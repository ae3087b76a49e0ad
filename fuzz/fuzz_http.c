/* Bytes to the HTTP server. The first one tells how they come:
 *
 *   - without a socket, whole and in pieces: the server says the same
 *   - over a socket pair: it ends, and says the same
 *   - each request that is taken is one for http_parser, too, and both see the same method, target, body and end: two readers that
 *     differ are what smuggling lives on
 */
#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>

#include <event2/event.h>

#include "../tests/net/http_rig.h"
#include "fuzz.h"
#include "http_opinion.h"
#include "net/http_chunk.h"

static void gather(void *ctx, slice bytes)
{
    buf_add(ctx, bytes);
}

/* The ids of requests differ from run to run. */
static void blot_ids(buf *b)
{
    static const char *const before[] = {"X-Request-Id: ", "\"request_id\":\""};
    for (size_t i = 0; i < ARRAY_LEN(before); i++) {
        slice name = slice_str(before[i]), left = buf_slice(b);
        for (size_t at; (at = slice_find(left, name)) != SLICE_NPOS && left.n - at >= name.n + 16;) {
            memset(b->p + (left.p - b->p) + at + name.n, '*', 16);
            left = slice_from(left, at + name.n + 16);
        }
    }
}

static void converse(slice s, size_t piece, buf *out)
{
    struct rig rig;
    rig_init(&rig);
    struct conn *c = conn_fake(&http_protocol, rig.server, gather, out);
    for (size_t at = 0; at < s.n; at += piece)
        (void)conn_fake_input(c, slice_sub(s, at, piece));
    for (size_t before = SIZE_MAX; out->n != before && !conn_fake_closed(c);) {
        before = out->n;
        while (rig.later_count)
            rig_answer(&rig, S("later"));
        (void)conn_fake_input(c, S("")); /* what waited for the answer */
    }
    conn_fake_free(&c);
    rig_fini(&rig);
    blot_ids(out);
}

/* "100 Continue" is said only when the body does not come at once, which depends on the pieces. */
static bool comparable(slice s)
{
    return slice_find_ci(s, S("100-continue")) == SLICE_NPOS;
}

static void in_pieces(slice s, size_t piece)
{
    buf whole, cut;
    buf_init(&whole, 0);
    buf_init(&cut, 0);
    converse(s, s.n + 1, &whole);
    converse(s, piece, &cut);
    if (comparable(s))
        MUST(slice_eq(buf_slice(&whole), buf_slice(&cut)));
    buf_fini(&whole);
    buf_fini(&cut);
}

/* ---- over a socket pair ---- */

static void over_sockets(slice s)
{
    static struct event_base *base;
    if (!base)
        base = event_base_new();
    struct rig rig;
    struct listener *l;
    int pair[2];
    err e;
    char piece[4096];
    rig_init(&rig);
    struct listen_options o = {.address = S("127.0.0.1:0"), .protocol = &http_protocol, .ctx = rig.server};
    MUST(listener_open(&o, &l, &e) == OK && listener_start(l, base, &e) == OK);
    MUST(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, pair) == 0);
    MUST(listener_adopt(l, pair[0]));
    bool ended = false;
    while (listener_counts(l)->open > 0) {
        ssize_t n = s.n ? send(pair[1], s.p, s.n, MSG_NOSIGNAL) : 0;
        if (n < 0 && errno != EAGAIN)
            s.n = 0;
        s = slice_from(s, n > 0 ? (size_t)n : 0);
        if (s.n == 0 && !ended)
            ended = shutdown(pair[1], SHUT_WR) == 0;
        (void)event_base_loop(base, EVLOOP_NONBLOCK);
        while (rig.later_count)
            rig_answer(&rig, S("later"));
        while (recv(pair[1], piece, sizeof piece, 0) > 0)
            continue;
        if (ended && s.n == 0 && recv(pair[1], piece, sizeof piece, 0) == 0)
            break;
    }
    close(pair[1]);
    listener_close(&l);
    rig_fini(&rig);
}

/* ---- a second opinion ---- */

/* http_parser 2.9.4 takes a longer name that begins with Transfer-Encoding for that field. */
static bool known_to_differ(const struct http_head *h)
{
    for (size_t i = 0; i < h->field_count; i++)
        if (slice_starts_ci(h->fields[i].name, S("transfer-encoding")) && h->fields[i].name.n > 17)
            return true;
    return false;
}

static void compare(slice request, const struct http_head *h, slice body)
{
    struct http_opinion o;
    if (known_to_differ(h))
        return;
    MUST(http_opinion(request, &o));
    MUST(slice_eq(slice_str(o.method), slice_str(http_method_name(h->method))));
    MUST(slice_eq(buf_slice(&o.target), h->target) && slice_eq(buf_slice(&o.body), body));
    buf_fini(&o.target);
    buf_fini(&o.body);
}

/* The request at the beginning of s. Returns its length; 0: none that is taken. */
static size_t take_request(slice s)
{
    struct http_head h;
    struct http_chunks c = {.left = 0};
    size_t scanned = 0;
    unsigned status;
    slice data;
    size_t n = http_head_find(s, &scanned, &status);
    if (n == 0 || http_head_parse(slice_sub(s, 0, n), &h) != 0 || h.length > s.n - n)
        return 0;
    buf body;
    buf_init(&body, 0);
    buf_add(&body, slice_sub(s, n, (size_t)h.length));
    n += (size_t)h.length;
    while (h.chunked && c.state < HTTP_CHUNK_DONE) {
        size_t used = http_chunks_next(&c, slice_from(s, n), &data);
        if (used == 0)
            break;
        buf_add(&body, data);
        n += used;
    }
    if (!h.chunked || c.state == HTTP_CHUNK_DONE)
        compare(slice_sub(s, 0, n), &h, buf_slice(&body));
    else
        n = 0;
    buf_fini(&body);
    return n;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    slice s = fuzz_input(data, size);
    if (s.n == 0)
        return 0;
    unsigned how = (unsigned char)s.p[0];
    s = slice_from(s, 1);
    if (how % 16 == 0)
        over_sockets(s);
    else
        in_pieces(s, how % 16);
    for (size_t n; (n = take_request(s)) > 0;)
        s = slice_from(s, n);
    return 0;
}
