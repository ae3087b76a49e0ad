#include "net/stream.h"

#include <errno.h>
#include <limits.h>
#include <sys/socket.h>
#include <unistd.h>

#include <openssl/err.h>
#include <openssl/ssl.h>

void stream_init(struct stream *s, int fd)
{
    *s = (struct stream){.fd = fd};
}

void stream_fini(struct stream *s)
{
    SSL_free(s->ssl);
    if (s->fd >= 0)
        (void)close(s->fd); /* nothing of ours is left in it, or nobody is there to read it */
    stream_init(s, -1);
}

static long of_errno(void)
{
    return errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR ? STREAM_AGAIN : STREAM_BROKEN;
}

/* What SSL_get_error says of a call that gave `result`. A peer that goes away without saying so in TLS has ended all the same:
 * our protocols have their own ends. */
static long of_ssl(struct stream *s, int result)
{
    switch (SSL_get_error(s->ssl, result)) {
    case SSL_ERROR_WANT_READ:
        s->wants_read = true;
        return STREAM_AGAIN;
    case SSL_ERROR_WANT_WRITE:
        s->wants_write = true;
        return STREAM_AGAIN;
    case SSL_ERROR_ZERO_RETURN:
        return STREAM_END;
    default:
        return STREAM_BROKEN;
    }
}

static void begin_ssl(struct stream *s)
{
    s->wants_read = s->wants_write = false;
    ERR_clear_error(); /* SSL_get_error looks at the thread's queue, which somebody else may have left full */
}

static int int_of(size_t n)
{
    return n > INT_MAX ? INT_MAX : (int)n;
}

static long read_ssl(struct stream *s, char *p, size_t n)
{
    size_t got = 0;
    while (got < n) { /* a record at a time */
        begin_ssl(s);
        int r = SSL_read(s->ssl, p + got, int_of(n - got));
        if (r <= 0) {
            long why = of_ssl(s, r);
            return got ? (long)got : why;
        }
        got += (size_t)r;
    }
    return (long)got;
}

long stream_read(struct stream *s, char *p, size_t n)
{
    if (s->ssl)
        return read_ssl(s, p, n);
    ssize_t r = recv(s->fd, p, n, 0);
    return r >= 0 ? (long)r : of_errno();
}

long stream_write(struct stream *s, const char *p, size_t n)
{
    if (s->ssl) {
        begin_ssl(s);
        int r = SSL_write(s->ssl, p, int_of(n));
        if (r > 0)
            return r;
        long why = of_ssl(s, r);
        return why == STREAM_END ? STREAM_BROKEN : why;
    }
    ssize_t r = send(s->fd, p, n, MSG_NOSIGNAL);
    return r >= 0 ? (long)r : of_errno();
}

bool stream_pending(const struct stream *s)
{
    return s->ssl && SSL_pending(s->ssl) > 0;
}

bool stream_secure(struct stream *s, struct ssl_ctx_st *ctx)
{
    s->ssl = SSL_new(ctx);
    if (!s->ssl)
        return false;
    if (SSL_set_fd(s->ssl, s->fd) != 1)
        return false;
    SSL_set_mode(s->ssl,
                 SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER | SSL_MODE_RELEASE_BUFFERS);
    SSL_set_accept_state(s->ssl);
    return true;
}

long stream_handshake(struct stream *s)
{
    begin_ssl(s);
    int r = SSL_do_handshake(s->ssl);
    if (r == 1)
        return 1;
    long why = of_ssl(s, r);
    return why == STREAM_END ? STREAM_BROKEN : why;
}

void stream_shutdown(struct stream *s)
{
    if (s->ssl) {
        begin_ssl(s);
        (void)SSL_shutdown(s->ssl); /* says close_notify when there is room; the peer sees the end below in any case */
    }
    (void)shutdown(s->fd, SHUT_WR);
}

long stream_discard(struct stream *s, char *scratch, size_t n)
{
    ssize_t r = recv(s->fd, scratch, n, 0);
    return r >= 0 ? (long)r : of_errno();
}
