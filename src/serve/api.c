/* The role of the sections [http NAME]: a listener, the table of routes, and who may use which. */
#include "serve/api.h"

#include <event2/event.h>
#include <stdlib.h>

#include "base/codec.h"
#include "net/tls.h"
#include "serve/certificate.h"
#include "serve/clock.h"
#include "serve/conf.h"
#include "feed/esp.h"
#include "serve/roles.h"

#define KEYS_US TIME_SECOND /* between looks whether keys have changed */
#define HOST_BACKLOG 511u

#define NONE APIKEY_NONE
#define READ APIKEY_READ
#define WRITE APIKEY_WRITE
#define ADMIN APIKEY_ADMIN
static const struct http_route ROUTES[] = {
#define ROUTE(method, pattern, role, max_body, handler, body) {HTTP_##method, pattern, role, max_body, handler, body},
#include "serve/api_routes.def"
#undef ROUTE
    {HTTP_GET, NULL, 0, 0, NULL, NULL},
};
#undef NONE
#undef READ
#undef WRITE
#undef ADMIN

/* ---- who asks ---- */

/* "Bearer KEY", or the password of "Basic" (tools that know nothing else). */
static slice key_of(struct http_request *r)
{
    slice said = slice_trim(http_header(r, S("authorization")));
    if (said.n > 7 && slice_eq_ci(slice_sub(said, 0, 7), S("Bearer ")))
        return slice_trim(slice_from(said, 7));
    if (said.n <= 6 || said.n > 1024 || !slice_eq_ci(slice_sub(said, 0, 6), S("Basic ")))
        return SLICE_EMPTY;
    slice packed = slice_trim(slice_from(said, 6));
    char *plain = arena_alloc(&r->a, packed.n / 4 * 3 + 3);
    slice pair = plain ? slice_of(plain, base64_decode(packed, plain)) : SLICE_EMPTY;
    size_t colon = slice_chr(pair, ':');
    return colon == SLICE_NPOS ? SLICE_EMPTY : slice_from(pair, colon + 1);
}

/* Keys may be swapped while the request is under way: what it needs is copied. */
static bool remember(struct http_request *r, const struct apikey *who)
{
    struct apikey *mine = ARENA_NEW(&r->a, struct apikey);
    if (!mine)
        return false;
    *mine = (struct apikey){arena_dup(&r->a, who->name), arena_dup(&r->a, who->tenant), who->role};
    r->identity = mine;
    return true;
}

static unsigned authenticate(struct http_request *r, unsigned role)
{
    struct api *api = r->ctx;
    slice key = key_of(r);
    struct apikey who = {S("loopback"), SLICE_EMPTY, APIKEY_NONE};
    if (slice_empty(key) && (r->peer.loopback || r->peer.unix_socket))
        who.role = (enum apikey_role)api->conf->loopback;
    else if (!slice_empty(key) && api->keys)
        who = apikeys_find(api->keys, key);
    if (who.role == APIKEY_NONE)
        return 401;
    if ((unsigned)who.role < role)
        return 403;
    return remember(r, &who) ? 0 : 503;
}

/* ---- keys, read again and again ---- */

struct key_job {
    struct job job;
    struct api *api;
    struct apikeys *keys;
    err error;
};

static void read_keys(struct job *j, struct worker *w)
{
    struct key_job *k = (struct key_job *)(void *)j;
    if (apikeys_load(w->ledger, &k->keys, &k->error) != OK)
        k->keys = NULL;
}

static void keys_read(struct job *j)
{
    struct key_job *k = (struct key_job *)(void *)j;
    struct api *api = k->api;
    struct log_quoted cause;
    if (k->keys) {
        apikeys_free(&api->keys);
        api->keys = k->keys;
    } else {
        log_event(api->d->log, LOG_LEVEL_WARN, "http.keys", "cause=%s", log_text(&cause, slice_str(k->error.text)));
    }
    free(k);
    api->reading_keys = false;
    clock_ring(api->timer, KEYS_US);
}

static void time_for_keys(evutil_socket_t fd, short what, void *ctx)
{
    struct api *api = ctx;
    (void)fd, (void)what;
    struct key_job *k = api->d->draining ? NULL : calloc(1, sizeof *k);
    if (!k)
        return;
    k->job.run = read_keys;
    k->job.done = keys_read;
    k->api = api;
    api->reading_keys = workers_put(api->d->workers, &k->job) == OK;
    if (api->reading_keys)
        return;
    free(k);
    clock_ring(api->timer, KEYS_US);
}

/* ---- the role ---- */

static int64_t wall(void *ctx)
{
    const struct api *api = ctx;
    return daemon_now(api->d);
}

