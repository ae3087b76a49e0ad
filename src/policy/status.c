#include "policy/fold.h"

static void sooner(int64_t *due, int64_t t)
{
    if (t != TIME_NONE && (*due == TIME_NONE || t < *due))
        *due = t;
}

/* Failures of a domain or network do not stand once anybody at the domain was delivered. */
static bool cleared_by_domain(const struct standing *s, int64_t domain_delivered_us)
{
    return s->domain_from_us != TIME_NONE && domain_delivered_us != TIME_NONE &&
           domain_delivered_us >= s->domain_from_us;
}

static void add_suppressions(const struct fold *f, const struct policy *p, int64_t domain_delivered_us, int64_t now_us,
                             struct address_status *out)
{
    for (unsigned i = 0; i < f->standing_count; i++) {
        const struct standing *s = &f->standing[i];
        if (cleared_by_domain(s, domain_delivered_us))
            continue;
        out->domain_sensitive |= s->domain_from_us != TIME_NONE;
        if (s->s.until_us != TIME_NONE && s->s.until_us <= now_us) {
            out->probation |= p->probation >> s->s.cause & 1;
            continue;
        }
        sooner(&out->due_us, s->s.until_us);
        if (!out->suppression_count)
            out->for_life = s->keeps;
        out->suppressions[out->suppression_count++] = s->s;
    }
}

/* Of two rows the one with fewer failures left; else the one with more. */
static bool nearer(unsigned count, unsigned needed, const struct address_status *out)
{
    if (out->row == ROWS)
        return true;
    unsigned left = count < needed ? needed - count : 0;
    unsigned best = out->row_count < out->row_needed ? out->row_needed - out->row_count : 0;
    return left < best;
}

/* The row of the word of a reason, as its last failure stands there. */
static enum row_kind own_row(const struct failures *f, uint8_t reason)
{
    for (unsigned i = f->n; i-- > 0;)
        if (f->v[i].reason == reason)
            return (enum row_kind)f->v[i].row;
    return ROWS;
}

static void read_terms(const struct fold *f, const struct policy *p, const struct tolerance *t, int64_t now_us,
                       struct row_terms *terms, struct row *out)
{
    terms->tolerance = t;
    terms->needed = tolerance_needed(t, policy_engaged(p, f->engaged_us, now_us), !row_hard(terms->kind), false);
    row_read(&f->failures, terms, out);
}

/* One row as mail of one stream would meet it; a line of the last failure's reason stands in the place of its row's. */
static void consider_row(const struct fold *f, const struct policy *p, enum row_kind kind, uint64_t stream,
                         int64_t now_us, struct address_status *out)
{
    const struct tolerances *mine = policy_stream(p, stream);
    struct row_terms terms = {.kind = kind, .asked = ROW_NOBODY, .stream = stream, .repeat_us = p->repeat_us};
    struct row r;
    read_terms(f, p, &mine->rows[kind], now_us, &terms, &r);
    if (r.count && mine->own >> r.reason & 1 && own_row(&f->failures, r.reason) == kind)
        read_terms(f, p, &mine->reasons[r.reason], now_us, &terms, &r);
    out->second_look |= row_hard(kind) && r.count && terms.needed;
    if (!r.count || !terms.needed || !nearer(r.count, terms.needed, out))
        return;
    out->row = kind;
    out->row_count = r.count;
    out->row_needed = terms.needed;
    out->row_first_us = r.first_us;
    out->row_last_us = r.last_us;
    out->row_not_before_us = r.first_us + terms.tolerance->span_us;
    out->row_keeps = terms.tolerance->keeps;
    out->reason = (enum bounce_reason)r.reason;
}

/* The rows that these failures may fill, as bits. */
static unsigned rows_filled(const struct failures *f, const struct tolerances *t)
{
    unsigned bits = 0;
    for (unsigned i = 0; i < f->n; i++)
        for (unsigned row = 0; row < ROWS; row++)
            if (tolerances_fill(t, (enum bounce_reason)f->v[i].reason, (enum row_kind)f->v[i].row, (enum row_kind)row))
                bits |= 1u << row;
    return bits;
}

static bool stream_before(const struct failures *f, unsigned i)
{
    for (unsigned k = 0; k < i; k++)
        if (f->v[k].stream == f->v[i].stream)
            return true;
    return false;
}

