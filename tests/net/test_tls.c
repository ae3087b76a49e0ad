/* TLS on a listener: at once and by STARTTLS, certificates that are swapped, clients that do not mean it. */
#include "check.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include <openssl/ssl.h>
#include <openssl/x509.h>

#include "net/tls.h"
#include "pair.h"
#include "world.h"

#define MS INT64_C(1000)

static char folder[] = "/tmp/test-tls-XXXXXX";

static char *path_of(const char *name)
{
    static char path[4][128];
    static unsigned next;
    char *p = path[next++ % 4];
    snprintf(p, sizeof path[0], "%s/%s", folder, name);
    return p;
}

static int make_files(void **state)
{
    (void)state;
    signal(SIGPIPE, SIG_IGN);
    if (!mkdtemp(folder))
        return -1;
    pair_make(folder, "one.example", NULL);
    pair_make(folder, "two.example", NULL);
    pair_make(folder, "locked.example", "secret");
    return 0;
}

static int remove_files(void **state)
{
    static const char *const names[] = {"one.example.crt", "one.example.key",    "two.example.crt",
                                        "two.example.key", "locked.example.crt", "locked.example.key"};
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        unlink(path_of(names[i]));
    return rmdir(folder);
}

static struct ssl_ctx_st *server_of(const char *name)
{
    char cert[64], key[64];
    struct ssl_ctx_st *ctx;
    err e = {.text = ""};
    snprintf(cert, sizeof cert, "%s.crt", name);
    snprintf(key, sizeof key, "%s.key", name);
    if (tls_server_new(slice_str(path_of(cert)), slice_str(path_of(key)), &ctx, &e) != OK)
        fail_msg("%s", e.text);
    return ctx;
}

static void test_files(void **state)
{
    (void)state;
    struct ssl_ctx_st *ctx;
    err e;
    slice cert = slice_str(path_of("one.example.crt"));
    assert_int_equal(tls_server_new(slice_str(path_of("none.crt")), S(""), &ctx, &e), E_NOT_FOUND);
    assert_null(ctx);
    assert_non_null(strstr(e.text, "none.crt"));
    assert_int_equal(tls_server_new(cert, slice_str(path_of("none.key")), &ctx, &e), E_NOT_FOUND);
    assert_int_equal(tls_server_new(cert, S(""), &ctx, &e), E_INVALID);
    assert_int_equal(tls_server_new(cert, slice_str(path_of("two.example.key")), &ctx, &e), E_INVALID);
    assert_int_equal(tls_server_new(slice_str(path_of("one.example.key")), S(""), &ctx, &e), E_INVALID);
    assert_int_equal(
        tls_server_new(slice_str(path_of("locked.example.crt")), slice_str(path_of("locked.example.key")), &ctx, &e),
        E_INVALID);
    assert_int_equal(tls_server_new(S(""), S(""), &ctx, &e), E_INVALID);
    assert_int_equal(tls_server_new((slice){"/tmp\0/x", 7}, S(""), &ctx, &e), E_INVALID);
}

/* ---- the protocol: lines come back, "STARTTLS" asks for it, "big" writes 1 MB ---- */

static struct {
    unsigned opened, closed, secured;
    bool tls;
} seen;

static void *line_open(void *ctx, struct conn *c)
{
    (void)ctx;
    seen.opened++;
    seen.tls = conn_peer(c)->tls;
    conn_write(c, S("hello\n"));
    return &seen;
}

static size_t line_input(void *session, struct conn *c, slice in)
{
    static char big[1 << 20];
    size_t at = slice_chr(in, '\n');
    (void)session;
    if (at == SLICE_NPOS)
        return 0;
    slice line = slice_sub(in, 0, at);
    conn_write(c, slice_sub(in, 0, at + 1));
    if (slice_eq(line, S("STARTTLS")) && conn_can_starttls(c))
        conn_starttls(c);
    if (slice_eq(line, S("big")))
        conn_write(c, slice_of(big, sizeof big));
    if (slice_eq(line, S("close")))
        conn_close(c);
    return at + 1;
}

static void line_secured(void *session, struct conn *c)
{
    (void)session;
    seen.secured++;
    conn_write(c, S("secured\n"));
}

static void line_closed(void *session)
{
    (void)session;
    seen.closed++;
}

static const struct protocol lines = {
    .name = "lines", .open = line_open, .input = line_input, .secured = line_secured, .closed = line_closed};

/* ---- a client ---- */

struct client {
    struct world *w;
    SSL_CTX *ctx;
    SSL *ssl;
    int fd;
};

