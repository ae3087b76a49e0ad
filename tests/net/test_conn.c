#include "check.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "world.h"

#define MS INT64_C(1000)

/* Lines come back as they are; some words do more:
 *   close, abort, pause (until the test resumes), tls, big (1 MB), more (a stream through `drained`), rest (uses nothing more). */
struct echo {
    struct conn *c;
    unsigned streams; /* pieces of 64 KB left to write */
    bool rest;
};

struct watcher {
    unsigned opened, closed, inputs, eofs, timeouts, secured;
    struct echo *last;
    bool refuse;
};
static struct watcher seen;

static void write_times(struct conn *c, char fill, size_t n)
{
    char *p = malloc(n);
    assert_non_null(p);
    memset(p, fill, n);
    conn_write(c, slice_of(p, n));
    free(p);
}

static void *echo_open(void *ctx, struct conn *c)
{
    (void)ctx;
    seen.opened++;
    if (seen.refuse) {
        conn_write(c, S("no\n"));
        return NULL;
    }
    struct echo *s = calloc(1, sizeof *s);
    assert_non_null(s);
    s->c = c;
    seen.last = s;
    conn_write(c, S("hello\n"));
    return s;
}

static void obey(struct echo *s, struct conn *c, slice word)
{
    if (slice_eq(word, S("close")))
        conn_close(c);
    else if (slice_eq(word, S("abort")))
        conn_abort(c);
    else if (slice_eq(word, S("pause")))
        conn_pause(c);
    else if (slice_eq(word, S("tls")) && conn_can_starttls(c))
        conn_starttls(c);
    else if (slice_eq(word, S("big")))
        write_times(c, 'b', 1 << 20);
    else if (slice_eq(word, S("huge")))
        write_times(c, 'h', CONN_MAX_UNSENT_BYTES);
    else if (slice_eq(word, S("more")))
        s->streams = 64;
    else if (slice_eq(word, S("rest")))
        s->rest = true;
    else if (slice_eq(word, S("deadline")))
        conn_deadline(c, 30 * MS);
}

static size_t echo_input(void *session, struct conn *c, slice in)
{
    struct echo *s = session;
    size_t at = slice_chr(in, '\n');
    seen.inputs++;
    if (at == SLICE_NPOS || s->rest)
        return 0;
    conn_write(c, slice_sub(in, 0, at + 1));
    obey(s, c, slice_sub(in, 0, at));
    return at + 1;
}

static void echo_eof(void *session, struct conn *c)
{
    (void)session;
    seen.eofs++;
    conn_write(c, S("bye\n"));
    conn_close(c);
}

static void echo_timeout(void *session, struct conn *c)
{
    (void)session;
    seen.timeouts++;
    conn_write(c, S("late\n"));
}

static void echo_drained(void *session, struct conn *c)
{
    struct echo *s = session;
    if (s->streams == 0)
        return;
    s->streams--;
    write_times(c, 'm', 65536);
}

static void echo_secured(void *session, struct conn *c)
{
    (void)session;
    seen.secured++;
    assert_true(conn_peer(c)->tls);
}

static void echo_closed(void *session)
{
    seen.closed++;
    if (seen.last == session)
        seen.last = NULL;
    free(session);
}

static const struct protocol echo = {.name = "echo",
                                     .open = echo_open,
                                     .input = echo_input,
                                     .eof = echo_eof,
                                     .timeout = echo_timeout,
                                     .drained = echo_drained,
                                     .secured = echo_secured,
                                     .closed = echo_closed};

static bool all_closed(void *ctx)
{
    (void)ctx;
    return seen.opened > 0 && seen.closed == seen.opened;
}

static int setup(void **state)
{
    (void)state;
    seen = (struct watcher){.opened = 0};
    return 0;
}

/* ---- without a socket ---- */

static void gather(void *ctx, slice bytes)
{
    buf_add(ctx, bytes);
}

