#include "core/health.h"

#include <stdlib.h>

#include "base/map.h"

#define KEPT_AT_MOST (2 * HEALTH_MAX_PROVIDERS) /* while reading; then the larger half stays */
#define DAYS_A_WEEK 7

struct making {
    struct ledger *l;
    const struct bounce_rules *rules;
    slice tenant, provider;
    int64_t now_us, today;
    arena *a;
    struct provider_health **kept;
    size_t n, left_out;
    struct provider_health *now;                     /* the one whose days are being read */
    int64_t sent_by_day[1 + 7 * HEALTH_USUAL_WEEKS]; /* of it, by age */
    map by_name;
    bool limited;
    err *e;
};

/* ---- counting ---- */

static bool throttles(enum bounce_kind kind, enum bounce_reason reason)
{
    const struct health_action *action = health_action(reason);
    if (!action || action->slower == HEALTH_SLOWER_NEVER)
        return false;
    return bounce_kind_attempt(kind) || (action->slower == HEALTH_SLOWER_ALWAYS && bounce_kind_final(kind));
}

static void count(struct health_counts *c, enum bounce_kind kind, enum bounce_reason reason, int64_t n)
{
    rates_add(&c->rates, kind, reason, n);
    if (throttles(kind, reason))
        c->throttled += n;
    if (kind == BOUNCE_KIND_OPENED || kind == BOUNCE_KIND_CLICKED)
        c->engaged += n;
}

static bool ends(enum bounce_kind kind, enum bounce_reason reason)
{
    struct rates r = {0};
    rates_add(&r, kind, reason, 1);
    return rates_sent(&r) > 0;
}

/* Messages with an end, and put off: what a provider was asked for. */
static int64_t attempts(const struct rates *r)
{
    return rates_sent(r) + r->deferred;
}

/* ---- which ones are kept ---- */

static int larger_first(const void *a, const void *b)
{
    const struct provider_health *x = *(struct provider_health *const *)a, *y = *(struct provider_health *const *)b;
    int64_t wx = attempts(&x->spans[HEALTH_MONTH].rates), wy = attempts(&y->spans[HEALTH_MONTH].rates);
    return wx != wy ? (wx < wy) - (wx > wy) : slice_cmp(x->name, y->name);
}

static void keep_largest(struct making *m)
{
    if (m->n)
        qsort(m->kept, m->n, sizeof(struct provider_health *), larger_first);
    for (; m->n > HEALTH_MAX_PROVIDERS; m->n--)
        m->left_out++; /* its memory is used again below */
}

/* A new one with this name; one that was left out gives its place. */
static struct provider_health *make_one(struct making *m, slice name)
{
    if (m->n == KEPT_AT_MOST)
        keep_largest(m);
    struct provider_health *p = m->kept[m->n] ? m->kept[m->n] : ARENA_NEW(m->a, struct provider_health);
    slice copy = arena_dup(m->a, name);
    if (!p || m->a->limited) {
        m->limited = true;
        return NULL;
    }
    *p = (struct provider_health){.name = copy, .said = {.level = -1, .complaint_ppm = -1}};
    m->kept[m->n++] = p;
    return p;
}

/* ---- uneven volume ---- */

static void see_volume(struct making *m)
{
    int64_t sum = 0, days = 0;
    struct health_volume *v = &m->now->volume;
    v->today = m->sent_by_day[0];
    for (unsigned w = 1; w <= HEALTH_USUAL_WEEKS; w++) {
        int64_t then = m->sent_by_day[w * DAYS_A_WEEK];
        sum += then;
        days += then > 0;
    }
    v->usual = days >= 2 ? sum / days : 0;
    v->uneven = v->usual > 0 && v->today >= HEALTH_UNEVEN_LEAST && v->today >= HEALTH_UNEVEN_TIMES * v->usual;
}

static void end_one(struct making *m)
{
    if (m->now)
        see_volume(m);
    m->now = NULL;
    memset(m->sent_by_day, 0, sizeof m->sent_by_day);
}

/* ---- days ---- */