static void client_init(struct client *k, struct world *w, int max_version)
{
    k->w = w;
    k->fd = world_connect(w);
    k->ctx = SSL_CTX_new(TLS_client_method());
    assert_non_null(k->ctx);
    if (max_version) {
        SSL_CTX_set_security_level(k->ctx, 0);
        SSL_CTX_set_min_proto_version(k->ctx, TLS1_VERSION);
        SSL_CTX_set_max_proto_version(k->ctx, max_version);
    }
    k->ssl = SSL_new(k->ctx);
    assert_int_equal(SSL_set_fd(k->ssl, k->fd), 1);
}

static void client_fini(struct client *k)
{
    SSL_free(k->ssl);
    SSL_CTX_free(k->ctx);
    close(k->fd);
}

/* True: go on, when the loop has run a little. */
static bool wait_a_little(struct client *k, int result, int64_t end)
{
    int why = SSL_get_error(k->ssl, result);
    if (world_now() > end)
        fail_msg("TLS does not go on");
    if (why != SSL_ERROR_WANT_READ && why != SSL_ERROR_WANT_WRITE)
        return false;
    world_run(k->w, 1 * MS);
    return true;
}

static bool client_shake(struct client *k)
{
    int64_t end = world_now() + WORLD_PATIENCE_US;
    int r;
    while ((r = SSL_connect(k->ssl)) != 1)
        if (!wait_a_little(k, r, end))
            return false;
    return true;
}

static void client_say(struct client *k, slice text)
{
    int64_t end = world_now() + WORLD_PATIENCE_US;
    int r;
    while ((r = SSL_write(k->ssl, text.p, (int)text.n)) <= 0)
        assert_true(wait_a_little(k, r, end));
    assert_int_equal(r, text.n);
}

/* Reads n bytes; fewer when the end comes before. */
static void client_hear(struct client *k, size_t n, buf *got)
{
    int64_t end = world_now() + WORLD_PATIENCE_US;
    char piece[16384];
    buf_clear(got);
    while (got->n < n) {
        size_t room = n - got->n < sizeof piece ? n - got->n : sizeof piece;
        int r = SSL_read(k->ssl, piece, (int)room);
        if (r > 0)
            buf_add(got, slice_of(piece, (size_t)r));
        else if (!wait_a_little(k, r, end))
            return;
    }
}

static void expect_name(struct client *k, const char *name)
{
    char cn[64] = "";
    X509 *cert = SSL_get1_peer_certificate(k->ssl);
    assert_non_null(cert);
    X509_NAME_get_text_by_NID(X509_get_subject_name(cert), NID_commonName, cn, sizeof cn);
    assert_string_equal(cn, name);
    X509_free(cert);
}

static int clear(void **state)
{
    (void)state;
    memset(&seen, 0, sizeof seen);
    return 0;
}

static void until_closed(struct world *w)
{
    while (listener_counts(w->listener)->open > 0)
        world_run(w, MS);
    assert_int_equal(seen.opened, seen.closed);
}

/* ---- tests ---- */

static void expect_talk(struct world *w, int version, const char *name)
{
    struct client k;
    buf got;
    buf_init(&got, 0);
    client_init(&k, w, version);
    assert_true(client_shake(&k));
    expect_name(&k, name);
    client_hear(&k, 6, &got);
    assert_slice(buf_slice(&got), S("hello\n"));
    assert_true(seen.tls);
    client_say(&k, S("one\ntwo\nbig\n"));
    client_hear(&k, 12 + (1 << 20), &got);
    assert_int_equal(got.n, 12 + (1 << 20));
    client_say(&k, S("close\n"));
    client_hear(&k, 100, &got);
    assert_slice(buf_slice(&got), S("close\n"));
    assert_int_equal(SSL_get_shutdown(k.ssl) & SSL_RECEIVED_SHUTDOWN, SSL_RECEIVED_SHUTDOWN);
    client_fini(&k);
    until_closed(w);
    buf_fini(&got);
}

static void test_at_once(void **state)
{
    (void)state;
    struct world w;
    struct ssl_ctx_st *one = server_of("one.example"), *two = server_of("two.example");
    world_init(&w, &(struct listen_options){.protocol = &lines, .tls = one, .tls_at_once = true});
    tls_server_free(&one); /* the listener has its own reference */
    expect_talk(&w, TLS1_2_VERSION, "one.example");
    expect_talk(&w, TLS1_3_VERSION, "one.example");
    listener_set_tls(w.listener, two);
    tls_server_free(&two);
    expect_talk(&w, 0, "two.example");
    world_fini(&w);
}

