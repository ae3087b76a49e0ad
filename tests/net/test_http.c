/* The HTTP server as its peers see it: answers, their order, bodies in pieces, clocks, peers that go. */
#include "check.h"

#include <stdlib.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>
#include <zlib.h>

#include "http_rig.h"
#include "world.h"

#define MS INT64_C(1000)
#define HOST "Host: example.org\r\n"
#define GET(path) "GET " path " HTTP/1.1\r\n" HOST "\r\n"

/* ---- without sockets ---- */

struct talk {
    struct rig rig;
    struct conn *c;
    buf out;
    size_t read;
};

static void on_wrote(void *ctx, slice bytes)
{
    buf_add(ctx, bytes);
}

static int begin(void **state)
{
    struct talk *t = calloc(1, sizeof *t);
    assert_non_null(t);
    buf_init(&t->out, 0);
    rig_init(&t->rig);
    t->c = conn_fake(&http_protocol, t->rig.server, on_wrote, &t->out);
    *state = t;
    return 0;
}

static int end(void **state)
{
    struct talk *t = *state;
    conn_fake_free(&t->c);
    rig_fini(&t->rig);
    buf_fini(&t->out);
    free(t);
    return 0;
}

static void say(struct talk *t, slice text)
{
    (void)conn_fake_input(t->c, text);
}

/* The next answer; fails the test when it is not there, or has another status. Its body ends with the next call. */
static struct rig_reply *expect(struct talk *t, unsigned status, bool to_head)
{
    static struct rig_reply r;
    slice rest = slice_from(buf_slice(&t->out), t->read);
    size_t before = rest.n;
    if (r.body.p)
        buf_fini(&r.body);
    if (!rig_reply_next(&rest, to_head, &r) || r.status != status || !r.whole)
        fail_msg("expected %u, got: %.*s", status, SLICE_FMT(slice_from(buf_slice(&t->out), t->read)));
    t->read += before - rest.n;
    return &r;
}

static void expect_silence(struct talk *t)
{
    assert_slice(slice_from(buf_slice(&t->out), t->read), S(""));
}

static void test_answer(void **state)
{
    struct talk *t = *state;
    say(t, S(GET("/")));
    const struct rig_reply *r = expect(t, 200, false);
    assert_slice(rig_field(r, S("Date")), S("Fri, 21 Nov 2025 00:03:24 GMT"));
    assert_slice(rig_field(r, S("Content-Type")), S("text/plain"));
    assert_slice(rig_field(r, S("Cache-Control")), S("no-store"));
    assert_slice(rig_field(r, S("X-Content-Type-Options")), S("nosniff"));
    assert_int_equal(rig_field(r, S("X-Request-Id")).n, 16);
    assert_slice(buf_slice(&r->body), S("root"));
    const struct http_counts *n = http_server_counts(t->rig.server);
    assert_int_equal(n->requests, 1);
    assert_int_equal(n->answers[2], 1);
    assert_int_equal(n->bytes_out, 4);
    assert_int_equal(t->rig.logged, 1);
}

static void test_head(void **state)
{
    struct talk *t = *state;
    say(t, S("HEAD / HTTP/1.1\r\n" HOST "\r\n"));
    assert_slice(rig_field(expect(t, 200, true), S("Content-Length")), S("4"));
    say(t, S("HEAD /v1/long HTTP/1.1\r\n" HOST "\r\n"));
    assert_slice(rig_field(expect(t, 200, true), S("Transfer-Encoding")), S("chunked"));
    say(t, S("HEAD /nowhere HTTP/1.1\r\n" HOST "\r\n" GET("/")));
    expect(t, 404, true);
    expect(t, 200, false);
    expect_silence(t);
}

