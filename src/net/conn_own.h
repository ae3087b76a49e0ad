/* What conn.c, conn_fake.c and listener.c share: a connection from inside. Nobody else includes this.
 *
 * A connection is touched by the loop in turns (conn_turn): the protocol is called, what it wrote is sent, and what it asked for
 * (pause, close, TLS) is done at the end of the turn, so that a session never disappears under its own feet. What is asked for from
 * outside of a turn wakes the connection for one.
 */
#ifndef NET_CONN_OWN_H
#define NET_CONN_OWN_H

#include <event2/event.h>
#include <event2/event_struct.h>

#include "base/buf.h"
#include "net/conn.h"
#include "net/stream.h"

#define CONN_READ_BYTES (64u * 1024)              /* at once, into memory that all connections of a listener share */
#define CONN_DISCARD_MAX_BYTES (4u * 1024 * 1024) /* behind conn_close, before the peer is cut off */
#define CONN_NAME_BYTES 64u

enum conn_state {
    CONN_HANDSHAKE, /* TLS at once, or asked for; first what was written in clear goes out */
    CONN_OPEN,
    CONN_CLOSING, /* conn_close: what was written goes out */
    CONN_LINGER,  /* all is sent and said to be the end; what comes is thrown away */
    CONN_DEAD
};

struct conn_limits {
    size_t max_input;
    int64_t idle_us, frame_us;
};

struct conn {
    const struct protocol *protocol;
    void *session; /* NULL before open */
    void *ctx;
    const struct conn_limits *limits;
    struct listener_counts *counts;
    struct listener *listener; /* NULL: a fake one, without socket and loop */
    struct conn *next, *prev;  /* of the listener */
    struct peer_count *of_peer;
    struct stream stream;
    struct event readable, writable, clock;
    enum conn_state state;
    bool inside;           /* a turn is under way */
    bool woken;            /* a turn is on its way */
    bool reading, writing; /* what the loop watches for */
    bool blocked;          /* the socket takes no more for now */
    bool paused, again;    /* again: what is waiting must be given once more */
    bool ended;            /* the peer sends no more */
    bool offers_tls;
    buf in;  /* came and was not used */
    buf out; /* written and not sent, from `sent` on */
    size_t sent;
    size_t discarded;
    size_t progress; /* sent since the idle clock was set anew */
    /* Of the monotonic clock, microseconds; 0: not set. */
    int64_t last_us;     /* something came, the pause ended, or enough was sent */
    int64_t frame_us;    /* the first byte of the frame that is waiting */
    int64_t deadline_us; /* conn_deadline */
    int64_t since_us;    /* this state began */
    int64_t armed_us;    /* when the clock will ring */
    int64_t idle_us;     /* conn_idle, or the listener's */
    struct conn_peer peer;
    char name[CONN_NAME_BYTES];
    void (*wrote)(void *wrote_ctx, slice bytes); /* of a fake one */
    void *wrote_ctx;
};

/* Shared memory of one loop, into which connections read. */
struct conn_scratch {
    char p[CONN_READ_BYTES];
};

void conn_init(struct conn *c, const struct protocol *p, void *ctx, const struct conn_limits *limits,
               struct listener_counts *counts);
/* The first turn: TLS, or the protocol is opened. The connection may be gone behind it. `base` NULL: a fake one. */
void conn_start(struct conn *c, struct event_base *base, bool tls_at_once);
/* Tells the session, gives everything back but the memory of `c` itself. */
void conn_fini(struct conn *c);
/* For a fake one: these bytes came, one turn. */
void conn_came(struct conn *c, slice bytes);
void conn_ends(struct conn *c);
/* A clock has run out, one turn. */
void conn_rings(struct conn *c);

/* Of listener.c, for conn.c. */
struct conn_scratch *listener_scratch(struct listener *l);
struct ssl_ctx_st *listener_tls(struct listener *l);
/* Forgets a connection that is finished, and frees it. */
void listener_gone(struct listener *l, struct conn *c);

int64_t conn_now(void); /* monotonic, microseconds */

#endif
