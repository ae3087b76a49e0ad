#include "policy/meter.h"

#include <stdlib.h>
#include <string.h>

#include "policy/meter_set.h"

#define OVER_LIMIT 8.0f /* what must speak for "normal again" */
#define SLICE_US (10 * TIME_MINUTE)
#define SLICE_LEAST 20u        /* messages; a slice with less goes on */
#define SLICE_LONGEST TIME_DAY /* but not for longer */
#define BACK_DOUBT 4u      /* good messages added to those of a run: few that all failed do not prove that all fail */
#define DOUBTFUL 3.0f      /* a slice in which a sum is above this part of the limit is not learned yet */
#define SMALL_PAST 10000   /* messages in the past of a small domain */
#define PROVIDER_PLACES 3u /* domains that must fail before it is the provider */
#define TEXT_PLACES 4u     /* or the text */

#define HARD_REASONS(r) ((r) == BOUNCE_REASON_USER_UNKNOWN || (r) == BOUNCE_REASON_USER_DISABLED)

static const char *const BY_WORDS[METERS] = {"domain", "provider", "text"};
static const char *const SIGNAL_WORDS[SIGNALS] = {"host", "gone", "away", "box"};
static const char *const SIGNAL_TEXTS[SIGNALS] = {
    "its servers do not take mail as they did",
    "recipients who took mail in the last days are unknown at once",
    "recipients who took mail in the last weeks are unknown at once",
    "recipients who took mail have full or unavailable mailboxes at once",
};

/* Shares of failures: what a receiver about whom nothing is known would have, and what a good list has at a good receiver. Addresses
 * die at a rate of 2 % a month (22 to 30 % a year), which is what GONE and AWAY must never take for an incident. */
static const struct cusum_kind KINDS[SIGNALS] = {
    [SIGNAL_HOST] = {0.01, 50, 0.003},
    [SIGNAL_GONE] = {0.007, 50, 0.012},
    [SIGNAL_AWAY] = {0.025, 50, 0.05},
    [SIGNAL_BOX] = {0.02, 50, 0.05},
};
/* Of all mail of a tenant; what was not written to for weeks has had the time to die. */
static const struct cusum_kind TEXT_KIND = {0.001, 50, 0.001}, TEXT_AWAY_KIND = {0.004, 50, 0.01};

static const float LIMITS[METER_SENSITIVITIES] = {[METER_LOW] = 40, [METER_USUAL] = 24, [METER_HIGH] = 16};

const char *meter_word(enum meter_by by)
{
    return by < METERS ? BY_WORDS[by] : "";
}

const char *meter_signal_word(enum meter_signal s)
{
    return s < SIGNALS ? SIGNAL_WORDS[s] : "";
}

const char *meter_signal_text(enum meter_signal s)
{
    return s < SIGNALS ? SIGNAL_TEXTS[s] : "";
}

const struct cusum_kind *meter_kind(enum meter_by by, enum meter_signal signal)
{
    if (by == METER_TEXT)
        return signal == SIGNAL_AWAY ? &TEXT_AWAY_KIND : &TEXT_KIND;
    return &KINDS[signal];
}

struct meter_set *meter_set_new(const struct meter_options *o)
{
    struct meter_set *set = calloc(1, sizeof(*set));
    if (!set)
        return NULL;
    set->options = *o;
    set->most = (uint32_t)(o->most ? o->most : METER_MOST);
    set->limit = LIMITS[o->sensitivity < METER_SENSITIVITIES ? o->sensitivity : METER_USUAL];
    set->clock_us = set->ticked_us = TIME_NONE;
    if (!meter_table_init(set))
        meter_set_free(&set);
    return set;
}

void meter_set_free(struct meter_set **set)
{
    if (*set)
        meter_table_fini(*set);
    free(*set);
    *set = NULL;
}

/* ---- names ---- */

