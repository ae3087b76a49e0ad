#include "policy/settle.h"

static void later(int64_t *last, int64_t t)
{
    if (*last == TIME_NONE || *last < t)
        *last = t;
}

/* ---- suppressions ---- */

static bool same_place(const struct suppression *s, enum scope scope, uint64_t stream)
{
    return s->scope == scope && (scope != SCOPE_STREAM || s->stream == stream);
}

static struct standing *standing_find(struct fold *f, enum cause cause, enum scope scope, uint64_t stream)
{
    for (unsigned i = 0; i < f->standing_count; i++)
        if (f->standing[i].s.cause == cause && same_place(&f->standing[i].s, scope, stream))
            return &f->standing[i];
    return NULL;
}

/* Strictest first; those of one stream behind those of all; else the older first. */
static bool stricter(const struct suppression *a, const struct suppression *b)
{
    bool a_stream = a->scope == SCOPE_STREAM, b_stream = b->scope == SCOPE_STREAM;
    if (a_stream != b_stream)
        return b_stream;
    unsigned ra = cause_rank(a->cause), rb = cause_rank(b->cause);
    if (ra != rb)
        return ra < rb;
    if (a->since_us != b->since_us)
        return a->since_us < b->since_us;
    return a->scope != b->scope ? a->scope < b->scope : a->stream < b->stream;
}

static void standing_put(struct fold *f, const struct standing *new)
{
    unsigned at = f->standing_count;
    while (at && stricter(&new->s, &f->standing[at - 1].s))
        at--;
    if (at == STATUS_MAX_SUPPRESSIONS)
        return;
    if (f->standing_count == STATUS_MAX_SUPPRESSIONS)
        f->standing_count--;
    memmove(&f->standing[at + 1], &f->standing[at], (f->standing_count - at) * sizeof(f->standing[0]));
    f->standing[at] = *new;
    f->standing_count++;
}

static void standing_drop(struct fold *f, unsigned i)
{
    f->standing_count--;
    memmove(&f->standing[i], &f->standing[i + 1], (f->standing_count - i) * sizeof(f->standing[0]));
}

static int64_t expiry(const struct policy *p, enum cause cause, int64_t since_us)
{
    return p->expiry_us[cause] ? since_us + p->expiry_us[cause] : TIME_NONE;
}

static void suppress(struct fold *f, const struct policy *p, const struct standing *new_one)
{
    struct standing new = *new_one;
    struct standing *old = standing_find(f, new.s.cause, new.s.scope, new.s.stream);
    new.s.until_us = expiry(p, new.s.cause, new.s.since_us);
    if (!old) {
        standing_put(f, &new);
        return;
    }
    bool expired = old->s.until_us != TIME_NONE && old->s.until_us <= new.s.since_us;
    bool moved_on = old->domain_from_us != TIME_NONE && new.domain_from_us != old->domain_from_us;
    if (expired) {
        *old = new;
    } else if (moved_on) {
        old->domain_from_us = new.domain_from_us;
        old->s.until_us = new.s.until_us;
    }
    if (new.s.since_us < old->s.since_us)
        old->s.since_us = new.s.since_us;
}

/* ---- failures and deliveries ---- */

/* A failure that is about to be counted. */
struct counting {
    struct fold *f;
    const struct fold_rules *rules;
    const struct outcome *o;
    int64_t t;
    const struct tolerances *tolerances; /* of its stream */
    unsigned at;                         /* its place among the failures */
};

/* Where a suppression for it would stand. */
static struct standing place_of(const struct counting *c, enum cause cause)
{
    enum scope scope = policy_scope(c->rules->policy, cause, c->o->stream);
    return (struct standing){.s = {.cause = cause,
                                   .scope = scope,
                                   .stream = scope == SCOPE_STREAM ? c->o->stream : 0,
                                   .reason = (enum bounce_reason)c->o->reason,
                                   .since_us = c->t},
                             .domain_from_us = TIME_NONE};
}

/* One counted failure after a suppression ended into probation suppresses again. */
static void end_probation(const struct counting *c, enum cause cause)
{
    const struct policy *p = c->rules->policy;
    struct standing here = place_of(c, cause);
    struct standing *s = standing_find(c->f, cause, here.s.scope, here.s.stream);
    if (!s || !(p->probation >> cause & 1) || s->s.until_us == TIME_NONE || s->s.until_us > c->t)
        return;
    s->s.since_us = c->t;
    s->s.until_us = expiry(p, cause, c->t);
    s->s.reason = (enum bounce_reason)c->o->reason;
}

