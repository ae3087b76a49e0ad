#include "net/line_client.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

#include "net/line.h"

static int64_t clock_ms(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

enum status line_client_init(struct line_client *c, slice address, int timeout_ms, int back_off_ms, err *e)
{
    *c = (struct line_client){.timeout_ms = timeout_ms, .back_off_ms = back_off_ms, .fd = -1};
    buf_init(&c->question, 2 * LINE_MAX_BYTES);
    buf_init(&c->answer, LINE_MAX_BYTES);
    return address_parse(address, &c->address, e);
}

static void disconnect(struct line_client *c)
{
    if (c->fd >= 0)
        (void)close(c->fd);
    c->fd = -1;
}

void line_client_fini(struct line_client *c)
{
    disconnect(c);
    buf_fini(&c->question);
    buf_fini(&c->answer);
}

static bool failed(struct line_client *c, const char *what, int errnum)
{
    disconnect(c);
    (void)snprintf(c->why, sizeof c->why, "%s%s%s", what, errnum ? ": " : "", errnum ? strerrordesc_np(errnum) : "");
    return false;
}

/* Waits until the socket may be read or written; false when `until_ms` has come. */
static bool wait_for(struct line_client *c, short events, int64_t until_ms)
{
    struct pollfd p = {.fd = c->fd, .events = events};
    for (;;) {
        int64_t left = until_ms - clock_ms();
        int n = left > 0 ? poll(&p, 1, (int)left) : 0;
        if (n > 0)
            return true;
        if (n == 0 || errno != EINTR)
            return false;
    }
}

static bool connected(struct line_client *c, int64_t until_ms)
{
    int why = 0;
    socklen_t n = sizeof why;
    if (c->fd >= 0)
        return true;
    c->fd = socket(c->address.to.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (c->fd < 0)
        return failed(c, "no socket", errno);
    if (connect(c->fd, (const struct sockaddr *)&c->address.to, c->address.length) == 0)
        return true;
    if (errno != EINPROGRESS)
        return failed(c, "cannot connect", errno);
    if (!wait_for(c, POLLOUT, until_ms))
        return failed(c, "no connection in time", 0);
    if (getsockopt(c->fd, SOL_SOCKET, SO_ERROR, &why, &n) != 0 || why != 0)
        return failed(c, "cannot connect", why);
    return true;
}

static bool send_question(struct line_client *c, int64_t until_ms)
{
    for (size_t sent = 0; sent < c->question.n;) {
        ssize_t n = send(c->fd, c->question.p + sent, c->question.n - sent, MSG_NOSIGNAL);
        if (n < 0 && errno != EAGAIN && errno != EINTR)
            return failed(c, "cannot ask", errno);
        if (n > 0)
            sent += (size_t)n;
        else if (!wait_for(c, POLLOUT, until_ms))
            return failed(c, "cannot ask in time", 0);
    }
    return true;
}

/* The one line that answers; anything behind it would be an answer to nothing. */
static bool read_answer(struct line_client *c, int64_t until_ms)
{
    char piece[512];
    buf_clear(&c->answer);
    while (slice_chr(buf_slice(&c->answer), '\n') == SLICE_NPOS) {
        if (!wait_for(c, POLLIN, until_ms))
            return failed(c, "no answer in time", 0);
        ssize_t n = recv(c->fd, piece, sizeof piece, 0);
        if (n == 0)
            return failed(c, "closed", 0);
        if (n < 0 && errno != EAGAIN && errno != EINTR)
            return failed(c, "cannot read", errno);
        buf_add(&c->answer, slice_of(piece, n > 0 ? (size_t)n : 0));
        if (c->answer.failed)
            return failed(c, "an answer that does not end", 0);
    }
    if (c->answer.p[c->answer.n - 1] != '\n' || slice_chr(buf_slice(&c->answer), '\n') != c->answer.n - 1)
        return failed(c, "more than one answer", 0);
    return true;
}

static bool converse(struct line_client *c)
{
    int64_t until_ms = clock_ms() + c->timeout_ms;
    bool old = c->fd >= 0;
    if (connected(c, until_ms) && send_question(c, until_ms) && read_answer(c, until_ms))
        return true;
    /* the daemon may have closed what was idle, or been started anew */
    return old && clock_ms() < until_ms && connected(c, until_ms) && send_question(c, until_ms) &&
           read_answer(c, until_ms);
}

void line_client_ask(void *ctx, const struct ask *question, struct ask_answer *out)
{
    struct line_client *c = ctx;
    c->asked++;
    buf_clear(&c->question);
    if (line_add_question(&c->question, question) && clock_ms() >= c->not_before_ms) {
        if (converse(c)) {
            c->why[0] = '\0';
            if (line_read_answer(buf_slice(&c->answer), out))
                return;
        } else {
            c->not_before_ms = clock_ms() + c->back_off_ms;
        }
    }
    c->unasked++;
    *out = ask_answer_blank();
}
