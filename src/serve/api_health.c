/* How mailbox providers take our mail (core/health.h). The health of the daemon itself is in api_state.c. */
#include "core/health_show.h"
#include "serve/api.h"

struct wanted {
    slice provider;
    int64_t limit;
};

static bool make(struct api_call *c, struct worker *w, struct health *out)
{
    const struct wanted *q = c->user;
    c->failed = health_make(w->ledger, w->knowledge->rules, c->tenant, q->provider, w->now_us, w->a, out, &c->error);
    return c->failed == OK;
}

static void list(struct api_call *c, struct worker *w)
{
    const struct wanted *q = c->user;
    struct health h;
    struct jsonw j;
    if (!make(c, w, &h))
        return;
    jsonw_init(&j, &c->out);
    jsonw_object(&j);
    jsonw_ki64(&j, "providers", (int64_t)(h.n + h.left_out));
    jsonw_key(&j, "items");
    jsonw_array(&j);
    for (size_t i = 0; i < h.n && (int64_t)i < q->limit; i++) {
        jsonw_object(&j);
        health_show(&j, &h.providers[i], false);
        jsonw_end_object(&j);
    }
    jsonw_end_array(&j);
    jsonw_end_object(&j);
}

static void one(struct api_call *c, struct worker *w)
{
    struct health h;
    struct jsonw j;
    if (!make(c, w, &h))
        return;
    if (!h.n) {
        api_fail(c, E_NOT_FOUND, "no mail to that provider in 8 weeks; GET /v1/health/providers lists them");
        return;
    }
    jsonw_init(&j, &c->out);
    jsonw_object(&j);
    health_show(&j, &h.providers[0], true);
    c->failed = health_show_reports(&j, w->ledger, c->tenant, h.providers[0].name, w->now_us, &c->error);
    jsonw_end_object(&j);
}

static void look(struct http_request *r, slice provider, int64_t limit,
                 void (*read)(struct api_call *, struct worker *))
{
    struct api_call *c = api_call_new(r);
    struct wanted *kept = c ? ARENA_NEW(&r->a, struct wanted) : NULL;
    if (!c)
        return;
    MUST(kept); /* the arena of a request without a body has room */
    *kept = (struct wanted){provider, limit};
    c->user = kept;
    api_call_read(c, read);
}

void api_providers(struct http_request *r)
{
    int64_t limit;
    if (api_query_number(r, "limit", 1, API_MAX_LIMIT, API_DEFAULT_LIMIT, &limit))
        look(r, SLICE_EMPTY, limit, list);
}

void api_provider(struct http_request *r)
{
    if (slice_empty(r->params[0]))
        http_problem(r, 404, S("not-found"), S("which provider? GET /v1/health/providers lists them"));
    else
        look(r, r->params[0], 0, one);
}