static uint64_t tenant_hash(struct meter_set *set, slice tenant)
{
    if (set->tenant_known && slice_eq((slice){set->tenant_text, set->tenant_text_n}, tenant))
        return set->tenant_hash;
    uint64_t h = sip_hash(set->options.key, tenant) | 1;
    set->tenant_known = tenant.n <= sizeof(set->tenant_text);
    set->tenant_text_n = set->tenant_known ? tenant.n : 0;
    if (tenant.n && set->tenant_known)
        memcpy(set->tenant_text, tenant.p, tenant.n);
    return set->tenant_hash = h;
}

/* Texts are held apart by when the recipients took mail last: who was not written to for weeks has had the time to die, and a monthly
 * campaign finds more of them than a daily one. A tenant has a count for each; tenant_hash leaves the lowest bit for it. */
static uint64_t text_tenant(uint64_t tenant, bool recent)
{
    return recent ? tenant : tenant & ~UINT64_C(1);
}

static enum meter_signal text_signal(uint64_t tenant)
{
    return tenant & 1 ? SIGNAL_HOST : SIGNAL_AWAY;
}

static uint64_t mixed(uint64_t tenant, enum meter_by by, uint64_t name)
{
    uint64_t x = tenant ^ (name + (uint64_t)by + 1) * UINT64_C(0x9e3779b97f4a7c15);
    x ^= x >> 32;
    x *= UINT64_C(0xd6e8feb86659fd93);
    return x ^ x >> 32;
}

static uint64_t name_key(struct meter_set *set, slice tenant, enum meter_by by, slice name)
{
    return mixed(tenant_hash(set, tenant), by, sip_hash(set->options.key, name));
}

/* ---- what an event says ---- */

enum said { SAID_NOTHING, SAID_WELL, SAID_FAILED };

struct sight {
    enum said said;
    enum meter_signal signal; /* of a failure */
    bool recent, knew;        /* took mail in the last days, in the last weeks */
    int64_t time_us;
    uint64_t place; /* the domain as one bit */
};

static bool counts(enum bounce_reason reason)
{
    return bounce_reason_class(reason) != BOUNCE_CLASS_BLOCK && bounce_reason_counts(reason) != BOUNCE_COUNTS_NEVER &&
           bounce_reason_counts(reason) != BOUNCE_COUNTS_PLATFORM && reason != BOUNCE_REASON_GREYLISTED &&
           reason != BOUNCE_REASON_ADDRESS_INVALID && reason != BOUNCE_REASON_USER_MOVED;
}

/* A recipient whom we never reached tells about the list, not about the receiver. */
static enum said failure(const struct meter_event *e, struct sight *s)
{
    if (e->tried_nothing || !counts(e->reason))
        return SAID_NOTHING;
    if (bounce_reason_blame(e->reason) != BOUNCE_BLAME_RECIPIENT) {
        s->signal = SIGNAL_HOST;
        return SAID_FAILED;
    }
    if (e->knew_us != TIME_NONE && e->time_us - e->knew_us < METER_FRESH_US)
        return SAID_NOTHING;
    s->signal = !HARD_REASONS(e->reason) ? SIGNAL_BOX : s->recent ? SIGNAL_GONE : SIGNAL_AWAY;
    return s->knew ? SAID_FAILED : SAID_NOTHING;
}

static struct sight sight_of(const struct meter_event *e)
{
    struct sight s = {.time_us = e->time_us};
    int64_t age = e->knew_us == TIME_NONE ? INT64_MAX : e->time_us - e->knew_us;
    s.recent = age <= METER_RECENT_US;
    s.knew = age <= METER_KNEW_US;
    switch (e->kind) {
    case BOUNCE_KIND_DELIVERED:
    case BOUNCE_KIND_RELAYED:
        s.said = SAID_WELL;
        break;
    case BOUNCE_KIND_FAILED:
    case BOUNCE_KIND_DEFERRED:
    case BOUNCE_KIND_DELAYED: /* expired: it tells of days ago */
        s.said = failure(e, &s);
        break;
    default:
        break;
    }
    return s;
}

