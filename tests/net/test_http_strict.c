/* What is refused, each by its name, and that how a request is cut into pieces changes nothing. */
#include "check.h"

#include <stdlib.h>

#include "http_rig.h"
#include "net/http_chunk.h"
#include "net/http_target.h"

#define END "\r\n\r\n"
#define HOST "Host: example.org\r\n"
#define GET_ROOT "GET / HTTP/1.1\r\nHost: example.org\r\n\r\n"
#define POST "POST /v1/gather HTTP/1.1\r\nHost: example.org\r\n"
#define CHUNKED POST "Transfer-Encoding: chunked\r\n\r\n"

static void gather(void *ctx, slice bytes)
{
    buf_add(ctx, bytes);
}

/* Everything that the server says to this; the first `first` bytes at once, then `piece` at a time. */
static void converse(slice request, size_t first, size_t piece, buf *out, bool *closed)
{
    struct rig rig;
    rig_init(&rig);
    struct conn *c = conn_fake(&http_protocol, rig.server, gather, out);
    (void)conn_fake_input(c, slice_sub(request, 0, first));
    for (size_t at = first; at < request.n; at += piece)
        (void)conn_fake_input(c, slice_sub(request, at, piece));
    *closed = conn_fake_closed(c);
    conn_fake_free(&c);
    rig_fini(&rig);
}