/* Looks at one row with this failure in it; true when it counts there. */
static bool look_at_row(const struct counting *c, enum row_kind kind)
{
    const struct policy *p = c->rules->policy;
    const struct tolerance *t = tolerances_of(c->tolerances, (enum bounce_reason)c->o->reason, kind);
    bool tight = p->tighten && !row_hard(kind) &&
                 circumstance_health(c->rules, c->t, (enum bounce_reason)c->o->reason, c->o->marks);
    bool engaged = policy_engaged(p, c->f->engaged_us, c->t);
    struct row_terms terms = {.kind = kind,
                              .asked = c->at,
                              .tolerance = t,
                              .needed = tolerance_needed(t, engaged, !row_hard(kind), tight),
                              .stream = c->o->stream,
                              .repeat_us = p->repeat_us};
    struct row row;
    row_read(&c->f->failures, &terms, &row);
    if (!row.counts || !row.full)
        return row.counts;
    struct standing s = place_of(c, row_hard(kind) ? CAUSE_HARD : CAUSE_ESCALATED);
    if (s.s.since_us < row.last_us) /* one that was vouched for late fills a row whose last failure is known already */
        s.s.since_us = row.last_us;
    s.domain_from_us = row.domain_from_us;
    s.keeps = t->keeps;
    s.opens_end = t->engaged_resets;
    s.s.tight = tight && row.count < tolerance_needed(t, engaged, true, false);
    suppress(c->f, p, &s);
    return true;
}

static void count_rows(const struct counting *before, enum row_kind own)
{
    struct counting c = *before;
    enum bounce_reason reason = (enum bounce_reason)c.o->reason;
    bool counted = false;
    if (c.tolerances->own >> reason & 1 && !c.tolerances->reasons[reason].count)
        return;
    struct row_failure one = {c.t, c.o->campaign, c.o->stream, c.o->reason, (uint8_t)own, 0};
    if (!failures_add(&c.f->failures, &one, c.rules->policy->repeat_us, &c.at))
        return;
    for (unsigned i = 0; i < ROWS; i++)
        if (tolerances_fill(c.tolerances, reason, own, (enum row_kind)i))
            counted |= look_at_row(&c, (enum row_kind)i);
    if (counted)
        end_probation(&c, CAUSE_ESCALATED);
    if (counted && row_hard(own))
        end_probation(&c, CAUSE_HARD);
}

static void count_hard(const struct counting *c)
{
    const struct policy *p = c->rules->policy;
    if (c->o->reason == BOUNCE_REASON_DOMAIN_UNKNOWN) {
        count_rows(c, ROW_DOMAIN);
    } else if (c->o->certainty < p->sure_certainty || c->tolerances->own >> c->o->reason & 1) {
        count_rows(c, ROW_LOOK);
    } else {
        struct standing s = place_of(c, CAUSE_HARD);
        suppress(c->f, p, &s);
    }
}

static void count_platform(const struct counting *c)
{
    const struct outcome *o = c->o;
    struct standing s = {.s = {.cause = o->cause && o->cause < CAUSES ? (enum cause)o->cause : CAUSE_UPSTREAM,
                               .scope = SCOPE_GLOBAL,
                               .reason = (enum bounce_reason)o->reason,
                               .since_us = c->t},
                         .domain_from_us = TIME_NONE};
    if (o->scope == SCOPE_STREAM && o->stream) {
        s.s.scope = SCOPE_STREAM;
        s.s.stream = o->stream;
    }
    suppress(c->f, c->rules->policy, &s);
}

/* A circumstance took it: recorded, held, not counted. */
static void excuse(struct fold *f, const struct circumstance *c, uint8_t reason, int64_t t)
{
    if (f->excused.circumstance != c->id)
        f->excused.since_us = t;
    f->excused.circumstance = c->id;
    f->excused.reason = reason;
}

static void count(const struct counting *c)
{
    if (c->o->reason == BOUNCE_REASON_RECIPIENT_REFUSED) {
        count_rows(c, ROW_REFUSED);
        return;
    }
    switch (bounce_reason_counts((enum bounce_reason)c->o->reason)) {
    case BOUNCE_COUNTS_AT_ONCE:
        count_hard(c);
        break;
    case BOUNCE_COUNTS_QUOTA:
        count_rows(c, ROW_QUOTA);
        break;
    case BOUNCE_COUNTS_CAMPAIGN:
        count_rows(c, ROW_CAMPAIGN);
        break;
    case BOUNCE_COUNTS_SLOW:
        count_rows(c, ROW_SLOW);
        break;
    case BOUNCE_COUNTS_PLATFORM:
        count_platform(c);
        break;
    case BOUNCE_COUNTS_NEVER:
        break;
    }
}

void settle_failure(struct fold *f, const struct fold_rules *rules, const struct outcome *o, int64_t t)
{
    enum bounce_reason reason = (enum bounce_reason)o->reason;
    later(&f->failed_us, t);
    if (bounce_reason_counts(reason) == BOUNCE_COUNTS_NEVER)
        return;
    const struct circumstance *excuse_of = circumstance_of(rules, t, o->attempt_us, reason, o->marks);
    if (excuse_of) {
        excuse(f, excuse_of, o->reason, t);
        return;
    }
    f->excused.circumstance = 0;
    struct counting c = {f, rules, o, t, policy_stream(rules->policy, o->stream), ROW_NOBODY};
    count(&c);
}

