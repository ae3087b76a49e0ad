/* What the files of the HTTP server share from inside. Nobody else includes this. */
#ifndef NET_HTTP_OWN_H
#define NET_HTTP_OWN_H

#include "base/buf.h"
#include "net/http.h"
#include "net/http_chunk.h"
#include "net/http_target.h"

enum http_stage {
    HTTP_READING,  /* the body comes */
    HTTP_WORKING,  /* all of it is there, the handler is at work */
    HTTP_STREAMING /* http_begin was called */
};

/* A request from its head to the end of its answer. */
struct exchange {
    struct http_request r; /* first: handlers know only this */
    struct http_server *server;
    struct session *session; /* NULL: the peer is gone */
    struct exchange *next;   /* in the pool */
    enum http_stage stage;
    bool handed; /* the handler has it, and must answer */
    bool only_head, minor0, close;
    bool accepts_gzip;
    bool chunked;
    uint64_t body_left; /* not chunked */
    struct http_chunks chunks;
    buf body;
    unsigned status; /* of the answer */
    unsigned allow;  /* for a 405: bits of the methods that the path has */
    uint64_t body_bytes, answer_bytes;
    uint64_t clocked_bytes; /* of a body in pieces: how many had come when its clock was set */
    int64_t began_us;       /* wall time */
    void (*more)(struct http_request *r);
};

struct http_date {
    int64_t second;
    char text[32];
};

struct session {
    struct http_server *server;
    struct conn *c;
    struct session *next, *prev;
    struct exchange *x; /* the one that is read, worked on or streamed */
    size_t scanned;     /* of a head that is not whole */
    bool partial;       /* a part of a head has come */
    bool deadline;      /* conn_deadline is set */
    bool full;          /* the peer reads its answers slower than it asks */
};

struct http_server {
    struct http_options o;
    struct http_counts counts;
    struct session *sessions;
    struct exchange *pool;
    size_t pooled;
    bool draining;
    uint64_t next_id;
    struct http_date date;
    buf scratch; /* an answer while it is put together */
};

/* Puts an answer together in out: head and body, or the head of a streamed one. Sets x->answer_bytes to what the body has. */
void http_compose(struct exchange *x, const struct http_answer *a, bool streamed, buf *out);
/* The body of a problem. */
void http_compose_problem(const struct exchange *x, unsigned status, slice code, slice detail, buf *out);
/* Compresses into `out` (gzip); false when it is not worth it or fails. */
bool http_gzip(slice body, buf *out);
bool http_accepts_gzip(slice accept_encoding);
/* The field Allow of a 405. */
void http_add_allow(unsigned methods, buf *out);

/* The route of a path: NULL and 404, or 405 with the methods it has in *allow. Fills params. */
const struct http_route *http_route_find(const struct http_route *routes, enum http_method m,
                                         const struct http_target *t, slice *params, unsigned *status, unsigned *allow);

/* From the pool, or NULL. */
struct exchange *exchange_new(struct http_server *server, struct session *s);
/* Logs it, counts it, gives it back; the session goes on with its connection. */
void exchange_end(struct exchange *x);
/* Whether the body is read to its end. */
bool exchange_has_body(const struct exchange *x);
/* The peer is gone: tells the handler, if it has it, or gives the request back. */
void exchange_lost(struct exchange *x);

/* The clock of what is under way, from now on; 0: none. */
void http_session_clock(struct session *s, int64_t us);
/* Behind an answer: closes, or lets the next request come. */
void http_session_answered(struct session *s, bool close);

#endif
