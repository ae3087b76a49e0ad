/* HTTP requests of ours to servers that somebody named (webhooks out, certificates): libcurl on the loop, with limits of everything.
 *
 * Certificates are verified, TLS 1.2 or newer. Redirects are not followed (a 302 is the answer), no proxy of the environment is used,
 * nothing but http and https is spoken, compressed answers are not asked for. Addresses that are not of the public Internet are
 * refused unless allowed, at the moment of connecting (reach.h): a name that points elsewhere a moment later gains nothing.
 *
 * Limits: an answer is read up to max_answer bytes and then cut (its status counts), its head up to FETCH_MAX_HEAD_BYTES, all of it
 * within timeout_us. max_running requests are under way at once, max_per_host of them to one host; others wait in their order, and
 * their clocks with them. A host that is slow holds up only what goes there.
 *
 * Everything here belongs to the loop thread (names are resolved in threads of libcurl). Texts are copied. The process ignores SIGPIPE.
 */
#ifndef NET_FETCH_H
#define NET_FETCH_H

#include "base/err.h"
#include "net/http_head.h"
#include "net/reach.h"

#define FETCH_MAX_URL_BYTES 2048u
#define FETCH_MAX_HEAD_BYTES (64u * 1024)
#define FETCH_MAX_ANSWER_BYTES (64u * 1024)
#define FETCH_TIMEOUT_US (30 * INT64_C(1000000))
#define FETCH_CONNECT_US (10 * INT64_C(1000000)) /* of it: name, connection and TLS */

struct event_base;
struct fetcher;

struct fetch_options {
    unsigned max_running;       /* 0: 32 */
    unsigned max_per_host;      /* 0: 4 */
    size_t max_waiting;         /* 0: 1000; more are E_BUSY */
    struct reach reach;         /* what is allowed beside the public Internet; the array stays as long as the fetcher */
    slice agent;                /* User-Agent; empty: none */
    slice ca_file;              /* PEM; empty: those of the system */
    const char *const *resolve; /* "host:port:address", ends with NULL: instead of asking for these names. NULL: none */
};

enum fetch_outcome {
    FETCH_ANSWERED, /* with whatever status */
    FETCH_REFUSED,  /* no address of the name may be reached */
    FETCH_NO_NAME,  /* the name is not resolved */
    FETCH_NO_CONNECTION,
    FETCH_NO_TLS,  /* also a certificate that does not hold */
    FETCH_TIMEOUT, /* before the answer was whole */
    FETCH_BROKEN,  /* the connection broke, or what came is no HTTP */
    FETCH_OUTCOMES
};

struct fetch_result {
    enum fetch_outcome outcome;
    unsigned status;        /* of an answer, also of one that broke; 0: none came */
    slice body;             /* the first max_answer bytes */
    bool cut;               /* there was more */
    slice type;             /* Content-Type */
    int64_t retry_after_us; /* Retry-After; 0: none */
    slice why;              /* for people, when it was not answered: "127.0.0.1: loopback" */
    slice address;          /* that was connected to */
    int64_t took_us;        /* without the time of waiting for others */
};

struct fetch_request {
    slice url;
    bool post; /* else GET */
    const struct http_field *fields;
    size_t field_count;
    slice body;
    size_t max_answer;  /* 0: FETCH_MAX_ANSWER_BYTES */
    int64_t timeout_us; /* 0: FETCH_TIMEOUT_US */
    /* From the loop, never from inside fetch_start; texts are good during the call only. May start others. */
    void (*done)(void *ctx, const struct fetch_result *r);
    void *ctx;
};

NODISCARD enum status fetcher_new(struct event_base *base, const struct fetch_options *o, struct fetcher **out, err *e);
/* Whatever is under way is dropped without a word. Not from inside `done`. */
void fetcher_free(struct fetcher **f);
/* E_INVALID: url or fields cannot be sent. E_BUSY: too many wait. *id names it for fetch_cancel; id may be NULL. */
NODISCARD enum status fetch_start(struct fetcher *f, const struct fetch_request *r, uint64_t *id, err *e);
/* `done` does not come any more. Nothing happens when it has come. */
void fetch_cancel(struct fetcher *f, uint64_t id);
size_t fetcher_running(const struct fetcher *f);
size_t fetcher_waiting(const struct fetcher *f);
/* "answered", "refused", "no-name", ... */
const char *fetch_outcome_word(enum fetch_outcome o);

#endif
