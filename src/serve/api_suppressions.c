/* The list of addresses that must not be sent to, one by one: listed page by page, added with actor and reason, lifted with proof. */
#include "core/acts.h"
#include "core/show.h"
#include "serve/api.h"

/* ---- the list ---- */

struct page {
    struct api_call *c;
    struct jsonw j;
    int64_t limit, n;
    slice after, last;
    arena *a;
    bool more;
};

static bool list_one(void *ctx, const struct ledger_address *addr)
{
    struct page *p = ctx;
    if (p->n >= p->limit && !slice_eq(addr->key, p->last)) { /* a page ends between keys */
        p->more = true;
        return false;
    }
    for (size_t i = 0; i < addr->suppression_count; i++) {
        jsonw_object(&p->j);
        show_suppression(&p->j, addr, &addr->suppressions[i]);
        jsonw_end_object(&p->j);
    }
    p->n++;
    p->last = arena_dup(p->a, addr->key);
    return !p->a->limited;
}

static void list(struct api_call *c, struct worker *w)
{
    int64_t *limit = c->user;
    struct page p = {.c = c, .limit = *limit, .after = api_query(c->r, "after"), .last = SLICE_EMPTY, .a = w->a};
    if (ledger_hashed(w->ledger)) {
        api_fail(c, E_UNSUPPORTED, "this ledger keeps addresses as hashes only; ask for one by /v1/check");
        return;
    }
    jsonw_init(&p.j, &c->out);
    jsonw_object(&p.j);
    jsonw_key(&p.j, "items");
    jsonw_array(&p.j);
    c->failed = ledger_list(w->ledger, c->tenant, STATE_SUPPRESSED, p.after, 0, list_one, &p, &c->error);
    jsonw_end_array(&p.j);
    if (p.more)
        jsonw_kstr(&p.j, "next", p.last);
    jsonw_end_object(&p.j);
}

void api_suppressions_list(struct http_request *r)
{
    int64_t limit;
    if (!api_query_number(r, "limit", 1, API_MAX_LIMIT, API_DEFAULT_LIMIT, &limit))
        return;
    struct api_call *c = api_call_new(r);
    if (!c)
        return;
    int64_t *kept = arena_alloc(&r->a, sizeof *kept);
    MUST(kept); /* the arena of a request without a body has room */
    *kept = limit;
    c->user = kept;
    api_call_read(c, list);
}

/* ---- acts ---- */

struct deed {
    struct act act;
    bool lift;
};

static enum status do_deed(struct api_call *c, struct ledger *l, const struct policy *policy, err *e)
{
    struct deed *d = c->user;
    struct act_result result;
    struct jsonw j;
    enum status st =
        d->lift ? suppress_lift(l, policy, &d->act, &result, e) : suppress_add(l, policy, &d->act, &result, e);
    if (st != OK)
        return st;
    jsonw_init(&j, &c->out);
    jsonw_object(&j);
    jsonw_kstr(&j, "address", d->act.address);
    show_act_result(&j, &result);
    jsonw_end_object(&j);
    return OK;
}

/* E.g. "scope" of tenant; false after answering. */
static bool take_cause(struct http_request *r, slice word, enum cause *cause)
{
    *cause = slice_empty(word) ? CAUSE_NONE : cause_find(word);
    if (*cause != CAUSES && *cause != CAUSE_ERASED)
        return true;
    http_problem(r, 400, S("invalid"), S("there is no such cause to set; docs/policy.md lists them"));
    return false;
}

static void start(struct http_request *r, const struct deed *deed)
{
    struct api_call *c = api_call_new(r);
    if (!c)
        return;
    struct deed *mine = ARENA_NEW(&r->a, struct deed);
    if (!mine) {
        api_fail(c, E_MEMORY, "out of memory");
        api_call_end(c);
        return;
    }
    *mine = *deed;
    mine->act.tenant = c->tenant;
    mine->act.actor = api_who(r)->name;
    mine->act.time_us = c->now_us;
    c->user = mine;
    api_act(c, do_deed);
}

static enum scope scope_of(slice word, slice stream)
{
    if (slice_eq(word, S("tenant")))
        return SCOPE_TENANT;
    return slice_eq(word, S("stream")) || (slice_empty(word) && !slice_empty(stream)) ? SCOPE_STREAM : SCOPE_GLOBAL;
}

void api_suppressions_add(struct http_request *r)
{
    struct json_object *o = api_body_object(r);
    struct deed d = {.lift = false};
    if (!o)
        return;
    d.act.address = api_member(r, o, "address");
    d.act.note = api_member(r, o, "note");
    d.act.stream = api_member(r, o, "stream");
    d.act.scope = scope_of(api_member(r, o, "scope"), d.act.stream);
    slice cause = api_member(r, o, "cause");
    json_object_put(o);
    if (slice_empty(d.act.address))
        http_problem(r, 400, S("invalid"), S("the member \"address\" is missing"));
    else if (take_cause(r, cause, &d.act.cause))
        start(r, &d);
}

void api_suppressions_lift(struct http_request *r)
{
    struct deed d = {.lift = true};
    d.act.address = r->params[0];
    d.act.note = api_query(r, "note");
    d.act.reverified = api_query(r, "reverified");
    d.act.stream = api_query(r, "stream");
    d.act.scope = scope_of(SLICE_EMPTY, d.act.stream);
    if (take_cause(r, api_query(r, "cause"), &d.act.cause))
        start(r, &d);
}