static void test_problem(void **state)
{
    struct talk *t = *state;
    say(t, S(GET("/nowhere")));
    const struct rig_reply *r = expect(t, 404, false);
    slice body = buf_slice(&r->body), id = rig_field(r, S("X-Request-Id"));
    assert_slice(rig_field(r, S("Content-Type")), S("application/problem+json"));
    assert_true(slice_find(body, S("\"type\":\"about:blank\",\"title\":\"Not Found\",\"status\":404,")) == 1);
    assert_true(slice_find(body, id) != SLICE_NPOS);
    say(t, S("PUT /v1/secret HTTP/1.1\r\n" HOST "\r\n"));
    assert_slice(rig_field(expect(t, 405, false), S("Allow")), S("GET, HEAD, POST, DELETE"));
    say(t, S("OPTIONS / HTTP/1.1\r\n" HOST "Origin: https://evil.example\r\n\r\n"));
    r = expect(t, 405, false);
    assert_slice(rig_field(r, S("Allow")), S("GET, HEAD"));
    assert_int_equal(rig_field(r, S("Access-Control-Allow-Origin")).n, 0);
}

static void test_etag(void **state)
{
    struct talk *t = *state;
    say(t, S(GET("/v1/text")));
    const struct rig_reply *r = expect(t, 200, false);
    assert_slice(rig_field(r, S("ETag")), S("W/\"v1\""));
    assert_slice(rig_field(r, S("Vary")), S("Accept-Encoding"));
    assert_int_equal(r->body.n, 5000);
    say(t, S("GET /v1/text HTTP/1.1\r\n" HOST "If-None-Match: \"x\", W/\"v1\"\r\n\r\n"));
    expect(t, 304, false);
    say(t, S("GET /v1/text HTTP/1.1\r\n" HOST "If-None-Match: *\r\n\r\n"));
    expect(t, 304, false);
    say(t, S("GET /v1/text HTTP/1.1\r\n" HOST "If-None-Match: \"v10\"\r\n\r\n"));
    expect(t, 200, false);
    expect_silence(t);
}

static void test_gzip(void **state)
{
    struct talk *t = *state;
    say(t, S("GET /v1/text HTTP/1.1\r\n" HOST "Accept-Encoding: br, gzip;q=0.8\r\n\r\n"));
    const struct rig_reply *r = expect(t, 200, false);
    assert_slice(rig_field(r, S("Content-Encoding")), S("gzip"));
    assert_true(r->body.n < 100);
    unsigned char text[6000];
    z_stream z = {.next_in = (unsigned char *)r->body.p, .avail_in = (unsigned)r->body.n};
    z.next_out = text;
    z.avail_out = sizeof text;
    assert_int_equal(inflateInit2(&z, 15 + 16), Z_OK);
    assert_int_equal(inflate(&z, Z_FINISH), Z_STREAM_END);
    assert_int_equal(z.total_out, 5000);
    assert_int_equal(text[0], 't');
    assert_int_equal(text[4999], 't');
    inflateEnd(&z);
    say(t, S("GET /v1/text HTTP/1.1\r\n" HOST "Accept-Encoding: gzip;q=0, *\r\n\r\n"));
    assert_int_equal(expect(t, 200, false)->body.n, 5000);
    say(t, S("GET / HTTP/1.1\r\n" HOST "Accept-Encoding: gzip\r\n\r\n")); /* too small */
    assert_int_equal(rig_field(expect(t, 200, false), S("Content-Encoding")).n, 0);
}

/* What is asked behind a request that takes its time waits, and its answer comes behind. */
static void test_pipeline(void **state)
{
    struct talk *t = *state;
    say(t, S(GET("/") GET("/v1/later") GET("/v1/text") GET("/v1/later") "DELETE / HTTP/1.1\r\n" HOST "\r\n"));
    expect(t, 200, false);
    expect_silence(t);
    assert_int_equal(t->rig.later_count, 1);
    say(t, S(GET("/v1/echo/a/b")));
    expect_silence(t);
    assert_int_equal(http_server_counts(t->rig.server)->working, 1);
    rig_answer(&t->rig, S("first"));
    assert_slice(buf_slice(&expect(t, 200, false)->body), S("first"));
    expect_silence(t);
    say(t, S(""));
    assert_int_equal(expect(t, 200, false)->body.n, 5000);
    expect_silence(t);
    rig_answer(&t->rig, S("second"));
    say(t, S(""));
    assert_slice(buf_slice(&expect(t, 200, false)->body), S("second"));
    expect(t, 405, false);
    assert_slice(buf_slice(&expect(t, 200, false)->body), S("a|b|"));
    expect_silence(t);
}

/* ---- who may ---- */

