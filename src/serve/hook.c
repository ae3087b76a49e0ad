#include "serve/hook.h"

#include <event2/event.h>
#include <stdlib.h>

#include "core/intake.h"
#include "core/slurp.h"
#include "feed/esp_mapping.h"
#include "net/fetch.h"
#include "serve/clock.h"
#include "serve/conf.h"
#include "serve/roles.h"

#define AT_ONCE 64u                 /* bodies */
#define AT_ONCE_OBSERVATIONS 5000u  /* about */
#define RETRY_US (5 * TIME_SECOND)  /* after a failure */
#define DENIED_EVERY_US TIME_MINUTE /* one line */
#define MAX_CERTIFICATE_BYTES 100000u

/* Some bodies on their way into the ledger. */
struct hook_reading {
    struct job job; /* first */
    struct unit unit;
    struct hook *hook;
    struct event *timer;
    bool busy, again, draining;
    int64_t denied_told_us;
    uint64_t denied_untold;
    /* one go */
    arena a;
    struct read_body {
        int64_t id;
        bool odd;
    } bodies[AT_ONCE];
    size_t body_count;
    struct feed_list list;
    size_t room;
    uint64_t events, odd;
    bool refused; /* memory */
    const struct knowledge *knowledge;
    enum status status;
    err error;
};

struct hook *hook_find(const struct daemon *d, slice name)
{
    struct hook *h = d->hooks;
    while (h && !slice_eq(h->name, name))
        h = h->next;
    return h;
}

/* ---- on a worker ---- */

static bool take_all(struct hook_reading *r, const struct feed_list *list)
{
    for (size_t i = 0; i < list->n; i++) {
        struct observation *o = feed_add(&r->list, &r->a);
        if (!o)
            return false;
        *o = list->items[i];
    }
    return true;
}

static bool read_one(void *ctx, const struct ledger_body *b)
{
    struct hook_reading *r = ctx;
    const struct hook *h = r->hook;
    struct esp_result result = {0};
    const struct esp_options o = {.tenant = h->conf->tenant,
                                  .stream = h->conf->stream,
                                  .campaign = SLICE_EMPTY,
                                  .feed = h->feed,
                                  .trust = TRUST_PROVEN};
    slice body = arena_dup(&r->a, b->body); /* what is found are slices of it */
    if (body.n != b->body.n || !esp_parse(h->esp, body, &o, &r->a, &result) || !take_all(r, &result.list)) {
        r->refused = true;
        return false;
    }
    bool odd = (result.diag & ESP_DIAG_NO_JSON) != 0;
    for (size_t i = 0; i < result.event_count; i++)
        odd |= (result.events[i].diag &
                (ESP_DIAG_UNKNOWN_EVENT | ESP_DIAG_NO_EVENT | ESP_DIAG_NO_RECIPIENT | ESP_DIAG_BAD_RECIPIENT)) != 0;
    r->bodies[r->body_count++] = (struct read_body){b->id, odd};
    r->events += result.event_count;
    r->odd += odd;
    return r->body_count < AT_ONCE && r->list.n < AT_ONCE_OBSERVATIONS;
}

static void read_bodies(struct job *j, struct worker *w)
{
    struct hook_reading *r = (struct hook_reading *)(void *)j;
    r->status = ledger_bodies(w->ledger, r->hook->name, 0, read_one, r, &r->error);
    if (r->status == OK && r->refused)
        r->status = err_set(&r->error, E_MEMORY, "webhook: out of memory");
    for (size_t i = 0; i < r->list.n && r->status == OK; i++)
        r->status = intake_judge(w->knowledge->rules, &r->list.items[i], &r->a, &r->error);
    r->knowledge = knowledge_keep(w->knowledge);
}

/* ---- on the loop ---- */

static void start(struct hook_reading *r);

static void finish(struct hook_reading *r, enum status st, const err *e)
{
    struct log_quoted name, cause;
    bool some = r->body_count > 0;
    if (r->knowledge)
        knowledge_release(&r->knowledge);
    arena_reset(&r->a);
    r->busy = false;
    if (st != OK) {
        r->hook->failures++;
        log_event(r->hook->d->log, LOG_LEVEL_WARN, "webhook.trouble", "webhook=%s status=%s cause=%s",
                  log_text(&name, r->hook->name), status_word(st), log_text(&cause, slice_str(e->text)));
        clock_ring(r->timer, RETRY_US);
    } else if (some || r->again) {
        start(r); /* until there is none left */
    }
}

