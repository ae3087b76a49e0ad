/* Connections and listeners on the event loop. A protocol is a state machine that is given bytes and writes bytes; it never sees a
 * socket, so that the same code runs under a listener, a fuzzer and a test that feeds it one byte at a time.
 *
 * Everything here belongs to the loop thread. A session that waits for a worker or for a commit pauses its connection and is
 * resumed from the loop thread; the connection may be gone by then, so a session that has asked for something keeps itself alive
 * until the answer is there (`closed` only marks it).
 *
 * Limits: a connection that sends more than `max_input` bytes which its protocol cannot use is closed; so is one that does not read
 * what was written for it (CONN_MAX_UNSENT_BYTES wait, or less than CONN_PROGRESS_BYTES of them went within the idle clock), one that
 * is idle too long, and one whose bytes come so slowly that a frame is not whole after `frame_us`. Above `max_connections` new ones
 * are not accepted until one is gone (they wait in the backlog). An idle connection takes about 1 KB,
 * under TLS 15 KB (measured; the kernel's part comes on top).
 */
#ifndef NET_CONN_H
#define NET_CONN_H

#include "base/err.h"
#include "base/slice.h"

#define CONN_MAX_UNSENT_BYTES (16u * 1024 * 1024)
#define CONN_PROGRESS_BYTES (64u * 1024)
#define CONN_LINGER_US (2 * INT64_C(1000000)) /* after conn_close: for the peer to read the last words */

struct conn;
struct listener;
struct event_base;
struct ssl_ctx_st;

struct conn_peer {
    slice name;    /* "203.0.113.7:4711", "[2001:db8::1]:4711", "unix" (with the pid and uid of the peer where known) */
    slice address; /* without the port; empty on a unix socket */
    bool unix_socket, loopback;
    int64_t uid, pid; /* of a unix peer; -1: unknown */
    bool tls;
};

struct protocol {
    const char *name; /* for logs: "socketmap" */
    /* A connection is there. Returns its session; NULL closes it. A greeting is written from here. */
    void *(*open)(void *ctx, struct conn *c);
    /* Everything that came and was not used yet. Returns how many bytes it used; fewer than are there: the rest is given again with
     * more behind it (or at once, when some were used and the connection is not paused). */
    size_t (*input)(void *session, struct conn *c, slice in);
    /* The peer will send no more; what it sent and was not used is lost. NULL: close. */
    void (*eof)(void *session, struct conn *c);
    /* Idle or slow for too long: last words. The connection is closed behind it. May be NULL. */
    void (*timeout)(void *session, struct conn *c);
    /* What was written has gone to the kernel: more may be written (streams). May be NULL. */
    void (*drained)(void *session, struct conn *c);
    /* TLS was asked for with conn_starttls and stands: forget what was said in clear (RFC 3207 4.2). May be NULL. */
    void (*secured)(void *session, struct conn *c);
    /* The connection is gone; nothing of `c` may be used any more. The session is its owner's again. */
    void (*closed)(void *session);
};

struct listen_options {
    slice
        address; /* "unix:/run/bounced/map", "127.0.0.1:2525", "[::1]:2525"; port 0: the kernel chooses (listener_address) */
    unsigned unix_mode;     /* of the socket file; 0: 0660 */
    slice unix_group;       /* owner group of the socket file; empty: the process' own */
    unsigned backlog;       /* 0: 511 */
    size_t max_connections; /* 0: 1000 */
    size_t max_per_peer;    /* of one address; 0: no limit. More are closed at once and counted */
    size_t max_input;       /* bytes; 0: 64 KB. Longer than the longest frame of the protocol */
    int64_t idle_us;        /* 0: 5 minutes; nothing came and nothing is being waited for */
    int64_t frame_us;       /* 0: as idle_us; from the first byte of a frame until the protocol used it */
    struct ssl_ctx_st *tls; /* NULL: none; else offered by conn_starttls, or at once */
    bool tls_at_once;
    const struct protocol *protocol;
    void *ctx; /* for protocol->open */
};