static const struct {
    const char *name;
    slice request;
    const char *statuses; /* of all answers; a request that is refused ends the conversation */
    bool stays_open;
} cases[] = {
    /* what is taken */
    {"plain", SLICE_INIT(GET_ROOT), "200 ", true},
    {"two pipelined", SLICE_INIT(GET_ROOT GET_ROOT), "200 200 ", true},
    {"empty line before", SLICE_INIT("\r\n" GET_ROOT), "200 ", true},
    {"HTTP/1.0", SLICE_INIT("GET / HTTP/1.0\r\n\r\n"), "200 ", false},
    {"close", SLICE_INIT("GET / HTTP/1.1\r\n" HOST "Connection: foo, Close\r\n\r\n" GET_ROOT), "200 ", false},
    {"length", SLICE_INIT(POST "Content-Length: 5\r\n\r\nhello" GET_ROOT), "200 200 ", true},
    {"length with zeros", SLICE_INIT(POST "Content-Length: 005\r\n\r\nhello" GET_ROOT), "200 200 ", true},
    {"chunked", SLICE_INIT(CHUNKED "5\r\nhello\r\n0\r\n\r\n" GET_ROOT), "200 200 ", true},
    {"chunk extension", SLICE_INIT(CHUNKED "5;a=b;c=\"d\"\r\nhello\r\n0;x\r\n\r\n" GET_ROOT), "200 200 ", true},
    {"chunk trailer", SLICE_INIT(CHUNKED "5\r\nhello\r\n0\r\nSum: 1\r\n\r\n" GET_ROOT), "200 200 ", true},
    {"obs-text in a value", SLICE_INIT("GET / HTTP/1.1\r\n" HOST "X: \xe9\r\n\r\n"), "200 ", true},
    {"empty value", SLICE_INIT("GET / HTTP/1.1\r\n" HOST "X:\r\n\r\n"), "200 ", true},
    {"host with port", SLICE_INIT("GET / HTTP/1.1\r\nHost: a.example:8080\r\n\r\n"), "200 ", true},
    {"host IPv6", SLICE_INIT("GET / HTTP/1.1\r\nHost: [2001:db8::1]:8080\r\n\r\n"), "200 ", true},
    {"continue", SLICE_INIT(POST "Content-Length: 5\r\nExpect: 100-continue\r\n\r\n"), "100 ", true},

    /* lengths */
    {"two lengths", SLICE_INIT(POST "Content-Length: 5\r\nContent-Length: 6\r\n\r\nhello" GET_ROOT), "400 ", false},
    {"one length twice", SLICE_INIT(POST "Content-Length: 5\r\nContent-Length: 5\r\n\r\nhello"), "400 ", false},
    {"list of lengths", SLICE_INIT(POST "Content-Length: 5, 5\r\n\r\nhello"), "400 ", false},
    {"length with sign", SLICE_INIT(POST "Content-Length: +5\r\n\r\nhello"), "400 ", false},
    {"negative length", SLICE_INIT(POST "Content-Length: -5\r\n\r\nhello"), "400 ", false},
    {"hex length", SLICE_INIT(POST "Content-Length: 0x5\r\n\r\nhello"), "400 ", false},
    {"length with blank in it", SLICE_INIT(POST "Content-Length: 1 0\r\n\r\nhello"), "400 ", false},
    {"length and point", SLICE_INIT(POST "Content-Length: 5.0\r\n\r\nhello"), "400 ", false},
    {"empty length", SLICE_INIT(POST "Content-Length:\r\n\r\nhello"), "400 ", false},
    {"length of 20 digits", SLICE_INIT(POST "Content-Length: 18446744073709551621\r\n\r\nhello"), "400 ", false},
    {"length and chunked", SLICE_INIT(POST "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"), "400 ",
     false},
    {"chunked and length", SLICE_INIT(POST "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n"), "400 ",
     false},

    /* codings */
    {"two codings", SLICE_INIT(POST "Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n"), "400 ", false},
    {"chunked, identity", SLICE_INIT(POST "Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n"), "400 ", false},
    {"chunked twice", SLICE_INIT(POST "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
     "400 ", false},
    {"identity", SLICE_INIT(POST "Transfer-Encoding: identity\r\n\r\n"), "501 ", false},
    {"xchunked", SLICE_INIT(POST "Transfer-Encoding: xchunked\r\n\r\n"), "400 ", false},
    {"vertical tab before chunked", SLICE_INIT(POST "Transfer-Encoding: \vchunked\r\n\r\n"), "400 ", false},
    {"quoted chunked", SLICE_INIT(POST "Transfer-Encoding: \"chunked\"\r\n\r\n"), "400 ", false},
    {"empty coding", SLICE_INIT(POST "Transfer-Encoding:\r\n\r\n"), "501 ", false},
    {"coding in HTTP/1.0",
     SLICE_INIT("POST /v1/gather HTTP/1.0\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n"), "400 ", false},

    /* lines */
    {"bare LF", SLICE_INIT("GET / HTTP/1.1\n" HOST "\r\n"), "400 ", false},
    {"bare LF in fields", SLICE_INIT("GET / HTTP/1.1\r\nHost: a\nX: b\r\n\r\n"), "400 ", false},
    {"bare LF at the end", SLICE_INIT("GET / HTTP/1.1\r\nHost: a\r\n\n"), "400 ", false},
    {"bare CR in a value", SLICE_INIT("GET / HTTP/1.1\r\nHost: a\r\nX: a\rb\r\n\r\n"), "400 ", false},
    {"two CR", SLICE_INIT("GET / HTTP/1.1\r\nHost: a\r\r\n\r\n"), "400 ", false},
    {"CR in the request line", SLICE_INIT("GET /\r HTTP/1.1\r\nHost: a\r\n\r\n"), "400 ", false},
    {"obs-fold", SLICE_INIT("GET / HTTP/1.1\r\nHost: a\r\nX: a\r\n b\r\n\r\n"), "400 ", false},
    {"obs-fold with tab", SLICE_INIT("GET / HTTP/1.1\r\nHost: a\r\nX: a\r\n\tb\r\n\r\n"), "400 ", false},
    {"first field folded", SLICE_INIT("GET / HTTP/1.1\r\n Host: a\r\n\r\n"), "400 ", false},
    {"blank before colon", SLICE_INIT("GET / HTTP/1.1\r\nHost : a\r\n\r\n"), "400 ", false},
    {"tab before colon", SLICE_INIT(POST "Content-Length\t: 5\r\n\r\nhello"), "400 ", false},
    {"no colon", SLICE_INIT("GET / HTTP/1.1\r\nHost: a\r\nX\r\n\r\n"), "400 ", false},
    {"no name", SLICE_INIT("GET / HTTP/1.1\r\nHost: a\r\n: x\r\n\r\n"), "400 ", false},
    {"name in quotes", SLICE_INIT("GET / HTTP/1.1\r\nHost: a\r\n\"X\": x\r\n\r\n"), "400 ", false},
    {"name with high byte", SLICE_INIT("GET / HTTP/1.1\r\nHost: a\r\nX\xe9: x\r\n\r\n"), "400 ", false},
    {"NUL in a value", SLICE_INIT("GET / HTTP/1.1\r\nHost: a\r\nX: a\0b\r\n\r\n"), "400 ", false},
    {"NUL in a name", SLICE_INIT("GET / HTTP/1.1\r\nHost: a\r\nX\0: b\r\n\r\n"), "400 ", false},
    {"NUL in the target", SLICE_INIT("GET /\0 HTTP/1.1\r\nHost: a\r\n\r\n"), "400 ", false},
    {"escape in a value", SLICE_INIT("GET / HTTP/1.1\r\nHost: a\r\nX: \x1b[0m\r\n\r\n"), "400 ", false},
    {"DEL in a value", SLICE_INIT("GET / HTTP/1.1\r\nHost: a\r\nX: \x7f\r\n\r\n"), "400 ", false},

    /* the request line */
    {"two blanks", SLICE_INIT("GET  / HTTP/1.1\r\n" HOST "\r\n"), "400 ", false},
    {"blank at the end", SLICE_INIT("GET / HTTP/1.1 \r\n" HOST "\r\n"), "400 ", false},
    {"tab between", SLICE_INIT("GET\t/ HTTP/1.1\r\n" HOST "\r\n"), "400 ", false},
    {"HTTP/0.9", SLICE_INIT("GET /\r\n\r\n"), "400 ", false},
    {"HTTP/2.0", SLICE_INIT("GET / HTTP/2.0\r\n" HOST "\r\n"), "505 ", false},
    {"HTTP/1.2", SLICE_INIT("GET / HTTP/1.2\r\n" HOST "\r\n"), "505 ", false},
    {"http/1.1", SLICE_INIT("GET / http/1.1\r\n" HOST "\r\n"), "400 ", false},
    {"HTTP/1.10", SLICE_INIT("GET / HTTP/1.10\r\n" HOST "\r\n"), "400 ", false},
    {"HTTP/2 preface", SLICE_INIT("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"), "505 ", false},
    {"TLS to a plain port", SLICE_INIT("\x16\x03\x01\x02\x00\n"), "400 ", false},
    {"method unknown", SLICE_INIT("BREW / HTTP/1.1\r\n" HOST "\r\n"), "501 ", false},
    {"method in small letters", SLICE_INIT("get / HTTP/1.1\r\n" HOST "\r\n"), "501 ", false},
    {"method no token", SLICE_INIT("G{T / HTTP/1.1\r\n" HOST "\r\n"), "400 ", false},
    {"CONNECT", SLICE_INIT("CONNECT example.org:80 HTTP/1.1\r\n" HOST "\r\n"), "400 ", false},
    {"TRACE", SLICE_INIT("TRACE / HTTP/1.1\r\n" HOST "\r\n"), "501 ", false},
    {"absolute-form", SLICE_INIT("GET http://example.org/ HTTP/1.1\r\n" HOST "\r\n"), "400 ", false},
    {"absolute-form of another host", SLICE_INIT("GET http://evil.example/ HTTP/1.1\r\n" HOST "\r\n"), "400 ", false},
    {"asterisk", SLICE_INIT("OPTIONS * HTTP/1.1\r\n" HOST "\r\n"), "400 ", false},
    {"fragment", SLICE_INIT("GET /#x HTTP/1.1\r\n" HOST "\r\n"), "400 ", false},
    {"high byte in the target", SLICE_INIT("GET /\xc3\xa9 HTTP/1.1\r\n" HOST "\r\n"), "400 ", false},

    /* hosts */
    {"no host", SLICE_INIT("GET / HTTP/1.1\r\n\r\n"), "400 ", false},
    {"empty host", SLICE_INIT("GET / HTTP/1.1\r\nHost:\r\n\r\n"), "400 ", false},
    {"two hosts", SLICE_INIT("GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n"), "400 ", false},
    {"two hosts in one", SLICE_INIT("GET / HTTP/1.1\r\nHost: a, b\r\n\r\n"), "400 ", false},
    {"host with user", SLICE_INIT("GET / HTTP/1.1\r\nHost: u@a\r\n\r\n"), "400 ", false},
    {"host with path", SLICE_INIT("GET / HTTP/1.1\r\nHost: a/b\r\n\r\n"), "400 ", false},
    {"host with a port too long", SLICE_INIT("GET / HTTP/1.1\r\nHost: a:123456\r\n\r\n"), "400 ", false},
    {"host with a port of letters", SLICE_INIT("GET / HTTP/1.1\r\nHost: a:b\r\n\r\n"), "400 ", false},
    {"host half an IPv6", SLICE_INIT("GET / HTTP/1.1\r\nHost: [::1\r\n\r\n"), "400 ", false},

    /* chunks */
    {"chunk size with sign", SLICE_INIT(CHUNKED "+5\r\nhello\r\n0\r\n\r\n"), "400 ", false},
    {"negative chunk size", SLICE_INIT(CHUNKED "-5\r\nhello\r\n0\r\n\r\n"), "400 ", false},
    {"chunk size 0x5", SLICE_INIT(CHUNKED "0x5\r\nhello\r\n0\r\n\r\n"), "400 ", false},
    {"chunk size of 9 digits", SLICE_INIT(CHUNKED "000000005\r\nhello\r\n0\r\n\r\n"), "400 ", false},
    {"chunk size of 17 digits", SLICE_INIT(CHUNKED "10000000000000005\r\nhello\r\n0\r\n\r\n"), "400 ", false},
    {"blank before a chunk size", SLICE_INIT(CHUNKED " 5\r\nhello\r\n0\r\n\r\n"), "400 ", false},
    {"blank behind a chunk size", SLICE_INIT(CHUNKED "5 \r\nhello\r\n0\r\n\r\n"), "400 ", false},
    {"empty chunk size", SLICE_INIT(CHUNKED "\r\nhello\r\n0\r\n\r\n"), "400 ", false},
    {"extension without size", SLICE_INIT(CHUNKED ";x\r\nhello\r\n0\r\n\r\n"), "400 ", false},
    {"chunk size with bare LF", SLICE_INIT(CHUNKED "5\nhello\r\n0\r\n\r\n"), "400 ", false},
    {"chunk with bare LF behind", SLICE_INIT(CHUNKED "5\r\nhello\n0\r\n\r\n"), "400 ", false},
    {"chunk longer than told", SLICE_INIT(CHUNKED "5\r\nhello!\r\n0\r\n\r\n"), "400 ", false},
    {"control byte in an extension", SLICE_INIT(CHUNKED "5;\x01\r\nhello\r\n0\r\n\r\n"), "400 ", false},
    {"last chunk with bare LF", SLICE_INIT(CHUNKED "5\r\nhello\r\n0\n\n"), "400 ", false},
    {"trailer is no field", SLICE_INIT(CHUNKED "0\r\nnothing\r\n\r\n"), "400 ", false},
    {"trailer folded", SLICE_INIT(CHUNKED "0\r\nA: b\r\n c\r\n\r\n"), "400 ", false},

    /* sizes */
    {"body too large", SLICE_INIT(POST "Content-Length: 101\r\n\r\nx"), "413 ", false},
    {"body where none is taken", SLICE_INIT("GET / HTTP/1.1\r\n" HOST "Content-Length: 1\r\n\r\nx"), "413 ", false},
    {"chunks where none are taken", SLICE_INIT("GET / HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
     "413 ", false},
    {"chunks too large", SLICE_INIT(CHUNKED "ffffffff\r\n"), "", true},
    {"other expectation", SLICE_INIT(POST "Content-Length: 5\r\nExpect: 200-ok\r\n\r\nhello"), "417 ", false},

    /* paths */
    {"unknown path", SLICE_INIT("GET /nowhere HTTP/1.1\r\n" HOST "\r\n" GET_ROOT), "404 200 ", true},
    {"unknown path with a body", SLICE_INIT("POST /nowhere HTTP/1.1\r\n" HOST "Content-Length: 5\r\n\r\nhello"), "404 ",
     false},
    {"other method", SLICE_INIT("DELETE / HTTP/1.1\r\n" HOST "\r\n" GET_ROOT), "405 200 ", true},
    {"slash at the end", SLICE_INIT("GET /v1/text/ HTTP/1.1\r\n" HOST "\r\n"), "404 ", true},
    {"two slashes", SLICE_INIT("GET /v1//text HTTP/1.1\r\n" HOST "\r\n"), "400 ", true},
    {"two slashes before", SLICE_INIT("GET //v1/text HTTP/1.1\r\n" HOST "\r\n"), "400 ", true},
    {"dot", SLICE_INIT("GET /v1/./text HTTP/1.1\r\n" HOST "\r\n"), "400 ", true},
    {"dots", SLICE_INIT("GET /v1/x/../text HTTP/1.1\r\n" HOST "\r\n"), "400 ", true},
    {"dots at the end", SLICE_INIT("GET /v1/.. HTTP/1.1\r\n" HOST "\r\n"), "400 ", true},
    {"encoded dots", SLICE_INIT("GET /v1/%2e%2E/text HTTP/1.1\r\n" HOST "\r\n"), "400 ", true},
    {"encoded slash", SLICE_INIT("GET /v1/echo/a%2fb/c HTTP/1.1\r\n" HOST "\r\n"), "400 ", true},
    {"encoded backslash", SLICE_INIT("GET /v1/echo/a%5Cb/c HTTP/1.1\r\n" HOST "\r\n"), "400 ", true},
    {"encoded NUL", SLICE_INIT("GET /v1/echo/a%00b/c HTTP/1.1\r\n" HOST "\r\n"), "400 ", true},
    {"encoded line end", SLICE_INIT("GET /v1/echo/a%0d%0ab/c HTTP/1.1\r\n" HOST "\r\n"), "400 ", true},
    {"broken escape", SLICE_INIT("GET /v1/echo/a%2/c HTTP/1.1\r\n" HOST "\r\n"), "400 ", true},
    {"no escape", SLICE_INIT("GET /v1/echo/a%zz/c HTTP/1.1\r\n" HOST "\r\n"), "400 ", true},
    {"overlong slash", SLICE_INIT("GET /v1/echo/a%c0%afb/c HTTP/1.1\r\n" HOST "\r\n"), "400 ", true},
    {"broken escape in the query", SLICE_INIT("GET /?q=%2 HTTP/1.1\r\n" HOST "\r\n"), "400 ", true},
    {"NUL in the query", SLICE_INIT("GET /?q=%00 HTTP/1.1\r\n" HOST "\r\n"), "400 ", true},
};

static void test_cases(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        buf out, statuses;
        bool closed;
        buf_init(&out, 0);
        buf_init(&statuses, 0);
        converse(cases[i].request, cases[i].request.n, 1, &out, &closed);
        rig_statuses(buf_slice(&out), &statuses);
        buf_adds(&statuses, "");
        if (strcmp(statuses.p, cases[i].statuses) != 0 || closed == cases[i].stays_open)
            fail_msg("%s: expected \"%s\"%s, got \"%s\"%s", cases[i].name, cases[i].statuses,
                     cases[i].stays_open ? "" : " and the end", statuses.p, closed ? " and the end" : "");
        buf_fini(&out);
        buf_fini(&statuses);
    }
}

/* Without the ids, which differ from server to server. */
static void blot_ids(buf *b)
{
    char *p = b->p;
    for (;;) {
        slice left = slice_from(buf_slice(b), (size_t)(p - b->p));
        size_t at = slice_find(left, S("X-Request-Id: ")), other = slice_find(left, S("\"request_id\":\""));
        size_t first = at < other ? at : other;
        if (first == SLICE_NPOS)
            return;
        p += first + 14;
        memset(p, '*', 16);
    }
}

static void expect_same(const char *name, slice request, size_t first, size_t piece, const buf *want)
{
    buf got;
    bool closed;
    buf_init(&got, 0);
    converse(request, first, piece, &got, &closed);
    blot_ids(&got);
    if (!slice_eq(buf_slice(&got), buf_slice(want)))
        fail_msg("%s: in pieces of %zu and %zu: %.*s", name, first, piece, SLICE_FMT(buf_slice(&got)));
    buf_fini(&got);
}

/* In pieces of every size, and cut once at every byte. */
static void test_splits(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        slice request = cases[i].request;
        buf want;
        bool closed;
        if (strcmp(cases[i].name, "continue") == 0 || strcmp(cases[i].name, "TLS to a plain port") == 0)
            continue;
        buf_init(&want, 0);
        converse(request, request.n, 1, &want, &closed);
        blot_ids(&want);
        for (size_t piece = 1; piece < request.n; piece++) {
            expect_same(cases[i].name, request, piece, piece, &want);
            expect_same(cases[i].name, request, piece, request.n, &want);
        }
        buf_fini(&want);
    }
}