/* A recipient counts once: it may be one mailbox that every monitor writes to, and a deferred message is tried again and again. */
static bool failed_before(struct meter_set *set, const struct meter_event *e)
{
    struct failed_once *f = &set->failed[e->who & (METER_FAILED_ONCE - 1)];
    if (f->who == e->who && e->time_us - f->time_us < METER_ONCE_US && f->time_us - e->time_us < METER_ONCE_US)
        return true;
    *f = (struct failed_once){e->who, e->time_us};
    return false;
}

/* ---- opening and closing ---- */

static uint32_t ppm(double share)
{
    return (uint32_t)(share < 0 ? 0 : share > 1 ? 1000000 : share * 1000000 + 0.5);
}

static double share_of(uint32_t failed, uint32_t messages)
{
    return messages ? (double)failed / (double)messages : 0;
}

static void tell_over(struct meter_set *set, const struct meter *m, const struct opening *o, enum meter_end end,
                      int64_t until_us, int64_t seen_us)
{
    struct meter_verdict v = {.end = end,
                              .by = (enum meter_by)m->by,
                              .signal = (enum meter_signal)o->signal,
                              .id = o->id,
                              .from_us = o->from_us,
                              .until_us = until_us < seen_us ? until_us : seen_us,
                              .seen_us = seen_us,
                              .messages = o->messages,
                              .failed = o->failed,
                              .normal_ppm = o->normal_ppm,
                              .share_ppm = ppm(share_of(o->failed, o->messages))};
    (void)set->options.verdict(set->options.ctx, &v);
}

static void close_one(struct meter_set *set, struct opening *o)
{
    struct meter *m = &set->meters[o->meter];
    m->opening = METER_NO;
    m->changed = true;
    m->state.places = 0;
    for (unsigned i = 0; i < SIGNALS; i++) /* the others rose with it: they would open it again, days later */
        cusum_reset(&m->state.signals[i]);
    *o = (struct opening){.meter = METER_NO};
    set->open_count--;
}

static void close_as_normal(struct meter_set *set, struct opening *o)
{
    struct meter *m = &set->meters[o->meter];
    enum meter_signal s = (enum meter_signal)o->signal;
    double share = share_of(o->failed, o->messages);
    close_one(set, o);
    cusum_accept(&m->state.signals[s], meter_kind((enum meter_by)m->by, s), share);
}

static void look_at(struct meter_set *set, struct opening *o, int64_t now_us)
{
    struct meter *m = &set->meters[o->meter];
    if (o->back.run.sum >= OVER_LIMIT && now_us - o->back.run.from_us >= METER_NORMAL_US) {
        tell_over(set, m, o, METER_NORMAL, o->back.run.from_us + METER_MARGIN_US, now_us);
        close_one(set, o);
    } else if (now_us - o->last_failed_us >= METER_QUIET_US) {
        tell_over(set, m, o, METER_QUIET, o->last_failed_us + METER_MARGIN_US, now_us);
        close_one(set, o);
    } else if (now_us - o->from_us >= METER_LONGEST_US) {
        tell_over(set, m, o, METER_LONGEST, now_us, now_us);
        close_as_normal(set, o);
    }
}

static struct opening *free_opening(struct meter_set *set)
{
    for (size_t i = 0; i < METER_MOST_OPEN; i++)
        if (set->openings[i].meter == METER_NO)
            return &set->openings[i];
    return NULL;
}

