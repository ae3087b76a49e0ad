#include "base/arena.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/pages.h"

#if defined(__has_feature)
#if __has_feature(address_sanitizer)
#define WITH_ASAN
#endif
#elif defined(__SANITIZE_ADDRESS__)
#define WITH_ASAN
#endif

/* Under AddressSanitizer what was not handed out cannot be touched, and pieces have a gap between them. */
#ifdef WITH_ASAN
#include <sanitizer/asan_interface.h>
#define HIDE(p, n) __asan_poison_memory_region(p, n)
#define SHOW(p, n) __asan_unpoison_memory_region(p, n)
#define GAP 16U
#else
#define HIDE(p, n) ((void)0)
#define SHOW(p, n) ((void)0)
#define GAP 0U
#endif

#define ALIGN 16U
#define FIRST_BLOCK 4096U
#define LARGEST_BLOCK (1024U * 1024U) /* larger only for a single piece that needs it */

struct arena_block {
    struct arena_block *older;
    size_t size; /* bytes behind this header */
};

_Static_assert(sizeof(struct arena_block) % ALIGN == 0, "pieces start aligned behind the header");

void arena_init(arena *a, size_t cap)
{
    *a = (arena){.cap = cap};
}

static void free_chain(struct arena_block *block)
{
    while (block) {
        struct arena_block *older = block->older;
        SHOW(block + 1, block->size);
        free(block);
        block = older;
    }
}

void arena_fini(arena *a)
{
    free_chain(a->block);
    *a = (arena){.cap = a->cap};
}

static void use_block(arena *a, struct arena_block *block)
{
    a->block = block;
    a->next = block ? (char *)(block + 1) : NULL;
    a->end = block ? a->next + block->size : NULL;
}

/* Takes the largest block of ordinary size out of the chain; NULL when there is none. */
static struct arena_block *take_largest(struct arena_block **chain)
{
    struct arena_block **best = NULL;
    for (struct arena_block **at = chain; *at; at = &(*at)->older)
        if ((*at)->size <= LARGEST_BLOCK && (!best || (*at)->size > (*best)->size))
            best = at;
    if (!best)
        return NULL;
    struct arena_block *block = *best;
    *best = block->older;
    block->older = NULL;
    return block;
}

void arena_reset(arena *a)
{
    struct arena_block *kept = take_largest(&a->block);
    free_chain(a->block);
    if (kept)
        HIDE(kept + 1, kept->size);
    use_block(a, kept);
    a->used = 0;
    a->limited = false;
}

static struct arena_block *new_block(size_t size)
{
    if (size > SIZE_MAX - sizeof(struct arena_block))
        return NULL;
    struct arena_block *block = malloc(sizeof *block + size);
    if (block) {
        pages_want_large(block, sizeof *block + size);
        block->size = size;
        HIDE(block + 1, size);
    }
    return block;
}

/* A piece for which the block in use has no room. */
static void *alloc_outside(arena *a, size_t need)
{
    size_t size = a->block ? a->block->size * 2 : FIRST_BLOCK;
    if (size > LARGEST_BLOCK)
        size = LARGEST_BLOCK;
    struct arena_block *block = new_block(need > size ? need : size);
    if (!block)
        return NULL;
    if (need > size && a->block) { /* a block of its own; the one in use keeps its room */
        block->older = a->block->older;
        a->block->older = block;
        return block + 1;
    }
    block->older = a->block;
    use_block(a, block);
    a->next += need;
    return block + 1;
}

void *arena_alloc(arena *a, size_t n)
{
    void *piece = NULL;
    size_t need = n == 0 ? ALIGN : (n + ALIGN - 1) & ~(size_t)(ALIGN - 1);
    if (need >= n && need <= SIZE_MAX / 2 && need <= SIZE_MAX - a->used &&
        (a->cap == 0 || (a->used <= a->cap && need <= a->cap - a->used))) {
        if (need + GAP <= (size_t)(a->end - a->next)) {
            piece = a->next;
            a->next += need + GAP;
        } else {
            piece = alloc_outside(a, need + GAP);
        }
    }
    if (!piece) {
        a->limited = true;
        return NULL;
    }
    a->used += need;
    SHOW(piece, n);
    return piece;
}

void *arena_calloc(arena *a, size_t count, size_t size)
{
    size_t n;
    if (__builtin_mul_overflow(count, size, &n)) {
        a->limited = true;
        return NULL;
    }
    void *piece = arena_alloc(a, n);
    return piece ? memset(piece, 0, n) : NULL;
}

slice arena_dup(arena *a, slice s)
{
    char *p = s.n < SIZE_MAX ? arena_alloc(a, s.n + 1) : NULL;
    if (!p)
        return SLICE_EMPTY;
    if (s.n)
        memcpy(p, s.p, s.n);
    p[s.n] = '\0';
    return (slice){p, s.n};
}

slice arena_printf(arena *a, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    int n = vsnprintf(NULL, 0, fmt, ap);
    va_end(ap);
    char *p = n >= 0 ? arena_alloc(a, (size_t)n + 1) : NULL;
    if (!p)
        return SLICE_EMPTY;
    va_start(ap, fmt);
    vsnprintf(p, (size_t)n + 1, fmt, ap);
    va_end(ap);
    return (slice){p, (size_t)n};
}

void *arena_grow_full(arena *a, void *array, size_t n, size_t *cap, size_t size)
{
    size_t room = *cap < 4 ? 8 : *cap * 2;
    size_t bytes;
    if (room < *cap || __builtin_mul_overflow(room, size, &bytes)) {
        a->limited = true;
        return NULL;
    }
    void *moved = arena_alloc(a, bytes);
    if (!moved)
        return NULL;
    if (n)
        memcpy(moved, array, n * size);
    *cap = room;
    return moved;
}