static void test_fake(void **state)
{
    (void)state;
    buf out;
    buf_init(&out, 0);
    struct conn *c = conn_fake(&echo, NULL, gather, &out);
    assert_slice(buf_slice(&out), S("hello\n"));
    assert_int_equal(conn_fake_input(c, S("a\nb")), 1);
    assert_slice(buf_slice(&out), S("hello\na\n"));
    assert_int_equal(conn_fake_input(c, S("c\npause\nd\n")), 2);
    assert_slice(buf_slice(&out), S("hello\na\nbc\npause\n"));
    conn_write(c, S("from outside\n"));
    conn_resume(c);
    assert_slice(buf_slice(&out), S("hello\na\nbc\npause\nfrom outside\n"));
    assert_int_equal(conn_fake_input(c, S("")), 0);
    buf_clear(&out);
    assert_int_equal(conn_fake_input(c, S("close\nx\n")), 0);
    assert_slice(buf_slice(&out), S("close\n"));
    assert_true(conn_fake_closed(c));
    conn_write(c, S("nobody hears"));
    assert_slice(buf_slice(&out), S("close\n"));
    assert_int_equal(seen.closed, 0);
    conn_fake_free(&c);
    assert_int_equal(seen.closed, 1);
    buf_fini(&out);
}

static void test_fake_events(void **state)
{
    (void)state;
    buf out;
    buf_init(&out, 0);
    struct conn *c = conn_fake(&echo, NULL, gather, &out);
    conn_fake_timeout(c);
    assert_slice(buf_slice(&out), S("hello\nlate\n"));
    assert_true(conn_fake_closed(c));
    conn_fake_free(&c);
    buf_clear(&out);
    c = conn_fake(&echo, NULL, gather, &out);
    conn_fake_eof(c);
    assert_slice(buf_slice(&out), S("hello\nbye\n"));
    conn_fake_free(&c);
    c = conn_fake(&echo, NULL, NULL, NULL);
    conn_fake_input(c, S("more\n"));
    assert_int_equal(seen.last->streams, 0);
    conn_fake_free(&c);
    seen.refuse = true;
    buf_clear(&out);
    c = conn_fake(&echo, NULL, gather, &out);
    assert_slice(buf_slice(&out), S("no\n"));
    assert_true(conn_fake_closed(c));
    conn_fake_free(&c);
    buf_fini(&out);
}

/* What is said behind STARTTLS in clear is not taken for said under TLS (CVE-2011-0411). */
static void test_fake_starttls(void **state)
{
    (void)state;
    buf out;
    buf_init(&out, 0);
    struct conn *c = conn_fake(&echo, NULL, gather, &out);
    assert_false(conn_can_starttls(c));
    conn_fake_offer_tls(c);
    assert_true(conn_can_starttls(c));
    assert_int_equal(conn_fake_input(c, S("tls\ninjected\n")), 0);
    assert_slice(buf_slice(&out), S("hello\ntls\n"));
    assert_int_equal(seen.secured, 1);
    assert_false(conn_can_starttls(c));
    conn_fake_input(c, S("x\n"));
    assert_slice(buf_slice(&out), S("hello\ntls\nx\n"));
    conn_fake_free(&c);
    buf_fini(&out);
}

/* ---- with sockets ---- */

static void test_echo(void **state)
{
    (void)state;
    struct world w;
    buf got;
    buf_init(&got, 0);
    world_init(&w, &(struct listen_options){.protocol = &echo});
    int fd = world_connect(&w);
    assert_true(world_send(&w, fd, S("one\ntwo\nthr")));
    world_expect(&w, fd, &got, S("two\n"));
    assert_true(world_send(&w, fd, S("ee\n")));
    world_expect(&w, fd, &got, S("three\n"));
    assert_slice(buf_slice(&got), S("hello\none\ntwo\nthree\n"));
    const struct conn_peer *p = conn_peer(seen.last->c);
    assert_slice(p->address, S("127.0.0.1"));
    assert_true(p->loopback && !p->unix_socket && slice_starts(p->name, S("127.0.0.1:")));
    assert_int_equal(shutdown(fd, SHUT_WR), 0);
    buf_clear(&got);
    world_read_all(&w, fd, &got);
    assert_slice(buf_slice(&got), S("bye\n"));
    assert_int_equal(seen.eofs, 1);
    close(fd);
    world_until(&w, all_closed, NULL);
    assert_int_equal(listener_counts(w.listener)->open, 0);
    assert_int_equal(listener_counts(w.listener)->accepted, 1);
    world_fini(&w);
    buf_fini(&got);
}

