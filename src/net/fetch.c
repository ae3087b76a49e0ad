#include "net/fetch.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>

#include <curl/curl.h>
#include <event2/event.h>

#include "base/buf.h"
#include "base/hash.h"

#define MAX_RUNNING 32u
#define MAX_PER_HOST 4u
#define MAX_WAITING 1000u
#define MAX_KEPT 32u
#define WHY_BYTES 256u

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
    char why[WHY_BYTES]; /* a refused address */
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

/* ---- queues ---- */

static void queue_put(struct queue *q, struct fetch *x)
{
    x->next = NULL;
    x->prev = q->last;
    if (q->last)
        q->last->next = x;
    else
        q->first = x;
    q->last = x;
    q->n++;
}

static void queue_take(struct queue *q, struct fetch *x)
{
    if (x->prev)
        x->prev->next = x->next;
    else
        q->first = x->next;
    if (x->next)
        x->next->prev = x->prev;
    else
        q->last = x->prev;
    q->n--;
}

static void fetch_free(struct fetch *x)
{
    if (x->easy)
        curl_easy_cleanup(x->easy);
    curl_slist_free_all(x->fields);
    buf_fini(&x->body);
    buf_fini(&x->answer);
    free(x);
}

/* Over: a handle of libcurl with all its settings is kept for the next request, which is half of the work. */
static void fetch_end(struct fetch *x)
{
    struct fetcher *f = x->fetcher;
    if (f->kept.n >= MAX_KEPT) {
        fetch_free(x);
        return;
    }
    curl_slist_free_all(x->fields);
    x->fields = NULL;
    buf_fini(&x->body);
    buf_fini(&x->answer);
    queue_put(&f->kept, x);
}

/* ---- what libcurl calls for a transfer ---- */

/* The one place where an address is known that is really connected to. */
static curl_socket_t on_open_socket(void *ctx, curlsocktype purpose, struct curl_sockaddr *a)
{
    struct fetch *x = ctx;
    struct ip ip;
    slice why = S("no address of the Internet");
    (void)purpose;
    if (ip_of_sockaddr(&a->addr, &ip))
        why = reach_refuses(&x->fetcher->reach, &ip);
    if (why.n) {
        x->refused = true;
        snprintf(x->why, sizeof x->why, "refused, not of the public Internet: %.*s", SLICE_FMT(why));
        return CURL_SOCKET_BAD;
    }
    x->refused = false; /* another address of the name may be good */
    return socket(a->family, a->socktype | SOCK_CLOEXEC | SOCK_NONBLOCK, a->protocol);
}

/* What is more than asked for ends the transfer; its status is known by then. */
static size_t on_answer(char *p, size_t size, size_t count, void *ctx)
{
    struct fetch *x = ctx;
    size_t n = size * count, room = x->max_answer - x->answer.n;
    buf_add(&x->answer, slice_of(p, n < room ? n : room));
    x->cut = n > room;
    return x->cut || x->answer.failed ? 0 : n;
}

static size_t on_head(char *p, size_t size, size_t count, void *ctx)
{
    struct fetch *x = ctx;
    (void)p;
    x->head_bytes += size * count;
    return x->head_bytes > FETCH_MAX_HEAD_BYTES ? 0 : size * count;
}

/* ---- the result ---- */

static const struct {
    CURLcode code;
    enum fetch_outcome outcome;
} outcomes[] = {
    {CURLE_OK, FETCH_ANSWERED},
    {CURLE_COULDNT_RESOLVE_HOST, FETCH_NO_NAME},
    {CURLE_COULDNT_CONNECT, FETCH_NO_CONNECTION},
    {CURLE_OPERATION_TIMEDOUT, FETCH_TIMEOUT},
    {CURLE_SSL_CONNECT_ERROR, FETCH_NO_TLS},
    {CURLE_PEER_FAILED_VERIFICATION, FETCH_NO_TLS},
    {CURLE_SSL_CERTPROBLEM, FETCH_NO_TLS},
    {CURLE_SSL_CIPHER, FETCH_NO_TLS},
    {CURLE_SSL_CACERT_BADFILE, FETCH_NO_TLS},
    {CURLE_SSL_ISSUER_ERROR, FETCH_NO_TLS},
};