static void test_authentication(void **state)
{
    struct talk *t = *state;
    say(t, S(GET("/v1/secret")));
    const struct rig_reply *r = expect(t, 401, false);
    assert_slice(rig_field(r, S("WWW-Authenticate")), S("Bearer"));
    assert_false(r->close);
    say(t, S("GET /v1/secret HTTP/1.1\r\n" HOST "Authorization: Bearer weak\r\n\r\n"));
    expect(t, 403, false);
    say(t, S("GET /v1/secret HTTP/1.1\r\n" HOST "Authorization: Bearer good\r\n\r\n"));
    assert_slice(buf_slice(&expect(t, 200, false)->body), S("secret"));
    assert_false(conn_fake_closed(t->c));
}

/* The body of one who may not is not read, and nobody is told to send it. */
static void test_refused_before_the_body(void **state)
{
    struct talk *t = *state;
    say(t, S("POST /v1/secret HTTP/1.1\r\n" HOST "Content-Length: 5\r\nExpect: 100-continue\r\n\r\n"));
    assert_true(expect(t, 401, false)->close);
    assert_true(conn_fake_closed(t->c));
    say(t, S("hello" GET("/")));
    expect_silence(t);
}

static void test_too_large_before_the_body(void **state)
{
    struct talk *t = *state;
    say(t, S("POST /v1/secret HTTP/1.1\r\n" HOST "Authorization: Bearer good\r\nContent-Length: 101\r\n"
             "Expect: 100-continue\r\n\r\n"));
    assert_true(expect(t, 413, false)->close);
    assert_true(conn_fake_closed(t->c));
}

static void test_continue(void **state)
{
    struct talk *t = *state;
    say(t, S("POST /v1/secret HTTP/1.1\r\n" HOST "Authorization: Bearer good\r\nContent-Length: 5\r\n"
             "Expect: 100-Continue\r\n\r\n"));
    expect(t, 100, false);
    expect_silence(t);
    say(t, S("hello"));
    expect(t, 200, false);
    /* not when the body came without waiting */
    say(t, S("POST /v1/gather HTTP/1.1\r\n" HOST "Content-Length: 5\r\nExpect: 100-continue\r\n\r\nhello"));
    assert_slice(buf_slice(&expect(t, 200, false)->body), S("hello"));
    expect_silence(t);
}

/* ---- bodies in pieces, answers in pieces ---- */

/* A reader that asks for no more gets no more; the connection may go meanwhile. */
static void test_stream_in_paused(void **state)
{
    struct talk *t = *state;
    t->rig.hold = true;
    say(t, S("POST /v1/stream HTTP/1.1\r\n" HOST "Content-Length: 6\r\n\r\nab"));
    assert_non_null(t->rig.held);
    say(t, S("cd")); /* waits */
    t->rig.held = NULL;
    say(t, S(""));
    assert_null(t->rig.held);
    expect_silence(t);
}

static void test_stream_in_resumed(void **state)
{
    struct talk *t = *state;
    t->rig.hold = true;
    say(t, S("POST /v1/stream HTTP/1.1\r\n" HOST "Content-Length: 6\r\n\r\nab"));
    struct http_request *r = t->rig.held;
    t->rig.hold = false;
    say(t, S("cdef" GET("/")));
    expect_silence(t);
    http_resume(r);
    say(t, S(""));
    assert_slice(buf_slice(&expect(t, 200, false)->body), S("6 597"));
    assert_slice(buf_slice(&expect(t, 200, false)->body), S("root"));
    say(t,
        S("POST /v1/stream HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n3\r\ndef\r\n0\r\n\r\n"));
    assert_slice(buf_slice(&expect(t, 200, false)->body), S("6 597"));
    say(t, S("POST /v1/stream HTTP/1.1\r\n" HOST "\r\n"));
    assert_slice(buf_slice(&expect(t, 200, false)->body), S("0 0"));
}

/* A body that breaks while its reader has it already: the reader learns it, the peer is told. */
static void test_stream_in_broken(void **state)
{
    struct talk *t = *state;
    say(t, S("POST /v1/stream HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\nx\r\n"));
    assert_true(expect(t, 400, false)->close);
    assert_int_equal(t->rig.gone, 1);
    assert_true(conn_fake_closed(t->c));
    assert_int_equal(http_server_counts(t->rig.server)->working, 0);
}