struct listener_counts {
    uint64_t accepted;
    uint64_t refused;       /* closed at once: max_per_peer, no memory */
    uint64_t accept_errors; /* the system gave no socket (EMFILE, ...); the peers wait */
    uint64_t timeouts;
    uint64_t overflows; /* sent too much, or did not read */
    uint64_t tls_failures;
    size_t open;
};

/* Binds and listens, before privileges are dropped; takes no connection yet. Options are copied; `address` names are checked
 * (E_INVALID). A socket file that nobody listens on is replaced; one that answers is E_BUSY; what is no socket is never removed. */
NODISCARD enum status listener_open(const struct listen_options *o, struct listener **out, err *e);
/* Begins to accept on this loop. */
NODISCARD enum status listener_start(struct listener *l, struct event_base *base, err *e);
/* Serves a stream socket that was connected in another way (a socket pair, one of inetd), under the same limits. Takes over `fd`; false:
 * refused and closed. The listener has been started. */
bool listener_adopt(struct listener *l, int fd);
/* Closes the listening socket and removes its file: new peers are refused at once; connections go on. No start after it. */
void listener_stop(struct listener *l);
/* Stops, closes all connections at once. Not from inside a call of a protocol. */
void listener_close(struct listener **l);
/* As bound, with the port that the kernel chose: valid as long as the listener. */
slice listener_address(const struct listener *l);
const struct listener_counts *listener_counts(const struct listener *l);
/* Another certificate for handshakes from now on. Takes a reference. The listener has TLS already. */
void listener_set_tls(struct listener *l, struct ssl_ctx_st *tls);

/* Queues a copy. After conn_close or when the peer is gone it does nothing. */
void conn_write(struct conn *c, slice bytes);
/* Bytes that were written and are not sent yet. */
size_t conn_unsent(const struct conn *c);
/* No more input until conn_resume; the idle clock stands still. */
void conn_pause(struct conn *c);
/* Gives the input that came meanwhile, not from inside this call but from the loop. */
void conn_resume(struct conn *c);
/* Closes when everything written is sent (while the peer reads, within the idle clock) and the peer has had CONN_LINGER_US to read
 * it; no more input. `closed` comes later, from the loop. */
void conn_close(struct conn *c);
/* Closes without sending what is written. `closed` comes later, from the loop. */
void conn_abort(struct conn *c);
/* True when the listener has TLS and the connection has not. */
bool conn_can_starttls(const struct conn *c);
/* Begins TLS when what was written is sent. Input that came behind the command in clear is thrown away (CVE-2011-0411). */
void conn_starttls(struct conn *c);
/* Another clock for this connection: SMTP has several (RFC 5321 4.5.3.2). 0: the listener's. */
void conn_idle(struct conn *c, int64_t idle_us);
/* A clock that nothing stops, also not a pause or bytes that come: the connection times out in `in_us`. 0: no such clock. For
 * protocols that use bytes before a frame is whole (a body in pieces) and so have no help of `frame_us`. */
void conn_deadline(struct conn *c, int64_t in_us);
const struct conn_peer *conn_peer(const struct conn *c);

/* A connection without a socket, for tests and fuzzing: what is written is told (at once, or at the end of the call of conn_fake_*
 * that it came from), input is given by hand, no clock runs. What the loop would do later (input after conn_resume) happens in the
 * next conn_fake_input, which may be given nothing. `closed` is called by conn_fake_free. */
struct conn *conn_fake(const struct protocol *p, void *ctx, void (*wrote)(void *wrote_ctx, slice bytes),
                       void *wrote_ctx);
/* Returns how much is waiting unused. Gives nothing to a paused or closed connection (it gathers). */
size_t conn_fake_input(struct conn *c, slice bytes);
void conn_fake_eof(struct conn *c);
void conn_fake_timeout(struct conn *c);
/* From now on conn_can_starttls is true, and conn_starttls stands at the end of the call. */
void conn_fake_offer_tls(struct conn *c);
/* conn_close or conn_abort was called, or the session was refused. */
bool conn_fake_closed(const struct conn *c);
void conn_fake_free(struct conn **c);

#endif