static void open_one(struct meter_set *set, struct meter *m, const struct meter_event *e, enum meter_signal signal,
                     const struct cusum_run *run, enum meter_signal kind_of)
{
    struct opening *o = free_opening(set);
    if (!o)
        return;
    const struct cusum *c = &m->state.signals[signal];
    double normal = cusum_normal(c, meter_kind((enum meter_by)m->by, signal));
    double share = share_of(run->failed, run->messages);
    *o = (struct opening){.from_us = run->from_us - METER_MARGIN_US,
                          .last_failed_us = e->time_us,
                          .messages = run->messages,
                          .failed = run->failed,
                          .normal_ppm = ppm(normal),
                          .meter = (uint32_t)(m - set->meters),
                          .signal = (uint8_t)signal};
    cusum_back_init(&o->back, normal, share_of(run->failed, run->messages + BACK_DOUBT), cusum_spread(c));
    struct meter_verdict v = {.end = METER_OPEN,
                              .by = (enum meter_by)m->by,
                              .signal = kind_of,
                              .tenant = e->tenant,
                              .name = m->by == METER_DOMAIN     ? e->domain
                                      : m->by == METER_PROVIDER ? e->provider
                                                                : SLICE_EMPTY,
                              .text = m->by == METER_TEXT ? e->text : 0,
                              .from_us = o->from_us,
                              .until_us = TIME_NONE,
                              .seen_us = e->time_us,
                              .messages = o->messages,
                              .failed = o->failed,
                              .normal_ppm = o->normal_ppm,
                              .share_ppm = ppm(share),
                              .pause = kind_of == SIGNAL_GONE || kind_of == SIGNAL_AWAY};
    m->opening = (uint32_t)(o - set->openings);
    set->open_count++;
    o->id = set->options.verdict(set->options.ctx, &v);
}

/* ---- one meter ---- */

static float highest(const struct meter *m)
{
    float h = 0;
    for (unsigned i = 0; i < SIGNALS; i++) {
        float one = cusum_highest(&m->state.signals[i]);
        h = one > h ? one : h;
    }
    return h;
}

/* What a slice held becomes the past, unless it looks as if something began in it. */
static void end_slice(struct meter_set *set, struct meter *m, int64_t now_us)
{
    struct meter_state *s = &m->state;
    int64_t age = now_us - s->slice_us;
    uint32_t n = s->signals[m->by == METER_TEXT ? text_signal(m->tenant) : SIGNAL_HOST].slice_messages;
    bool due = (age >= SLICE_US && n >= SLICE_LEAST) || age >= SLICE_LONGEST;
    if (!due || m->opening != METER_NO)
        return;
    if (age < METER_LONGEST_US && highest(m) > set->limit / DOUBTFUL)
        return;
    for (unsigned i = 0; i < SIGNALS; i++)
        cusum_learn(&s->signals[i], meter_kind((enum meter_by)m->by, (enum meter_signal)i), age);
    s->slice_us = now_us;
}

/* False: the event is late and moves nothing. */
static bool enter(struct meter_set *set, struct meter *m, int64_t time_us)
{
    struct meter_state *s = &m->state;
    m->changed = true;
    if (s->last_us == TIME_NONE)
        s->last_us = s->slice_us = time_us;
    if (time_us < s->last_us - METER_LATE_US)
        return false;
    if (time_us > s->last_us)
        s->last_us = time_us;
    if (s->last_us - s->slice_us >= SLICE_US)
        end_slice(set, m, s->last_us);
    return true;
}

static void count(struct meter_set *set, struct meter *m, enum meter_signal signal, int64_t time_us, uint64_t well,
                  uint32_t failed)
{
    if (m->opening == METER_NO || set->openings[m->opening].signal != signal) {
        cusum_count(&m->state.signals[signal], time_us, well, failed);
        return;
    }
    struct opening *o = &set->openings[m->opening];
    uint64_t room = UINT32_MAX / 2 - o->messages;
    o->messages += (uint32_t)(well + failed < room ? well + failed : room);
    o->failed += failed;
    if (failed && o->last_failed_us < time_us)
        o->last_failed_us = time_us;
    cusum_back_count(&o->back, time_us, well, failed);
    if (o->back.run.sum >= OVER_LIMIT)
        look_at(set, o, time_us);
}

