/* Memory of one lifetime (a message, a batch, a request): taken piece by piece, given back at once.
 *
 * An arena has a cap. When the cap is reached or the system refuses memory, arena_alloc returns NULL and `limited`
 * stays set, so that a parser can go on with what it has and report the limit once at its end. Pieces are aligned to
 * 16 bytes, and `used` counts them so rounded. Blocks grow from 4 KB to 1 MB. Not thread-safe: one arena, one thread.
 */
#ifndef BASE_ARENA_H
#define BASE_ARENA_H

#include "base/slice.h"

struct arena_block;

typedef struct bounce_arena {
    struct arena_block *block; /* the one in use; older ones are chained behind it */
    char *next, *end;          /* free space in it */
    size_t used, cap;          /* bytes handed out, and how many may be */
    bool limited;              /* an allocation was refused since the last reset */
} arena;

/* `cap` in bytes; 0 means no cap of its own. Takes no memory yet. */
void arena_init(arena *a, size_t cap);
void arena_fini(arena *a);
/* Forgets all pieces and `limited`; keeps the largest block of up to 1 MB for the next use. */
void arena_reset(arena *a);

/* n bytes, not cleared; NULL when refused. n may be 0. */
NODISCARD void *arena_alloc(arena *a, size_t n);
/* count * size bytes, cleared; NULL when refused or when the product overflows. */
NODISCARD void *arena_calloc(arena *a, size_t count, size_t size);
/* A copy of `s` (with a NUL behind it, not counted); the empty slice when refused. */
slice arena_dup(arena *a, slice s);
/* printf into the arena, with a NUL behind it as above; the empty slice when refused. No %f: it depends on the locale.
 */
slice arena_printf(arena *a, const char *fmt, ...) PRINTF_LIKE(2, 3);

/* Grows an array in an arena: room for one more element of `size` bytes behind *n of them, doubling *cap.
 * Returns the (possibly moved) array or NULL when refused; the old array and *cap stay as they were then. New elements
 * are not cleared. */
NODISCARD void *arena_grow_full(arena *a, void *array, size_t n, size_t *cap, size_t size);
NODISCARD static inline void *arena_grow(arena *a, void *array, size_t n, size_t *cap, size_t size)
{
    return n < *cap ? array : arena_grow_full(a, array, n, cap, size);
}

#define ARENA_NEW(a, type) ((type *)arena_calloc((a), 1, sizeof(type)))

#endif