static void add_rows(const struct fold *f, const struct policy *p, int64_t now_us, struct address_status *out)
{
    for (unsigned i = 0; i < f->failures.n; i++) {
        uint64_t stream = f->failures.v[i].stream;
        unsigned rows = stream_before(&f->failures, i) ? 0 : rows_filled(&f->failures, policy_stream(p, stream));
        for (unsigned kind = 0; kind < ROWS; kind++)
            if (rows >> kind & 1)
                consider_row(f, p, (enum row_kind)kind, stream, now_us, out);
    }
}

static void add_held(const struct fold *f, struct address_status *out)
{
    for (unsigned i = 0; i < f->held_count; i++)
        out->held[out->held_count++] = f->held[i].key;
}

static void decide_suppressed(const struct policy *p, struct address_status *out)
{
    const struct suppression *s = &out->suppressions[0];
    out->state = STATE_SUPPRESSED;
    out->cause = s->cause;
    out->scope = s->scope;
    out->reason = s->reason;
    out->since_us = s->since_us;
    out->until_us = s->until_us;
    switch (cause_lift(s->cause)) {
    case LIFT_FREE:
        out->changes |= CHANGE_LIFT;
        break;
    case LIFT_REVERIFIED:
        out->changes |= CHANGE_REVERIFIED;
        break;
    case LIFT_NEVER:
        out->changes |= CHANGE_NEVER;
        break;
    }
    if (s->until_us != TIME_NONE)
        out->changes |= CHANGE_TIME;
    out->then_probation = p->probation >> s->cause & 1;
    if (s->cause == CAUSE_ESCALATED)
        out->changes |= (out->for_life ? 0u : (unsigned)CHANGE_DELIVERY) | (out->domain_sensitive ? CHANGE_DOMAIN : 0u);
}

/* Held as long as what took its last failure goes on. */
static void decide_excused(const struct fold *f, const struct fold_rules *rules, struct address_status *out)
{
    const struct circumstance *c = f->excused.circumstance ? circumstance_by_id(rules, f->excused.circumstance) : NULL;
    if (!c || c->until_us != TIME_NONE)
        return;
    out->state = STATE_HELD;
    out->hold = c->what == CIRCUMSTANCE_BREAKER ? HOLD_BREAKER : HOLD_INCIDENT;
    out->since_us = f->excused.since_us;
    out->reason = (enum bounce_reason)f->excused.reason;
    out->circumstance = c->id;
    out->changes |= CHANGE_DELIVERY | CHANGE_OVER;
}

static void decide_state(const struct fold *f, const struct policy *p, struct address_status *out)
{
    if (out->held_count)
        out->changes |= CHANGE_REVIEW;
    if (out->suppression_count) {
        decide_suppressed(p, out);
        return;
    }
    if (out->row != ROWS)
        out->changes |= CHANGE_FAILURE | (out->row_keeps ? 0u : (unsigned)CHANGE_DELIVERY);
    if (out->probation)
        out->changes |= CHANGE_FAILURE | CHANGE_DELIVERY;
    if (out->held_count) {
        out->state = STATE_HELD;
        out->hold = HOLD_TRUST;
        out->since_us = f->held[0].time_us;
        if (out->row == ROWS)
            out->reason = (enum bounce_reason)f->held[0].reason;
    } else if (out->second_look) {
        out->state = STATE_HELD;
        out->hold = HOLD_SECOND_LOOK;
        out->since_us = out->row_first_us;
    } else if (out->row != ROWS) {
        out->state = STATE_SOFT;
        out->since_us = out->row_first_us;
    }
}

void fold_finish(struct fold *f, const struct fold_rules *rules, int64_t domain_delivered_us, int64_t now_us,
                 struct address_status *out)
{
    int64_t due_us;
    fold_settle(f, rules, now_us, &due_us);
    *out = (struct address_status){.row = ROWS,
                                   .since_us = TIME_NONE,
                                   .until_us = TIME_NONE,
                                   .due_us = due_us,
                                   .row_first_us = TIME_NONE,
                                   .row_last_us = TIME_NONE,
                                   .row_not_before_us = TIME_NONE,
                                   .last_delivered_us = f->delivered_us,
                                   .last_failed_us = f->failed_us,
                                   .last_engaged_us = f->engaged_us,
                                   .first_seen_us = f->first_us};
    add_suppressions(f, rules->policy, domain_delivered_us, now_us, out);
    add_rows(f, rules->policy, now_us, out);
    add_held(f, out);
    if (due_us != TIME_NONE)
        out->changes |= CHANGE_TIME;
    decide_state(f, rules->policy, out);
    if (out->state != STATE_SUPPRESSED)
        decide_excused(f, rules, out);
}
