#include "world.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "net/bind.h"

int64_t world_now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

void world_init(struct world *w, const struct listen_options *o)
{
    err e = {.text = ""};
    struct listen_options mine = *o;
    if (mine.address.n == 0)
        mine.address = S("127.0.0.1:0");
    w->base = event_base_new();
    assert_non_null(w->base);
    enum status st = listener_open(&mine, &w->listener, &e);
    if (st != OK)
        fail_msg("listener_open: %s", e.text);
    assert_int_equal(listener_start(w->listener, w->base, &e), OK);
    w->address = listener_address(w->listener);
}

void world_fini(struct world *w)
{
    listener_close(&w->listener);
    event_base_free(w->base);
}

static void step(struct world *w, int64_t us)
{
    const struct timeval tv = {.tv_sec = us / 1000000, .tv_usec = us % 1000000};
    event_base_loopexit(w->base, &tv);
    event_base_loop(w->base, EVLOOP_ONCE);
}

void world_until(struct world *w, bool (*done)(void *ctx), void *ctx)
{
    int64_t end = world_now() + WORLD_PATIENCE_US;
    while (!done(ctx)) {
        if (world_now() > end)
            fail_msg("what was waited for did not come");
        step(w, 1000);
    }
}

void world_run(struct world *w, int64_t us)
{
    for (int64_t end = world_now() + us; world_now() < end;)
        step(w, 1000);
}

int world_connect(const struct world *w)
{
    struct net_address a;
    err e;
    assert_int_equal(address_parse(w->address, &a, &e), OK);
    int fd = socket(a.to.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_true(fd >= 0);
    assert_int_equal(connect(fd, (struct sockaddr *)&a.to, a.length), 0);
    assert_int_equal(fcntl(fd, F_SETFL, O_NONBLOCK), 0);
    return fd;
}

bool world_send(struct world *w, int fd, slice bytes)
{
    int64_t end = world_now() + WORLD_PATIENCE_US;
    while (bytes.n > 0) {
        ssize_t n = send(fd, bytes.p, bytes.n, MSG_NOSIGNAL);
        if (n < 0 && errno != EAGAIN)
            return false;
        bytes = slice_from(bytes, n > 0 ? (size_t)n : 0);
        if (world_now() > end)
            fail_msg("nobody reads what is sent");
        if (bytes.n > 0)
            step(w, 1000);
    }
    return true;
}

bool world_read(struct world *w, int fd, buf *got, size_t want)
{
    int64_t end = world_now() + WORLD_PATIENCE_US;
    char piece[65536];
    while (got->n < want) {
        size_t room = want - got->n;
        ssize_t n = recv(fd, piece, room < sizeof piece ? room : sizeof piece, 0);
        if (n == 0 || (n < 0 && errno != EAGAIN))
            return true;
        if (n > 0) {
            buf_add(got, slice_of(piece, (size_t)n));
            continue;
        }
        if (world_now() > end)
            fail_msg("expected %zu bytes, got %zu: %.*s", want, got->n, SLICE_FMT(buf_slice(got)));
        step(w, 1000);
    }
    return false;
}

void world_read_all(struct world *w, int fd, buf *got)
{
    assert_true(world_read(w, fd, got, SIZE_MAX));
}

void world_expect(struct world *w, int fd, buf *got, slice text)
{
    while (slice_find(buf_slice(got), text) == SLICE_NPOS)
        if (world_read(w, fd, got, got->n + 1))
            fail_msg("the end came before \"%.*s\": %.*s", SLICE_FMT(text), SLICE_FMT(buf_slice(got)));
}
