#include "base/map.h"

#include <stdlib.h>

#define FIRST_ROOM 16U

/* A free slot has key.p == NULL; stored keys never have (slice_of). Removing moves later entries back, so there are no
 * tombstones. */

void map_init(map *m, const struct sip_key *key)
{
    *m = (map){.key = *key};
}

void map_fini(map *m)
{
    free(m->slots);
    *m = (map){.key = m->key};
}

void map_clear(map *m)
{
    if (m->room)
        memset(m->slots, 0, m->room * sizeof *m->slots);
    m->n = 0;
}

/* The slot that holds `key` or the free one where it belongs; there must be a free one. */
static size_t slot_of(const map *m, slice key, uint64_t hash)
{
    size_t mask = m->room - 1;
    size_t i = (size_t)hash & mask;
    while (m->slots[i].key.p && (m->slots[i].hash != hash || !slice_eq(m->slots[i].key, key)))
        i = (i + 1) & mask;
    return i;
}

static bool grow(map *m)
{
    size_t room = m->room ? m->room * 2 : FIRST_ROOM;
    if (room < m->room)
        return false;
    map bigger = {.slots = calloc(room, sizeof *m->slots), .n = m->n, .room = room, .key = m->key};
    if (!bigger.slots)
        return false;
    for (size_t i = 0; i < m->room; i++) {
        struct map_slot *slot = &m->slots[i];
        if (slot->key.p)
            bigger.slots[slot_of(&bigger, slot->key, slot->hash)] = *slot;
    }
    free(m->slots);
    *m = bigger;
    return true;
}

void **map_put(map *m, slice key)
{
    uint64_t hash = sip_hash(&m->key, key);
    size_t i = 0;
    if (m->room) {
        i = slot_of(m, key, hash);
        if (m->slots[i].key.p)
            return &m->slots[i].value;
    }
    if (m->n >= m->room / 4 * 3) {
        if (!grow(m))
            return NULL;
        i = slot_of(m, key, hash);
    }
    m->slots[i] = (struct map_slot){.key = slice_of(key.p, key.n), .hash = hash};
    m->n++;
    return &m->slots[i].value;
}

void *map_get(const map *m, slice key)
{
    if (m->n == 0)
        return NULL;
    /* a free slot is all zero, its value is NULL */
    return m->slots[slot_of(m, key, sip_hash(&m->key, key))].value;
}

void *map_remove(map *m, slice key)
{
    if (m->n == 0)
        return NULL;
    size_t mask = m->room - 1;
    size_t gap = slot_of(m, key, sip_hash(&m->key, key));
    if (!m->slots[gap].key.p)
        return NULL;
    void *value = m->slots[gap].value;
    for (size_t i = (gap + 1) & mask; m->slots[i].key.p; i = (i + 1) & mask) {
        size_t home = (size_t)m->slots[i].hash & mask;
        if (((i - home) & mask) >= ((i - gap) & mask)) { /* it may stand at the gap */
            m->slots[gap] = m->slots[i];
            gap = i;
        }
    }
    m->slots[gap] = (struct map_slot){0};
    m->n--;
    return value;
}

struct map_slot *map_next(const map *m, size_t *i)
{
    for (; *i < m->room; ++*i)
        if (m->slots[*i].key.p)
            return &m->slots[(*i)++];
    return NULL;
}
