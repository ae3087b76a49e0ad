/* Reports: what became of the messages, and what a list suffers from. All of them are made by workers. */
#include "core/digest.h"
#include "core/segment.h"
#include "core/show_reports.h"
#include "core/summary.h"
#include "serve/api.h"

/* What was asked, in the request's arena. */
struct wanted {
    enum tally_by by;
    enum source_by source_by;
    const struct benchmark *industry;
    struct tally_filter filter;
    int64_t limit;
};

static void begin_items(struct api_call *c, struct jsonw *j)
{
    jsonw_init(j, &c->out);
    jsonw_object(j);
}

static void end_items(struct jsonw *j)
{
    jsonw_end_array(j);
    jsonw_end_object(j);
}

static void items(struct jsonw *j, size_t rows)
{
    jsonw_ki64(j, "rows", (int64_t)rows);
    jsonw_key(j, "items");
    jsonw_array(j);
}

/* Hands it to a worker. */
static void ask(struct http_request *r, const struct wanted *q, void (*read)(struct api_call *c, struct worker *w))
{
    struct api_call *c = api_call_new(r);
    struct wanted *kept = c ? ARENA_NEW(&r->a, struct wanted) : NULL;
    if (!c)
        return;
    MUST(kept); /* the arena of a request without a body has room */
    *kept = *q;
    kept->filter.tenant = c->tenant;
    c->user = kept;
    api_call_read(c, read);
}

static bool take_limit(struct http_request *r, struct wanted *q)
{
    return api_query_number(r, "limit", 1, API_MAX_LIMIT, API_DEFAULT_LIMIT, &q->limit);
}

/* ---- what became of the messages ---- */

static void rates(struct api_call *c, struct worker *w)
{
    const struct wanted *q = c->user;
    struct summary s;
    struct jsonw j;
    c->failed = summary_of(w->ledger, q->by, &q->filter, w->a, &s, &c->error);
    if (c->failed != OK)
        return;
    begin_items(c, &j);
    jsonw_kstr(&j, "by", c->r->params[0]);
    items(&j, s.n);
    for (size_t i = 0; i < s.n && (int64_t)i < q->limit; i++) {
        jsonw_object(&j);
        jsonw_kstr(&j, "name", s.rows[i].name);
        show_rates(&j, &s.rows[i].rates);
        jsonw_end_object(&j);
    }
    end_items(&j);
}

void api_report(struct http_request *r)
{
    struct wanted q = {.by = summary_by(r->params[0]), .filter = TALLY_FILTER_ALL};
    const struct {
        const char *name;
        slice *text;
    } texts[] = {{"campaign", &q.filter.campaign}, {"stream", &q.filter.stream}, {"domain", &q.filter.domain},
                 {"provider", &q.filter.provider}, {"source", &q.filter.source}, {"ip", &q.filter.sending_ip}};
    if (q.by == TALLY_DIMENSIONS) {
        http_problem(
            r, 404, S("not-found"),
            S("by campaign, day, domain, provider, source, reason, stream or ip; or typos, sources, decay, benchmark"));
        return;
    }
    for (size_t i = 0; i < ARRAY_LEN(texts); i++)
        *texts[i].text = api_query(r, texts[i].name);
    if (api_query_time(r, "from", &q.filter.from_us) && api_query_time(r, "to", &q.filter.to_us) && take_limit(r, &q))
        ask(r, &q, rates);
}

/* ---- what the list suffers from ---- */

static void typos(struct api_call *c, struct worker *w)
{
    const struct wanted *q = c->user;
    struct typos t;
    struct jsonw j;
    c->failed = typos_find(w->ledger, c->tenant, w->a, &t, &c->error);
    if (c->failed != OK)
        return;
    begin_items(c, &j);
    jsonw_ki64(&j, "addresses", t.addresses);
    items(&j, t.n);
    for (size_t i = 0; i < t.n && (int64_t)i < q->limit; i++) {
        jsonw_object(&j);
        show_typo(&j, &t.clusters[i]);
        jsonw_end_object(&j);
    }
    end_items(&j);
}

void api_report_typos(struct http_request *r)
{
    struct wanted q = {.filter = TALLY_FILTER_ALL};
    if (take_limit(r, &q))
        ask(r, &q, typos);
}

static void sources(struct api_call *c, struct worker *w)
{
    const struct wanted *q = c->user;
    struct sources s;
    struct jsonw j;
    c->failed = sources_make(w->ledger, c->tenant, q->source_by, w->a, &s, &c->error);
    if (c->failed != OK)
        return;
    begin_items(c, &j);
    jsonw_kstr(&j, "by", slice_str(source_by_word(q->source_by)));
    items(&j, s.n);
    for (size_t i = 0; i < s.n && (int64_t)i < q->limit; i++) {
        jsonw_object(&j);
        show_source(&j, &s.rows[i]);
        jsonw_end_object(&j);
    }
    end_items(&j);
}

void api_report_sources(struct http_request *r)
{
    struct wanted q = {.filter = TALLY_FILTER_ALL};
    slice by = api_query(r, "by");
    q.source_by = slice_empty(by) ? SOURCE_BY_SOURCE : source_by_find(by);
    if (q.source_by == SOURCE_BYS)
        http_problem(r, 400, S("invalid"), S("by: source, form or batch"));
    else if (take_limit(r, &q))
        ask(r, &q, sources);
}

