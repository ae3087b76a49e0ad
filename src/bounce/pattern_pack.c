#include "base/map.h"
#include "bounce/pattern.h"

/* Equal pieces of memory are kept once. */
struct pool {
    arena *a;
    map pieces; /* bytes -> where they are kept */
};

static const void *keep(struct pool *pool, const void *bytes, size_t n)
{
    slice key = {bytes, n};
    void *found = map_get(&pool->pieces, key);
    if (found || n == 0)
        return found;
    char *copy = arena_alloc(pool->a, n);
    if (!copy)
        return NULL;
    memcpy(copy, bytes, n);
    void **place = map_put(&pool->pieces, slice_of(copy, n));
    if (place)
        *place = copy;
    return place ? copy : NULL;
}

static bool pack_index(struct pool *pool, struct pattern_index *x, size_t n)
{
    slice v[PATTERN_MAX_ALTERNATIVES];
    for (size_t k = 0; k < n; k++) {
        v[k] = (slice){keep(pool, x->v[k].p, x->v[k].n), x->v[k].n};
        if (!v[k].p)
            return false;
    }
    x->v = keep(pool, v, n * sizeof v[0]);
    x->group = keep(pool, x->group, (PATTERN_GROUPS + 1) * sizeof x->group[0]);
    return x->v && x->group;
}

static bool pack_pattern(struct pool *pool, struct pattern *p)
{
    struct pattern_item *items = arena_calloc(pool->a, p->n, sizeof *items);
    if (!items)
        return false;
    memcpy(items, p->items, p->n * sizeof *items);
    p->items = items;
    for (size_t i = 0; i < p->n; i++)
        if (!pack_index(pool, &items[i].by_first, items[i].n) || !pack_index(pool, &items[i].by_last, items[i].n))
            return false;
    return true;
}

bool pattern_pack(arena *a, struct pattern *const *patterns, size_t n)
{
    /* All keys are those of whoever wrote the rules, and are looked up only here. */
    static const struct sip_key key = {0x626f756e63656421, 0x7061747465726e73};
    struct pool pool = {.a = a};
    bool packed = true;
    map_init(&pool.pieces, &key);
    for (size_t i = 0; packed && i < n; i++)
        packed = pack_pattern(&pool, patterns[i]);
    map_fini(&pool.pieces);
    return packed;
}
