#include "guard.h"

#include <sys/mman.h>
#include <unistd.h>

void guard_init(struct guard *g, size_t max)
{
    long page_size = sysconf(_SC_PAGESIZE);
    MUST(page_size > 0);
    size_t page = (size_t)page_size;
    g->size = (max / page + 2) * page;
    g->map = mmap(NULL, g->size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    MUST(g->map != MAP_FAILED);
    MUST(mprotect(g->map + g->size - page, page, PROT_NONE) == 0);
    g->size -= page; /* from here on: what can be used */
}

void guard_fini(struct guard *g)
{
    MUST(munmap(g->map, g->size + (size_t)sysconf(_SC_PAGESIZE)) == 0);
    *g = (struct guard){0};
}

slice guard_put(struct guard *g, slice s)
{
    MUST(s.n <= g->size);
    char *p = g->map + (g->size - s.n);
    if (s.n)
        memcpy(p, s.p, s.n);
    return (slice){p, s.n};
}

void guard_prefixes(slice s, void (*fn)(slice prefix, void *data), void *data)
{
    struct guard g;
    guard_init(&g, s.n);
    for (size_t n = 0; n <= s.n; n++)
        fn(guard_put(&g, slice_of(s.p, n)), data);
    guard_fini(&g);
}

void guard_splits(slice s, void (*fn)(slice head, slice tail, void *data), void *data)
{
    struct guard head, tail;
    guard_init(&head, s.n);
    guard_init(&tail, s.n);
    for (size_t n = 0; n <= s.n; n++)
        fn(guard_put(&head, slice_sub(s, 0, n)), guard_put(&tail, slice_from(s, n)), data);
    guard_fini(&head);
    guard_fini(&tail);
}
