/* Receivers' bad days: listed, shown, opened by hand, closed and undone (core/incidents.h). Addresses that are touched are judged anew
 * in pages; the first with the answer, the rest by the sweep.
 */
#include "core/incident_json.h"
#include "core/incidents.h"
#include "serve/api.h"

/* ---- reading ---- */

struct incident_list {
    struct api_call *c;
    struct worker *w;
    struct jsonw j;
    int64_t limit, n, id; /* id 0: all */
    bool open_only;
    enum status status;
};

static bool may_see(const struct api_call *c, const struct ledger_circumstance *one)
{
    return one->c.what == CIRCUMSTANCE_INCIDENT &&
           (slice_empty(c->tenant) || slice_empty(one->tenant) || slice_eq(one->tenant, c->tenant));
}

static enum status put_one(struct jsonw *j, struct ledger *l, const struct ledger_circumstance *one, err *e)
{
    struct ledger_incident figures;
    enum status st = ledger_get_incident(l, one->c.id, &figures, e);
    if (st != OK && st != E_NOT_FOUND)
        return st;
    jsonw_object(j);
    incident_members(j, one, st == OK ? &figures : NULL);
    jsonw_end_object(j);
    return OK;
}

static bool list_one(void *ctx, const struct ledger_circumstance *one)
{
    struct incident_list *p = ctx;
    bool open = !one->undone && one->c.until_us == TIME_NONE;
    if (!may_see(p->c, one) || (p->open_only && !open))
        return true;
    if (p->n++ == p->limit)
        return false;
    p->status = put_one(&p->j, p->w->ledger, one, &p->c->error);
    return p->status == OK && !p->c->out.failed;
}

static void list(struct api_call *c, struct worker *w)
{
    struct incident_list *p = c->user;
    p->c = c;
    p->w = w;
    jsonw_init(&p->j, &c->out);
    jsonw_object(&p->j);
    jsonw_key(&p->j, "items");
    jsonw_array(&p->j);
    c->failed = ledger_circumstances(w->ledger, 0, list_one, p, &c->error);
    if (c->failed == OK)
        c->failed = p->status;
    jsonw_end_array(&p->j);
    jsonw_end_object(&p->j);
}

static void show(struct api_call *c, struct worker *w)
{
    struct incident_list *p = c->user;
    struct ledger_circumstance one;
    c->failed = ledger_get_circumstance(w->ledger, p->id, w->a, &one, &c->error);
    if (c->failed == OK && !may_see(c, &one)) {
        api_fail(c, E_NOT_FOUND, "there is no incident %lld", (long long)p->id);
        return;
    }
    jsonw_init(&p->j, &c->out);
    if (c->failed == OK)
        c->failed = put_one(&p->j, w->ledger, &one, &c->error);
}

static bool take_number(struct http_request *r, int64_t *out)
{
    uint64_t n;
    if (slice_u64(r->params[0], &n) && n > 0 && n <= INT64_MAX) {
        *out = (int64_t)n;
        return true;
    }
    http_problem(r, 404, S("not-found"), S("there is no incident of that number"));
    return false;
}

static void read(struct http_request *r, bool one)
{
    struct incident_list *p = ARENA_NEW(&r->a, struct incident_list);
    MUST(p); /* the arena of a request without a body has room */
    if (one ? !take_number(r, &p->id) : !api_query_number(r, "limit", 1, API_MAX_LIMIT, API_DEFAULT_LIMIT, &p->limit))
        return;
    p->open_only = slice_eq(api_query(r, "state"), S("open"));
    struct api_call *c = api_call_new(r);
    if (!c)
        return;
    c->user = p;
    api_call_read(c, one ? show : list);
}

void api_incidents_list(struct http_request *r)
{
    read(r, false);
}

void api_incidents_show(struct http_request *r)
{
    read(r, true);
}

/* ---- acts ---- */

enum deed { DEED_OPEN, DEED_CLOSE, DEED_UNDO };

struct incident_deed {
    enum deed deed;
    int64_t id, until_us;
    slice note;
    struct ledger_circumstance opened;
};

/* A key of one tenant changes what is that tenant's own; what concerns all is for keys of all. */
static enum status may_change(struct api_call *c, struct ledger *l, int64_t id, err *e)
{
    struct ledger_circumstance one;
    const struct apikey *who = api_who(c->r);
    enum status st = ledger_get_circumstance(l, id, &c->r->a, &one, e);
    if (st == OK && !may_see(c, &one))
        st = err_set(e, E_NOT_FOUND, "there is no incident %lld", (long long)id);
    if (st == OK && who && !slice_empty(who->tenant) && !slice_eq(who->tenant, one.tenant))
        st = err_set(e, E_DENIED, "incident %lld concerns all tenants", (long long)id);
    return st;
}