static enum status drop_bodies(struct unit *u, struct ledger *l, err *e)
{
    struct hook_reading *r = (struct hook_reading *)(void *)((char *)u - offsetof(struct hook_reading, unit));
    enum status st = OK;
    for (size_t i = 0; i < r->body_count && st == OK; i++)
        st = ledger_drop_body(l, r->bodies[i].id, r->bodies[i].odd, e);
    return st;
}

static void committed(struct unit *u)
{
    struct hook_reading *r = (struct hook_reading *)(void *)((char *)u - offsetof(struct hook_reading, unit));
    if (u->status == OK) {
        r->hook->events += r->events;
        r->hook->odd += r->odd;
    }
    finish(r, u->status, &u->error);
}

static void bodies_read(struct job *j)
{
    struct hook_reading *r = (struct hook_reading *)(void *)j;
    err busy;
    if (r->status != OK || !r->body_count) {
        finish(r, r->status, &r->error);
        return;
    }
    r->unit = (struct unit){.observations = r->list.items,
                            .count = r->list.n,
                            .knowledge = r->knowledge,
                            .more = drop_bodies,
                            .done = committed};
    if (writer_put(r->hook->d->writer, &r->unit) == OK)
        r->knowledge = NULL; /* the writer's now */
    else
        finish(r, err_set(&busy, E_BUSY, "the writer has too much to do"), &busy);
}

static void start(struct hook_reading *r)
{
    r->again = r->busy;
    if (r->busy || r->draining)
        return;
    r->list = (struct feed_list){0};
    r->body_count = 0;
    r->events = r->odd = 0;
    r->refused = false;
    r->status = OK;
    r->job.run = read_bodies;
    r->job.done = bodies_read;
    r->busy = workers_put(r->hook->d->workers, &r->job) == OK;
    if (!r->busy) {
        clock_ring(r->timer, RETRY_US);
    }
}

static void time_to_read(evutil_socket_t fd, short what, void *ctx)
{
    (void)fd, (void)what;
    start(ctx);
}

void hook_wake(struct hook *h)
{
    h->taken++;
    h->last_us = daemon_now(h->d);
    start(h->reading);
}

void hook_denied(struct hook *h, slice peer, enum esp_why why)
{
    struct log_quoted name, from;
    struct hook_reading *r = h->reading;
    int64_t now_us = daemon_now(h->d);
    h->denied++;
    if (r->denied_told_us && now_us >= r->denied_told_us && now_us - r->denied_told_us < DENIED_EVERY_US)
        return;
    log_event(h->d->log, LOG_LEVEL_WARN, "webhook.denied", "webhook=%s peer=%s why=%s denied=%llu",
              log_text(&name, h->name), log_text(&from, peer), esp_why_word(why), (unsigned long long)h->denied);
    r->denied_told_us = now_us;
}

/* ---- what SNS wants fetched ---- */

static const struct hook_certificate *known(const struct hook *h, slice url)
{
    for (size_t i = 0; i < h->certificate_count; i++)
        if (slice_eq(h->certificates[i].url, url))
            return &h->certificates[i];
    return NULL;
}

static void tell_fetch(const struct hook *h, const char *event, slice url, const struct fetch_result *r)
{
    struct log_quoted name, where, why;
    bool good = r->outcome == FETCH_ANSWERED && r->status == 200;
    log_event(h->d->log, good ? LOG_LEVEL_INFO : LOG_LEVEL_WARN, event, "webhook=%s url=%s outcome=%s status=%u why=%s",
              log_text(&name, h->name), log_text(&where, url), fetch_outcome_word(r->outcome), r->status,
              log_text(&why, r->why));
}

static const struct hook_certificate *keep(struct hook *h, slice url, const struct fetch_result *r)
{
    if (r->outcome != FETCH_ANSWERED || r->status != 200 || r->cut || h->certificate_count == HOOK_MAX_CERTIFICATES)
        return NULL;
    struct hook_certificate *c = &h->certificates[h->certificate_count];
    *c = (struct hook_certificate){arena_dup(&h->a, url), arena_dup(&h->a, r->body)};
    if (c->url.n != url.n || c->pem.n != r->body.n)
        return NULL;
    h->certificate_count++;
    return c;
}

/* All who wait for this URL. The first of them asked, and lends its text. */
static void certificate_came(void *ctx, const struct fetch_result *r)
{
    struct hook_waiting *asker = ctx, *w, *again = NULL, *mine = NULL;
    struct hook *h = asker->hook;
    tell_fetch(h, "webhook.certificate", asker->url, r);
    const struct hook_certificate *c = keep(h, asker->url, r);
    while ((w = h->waiting) != NULL) {
        h->waiting = w->next;
        struct hook_waiting **list = slice_eq(w->url, asker->url) ? &mine : &again;
        w->next = *list;
        *list = w;
    }
    h->waiting = again;
    while ((w = mine) != NULL) {
        mine = w->next;
        w->done(w, c);
    }
}

