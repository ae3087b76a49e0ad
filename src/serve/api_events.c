/* Events out: everything that the ledger has taken in, in the order of its change numbers, each once, for a data warehouse. */
#include "core/show.h"
#include "serve/api.h"

struct window {
    int64_t since, limit, last;
    struct api_call *c;
};

static bool one_event(void *ctx, const struct ledger_event *ev, const struct observation *o)
{
    struct window *p = ctx;
    p->last = ev->seq;
    if (slice_empty(p->c->tenant) || !o || slice_eq(o->tenant, p->c->tenant))
        show_event(&p->c->out, ev, o);
    return !p->c->out.failed;
}

static void events(struct api_call *c, struct worker *w)
{
    struct window *p = c->user;
    p->c = c;
    p->last = p->since;
    c->type = S("application/x-ndjson");
    c->failed = ledger_events_since(w->ledger, p->since, p->limit, one_event, p, &c->error);
    c->headers = arena_printf(&c->r->a, "X-Last-Seq: %lld\r\n", (long long)p->last);
}

void api_events_out(struct http_request *r)
{
    struct window *p = ARENA_NEW(&r->a, struct window);
    MUST(p);
    if (!api_query_number(r, "since", 0, INT64_MAX, 0, &p->since) ||
        !api_query_number(r, "limit", 1, API_MAX_LIMIT, API_MAX_LIMIT, &p->limit))
        return;
    struct api_call *c = api_call_new(r);
    if (!c)
        return;
    c->user = p;
    api_call_read(c, events);
}