/* A client that sends on while it is told to go must still be able to read why: no reset before. */
static void test_close_lingers(void **state)
{
    (void)state;
    struct world w;
    buf got;
    buf_init(&got, 0);
    world_init(&w, &(struct listen_options){.protocol = &echo});
    int fd = world_connect(&w);
    assert_true(world_send(&w, fd, S("big\nclose\nunread\nunread\nunread\n")));
    world_read_all(&w, fd, &got);
    assert_int_equal(got.n, 6 + 4 + (1 << 20) + 6);
    assert_true(slice_ends_ci(buf_slice(&got), S("close\n")));
    assert_true(world_send(&w, fd, S("still\n")));
    world_run(&w, 20 * MS);
    assert_int_equal(seen.closed, 0);
    close(fd);
    world_until(&w, all_closed, NULL);
    world_fini(&w);
    buf_fini(&got);
}

static void test_abort(void **state)
{
    (void)state;
    struct world w;
    buf got;
    buf_init(&got, 0);
    world_init(&w, &(struct listen_options){.protocol = &echo});
    int fd = world_connect(&w);
    world_expect(&w, fd, &got, S("hello\n"));
    assert_true(world_send(&w, fd, S("abort\n")));
    world_read_all(&w, fd, &got);
    assert_slice(buf_slice(&got), S("hello\n"));
    world_until(&w, all_closed, NULL);
    close(fd);
    world_fini(&w);
    buf_fini(&got);
}

static bool has_paused(void *ctx)
{
    (void)ctx;
    return seen.inputs >= 1;
}

static void test_pause(void **state)
{
    (void)state;
    struct world w;
    buf got;
    buf_init(&got, 0);
    world_init(&w, &(struct listen_options){.protocol = &echo, .idle_us = 50 * MS});
    int fd = world_connect(&w);
    assert_true(world_send(&w, fd, S("pause\nafter\n")));
    world_until(&w, has_paused, NULL);
    assert_true(world_send(&w, fd, S("later\n")));
    world_run(&w, 200 * MS); /* no clock of the listener runs against a peer that waits for us */
    assert_int_equal(seen.inputs, 1);
    assert_int_equal(seen.timeouts, 0);
    conn_write(seen.last->c, S("[answer]\n"));
    conn_resume(seen.last->c);
    assert_int_equal(seen.inputs, 1); /* not from inside */
    world_expect(&w, fd, &got, S("later\n"));
    assert_slice(buf_slice(&got), S("hello\npause\n[answer]\nafter\nlater\n"));
    close(fd);
    world_until(&w, all_closed, NULL);
    world_fini(&w);
    buf_fini(&got);
}

static void test_stream(void **state)
{
    (void)state;
    struct world w;
    buf got;
    buf_init(&got, 0);
    world_init(&w, &(struct listen_options){.protocol = &echo});
    int fd = world_connect(&w);
    assert_true(world_send(&w, fd, S("more\n")));
    assert_false(world_read(&w, fd, &got, 6 + 5 + 64 * 65536));
    assert_int_equal(seen.last->streams, 0);
    close(fd);
    world_until(&w, all_closed, NULL);
    world_fini(&w);
    buf_fini(&got);
}

/* ---- clocks ---- */

static void expect_timeout(const struct listen_options *o, slice says, slice answer)
{
    struct world w;
    buf got;
    buf_init(&got, 0);
    world_init(&w, o);
    int fd = world_connect(&w);
    assert_true(world_send(&w, fd, says));
    world_read_all(&w, fd, &got);
    assert_slice(buf_slice(&got), answer);
    assert_int_equal(listener_counts(w.listener)->timeouts, 1);
    close(fd);
    world_until(&w, all_closed, NULL);
    world_fini(&w);
    buf_fini(&got);
}

