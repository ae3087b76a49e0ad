/* What the files of fetch.h share from inside. Nobody else includes this. */
#ifndef NET_FETCH_OWN_H
#define NET_FETCH_OWN_H

#include <curl/curl.h>

#include "base/buf.h"
#include "net/fetch.h"

#define FETCH_WHY_BYTES 256u

struct fetch {
    struct fetcher *fetcher;
    struct fetch *next, *prev; /* of those that wait, or those that run */
    uint64_t id;
    uint64_t host; /* hash of scheme, name and port */
    CURL *easy;
    struct curl_slist *fields;
    buf body, answer;
    size_t max_answer, head_bytes;
    bool cut, refused;
    char why[FETCH_WHY_BYTES]; /* a refused address */
    char curl_why[CURL_ERROR_SIZE];
    void (*done)(void *ctx, const struct fetch_result *r);
    void *ctx;
};

struct queue {
    struct fetch *first, *last;
    size_t n;
};

struct fetcher {
    struct event_base *base;
    CURLM *multi;
    struct event *timer;
    struct reach reach;
    buf agent, ca_file;
    struct curl_slist *resolve;
    unsigned max_running, max_per_host;
    size_t max_waiting;
    struct queue waiting, running, kept;
    uint64_t next_id;
    bool inside; /* libcurl or a `done` is at work: what waits is begun behind it */
};

/* A handle with everything that is the same for all requests of the fetcher; NULL: memory was refused. */
struct fetch *fetch_new(struct fetcher *f);
/* Gives back what belongs to one request; the handle may be used again. */
void fetch_clear(struct fetch *x);
void fetch_free(struct fetch *x);
/* OK, or E_INVALID: what a request has that cannot be sent. */
NODISCARD enum status fetch_check(const struct fetch_request *r, err *e);
/* Makes the handle ready for this request, which is good. False: memory was refused. */
NODISCARD bool fetch_prepare(struct fetch *x, const struct fetch_request *r);
/* Calls `done` with what came of it. */
void fetch_tell(struct fetch *x, CURLcode code);

#endif