static void access_log(void *ctx, const struct http_done *done)
{
    const struct api *api = ctx;
    const struct http_request *r = done->request;
    const struct apikey *who = r->identity;
    enum log_level level = done->status >= 500 ? LOG_LEVEL_WARN : LOG_LEVEL_DEBUG;
    struct log_quoted target, peer, name;
    if (!log_tells(api->d->log, level)) /* most are not, and there are many */
        return;
    log_event(api->d->log, level, "http.request",
              "request=%016llx peer=%s key=%s method=%s target=%s status=%u bytes=%llu ms=%lld",
              (unsigned long long)r->id, log_text(&peer, r->peer.name), log_text(&name, who ? who->name : S("-")),
              http_method_name(r->method), log_text(&target, r->target), done->status,
              (unsigned long long)done->answer_bytes, (long long)(done->took_us / 1000));
}

static enum status api_open(struct daemon *d, const struct section *section, void **self, err *e)
{
    struct api *api = calloc(1, sizeof *api);
    *self = api;
    if (!api)
        return err_set(e, E_MEMORY, "http: out of memory");
    api->d = d;
    api->conf = section->values;
    api->name = section->name;
    const struct http_options ho = {
        .routes = ROUTES, .ctx = api, .authenticate = authenticate, .now_us = wall, .log = access_log};
    api->server = http_server_new(&ho);
    if (!api->server)
        return err_set(e, E_MEMORY, "http: out of memory");
    enum status st = api->conf->tls ? certificate_load(d->settings, &api->tls, e) : OK;
    if (st != OK)
        return st;
    const struct listen_options lo = {.address = api->conf->listen,
                                      .unix_mode = 0660,
                                      .unix_group = api->conf->group,
                                      .backlog = HOST_BACKLOG,
                                      .max_connections = (size_t)api->conf->max_connections,
                                      .max_input = HTTP_MAX_INPUT_BYTES,
                                      .idle_us = api->conf->idle_us,
                                      .frame_us = api->conf->patience_us,
                                      .tls = api->tls,
                                      .tls_at_once = api->conf->tls,
                                      .protocol = &http_protocol,
                                      .ctx = api->server};
    return listener_open(&lo, &api->listener, e);
}

static enum status api_start(void *self, err *e)
{
    struct api *api = self;
    api->timer = event_new(api->d->base, -1, 0, time_for_keys, api);
    if (!api->timer)
        return err_set(e, E_MEMORY, "http: out of memory");
    time_for_keys(-1, 0, api);
    return listener_start(api->listener, api->d->base, e);
}

static void api_drain(void *self)
{
    struct api *api = self;
    event_del(api->timer);
    listener_stop(api->listener);
    http_server_drain(api->server);
}

static bool api_idle(const void *self)
{
    const struct api *api = self;
    return api->working == 0 && !api->reading_keys && http_server_counts(api->server)->connections == 0;
}

static void api_close(void **self)
{
    struct api *api = *self;
    if (!api)
        return;
    listener_close(&api->listener);
    http_server_free(&api->server);
    if (api->timer)
        event_free(api->timer);
    tls_server_free(&api->tls);
    apikeys_free(&api->keys);
    free(api);
    *self = NULL;
}

static void api_reload_tls(void *self, const struct section *section)
{
    struct api *api = self;
    struct ssl_ctx_st *fresh;
    struct log_quoted cause;
    err e;
    if (!section || !api->conf->tls)
        return;
    if (certificate_load(api->d->settings, &fresh, &e) != OK) {
        log_event(api->d->log, LOG_LEVEL_WARN, "http.certificate", "cause=%s", log_text(&cause, slice_str(e.text)));
        return;
    }
    listener_set_tls(api->listener, fresh);
    tls_server_free(&api->tls);
    api->tls = fresh;
}

static void api_status(const void *self, struct jsonw *j)
{
    const struct api *api = self;
    const struct http_counts *h = http_server_counts(api->server);
    jsonw_kstr(j, "listen", listener_address(api->listener));
    jsonw_ki64(j, "connections", (int64_t)h->connections);
    jsonw_ki64(j, "working", (int64_t)h->working);
    jsonw_ki64(j, "requests", (int64_t)h->requests);
    jsonw_ki64(j, "malformed", (int64_t)h->malformed);
}

static void api_numbers(const void *self, buf *out)
{
    const struct api *api = self;
    const struct http_counts *h = http_server_counts(api->server);
    for (unsigned i = 2; i < ARRAY_LEN(h->answers); i++)
        buf_printf(out, "bounced_http_answers_total{listener=\"%.*s\",status=\"%uxx\"} %llu\n", SLICE_FMT(api->name), i,
                   (unsigned long long)h->answers[i]);
    buf_printf(out, "bounced_http_malformed_total{listener=\"%.*s\"} %llu\n", SLICE_FMT(api->name),
               (unsigned long long)h->malformed);
    buf_printf(out, "bounced_http_connections{listener=\"%.*s\"} %zu\n", SLICE_FMT(api->name), h->connections);
}

const struct role http_role = {
    .name = "http",
    .section = "http",
    .open = api_open,
    .start = api_start,
    .drain = api_drain,
    .idle = api_idle,
    .close = api_close,
    .reload = api_reload_tls,
    .status = api_status,
    .metrics = api_numbers,
};
