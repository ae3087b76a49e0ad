#include "score.h"

#include <stdlib.h>

#define DAY 1440u
#define LATEST_HANGOVER (6 * DAY) /* so long behind a trouble its messages may still expire */
#define BUSY_DOMAIN 100u          /* messages an hour from which on an outage must be noticed */
#define FULL_CAMPAIGNS 6u
#define FULL_DAYS 30u

static uint32_t minute_of(int64_t us)
{
    return (uint32_t)((us - WORLD_START_US) / TIME_MINUTE);
}

static const struct world *world_of(const struct score *s)
{
    return s->opinion->world;
}

/* ---- good addresses ---- */

static void wrong_begins(struct score *s, struct record *r, uint32_t minute)
{
    r->wrong_since = minute;
    s->wrong_ever++;
}

static void count_lost(struct score *s, struct record *r)
{
    if (r->lost)
        return;
    r->lost = true;
    s->wrong++;
    s->wrong_by[r->situation]++;
}

static void wrong_ends(struct score *s, struct record *r, uint32_t minute)
{
    uint32_t dead = world_of(s)->addresses[r->address].dead;
    uint32_t until = minute < dead ? minute : dead;
    uint32_t span = until > r->wrong_since ? until - r->wrong_since : 0;
    if (span > DAY)
        count_lost(s, r);
    if (r->lost) {
        if (s->wrong_span_count == s->wrong_span_room) {
            s->wrong_span_room = s->wrong_span_room ? 2 * s->wrong_span_room : 64;
            s->wrong_minutes = realloc(s->wrong_minutes, s->wrong_span_room * sizeof(*s->wrong_minutes));
            MUST(s->wrong_minutes);
        }
        s->wrong_minutes[s->wrong_span_count++] = span;
    }
    r->wrong_since = WORLD_NEVER;
}

static bool held_rightly(const struct score *s, const struct record *r)
{
    return r->circumstance && s->opinion->spans[r->circumstance - 1].justified;
}

static uint32_t *dead_of(struct score *s, const struct record *r, unsigned *needed)
{
    bool low = world_of(s)->domains[world_of(s)->addresses[r->address].domain].low;
    *needed = low ? 2 : 1;
    return low ? &s->low : &s->plain;
}

/* What was told of a dead one lies in an incident after all. */
static void take_back(struct score *s, struct record *r)
{
    unsigned needed;
    uint32_t *count = dead_of(s, r, &needed);
    *count -= r->outcomes >= needed && !r->missed;
    r->outcomes = 0;
}

static void changed(void *ctx, struct record *r, uint16_t before, int64_t now_us)
{
    struct score *s = ctx;
    uint32_t minute = minute_of(now_us);
    uint16_t own = world_of(s)->addresses[r->address].streams;
    bool was = before & own, is = r->blocked & own;
    if (was == is)
        return;
    if (!is) {
        if (r->wrong_since != WORLD_NEVER)
            wrong_ends(s, r, minute);
        if (held_rightly(s, r))
            take_back(s, r);
        return;
    }
    if (world_good(world_of(s), r->address, minute))
        wrong_begins(s, r, minute);
    if (r->full_sends && !r->full_done && !r->full_missed && world_abandoned(world_of(s), r->address, minute)) {
        r->full_done = true;
        s->full++;
    }
}

void score_withheld(struct score *s, struct record *r, uint32_t minute)
{
    s->withheld++;
    if (!world_good(world_of(s), r->address, minute))
        return;
    if (r->wrong_since != WORLD_NEVER) {
        s->withheld_good++;
        count_lost(s, r);
    } else if (!r->returned) {
        r->returned = true; /* suppressed when it was abandoned, and its people came back */
        s->returned++;
    }
}

/* ---- dead and abandoned ones ---- */

static void sent_to_dead(struct score *s, struct record *r)
{
    unsigned needed;
    const uint32_t *count = dead_of(s, r, &needed);
    if (r->missed || r->outcomes < needed || held_rightly(s, r))
        return;
    r->missed = true;
    if (count == &s->low)
        s->low_missed++;
    else
        s->plain_missed++;
}

static void sent_to_abandoned(struct score *s, struct record *r, uint32_t minute)
{
    if (!r->full_sends)
        r->first_full = minute;
    if (r->full_sends >= FULL_CAMPAIGNS && minute - r->first_full >= FULL_DAYS * DAY && !r->full_missed &&
        !r->full_done) {
        r->full_missed = true;
        s->full++;
        s->full_missed++;
    }
    r->full_sends++;
}

void score_sent(struct score *s, struct record *r, uint32_t minute)
{
    if (minute >= world_of(s)->addresses[r->address].dead)
        sent_to_dead(s, r);
    else if (world_abandoned(world_of(s), r->address, minute))
        sent_to_abandoned(s, r, minute);
}

/* A trouble at the domain, now or a day ago. */
static bool troubled(const struct score *s, const struct record *r, uint32_t minute)
{
    const struct trouble *t = world_of(s)->now[world_of(s)->addresses[r->address].domain];
    return t && minute < t->until + DAY;
}