const char *fetch_outcome_word(enum fetch_outcome o)
{
    static const char *const words[FETCH_OUTCOMES] = {"answered", "refused", "no-name", "no-connection",
                                                      "no-tls",   "timeout", "broken"};
    return words[o];
}

static enum fetch_outcome outcome_of(const struct fetch *x, CURLcode code)
{
    if (x->cut && code == CURLE_WRITE_ERROR)
        return FETCH_ANSWERED;
    if (x->refused && code == CURLE_COULDNT_CONNECT)
        return FETCH_REFUSED;
    for (size_t i = 0; i < ARRAY_LEN(outcomes); i++)
        if (outcomes[i].code == code)
            return outcomes[i].outcome;
    return FETCH_BROKEN;
}

static slice why_of(const struct fetch *x, enum fetch_outcome outcome, CURLcode code)
{
    if (outcome == FETCH_ANSWERED)
        return SLICE_EMPTY;
    if (outcome == FETCH_REFUSED)
        return slice_str(x->why);
    return slice_str(x->curl_why[0] ? x->curl_why : curl_easy_strerror(code));
}

static void tell(struct fetch *x, CURLcode code)
{
    struct fetch_result r = {.outcome = outcome_of(x, code), .body = buf_slice(&x->answer), .cut = x->cut};
    long status = 0;
    curl_off_t took = 0, again = 0;
    char *type = NULL, *address = NULL;
    (void)curl_easy_getinfo(x->easy, CURLINFO_RESPONSE_CODE, &status);
    (void)curl_easy_getinfo(x->easy, CURLINFO_TOTAL_TIME_T, &took);
    (void)curl_easy_getinfo(x->easy, CURLINFO_RETRY_AFTER, &again);
    (void)curl_easy_getinfo(x->easy, CURLINFO_CONTENT_TYPE, &type);
    (void)curl_easy_getinfo(x->easy, CURLINFO_PRIMARY_IP, &address);
    r.status = status > 0 && status < 1000 ? (unsigned)status : 0;
    r.took_us = took;
    r.retry_after_us = again > 0 && again < INT32_MAX ? again * 1000000 : 0;
    r.type = slice_str(type);
    r.address = slice_str(address);
    r.why = why_of(x, r.outcome, code);
    x->done(x->ctx, &r);
}

/* ---- under way ---- */

static bool host_is_full(const struct fetcher *f, uint64_t host)
{
    unsigned n = 0;
    for (const struct fetch *x = f->running.first; x; x = x->next)
        n += x->host == host;
    return n >= f->max_per_host;
}

/* Those of a host that is full stay where they are, so that a slow one holds up nobody else. libcurl, too, could hold back what is
 * too much for a host, but its clocks would run meanwhile. */
static void begin_waiting(struct fetcher *f)
{
    struct fetch *next;
    for (struct fetch *x = f->waiting.first; x && f->running.n < f->max_running; x = next) {
        next = x->next;
        if (host_is_full(f, x->host))
            continue;
        queue_take(&f->waiting, x);
        queue_put(&f->running, x);
        MUST(curl_multi_add_handle(f->multi, x->easy) == CURLM_OK); /* it sets the timer to begin */
    }
}

static void finish(struct fetcher *f)
{
    CURLMsg *m;
    int left;
    f->inside = true;
    while ((m = curl_multi_info_read(f->multi, &left))) {
        struct fetch *x;
        CURLcode code = m->data.result; /* gone with the handle */
        if (m->msg != CURLMSG_DONE || curl_easy_getinfo(m->easy_handle, CURLINFO_PRIVATE, &x) != CURLE_OK)
            continue;
        (void)curl_multi_remove_handle(f->multi, x->easy);
        queue_take(&f->running, x);
        tell(x, code);
        fetch_end(x);
    }
    f->inside = false;
    begin_waiting(f);
}

static void act(struct fetcher *f, curl_socket_t fd, int what)
{
    int running;
    (void)curl_multi_socket_action(f->multi, fd, what, &running);
    finish(f);
}

