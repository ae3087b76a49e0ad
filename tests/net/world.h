/* A loop with one listener, and clients on real sockets in the same thread: each step runs the loop until what is waited for is
 * there, for WORLD_PATIENCE_US at most, so that a slow machine changes nothing but the time it takes.
 */
#ifndef TESTS_NET_WORLD_H
#define TESTS_NET_WORLD_H

#include <event2/event.h>

#include "base/buf.h"
#include "net/conn.h"

#define WORLD_PATIENCE_US (60 * INT64_C(1000000))

struct world {
    struct event_base *base;
    struct listener *listener;
    slice address; /* of the listener */
};

/* `o->address` empty: a port of 127.0.0.1 that the kernel chooses. Ends the test when the system refuses. */
void world_init(struct world *w, const struct listen_options *o);
void world_fini(struct world *w);
/* Runs the loop until done(ctx) is true; fails the test when it never is. */
void world_until(struct world *w, bool (*done)(void *ctx), void *ctx);
/* Runs the loop for that long. */
void world_run(struct world *w, int64_t us);
/* A socket connected to the listener; it does not block. */
int world_connect(const struct world *w);
/* Sends all, running the loop while the socket is full; false when the peer is gone. */
bool world_send(struct world *w, int fd, slice bytes);
/* Reads until `want` bytes are in `got`, or the peer has ended (true then). */
bool world_read(struct world *w, int fd, buf *got, size_t want);
/* Reads to the end of the connection, a reset included. */
void world_read_all(struct world *w, int fd, buf *got);
/* Reads until `text` stands in `got`; fails the test when the peer ends before. */
void world_expect(struct world *w, int fd, buf *got, slice text);
int64_t world_now(void);

#endif
