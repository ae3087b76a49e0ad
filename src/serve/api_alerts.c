/* Alerts, and whether a campaign should go on. */
#include "core/advice.h"
#include "serve/alert_conf.h"
#include "serve/api.h"

/* ---- alerts ---- */

struct listing {
    struct jsonw *j;
    slice tenant;
    int64_t left;
};

static bool put_alert(void *ctx, const struct ledger_alert *a)
{
    struct listing *list = ctx;
    if (a->state == ALERT_RISING || (!slice_empty(list->tenant) && !slice_eq(a->tenant, list->tenant)))
        return true;
    if (list->left-- <= 0)
        return false;
    jsonw_object(list->j);
    alert_show(list->j, a);
    jsonw_end_object(list->j);
    return true;
}

struct wanted {
    int64_t limit;
    bool closed;
};

static void list_alerts(struct api_call *c, struct worker *w)
{
    const struct wanted *q = c->user;
    struct jsonw j;
    struct listing list = {&j, c->tenant, q->limit};
    jsonw_init(&j, &c->out);
    jsonw_object(&j);
    jsonw_key(&j, "items");
    jsonw_array(&j);
    c->failed = ledger_alerts(w->ledger, q->closed, 0, put_alert, &list, &c->error);
    jsonw_end_array(&j);
    jsonw_end_object(&j);
}

void api_alerts(struct http_request *r)
{
    struct wanted q = {.closed = slice_eq(api_query(r, "state"), S("all"))};
    if (!api_query_number(r, "limit", 1, API_MAX_LIMIT, API_DEFAULT_LIMIT, &q.limit))
        return;
    struct api_call *c = api_call_new(r);
    struct wanted *kept = c ? ARENA_NEW(&r->a, struct wanted) : NULL;
    if (!c)
        return;
    MUST(kept); /* the arena of a request without a body has room */
    *kept = q;
    c->user = kept;
    api_call_read(c, list_alerts);
}

/* ---- advice ---- */

static void advise(struct api_call *c, struct worker *w)
{
    const struct alert_settings *limits = c->user;
    struct advice x;
    struct jsonw j;
    c->failed = advice_make(w->ledger, limits, c->tenant, c->r->params[0], w->now_us, w->a, &x, &c->error);
    if (c->failed != OK)
        return;
    jsonw_init(&j, &c->out);
    jsonw_object(&j);
    advice_show(&j, &x);
    jsonw_end_object(&j);
}

void api_advice(struct http_request *r)
{
    struct api_call *c = api_call_new(r);
    struct alert_settings *limits = c ? ARENA_NEW(&r->a, struct alert_settings) : NULL;
    if (!c)
        return;
    MUST(limits); /* as above */
    alert_conf(c->api->d->settings, limits);
    c->user = limits;
    api_call_read(c, advise);
}