static void test_stream_in_eof(void **state)
{
    struct talk *t = *state;
    say(t, S("POST /v1/stream HTTP/1.1\r\n" HOST "Content-Length: 6\r\n\r\nab"));
    conn_fake_eof(t->c);
    assert_int_equal(t->rig.gone, 1);
    assert_true(conn_fake_closed(t->c));
}

static void test_stream_out(void **state)
{
    struct talk *t = *state;
    say(t, S(GET("/v1/long") GET("/")));
    const struct rig_reply *r = expect(t, 200, false);
    assert_int_equal(r->body.n, 500000);
    assert_false(r->close);
    say(t, S(""));
    expect(t, 200, false);
    say(t, S("GET /v1/long HTTP/1.0\r\n\r\n"));
    r = expect(t, 200, false);
    assert_int_equal(r->body.n, 500000);
    assert_int_equal(rig_field(r, S("Transfer-Encoding")).n, 0);
    assert_true(conn_fake_closed(t->c));
}

/* An answer that breaks off must not look whole. */
static void test_stream_out_torn(void **state)
{
    struct talk *t = *state;
    struct rig_reply r;
    say(t, S(GET("/v1/torn")));
    slice rest = buf_slice(&t->out);
    assert_true(rig_reply_next(&rest, false, &r));
    assert_false(r.whole);
    assert_true(r.body.n > 0);
    assert_true(conn_fake_closed(t->c));
    buf_fini(&r.body);
}

/* ---- peers that go ---- */

static void test_gone_before_the_answer(void **state)
{
    struct talk *t = *state;
    say(t, S(GET("/v1/later")));
    conn_fake_free(&t->c);
    assert_true(http_gone(t->rig.later[0]));
    rig_answer(&t->rig, S("nobody there"));
    assert_int_equal(http_server_counts(t->rig.server)->working, 0);
    assert_int_equal(t->rig.logged, 1);
}

static void test_timeouts(void **state)
{
    struct talk *t = *state;
    conn_fake_timeout(t->c); /* nothing was asked */
    expect_silence(t);
    conn_fake_free(&t->c);
    t->c = conn_fake(&http_protocol, t->rig.server, on_wrote, &t->out);
    say(t, S("GET / HT"));
    conn_fake_timeout(t->c);
    expect(t, 408, false);
    conn_fake_free(&t->c);
    t->c = conn_fake(&http_protocol, t->rig.server, on_wrote, &t->out);
    say(t, S("POST /v1/gather HTTP/1.1\r\n" HOST "Content-Length: 5\r\n\r\nhe"));
    conn_fake_timeout(t->c);
    expect(t, 408, false);
    conn_fake_free(&t->c);
    t->c = conn_fake(&http_protocol, t->rig.server, on_wrote, &t->out);
    say(t, S(GET("/v1/later")));
    conn_fake_timeout(t->c);
    assert_true(expect(t, 503, false)->close);
    assert_true(http_gone(t->rig.later[0]));
    expect_silence(t);
}

static void test_drain(void **state)
{
    struct talk *t = *state;
    say(t, S(GET("/v1/later")));
    http_server_drain(t->rig.server);
    assert_false(conn_fake_closed(t->c));
    rig_answer(&t->rig, S("the last one"));
    assert_true(expect(t, 200, false)->close);
    assert_true(conn_fake_closed(t->c));
    conn_fake_free(&t->c);
    t->c = conn_fake(&http_protocol, t->rig.server, on_wrote, &t->out);
    http_server_drain(t->rig.server);
    assert_true(conn_fake_closed(t->c));
}

/* ---- with sockets ---- */

struct site {
    struct rig rig;
    struct world w;
};

static void site_init(struct site *s, const struct listen_options *o, int64_t body_us, int64_t answer_us)
{
    struct listen_options mine = *o;
    rig_init_clocks(&s->rig, body_us, answer_us);
    mine.protocol = &http_protocol;
    mine.ctx = s->rig.server;
    world_init(&s->w, &mine);
}

static void site_fini(struct site *s)
{
    world_fini(&s->w);
    rig_fini(&s->rig);
}