static unsigned places(uint64_t bits)
{
    unsigned n = 0;
    for (; bits; bits &= bits - 1)
        n++;
    return n;
}

/* At a small domain hardly two who took mail lately are gone by chance at one time, and there are not many to prove anything: half
 * the proof will do. At a large one it comes about every hour. */
static bool half_will_do(const struct meter *m, enum meter_signal signal)
{
    return m->by == METER_DOMAIN && signal == SIGNAL_GONE && m->state.signals[signal].past_messages < SMALL_PAST;
}

static void may_open(struct meter_set *set, struct meter *m, const struct meter_event *e, enum meter_signal signal,
                     enum meter_signal kind_of)
{
    static const unsigned least_places[METERS] = {0, PROVIDER_PLACES, TEXT_PLACES};
    const struct cusum *c = &m->state.signals[signal];
    if (m->opening != METER_NO || c->past_messages - c->past_failed < METER_LEAST_PAST ||
        places(m->state.places) < least_places[m->by])
        return;
    const struct cusum_run *run = half_will_do(m, signal) ? cusum_alarm(c, set->limit / 2, METER_LEAST_GONE)
                                                          : cusum_alarm(c, set->limit, METER_LEAST_FAILED);
    if (run)
        open_one(set, m, e, signal, run, kind_of);
}

static void note_failure(struct meter_set *set, struct meter *m, const struct meter_event *e, const struct sight *s,
                         enum meter_signal signal)
{
    if (highest(m) <= 0)
        m->state.places = 0;
    m->state.places |= s->place;
    count(set, m, signal, s->time_us, 0, 1);
    if (m->state.muted_us == TIME_NONE || s->time_us >= m->state.muted_us)
        may_open(set, m, e, signal, s->signal);
    else if (m->opening == METER_NO)
        cusum_reset(&m->state.signals[signal]);
}

static void note_well(struct meter_set *set, struct meter *m, const struct sight *s, bool host)
{
    if (host)
        count(set, m, SIGNAL_HOST, s->time_us, 1, 0);
    if (!s->knew)
        return;
    count(set, m, s->recent ? SIGNAL_GONE : SIGNAL_AWAY, s->time_us, 1, 0);
    count(set, m, SIGNAL_BOX, s->time_us, 1, 0);
}

static void feed_meter(struct meter_set *set, enum meter_by by, slice name, const struct meter_event *e,
                       const struct sight *s)
{
    uint64_t tenant = tenant_hash(set, e->tenant);
    struct meter *m = meter_get(set, name_key(set, e->tenant, by, name), by, tenant);
    if (!m || !enter(set, m, s->time_us))
        return;
    if (s->said == SAID_WELL)
        note_well(set, m, s, by == METER_DOMAIN || s->knew);
    else
        note_failure(set, m, e, s, s->signal);
}

/* ---- texts ---- */

/* What went well since the last look, all at once: of a text only its failures are seen. */
static void catch_up(struct meter_set *set, struct meter *m, const struct tenant_count *t, int64_t time_us)
{
    uint64_t well = t->well > m->state.tenant_well ? t->well - m->state.tenant_well : 0;
    m->state.tenant_well = t->well;
    count(set, m, text_signal(m->tenant), time_us, well, 0);
}

static void feed_text(struct meter_set *set, const struct meter_event *e, const struct sight *s)
{
    uint64_t tenant = text_tenant(tenant_hash(set, e->tenant), s->recent);
    enum meter_signal signal = text_signal(tenant);
    struct tenant_count *t = meter_tenant(set, tenant);
    struct meter *m = t ? meter_get(set, mixed(tenant, METER_TEXT, e->text), METER_TEXT, tenant) : NULL;
    if (!m)
        return;
    bool fresh = m->state.last_us == TIME_NONE;
    if (!enter(set, m, s->time_us))
        return;
    if (fresh) { /* it was in nothing that went well so far */
        cusum_count(&m->state.signals[signal], s->time_us, t->well, 0);
        cusum_learn(&m->state.signals[signal], meter_kind(METER_TEXT, signal), 0);
        m->state.tenant_well = t->well;
    } else {
        catch_up(set, m, t, s->time_us);
    }
    note_failure(set, m, e, s, signal);
}