/* ---- floods ---- */

static void expect_status(const buf *request, const char *want)
{
    buf out, statuses;
    bool closed;
    buf_init(&out, 0);
    buf_init(&statuses, 0);
    converse(buf_slice(request), 1000, 1000, &out, &closed);
    rig_statuses(buf_slice(&out), &statuses);
    assert_slice(buf_slice(&statuses), slice_str(want));
    buf_fini(&out);
    buf_fini(&statuses);
}

static void add_times(buf *b, const char *text, size_t n)
{
    for (size_t i = 0; i < n; i++)
        buf_adds(b, text);
}

static void test_floods(void **state)
{
    (void)state;
    buf b;
    buf_init(&b, 0);
    buf_adds(&b, "GET / HTTP/1.1\r\n" HOST);
    add_times(&b, "X: y\r\n", HTTP_MAX_HEADERS - 1);
    buf_adds(&b, "\r\n");
    expect_status(&b, "200 ");
    buf_clear(&b);
    buf_adds(&b, "GET / HTTP/1.1\r\n" HOST);
    add_times(&b, "X: y\r\n", HTTP_MAX_HEADERS);
    buf_adds(&b, "\r\n");
    expect_status(&b, "431 ");
    buf_clear(&b);
    buf_adds(&b, "GET / HTTP/1.1\r\n" HOST "X: ");
    add_times(&b, "y", HTTP_MAX_HEAD_BYTES);
    expect_status(&b, "431 ");
    buf_clear(&b);
    buf_adds(&b, "GET /");
    add_times(&b, "y", HTTP_MAX_TARGET_BYTES - 1);
    buf_adds(&b, " HTTP/1.1\r\n" HOST "\r\n");
    expect_status(&b, "404 ");
    buf_clear(&b);
    buf_adds(&b, "GET /");
    add_times(&b, "y", HTTP_MAX_TARGET_BYTES);
    buf_adds(&b, " HTTP/1.1\r\n" HOST "\r\n");
    expect_status(&b, "414 ");
    buf_clear(&b);
    add_times(&b, "y", HTTP_MAX_HEAD_BYTES);
    expect_status(&b, "414 ");
    buf_clear(&b);
    buf_adds(&b, CHUNKED "5;");
    add_times(&b, "y", HTTP_MAX_CHUNK_LINE_BYTES);
    expect_status(&b, "400 ");
    buf_clear(&b);
    buf_adds(&b, CHUNKED "0\r\n");
    add_times(&b, "X: yyyyyyyyyyyyyyyyyyyy\r\n", HTTP_MAX_TRAILER_BYTES / 20);
    expect_status(&b, "400 ");
    buf_clear(&b);
    buf_adds(&b, CHUNKED);
    add_times(&b, "1\r\nx\r\n", 101);
    expect_status(&b, "413 ");
    buf_clear(&b);
    buf_adds(&b, "GET ");
    add_times(&b, "/x", HTTP_MAX_SEGMENTS + 1);
    buf_adds(&b, " HTTP/1.1\r\n" HOST "\r\n");
    expect_status(&b, "400 ");
    buf_fini(&b);
}

