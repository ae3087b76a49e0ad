#include "year.h"

#include <stdlib.h>

#include "chance.h"

#define DAY 1440u
#define FIRST_RETRY 10u         /* minutes; doubled each time */
#define LONGEST_RETRY (4u * 60) /* up to this */
#define LATE_MOST (12u * 60)    /* a log line may be read so late */
#define DSN_SLOW (48u * 60)     /* one DSN in a hundred takes up to this */

enum question { ASK_MESSAGE = 100, ASK_START, ASK_REPLY, ASK_LATE, ASK_DSN, ASK_TWICE, ASK_VACATION, ASK_SLOW };

enum coming_what { COMING_RETRY, COMING_NOTE };

struct message {
    uint64_t id;
    uint32_t address, campaign, first;
    uint8_t stream, attempts;
};

struct coming {
    uint32_t minute;
    uint8_t what;
    uint64_t number; /* first come, first served */
    union {
        struct message message;
        struct {
            uint32_t address;
            struct note note;
        } told;
    };
};

/* ---- what is due later ---- */

static bool sooner(const struct coming *a, const struct coming *b)
{
    return a->minute != b->minute ? a->minute < b->minute : a->number < b->number;
}

static void put_coming(struct year *y, struct coming c)
{
    if (y->coming_count == y->coming_room) {
        y->coming_room = y->coming_room ? 2 * y->coming_room : 1024;
        y->coming = realloc(y->coming, y->coming_room * sizeof(*y->coming));
        MUST(y->coming);
    }
    c.number = y->coming_number++;
    size_t i = y->coming_count++;
    while (i && sooner(&c, &y->coming[(i - 1) / 2])) {
        y->coming[i] = y->coming[(i - 1) / 2];
        i = (i - 1) / 2;
    }
    y->coming[i] = c;
}

static struct coming take_coming(struct year *y)
{
    struct coming top = y->coming[0], last = y->coming[--y->coming_count];
    size_t i = 0, n = y->coming_count;
    for (;;) {
        size_t child = 2 * i + 1;
        if (child >= n)
            break;
        if (child + 1 < n && sooner(&y->coming[child + 1], &y->coming[child]))
            child++;
        if (!sooner(&y->coming[child], &last))
            break;
        y->coming[i] = y->coming[child];
        i = child;
    }
    y->coming[i] = last;
    return top;
}

/* ---- what is told ---- */

static int64_t us_of(uint32_t minute)
{
    return WORLD_START_US + (int64_t)minute * TIME_MINUTE;
}

static void know(struct year *y, uint32_t address, const struct note *n)
{
    int64_t now_us = us_of(y->minute) + TIME_MINUTE;
    if (y->watching && n->witness != WITNESS_STRANGER)
        watch_feed(&y->watch, address, n, y->knew[address], now_us);
    struct record *r = opinion_take(&y->opinion, address, n, now_us);
    if (!bounce_kind_final((enum bounce_kind)n->kind) || n->witness == WITNESS_STRANGER)
        return;
    y->knew[address] = WORLD_NEVER;
    score_told(&y->score, r, n, y->minute);
}

static void arrive(struct year *y, uint32_t address, const struct note *n, uint32_t delay)
{
    if (y->told)
        y->told(y->ctx, address, n, us_of(y->minute + delay) + TIME_MINUTE);
    if (delay)
        put_coming(y, (struct coming){
                          .minute = y->minute + delay, .what = COMING_NOTE, .told = {.address = address, .note = *n}});
    else
        know(y, address, n);
}

static uint32_t dsn_delay(const struct year *y, uint64_t message)
{
    uint64_t v = chance_of(y->world->seed, message, ASK_SLOW);
    uint32_t x = chance_below(v, 100);
    return 1 + chance_below(chance_mix(v), x < 90 ? 5 : x < 99 ? 60 : DSN_SLOW);
}

/* One failure or attempt, by those who witness it. */
static void report(struct year *y, const struct message *m, enum bounce_kind kind, unsigned reply)
{
    const struct params *p = &y->world->p;
    uint64_t seed = y->world->seed, about = m->id + m->attempts;
    struct note n = {.time_us = us_of(y->minute) + (int64_t)chance_below(about, 60) * TIME_SECOND,
                     .message = m->id,
                     .number = m->attempts,
                     .campaign = m->campaign,
                     .stream = m->stream,
                     .kind = (uint8_t)kind,
                     .reply = (uint8_t)reply,
                     .witness = WITNESS_LOG};
    uint64_t late = chance_of(seed, about, ASK_LATE), twice = chance_of(seed, about, ASK_TWICE);
    arrive(y, m->address, &n, chance_ppm(late, p->late) ? 1 + chance_below(chance_mix(late), LATE_MOST) : 0);
    if (chance_ppm(twice, p->twice))
        arrive(y, m->address, &n, 1 + chance_below(chance_mix(twice), 60));
    if (bounce_kind_final(kind) && chance_ppm(chance_of(seed, about, ASK_DSN), p->also_dsn)) {
        n.witness = WITNESS_DSN;
        arrive(y, m->address, &n, dsn_delay(y, m->id));
    }
}

