/* Requests of ours: what they do with answers of every kind, and where they refuse to go. */
#include "check.h"

#include <arpa/inet.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "http_rig.h"
#include "net/fetch.h"
#include "net/tls.h"
#include "pair.h"
#include "world.h"

#define MS INT64_C(1000)

/* ---- where to ---- */

static const struct {
    const char *ip;
    bool refused;
} addresses[] = {
    {"8.8.8.8", false},
    {"1.1.1.1", false},
    {"2001:4860:4860::8888", false},
    {"2a00:1450:4001::1", false},
    {"::ffff:8.8.8.8", false},
    {"64:ff9b::8.8.8.8", false},
    {"172.32.0.1", false},
    {"100.128.0.1", false},
    {"0.0.0.0", true},
    {"10.1.2.3", true},
    {"100.64.0.1", true},
    {"100.100.100.200", true}, /* metadata of Alibaba */
    {"127.0.0.1", true},
    {"127.255.255.254", true},
    {"168.63.129.16", true},
    {"169.254.169.254", true}, /* of most clouds */
    {"172.16.0.1", true},
    {"172.31.255.255", true},
    {"192.0.0.192", true}, /* of Oracle */
    {"192.168.1.1", true},
    {"198.18.0.1", true},
    {"224.0.0.1", true},
    {"255.255.255.255", true},
    {"::", true},
    {"::1", true},
    {"::127.0.0.1", true},
    {"::ffff:127.0.0.1", true},
    {"::ffff:10.0.0.1", true},
    {"::ffff:169.254.169.254", true},
    {"64:ff9b::127.0.0.1", true},
    {"64:ff9b::a9fe:a9fe", true},
    {"64:ff9b:1::1", true},
    {"2001::1", true},
    {"2001:db8::1", true},
    {"2002:7f00:1::1", true},
    {"3fff::1", true},
    {"fc00::1", true},
    {"fd00:ec2::254", true}, /* metadata of AWS */
    {"fe80::1", true},
    {"fec0::1", true},
    {"ff02::1", true},
};

static void test_addresses(void **state)
{
    (void)state;
    struct ip ip;
    struct cidr net;
    const struct reach none = {.allowed_count = 0}, some = {&net, 1};
    assert_true(cidr_parse(S("10.1.0.0/16"), &net));
    for (size_t i = 0; i < ARRAY_LEN(addresses); i++) {
        assert_true(ip_parse(slice_str(addresses[i].ip), &ip));
        if ((reach_refuses(&none, &ip).n > 0) != addresses[i].refused)
            fail_msg("%s: %s", addresses[i].ip, addresses[i].refused ? "not refused" : "refused");
    }
    assert_true(ip_parse(S("10.1.255.1"), &ip));
    assert_int_equal(reach_refuses(&some, &ip).n, 0);
    assert_true(ip_parse(S("::ffff:10.1.255.1"), &ip));
    assert_int_equal(reach_refuses(&some, &ip).n, 0);
    assert_true(ip_parse(S("10.2.0.1"), &ip));
    assert_slice(reach_refuses(&some, &ip), S("private (RFC 1918)"));
    struct sockaddr_in v4 = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(0x7f000001)};
    struct sockaddr_un un = {.sun_family = AF_UNIX};
    assert_true(ip_of_sockaddr((struct sockaddr *)&v4, &ip));
    assert_slice(reach_refuses(&none, &ip), S("loopback"));
    assert_false(ip_of_sockaddr((struct sockaddr *)&un, &ip));
}

/* ---- a server that says the same to everybody, once something came; an empty text: nothing, ever ---- */

static slice canned;

static void *canned_open(void *ctx, struct conn *c)
{
    (void)c;
    return ctx;
}

static size_t canned_input(void *session, struct conn *c, slice in)
{
    (void)session;
    if (canned.n) {
        conn_write(c, canned);
        conn_close(c);
    }
    return in.n;
}

static void canned_closed(void *session)
{
    (void)session;
}

static const struct protocol canned_protocol = {
    .name = "canned", .open = canned_open, .input = canned_input, .closed = canned_closed};

/* ---- a fetcher beside it ---- */

struct site {
    struct world w;
    struct rig rig;
    struct fetcher *f;
    struct cidr loopback;
    unsigned told;
    struct fetch_result last; /* texts below */
    buf body;
    char why[256], type[128];
};