/* A mailbox that takes mail of one stream is there for all; a refusal concerns its own stream. */
static bool ends(const struct standing *s, uint64_t stream)
{
    if (s->s.cause != CAUSE_ESCALATED)
        return false;
    return s->s.scope != SCOPE_STREAM || s->s.stream == stream || s->s.reason != BOUNCE_REASON_RECIPIENT_REFUSED;
}

/* A delivery ends rows and what only rows had suppressed, but not where they count for life. */
void settle_delivery(struct fold *f, const struct fold_rules *rules, const struct outcome *o, int64_t t)
{
    later(&f->delivered_us, t);
    f->excused.circumstance = 0;
    if (f->failures.n)
        failures_clear(&f->failures, CLEARED_DELIVERY, o->stream, policy_keeps(rules->policy));
    for (unsigned i = f->standing_count; i-- > 0;)
        if (!f->standing[i].keeps && ends(&f->standing[i], o->stream))
            standing_drop(f, i);
}

/* Somebody opened or clicked: ends rows where the tolerance says so. */
static void settle_engaged(struct fold *f, const struct fold_rules *rules, const struct policy_event *e)
{
    later(&f->engaged_us, e->time_us);
    if (!policy_minds_opens(rules->policy))
        return;
    failures_clear(&f->failures, CLEARED_ENGAGED, e->stream, true);
    for (unsigned i = f->standing_count; i-- > 0;)
        if (f->standing[i].opens_end && ends(&f->standing[i], e->stream))
            standing_drop(f, i);
}

/* ---- acts and opt-outs ---- */

static void lift(struct fold *f, const struct policy_event *e)
{
    for (unsigned i = f->standing_count; i-- > 0;) {
        const struct suppression *s = &f->standing[i].s;
        enum cause_lift need = cause_lift(s->cause);
        bool meant = (e->cause == CAUSE_NONE || e->cause == s->cause) &&
                     (e->scope != SCOPE_STREAM || same_place(s, SCOPE_STREAM, e->stream));
        if (meant && (need == LIFT_FREE || (need == LIFT_REVERIFIED && e->flags & EVENT_REVERIFIED)))
            standing_drop(f, i);
    }
    if (e->cause == CAUSE_NONE || e->cause == CAUSE_HARD || e->cause == CAUSE_ESCALATED)
        f->failures.n = 0;
}

static void erase(struct fold *f, const struct policy *p, int64_t t)
{
    f->standing_count = f->held_count = f->failures.n = 0;
    f->excused.circumstance = 0;
    struct standing s = {.s = {.cause = CAUSE_ERASED, .scope = SCOPE_GLOBAL, .since_us = t},
                         .domain_from_us = TIME_NONE};
    suppress(f, p, &s);
}

static void opt_out(struct fold *f, const struct policy *p, const struct policy_event *e)
{
    enum cause cause = e->kind == BOUNCE_KIND_UNSUBSCRIBED ? CAUSE_UNSUBSCRIBED : CAUSE_COMPLAINT;
    enum scope scope = policy_scope(p, cause, e->stream);
    struct standing s = {
        .s = {.cause = cause, .scope = scope, .stream = scope == SCOPE_STREAM ? e->stream : 0, .since_us = e->time_us},
        .domain_from_us = TIME_NONE};
    suppress(f, p, &s);
}

static void suppress_by_hand(struct fold *f, const struct policy *p, const struct policy_event *e)
{
    struct standing s = {.s = {.cause = e->cause && e->cause < CAUSES ? (enum cause)e->cause : CAUSE_MANUAL,
                               .scope = (enum scope)e->scope,
                               .stream = e->scope == SCOPE_STREAM ? e->stream : 0,
                               .reason = (enum bounce_reason)e->reason,
                               .since_us = e->time_us},
                         .domain_from_us = TIME_NONE};
    suppress(f, p, &s);
}

/* What somebody did with mail or said of it. */
static void settle_said(struct fold *f, const struct fold_rules *rules, const struct policy_event *e)
{
    if (e->kind == BOUNCE_KIND_OPENED || e->kind == BOUNCE_KIND_CLICKED) {
        settle_engaged(f, rules, e);
        return;
    }
    const struct circumstance *breaker = circumstance_breaker(rules, e->time_us, e->marks);
    if (breaker)
        excuse(f, breaker, e->reason, e->time_us);
    else
        opt_out(f, rules->policy, e);
}

void settle_act(struct fold *f, const struct fold_rules *rules, const struct policy_event *e)
{
    const struct policy *p = rules->policy;
    switch ((enum event_what)e->what) {
    case EVENT_SUPPRESS:
        suppress_by_hand(f, p, e);
        break;
    case EVENT_LIFT:
        lift(f, e);
        break;
    case EVENT_ERASE:
        erase(f, p, e->time_us);
        break;
    case EVENT_OBSERVED:
        settle_said(f, rules, e);
        break;
    default:
        break;
    }
}