static bool open_at(struct meter_set *set, slice tenant, enum meter_by by, slice name)
{
    if (slice_empty(name) || !set->open_count)
        return false;
    const struct meter *m = meter_find(set, name_key(set, tenant, by, name));
    return m && m->opening != METER_NO;
}

bool meter_set_is_open(const struct meter_set *set, slice tenant, enum meter_by by, slice name)
{
    return open_at((struct meter_set *)(uintptr_t)set, tenant, by, name);
}

/* ---- the set ---- */

static void count_tenant(struct meter_set *set, const struct meter_event *e, bool recent)
{
    struct tenant_count *t = meter_tenant(set, text_tenant(tenant_hash(set, e->tenant), recent));
    if (!t)
        return;
    t->well++;
    t->changed = true;
}

void meter_set_feed(struct meter_set *set, const struct meter_event *e)
{
    struct sight s = sight_of(e);
    if (s.said == SAID_NOTHING || (s.said == SAID_FAILED && failed_before(set, e)))
        return;
    if (set->clock_us == TIME_NONE || set->clock_us < s.time_us)
        set->clock_us = s.time_us;
    if (s.said == SAID_FAILED)
        s.place = UINT64_C(1) << (sip_hash(set->options.key, e->domain) & 63);
    else if (s.knew)
        count_tenant(set, e, s.recent);
    if (!slice_empty(e->domain))
        feed_meter(set, METER_DOMAIN, e->domain, e, &s);
    if (!slice_empty(e->provider) && s.knew)
        feed_meter(set, METER_PROVIDER, e->provider, e, &s);
    if (s.said == SAID_FAILED && e->text && s.knew && !open_at(set, e->tenant, METER_DOMAIN, e->domain) &&
        !open_at(set, e->tenant, METER_PROVIDER, e->provider))
        feed_text(set, e, &s);
    if (set->open_count && (set->ticked_us == TIME_NONE || set->clock_us - set->ticked_us >= TIME_MINUTE))
        meter_set_tick(set, set->clock_us);
}

void meter_set_tick(struct meter_set *set, int64_t now_us)
{
    set->ticked_us = now_us;
    for (size_t i = 0, left = set->open_count; i < METER_MOST_OPEN && left; i++) {
        struct opening *o = &set->openings[i];
        if (o->meter == METER_NO)
            continue;
        left--;
        struct meter *m = &set->meters[o->meter];
        struct tenant_count *t = m->by == METER_TEXT ? meter_tenant(set, m->tenant) : NULL;
        if (t)
            catch_up(set, m, t, now_us);
        if (o->meter != METER_NO)
            look_at(set, o, now_us);
    }
}

int64_t meter_set_clock(const struct meter_set *set)
{
    return set->clock_us;
}

void meter_set_release(struct meter_set *set, int64_t id, bool normal)
{
    for (size_t i = 0; i < METER_MOST_OPEN; i++) {
        struct opening *o = &set->openings[i];
        if (o->meter == METER_NO || o->id != id)
            continue;
        struct meter *m = &set->meters[o->meter];
        m->state.muted_us = m->state.last_us + METER_MUTED_US;
        if (normal)
            close_as_normal(set, o);
        else
            close_one(set, o);
    }
}

bool meter_set_has(const struct meter_set *set, int64_t id)
{
    for (size_t i = 0; i < METER_MOST_OPEN; i++)
        if (set->openings[i].meter != METER_NO && set->openings[i].id == id)
            return true;
    return false;
}

size_t meter_set_count(const struct meter_set *set)
{
    return set->count;
}

size_t meter_set_open_count(const struct meter_set *set)
{
    return set->open_count;
}