static void on_done(void *ctx, const struct fetch_result *r)
{
    struct site *s = ctx;
    s->told++;
    s->last = *r;
    buf_clear(&s->body);
    buf_add(&s->body, r->body);
    snprintf(s->why, sizeof s->why, "%.*s", SLICE_FMT(r->why));
    snprintf(s->type, sizeof s->type, "%.*s", SLICE_FMT(r->type));
}

static void site_open(struct site *s, const struct listen_options *l, struct fetch_options o)
{
    err e;
    struct listen_options mine = *l;
    *s = (struct site){.told = 0};
    buf_init(&s->body, 0);
    rig_init(&s->rig);
    mine.ctx = s->rig.server;
    world_init(&s->w, &mine);
    if (!o.reach.allowed_count) {
        assert_true(cidr_parse(S("127.0.0.0/8"), &s->loopback));
        o.reach = (struct reach){&s->loopback, 1};
    }
    assert_int_equal(fetcher_new(s->w.base, &o, &s->f, &e), OK);
}

static void site_init(struct site *s, bool can, struct fetch_options o)
{
    site_open(s, &(struct listen_options){.protocol = can ? &canned_protocol : &http_protocol}, o);
}

static void site_init_tls(struct site *s, struct ssl_ctx_st *tls, struct fetch_options o)
{
    site_open(s, &(struct listen_options){.protocol = &http_protocol, .tls = tls, .tls_at_once = true}, o);
}

static void site_fini(struct site *s)
{
    fetcher_free(&s->f);
    world_fini(&s->w);
    rig_fini(&s->rig);
    buf_fini(&s->body);
}

static bool was_told(void *ctx)
{
    return ((struct site *)ctx)->told > 0;
}

/* Starts a request to the listener: `path` or, with "http", a whole URL with "PORT" in it replaced. */
static uint64_t start(struct site *s, const char *path, struct fetch_request r)
{
    char url[512];
    uint64_t id = 0;
    err e = {.text = ""};
    slice port = slice_from(s->w.address, slice_rchr(s->w.address, ':') + 1);
    const char *at = strstr(path, "PORT");
    if (at)
        snprintf(url, sizeof url, "%.*s%.*s%s", (int)(at - path), path, SLICE_FMT(port), at + 4);
    else if (strstr(path, "://"))
        snprintf(url, sizeof url, "%s", path);
    else
        snprintf(url, sizeof url, "http://%.*s%s", SLICE_FMT(s->w.address), path);
    r.url = slice_str(url);
    r.done = on_done;
    r.ctx = s;
    if (fetch_start(s->f, &r, &id, &e) != OK)
        fail_msg("%s", e.text);
    return id;
}

static void expect(struct site *s, const char *path, struct fetch_request r, enum fetch_outcome outcome,
                   unsigned status)
{
    s->told = 0;
    start(s, path, r);
    assert_int_equal(s->told, 0); /* never from inside */
    world_until(&s->w, was_told, s);
    if (s->last.outcome != outcome || s->last.status != status)
        fail_msg("%s: %s, %u: %s", path, fetch_outcome_word(s->last.outcome), s->last.status, s->why);
    assert_int_equal(s->told, 1);
    assert_int_equal(fetcher_running(s->f), 0);
}

static void test_requests(void **state)
{
    (void)state;
    struct site s;
    const struct http_field key = {S("Authorization"), S("Bearer good")};
    site_init(&s, false, (struct fetch_options){.agent = S("bounced/1")});
    expect(&s, "/", (struct fetch_request){.post = false}, FETCH_ANSWERED, 200);
    assert_slice(buf_slice(&s.body), S("root"));
    assert_string_equal(s.type, "text/plain");
    assert_string_equal(s.why, "");
    expect(&s, "/v1/gather", (struct fetch_request){.post = true, .body = S("hello")}, FETCH_ANSWERED, 200);
    assert_slice(buf_slice(&s.body), S("hello"));
    expect(&s, "/v1/gather", (struct fetch_request){.post = true}, FETCH_ANSWERED, 200);
    expect(&s, "/v1/secret", (struct fetch_request){.post = false}, FETCH_ANSWERED, 401);
    expect(&s, "/v1/secret", (struct fetch_request){.fields = &key, .field_count = 1}, FETCH_ANSWERED, 200);
    expect(&s, "/nowhere", (struct fetch_request){.post = false}, FETCH_ANSWERED, 404);
    assert_int_equal(http_server_counts(s.rig.server)->malformed, 0);
    site_fini(&s);
}

