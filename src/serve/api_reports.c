/* What became of the messages, added up by one dimension. */
#include "core/show_reports.h"
#include "core/summary.h"
#include "serve/api.h"

struct wanted {
    enum tally_by by;
    int64_t from_us, to_us, limit;
};

static void report(struct api_call *c, struct worker *w)
{
    const struct wanted *q = c->user;
    struct summary s;
    struct jsonw j;
    c->failed = summary_make(w->ledger, q->by, c->tenant, q->from_us, q->to_us, w->a, &s, &c->error);
    if (c->failed != OK)
        return;
    jsonw_init(&j, &c->out);
    jsonw_object(&j);
    jsonw_kstr(&j, "by", c->r->params[0]);
    jsonw_ki64(&j, "rows", (int64_t)s.n);
    jsonw_key(&j, "items");
    jsonw_array(&j);
    for (size_t i = 0; i < s.n && (int64_t)i < q->limit; i++) {
        jsonw_object(&j);
        jsonw_kstr(&j, "name", s.rows[i].name);
        show_rates(&j, &s.rows[i].rates);
        jsonw_end_object(&j);
    }
    jsonw_end_array(&j);
    jsonw_end_object(&j);
}

void api_report(struct http_request *r)
{
    struct wanted q = {.by = summary_by(r->params[0])};
    if (q.by == TALLY_DIMENSIONS) {
        http_problem(r, 404, S("not-found"), S("by campaign, day, domain, provider, source, reason, stream or ip"));
        return;
    }
    if (!api_query_time(r, "from", &q.from_us) || !api_query_time(r, "to", &q.to_us) ||
        !api_query_number(r, "limit", 1, API_MAX_LIMIT, API_DEFAULT_LIMIT, &q.limit))
        return;
    struct api_call *c = api_call_new(r);
    struct wanted *kept = c ? ARENA_NEW(&r->a, struct wanted) : NULL;
    if (!c)
        return;
    MUST(kept); /* the arena of a request without a body has room */
    *kept = q;
    c->user = kept;
    api_call_read(c, report);
}