static enum status change(struct api_call *c, struct incident_deed *d, struct ledger *l, err *e)
{
    slice actor = api_who(c->r)->name;
    enum status st = ledger_begin(l, e);
    if (st != OK)
        return st;
    if (d->deed == DEED_OPEN) {
        d->opened.actor = actor;
        st = incident_open(l, &d->opened, c->now_us, e);
        d->id = d->opened.c.id;
    } else {
        st = may_change(c, l, d->id, e);
    }
    if (st == OK && d->deed == DEED_CLOSE)
        st = incident_close(l, d->id, d->until_us == TIME_NONE ? c->now_us : d->until_us, actor, d->note, c->now_us, e);
    if (st == OK && d->deed == DEED_UNDO)
        st = incident_undo(l, d->id, actor, d->note, c->now_us, e);
    if (st == OK)
        st = ledger_commit(l, e);
    if (st != OK)
        ledger_abort(l);
    return st;
}

static enum status do_deed(struct api_call *c, struct ledger *l, const struct policy *policy, err *e)
{
    struct incident_deed *d = c->user;
    struct around_counts counts = {0};
    struct ledger_circumstance one;
    struct jsonw j;
    bool more;
    enum status st = change(c, d, l, e);
    if (st == OK)
        st = around_page(l, policy, c->now_us, &counts, &more, e);
    if (st == OK)
        st = ledger_get_circumstance(l, d->id, &c->r->a, &one, e);
    if (st != OK)
        return st;
    jsonw_init(&j, &c->out);
    return put_one(&j, l, &one, e);
}

static void start(struct http_request *r, const struct incident_deed *deed)
{
    struct api_call *c = api_call_new(r);
    if (!c)
        return;
    struct incident_deed *mine = ARENA_NEW(&r->a, struct incident_deed);
    if (!mine) {
        api_fail(c, E_MEMORY, "out of memory");
        api_call_end(c);
        return;
    }
    *mine = *deed;
    mine->opened.tenant = c->tenant;
    c->user = mine;
    api_act(c, do_deed);
}

static void act_on(struct http_request *r, enum deed deed)
{
    struct incident_deed d = {.deed = deed, .note = api_query(r, "note")};
    if (take_number(r, &d.id) && api_query_time(r, "until", &d.until_us))
        start(r, &d);
}

void api_incidents_close(struct http_request *r)
{
    act_on(r, DEED_CLOSE);
}

void api_incidents_undo(struct http_request *r)
{
    act_on(r, DEED_UNDO);
}

/* ---- opening ---- */

static bool take_time(slice text, int64_t *out)
{
    *out = slice_empty(text) ? TIME_NONE : time_parse_any(text);
    return slice_empty(text) || *out != TIME_NONE;
}

/* False when a word is no reason. */
static bool take_reasons(struct json_object *o, uint64_t *out)
{
    struct json_object *list;
    *out = 0;
    if (!json_object_object_get_ex(o, "reasons", &list))
        return true;
    if (!json_object_is_type(list, json_type_array))
        return false;
    for (size_t i = 0, n = json_object_array_length(list); i < n; i++) {
        struct json_object *v = json_object_array_get_idx(list, i);
        const char *word = json_object_is_type(v, json_type_string) ? json_object_get_string(v) : "";
        enum bounce_reason reason = bounce_reason_find(slice_str(word));
        if (reason == BOUNCE_REASONS)
            return false;
        *out |= UINT64_C(1) << reason;
    }
    return true;
}

/* What is wrong with the body; NULL: nothing. */
static const char *take_opened(struct http_request *r, struct json_object *o, struct incident_deed *d)
{
    struct ledger_circumstance *c = &d->opened;
    slice domain = api_member(r, o, "domain"), form;
    c->name = api_member(r, o, "provider");
    c->note = api_member(r, o, "note");
    c->domain = SLICE_EMPTY;
    c->c.by = slice_empty(c->name) ? MARK_NONE : MARK_PROVIDER;
    if (slice_empty(domain) == slice_empty(c->name))
        return "one of \"domain\" and \"provider\" says where";
    if (!slice_empty(domain) && !entry_name(arena_printf(&r->a, "@%.*s", SLICE_FMT(domain)), &r->a, &form, &c->domain))
        return "\"domain\" is no domain";
    if (!take_time(api_member(r, o, "from"), &c->c.from_us) || c->c.from_us == TIME_NONE)
        return "\"from\" says when it began, such as 2020-12-14T22:16:00Z";
    if (!take_time(api_member(r, o, "until"), &c->c.until_us))
        return "\"until\" is no time";
    return take_reasons(o, &c->c.reasons) ? NULL : "\"reasons\" is a list of reasons; docs/taxonomy.md has them";
}

void api_incidents_open(struct http_request *r)
{
    struct json_object *o = api_body_object(r);
    struct incident_deed d = {.deed = DEED_OPEN};
    if (!o)
        return;
    const char *wrong = take_opened(r, o, &d);
    json_object_put(o);
    if (wrong)
        http_problem(r, 400, S("invalid"), slice_str(wrong));
    else
        start(r, &d);
}
