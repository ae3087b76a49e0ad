#include "bounce.h"

#include <stdlib.h>

#include "base/arena.h"

struct bounce_arena *bounce_arena_new(size_t cap)
{
    arena *a = malloc(sizeof *a);
    if (a != NULL)
        arena_init(a, cap);
    return a;
}

void bounce_arena_clear(struct bounce_arena *a)
{
    arena_reset(a);
}

void bounce_arena_free(struct bounce_arena **a)
{
    if (*a == NULL)
        return;
    arena_fini(*a);
    free(*a);
    *a = NULL;
}
