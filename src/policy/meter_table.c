#include <stdlib.h>
#include <string.h>

#include "policy/meter_set.h"

#define FIRST_ROOM 256u

bool meter_table_init(struct meter_set *set)
{
    uint32_t buckets = 1024;
    while (buckets < set->most)
        buckets *= 2;
    set->bucket_mask = buckets - 1;
    set->newest = set->oldest = METER_NO;
    set->buckets = malloc(buckets * sizeof(*set->buckets));
    set->openings = calloc(METER_MOST_OPEN, sizeof(*set->openings));
    set->tenants = calloc(METER_TENANTS, sizeof(*set->tenants));
    set->failed = calloc(METER_FAILED_ONCE, sizeof(*set->failed));
    if (!set->buckets || !set->openings || !set->tenants || !set->failed)
        return false;
    memset(set->buckets, 0xff, buckets * sizeof(*set->buckets));
    for (size_t i = 0; i < METER_MOST_OPEN; i++)
        set->openings[i].meter = METER_NO;
    return true;
}

void meter_table_fini(struct meter_set *set)
{
    free(set->meters);
    free(set->buckets);
    free(set->openings);
    free(set->tenants);
    free(set->failed);
}

/* ---- the list by use ---- */

static void take_out(struct meter_set *set, uint32_t at)
{
    struct meter *m = &set->meters[at];
    if (m->newer == METER_NO)
        set->newest = m->older;
    else
        set->meters[m->newer].older = m->older;
    if (m->older == METER_NO)
        set->oldest = m->newer;
    else
        set->meters[m->older].newer = m->newer;
}

static void put_first(struct meter_set *set, uint32_t at)
{
    struct meter *m = &set->meters[at];
    m->newer = METER_NO;
    m->older = set->newest;
    if (set->newest != METER_NO)
        set->meters[set->newest].newer = at;
    set->newest = at;
    if (set->oldest == METER_NO)
        set->oldest = at;
}

/* ---- by key ---- */

static uint32_t *bucket_of(const struct meter_set *set, uint64_t key)
{
    return &set->buckets[key & set->bucket_mask];
}

struct meter *meter_find(struct meter_set *set, uint64_t key)
{
    uint32_t at = *bucket_of(set, key);
    while (at != METER_NO && set->meters[at].key != key)
        at = set->meters[at].chain;
    return at == METER_NO ? NULL : &set->meters[at];
}

static void unchain(struct meter_set *set, uint32_t at)
{
    uint32_t *link = bucket_of(set, set->meters[at].key);
    while (*link != at)
        link = &set->meters[*link].chain;
    *link = set->meters[at].chain;
}

/* The one not used for longest that is not open; open ones go to the front on the way. */
static uint32_t make_room(struct meter_set *set)
{
    for (uint32_t tried = 0; tried <= METER_MOST_OPEN && set->oldest != METER_NO; tried++) {
        uint32_t at = set->oldest;
        take_out(set, at);
        if (set->meters[at].opening == METER_NO) {
            unchain(set, at);
            return at;
        }
        put_first(set, at);
    }
    return METER_NO;
}

static uint32_t free_place(struct meter_set *set)
{
    if (set->count == set->most)
        return make_room(set);
    if (set->count == set->room) {
        uint32_t room = set->room ? 2 * set->room : FIRST_ROOM;
        room = room > set->most ? set->most : room;
        struct meter *grown = realloc(set->meters, room * sizeof(*grown));
        if (!grown)
            return METER_NO;
        set->meters = grown;
        set->room = room;
    }
    return set->count++;
}

static void start(struct meter *m, uint64_t key, enum meter_by by, uint64_t tenant)
{
    memset(m, 0, sizeof(*m));
    m->key = key;
    m->by = (uint8_t)by;
    m->tenant = tenant;
    m->opening = METER_NO;
    m->state.last_us = m->state.slice_us = m->state.muted_us = TIME_NONE;
    for (unsigned i = 0; i < SIGNALS; i++)
        cusum_init(&m->state.signals[i], meter_kind(by, (enum meter_signal)i));
}

struct meter *meter_get(struct meter_set *set, uint64_t key, enum meter_by by, uint64_t tenant)
{
    struct meter *m = meter_find(set, key);
    if (m) {
        uint32_t at = (uint32_t)(m - set->meters);
        if (set->newest != at) {
            take_out(set, at);
            put_first(set, at);
        }
        return m;
    }
    uint32_t at = free_place(set);
    if (at == METER_NO)
        return NULL;
    m = &set->meters[at];
    start(m, key, by, tenant);
    m->chain = *bucket_of(set, key);
    *bucket_of(set, key) = at;
    put_first(set, at);
    return m;
}

struct tenant_count *meter_tenant(struct meter_set *set, uint64_t tenant)
{
    size_t i = (size_t)tenant & (METER_TENANTS - 1);
    while (set->tenants[i].tenant && set->tenants[i].tenant != tenant)
        i = (i + 1) & (METER_TENANTS - 1);
    if (set->tenants[i].tenant)
        return &set->tenants[i];
    if (set->tenant_used >= METER_TENANTS / 4 * 3)
        return NULL;
    set->tenant_used++;
    set->tenants[i].tenant = tenant;
    return &set->tenants[i];
}
