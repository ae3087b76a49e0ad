/* An HTTP/1.1 server as a protocol of conn.h: a table of routes in, requests to handlers, answers whenever they are ready. Knows no
 * bounces. RFC 9110, 9112, 9457.
 *
 * The way of a request: its head is read strictly (http_head.h), its target decoded (http_target.h), a route found (404, 405), the
 * peer authenticated (401, 403), the announced size held against the route's limit (413), then "100 Continue" is said if asked for,
 * and only then the body read: gathered whole, or handed over in pieces. While a handler is at work nothing more is read from that
 * connection, so that answers to pipelined requests come in order. A request that is refused with its body unread, or that is no
 * HTTP, ends the connection.
 *
 * Ownership: a request belongs to its handler from `handle` until it is answered, exactly once, by http_answer, http_problem or
 * http_end, also when the peer is gone meanwhile (http_gone; the answer is thrown away then). Its texts and its arena last as long.
 * Texts of an answer are copied. Everything here belongs to the loop thread, but a worker may read the texts of a request that is
 * not answered yet.
 *
 * Clocks: the head must be whole within the listener's frame_us, a gathered body within body_us, of a body in pieces each
 * HTTP_PROGRESS_BYTES; the answer must begin within answer_us (503).
 */
#ifndef NET_HTTP_H
#define NET_HTTP_H

#include "base/arena.h"
#include "net/conn.h"
#include "net/http_head.h"

#define HTTP_MAX_PARAMS 4u
#define HTTP_MAX_UNSENT_BYTES (256u * 1024) /* of answers to pipelined requests, before the next one is looked at */
#define HTTP_PROGRESS_BYTES (64u * 1024)    /* of a body in pieces within body_us: 1 KB a second with the default */
#define HTTP_GZIP_MIN_BYTES 1024u
#define HTTP_GZIP_MAX_BYTES (512u * 1024) /* a larger answer goes out as it is: the loop must not wait for zlib */
#define HTTP_MAX_INPUT_BYTES (64u * 1024) /* for listen_options.max_input: the default is enough */

struct http_request;

/* For a body that is handed over in pieces. */
struct http_body {
    void (*piece)(struct http_request *r, slice bytes);
    void (*end)(struct http_request *r);
    /* The peer is gone or the body broken: neither of the others comes any more. The request must be answered still. */
    void (*gone)(struct http_request *r);
};

struct http_route {
    enum http_method method; /* HTTP_GET answers HEAD, too */
    const char *pattern; /* "/v1/addresses/{address}/why"; {name} is one segment. The first row that fits is taken */
    unsigned role;       /* given to `authenticate`; 0: nobody is asked who he is */
    size_t max_body;     /* bytes; 0: none */
    /* The head is there and, when `body` is NULL, the whole body. */
    void (*handle)(struct http_request *r);
    const struct http_body *body; /* NULL: gathered */
};

struct http_request {
    uint64_t id; /* in the header X-Request-Id of the answer, as 16 hex digits */
    const struct http_route *route;
    void *ctx; /* of the options */
    enum http_method method;
    slice target; /* as sent */
    slice path;   /* decoded, UTF-8 without control characters */
    slice query;  /* as sent; http_query_get (http_target.h) */
    slice host;
    slice params[HTTP_MAX_PARAMS]; /* what stood for each {name}, decoded */
    slice body;                    /* gathered */
    const struct http_field *fields;
    size_t field_count;
    struct conn_peer peer;
    void *identity; /* for `authenticate` to leave behind */
    void *user;     /* the handler's */
    arena a;        /* lasts until the answer; capped at HTTP_MAX_ARENA_BYTES */
};
#define HTTP_MAX_ARENA_BYTES (64u * 1024 * 1024)

struct http_answer {
    unsigned status;
    slice type;    /* Content-Type; empty: "application/json" when there is a body */
    slice body;    /* empty for http_begin */
    slice etag;    /* opaque, without quotes; a GET that knows it is answered 304. Empty: none */
    slice headers; /* more lines, each with its CRLF */
    slice cache;   /* Cache-Control; empty: "no-store" */
    bool plain;    /* not compressed, whatever the peer takes */
    bool close;
};

/* What was done, for an access log; texts are good during the call only. */
struct http_done {
    const struct http_request *request; /* target is empty when it was no HTTP */
    unsigned status;                    /* 0: the peer went before its request was whole */
    uint64_t body_bytes, answer_bytes;
    int64_t took_us; /* from the whole head to the answer written (streamed: to its end) */
    bool gone;       /* the peer did not wait */
};

struct http_options {
    const struct http_route *routes; /* ends with a row whose pattern is NULL; stays as long as the server */
    void *ctx;                       /* for handlers and the calls below */
    /* 0: go on. Else the status to answer (401, 403, 429, 503). Called when the head is there and before any of the body is read. May
     * leave something in r->identity. NULL: routes with a role are answered 403. */
    unsigned (*authenticate)(struct http_request *r, unsigned role);
    const char *challenge;        /* WWW-Authenticate of a 401; NULL: Bearer */
    const char *headers;          /* for every answer, each line with its CRLF; NULL: none */
    const char *problem_base;     /* before the code of a problem in its "type"; NULL: "about:blank" alone */
    int64_t (*now_us)(void *ctx); /* wall time, for Date */
    void (*log)(void *ctx, const struct http_done *d); /* may be NULL */
    int64_t body_us, answer_us;                        /* 0: 60 s each */
};

struct http_counts {
    uint64_t requests;            /* heads that were HTTP */
    uint64_t malformed;           /* and those that were not */
    uint64_t answers[6];          /* by the hundreds of their status */
    uint64_t bytes_in, bytes_out; /* of bodies */
    size_t connections, working;  /* requests that handlers have */
};

struct http_server;

/* The protocol for listen_options; its ctx is the struct http_server. */
extern const struct protocol http_protocol;

/* Options are copied. NULL when memory is refused. */
struct http_server *http_server_new(const struct http_options *o);
/* The end is near: idle connections are closed, others when their request is answered. */
void http_server_drain(struct http_server *s);
const struct http_counts *http_server_counts(const struct http_server *s);
/* When its listeners are closed and all requests answered. */
void http_server_free(struct http_server **s);

/* The first field of that name; empty when there is none. */
slice http_header(const struct http_request *r, slice name);
/* The peer does not wait any more, or has all it asked for with HEAD. */
bool http_gone(const struct http_request *r);
/* While the body comes in pieces: no more of them until http_resume. */
void http_pause(struct http_request *r);
void http_resume(struct http_request *r);

/* The whole answer. The request is gone behind it. */
void http_answer(struct http_request *r, const struct http_answer *a);
/* An error as application/problem+json: `code` is a word for programs ("" for none), `detail` a sentence for people; both are made
 * safe. */
void http_problem(struct http_request *r, unsigned status, slice code, slice detail);

/* An answer in pieces, of unknown length. `more` is called whenever all that was written is sent, and once when the peer is gone: it
 * writes some pieces, or remembers to do so later, or ends. It is never called from inside these functions, and not at all when
 * http_gone is true behind http_begin: end then. */
void http_begin(struct http_request *r, const struct http_answer *a, void (*more)(struct http_request *r));
void http_write(struct http_request *r, slice piece);
/* The request is gone behind it. `whole` false: something went wrong; the peer is made to see that the end is missing. */
void http_end(struct http_request *r, bool whole);

#endif
