/* The bytes of one socket, in clear or under TLS, without blocking. Knows no loop and no protocol.
 *
 * One convention for reading and writing: the number of bytes (more than 0), or one of the values below. Nothing here raises
 * SIGPIPE in clear; under TLS the process must ignore it (OpenSSL writes by itself).
 */
#ifndef NET_STREAM_H
#define NET_STREAM_H

#include "base/slice.h"

struct ssl_st;
struct ssl_ctx_st;

#define STREAM_AGAIN (-1L)  /* not now; wait until stream_wants says that it can go on */
#define STREAM_END (0L)     /* the peer will send no more */
#define STREAM_BROKEN (-2L) /* nothing more in either direction */

struct stream {
    int fd; /* -1: none */
    struct ssl_st *ssl;
    bool wants_write, wants_read; /* under TLS: what the last call that said STREAM_AGAIN waits for */
};

/* Takes over `fd`, which does not block. */
void stream_init(struct stream *s, int fd);
/* Closes at once. */
void stream_fini(struct stream *s);
long stream_read(struct stream *s, char *p, size_t n);
long stream_write(struct stream *s, const char *p, size_t n);
/* Bytes that were read from the socket and not given yet: stream_read gives some of them without waiting. */
bool stream_pending(const struct stream *s);
/* Puts TLS (as the server) over the socket; stream_handshake goes on with it. False: memory was refused. */
NODISCARD bool stream_secure(struct stream *s, struct ssl_ctx_st *ctx);
/* 1 when TLS stands, STREAM_AGAIN, STREAM_BROKEN. */
long stream_handshake(struct stream *s);
/* Says that nothing more will be written; reading goes on. */
void stream_shutdown(struct stream *s);
/* Reads and throws away, under TLS without deciphering; as stream_read. */
long stream_discard(struct stream *s, char *scratch, size_t n);

#endif