static void tell_delivery(struct year *y, const struct message *m, enum bounce_kind kind)
{
    struct note n = {.time_us = us_of(y->minute) + TIME_SECOND * 59,
                     .message = m->id,
                     .number = m->attempts,
                     .campaign = m->campaign,
                     .stream = m->stream,
                     .kind = (uint8_t)kind,
                     .witness = WITNESS_LOG};
    arrive(y, m->address, &n, 0);
}

static void delivered(struct year *y, const struct message *m, bool keep)
{
    uint32_t domain = y->world->addresses[m->address].domain;
    struct record *r = opinion_of(&y->opinion, m->address);
    y->score.delivered++;
    y->opinion.domain_delivered_us[domain] = us_of(y->minute);
    if (keep || y->all || (r && r->dirty)) {
        tell_delivery(y, m, BOUNCE_KIND_DELIVERED);
    } else if (y->watching) {
        struct note n = {.time_us = us_of(y->minute), .kind = BOUNCE_KIND_DELIVERED};
        watch_feed(&y->watch, m->address, &n, y->knew[m->address], us_of(y->minute) + TIME_MINUTE);
    }
    y->taken[m->address] = y->knew[m->address] = y->minute;
    if (chance_ppm(chance_of(y->world->seed, m->id, ASK_VACATION), y->world->p.vacation))
        tell_delivery(y, m, BOUNCE_KIND_AUTOREPLY);
}

/* ---- sending ---- */

static unsigned reply_of(const struct year *y, const struct message *m, enum situation s, const struct trouble *t)
{
    uint64_t about = t ? t->number : y->world->addresses[m->address].domain;
    return replies_pick(y->replies, s, chance_of(y->world->seed, about, ASK_REPLY + 8u * (t != NULL)));
}

static void try_again(struct year *y, const struct message *m)
{
    uint32_t wait = FIRST_RETRY << (m->attempts < 6 ? m->attempts : 6);
    struct message next = *m;
    next.attempts++;
    put_coming(y, (struct coming){.minute = y->minute + (wait < LONGEST_RETRY ? wait : LONGEST_RETRY),
                                  .what = COMING_RETRY,
                                  .message = next});
}

/* Accepted, and bounced later on. */
static void bounce_late(struct year *y, const struct message *m, unsigned reply)
{
    delivered(y, m, true);
    struct note n = {.time_us = us_of(y->minute) + TIME_MINUTE,
                     .message = m->id,
                     .number = m->attempts,
                     .campaign = m->campaign,
                     .stream = m->stream,
                     .kind = BOUNCE_KIND_FAILED,
                     .reply = (uint8_t)reply,
                     .witness = WITNESS_DSN};
    arrive(y, m->address, &n, dsn_delay(y, m->id));
}

static void deferred(struct year *y, const struct message *m, unsigned reply)
{
    if (y->minute - m->first >= y->world->p.lifetime * 60) {
        y->score.failed++;
        report(y, m, BOUNCE_KIND_EXPIRED, reply);
        return;
    }
    y->score.deferred += m->attempts == 0;
    if (m->attempts == 0) /* what the later ones would tell is the same */
        report(y, m, BOUNCE_KIND_DEFERRED, reply);
    try_again(y, m);
}

static void attempt(struct year *y, const struct message *m)
{
    const struct trouble *t;
    uint32_t taken = m->attempts ? y->minute : y->taken[m->address]; /* greylisting passes at the second attempt */
    enum situation s = world_attempt(y->world, m->address, y->minute, m->id, taken, &t);
    if (t && !m->attempts)
        score_hit(&y->score, t, y->minute);
    if (s == DELIVERED) {
        delivered(y, m, false);
        return;
    }
    unsigned reply = reply_of(y, m, s, t);
    bool final = y->replies->v[reply].kind == BOUNCE_KIND_FAILED;
    if (final && !t && y->world->domains[y->world->addresses[m->address].domain].late_word) {
        bounce_late(y, m, reply);
    } else if (final) {
        y->score.failed++;
        report(y, m, BOUNCE_KIND_FAILED, reply);
    } else {
        deferred(y, m, reply);
    }
}

