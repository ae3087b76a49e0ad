#include "base/pages.h"

#include <stdint.h>
#include <sys/mman.h>

#define PAGE_BYTES ((uintptr_t)4096) /* where pages are larger the address may not suit: then there is no wish */

void pages_want_large(void *p, size_t n)
{
    if (n < PAGES_LARGE_BYTES)
        return;
    /* Whole pages, with malloc's own word in front of p: a mapping that is flagged in part can no longer be moved by realloc
     * without a copy. */
    uintptr_t from = (uintptr_t)p / PAGE_BYTES * PAGE_BYTES;
    uintptr_t to = ((uintptr_t)p + n + PAGE_BYTES - 1) / PAGE_BYTES * PAGE_BYTES;
    (void)madvise((void *)from, to - from, MADV_HUGEPAGE);
}