static void read_reply(struct site *s, slice request, unsigned status, size_t body)
{
    struct rig_reply r;
    buf got;
    buf_init(&got, 0);
    int fd = world_connect(&s->w);
    if (request.n)
        assert_true(world_send(&s->w, fd, request));
    world_read_all(&s->w, fd, &got);
    slice rest = buf_slice(&got);
    if (status == 0) {
        assert_slice(rest, S(""));
    } else {
        assert_true(rig_reply_next(&rest, false, &r));
        assert_int_equal(r.status, status);
        assert_true(r.whole && r.close);
        if (body)
            assert_int_equal(r.body.n, body);
        buf_fini(&r.body);
    }
    close(fd);
    buf_fini(&got);
}

static void test_sockets(void **state)
{
    (void)state;
    struct site s;
    site_init(&s, &(struct listen_options){.frame_us = 50 * MS, .idle_us = 200 * MS}, 50 * MS, 50 * MS);
    read_reply(&s, S("GET /v1/long HTTP/1.1\r\n" HOST "Connection: close\r\n\r\n"), 200, 500000);
    read_reply(&s, S("GET /v1/long HTTP/1.0\r\n\r\n"), 200, 500000);
    read_reply(&s, S("GET /v1/later HTTP/1.1\r\n" HOST "\r\n"), 503, 0); /* nobody answers */
    read_reply(&s, S("POST /v1/gather HTTP/1.1\r\n" HOST "Content-Length: 100\r\n\r\nslow"), 408, 0);
    read_reply(&s, S("GET / HTTP/1.1\r\nHost: slo"), 408, 0);
    read_reply(&s, S(""), 0, 0); /* half-open: says nothing at all */
    read_reply(&s, S("POST /v1/gather HTTP/1.1\r\n" HOST "Content-Length: 70000\r\n\r\nmuch"), 413, 0);
    site_fini(&s);
}

/* A body in pieces has its clock, too: a byte now and then is not enough. */
static void test_trickled_body(void **state)
{
    (void)state;
    struct site s;
    buf got;
    buf_init(&got, 0);
    site_init(&s, &(struct listen_options){.idle_us = 0}, 100 * MS, 0);
    int fd = world_connect(&s.w);
    assert_true(world_send(&s.w, fd, S("POST /v1/stream HTTP/1.1\r\n" HOST "Content-Length: 200000\r\n\r\n")));
    for (int i = 0; i < 7000; i++)
        assert_true(world_send(&s.w, fd, S("0123456789")));
    for (int i = 0; i < 10000 && s.rig.gone == 0; i++) {
        if (!world_send(&s.w, fd, S("x")))
            break;
        world_run(&s.w, 5 * MS);
    }
    world_read_all(&s.w, fd, &got);
    assert_true(slice_starts(buf_slice(&got), S("HTTP/1.1 408 ")));
    assert_int_equal(s.rig.gone, 1);
    close(fd);
    site_fini(&s);
    buf_fini(&got);
}

/* Asks for much, many times, and reads nothing: is cut, and takes little memory meanwhile. */
static void test_never_reads(void **state)
{
    (void)state;
    struct site s;
    site_init(&s, &(struct listen_options){.idle_us = 100 * MS}, 0, 0);
    int fd = world_connect(&s.w), small = 4096;
    assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &small, sizeof small), 0);
    for (unsigned i = 0; i < 2000; i++)
        if (!world_send(&s.w, fd, S(GET("/v1/text"))))
            break;
    while (http_server_counts(s.rig.server)->requests == 0 || listener_counts(s.w.listener)->open > 0)
        world_run(&s.w, 5 * MS);
    assert_int_equal(listener_counts(s.w.listener)->timeouts, 1);
    assert_int_equal(listener_counts(s.w.listener)->overflows, 0);
    close(fd);
    fd = world_connect(&s.w); /* a streamed answer that nobody takes: its maker learns it */
    assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &small, sizeof small), 0);
    for (unsigned i = 0; i < 100; i++)
        assert_true(world_send(&s.w, fd, S(GET("/v1/long"))));
    while (listener_counts(s.w.listener)->accepted < 2 || listener_counts(s.w.listener)->open > 0)
        world_run(&s.w, 5 * MS);
    assert_int_equal(http_server_counts(s.rig.server)->working, 0);
    close(fd);
    site_fini(&s);
}