static void test_limits(void **state)
{
    (void)state;
    struct site s;
    site_init(&s, false, (struct fetch_options){.max_running = 2, .max_waiting = 1});
    expect(&s, "/v1/long", (struct fetch_request){.max_answer = 1000000}, FETCH_ANSWERED, 200);
    assert_true(!s.last.cut && s.body.n == 500000);
    expect(&s, "/v1/long", (struct fetch_request){.post = false}, FETCH_ANSWERED, 200);
    assert_true(s.last.cut && s.body.n == FETCH_MAX_ANSWER_BYTES);
    expect(&s, "/v1/torn", (struct fetch_request){.post = false}, FETCH_BROKEN, 200);
    expect(&s, "/v1/later", (struct fetch_request){.timeout_us = 50 * MS}, FETCH_TIMEOUT, 0);
    /* two under way, one waits, one too many; a place that is free is taken */
    s.told = 0;
    start(&s, "/v1/later", (struct fetch_request){.post = false});
    uint64_t second = start(&s, "/v1/later", (struct fetch_request){.post = false});
    uint64_t third = start(&s, "/", (struct fetch_request){.post = false});
    err e;
    struct fetch_request r = {.url = S("http://192.0.2.1/"), .done = on_done, .ctx = &s};
    assert_int_equal(fetch_start(s.f, &r, NULL, &e), E_BUSY);
    assert_int_equal(fetcher_running(s.f), 2);
    assert_int_equal(fetcher_waiting(s.f), 1);
    world_run(&s.w, 20 * MS);
    fetch_cancel(s.f, second);
    fetch_cancel(s.f, second);
    world_until(&s.w, was_told, &s);
    assert_slice(buf_slice(&s.body), S("root"));
    fetch_cancel(s.f, third);
    assert_int_equal(s.told, 1);
    assert_int_equal(fetcher_running(s.f), 1); /* dropped by site_fini, without a word */
    site_fini(&s);
}

static void test_invalid(void **state)
{
    (void)state;
    static const char *const urls[] = {"",
                                       "example.org",
                                       "ftp://example.org/",
                                       "file:///etc/passwd",
                                       "gopher://127.0.0.1:25/_HELO",
                                       "http://example.org/a b",
                                       "http://example.org/\r\nX: y",
                                       "http://m\xc3\xbcller.example/"};
    static const struct http_field fields[] = {{SLICE_INIT("X"), SLICE_INIT("a\r\nY: b")},
                                               {SLICE_INIT("X Y"), SLICE_INIT("a")},
                                               {SLICE_INIT(""), SLICE_INIT("a")},
                                               {SLICE_INIT("X"), SLICE_INIT("a\0b")},
                                               {SLICE_INIT("X:"), SLICE_INIT("a")}};
    struct site s;
    err e;
    site_init(&s, false, (struct fetch_options){.max_running = 0});
    for (size_t i = 0; i < ARRAY_LEN(urls); i++) {
        struct fetch_request r = {.url = slice_str(urls[i]), .done = on_done, .ctx = &s};
        assert_int_equal(fetch_start(s.f, &r, NULL, &e), E_INVALID);
    }
    for (size_t i = 0; i < ARRAY_LEN(fields); i++) {
        struct fetch_request r = {
            .url = S("http://127.0.0.1/"), .fields = &fields[i], .field_count = 1, .done = on_done, .ctx = &s};
        assert_int_equal(fetch_start(s.f, &r, NULL, &e), E_INVALID);
    }
    assert_int_equal(fetcher_running(s.f), 0);
    site_fini(&s);
}

/* ---- answers of every kind ---- */

