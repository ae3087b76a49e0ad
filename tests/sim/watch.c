#include "watch.h"

#include <stdio.h>
#include <stdlib.h>

#define MOST_METERS 16384u

/* What a verdict of the meters does to the spans around addresses, put off until no event is on its way. */
struct watch_change {
    int64_t since_us;
    uint32_t place;
};

static uint32_t place_of(const struct meter_verdict *v)
{
    uint32_t place;
    MUST(sscanf(v->name.p, "d%u.", &place) == 1);
    return place;
}

static void put_change(struct watch *w, struct watch_change c)
{
    if (w->change_count == w->change_room) {
        w->change_room = w->change_room ? 2 * w->change_room : 16;
        w->changes = realloc(w->changes, w->change_room * sizeof(*w->changes));
        MUST(w->changes);
    }
    w->changes[w->change_count++] = c;
}

static int64_t opened(struct watch *w, const struct meter_verdict *v)
{
    bool domain = v->by == METER_DOMAIN, text = v->by == METER_TEXT;
    uint32_t place = text ? WORLD_NEVER : place_of(v);
    struct circumstance c = {.id = (int64_t)w->opinion->span_count + 1,
                             .from_us = v->from_us,
                             .until_us = TIME_NONE,
                             .reasons = CIRCUMSTANCE_ALL_REASONS,
                             .mark = domain ? 0
                                     : text ? v->text
                                            : place + 1,
                             .what = CIRCUMSTANCE_INCIDENT,
                             .by = domain ? MARK_NONE
                                   : text ? MARK_TEXT
                                          : MARK_PROVIDER};
    size_t span = opinion_open(w->opinion, &c, domain ? place : WORLD_NEVER);
    struct span *s = &w->opinion->spans[span];
    s->signal = meter_signal_word(v->signal);
    s->seen = (uint32_t)((v->seen_us - WORLD_START_US) / TIME_MINUTE);
    s->messages = v->messages;
    s->failed = v->failed;
    s->normal_ppm = v->normal_ppm;
    put_change(w, (struct watch_change){.since_us = v->from_us, .place = s->place});
    score_opened(w->score, s);
    return c.id;
}

static int64_t heard(void *ctx, const struct meter_verdict *v)
{
    struct watch *w = ctx;
    if (v->end == METER_OPEN)
        return opened(w, v);
    struct span *s = &w->opinion->spans[v->id - 1];
    s->c.until_us = v->until_us;
    put_change(w, (struct watch_change){.since_us = s->c.from_us, .place = s->place});
    return 0;
}

void watch_init(struct watch *w, struct opinion *o, struct score *s)
{
    *w = (struct watch){.opinion = o, .score = s, .key = {o->world->seed, ~o->world->seed}};
    struct meter_options options = {
        .most = MOST_METERS, .sensitivity = METER_USUAL, .key = &w->key, .verdict = heard, .ctx = w};
    w->meters = meter_set_new(&options);
    w->names = malloc(o->world->p.domains * sizeof(*w->names));
    MUST(w->meters && w->names);
    for (uint32_t i = 0; i < o->world->p.domains; i++)
        snprintf(w->names[i], sizeof(w->names[i]), "d%u.example", (unsigned)(i % 10000));
}

void watch_fini(struct watch *w)
{
    meter_set_free(&w->meters);
    free(w->names);
    free(w->changes);
}

void watch_feed(struct watch *w, uint32_t address, const struct note *n, uint32_t knew, int64_t now_us)
{
    uint32_t domain = w->opinion->world->addresses[address].domain;
    const struct reply *r = &w->opinion->replies->v[n->reply];
    bool expired = n->kind == BOUNCE_KIND_EXPIRED;
    bool failing = expired || n->kind == BOUNCE_KIND_FAILED || n->kind == BOUNCE_KIND_DEFERRED;
    struct meter_event e = {.time_us = n->time_us < now_us ? n->time_us : now_us,
                            .tenant = SLICE_EMPTY,
                            .domain = slice_str(w->names[domain]),
                            .provider = slice_str(w->names[w->opinion->world->domains[domain].provider]),
                            .who = address + 1u,
                            .kind = (enum bounce_kind)n->kind,
                            .knew_us = knew == WORLD_NEVER ? TIME_NONE : WORLD_START_US + (int64_t)knew * TIME_MINUTE};
    if (failing) {
        e.text = r->mark;
        e.reason = (enum bounce_reason)(expired ? r->expired_reason : r->reason);
    }
    w->now_us = now_us;
    meter_set_feed(w->meters, &e);
}

void watch_tick(struct watch *w, int64_t now_us)
{
    if (now_us % (5 * TIME_MINUTE) == 0)
        meter_set_tick(w->meters, now_us);
    for (size_t i = 0; i < w->change_count; i++)
        opinion_refold(w->opinion, w->changes[i].place, w->changes[i].since_us, now_us);
    w->change_count = 0;
}