static void add_refusal(struct provider_health *p, const struct ledger_provider_day *d)
{
    bool failure = bounce_kind_final(d->kind) || bounce_kind_attempt(d->kind);
    if (failure && (unsigned)d->reason < BOUNCE_REASONS && health_action(d->reason))
        p->reasons[d->reason] += d->count;
}

static bool add_day(void *ctx, const struct ledger_provider_day *d)
{
    struct making *m = ctx;
    int64_t age = d->day > m->today ? 0 : m->today - d->day;
    if (m->now && !slice_eq(m->now->name, d->provider))
        end_one(m);
    if (!m->now)
        m->now = make_one(m, d->provider);
    struct provider_health *p = m->now;
    if (!p)
        return false;
    if (age < (int64_t)ARRAY_LEN(m->sent_by_day) && ends(d->kind, d->reason))
        m->sent_by_day[age] += d->count;
    if (age / DAYS_A_WEEK < HEALTH_WEEKS)
        count(&p->weeks[age / DAYS_A_WEEK].counts, d->kind, d->reason, d->count);
    if (age < health_span_days(HEALTH_WEEK))
        count(&p->spans[HEALTH_WEEK], d->kind, d->reason, d->count);
    if (age < health_span_days(HEALTH_MONTH)) {
        count(&p->spans[HEALTH_MONTH], d->kind, d->reason, d->count);
        add_refusal(p, d);
    }
    return true;
}

static enum status read_days(struct making *m)
{
    int64_t from = m->today - (int64_t)HEALTH_WEEKS * DAYS_A_WEEK + 1;
    enum status st = ledger_provider_days(m->l, m->tenant, m->provider, from, m->today + 1, add_day, m, m->e);
    end_one(m);
    return st;
}

/* ---- the last 24 hours ---- */

static struct provider_health *find(const struct making *m, slice name)
{
    return slice_empty(name) ? NULL : map_get(&m->by_name, name);
}

static bool add_hours(void *ctx, const struct tally_row *row)
{
    const struct making *m = ctx;
    struct provider_health *p = find(m, row->name);
    if (p)
        count(&p->spans[HEALTH_DAY], row->kind, row->reason, row->count);
    return true;
}

/* ---- what they say ---- */

struct hearing {
    struct making *m;
    struct provider_health *of;
    char subject[256];
    size_t subject_n;
    bool leveled;             /* this subject's newest level is known */
    int64_t sum_ppm, weights; /* of complaints */
};

static void end_hearing(struct hearing *h)
{
    if (h->of && h->weights)
        h->of->said.complaint_ppm = h->sum_ppm / h->weights;
    h->of = NULL;
    h->subject_n = 0;
    h->sum_ppm = h->weights = 0;
}

static void hear_level(struct hearing *h, const struct ledger_provider_report *r)
{
    slice subject = slice_sub(r->subject, 0, sizeof h->subject);
    if (!h->subject_n || !slice_eq(subject, slice_of(h->subject, h->subject_n))) {
        memcpy(h->subject, subject.p, subject.n);
        h->subject_n = subject.n;
        h->leveled = false;
    }
    if (h->leveled || r->level < 0)
        return;
    h->leveled = true;
    h->of->said.level = r->level > h->of->said.level ? r->level : h->of->said.level;
}

#define MOST_WEIGHT INT64_C(1000000) /* so that sums of a week stay far from 64 bits */

static bool hear(void *ctx, const struct ledger_provider_report *r)
{
    struct hearing *h = ctx;
    struct making *m = h->m;
    if (h->of && !slice_eq(h->of->name, r->provider))
        end_hearing(h);
    if (!h->of)
        h->of = find(m, r->provider);
    if (!h->of && m->n < KEPT_AT_MOST) { /* no mail of late, but a word about us */
        h->of = make_one(m, r->provider);
        void **place = h->of ? map_put(&m->by_name, h->of->name) : NULL;
        if (!place) {
            m->limited = true;
            return false;
        }
        *place = h->of;
    }
    if (!h->of)
        return true;
    hear_level(h, r);
    struct health_said *said = &h->of->said;
    if (r->complaint_ppm >= 0) {
        int64_t weight = r->recipients > MOST_WEIGHT ? MOST_WEIGHT : r->recipients > 0 ? r->recipients : 1;
        h->sum_ppm += r->complaint_ppm * weight;
        h->weights += weight;
    }
    said->traps += r->traps > 0 ? r->traps : 0;
    said->day = r->day > said->day ? r->day : said->day;
    return true;
}

