/* Memory refused at every place where the HTTP server asks for some: each conversation ends with whole answers, or with the end of the
 * connection, and nothing is left behind (seen under AddressSanitizer). */
#include "check.h"

#include <stdlib.h>

#include "http_rig.h"
#include "refuse.h"

#define HOST "Host: example.org\r\n"

static const slice conversations[] = {
    SLICE_INIT("GET / HTTP/1.1\r\n" HOST "\r\nGET /v1/echo/%61/b?q=1+2 HTTP/1.1\r\n" HOST "\r\n"),
    SLICE_INIT("POST /v1/gather HTTP/1.1\r\n" HOST "Content-Length: 5\r\n\r\nhello"),
    SLICE_INIT("POST /v1/gather HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n"),
    SLICE_INIT("GET /v1/text HTTP/1.1\r\n" HOST "Accept-Encoding: gzip\r\n\r\n"),
    SLICE_INIT("GET /v1/later HTTP/1.1\r\n" HOST "\r\nGET / HTTP/1.1\r\n" HOST "\r\n"),
    SLICE_INIT("GET /v1/secret HTTP/1.1\r\n" HOST "\r\nDELETE / HTTP/1.1\r\n" HOST "\r\n"),
    SLICE_INIT("GET //x HTTP/1.1\r\n" HOST "\r\n"),
    SLICE_INIT("nonsense\r\n\r\n"),
};

static void gather(void *ctx, slice bytes)
{
    buf *out = ctx;
    MUST(out->room - out->n > bytes.n); /* made before memory ran out */
    buf_add(out, bytes);
}

static void expect_whole(slice all, const char *why)
{
    struct rig_reply r;
    while (rig_reply_next(&all, false, &r)) {
        if (!r.whole || r.status < 200)
            fail_msg("%s: half an answer", why);
        buf_fini(&r.body);
    }
    assert_int_equal(all.n, 0);
}

/* True: a piece of memory was refused. */
static bool run(slice request, unsigned n, size_t piece, buf *out)
{
    struct rig rig;
    rig_init(&rig);
    struct conn *c = conn_fake(&http_protocol, rig.server, gather, out);
    refuse_after(n);
    for (size_t at = 0; at < request.n; at += piece)
        (void)conn_fake_input(c, slice_sub(request, at, piece));
    while (rig.later_count)
        rig_answer(&rig, S("later"));
    (void)conn_fake_input(c, S(""));
    bool refused = refuse_end(), closed = conn_fake_closed(c);
    conn_fake_free(&c);
    assert_true(closed || out->n > 0 || refused);
    rig_fini(&rig);
    return refused;
}

static void test_every_place(void **state)
{
    (void)state;
    buf out;
    buf_init(&out, 0);
    assert_true(buf_reserve(&out, 1 << 20));
    for (size_t i = 0; i < ARRAY_LEN(conversations); i++) {
        for (size_t piece = 7; piece < 10000; piece *= 1000) {
            unsigned n = 0;
            bool refused = true;
            for (; refused; n++) {
                buf_clear(&out);
                refused = run(conversations[i], n, piece, &out);
                expect_whole(buf_slice(&out), conversations[i].p);
            }
            assert_true(n > 2); /* there were places */
        }
    }
    buf_fini(&out);
}

/* A connection that cannot have a session is closed. */
static void test_session(void **state)
{
    (void)state;
    struct rig rig;
    rig_init(&rig);
    refuse_after(1); /* the fake connection itself */
    struct conn *c = conn_fake(&http_protocol, rig.server, NULL, NULL);
    assert_true(refuse_end());
    assert_true(conn_fake_closed(c));
    conn_fake_free(&c);
    refuse_after(0);
    struct http_server *none = http_server_new(
        &(struct http_options){.routes = (const struct http_route[]){{.pattern = NULL}}, .now_us = NULL});
    assert_true(refuse_end());
    assert_null(none);
    rig_fini(&rig);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_place),
        cmocka_unit_test(test_session),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