void hook_certificate(struct hook *h, struct hook_waiting *w)
{
    const struct hook_certificate *c = known(h, w->url);
    bool asked = false;
    err e;
    if (c || !h->fetcher) {
        w->done(w, c);
        return;
    }
    for (const struct hook_waiting *o = h->waiting; o; o = o->next)
        asked |= slice_eq(o->url, w->url);
    w->hook = h;
    w->next = h->waiting;
    h->waiting = w;
    const struct fetch_request q = {
        .url = w->url, .max_answer = FETCH_MAX_ANSWER_BYTES, .done = certificate_came, .ctx = w};
    if (asked || fetch_start(h->fetcher, &q, NULL, &e) == OK)
        return;
    h->waiting = w->next;
    w->done(w, NULL);
}

struct confirming {
    struct hook *hook;
    slice url; /* behind the struct */
};

static void confirmed(void *ctx, const struct fetch_result *r)
{
    struct confirming *c = ctx;
    tell_fetch(c->hook, "webhook.confirmed", c->url, r);
    free(c);
}

void hook_confirm(struct hook *h, slice url)
{
    err e;
    struct confirming *c = h->fetcher ? calloc(1, sizeof *c + url.n) : NULL;
    if (!c)
        return;
    memcpy(c + 1, url.p, url.n);
    *c = (struct confirming){h, slice_of((const char *)(c + 1), url.n)};
    const struct fetch_request q = {.url = c->url, .done = confirmed, .ctx = c};
    if (fetch_start(h->fetcher, &q, NULL, &e) != OK)
        free(c); /* SNS asks again */
}

static enum status take_networks(struct hook *h, err *e)
{
    const struct conf_webhook_in *c = h->conf;
    h->allowed = arena_calloc(&h->a, c->allow.n + 1, sizeof *h->allowed);
    h->resolve = arena_calloc(&h->a, c->resolve.n + 1, sizeof *h->resolve);
    if (!h->allowed || !h->resolve)
        return err_set(e, E_MEMORY, "webhook: out of memory");
    for (size_t i = 0; i < c->allow.n; i++)
        if (!cidr_parse(c->allow.v[i], &h->allowed[i]))
            return err_set(e, E_INVALID, "[webhook-in %.*s]: allow: '%.*s' is no network (10.0.0.0/8)",
                           SLICE_FMT(h->name), SLICE_FMT(c->allow.v[i]));
    for (size_t i = 0; i < c->resolve.n; i++)
        h->resolve[i] = c->resolve.v[i].p;
    return OK;
}

static enum status open_fetcher(struct hook *h, err *e)
{
    const struct fetch_options fo = {.reach = {h->allowed, h->conf->allow.n},
                                     .agent = S("bounced"),
                                     .ca_file = h->conf->authorities,
                                     .resolve = h->resolve};
    return slice_empty(h->conf->certificate) || h->conf->topics.n ? fetcher_new(h->d->base, &fo, &h->fetcher, e) : OK;
}

/* ---- the role ---- */

static enum status slurp_into(struct hook *h, slice path, size_t max, slice *out, err *e)
{
    bool cut;
    buf text;
    buf_init(&text, 0);
    enum status st = slurp(path.p, max, &text, &cut, e);
    if (st == OK && cut)
        st = err_set(e, E_INVALID, "%s: longer than %zu bytes", path.p, max);
    *out = arena_dup(&h->a, buf_slice(&text));
    buf_fini(&text);
    return st;
}

static enum status take_platform(struct hook *h, err *e)
{
    slice text;
    if (slice_empty(h->conf->mapping)) {
        h->esp = esp_find(h->conf->platform);
        return h->esp ? OK
                      : err_set(e, E_INVALID,
                                "[webhook-in %.*s]: there is no platform '%.*s'; docs/webhooks-in.md names them",
                                SLICE_FMT(h->name), SLICE_FMT(h->conf->platform));
    }
    enum status st = slurp_into(h, h->conf->mapping, ESP_MAPPING_MAX_BYTES, &text, e);
    return st == OK ? esp_mapping_read(text, &h->a, &h->esp, e) : st;
}