static void test_answers(void **state)
{
    (void)state;
    struct site s;
    buf flood;
    const struct fetch_request plain = {.timeout_us = 20000 * MS};
    site_init(&s, true, (struct fetch_options){.max_running = 0});
    canned = S("HTTP/1.1 302 Found\r\nLocation: http://169.254.169.254/latest\r\nContent-Length: 0\r\n\r\n");
    expect(&s, "/", plain, FETCH_ANSWERED, 302); /* not followed */
    canned = S("HTTP/1.1 429 Slow Down\r\nRetry-After: 7\r\nContent-Length: 0\r\n\r\n");
    expect(&s, "/", plain, FETCH_ANSWERED, 429);
    assert_int_equal(s.last.retry_after_us, 7000000);
    canned = S("HTTP/1.1 204 No Content\r\n\r\n");
    expect(&s, "/", plain, FETCH_ANSWERED, 204);
    canned = S("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf");
    expect(&s, "/", plain, FETCH_BROKEN, 200);
    canned = S("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n");
    expect(&s, "/", plain, FETCH_BROKEN, 200);
    canned = S("220 mail.example ESMTP\r\n");
    expect(&s, "/", plain, FETCH_BROKEN, 0);
    buf_init(&flood, 0);
    buf_adds(&flood, "HTTP/1.1 200 OK\r\n");
    for (unsigned i = 0; i < 10000; i++)
        buf_adds(&flood, "X-Flood: 0123456789\r\n");
    buf_adds(&flood, "\r\n");
    canned = buf_slice(&flood);
    expect(&s, "/", plain, FETCH_BROKEN, 200);
    buf_fini(&flood);
    canned = S("");
    expect(&s, "/", (struct fetch_request){.timeout_us = 50 * MS}, FETCH_TIMEOUT, 0);
    expect(&s, "https://127.0.0.1:PORT/", (struct fetch_request){.timeout_us = 50 * MS}, FETCH_TIMEOUT, 0);
    canned = S("this is no TLS\r\n");
    expect(&s, "https://127.0.0.1:PORT/", plain, FETCH_NO_TLS, 0);
    listener_stop(s.w.listener);
    expect(&s, "/", plain, FETCH_NO_CONNECTION, 0);
    site_fini(&s);
}

/* Nothing arrives at the listener: each of these is refused before a packet goes out. */
static void test_refused(void **state)
{
    (void)state;
    struct site s;
    struct cidr far;
    const char *const names[] = {
        "rebind.example:80:127.0.0.1",          "meta.example:80:169.254.169.254",    "six.example:80:[::1]",
        "mapped.example:80:[::ffff:127.0.0.1]", "both.example:80:10.0.0.1,127.0.0.1", NULL};
    const struct fetch_request plain = {.timeout_us = 20000 * MS};
    assert_true(cidr_parse(S("10.99.0.0/16"), &far));
    site_init(&s, false, (struct fetch_options){.reach = {&far, 1}, .resolve = names});
    expect(&s, "/", plain, FETCH_REFUSED, 0);
    assert_non_null(strstr(s.why, "loopback"));
    expect(&s, "http://localhost:PORT/", plain, FETCH_REFUSED, 0);
    expect(&s, "http://0x7f000001:PORT/", plain, FETCH_REFUSED, 0); /* as curl and browsers read it */
    expect(&s, "http://127.1:PORT/", plain, FETCH_REFUSED, 0);
    expect(&s, "http://[::1]:PORT/", plain, FETCH_REFUSED, 0);
    expect(&s, "http://[::ffff:127.0.0.1]:PORT/", plain, FETCH_REFUSED, 0);
    expect(&s, "http://rebind.example/", plain, FETCH_REFUSED, 0);
    expect(&s, "http://meta.example/", plain, FETCH_REFUSED, 0);
    expect(&s, "http://six.example/", plain, FETCH_REFUSED, 0);
    expect(&s, "http://mapped.example/", plain, FETCH_REFUSED, 0);
    expect(&s, "http://both.example/", plain, FETCH_REFUSED, 0);
    world_run(&s.w, 5 * MS);
    assert_int_equal(listener_counts(s.w.listener)->accepted, 0);
    site_fini(&s);
}

/* The environment does not send requests through a proxy, which would connect for us to whatever it is told. */
static void test_no_proxy(void **state)
{
    (void)state;
    struct site s;
    setenv("http_proxy", "http://127.0.0.1:9", 1);
    setenv("all_proxy", "http://127.0.0.1:9", 1);
    site_init(&s, false, (struct fetch_options){.max_running = 0});
    expect(&s, "/", (struct fetch_request){.post = false}, FETCH_ANSWERED, 200);
    site_fini(&s);
    unsetenv("http_proxy");
    unsetenv("all_proxy");
}