/* ---- decoding ---- */

static void test_targets(void **state)
{
    (void)state;
    static const struct {
        slice target;
        slice answer;
    } good[] = {
        {SLICE_INIT("/v1/echo/a/b"), SLICE_INIT("a|b|")},
        {SLICE_INIT("/v1/echo/user%2Btag%40example.org/b%20c?q=1+2%2B3"), SLICE_INIT("user+tag@example.org|b c|1 2+3")},
        {SLICE_INIT("/v1/echo/m%C3%BCller/.x?p=1&q=&q=2"), SLICE_INIT("m\xc3\xbcller|.x|")},
        {SLICE_INIT("/v1/echo/a+b/...?%71=yes"), SLICE_INIT("a+b|...|yes")},
        {SLICE_INIT("/v1/echo/a/b?q"), SLICE_INIT("a|b|")},
        {SLICE_INIT("/v1/echo/a/b?x?y=/q&q=/../x"), SLICE_INIT("a|b|/../x")},
    };
    for (size_t i = 0; i < ARRAY_LEN(good); i++) {
        buf request, out;
        bool closed;
        struct rig_reply r;
        buf_init(&request, 0);
        buf_init(&out, 0);
        buf_printf(&request, "GET %.*s HTTP/1.1\r\n" HOST "\r\n", SLICE_FMT(good[i].target));
        converse(buf_slice(&request), request.n, 1, &out, &closed);
        slice rest = buf_slice(&out);
        assert_true(rig_reply_next(&rest, false, &r));
        assert_slice(buf_slice(&r.body), good[i].answer);
        buf_fini(&r.body);
        buf_fini(&request);
        buf_fini(&out);
    }
}

/* Inputs flush against an unreadable page. */
static void parse_prefix(slice s, void *data)
{
    size_t scanned = 0;
    unsigned status;
    struct http_head h;
    (void)data;
    size_t n = http_head_find(s, &scanned, &status);
    if (n)
        (void)http_head_parse(slice_sub(s, 0, n), &h);
    struct http_chunks c = {.left = 0};
    slice d;
    for (slice rest = s; rest.n > 0;) {
        size_t used = http_chunks_next(&c, rest, &d);
        if (used == 0)
            break;
        rest = slice_from(rest, used);
    }
}

static void test_guarded(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        guard_prefixes(cases[i].request, parse_prefix, NULL);
    guard_prefixes(S("5\r\nhello\r\nff;x=y\r\n"), parse_prefix, NULL);
    guard_prefixes(S("0\r\nA: b\r\n\r\n"), parse_prefix, NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_cases),   cmocka_unit_test(test_splits),  cmocka_unit_test(test_floods),
        cmocka_unit_test(test_targets), cmocka_unit_test(test_guarded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