static enum status take_trust(struct hook *h, err *e)
{
    const struct conf_webhook_in *c = h->conf;
    size_t n = 0;
    if (!slice_empty(c->secret))
        h->secrets[n++] = c->secret;
    if (!slice_empty(c->other_secret))
        h->secrets[n++] = c->other_secret;
    if (n + c->topics.n == 0)
        return err_set(e, E_INVALID,
                       "[webhook-in %.*s]: without a secret (ses: a topic) everything would be turned away",
                       SLICE_FMT(h->name));
    h->trust = (struct esp_trust){.secrets = h->secrets,
                                  .secret_count = n,
                                  .topics = c->topics.v,
                                  .topic_count = c->topics.n,
                                  .url = c->url,
                                  .window_us = c->window_us};
    return slice_empty(c->certificate) ? OK
                                       : slurp_into(h, c->certificate, MAX_CERTIFICATE_BYTES, &h->trust.certificate, e);
}

static enum status hook_open(struct daemon *d, const struct section *section, void **self, err *e)
{
    struct hook *h = calloc(1, sizeof *h);
    *self = h;
    if (!h)
        return err_set(e, E_MEMORY, "webhook: out of memory");
    h->reading = calloc(1, sizeof *h->reading);
    h->replay = esp_replay_new();
    if (!h->reading || !h->replay)
        return err_set(e, E_MEMORY, "webhook: out of memory");
    arena_init(&h->a, 0);
    arena_init(&h->reading->a, 0);
    h->reading->hook = h;
    h->d = d;
    h->name = section->name;
    h->conf = section->values;
    h->feed = arena_printf(&h->a, "webhook:%.*s", SLICE_FMT(section->name));
    h->trust.certificate = h->trust.certificate_url = SLICE_EMPTY;
    enum status st = take_platform(h, e);
    if (st == OK)
        st = take_trust(h, e);
    if (st == OK)
        st = take_networks(h, e);
    if (st == OK) {
        h->next = d->hooks;
        d->hooks = h;
    }
    return st;
}

static enum status hook_start(void *self, err *e)
{
    struct hook *h = self;
    h->reading->timer = event_new(h->d->base, -1, 0, time_to_read, h->reading);
    if (!h->reading->timer)
        return err_set(e, E_MEMORY, "webhook: out of memory");
    enum status st = open_fetcher(h, e);
    if (st == OK)
        start(h->reading);
    return st;
}

static void hook_drain(void *self)
{
    struct hook *h = self;
    h->reading->draining = true;
    event_del(h->reading->timer);
}

static bool hook_idle(const void *self)
{
    const struct hook *h = self;
    return !h->reading->busy && !h->waiting;
}

static void unlink_hook(struct hook *h)
{
    for (struct hook **p = &h->d->hooks; *p; p = &(*p)->next)
        if (*p == h) {
            *p = h->next;
            return;
        }
}

static void hook_close(void **self)
{
    struct hook *h = *self;
    if (!h)
        return;
    if (h->d)
        unlink_hook(h);
    fetcher_free(&h->fetcher);
    if (h->reading) {
        if (h->reading->timer)
            event_free(h->reading->timer);
        arena_fini(&h->reading->a);
    }
    free(h->reading);
    esp_replay_free(&h->replay);
    arena_fini(&h->a);
    free(h);
    *self = NULL;
}

static void hook_status(const void *self, struct jsonw *j)
{
    const struct hook *h = self;
    jsonw_kstr(j, "platform", slice_str(h->esp->name));
    jsonw_ki64(j, "taken", (int64_t)h->taken);
    jsonw_ki64(j, "denied", (int64_t)h->denied);
    jsonw_ki64(j, "events", (int64_t)h->events);
    jsonw_ki64(j, "odd", (int64_t)h->odd);
    jsonw_ki64(j, "failures", (int64_t)h->failures);
    jsonw_ktime_opt(j, "last", h->last_us ? h->last_us : TIME_NONE);
}

static void hook_metrics(const void *self, buf *out)
{
    const struct hook *h = self;
    const struct {
        const char *name;
        uint64_t value;
    } rows[] = {
        {"taken", h->taken}, {"denied", h->denied}, {"events", h->events}, {"odd", h->odd}, {"failures", h->failures}};
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        buf_printf(out, "bounced_webhook_in_%s_total{webhook=\"%.*s\"} %llu\n", rows[i].name, SLICE_FMT(h->name),
                   (unsigned long long)rows[i].value);
}

const struct role hook_role = {
    .name = "webhook-in",
    .section = "webhook-in",
    .open = hook_open,
    .start = hook_start,
    .drain = hook_drain,
    .idle = hook_idle,
    .close = hook_close,
    .status = hook_status,
    .metrics = hook_metrics,
};