static void test_idle(void **state)
{
    (void)state;
    expect_timeout(&(struct listen_options){.protocol = &echo, .idle_us = 30 * MS}, S(""), S("hello\nlate\n"));
    expect_timeout(&(struct listen_options){.protocol = &echo, .frame_us = 30 * MS}, S("a\nnever who"),
                   S("hello\na\nlate\n"));
    expect_timeout(&(struct listen_options){.protocol = &echo}, S("deadline\npause\n"),
                   S("hello\ndeadline\npause\nlate\n"));
    assert_int_equal(seen.timeouts, 3);
}

static bool timed_out(void *ctx)
{
    struct world *w = ctx;
    return listener_counts(w->listener)->timeouts == 1;
}

/* A byte now and then does not make a frame whole. */
static void test_trickle(void **state)
{
    (void)state;
    struct world w;
    world_init(&w, &(struct listen_options){.protocol = &echo, .frame_us = 100 * MS});
    int fd = world_connect(&w);
    for (int i = 0; i < 10000 && !timed_out(&w); i++) {
        if (!world_send(&w, fd, S("x")))
            break;
        world_run(&w, 5 * MS);
    }
    assert_true(timed_out(&w));
    close(fd);
    world_until(&w, all_closed, NULL);
    world_fini(&w);
}

/* Asks and never reads: the clock runs as long as nothing of the answer goes. */
static void test_does_not_read(void **state)
{
    (void)state;
    struct world w;
    world_init(&w, &(struct listen_options){.protocol = &echo, .idle_us = 100 * MS});
    int fd = world_connect(&w);
    assert_true(world_send(&w, fd, S("big\nbig\nbig\nbig\nbig\nbig\nbig\nbig\npause\n")));
    world_until(&w, all_closed, NULL);
    assert_true(timed_out(&w));
    assert_int_equal(seen.timeouts, 0); /* no last words for who does not read */
    close(fd);
    world_fini(&w);
}

/* Asks on and on and never reads: asking does not count. */
static void test_asks_and_never_reads(void **state)
{
    (void)state;
    struct world w;
    world_init(&w, &(struct listen_options){.protocol = &echo, .idle_us = 100 * MS});
    int fd = world_connect(&w);
    assert_true(world_send(&w, fd, S("big\nbig\nbig\nbig\nbig\nbig\nbig\nbig\n")));
    for (int i = 0; i < 10000 && !timed_out(&w); i++) {
        if (!world_send(&w, fd, S("a\n")))
            break;
        world_run(&w, 5 * MS);
    }
    assert_true(timed_out(&w));
    world_until(&w, all_closed, NULL);
    close(fd);
    world_fini(&w);
}

/* An answer that took longer than the idle clock finds a peer that has all its time to read. */
static void test_late_answer(void **state)
{
    (void)state;
    struct world w;
    buf got;
    buf_init(&got, 0);
    world_init(&w, &(struct listen_options){.protocol = &echo, .idle_us = 200 * MS});
    int fd = world_connect(&w);
    assert_true(world_send(&w, fd, S("pause\n")));
    world_until(&w, has_paused, NULL);
    world_run(&w, 400 * MS);
    write_times(seen.last->c, 'l', 8 << 20);
    world_run(&w, 5 * MS);
    assert_false(world_read(&w, fd, &got, 6 + 6 + (8 << 20)));
    close(fd);
    conn_resume(seen.last->c);
    world_until(&w, all_closed, NULL);
    world_fini(&w);
    buf_fini(&got);
}

/* ---- limits ---- */

static void test_overflow(void **state)
{
    (void)state;
    struct world w;
    char junk[5000];
    memset(junk, 'j', sizeof junk);
    world_init(&w, &(struct listen_options){.protocol = &echo, .max_input = 4096});
    int fd = world_connect(&w);
    assert_true(world_send(&w, fd, slice_of(junk, sizeof junk)));
    world_until(&w, all_closed, NULL);
    while (seen.opened == 0)
        world_run(&w, MS);
    world_until(&w, all_closed, NULL);
    assert_int_equal(listener_counts(w.listener)->overflows, 1);
    close(fd);
    fd = world_connect(&w);
    assert_true(world_send(&w, fd, S("huge\nhuge\n"))); /* more unsent than a connection may have */
    while (seen.opened == 1)
        world_run(&w, MS);
    world_until(&w, all_closed, NULL);
    assert_int_equal(listener_counts(w.listener)->overflows, 2);
    close(fd);
    world_fini(&w);
}

