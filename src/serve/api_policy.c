/* What it takes to suppress an address: the tolerances in force, and the sentences that say them. */
#include "core/explain.h"
#include "serve/api.h"

static void policy(struct api_call *c, struct worker *w)
{
    struct jsonw j;
    struct explained one;
    const struct explained *all = &one;
    size_t n = 1;
    if (slice_empty(c->stream))
        all = explain_all(&w->knowledge->policy, c->tenant, w->a, &n);
    else
        explain_stream(&w->knowledge->policy, c->tenant, c->stream, w->a, &one);
    if (!all || !all->n) {
        api_fail(c, E_MEMORY, "out of memory");
        return;
    }
    jsonw_init(&j, &c->out);
    jsonw_object(&j);
    jsonw_key(&j, "items");
    jsonw_array(&j);
    for (size_t i = 0; i < n; i++) {
        jsonw_object(&j);
        explain_show(&j, &all[i]);
        jsonw_end_object(&j);
    }
    jsonw_end_array(&j);
    jsonw_end_object(&j);
}

void api_policy(struct http_request *r)
{
    api_read(r, policy);
}
