/* Grades as circumstances: what stands while a provider thinks little of us. */
#include "core/health.h"

struct standing {
    const struct health *h;
    slice tenant;
    arena a;
    struct ledger_circumstance open[HEALTH_MAX_STANDING];
    size_t n;
    bool limited;
};

static bool gather(void *ctx, const struct ledger_circumstance *c)
{
    struct standing *s = ctx;
    bool mine = c->c.what == CIRCUMSTANCE_HEALTH && c->c.until_us == TIME_NONE && !c->undone && !c->manual &&
                c->c.by == MARK_PROVIDER && slice_eq(c->tenant, s->tenant);
    if (!mine)
        return true;
    if (s->n == HEALTH_MAX_STANDING)
        return false;
    struct ledger_circumstance *to = &s->open[s->n++];
    *to = *c;
    slice *const texts[] = {&to->tenant, &to->domain, &to->name, &to->actor, &to->note};
    for (size_t i = 0; i < ARRAY_LEN(texts); i++)
        *texts[i] = arena_dup(&s->a, *texts[i]);
    s->limited |= s->a.limited;
    return true;
}

static const struct provider_health *health_of(const struct health *h, slice name)
{
    for (size_t i = 0; i < h->n; i++)
        if (slice_eq(h->providers[i].name, name))
            return &h->providers[i];
    return NULL;
}

static bool is_open(const struct standing *s, slice name)
{
    for (size_t i = 0; i < s->n; i++)
        if (slice_eq(s->open[i].name, name))
            return true;
    return false;
}

static slice note_of(struct standing *s, const struct provider_health *p)
{
    const struct graded *g = p ? &p->grade : NULL;
    if (!g || g->grade == GRADE_NONE)
        return S("too little mail to tell");
    if (g->cap == GRADE_PARTS)
        return arena_printf(&s->a, "%s, %u of 100 points in %s", grade_word(g->grade), g->points,
                            health_span_word(p->graded));
    return arena_printf(&s->a, "%s, held down by %s: %lld.%02lld %% in %s", grade_word(g->grade),
                        grade_border(g->cap)->word, (long long)(p->parts[g->cap].ppm / 10000),
                        (long long)(p->parts[g->cap].ppm % 10000 / 100), health_span_word(p->graded));
}

/* With the work that follows (core/around.h): failures of the moments between this look and the commit are judged anew. */
static enum status put(struct ledger *l, struct ledger_circumstance *c, int64_t now_us, err *e)
{
    int64_t seq;
    enum status st = ledger_seq_at(l, now_us, &seq, e);
    if (st != OK)
        return st;
    seq = seq > 1 ? seq : 1;
    c->work_seq = c->work_seq && c->work_seq < seq ? c->work_seq : seq;
    return ledger_put_circumstance(l, c, e);
}

/* Those that are over. They leave the list. */
static enum status close_some(struct standing *s, struct ledger *l, int64_t now_us, size_t *closed, err *e)
{
    enum status st = OK;
    size_t left = 0;
    for (size_t i = 0; st == OK && i < s->n; i++) {
        struct ledger_circumstance *c = &s->open[i];
        const struct provider_health *p = health_of(s->h, c->name);
        if (p && grade_tightens(&p->grade, true)) {
            s->open[left++] = *c;
            continue;
        }
        c->c.until_us = now_us > c->c.from_us ? now_us : c->c.from_us;
        c->note = note_of(s, p);
        st = put(l, c, now_us, e);
        ++*closed;
    }
    s->n = left;
    return st;
}

static enum status open_some(struct standing *s, struct ledger *l, int64_t now_us, size_t *opened, err *e)
{
    enum status st = OK;
    for (size_t i = 0; st == OK && i < s->h->n && s->n + *opened < HEALTH_MAX_STANDING; i++) {
        const struct provider_health *p = &s->h->providers[i];
        if (!grade_tightens(&p->grade, false) || is_open(s, p->name))
            continue;
        struct ledger_circumstance c = {.c = {.what = CIRCUMSTANCE_HEALTH,
                                              .by = MARK_PROVIDER,
                                              .reasons = CIRCUMSTANCE_ALL_REASONS,
                                              .from_us = now_us,
                                              .until_us = TIME_NONE},
                                        .tenant = s->tenant,
                                        .domain = SLICE_EMPTY,
                                        .name = p->name,
                                        .made_us = now_us,
                                        .actor = S("health"),
                                        .note = note_of(s, p)};
        st = put(l, &c, now_us, e);
        ++*opened;
    }
    return st;
}

/* Without a transaction where nothing is to be written. */
static bool changes(const struct standing *s)
{
    for (size_t i = 0; i < s->n; i++) {
        const struct provider_health *p = health_of(s->h, s->open[i].name);
        if (!p || !grade_tightens(&p->grade, true))
            return true;
    }
    for (size_t i = 0; i < s->h->n; i++)
        if (grade_tightens(&s->h->providers[i].grade, false) && !is_open(s, s->h->providers[i].name))
            return true;
    return false;
}

static enum status write_all(struct standing *s, struct ledger *l, int64_t now_us, struct health_changes *out, err *e)
{
    if (!changes(s))
        return OK;
    enum status st = ledger_begin(l, e);
    if (st != OK)
        return st;
    st = close_some(s, l, now_us, &out->closed, e);
    if (st == OK)
        st = open_some(s, l, now_us, &out->opened, e);
    if (st == OK && s->a.limited)
        st = err_set(e, E_MEMORY, "health: out of memory");
    if (st == OK)
        return ledger_commit(l, e);
    ledger_abort(l);
    return st;
}

enum status health_stand(struct ledger *l, const struct health *h, slice tenant, int64_t now_us,
                         struct health_changes *out, err *e)
{
    struct standing s = {.h = h, .tenant = tenant};
    *out = (struct health_changes){0};
    arena_init(&s.a, 0);
    enum status st = ledger_circumstances(l, 0, gather, &s, e);
    if (st == OK && s.limited)
        st = err_set(e, E_MEMORY, "health: out of memory");
    if (st == OK)
        st = write_all(&s, l, now_us, out, e);
    arena_fini(&s.a);
    return st;
}
