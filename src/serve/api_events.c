/* Events in, from whoever sends mail or hears of it; events out, everything that the ledger has taken in, each once. */
#include "core/intake.h"
#include "core/show.h"
#include "feed/events.h"
#include "feed/log.h"
#include "serve/api.h"

/* ---- in ---- */

#define REPLY_BYTES_AN_ERROR 160u

struct taking {
    struct feed_list list;
    struct events_result result;
    const struct log_dialect *dialect; /* of lines; NULL: our own events */
};

static void judge(struct api_call *c, struct taking *t, struct worker *w)
{
    for (size_t i = 0; i < t->list.n && c->failed == OK; i++)
        c->failed = intake_judge(w->knowledge->rules, &t->list.items[i], &c->r->a, &c->error);
    c->unit.observations = t->list.items;
    c->unit.count = t->list.n;
    c->unit.knowledge = knowledge_keep(w->knowledge);
}

static void read_events(struct api_call *c, struct worker *w)
{
    struct taking *t = c->user;
    const struct events_options o = {.tenant = c->tenant,
                                     .feed = arena_printf(&c->r->a, "api:%.*s", SLICE_FMT(api_who(c->r)->name)),
                                     .trust = TRUST_PROVEN};
    if (!events_read(c->r->body, &o, &c->r->a, &t->list, &t->result))
        api_fail(c, E_MEMORY, "too many events at once; send fewer");
    for (size_t i = 0; i < t->list.n; i++)
        if (slice_empty(t->list.items[i].stream))
            t->list.items[i].stream = c->stream;
    judge(c, t, w);
}

/* Lines that a mail server's own hook posts: each tells all of a delivery, so that nothing has to be remembered between requests. */
static void read_lines(struct api_call *c, struct worker *w)
{
    struct taking *t = c->user;
    const struct log_options o = {.dialect = t->dialect, .reference_us = w->now_us, .tenant = c->tenant};
    struct maillog *m = maillog_new(&o);
    if (m) {
        maillog_file(m, arena_printf(&c->r->a, "api:%.*s", SLICE_FMT(api_who(c->r)->name)), c->r->body, TIME_NONE);
        if (!maillog_block(m, c->r->body, &c->r->a, &t->list))
            api_fail(c, E_MEMORY, "too many lines at once; send fewer");
        t->result.taken = t->list.n;
        t->result.bad_count = (size_t)maillog_counts(m)->odd;
    } else {
        api_fail(c, E_MEMORY, "out of memory");
    }
    maillog_free(&m);
    judge(c, t, w);
}

static void put_bad(struct jsonw *j, const struct events_bad *bad)
{
    jsonw_object(j);
    jsonw_ki64(j, "item", (int64_t)bad->item + 1);
    jsonw_kstr(j, "error", slice_str(bad->why));
    jsonw_kstr_opt(j, "what", slice_sub(bad->what, 0, REPLY_BYTES_AN_ERROR));
    jsonw_end_object(j);
}

static void tell_taken(struct api_call *c)
{
    const struct taking *t = c->user;
    const struct events_result *r = &t->result;
    struct jsonw j;
    jsonw_init(&j, &c->out);
    jsonw_object(&j);
    jsonw_ki64(&j, "accepted", (int64_t)r->taken);
    jsonw_ki64(&j, "rejected", (int64_t)r->bad_count);
    jsonw_key(&j, "errors");
    jsonw_array(&j);
    for (size_t i = 0; i < r->bad_told; i++)
        put_bad(&j, &r->bad[i]);
    jsonw_end_array(&j);
    jsonw_end_object(&j);
    c->status = r->taken || !r->bad_count ? 202 : 400;
}

static void events_taken(struct job *j)
{
    struct api_call *c = (struct api_call *)(void *)j;
    c->finish = tell_taken;
    if (c->failed == OK && c->unit.count) {
        api_commit(c);
        return;
    }
    if (c->unit.knowledge)
        knowledge_release(&c->unit.knowledge);
    if (c->failed == OK)
        tell_taken(c);
    api_call_end(c);
}

static void run_events(struct job *j, struct worker *w)
{
    struct api_call *c = (struct api_call *)(void *)j;
    const struct taking *t = c->user;
    (t->dialect ? read_lines : read_events)(c, w);
}

static void take(struct http_request *r, const struct log_dialect *dialect)
{
    struct api_call *c = api_call_new(r);
    struct taking *t = c ? ARENA_NEW(&r->a, struct taking) : NULL;
    if (!c)
        return;
    if (t)
        t->dialect = dialect;
    c->user = t;
    c->job.run = run_events;
    c->job.done = events_taken;
    if (t && workers_put(c->api->d->workers, &c->job) == OK)
        return;
    api_fail(c, E_BUSY, "too much is waiting already; try again in a moment");
    api_call_end(c);
}

void api_events_in(struct http_request *r)
{
    take(r, NULL);
}

void api_logs_in(struct http_request *r)
{
    const struct log_dialect *dialect = log_dialect_find(r->params[0]);
    if (dialect)
        take(r, dialect);
    else
        http_problem(r, 404, S("not-found"), S("there is no dialect of this name; docs/feeds.md names them"));
}

/* ---- out ---- */

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
