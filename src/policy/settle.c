#include "policy/settle.h"

/* Which rows a failure of a word counts in: its own and the more patient ones. */
static const uint8_t ROWS_OF[ROWS] = {
    [ROW_LOOK] = 1u << ROW_LOOK | 1u << ROW_CAMPAIGN | 1u << ROW_SLOW,
    [ROW_DOMAIN] = 1u << ROW_DOMAIN | 1u << ROW_SLOW,
    [ROW_QUOTA] = 1u << ROW_QUOTA | 1u << ROW_CAMPAIGN | 1u << ROW_SLOW,
    [ROW_CAMPAIGN] = 1u << ROW_CAMPAIGN | 1u << ROW_SLOW,
    [ROW_SLOW] = 1u << ROW_SLOW,
};

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
    return cause == CAUSE_ESCALATED && p->expiry_us ? since_us + p->expiry_us : TIME_NONE;
}

static void suppress(struct fold *f, const struct policy *p, const struct suppression *s, int64_t domain_from_us)
{
    struct standing *old = standing_find(f, s->cause, s->scope, s->stream);
    struct standing new = {*s, domain_from_us};
    new.s.until_us = expiry(p, s->cause, s->since_us);
    if (!old) {
        standing_put(f, &new);
        return;
    }
    bool expired = old->s.until_us != TIME_NONE && old->s.until_us <= s->since_us;
    bool moved_on = old->domain_from_us != TIME_NONE && domain_from_us != old->domain_from_us;
    if (expired) {
        *old = new;
    } else if (moved_on) {
        old->domain_from_us = domain_from_us;
        old->s.until_us = new.s.until_us;
    }
    if (s->since_us < old->s.since_us)
        old->s.since_us = s->since_us;
}

/* ---- failures and deliveries ---- */

static struct row *stream_row(struct fold *f, uint64_t stream)
{
    unsigned oldest = 0;
    for (unsigned i = 0; i < f->stream_count; i++) {
        if (f->streams[i].stream == stream)
            return &f->streams[i].row;
        const struct row *r = &f->streams[i].row, *o = &f->streams[oldest].row;
        if (r->entries[r->n - 1].time_us < o->entries[o->n - 1].time_us)
            oldest = i;
    }
    unsigned at = f->stream_count < FOLD_MAX_STREAMS ? f->stream_count++ : oldest;
    f->streams[at].stream = stream;
    f->streams[at].row.n = 0;
    return &f->streams[at].row;
}

/* One counted failure after an escalated suppression expired suppresses again. */
static void end_probation(struct fold *f, const struct policy *p, enum scope scope, uint64_t stream, uint8_t reason,
                          int64_t t)
{
    struct standing *s = standing_find(f, CAUSE_ESCALATED, scope, stream);
    if (!s || s->s.until_us == TIME_NONE || s->s.until_us > t)
        return;
    s->s.since_us = t;
    s->s.until_us = expiry(p, CAUSE_ESCALATED, t);
    s->s.reason = (enum bounce_reason)reason;
}

static void count_refused(struct fold *f, const struct policy *p, const struct outcome *o, int64_t t)
{
    /* without streams all mail is one stream */
    enum scope scope = o->stream ? SCOPE_STREAM : SCOPE_TENANT;
    struct row *r = stream_row(f, o->stream);
    struct row_entry entry = {t, o->campaign, false};
    int64_t domain_from;
    if (!row_add(r, &entry, o->reason, true, p->repeat_us))
        return;
    end_probation(f, p, scope, o->stream, o->reason, t);
    if (!row_full(r, &p->refused, &domain_from))
        return;
    struct suppression s = {.cause = CAUSE_ESCALATED,
                            .scope = scope,
                            .stream = o->stream,
                            .reason = (enum bounce_reason)o->reason,
                            .since_us = t};
    suppress(f, p, &s, TIME_NONE);
}

static void count_rows(struct fold *f, const struct policy *p, enum row_kind own, const struct outcome *o, int64_t t)
{
    enum bounce_reason reason = (enum bounce_reason)o->reason;
    enum bounce_blame blame = bounce_reason_blame(reason);
    bool counted = false;
    for (unsigned i = 0; i < ROWS; i++) {
        if (!(ROWS_OF[own] & 1u << i))
            continue;
        bool hard = i == ROW_LOOK || i == ROW_DOMAIN;
        struct row_entry entry = {t, o->campaign,
                                  !hard && (blame == BOUNCE_BLAME_DOMAIN || blame == BOUNCE_BLAME_NETWORK)};
        int64_t domain_from;
        if (!row_add(&f->rows[i], &entry, o->reason, !hard, p->repeat_us))
            continue;
        counted = true;
        if (!row_full(&f->rows[i], &p->rows[i], &domain_from))
            continue;
        struct suppression s = {.cause = hard ? CAUSE_HARD : CAUSE_ESCALATED,
                                .scope = hard ? SCOPE_GLOBAL : SCOPE_TENANT,
                                .reason = reason,
                                .since_us = t};
        suppress(f, p, &s, domain_from);
    }
    if (counted)
        end_probation(f, p, SCOPE_TENANT, 0, o->reason, t);
}

static void count_hard(struct fold *f, const struct policy *p, const struct outcome *o, int64_t t)
{
    if (o->reason == BOUNCE_REASON_DOMAIN_UNKNOWN) {
        count_rows(f, p, ROW_DOMAIN, o, t);
    } else if (o->certainty < p->sure_certainty) {
        count_rows(f, p, ROW_LOOK, o, t);
    } else {
        struct suppression s = {
            .cause = CAUSE_HARD, .scope = SCOPE_GLOBAL, .reason = (enum bounce_reason)o->reason, .since_us = t};
        suppress(f, p, &s, TIME_NONE);
    }
}

