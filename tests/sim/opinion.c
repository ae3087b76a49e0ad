#include "opinion.h"

#include <stdlib.h>

#include "bounce/observation.h"
#include "chance.h"

#define MAX_AROUND 64u                  /* spans that concern one address; more are not looked at */
#define FORGET_AFTER_US (20 * TIME_DAY) /* longer than witnesses of one message may be apart */

static void *grown(void *array, size_t n, size_t *room, size_t size)
{
    if (n < *room)
        return array;
    *room = *room ? 2 * *room : 256;
    void *p = realloc(array, *room * size);
    MUST(p);
    return p;
}

void opinion_init(struct opinion *o, const struct world *w, const struct replies *replies, const struct policy *policy,
                  bool forgets)
{
    *o = (struct opinion){.world = w, .replies = replies, .policy = *policy, .forgets = forgets};
    o->record_of = calloc(w->n, sizeof(*o->record_of));
    o->domain_delivered_us = malloc(w->p.domains * sizeof(*o->domain_delivered_us));
    MUST(o->record_of && o->domain_delivered_us);
    for (uint32_t i = 0; i < w->p.domains; i++)
        o->domain_delivered_us[i] = TIME_NONE;
    arena_init(&o->a, 0);
}

void opinion_fini(struct opinion *o)
{
    for (uint32_t i = 0; i < o->record_count; i++)
        free(o->records[i].notes);
    free(o->records);
    free(o->record_of);
    free(o->domain_delivered_us);
    free(o->spans);
    arena_fini(&o->a);
}

uint64_t opinion_stream_hash(unsigned stream)
{
    return chance_mix(stream + 1);
}

/* ---- events ---- */

static void set_ids(const struct note *n, struct policy_event *e)
{
    e->ids[ID_MESSAGE] = n->message;
    if (n->witness == WITNESS_LOG)
        e->ids[ID_QUEUE] = chance_mix(n->message);
}

static void set_verdict(const struct reply *r, struct policy_event *e)
{
    bool expired = e->kind == BOUNCE_KIND_EXPIRED;
    e->reason = expired ? r->expired_reason : r->reason;
    e->certainty = expired ? r->expired_certainty : r->certainty;
    e->marks[MARK_TEXT] = r->mark;
}

void opinion_event(const struct opinion *o, uint32_t address, const struct note *n, struct policy_event *out)
{
    const struct domain *d = &o->world->domains[o->world->addresses[address].domain];
    memset(out, 0, sizeof(*out));
    out->time_us = n->time_us;
    out->key = chance_of(n->message, n->number, 8u * n->kind + n->witness);
    out->campaign = chance_of(n->stream, n->campaign, 1) | 1;
    out->stream = opinion_stream_hash(n->stream);
    out->what = EVENT_OBSERVED;
    out->kind = n->kind;
    out->trust = n->witness == WITNESS_LOG ? TRUST_PROVEN : n->witness == WITNESS_DSN ? TRUST_MATCHED : TRUST_BARE;
    set_ids(n, out);
    if (!bounce_kind_final((enum bounce_kind)n->kind) && !bounce_kind_attempt((enum bounce_kind)n->kind))
        return;
    set_verdict(&o->replies->v[n->reply], out);
    out->marks[MARK_PROVIDER] = d->provider + 1;
    out->marks[MARK_FEED] = n->witness + 1u;
}

/* ---- folding ---- */

static size_t spans_around(const struct opinion *o, uint32_t domain, struct circumstance *out)
{
    size_t n = 0;
    for (size_t i = o->span_count; i-- > 0 && n < MAX_AROUND;)
        if (!o->spans[i].undone && (o->spans[i].place == domain || o->spans[i].place == WORLD_NEVER))
            out[n++] = o->spans[i].c;
    return n;
}

static uint16_t blocked_streams(const struct address_status *s)
{
    uint16_t bits = 0;
    for (size_t i = 0; i < s->suppression_count; i++)
        for (unsigned k = 0; k < STREAMS; k++)
            if (s->suppressions[i].scope != SCOPE_STREAM || s->suppressions[i].stream == opinion_stream_hash(k))
                bits |= (uint16_t)(1u << k);
    return bits;
}