void score_told(struct score *s, struct record *r, const struct note *n, uint32_t minute)
{
    enum situation situation = s->opinion->replies->v[n->reply].situation;
    bool dead = situation == DEAD || situation == CLOSED || situation == DEAD_LOW || situation == DEAD_LOW_TEMPORARY;
    if (!dead || n->witness == WITNESS_STRANGER || !bounce_kind_final((enum bounce_kind)n->kind) ||
        n->message == r->last_message || troubled(s, r, minute))
        return;
    r->last_message = n->message;
    if (held_rightly(s, r))
        return;
    unsigned needed;
    uint32_t *count = dead_of(s, r, &needed);
    if (r->outcomes < UINT8_MAX)
        r->outcomes++;
    *count += r->outcomes == needed;
}

/* ---- troubles and incidents ---- */

void score_hit(struct score *s, const struct trouble *t, uint32_t minute)
{
    struct noticed *n = &s->noticed[t - world_of(s)->troubles];
    if (n->first == WORLD_NEVER)
        n->first = minute;
    n->hit++;
    if (minute - n->first < 60)
        n->first_hour++;
}

static bool concerns(const struct world *w, const struct trouble *t, const struct span *span)
{
    if (span->c.by == MARK_TEXT)
        return true;
    uint32_t provider = span->c.mark - 1;
    if (t->of_provider)
        return t->place == (span->c.by == MARK_PROVIDER ? provider : w->domains[span->place].provider);
    return span->c.by == MARK_PROVIDER ? w->domains[t->place].provider == provider : t->place == span->place;
}

static void notice(struct noticed *n, const struct trouble *t, uint32_t minute)
{
    if (n->at != WORLD_NEVER || minute >= t->until + DAY || !n->hit)
        return;
    n->at = minute;
    n->at_hit = n->hit;
}

void score_opened(struct score *s, struct span *span)
{
    const struct world *w = world_of(s);
    for (size_t i = 0; i < w->trouble_count && w->troubles[i].from <= span->seen; i++) {
        const struct trouble *t = &w->troubles[i];
        if (t->until + LATEST_HANGOVER < span->seen || !concerns(w, t, span))
            continue;
        span->justified = true;
        notice(&s->noticed[i], t, span->seen);
    }
    s->opened++;
    s->false_opened += !span->justified;
    s->calm_opened += world_calm(span->seen) && !span->justified;
}

/* ---- the whole ---- */

void score_init(struct score *s, struct opinion *o)
{
    *s = (struct score){.opinion = o};
    o->changed = changed;
    o->ctx = s;
    size_t n = o->world->trouble_count;
    s->noticed = malloc((n ? n : 1) * sizeof(*s->noticed));
    MUST(s->noticed);
    for (size_t i = 0; i < n; i++)
        s->noticed[i] = (struct noticed){.first = WORLD_NEVER, .at_hit = WORLD_NEVER, .at = WORLD_NEVER};
}

void score_fini(struct score *s)
{
    free(s->noticed);
    free(s->wrong_minutes);
}

static bool is_outage(enum situation s)
{
    return s == CONNECT || s == BUSY || s == WRONG || s == WRONG_TEMPORARY;
}

static bool in_time(const struct noticed *n)
{
    return n->at != WORLD_NEVER && (n->at_hit <= 200 || n->at - n->first <= 10);
}

static void close_outages(struct score *s)
{
    for (size_t i = 0; i < world_of(s)->trouble_count; i++) {
        const struct noticed *n = &s->noticed[i];
        if (!is_outage(world_of(s)->troubles[i].situation) || n->first_hour < BUSY_DOMAIN)
            continue;
        s->outages++;
        if (!in_time(n))
            continue;
        s->outages_noticed++;
        if (n->at_hit > s->worst_hit)
            s->worst_hit = n->at_hit;
        if (n->at - n->first > s->worst_minutes)
            s->worst_minutes = n->at - n->first;
    }
}

static int by_size(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    return x < y ? -1 : x > y;
}

void score_close(struct score *s)
{
    for (uint32_t i = 0; i < s->opinion->record_count; i++) {
        struct record *r = &s->opinion->records[i];
        if (r->wrong_since == WORLD_NEVER)
            continue;
        wrong_ends(s, r, WORLD_YEAR);
        s->wrong_open += r->lost;
    }
    for (uint32_t i = 0; i < world_of(s)->n; i++)
        s->good += world_of(s)->addresses[i].dead > world_of(s)->addresses[i].joined;
    close_outages(s);
    if (s->wrong_span_count)
        qsort(s->wrong_minutes, s->wrong_span_count, sizeof(*s->wrong_minutes), by_size);
}

uint64_t score_wrong_milli(const struct score *s)
{
    return s->good ? UINT64_C(100000000) * s->wrong / s->good : 0;
}

