#include "serve/conf.h"
#include "serve/learn.h"

#define LEARN_MAX_STREAMS 1000u /* names of streams with tolerances of their own, of one tenant */

/* What a section says of tolerances: three structs of conf.h say it alike. */
struct own {
    struct conf_tolerance rows[ROWS];
    struct conf_list reasons;
    slice section;
};
#define OWN(c, section)                                                                                         \
    (&(struct own){{(c)->second_look, (c)->domain_unknown, (c)->quota, (c)->campaign, (c)->slow, (c)->refused}, \
                   (c)->reasons,                                                                                \
                   (section)})

/* Tenants as they are gathered. */
struct gathered {
    arena *a;
    err *e;
    struct policy_tenant *tenants;
    size_t count, room;
};

static enum status no_memory(err *e)
{
    return err_set(e, E_MEMORY, "policy: out of memory");
}

/* "expired 3 over 10d" */
static enum status take_reason(slice line, slice section, struct tolerances *t, err *e)
{
    err why = {OK, ""};
    slice rest = line, word = SLICE_EMPTY;
    (void)slice_word(&rest, &word);
    enum bounce_reason reason = bounce_reason_find(word);
    if (reason == BOUNCE_REASONS)
        return err_set(e, E_INVALID, "%.*s: reasons: there is no reason \"%.*s\"; `bounced rules reasons` lists them",
                       SLICE_FMT(section), SLICE_FMT(word));
    if (tolerance_parse(rest, &t->reasons[reason], &why) != OK)
        return err_set(e, E_INVALID, "%.*s: reasons: %.*s: %s", SLICE_FMT(section), SLICE_FMT(word), why.text);
    t->own |= UINT64_C(1) << reason;
    return OK;
}

static enum status take_own(const struct own *own, struct tolerances *t, err *e)
{
    enum status st = OK;
    for (unsigned i = 0; i < ROWS; i++)
        if (own->rows[i].given)
            t->rows[i] = own->rows[i].value;
    for (size_t i = 0; i < own->reasons.n && st == OK; i++)
        st = take_reason(own->reasons.v[i], own->section, t, e);
    return st;
}

/* The words of [tenant] and [stream] begin with "inherited". */
static void take_preset(unsigned word, struct tolerances *t)
{
    if (word)
        preset_tolerances((enum preset)(word - 1), t);
}

static unsigned probation_of(const struct conf_list *words, err *e, enum status *st)
{
    unsigned bits = 0;
    for (size_t i = 0; i < words->n; i++) {
        enum cause c = cause_find(words->v[i]);
        if (c == CAUSES)
            *st = err_set(e, E_INVALID, "[policy]: probation: there is no cause \"%.*s\"", SLICE_FMT(words->v[i]));
        else
            bits |= 1u << c;
    }
    return bits;
}

static enum status take_policy(const struct conf_policy *c, struct policy *out, err *e)
{
    enum status st = OK;
    *out = (struct policy){
        .sure_certainty = (unsigned)c->sure_certainty,
        .repeat_us = c->repeat_us,
        .open_end_us = c->open_end_us,
        .join_us = c->join_us,
        .engaged_us = c->engaged_us,
        .expiry_us = {[CAUSE_ESCALATED] = c->expiry_us,
                      [CAUSE_HARD] = c->expiry_hard_us,
                      [CAUSE_UPSTREAM] = c->expiry_upstream_us,
                      [CAUSE_IMPORTED] = c->expiry_imported_us,
                      [CAUSE_MANUAL] = c->expiry_manual_us},
        .probation = probation_of(&c->probation, e, &st),
        .scopes = {[CAUSE_HARD] = (uint8_t)c->hard_scope,
                   [CAUSE_COMPLAINT] = (uint8_t)c->complaint_scope,
                   [CAUSE_ESCALATED] = (uint8_t)c->escalated_scope,
                   [CAUSE_UNSUBSCRIBED] = (uint8_t)c->unsubscribed_scope},
        .tighten = c->tighten,
    };
    preset_tolerances((enum preset)c->preset, &out->base);
    return st == OK ? take_own(OWN(c, S("[policy]")), &out->base, e) : st;
}

/* ---- tenants ---- */

/* The tenant of that name; made when it is not there yet, NULL when memory was refused. */
static struct policy_tenant *tenant_of(struct gathered *g, slice name, const struct policy *base)
{
    uint64_t hash = policy_name_hash(name);
    for (size_t i = 0; i < g->count; i++)
        if (g->tenants[i].tenant == hash)
            return &g->tenants[i];
    struct policy_tenant *grown = arena_grow(g->a, g->tenants, g->count, &g->room, sizeof(*grown));
    if (!grown)
        return NULL;
    g->tenants = grown;
    struct policy_tenant *made = &grown[g->count++];
    *made = (struct policy_tenant){hash, arena_dup(g->a, name), *base};
    return made;
}

