#include "policy/timeline.h"

#include "bounce/observation.h"

struct maker {
    struct fold fold;
    const struct fold_rules *rules;
    const struct history_env *env;
    struct timeline *out;
    size_t open; /* spans without an end */
    int64_t due_us;
    arena *a;
    arena look; /* of one look */
};

static bool is_open(const struct stopped *s)
{
    return s->until_us == TIME_NONE;
}

static bool policy_decides(const struct suppression *s)
{
    return s->cause == CAUSE_HARD || s->cause == CAUSE_ESCALATED;
}

static bool same_place(const struct stopped *span, const struct suppression *s)
{
    bool in_stream = s->scope == SCOPE_STREAM;
    return span->in_stream == in_stream && (!in_stream || span->stream == s->stream);
}

static bool holds(const struct address_status *now, const struct stopped *span)
{
    for (size_t i = 0; i < now->suppression_count; i++)
        if (policy_decides(&now->suppressions[i]) && same_place(span, &now->suppressions[i]))
            return true;
    return false;
}

static void close_spans(struct maker *m, const struct address_status *now, int64_t at_us)
{
    for (size_t i = m->out->n; m->open && i-- > 0;)
        if (is_open(&m->out->spans[i]) && !holds(now, &m->out->spans[i])) {
            m->out->spans[i].until_us = at_us;
            m->open--;
        }
}

static bool has_open(const struct maker *m, const struct suppression *s)
{
    for (size_t i = m->out->n; i-- > 0;)
        if (is_open(&m->out->spans[i]) && same_place(&m->out->spans[i], s))
            return true;
    return false;
}

static bool open_span(struct maker *m, const struct suppression *s, int64_t at_us)
{
    struct timeline *t = m->out;
    struct stopped *grown = arena_grow(m->a, t->spans, t->n, &t->room, sizeof(*grown));
    if (!grown)
        return false;
    t->spans = grown;
    t->spans[t->n++] = (struct stopped){.from_us = at_us,
                                        .until_us = TIME_NONE,
                                        .in_stream = s->scope == SCOPE_STREAM,
                                        .stream = s->scope == SCOPE_STREAM ? s->stream : 0,
                                        .cause = s->cause,
                                        .reason = s->reason};
    m->open++;
    return true;
}

/* The state at a time, with the spans that end and begin then. */
static bool look(struct maker *m, int64_t at_us)
{
    struct fold f;
    struct address_status *now = &m->out->now;
    arena_reset(&m->look);
    if (!fold_copy(&f, &m->fold, &m->look))
        return false;
    fold_finish(&f, m->rules, m->env->domain_delivered_us, at_us, now);
    m->due_us = now->due_us;
    close_spans(m, now, at_us);
    for (size_t i = 0; i < now->suppression_count; i++) {
        const struct suppression *s = &now->suppressions[i];
        if (policy_decides(s) && !has_open(m, s) && !open_span(m, s, at_us))
            return false;
    }
    return true;
}

/* What time alone changes before `until`. */
static bool look_at_due(struct maker *m, int64_t until_us)
{
    while (m->due_us != TIME_NONE && m->due_us < until_us) {
        int64_t due = m->due_us;
        if (!look(m, due))
            return false;
        if (m->due_us != TIME_NONE && m->due_us <= due)
            m->due_us = TIME_NONE; /* time does not stand still */
    }
    return true;
}

/* Most events tell of mail that arrived at an address that nothing is held against. */
static bool changes_nothing(const struct maker *m, const struct policy_event *e)
{
    if (m->open || m->fold.held_count || e->what != EVENT_OBSERVED)
        return false;
    enum bounce_kind kind = (enum bounce_kind)e->kind;
    return !bounce_kind_final(kind) && !bounce_kind_attempt(kind);
}

static bool take(struct maker *m, const struct policy_event *e)
{
    if (!look_at_due(m, e->time_us) || !fold_step(&m->fold, m->rules, e, m->a))
        return false;
    return changes_nothing(m, e) || look(m, e->time_us);
}

bool timeline_make(const struct fold *base, const struct policy_event *events, size_t n, const struct fold_rules *rules,
                   const struct history_env *env, int64_t now_us, arena *a, struct timeline *out)
{
    struct maker m = {.rules = rules, .env = env, .out = out, .due_us = TIME_NONE, .a = a};
    *out = (struct timeline){.n = 0};
    arena_init(&m.look, 0);
    bool ok = fold_copy(&m.fold, base, a);
    for (size_t i = 0; ok && i < n; i++)
        ok = take(&m, &events[i]);
    ok = ok && look_at_due(&m, now_us) && look(&m, now_us);
    arena_fini(&m.look);
    return ok;
}

const struct stopped *timeline_at(const struct timeline *t, int64_t sent_us, uint64_t stream)
{
    for (size_t i = 0; i < t->n && t->spans[i].from_us < sent_us; i++) {
        const struct stopped *s = &t->spans[i];
        /* the delivery that ends a suppression is what proves it wrong: it was sent in it */
        if ((is_open(s) || sent_us <= s->until_us) && (!s->in_stream || s->stream == stream))
            return s;
    }
    return NULL;
}