static void decay_row(struct jsonw *j, const char *part, const struct decay_row *row)
{
    jsonw_object(j);
    jsonw_kstr(j, "part", slice_str(part));
    show_decay_row(j, row);
    jsonw_end_object(j);
}

static void decay(struct api_call *c, struct worker *w)
{
    const struct wanted *q = c->user;
    struct decay d;
    struct jsonw j;
    c->failed = decay_make(w->ledger, c->tenant, w->a, &d, &c->error);
    if (c->failed != OK)
        return;
    begin_items(c, &j);
    jsonw_ki64(&j, "field_low_ppm", DECAY_FIELD_LOW_PPM);
    jsonw_ki64(&j, "field_high_ppm", DECAY_FIELD_HIGH_PPM);
    items(&j, 1 + DECAY_AGES + d.source_count);
    decay_row(&j, "all", &d.all);
    for (size_t i = 0; i < DECAY_AGES; i++)
        decay_row(&j, "age", &d.ages[i]);
    for (size_t i = 0; i < d.source_count && (int64_t)i < q->limit; i++)
        decay_row(&j, "source", &d.sources[i]);
    end_items(&j);
}

void api_report_decay(struct http_request *r)
{
    struct wanted q = {.filter = TALLY_FILTER_ALL};
    if (take_limit(r, &q))
        ask(r, &q, decay);
}

static void benchmark(struct api_call *c, struct worker *w)
{
    const struct wanted *q = c->user;
    struct benchmark_row row;
    struct jsonw j;
    c->failed = benchmark_over(w->ledger, c->tenant, q->industry, c->now_us, w->a, &row, &c->error);
    if (c->failed != OK)
        return;
    begin_items(c, &j);
    show_benchmark(&j, q->industry);
    jsonw_ki64(&j, "above_in_a_row", row.above);
    items(&j, row.n);
    for (size_t i = 0; i < row.n && (int64_t)i < q->limit; i++) {
        jsonw_object(&j);
        show_benchmark_campaign(&j, &row.campaigns[i]);
        jsonw_end_object(&j);
    }
    end_items(&j);
}

void api_report_benchmark(struct http_request *r)
{
    struct wanted q = {.industry = benchmark_find(api_query(r, "industry")), .filter = TALLY_FILTER_ALL};
    if (!q.industry)
        http_problem(r, 400, S("invalid"), S("industry: e-commerce, saas, b2b, ... (docs/rates.md)"));
    else if (take_limit(r, &q))
        ask(r, &q, benchmark);
}

/* ---- parts of the list ---- */

static void segments(struct api_call *c, struct worker *w)
{
    struct segment_filter f = {
        .tenant = c->tenant, .source = SLICE_EMPTY, .form = SLICE_EMPTY, .batch = SLICE_EMPTY, .now_us = c->now_us};
    struct segment_counts n;
    struct jsonw j;
    c->failed = segment_count(w->ledger, &w->knowledge->policy, &f, &n, &c->error);
    if (c->failed != OK)
        return;
    begin_items(c, &j);
    jsonw_ki64(&j, "addresses", n.all);
    jsonw_kbool(&j, "engagement_known", n.engagement_known);
    items(&j, (size_t)SEGMENT_AGES * SEGMENT_ENGAGED);
    for (unsigned a = 0; a < SEGMENT_AGES; a++)
        for (unsigned g = 0; g < SEGMENT_ENGAGED; g++) {
            jsonw_object(&j);
            jsonw_kstr(&j, "age", slice_str(segment_age_word((enum segment_age)a)));
            jsonw_kstr(&j, "engaged", slice_str(segment_engaged_word((enum segment_engaged)g)));
            jsonw_ki64(&j, "addresses", n.n[a][g]);
            jsonw_end_object(&j);
        }
    end_items(&j);
}

void api_segments(struct http_request *r)
{
    const struct wanted q = {.filter = TALLY_FILTER_ALL};
    ask(r, &q, segments);
}

/* ---- yesterday ---- */

static void digest(struct api_call *c, struct worker *w)
{
    const struct wanted *q = c->user;
    const struct digest_options o = {.tenant = c->tenant, .industry = q->industry, .now_us = c->now_us};
    bool text = slice_eq(api_query(c->r, "form"), S("text"));
    struct digest d;
    struct paper p;
    c->failed = digest_make(w->ledger, &o, w->a, &d, &c->error);
    if (c->failed != OK)
        return;
    paper_init(&p, w->a);
    digest_paper(&d, &p);
    if (text)
        paper_text(&p, &c->out);
    else
        paper_html(&p, digest_subject(&d, w->a), &c->out);
    c->out.failed |= w->a->limited;
    c->type = text ? S("text/plain; charset=utf-8") : S("text/html; charset=utf-8");
    c->headers = S("Content-Security-Policy: default-src 'none'; style-src 'unsafe-inline'\r\n");
}

void api_digest(struct http_request *r)
{
    slice form = api_query(r, "form"), industry = api_query(r, "industry");
    const struct wanted q = {.industry = benchmark_find(industry), .filter = TALLY_FILTER_ALL};
    if (!slice_empty(form) && !slice_eq(form, S("html")) && !slice_eq(form, S("text")))
        http_problem(r, 400, S("invalid"), S("form: html or text"));
    else if (!slice_empty(industry) && !q.industry)
        http_problem(r, 400, S("invalid"), S("industry: e-commerce, saas, b2b, ... (docs/rates.md)"));
    else
        ask(r, &q, digest);
}