static void fold(struct opinion *o, struct record *r, int64_t now_us)
{
    uint32_t domain = o->world->addresses[r->address].domain;
    arena_reset(&o->a);
    o->folds++;
    struct circumstance around[MAX_AROUND];
    struct fold_rules rules = {&o->policy, around, spans_around(o, domain, around)};
    struct policy_event *events = arena_alloc(&o->a, r->n * sizeof(*events));
    MUST(events);
    for (uint32_t i = 0; i < r->n; i++)
        opinion_event(o, r->address, &r->notes[i], &events[i]);
    struct history h;
    struct history_env env = {o->domain_delivered_us[domain]};
    struct address_status s;
    history_init(&h, &rules, &o->a);
    MUST(history_rebuild(&h, events, r->n) && history_state(&h, &env, now_us, &s));
    uint16_t before = r->blocked;
    r->blocked = blocked_streams(&s);
    r->state = (uint8_t)s.state;
    r->cause = (uint8_t)s.cause;
    r->circumstance = s.circumstance;
    r->due_us = s.due_us;
    r->domain_sensitive = s.domain_sensitive;
    r->clean = s.state == STATE_ACTIVE && s.row == ROWS && !s.probation && s.due_us == TIME_NONE && !s.held_count;
    if (r->blocked != before && o->changed)
        o->changed(o->ctx, r, before, now_us);
}

static struct record *record_for(struct opinion *o, uint32_t address)
{
    struct record *r = opinion_of(o, address);
    if (r)
        return r;
    o->records = grown(o->records, o->record_count, &o->record_room, sizeof(*o->records));
    r = &o->records[o->record_count++];
    *r = (struct record){.address = address, .due_us = TIME_NONE, .wrong_since = WORLD_NEVER};
    o->record_of[address] = o->record_count;
    return r;
}

struct record *opinion_take(struct opinion *o, uint32_t address, const struct note *n, int64_t now_us)
{
    struct record *r = record_for(o, address);
    if (o->forgets && r->clean && r->n && n->time_us - r->notes[r->n - 1].time_us > FORGET_AFTER_US)
        r->n = 0;
    if (r->n == r->room) {
        r->room = r->room ? 2 * r->room : 4;
        struct note *more = realloc(r->notes, r->room * sizeof(*more));
        MUST(more);
        r->notes = more;
    }
    r->notes[r->n++] = *n;
    r->dirty = n->kind != BOUNCE_KIND_DELIVERED;
    if (bounce_kind_final((enum bounce_kind)n->kind) || bounce_kind_attempt((enum bounce_kind)n->kind))
        r->situation = n->witness == WITNESS_STRANGER ? FORGED : (uint8_t)o->replies->v[n->reply].situation;
    fold(o, r, now_us);
    return r;
}

bool opinion_allows(struct opinion *o, struct record *r, unsigned stream, int64_t now_us)
{
    if ((r->due_us != TIME_NONE && r->due_us <= now_us) || (r->domain_sensitive && r->blocked))
        fold(o, r, now_us);
    return !(r->blocked >> stream & 1);
}

void opinion_refold(struct opinion *o, uint32_t place, int64_t since_us, int64_t now_us)
{
    for (uint32_t i = 0; i < o->record_count; i++) {
        struct record *r = &o->records[i];
        if (r->n && r->notes[r->n - 1].time_us >= since_us &&
            (place == WORLD_NEVER || o->world->addresses[r->address].domain == place))
            fold(o, r, now_us);
    }
}

size_t opinion_open(struct opinion *o, const struct circumstance *c, uint32_t place)
{
    o->spans = grown(o->spans, o->span_count, &o->span_room, sizeof(*o->spans));
    o->spans[o->span_count] = (struct span){.c = *c, .place = place};
    return o->span_count++;
}