static bool three_open(void *ctx)
{
    struct world *w = ctx;
    return listener_counts(w->listener)->open == 3;
}

static bool fourth_came(void *ctx)
{
    (void)ctx;
    return seen.opened == 4;
}

static void test_max_connections(void **state)
{
    (void)state;
    struct world w;
    int fd[5];
    world_init(&w, &(struct listen_options){.protocol = &echo, .max_connections = 3});
    for (size_t i = 0; i < 5; i++)
        fd[i] = world_connect(&w);
    world_until(&w, three_open, &w);
    world_run(&w, 20 * MS);
    assert_int_equal(seen.opened, 3); /* the others wait in the backlog */
    close(fd[0]);
    world_until(&w, fourth_came, NULL);
    for (size_t i = 1; i < 5; i++)
        close(fd[i]);
    while (seen.opened < 5)
        world_run(&w, MS);
    world_until(&w, all_closed, NULL);
    world_fini(&w);
}

static void test_max_per_peer(void **state)
{
    (void)state;
    struct world w;
    buf got;
    buf_init(&got, 0);
    world_init(&w, &(struct listen_options){.protocol = &echo, .max_per_peer = 2});
    int a = world_connect(&w), b = world_connect(&w), c = world_connect(&w);
    world_read_all(&w, c, &got);
    assert_int_equal(got.n, 0);
    assert_int_equal(listener_counts(w.listener)->refused, 1);
    close(a);
    while (listener_counts(w.listener)->open > 1)
        world_run(&w, MS);
    int d = world_connect(&w);
    world_expect(&w, d, &got, S("hello\n"));
    close(b), close(c), close(d);
    world_until(&w, all_closed, NULL);
    world_fini(&w);
    buf_fini(&got);
}

/* No descriptor left: the peer waits, the loop sleeps, and goes on when there is one. */
static void test_no_descriptors(void **state)
{
    (void)state;
    struct world w;
    buf got;
    buf_init(&got, 0);
    world_init(&w, &(struct listen_options){.protocol = &echo});
    int client = world_connect(&w);
    struct rlimit old, few;
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &old), 0);
    int next = dup(0);
    assert_true(next >= 0);
    close(next);
    few = (struct rlimit){.rlim_cur = (rlim_t)next, .rlim_max = old.rlim_max};
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &few), 0);
    int64_t began = world_now();
    world_run(&w, 500 * MS);
    assert_int_equal(seen.opened, 0);
    uint64_t errors = listener_counts(w.listener)->accept_errors;
    assert_in_range(errors, 1, (world_now() - began) / (100 * MS) + 1); /* one each 100 ms */
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &old), 0);
    world_expect(&w, client, &got, S("hello\n"));
    close(client);
    world_until(&w, all_closed, NULL);
    world_fini(&w);
    buf_fini(&got);
}

/* ---- addresses ---- */