static void count_platform(struct fold *f, const struct policy *p, const struct outcome *o, int64_t t)
{
    enum cause cause = o->cause && o->cause < CAUSES ? (enum cause)o->cause : CAUSE_UPSTREAM;
    struct suppression s = {
        .cause = cause, .scope = SCOPE_GLOBAL, .reason = (enum bounce_reason)o->reason, .since_us = t};
    if (o->scope == SCOPE_STREAM && o->stream) {
        s.scope = SCOPE_STREAM;
        s.stream = o->stream;
    }
    suppress(f, p, &s, TIME_NONE);
}

/* A circumstance took it: recorded, held, not counted. */
static void excuse(struct fold *f, const struct circumstance *c, uint8_t reason, int64_t t)
{
    if (f->excused.circumstance != c->id)
        f->excused.since_us = t;
    f->excused.circumstance = c->id;
    f->excused.reason = reason;
}

void settle_failure(struct fold *f, const struct fold_rules *rules, const struct outcome *o, int64_t t)
{
    const struct policy *p = rules->policy;
    enum bounce_reason reason = (enum bounce_reason)o->reason;
    later(&f->failed_us, t);
    if (bounce_reason_counts(reason) == BOUNCE_COUNTS_NEVER)
        return;
    const struct circumstance *c = circumstance_of(rules, t, o->attempt_us, reason, o->marks);
    if (c) {
        excuse(f, c, o->reason, t);
        return;
    }
    f->excused.circumstance = 0;
    if (reason == BOUNCE_REASON_RECIPIENT_REFUSED) {
        count_refused(f, p, o, t);
        return;
    }
    switch (bounce_reason_counts(reason)) {
    case BOUNCE_COUNTS_AT_ONCE:
        count_hard(f, p, o, t);
        break;
    case BOUNCE_COUNTS_QUOTA:
        count_rows(f, p, ROW_QUOTA, o, t);
        break;
    case BOUNCE_COUNTS_CAMPAIGN:
        count_rows(f, p, ROW_CAMPAIGN, o, t);
        break;
    case BOUNCE_COUNTS_SLOW:
        count_rows(f, p, ROW_SLOW, o, t);
        break;
    case BOUNCE_COUNTS_PLATFORM:
        count_platform(f, p, o, t);
        break;
    case BOUNCE_COUNTS_NEVER:
        break;
    }
}

static void drop_stream_row(struct fold *f, uint64_t stream)
{
    for (unsigned i = 0; i < f->stream_count; i++)
        if (f->streams[i].stream == stream) {
            f->streams[i] = f->streams[--f->stream_count];
            return;
        }
}

/* A delivery ends rows and what only rows had suppressed. */
void settle_delivery(struct fold *f, const struct outcome *o, int64_t t)
{
    later(&f->delivered_us, t);
    f->excused.circumstance = 0;
    for (unsigned i = 0; i < ROWS; i++)
        f->rows[i].n = 0;
    drop_stream_row(f, o->stream);
    for (unsigned i = f->standing_count; i-- > 0;) {
        const struct suppression *s = &f->standing[i].s;
        if (s->cause == CAUSE_ESCALATED && (s->scope != SCOPE_STREAM || s->stream == o->stream))
            standing_drop(f, i);
    }
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
    if (e->cause == CAUSE_NONE || e->cause == CAUSE_HARD || e->cause == CAUSE_ESCALATED) {
        for (unsigned i = 0; i < ROWS; i++)
            f->rows[i].n = 0;
        f->stream_count = 0;
    }
}

static void erase(struct fold *f, const struct policy *p, int64_t t)
{
    f->standing_count = f->held_count = f->stream_count = 0;
    f->excused.circumstance = 0;
    for (unsigned i = 0; i < ROWS; i++)
        f->rows[i].n = 0;
    struct suppression s = {.cause = CAUSE_ERASED, .scope = SCOPE_GLOBAL, .since_us = t};
    suppress(f, p, &s, TIME_NONE);
}

static void opt_out(struct fold *f, const struct policy *p, const struct policy_event *e)
{
    struct suppression s = {.cause = CAUSE_COMPLAINT, .scope = SCOPE_GLOBAL, .since_us = e->time_us};
    if (e->kind == BOUNCE_KIND_UNSUBSCRIBED) {
        s.cause = CAUSE_UNSUBSCRIBED;
        s.scope = e->stream ? SCOPE_STREAM : SCOPE_TENANT;
        s.stream = e->stream;
    }
    suppress(f, p, &s, TIME_NONE);
}

static void suppress_by_hand(struct fold *f, const struct policy *p, const struct policy_event *e)
{
    enum cause cause = e->cause && e->cause < CAUSES ? (enum cause)e->cause : CAUSE_MANUAL;
    struct suppression s = {
        .cause = cause, .scope = (enum scope)e->scope, .reason = (enum bounce_reason)e->reason, .since_us = e->time_us};
    if (s.scope == SCOPE_STREAM)
        s.stream = e->stream;
    suppress(f, p, &s, TIME_NONE);
}

void settle_act(struct fold *f, const struct fold_rules *rules, const struct policy_event *e)
{
    const struct policy *p = rules->policy;
    const struct circumstance *breaker;
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
        breaker = circumstance_breaker(rules, e->time_us, e->marks);
        if (breaker)
            excuse(f, breaker, e->reason, e->time_us);
        else
            opt_out(f, p, e);
        break;
    default:
        break;
    }
}