static enum status read_said(struct making *m)
{
    struct hearing h = {.m = m};
    enum status st = ledger_provider_reports(m->l, m->tenant, m->provider, m->today - HEALTH_SAID_DAYS + 1,
                                             m->today + 1, hear, &h, m->e);
    end_hearing(&h);
    return st;
}

/* ---- the pause that replies ask for ---- */

static bool hear_pause(void *ctx, const struct ledger_group *g)
{
    struct making *m = ctx;
    struct provider_health *p = find(m, g->provider);
    if (!p || !p->throttling.count || g->last_us < m->now_us - TIME_DAY || !health_action(g->reason))
        return true;
    struct bounce_evidence_set evidence = {.text = slice_empty(g->example) ? g->text : g->example,
                                           .status = SLICE_EMPTY,
                                           .provider = g->provider,
                                           .recipient = SLICE_EMPTY,
                                           .kind = BOUNCE_KIND_DEFERRED};
    struct bounce_verdict v;
    if (bounce_judge(m->rules, &evidence, m->a, &v) != BOUNCE_OK) {
        m->limited = true;
        return false;
    }
    if (v.retry_after_s <= 0 || !health_action(v.reason) ||
        (p->throttling.asked && v.retry_after_s <= p->throttling.pause_s))
        return true;
    p->throttling.asked = true;
    p->throttling.pause_s = v.retry_after_s;
    p->throttling.reply = arena_dup(m->a, evidence.text);
    return true;
}

static enum status read_pauses(struct making *m)
{
    bool any = false;
    for (size_t i = 0; i < m->n; i++) {
        struct health_throttling *t = &m->kept[i]->throttling;
        t->count = m->kept[i]->spans[HEALTH_DAY].throttled;
        any |= t->count > 0;
        if (t->count > 0)
            t->pause_s = health_pause(m->kept[i]->name, &t->from);
    }
    return any && m->rules ? ledger_groups(m->l, BOUNCE_REASONS, 0, hear_pause, m, m->e) : OK;
}

/* ---- the grade ---- */

static void rate_of(struct grade_rate *r, int64_t part, int64_t whole)
{
    *r = (struct grade_rate){rates_ppm(part, whole), whole > 0 ? whole : 0};
}

static void rates_of(const struct health_counts *c, struct grade_rate out[GRADE_PARTS])
{
    int64_t sent = rates_sent(&c->rates);
    rate_of(&out[GRADE_COMPLAINTS], c->rates.complaint, c->rates.delivered);
    rate_of(&out[GRADE_BLOCKS], c->rates.block, sent);
    rate_of(&out[GRADE_HARD], c->rates.hard, sent);
    rate_of(&out[GRADE_DEFERRALS], c->rates.deferred, attempts(&c->rates));
    out[GRADE_REPORTED] = (struct grade_rate){0, 0};
}

static void grade(struct provider_health *p)
{
    const struct health_said *said = &p->said;
    p->graded = rates_sent(&p->spans[HEALTH_WEEK].rates) >= HEALTH_LEAST ? HEALTH_WEEK : HEALTH_MONTH;
    rates_of(&p->spans[p->graded], p->parts);
    struct grade_rate *complaints = &p->parts[GRADE_COMPLAINTS];
    int64_t least = grade_border(GRADE_COMPLAINTS)->least;
    if (said->complaint_ppm >= 0 && (complaints->whole < least || said->complaint_ppm > complaints->ppm))
        *complaints = (struct grade_rate){said->complaint_ppm, complaints->whole < least ? least : complaints->whole};
    if (said->level >= 0)
        p->parts[GRADE_REPORTED] = (struct grade_rate){said->level * INT64_C(1000000) / 3, 1};
    grade_of(p->parts, &p->grade);
}