static void test_unix(void **state)
{
    (void)state;
    char folder[] = "/tmp/test-conn-XXXXXX", path[64], name[80];
    assert_non_null(mkdtemp(folder));
    snprintf(path, sizeof path, "%s/s", folder);
    snprintf(name, sizeof name, "unix:%s", path);
    struct listen_options o = {.protocol = &echo, .address = slice_str(name), .unix_mode = 0600};
    struct world w;
    buf got;
    err e;
    struct stat st;
    buf_init(&got, 0);
    world_init(&w, &o);
    assert_slice(w.address, slice_str(name));
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
    struct listener *second;
    assert_int_equal(listener_open(&o, &second, &e), E_BUSY);
    int fd = world_connect(&w);
    world_expect(&w, fd, &got, S("hello\n"));
    const struct conn_peer *p = conn_peer(seen.last->c);
    assert_true(p->unix_socket && p->uid == (int64_t)getuid() && p->pid == (int64_t)getpid());
    assert_int_equal(p->address.n, 0);
    close(fd);
    world_until(&w, all_closed, NULL);
    world_fini(&w);
    assert_int_equal(lstat(path, &st), -1);

    /* a socket that nobody listens on is replaced, a file that is no socket is not touched */
    world_init(&w, &o);
    char other[80];
    snprintf(other, sizeof other, "%s.old", path);
    assert_int_equal(rename(path, other), 0);
    world_fini(&w);
    assert_int_equal(rename(other, path), 0);
    world_init(&w, &o);
    world_fini(&w);
    int file = open(path, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
    assert_true(file >= 0);
    close(file);
    assert_int_equal(listener_open(&o, &second, &e), E_INVALID);
    assert_int_equal(lstat(path, &st), 0);
    unlink(path);
    rmdir(folder);
    buf_fini(&got);
}

static void test_addresses(void **state)
{
    (void)state;
    const char *const wrong[] = {"",          "127.0.0.1",  "localhost:25", "127.0.0.1:65536", "127.0.0.1:x", "[::1]",
                                 "::1:25",    "[::1:25",    "unix:",        "unix:relative",   "[]:1",        ":25",
                                 "1.2.3:4:5", "[1.2.3]:25", "127.0.0.1:-1", "256.0.0.1:1"};
    for (size_t i = 0; i < ARRAY_LEN(wrong); i++) {
        struct listener *l;
        err e;
        struct listen_options o = {.protocol = &echo, .address = slice_str(wrong[i])};
        if (listener_open(&o, &l, &e) != E_INVALID)
            fail_msg("taken for an address: \"%s\"", wrong[i]);
    }
    struct world w;
    world_init(&w, &(struct listen_options){.protocol = &echo});
    struct listen_options same = {.protocol = &echo, .address = w.address};
    struct listener *l;
    err e;
    assert_int_equal(listener_open(&same, &l, &e), E_BUSY);
    world_fini(&w);
}

static void test_refused_session(void **state)
{
    (void)state;
    struct world w;
    buf got;
    buf_init(&got, 0);
    seen.refuse = true;
    world_init(&w, &(struct listen_options){.protocol = &echo});
    int fd = world_connect(&w);
    world_read_all(&w, fd, &got);
    assert_slice(buf_slice(&got), S("no\n"));
    assert_int_equal(seen.closed, 0);
    close(fd);
    while (listener_counts(w.listener)->open > 0)
        world_run(&w, MS);
    world_fini(&w);
    buf_fini(&got);
}

/* The listener goes with its connections. */
static void test_listener_close(void **state)
{
    (void)state;
    struct world w;
    buf got;
    buf_init(&got, 0);
    world_init(&w, &(struct listen_options){.protocol = &echo});
    int a = world_connect(&w), b = world_connect(&w);
    world_expect(&w, a, &got, S("hello\n"));
    buf_clear(&got);
    world_expect(&w, b, &got, S("hello\n"));
    listener_stop(w.listener);
    assert_true(world_send(&w, b, S("on\n")));
    world_expect(&w, b, &got, S("on\n"));
    world_fini(&w);
    assert_int_equal(seen.closed, 2);
    close(a), close(b);
    buf_fini(&got);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_fake, setup),
        cmocka_unit_test_setup(test_fake_events, setup),
        cmocka_unit_test_setup(test_fake_starttls, setup),
        cmocka_unit_test_setup(test_echo, setup),
        cmocka_unit_test_setup(test_close_lingers, setup),
        cmocka_unit_test_setup(test_abort, setup),
        cmocka_unit_test_setup(test_pause, setup),
        cmocka_unit_test_setup(test_stream, setup),
        cmocka_unit_test_setup(test_idle, setup),
        cmocka_unit_test_setup(test_trickle, setup),
        cmocka_unit_test_setup(test_does_not_read, setup),
        cmocka_unit_test_setup(test_asks_and_never_reads, setup),
        cmocka_unit_test_setup(test_late_answer, setup),
        cmocka_unit_test_setup(test_overflow, setup),
        cmocka_unit_test_setup(test_max_connections, setup),
        cmocka_unit_test_setup(test_max_per_peer, setup),
        cmocka_unit_test_setup(test_no_descriptors, setup),
        cmocka_unit_test_setup(test_unix, setup),
        cmocka_unit_test_setup(test_addresses, setup),
        cmocka_unit_test_setup(test_refused_session, setup),
        cmocka_unit_test_setup(test_listener_close, setup),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