static void on_timer(evutil_socket_t fd, short what, void *ctx)
{
    (void)fd, (void)what;
    act(ctx, CURL_SOCKET_TIMEOUT, 0);
}

static void on_ready(evutil_socket_t fd, short what, void *ctx)
{
    act(ctx, fd, (what & EV_READ ? CURL_CSELECT_IN : 0) | (what & EV_WRITE ? CURL_CSELECT_OUT : 0));
}

static int on_set_timer(CURLM *multi, long ms, void *ctx)
{
    struct fetcher *f = ctx;
    const struct timeval tv = {.tv_sec = ms / 1000, .tv_usec = ms % 1000 * 1000};
    (void)multi;
    return (ms < 0 ? event_del(f->timer) : event_add(f->timer, &tv)) == 0 ? 0 : -1;
}

static int on_watch(CURL *easy, curl_socket_t fd, int what, void *ctx, void *of_socket)
{
    struct fetcher *f = ctx;
    struct event *ev = of_socket;
    (void)easy;
    if (ev)
        event_free(ev);
    ev = NULL;
    if (what != CURL_POLL_REMOVE) {
        short flags = (short)(EV_PERSIST | (what & CURL_POLL_IN ? EV_READ : 0) | (what & CURL_POLL_OUT ? EV_WRITE : 0));
        ev = event_new(f->base, fd, flags, on_ready, f);
        if (!ev || event_add(ev, NULL) != 0)
            return -1;
    }
    return curl_multi_assign(f->multi, fd, ev) == CURLM_OK ? 0 : -1;
}

/* ---- starting ---- */

static bool url_good(slice url)
{
    if (url.n > FETCH_MAX_URL_BYTES || (!slice_starts_ci(url, S("http://")) && !slice_starts_ci(url, S("https://"))))
        return false;
    for (size_t i = 0; i < url.n; i++)
        if (url.p[i] <= ' ' || url.p[i] > '~')
            return false;
    return true;
}

/* "Name: value" as libcurl takes them, with NUL; one without a value is "Name;". */
static bool add_field(struct fetch *x, const struct http_field *f)
{
    buf line;
    buf_init(&line, FETCH_MAX_HEAD_BYTES);
    buf_add(&line, f->name);
    buf_add(&line, f->value.n ? S(": ") : S(";"));
    buf_add(&line, f->value);
    struct curl_slist *more = line.failed ? NULL : curl_slist_append(x->fields, line.p);
    if (more)
        x->fields = more;
    buf_fini(&line);
    return more != NULL;
}

static bool set_fields(struct fetch *x, const struct fetch_request *r)
{
    for (size_t i = 0; i < r->field_count; i++)
        if (!add_field(x, &r->fields[i]))
            return false;
    struct curl_slist *more = curl_slist_append(x->fields, "Expect:"); /* no waiting for 100 Continue */
    if (more)
        x->fields = more;
    return more != NULL;
}

#define SET(option, value) ok = ok && curl_easy_setopt(x->easy, option, value) == CURLE_OK

