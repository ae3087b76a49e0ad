/* The HTTP API under /v1: what its handlers share. docs/openapi.json describes it; the table of routes is api_routes.def.
 *
 * A handler answers at once from memory, or hands the request to a worker (api_read) or to the writer (api_act) and answers when it is
 * back. Answers are JSON; errors are problem+json with the status' own word as code.
 */
#ifndef SERVE_API_H
#define SERVE_API_H

#include <json-c/json.h>

#include "base/json.h"
#include "core/apikey.h"
#include "net/http.h"
#include "net/http_target.h"
#include "serve/role.h"

#define API_MAX_BODY_BYTES (64u * 1024)         /* one object */
#define API_MAX_BATCH_BYTES (16u * 1024 * 1024) /* events, addresses to check */
#define API_MAX_LIST_BYTES (256u * 1024 * 1024) /* suppression lists, in pieces */
#define API_MAX_JSON_DEPTH 16
#define API_DEFAULT_LIMIT 100
#define API_MAX_LIMIT 10000
#define API_WORD_BYTES 200u /* of an address in a message */

struct conf_http;

struct api {
    struct daemon *d;
    const struct conf_http *conf;
    slice name;
    struct listener *listener;
    struct http_server *server;
    struct ssl_ctx_st *tls;
    struct apikeys *keys;
    struct event *timer; /* keys are read again */
    size_t working;      /* calls that are not back */
    bool reading_keys;
};

/* A request on its way. In the request's arena. */
struct api_call {
    struct job job;
    struct unit unit;
    struct api *api;
    struct http_request *r;
    slice tenant, stream;
    int64_t now_us;
    buf out; /* the answer's body */
    slice type;
    slice headers;
    slice etag;      /* of an answer that stays the same for a while; empty: none */
    unsigned status; /* 0: 200, or by `failed` */
    enum status failed;
    err error;
    void (*read)(struct api_call *c, struct worker *w);
    enum status (*act)(struct api_call *c, struct ledger *l, const struct policy *policy, err *e);
    void (*finish)(struct api_call *c); /* on the loop, before the answer; NULL: nothing */
    void *user;
};

/* What `authenticate` has left: who asks. */
static inline const struct apikey *api_who(const struct http_request *r)
{
    return r->identity;
}
static inline struct api *api_of(const struct http_request *r)
{
    return r->ctx;
}

/* Makes a call for a request: the tenant is that of the key, else the query's. NULL after answering 503. */
struct api_call *api_call_new(struct http_request *r);
/* `read` runs on a worker and writes out, or fails (api_fail). Then the answer goes out. */
void api_read(struct http_request *r, void (*read)(struct api_call *c, struct worker *w));
/* The same for a call that was made before. */
void api_call_read(struct api_call *c, void (*read)(struct api_call *c, struct worker *w));
/* `act` runs on the writer. Its status, or what it put into out, is the answer. */
void api_act(struct api_call *c,
             enum status (*act)(struct api_call *c, struct ledger *l, const struct policy *policy, err *e));
/* Puts observations before the writer; `finish` writes the answer when they are durable. */
void api_commit(struct api_call *c);
/* The call is over: sends what it has become. */
void api_call_end(struct api_call *c);

/* Sets what went wrong; the sentence is for the peer. */
void api_fail(struct api_call *c, enum status st, const char *fmt, ...) PRINTF_LIKE(3, 4);
/* The HTTP status of one of ours. */
unsigned api_status_of(enum status st);

/* Query parameters. */
slice api_query(const struct http_request *r, const char *name); /* empty when it is not there */
/* A number from low to high; false after answering 400. */
bool api_query_number(struct http_request *r, const char *name, int64_t low, int64_t high, int64_t otherwise,
                      int64_t *out);
/* A time; TIME_NONE when it is not there; false after answering 400. */
bool api_query_time(struct http_request *r, const char *name, int64_t *out);

/* The body as one JSON object (NULL after answering 400); json_object_put is the caller's. */
struct json_object *api_body_object(struct http_request *r);
/* A member that is a string, in the request's arena; empty when it is not there. */
slice api_member(struct http_request *r, struct json_object *o, const char *name);
/* Whether the body's type begins so ("application/json", "text/plain"). */
bool api_body_is(const struct http_request *r, const char *type);

/* Handlers, by file: api_check.c, api_addresses.c, api_suppressions.c, api_lists.c, api_events.c, api_policy.c, api_reports.c,
 * api_review.c, api_incidents.c, api_state.c. */
#define ROUTE(method, pattern, role, max_body, handler, body) void handler(struct http_request *r);
#include "serve/api_routes.def"
#undef ROUTE

extern const struct http_body api_list_body;

#endif
