/* What waits for a person: held reports to vouch for or dismiss, and groups of replies that no rule knows. */
#include "core/acts.h"
#include "core/show.h"
#include "serve/api.h"
#include "serve/conf.h"

struct listing {
    struct jsonw j;
    struct api_call *c;
};

static bool held_one(void *ctx, const struct held_report *h)
{
    struct listing *l = ctx;
    jsonw_object(&l->j);
    show_held(&l->j, h);
    jsonw_end_object(&l->j);
    return !l->c->out.failed;
}

static bool group_one(void *ctx, const struct ledger_group *g)
{
    struct listing *l = ctx;
    jsonw_object(&l->j);
    show_group(&l->j, g);
    jsonw_end_object(&l->j);
    return !l->c->out.failed;
}

static void begin(struct listing *l, struct api_call *c)
{
    l->c = c;
    jsonw_init(&l->j, &c->out);
    jsonw_object(&l->j);
    jsonw_key(&l->j, "items");
    jsonw_array(&l->j);
}

static void end(struct listing *l)
{
    jsonw_end_array(&l->j);
    jsonw_end_object(&l->j);
}

static void list_held(struct api_call *c, struct worker *w)
{
    struct listing l;
    begin(&l, c);
    c->failed = held_reports(w->ledger, &w->knowledge->policy, c->tenant, *(int64_t *)c->user, held_one, &l, &c->error);
    end(&l);
}

static void list_groups(struct api_call *c, struct worker *w)
{
    struct listing l;
    begin(&l, c);
    c->failed = ledger_groups(w->ledger, BOUNCE_REASON_UNKNOWN, *(int64_t *)c->user, group_one, &l, &c->error);
    end(&l);
}

static void list(struct http_request *r, void (*read)(struct api_call *c, struct worker *w))
{
    int64_t *limit = arena_alloc(&r->a, sizeof *limit);
    MUST(limit); /* the arena of a request without a body has room */
    if (!api_query_number(r, "limit", 1, API_MAX_LIMIT, API_DEFAULT_LIMIT, limit))
        return;
    struct api_call *c = api_call_new(r);
    if (!c)
        return;
    c->user = limit;
    api_call_read(c, read);
}

void api_held_list(struct http_request *r)
{
    list(r, list_held);
}

void api_groups_list(struct http_request *r)
{
    list(r, list_groups);
}

/* ---- deciding ---- */

struct decision_on {
    int64_t seq, id;
    slice note;
    bool vouch;
    slice address;
    arena *a;
};

static bool find_one(void *ctx, const struct held_report *h)
{
    struct decision_on *f = ctx;
    if (h->seq != f->seq)
        return true;
    f->id = h->address_id;
    f->address = arena_dup(f->a, h->address);
    return false;
}

static enum status decide(struct api_call *c, struct ledger *l, const struct policy *policy, err *e)
{
    struct decision_on *f = c->user;
    struct act_result result = {0};
    struct jsonw j;
    f->a = &c->r->a;
    enum status st = held_reports(l, policy, c->tenant, 0, find_one, f, e);
    if (st == OK && !f->id)
        st = err_set(e, E_NOT_FOUND, "no report %lld is held", (long long)f->seq);
    if (st != OK)
        return st;
    struct act act = {.tenant = c->tenant,
                      .address = f->address,
                      .id = f->id,
                      .actor = api_who(c->r)->name,
                      .note = f->note,
                      .time_us = c->now_us};
    st = f->vouch ? held_vouch(l, policy, &act, f->seq, &result, e) : held_dismiss(l, policy, &act, f->seq, &result, e);
    if (st != OK)
        return st;
    jsonw_init(&j, &c->out);
    jsonw_object(&j);
    jsonw_kstr(&j, "address", f->address);
    show_act_result(&j, &result);
    jsonw_end_object(&j);
    return OK;
}

static bool take_number(struct http_request *r, slice text, int64_t *out)
{
    uint64_t n;
    if (slice_u64(text, &n) && n > 0 && n <= INT64_MAX) {
        *out = (int64_t)n;
        return true;
    }
    http_problem(r, 404, S("not-found"), S("there is nothing of that number"));
    return false;
}

static void decide_on(struct http_request *r, bool vouch)
{
    struct decision_on *f = ARENA_NEW(&r->a, struct decision_on);
    MUST(f);
    *f = (struct decision_on){.vouch = vouch, .note = api_query(r, "note"), .address = SLICE_EMPTY};
    if (!take_number(r, r->params[0], &f->seq))
        return;
    struct api_call *c = api_call_new(r);
    if (!c)
        return;
    c->user = f;
    api_act(c, decide);
}

void api_held_vouch(struct http_request *r)
{
    decide_on(r, true);
}

void api_held_dismiss(struct http_request *r)
{
    decide_on(r, false);
}

/* ---- giving a group its reason ---- */

struct assignment {
    int64_t group;
    enum bounce_reason reason;
};

static void assign(struct api_call *c, struct worker *w)
{
    const struct assignment *g = c->user;
    struct jsonw j;
    slice rule;
    c->failed = review_assign(w->ledger, g->group, g->reason, c->api->conf->reviewed_rules.p, w->a, &rule, &c->error);
    if (c->failed != OK)
        return;
    jsonw_init(&j, &c->out);
    jsonw_object(&j);
    jsonw_kstr(&j, "file", c->api->conf->reviewed_rules);
    jsonw_kstr(&j, "rule", rule);
    jsonw_kstr(&j, "next", S("the rule is in force after a reload"));
    jsonw_end_object(&j);
}

void api_group_assign(struct http_request *r)
{
    struct assignment *g = ARENA_NEW(&r->a, struct assignment);
    struct json_object *o = api_body_object(r);
    if (!o)
        return;
    slice word = api_member(r, o, "reason");
    json_object_put(o);
    MUST(g);
    g->reason = bounce_reason_find(word);
    if (g->reason == BOUNCE_REASONS) {
        http_problem(r, 400, S("invalid"), S("there is no such reason; docs/taxonomy.md lists them"));
        return;
    }
    if (!take_number(r, r->params[0], &g->group))
        return;
    struct api_call *c = api_call_new(r);
    if (!c)
        return;
    c->user = g;
    api_call_read(c, assign);
}