static void send_one(struct year *y, uint32_t address, unsigned stream, uint32_t campaign)
{
    const struct address *a = &y->world->addresses[address];
    if (y->minute < a->joined)
        return;
    struct record *r = opinion_of(&y->opinion, address);
    if (r && r->n) {
        if (!opinion_allows(&y->opinion, r, stream, us_of(y->minute))) {
            score_withheld(&y->score, r, y->minute);
            return;
        }
        score_sent(&y->score, r, y->minute);
    }
    y->score.sent++;
    struct message m = {.id = chance_of(y->world->seed, (uint64_t)address << 24 | stream << 16 | campaign, ASK_MESSAGE),
                        .address = address,
                        .campaign = campaign,
                        .first = y->minute,
                        .stream = (uint8_t)stream};
    attempt(y, &m);
}

/* When a stream sends: the campaign that runs in this minute, and for how long it has; -1 for none. */
static int32_t running(const struct params *p, unsigned stream, uint32_t minute, uint32_t *campaign)
{
    uint32_t day = minute / DAY, at = minute % DAY, spread = stream == STREAM_DAILY ? p->spread_daily : p->spread;
    uint32_t start = (9 + stream % 3) * 60;
    bool today = stream == STREAM_DAILY    ? true
                 : stream < STREAM_MONTHLY ? day % 7 == stream - STREAM_WEEKLY
                                           : day % 30 == 3 + 9 * (stream - STREAM_MONTHLY);
    *campaign = stream == STREAM_DAILY ? day : stream < STREAM_MONTHLY ? day / 7 : day / 30;
    return today && at >= start && at < start + spread ? (int32_t)(at - start) : -1;
}

/* What is sent in this minute. A campaign begins somewhere in its list. */
static void send_minute(struct year *y, unsigned stream)
{
    uint32_t campaign, n = y->world->list_count[stream];
    int32_t at = running(&y->world->p, stream, y->minute, &campaign);
    if (at < 0 || !n)
        return;
    uint32_t spread = stream == STREAM_DAILY ? y->world->p.spread_daily : y->world->p.spread;
    uint32_t first = chance_below(chance_of(y->world->seed, campaign * STREAMS + stream, ASK_START), n);
    uint64_t from = (uint64_t)n * (uint32_t)at / spread, to = (uint64_t)n * ((uint32_t)at + 1) / spread;
    for (uint64_t i = from; i < to; i++)
        send_one(y, y->world->list[stream][(first + i) % n], stream, campaign);
}

/* ---- the year ---- */

static void forge(struct year *y)
{
    for (uint32_t i = 0; i < y->world->n; i++) {
        uint32_t minute = y->world->addresses[i].forged;
        if (minute == WORLD_NEVER || minute < y->world->addresses[i].joined)
            continue;
        struct note n = {.time_us = us_of(minute),
                         .message = chance_mix(i),
                         .kind = BOUNCE_KIND_FAILED,
                         .reply = (uint8_t)replies_pick(y->replies, DEAD, chance_mix(i)),
                         .witness = WITNESS_STRANGER};
        arrive(y, i, &n, minute + 1);
    }
}

static void do_coming(struct year *y)
{
    while (y->coming_count && y->coming[0].minute <= y->minute) {
        struct coming c = take_coming(y);
        if (c.what == COMING_RETRY)
            attempt(y, &c.message);
        else
            know(y, c.told.address, &c.told.note);
    }
}

static uint32_t *nevers(uint32_t n)
{
    uint32_t *v = malloc(n * sizeof(*v));
    MUST(v);
    for (uint32_t i = 0; i < n; i++)
        v[i] = WORLD_NEVER;
    return v;
}

void year_run(struct year *y, struct world *w, const struct replies *replies, const struct year_options *options)
{
    *y = (struct year){.world = w,
                       .replies = replies,
                       .watching = options->watching,
                       .all = options->all,
                       .told = options->told,
                       .ctx = options->ctx,
                       .taken = nevers(w->n),
                       .knew = nevers(w->n)};
    world_rewind(w);
    opinion_init(&y->opinion, w, replies, &options->policy, options->forgets);
    score_init(&y->score, &y->opinion);
    watch_init(&y->watch, &y->opinion, &y->score);
    forge(y);
    for (y->minute = 0; y->minute < WORLD_YEAR; y->minute++) {
        world_tick(w, y->minute);
        if (y->watching)
            watch_tick(&y->watch, us_of(y->minute));
        do_coming(y);
        for (unsigned s = 0; s < STREAMS; s++)
            send_minute(y, s);
    }
    score_close(&y->score);
}

void year_fini(struct year *y)
{
    watch_fini(&y->watch);
    score_fini(&y->score);
    opinion_fini(&y->opinion);
    free(y->taken);
    free(y->knew);
    free(y->coming);
}