/* A certificate must be of somebody who is trusted, and of the name that was asked for. */
static void test_certificates(void **state)
{
    (void)state;
    struct site s;
    struct ssl_ctx_st *tls;
    char folder[] = "/tmp/test-fetch-XXXXXX", cert[64], key[64];
    const struct fetch_request plain = {.timeout_us = 20000 * MS};
    err e;
    assert_non_null(mkdtemp(folder));
    pair_make(folder, "one", NULL);
    snprintf(cert, sizeof cert, "%s/one.crt", folder);
    snprintf(key, sizeof key, "%s/one.key", folder);
    assert_int_equal(tls_server_new(slice_str(cert), slice_str(key), &tls, &e), OK);
    site_init_tls(&s, tls, (struct fetch_options){.ca_file = slice_str(cert)});
    expect(&s, "https://127.0.0.1:PORT/", plain, FETCH_ANSWERED, 200);
    assert_slice(buf_slice(&s.body), S("root"));
    expect(&s, "https://127.0.0.1:PORT/v1/long", plain, FETCH_ANSWERED, 200);
    assert_true(s.last.cut);
    expect(&s, "https://localhost:PORT/", plain, FETCH_NO_TLS, 0);
    site_fini(&s);
    site_init_tls(&s, tls, (struct fetch_options){.max_running = 0}); /* those of the system */
    expect(&s, "https://127.0.0.1:PORT/", plain, FETCH_NO_TLS, 0);
    site_fini(&s);
    tls_server_free(&tls);
    unlink(cert);
    unlink(key);
    rmdir(folder);
}

/* A host that does not answer holds up nobody else, and who waits behind it has all his time when his turn comes. */
static void test_slow_host(void **state)
{
    (void)state;
    struct site s;
    struct fetch_request slow = {.timeout_us = 300 * MS};
    int64_t began = world_now();
    site_init(&s, false, (struct fetch_options){.max_per_host = 1});
    for (unsigned i = 0; i < 3; i++)
        start(&s, "/v1/later", slow);
    assert_int_equal(fetcher_running(s.f), 1);
    assert_int_equal(fetcher_waiting(s.f), 2);
    start(&s, "http://localhost:PORT/", (struct fetch_request){.post = false}); /* another name */
    assert_int_equal(fetcher_running(s.f), 2);
    world_until(&s.w, was_told, &s);
    assert_int_equal(s.last.outcome, FETCH_ANSWERED);
    while (s.told < 4)
        world_run(&s.w, MS);
    assert_int_equal(s.last.outcome, FETCH_TIMEOUT);
    assert_true(world_now() - began >= 3 * 300 * MS); /* one behind the other */
    site_fini(&s);
}

/* ---- many ---- */

struct many {
    struct site *s;
    unsigned left, done;
};

static void on_one_of_many(void *ctx, const struct fetch_result *r)
{
    struct many *m = ctx;
    err e;
    assert_true(r->outcome == FETCH_ANSWERED && r->status == 200);
    m->done++;
    if (m->left == 0)
        return;
    m->left--;
    char url[64];
    snprintf(url, sizeof url, "http://%.*s/", SLICE_FMT(m->s->w.address));
    struct fetch_request next = {.url = slice_str(url), .done = on_one_of_many, .ctx = m};
    assert_int_equal(fetch_start(m->s->f, &next, NULL, &e), OK); /* from inside of `done` */
}

static bool all_done(void *ctx)
{
    struct many *m = ctx;
    return m->done == 500;
}

static void test_many(void **state)
{
    (void)state;
    struct site s;
    struct many m = {.s = &s, .left = 400};
    err e;
    char url[64];
    site_init(&s, false, (struct fetch_options){.max_per_host = 3});
    snprintf(url, sizeof url, "http://%.*s/", SLICE_FMT(s.w.address));
    struct fetch_request r = {.url = slice_str(url), .done = on_one_of_many, .ctx = &m};
    for (unsigned i = 0; i < 100; i++)
        assert_int_equal(fetch_start(s.f, &r, NULL, &e), OK);
    world_until(&s.w, all_done, &m);
    assert_int_equal(listener_counts(s.w.listener)->accepted, 3); /* connections are kept */
    site_fini(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_addresses), cmocka_unit_test(test_requests),     cmocka_unit_test(test_limits),
        cmocka_unit_test(test_invalid),   cmocka_unit_test(test_answers),      cmocka_unit_test(test_refused),
        cmocka_unit_test(test_no_proxy),  cmocka_unit_test(test_certificates), cmocka_unit_test(test_slow_host),
        cmocka_unit_test(test_many),
    };
    signal(SIGPIPE, SIG_IGN);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
