/* A hash map from text to a pointer-sized value: open addressing, grows by doubling, keys owned by the caller (usually
 * in an arena) and alive as long as the map. Hashed with SipHash under the key given at init, since keys come from
 * strangers.
 */
#ifndef BASE_MAP_H
#define BASE_MAP_H

#include "base/hash.h"

struct map_slot {
    slice key;
    uint64_t hash;
    void *value;
};

typedef struct map {
    struct map_slot *slots;
    size_t n, room; /* entries, slots (a power of two or 0) */
    struct sip_key key;
} map;

void map_init(map *m, const struct sip_key *key);
void map_fini(map *m);
void map_clear(map *m); /* drops all entries, keeps the memory */
/* The place of the value of `key`, made (with NULL in it) when it is not there yet; good until the next put or remove.
 * NULL when memory is refused. */
NODISCARD void **map_put(map *m, slice key);
/* The value or NULL. */
void *map_get(const map *m, slice key);
/* Removes `key`; returns its value or NULL. */
void *map_remove(map *m, slice key);
/* For walking, from *i = 0: the next used slot at or after *i, which is left behind it; NULL at the end. The order is
 * that of the hashes; removing while walking may skip or repeat entries. */
struct map_slot *map_next(const map *m, size_t *i);

#endif