/* ---- recovery ---- */

static int64_t engagement(const struct health_week *w)
{
    return rates_ppm(w->counts.engaged, w->counts.rates.delivered);
}

/* Opens and clicks of a week against the mean of the others, where they are tracked at all. */
static bool disengaged(const struct provider_health *p, unsigned week)
{
    int64_t sum = 0, weeks = 0;
    for (unsigned i = 0; i < HEALTH_WEEKS; i++)
        if (i != week && p->weeks[i].is != GRADE_WEEK_EMPTY) {
            sum += engagement(&p->weeks[i]);
            weeks++;
        }
    return weeks >= 2 && sum / weeks >= HEALTH_ENGAGED_PPM && engagement(&p->weeks[week]) < sum / weeks / 2;
}

static void see_weeks(struct provider_health *p)
{
    struct grade_rate rates[GRADE_PARTS];
    for (unsigned i = 0; i < HEALTH_WEEKS; i++) {
        rates_of(&p->weeks[i].counts, rates);
        p->weeks[i].is = grade_week(rates, &p->weeks[i].why);
    }
    bool row = true;
    for (unsigned i = 0; i < HEALTH_WEEKS; i++) {
        struct health_week *w = &p->weeks[i];
        if (w->is == GRADE_WEEK_EMPTY)
            continue;
        if (disengaged(p, i)) {
            w->is = GRADE_WEEK_DIRTY;
            w->why |= HEALTH_DISENGAGED;
        }
        row = row && w->is == GRADE_WEEK_CLEAN;
        p->clean_weeks += row;
        p->trouble |= w->is == GRADE_WEEK_DIRTY;
    }
    p->trouble |= p->grade.grade == GRADE_LOW || p->grade.grade == GRADE_BAD;
}

unsigned health_weeks_missing(const struct provider_health *p)
{
    return p->trouble && p->clean_weeks < HEALTH_CLEAN_WEEKS ? HEALTH_CLEAN_WEEKS - p->clean_weeks : 0;
}

/* ---- all of it ---- */

static bool name_them(struct making *m)
{
    for (size_t i = 0; i < m->n; i++) {
        void **place = map_put(&m->by_name, m->kept[i]->name);
        if (!place)
            return false;
        *place = m->kept[i];
    }
    return true;
}

static enum status no_memory(err *e)
{
    return err_set(e, E_MEMORY, "health: out of memory");
}

static enum status read_all(struct making *m)
{
    enum status st = read_days(m);
    keep_largest(m);
    if (st == OK && (m->limited || !name_them(m)))
        st = no_memory(m->e);
    if (st == OK)
        st = ledger_report(m->l, TALLY_PROVIDER, m->tenant, m->now_us - TIME_DAY, TIME_NONE, add_hours, m, m->e);
    if (st == OK)
        st = read_said(m);
    if (st == OK)
        st = read_pauses(m);
    return st == OK && m->limited ? no_memory(m->e) : st;
}

enum status health_make(struct ledger *l, const struct bounce_rules *rules, slice tenant, slice provider,
                        int64_t now_us, arena *a, struct health *out, err *e)
{
    struct making m = {.l = l,
                       .rules = rules,
                       .tenant = tenant,
                       .provider = provider,
                       .now_us = now_us,
                       .today = now_us / TIME_DAY,
                       .a = a,
                       .kept = arena_calloc(a, KEPT_AT_MOST + 1, sizeof(struct provider_health *)),
                       .e = e};
    *out = (struct health){.n = 0};
    if (!m.kept)
        return no_memory(e);
    map_init(&m.by_name, ledger_key(l));
    enum status st = read_all(&m);
    map_fini(&m.by_name);
    out->providers = st == OK ? arena_alloc(a, (m.n + 1) * sizeof *out->providers) : NULL;
    if (st == OK && !out->providers)
        st = no_memory(e);
    for (; st == OK && out->n < m.n; out->n++) {
        grade(m.kept[out->n]);
        see_weeks(m.kept[out->n]);
        out->providers[out->n] = *m.kept[out->n];
    }
    out->left_out = m.left_out;
    return st;
}
