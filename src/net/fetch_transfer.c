#include "net/fetch_own.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>

#include "base/hash.h"

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

void fetch_tell(struct fetch *x, CURLcode code)
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

/* ---- a request ---- */

static bool url_good(slice url)
{
    if (url.n > FETCH_MAX_URL_BYTES || (!slice_starts_ci(url, S("http://")) && !slice_starts_ci(url, S("https://"))))
        return false;
    for (size_t i = 0; i < url.n; i++)
        if (url.p[i] <= ' ' || url.p[i] > '~')
            return false;
    return true;
}

static bool fields_good(const struct fetch_request *r)
{
    for (size_t i = 0; i < r->field_count; i++)
        if (!http_field_good(&r->fields[i]))
            return false;
    return true;
}

enum status fetch_check(const struct fetch_request *r, err *e)
{
    if (!url_good(r->url))
        return err_set(e, E_INVALID, "%.*s: expected http:// or https:// with at most %u plain characters",
                       SLICE_FMT(r->url), FETCH_MAX_URL_BYTES);
    if (!fields_good(r))
        return err_set(e, E_INVALID, "%.*s: a header field that cannot be sent", SLICE_FMT(r->url));
    return OK;
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

bool fetch_prepare(struct fetch *x, const struct fetch_request *r)
{
    x->max_answer = r->max_answer ? r->max_answer : FETCH_MAX_ANSWER_BYTES;
    x->head_bytes = 0;
    x->cut = x->refused = false;
    x->why[0] = x->curl_why[0] = '\0';
    x->host = host_of(r->url);
    x->done = r->done;
    x->ctx = r->ctx;
    return set_request(x, r);
}

/* ---- life ---- */

struct fetch *fetch_new(struct fetcher *f)
{
    struct fetch *x = calloc(1, sizeof *x);
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

void fetch_clear(struct fetch *x)
{
    curl_slist_free_all(x->fields);
    x->fields = NULL;
    buf_fini(&x->body);
    buf_fini(&x->answer);
}

void fetch_free(struct fetch *x)
{
    if (x->easy)
        curl_easy_cleanup(x->easy);
    fetch_clear(x);
    free(x);
}