/* What is the same for all requests. */
static bool set_rules(struct fetch *x)
{
    const struct fetcher *f = x->fetcher;
    bool ok = true;
    SET(CURLOPT_NOSIGNAL, 1L);
    SET(CURLOPT_PROTOCOLS_STR, "http,https");
    SET(CURLOPT_FOLLOWLOCATION, 0L);
    SET(CURLOPT_PROXY, "");
    SET(CURLOPT_NETRC, (long)CURL_NETRC_IGNORED);
    SET(CURLOPT_DISALLOW_USERNAME_IN_URL, 1L);
    SET(CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
    SET(CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
    SET(CURLOPT_OPENSOCKETFUNCTION, on_open_socket);
    SET(CURLOPT_OPENSOCKETDATA, x);
    SET(CURLOPT_WRITEFUNCTION, on_answer);
    SET(CURLOPT_WRITEDATA, x);
    SET(CURLOPT_HEADERFUNCTION, on_head);
    SET(CURLOPT_HEADERDATA, x);
    SET(CURLOPT_ERRORBUFFER, x->curl_why);
    SET(CURLOPT_PRIVATE, x);
    if (f->agent.n)
        SET(CURLOPT_USERAGENT, f->agent.p);
    if (f->ca_file.n)
        SET(CURLOPT_CAINFO, f->ca_file.p);
    if (f->resolve)
        SET(CURLOPT_RESOLVE, f->resolve);
    return ok;
}

static bool set_request(struct fetch *x, const struct fetch_request *r)
{
    char url[FETCH_MAX_URL_BYTES + 1];
    int64_t all = r->timeout_us ? r->timeout_us : FETCH_TIMEOUT_US;
    int64_t connect = all < FETCH_CONNECT_US ? all : FETCH_CONNECT_US;
    bool ok = set_fields(x, r);
    memcpy(url, r->url.p, r->url.n);
    url[r->url.n] = '\0';
    buf_add(&x->body, r->post ? r->body : SLICE_EMPTY);
    ok = ok && !x->body.failed;
    SET(CURLOPT_TIMEOUT_MS, (long)((all + 999) / 1000));
    SET(CURLOPT_CONNECTTIMEOUT_MS, (long)((connect + 999) / 1000));
    SET(CURLOPT_URL, url);
    SET(CURLOPT_HTTPHEADER, x->fields);
    SET(CURLOPT_POSTFIELDS, r->post ? x->body.p : NULL);
    SET(CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)x->body.n);
    SET(r->post ? CURLOPT_POST : CURLOPT_HTTPGET, 1L);
    return ok;
}
#undef SET

static struct fetch *fetch_new(struct fetcher *f)
{
    struct fetch *x = f->kept.last;
    if (x) {
        queue_take(&f->kept, x);
        return x;
    }
    x = calloc(1, sizeof *x);
    if (!x)
        return NULL;
    x->fetcher = f;
    buf_init(&x->body, 0);
    buf_init(&x->answer, 0);
    x->easy = curl_easy_init();
    if (x->easy && set_rules(x))
        return x;
    fetch_free(x);
    return NULL;
}

/* NULL: memory was refused. */
static struct fetch *fetch_prepare(struct fetcher *f, const struct fetch_request *r)
{
    struct fetch *x = fetch_new(f);
    if (!x)
        return NULL;
    x->max_answer = r->max_answer ? r->max_answer : FETCH_MAX_ANSWER_BYTES;
    x->head_bytes = 0;
    x->cut = x->refused = false;
    x->why[0] = x->curl_why[0] = '\0';
    x->done = r->done;
    x->ctx = r->ctx;
    if (set_request(x, r))
        return x;
    fetch_free(x);
    return NULL;
}

/* Two hosts of one hash share a limit, and no more. */
static uint64_t host_of(slice url)
{
    static const struct sip_key key = {1, 2};
    slice rest = slice_from(url, slice_find(url, S("://")) + 3);
    size_t end = 0;
    while (end < rest.n && !strchr("/?#", rest.p[end]))
        end++;
    return sip_hash_ci(&key, slice_of(url.p, (size_t)(rest.p - url.p) + end));
}

static bool fields_good(const struct fetch_request *r)
{
    for (size_t i = 0; i < r->field_count; i++)
        if (!http_field_good(&r->fields[i]))
            return false;
    return true;
}

enum status fetch_start(struct fetcher *f, const struct fetch_request *r, uint64_t *id, err *e)
{
    if (!url_good(r->url))
        return err_set(e, E_INVALID, "%.*s: expected http:// or https:// with at most %u plain characters",
                       SLICE_FMT(r->url), FETCH_MAX_URL_BYTES);
    if (!fields_good(r))
        return err_set(e, E_INVALID, "%.*s: a header field that cannot be sent", SLICE_FMT(r->url));
    if (f->waiting.n >= f->max_waiting)
        return err_set(e, E_BUSY, "%.*s: %zu requests wait already", SLICE_FMT(r->url), f->waiting.n);
    struct fetch *x = fetch_prepare(f, r);
    if (!x)
        return err_set(e, E_MEMORY, "%.*s: libcurl takes no request", SLICE_FMT(r->url));
    x->id = ++f->next_id;
    x->host = host_of(r->url);
    if (id)
        *id = x->id;
    queue_put(&f->waiting, x);
    if (!f->inside)
        begin_waiting(f);
    return OK;
}

static struct fetch *find(const struct queue *q, uint64_t id)
{
    struct fetch *x = q->first;
    while (x && x->id != id)
        x = x->next;
    return x;
}

void fetch_cancel(struct fetcher *f, uint64_t id)
{
    struct fetch *x = find(&f->waiting, id);
    if (x) {
        queue_take(&f->waiting, x);
    } else {
        x = find(&f->running, id);
        if (!x)
            return;
        queue_take(&f->running, x);
        (void)curl_multi_remove_handle(f->multi, x->easy);
    }
    fetch_end(x);
    if (!f->inside)
        begin_waiting(f);
}

size_t fetcher_running(const struct fetcher *f)
{
    return f->running.n;
}

size_t fetcher_waiting(const struct fetcher *f)
{
    return f->waiting.n;
}

/* ---- life ---- */

static bool set_multi(struct fetcher *f)
{
    return curl_multi_setopt(f->multi, CURLMOPT_SOCKETFUNCTION, on_watch) == CURLM_OK &&
           curl_multi_setopt(f->multi, CURLMOPT_SOCKETDATA, f) == CURLM_OK &&
           curl_multi_setopt(f->multi, CURLMOPT_TIMERFUNCTION, on_set_timer) == CURLM_OK &&
           curl_multi_setopt(f->multi, CURLMOPT_TIMERDATA, f) == CURLM_OK;
}

static bool copy_options(struct fetcher *f, const struct fetch_options *o)
{
    f->reach = o->reach;
    f->max_running = o->max_running ? o->max_running : MAX_RUNNING;
    f->max_per_host = o->max_per_host ? o->max_per_host : MAX_PER_HOST;
    f->max_waiting = o->max_waiting ? o->max_waiting : MAX_WAITING;
    buf_add(&f->agent, o->agent);
    buf_add(&f->ca_file, o->ca_file);
    for (size_t i = 0; o->resolve && o->resolve[i]; i++) {
        struct curl_slist *more = curl_slist_append(f->resolve, o->resolve[i]);
        if (!more)
            return false;
        f->resolve = more;
    }
    return !f->agent.failed && !f->ca_file.failed;
}

enum status fetcher_new(struct event_base *base, const struct fetch_options *o, struct fetcher **out, err *e)
{
    *out = NULL;
    struct fetcher *f = calloc(1, sizeof *f);
    if (!f || curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK) {
        free(f);
        return err_set(e, E_MEMORY, "no memory for requests of ours");
    }
    f->base = base;
    buf_init(&f->agent, 0);
    buf_init(&f->ca_file, 0);
    f->multi = curl_multi_init();
    f->timer = evtimer_new(base, on_timer, f);
    if (f->multi && f->timer && set_multi(f) && copy_options(f, o)) {
        *out = f;
        return OK;
    }
    fetcher_free(&f);
    return err_set(e, E_MEMORY, "no memory for requests of ours");
}

static void drop_all(struct fetcher *f, struct queue *q, bool running)
{
    while (q->first) {
        struct fetch *x = q->first;
        queue_take(q, x);
        if (running)
            (void)curl_multi_remove_handle(f->multi, x->easy);
        fetch_free(x);
    }
}

void fetcher_free(struct fetcher **out)
{
    struct fetcher *f = *out;
    *out = NULL;
    if (!f)
        return;
    MUST(!f->inside);
    drop_all(f, &f->waiting, false);
    drop_all(f, &f->running, true);
    drop_all(f, &f->kept, false);
    if (f->multi)
        (void)curl_multi_cleanup(f->multi); /* takes its sockets off the loop */
    if (f->timer)
        event_free(f->timer);
    curl_slist_free_all(f->resolve);
    buf_fini(&f->agent);
    buf_fini(&f->ca_file);
    free(f);
    curl_global_cleanup();
}