/* Many pipelined requests with large answers: the next is looked at when the peer has read. */
static void test_pipeline_backs_up(void **state)
{
    (void)state;
    struct site s;
    buf ask, got;
    buf_init(&ask, 0);
    buf_init(&got, 0);
    for (unsigned i = 0; i < 1000; i++)
        buf_add(&ask, S(GET("/v1/text")));
    buf_add(&ask, S("GET / HTTP/1.1\r\n" HOST "Connection: close\r\n\r\n"));
    site_init(&s, &(struct listen_options){.max_input = 65536}, 0, 0);
    int fd = world_connect(&s.w);
    assert_true(world_send(&s.w, fd, buf_slice(&ask)));
    world_read_all(&s.w, fd, &got);
    slice rest = buf_slice(&got);
    struct rig_reply r;
    for (unsigned i = 0; i < 1001; i++) {
        assert_true(rig_reply_next(&rest, false, &r));
        assert_true(r.status == 200 && r.whole);
        assert_int_equal(r.body.n, i < 1000 ? 5000 : 4);
        buf_fini(&r.body);
    }
    assert_int_equal(rest.n, 0);
    close(fd);
    site_fini(&s);
    buf_fini(&ask);
    buf_fini(&got);
}

/* 10,000 connections that say nothing, in a process of their own for their descriptors; one that asks is served beside them. */
static void idle_clients(const struct world *w, unsigned n, int go)
{
    struct world mine = *w;
    char byte;
    for (unsigned i = 0; i < n; i++)
        (void)world_connect(&mine);
    _exit(read(go, &byte, 1) == 0 ? 0 : 1);
}

static void test_10000_idle(void **state)
{
    (void)state;
    struct rlimit l;
    int go[2];
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &l), 0);
    l.rlim_cur = l.rlim_max;
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &l), 0);
    unsigned n = l.rlim_cur > 10100 ? 10000 : (unsigned)l.rlim_cur - 100;
    if (n < 10000)
        print_message("only %u connections: this process may have no more descriptors\n", n);
    struct site s;
    site_init(&s, &(struct listen_options){.max_connections = 20000, .backlog = 1024}, 0, 0);
    assert_int_equal(pipe(go), 0);
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        close(go[1]);
        idle_clients(&s.w, n, go[0]);
    }
    close(go[0]);
    int64_t patience = world_now() + WORLD_PATIENCE_US;
    while (listener_counts(s.w.listener)->open < n && world_now() < patience)
        world_run(&s.w, 5 * MS);
    assert_int_equal(listener_counts(s.w.listener)->open, n);
    read_reply(&s, S("GET / HTTP/1.1\r\n" HOST "Connection: close\r\n\r\n"), 200, 4);
    close(go[1]);
    while (listener_counts(s.w.listener)->open > 0 && world_now() < patience)
        world_run(&s.w, 5 * MS);
    assert_int_equal(listener_counts(s.w.listener)->open, 0);
    int status;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
    site_fini(&s);
}

int main(void)
{
#define TALK(name) cmocka_unit_test_setup_teardown(name, begin, end)
    const struct CMUnitTest tests[] = {
        TALK(test_answer),
        TALK(test_head),
        TALK(test_problem),
        TALK(test_etag),
        TALK(test_gzip),
        TALK(test_pipeline),
        TALK(test_authentication),
        TALK(test_refused_before_the_body),
        TALK(test_too_large_before_the_body),
        TALK(test_continue),
        TALK(test_stream_in_paused),
        TALK(test_stream_in_resumed),
        TALK(test_stream_in_broken),
        TALK(test_stream_in_eof),
        TALK(test_stream_out),
        TALK(test_stream_out_torn),
        TALK(test_gone_before_the_answer),
        TALK(test_timeouts),
        TALK(test_drain),
        cmocka_unit_test(test_sockets),
        cmocka_unit_test(test_trickled_body),
        cmocka_unit_test(test_never_reads),
        cmocka_unit_test(test_pipeline_backs_up),
        cmocka_unit_test(test_10000_idle),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