static void add_share(buf *out, uint32_t missed, uint32_t of)
{
    uint64_t ppm = of ? UINT64_C(1000000) * (of - missed) / of : 1000000;
    buf_printf(out, " %u.%03u %% |", (unsigned)(ppm / 10000), (unsigned)(ppm % 10000 / 10));
}

void score_head(buf *out)
{
    buf_add(out, S("| policy | lost good addresses | per 100,000 | for days (median, most) | mails not sent to them | "
                   "dead, plain "
                   "words | dead, low certainty | abandoned | outages noticed | false incidents (in calm months) |\n"
                   "|---|---|---|---|---|---|---|---|---|---|\n"));
}

void score_line(const struct score *s, const char *name, buf *out)
{
    uint64_t milli = score_wrong_milli(s);
    uint32_t n = s->wrong_span_count;
    buf_printf(out, "| %s | %u | %u.%03u | %u, %u | %u |", name, (unsigned)s->wrong, (unsigned)(milli / 1000),
               (unsigned)(milli % 1000), n ? (unsigned)(s->wrong_minutes[n / 2] / DAY) : 0,
               n ? (unsigned)(s->wrong_minutes[n - 1] / DAY) : 0, (unsigned)s->withheld_good);
    add_share(out, s->plain_missed, s->plain);
    add_share(out, s->low_missed, s->low);
    add_share(out, s->full_missed, s->full);
    buf_printf(out, " %u of %u | %u (%u) of %u |\n", (unsigned)s->outages_noticed, (unsigned)s->outages,
               (unsigned)s->false_opened, (unsigned)s->calm_opened, (unsigned)s->opened);
}

static void outage_details(const struct score *s, buf *out)
{
    for (size_t i = 0; i < world_of(s)->trouble_count; i++) {
        const struct trouble *t = &world_of(s)->troubles[i];
        const struct noticed *n = &s->noticed[i];
        if (!is_outage(t->situation) || n->first_hour < BUSY_DOMAIN || in_time(n))
            continue;
        buf_printf(out, "not noticed in time: %s at %s %u, day %u for %u min, %u %%: %u messages in the first hour, ",
                   situation_word(t->situation), t->of_provider ? "provider" : "domain", (unsigned)t->place,
                   (unsigned)(t->from / DAY), (unsigned)(t->until - t->from), (unsigned)(t->share / 10000),
                   (unsigned)n->first_hour);
        if (n->at == WORLD_NEVER)
            buf_printf(out, "never (%u messages)\n", (unsigned)n->hit);
        else
            buf_printf(out, "after %u messages, %u min\n", (unsigned)n->at_hit, (unsigned)(n->at - n->first));
    }
}

static void false_details(const struct score *s, buf *out)
{
    for (size_t i = 0; i < s->opinion->span_count; i++) {
        const struct span *p = &s->opinion->spans[i];
        if (p->justified)
            continue;
        int64_t until = p->c.until_us == TIME_NONE ? WORLD_START_US + (int64_t)WORLD_YEAR * TIME_MINUTE : p->c.until_us;
        buf_printf(out, "false: %s %s %d, day %u at %u min for %d h: %u of %u failed, normal %u ppm\n", p->signal,
                   p->c.by == MARK_NONE ? "domain" : mark_word((enum mark)p->c.by),
                   (int)(p->c.by == MARK_NONE ? p->place : p->c.mark - 1), (unsigned)(p->seen / DAY),
                   (unsigned)(p->seen % DAY), (int)((until - p->c.from_us) / TIME_HOUR), (unsigned)p->failed,
                   (unsigned)p->messages, (unsigned)p->normal_ppm);
    }
}

void score_details(const struct score *s, buf *out)
{
    buf_printf(out,
               "sent %u thousand, delivered %u, failed %u, deferred %u, withheld %u; %u good addresses, %u records, %u "
               "folds\n",
               (unsigned)(s->sent / 1000), (unsigned)(s->delivered / 1000), (unsigned)(s->failed / 1000),
               (unsigned)(s->deferred / 1000), (unsigned)(s->withheld / 1000), (unsigned)s->good,
               (unsigned)s->opinion->record_count, (unsigned)s->opinion->folds);
    buf_printf(out,
               "dead %u (missed %u), low %u (%u), abandoned %u (%u); suppressed abandoned ones that came back: %u\n",
               (unsigned)s->plain, (unsigned)s->plain_missed, (unsigned)s->low, (unsigned)s->low_missed,
               (unsigned)s->full, (unsigned)s->full_missed, (unsigned)s->returned);
    buf_printf(out, "wrong at any time %u, still at the end %u; by what failed last:", (unsigned)s->wrong_ever,
               (unsigned)s->wrong_open);
    for (unsigned i = 0; i < SITUATIONS; i++)
        if (s->wrong_by[i])
            buf_printf(out, " %s %u;", situation_word((enum situation)i), (unsigned)s->wrong_by[i]);
    buf_printf(out, "\nthe worst outage that was noticed in time: %u messages, %u min\n", (unsigned)s->worst_hit,
               (unsigned)s->worst_minutes);
    outage_details(s, out);
    false_details(s, out);
}
