/* POST /v1/webhooks/{name}: verified by a worker, journaled by the writer, answered, and read later (hook.h). */
#include "serve/api.h"
#include "serve/hook.h"

struct hook_call {
    struct hook_waiting waiting; /* for a certificate; first */
    struct api_call *c;
    struct hook *hook;
    struct esp_trust trust;
    bool fetched;
    struct esp_header headers[HTTP_MAX_HEADERS];
    struct esp_request request;
    struct esp_check check;
};

static void verify(struct api_call *c, struct worker *w)
{
    struct hook_call *k = c->user;
    esp_verify(k->hook->esp, &k->request, &k->trust, w->now_us, &c->r->a, &k->check);
}

static enum status keep(struct unit *u, struct ledger *l, err *e)
{
    struct api_call *c = (struct api_call *)(void *)((char *)u - offsetof(struct api_call, unit));
    const struct hook_call *k = c->user;
    return ledger_put_body(l, k->hook->name, c->r->body, c->now_us, e);
}

static void kept(struct api_call *c)
{
    const struct hook_call *k = c->user;
    hook_wake(k->hook);
}

static void deny(struct api_call *c, enum esp_why why)
{
    const struct hook_call *k = c->user;
    hook_denied(k->hook, c->r->peer.name, why);
    c->status = 401;
    api_fail(c, E_DENIED, "%s", esp_why_text(why));
}

/* On the loop: what the signature does not cover must not come back with another body. */
static bool fresh(struct api_call *c)
{
    struct hook_call *k = c->user;
    return esp_replay_allows(k->hook->replay, k->check.once, c->r->body, k->check.once_until_us, c->now_us);
}

static void start_verify(struct api_call *c);

static void with_certificate(struct hook_waiting *w, const struct hook_certificate *certificate)
{
    struct hook_call *k = (struct hook_call *)(void *)w;
    k->fetched = true;
    if (certificate) {
        k->trust.certificate = certificate->pem;
        k->trust.certificate_url = certificate->url;
        start_verify(k->c);
        return;
    }
    k->c->status = 503; /* the platform comes again */
    api_fail(k->c, E_IO, "the certificate of the signature could not be fetched");
    api_call_end(k->c);
}

static void verified(struct job *j)
{
    struct api_call *c = (struct api_call *)(void *)j;
    struct hook_call *k = c->user;
    if (k->check.answer == ESP_NEED_CERTIFICATE && !k->fetched) {
        k->waiting = (struct hook_waiting){.done = with_certificate, .url = k->check.certificate_url};
        hook_certificate(k->hook, &k->waiting);
        return;
    }
    if (k->check.answer == ESP_GENUINE && !slice_empty(k->check.confirm_url))
        hook_confirm(k->hook, k->check.confirm_url);
    if (k->check.answer != ESP_GENUINE)
        deny(c, k->check.why);
    else if (!fresh(c))
        deny(c, ESP_WHY_REPLAYED);
    if (c->failed != OK || k->check.no_events) {
        api_call_end(c);
        return;
    }
    c->unit.more = keep;
    c->finish = kept;
    api_commit(c);
}

static void run_verify(struct job *j, struct worker *w)
{
    verify((struct api_call *)(void *)j, w);
}

static void start_verify(struct api_call *c)
{
    c->job.run = run_verify;
    c->job.done = verified;
    if (workers_put(c->api->d->workers, &c->job) == OK)
        return;
    api_fail(c, E_BUSY, "too much is waiting already; try again in a moment");
    api_call_end(c);
}

static void take_headers(struct hook_call *k, const struct http_request *r)
{
    for (size_t i = 0; i < r->field_count && i < ARRAY_LEN(k->headers); i++)
        k->headers[k->request.header_count++] = (struct esp_header){r->fields[i].name, r->fields[i].value};
    k->request.headers = k->headers;
    k->request.body = r->body;
}

void api_webhook(struct http_request *r)
{
    struct hook *hook = hook_find(api_of(r)->d, r->params[0]);
    if (!hook) {
        http_problem(r, 404, S("not-found"), S("there is no webhook of this name"));
        return;
    }
    if (!esp_takes(hook->esp, http_header(r, S("content-type")))) {
        http_problem(r, 415, S("invalid"), S("the platform of this webhook sends another type of content"));
        return;
    }
    struct api_call *c = api_call_new(r);
    struct hook_call *k = c ? ARENA_NEW(&r->a, struct hook_call) : NULL;
    if (!c)
        return;
    if (!k) {
        api_fail(c, E_MEMORY, "out of memory");
        api_call_end(c);
        return;
    }
    k->hook = hook;
    k->c = c;
    k->trust = hook->trust;
    take_headers(k, r);
    c->user = k;
    start_verify(c);
}