/* Nothing is opened for one that does not speak TLS, or an old one. */
static void test_at_once_refused(void **state)
{
    (void)state;
    struct world w;
    struct client k;
    buf got;
    struct ssl_ctx_st *one = server_of("one.example");
    buf_init(&got, 0);
    world_init(&w, &(struct listen_options){.protocol = &lines, .tls = one, .tls_at_once = true, .frame_us = 50 * MS});
    client_init(&k, &w, TLS1_1_VERSION);
    assert_false(client_shake(&k));
    client_fini(&k);
    until_closed(&w);
    assert_int_equal(listener_counts(w.listener)->tls_failures, 1);
    int fd = world_connect(&w);
    assert_true(world_send(&w, fd, S("GET / HTTP/1.1\r\nHost: a\r\n\r\n")));
    world_read_all(&w, fd, &got);
    close(fd);
    assert_int_equal(listener_counts(w.listener)->tls_failures, 2);
    fd = world_connect(&w); /* says nothing: the handshake has a clock */
    world_read_all(&w, fd, &got);
    close(fd);
    assert_int_equal(listener_counts(w.listener)->tls_failures, 3);
    assert_int_equal(seen.opened, 0);
    world_fini(&w);
    tls_server_free(&one);
    buf_fini(&got);
}

static void test_starttls(void **state)
{
    (void)state;
    struct world w;
    struct client k;
    buf got;
    struct ssl_ctx_st *one = server_of("one.example");
    buf_init(&got, 0);
    world_init(&w, &(struct listen_options){.protocol = &lines, .tls = one});
    client_init(&k, &w, 0);
    assert_true(world_send(&w, k.fd, S("in clear\nSTARTTLS\n")));
    world_expect(&w, k.fd, &got, S("STARTTLS\n"));
    assert_false(seen.tls);
    assert_true(client_shake(&k));
    client_say(&k, S("secret\nSTARTTLS\n")); /* not twice */
    client_hear(&k, 8 + 7 + 9, &got);
    assert_slice(buf_slice(&got), S("secured\nsecret\nSTARTTLS\n"));
    assert_int_equal(seen.secured, 1);
    client_fini(&k);
    until_closed(&w);
    world_fini(&w);
    tls_server_free(&one);
    buf_fini(&got);
}

/* What an attacker puts behind STARTTLS in clear never reaches the protocol (CVE-2011-0411): in the same piece it is thrown away and
 * TLS goes on; in a later one it is no handshake, and the connection ends. */
static void test_injection(void **state)
{
    (void)state;
    struct world w;
    struct client k;
    buf got;
    struct ssl_ctx_st *one = server_of("one.example");
    buf_init(&got, 0);
    world_init(&w, &(struct listen_options){.protocol = &lines, .tls = one});
    client_init(&k, &w, 0);
    assert_true(world_send(&w, k.fd, S("STARTTLS\ninjected\ninjec")));
    world_expect(&w, k.fd, &got, S("STARTTLS\n"));
    assert_true(client_shake(&k));
    client_say(&k, S("mine\n"));
    client_hear(&k, 8 + 5, &got);
    assert_slice(buf_slice(&got), S("secured\nmine\n"));
    client_fini(&k);
    until_closed(&w);

    client_init(&k, &w, 0);
    buf_clear(&got);
    assert_true(world_send(&w, k.fd, S("STARTTLS\n")));
    world_expect(&w, k.fd, &got, S("STARTTLS\n"));
    assert_true(world_send(&w, k.fd, S("injected\n")));
    buf_clear(&got);
    world_read_all(&w, k.fd, &got);
    assert_int_equal(slice_find(buf_slice(&got), S("injected")), SLICE_NPOS);
    assert_int_equal(listener_counts(w.listener)->tls_failures, 1);
    client_fini(&k);
    until_closed(&w);
    world_fini(&w);
    tls_server_free(&one);
    buf_fini(&got);
}

/* More in one go than one read takes: what OpenSSL holds back is asked for without the socket saying so. */
static void test_much_input(void **state)
{
    (void)state;
    struct world w;
    struct client k;
    buf got, line;
    struct ssl_ctx_st *one = server_of("one.example");
    buf_init(&got, 0);
    buf_init(&line, 0);
    for (unsigned i = 0; i < 200000; i++)
        buf_addc(&line, 'x');
    buf_addc(&line, '\n');
    world_init(&w, &(struct listen_options){.protocol = &lines, .tls = one, .tls_at_once = true, .max_input = 1 << 20});
    client_init(&k, &w, 0);
    SSL_set_mode(k.ssl, SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    assert_true(client_shake(&k));
    client_say(&k, buf_slice(&line));
    client_hear(&k, 6 + line.n, &got);
    assert_int_equal(got.n, 6 + line.n);
    client_fini(&k);
    until_closed(&w);
    world_fini(&w);
    tls_server_free(&one);
    buf_fini(&got);
    buf_fini(&line);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_files),
        cmocka_unit_test_setup(test_at_once, clear),
        cmocka_unit_test_setup(test_at_once_refused, clear),
        cmocka_unit_test_setup(test_starttls, clear),
        cmocka_unit_test_setup(test_injection, clear),
        cmocka_unit_test_setup(test_much_input, clear),
    };
    return cmocka_run_group_tests(tests, make_files, remove_files);
}