static enum status take_tenants(const struct settings *s, struct gathered *g, const struct policy *base)
{
    enum status st = OK;
    for (const struct section *at = NULL; st == OK && (at = settings_next(s, "tenant", at));) {
        const struct conf_tenant *c = at->values;
        size_t before = g->count;
        struct policy_tenant *t = tenant_of(g, slice_empty(c->tenant) ? at->name : c->tenant, base);
        if (!t)
            return no_memory(g->e);
        if (g->count == before)
            return err_set(g->e, E_INVALID, "[tenant %.*s]: there is another section for this tenant",
                           SLICE_FMT(at->name));
        take_preset(c->preset, &t->policy.base);
        st = take_own(OWN(c, arena_printf(g->a, "[tenant %.*s]", SLICE_FMT(at->name))), &t->policy.base, g->e);
    }
    return st;
}

/* ---- streams ---- */

/* Streams of one tenant as they are gathered. */
struct streams {
    struct policy_stream *v;
    size_t n, room;
};

static enum status add_stream(struct gathered *g, struct streams *list, slice name, const struct tolerances *t)
{
    uint64_t hash = policy_name_hash(name);
    for (size_t i = 0; i < list->n; i++)
        if (list->v[i].stream == hash)
            return err_set(g->e, E_INVALID, "[stream]: stream \"%.*s\" stands in two sections of one tenant",
                           SLICE_FMT(name));
    if (list->n == LEARN_MAX_STREAMS)
        return err_set(g->e, E_INVALID, "[stream]: more than %u streams", LEARN_MAX_STREAMS);
    struct policy_stream *grown = arena_grow(g->a, list->v, list->n, &list->room, sizeof(*grown));
    if (!grown)
        return no_memory(g->e);
    list->v = grown;
    grown[list->n++] = (struct policy_stream){hash, arena_dup(g->a, name), *t};
    return OK;
}

static enum status take_stream(struct gathered *g, const struct section *at, const struct policy *p,
                               struct streams *list)
{
    const struct conf_stream *c = at->values;
    struct tolerances t = p->base;
    take_preset(c->preset, &t);
    enum status st = take_own(OWN(c, arena_printf(g->a, "[stream %.*s]", SLICE_FMT(at->name))), &t, g->e);
    if (st == OK && !c->streams.n)
        return add_stream(g, list, at->name, &t);
    for (size_t i = 0; i < c->streams.n && st == OK; i++)
        st = add_stream(g, list, c->streams.v[i], &t);
    return st;
}

/* Those of one tenant; of all that have no tenant where it is empty. */
static enum status take_streams(const struct settings *s, struct gathered *g, slice tenant, struct policy *p)
{
    struct streams list = {NULL, 0, 0};
    enum status st = OK;
    for (const struct section *at = NULL; st == OK && (at = settings_next(s, "stream", at));)
        if (slice_eq(((const struct conf_stream *)at->values)->tenant, tenant))
            st = take_stream(g, at, p, &list);
    p->streams = list.v;
    p->stream_count = list.n;
    return st;
}

/* A tenant whose only section is one of a stream. */
static enum status name_tenants(const struct settings *s, struct gathered *g, const struct policy *base)
{
    for (const struct section *at = NULL; (at = settings_next(s, "stream", at));) {
        const struct conf_stream *c = at->values;
        if (!slice_empty(c->tenant) && !tenant_of(g, c->tenant, base))
            return no_memory(g->e);
    }
    return OK;
}

static enum status take_tenant_streams(const struct settings *s, struct gathered *g)
{
    enum status st = OK;
    for (size_t i = 0; i < g->count && st == OK; i++)
        st = take_streams(s, g, g->tenants[i].name, &g->tenants[i].policy);
    return st;
}

enum status learn_policy(const struct settings *s, arena *a, struct policy *out, err *e)
{
    struct gathered g = {.a = a, .e = e};
    enum status st = take_policy(settings_of(s, "policy"), out, e);
    if (st == OK)
        st = take_tenants(s, &g, out);
    if (st == OK)
        st = name_tenants(s, &g, out);
    if (st == OK)
        st = take_tenant_streams(s, &g);
    if (st == OK)
        st = take_streams(s, &g, SLICE_EMPTY, out);
    if (st != OK)
        return st;
    out->tenants = g.tenants;
    out->tenant_count = g.count;
    return a->limited ? no_memory(e) : policy_check(out, e);
}
