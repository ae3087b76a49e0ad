/* Large pages for large pieces of memory.
 *
 * A mail of 50 MB in pages of 4 KB is 12,800 faults to fill and as many translations for each walk over it, which is what limits
 * the walk (docs/performance.md). Not for pieces of ordinary size: they would only keep more memory than they use.
 */
#ifndef BASE_PAGES_H
#define BASE_PAGES_H

#include <stddef.h>

#define PAGES_LARGE_BYTES (4u * 1024 * 1024) /* from here on; two large pages of most machines */

/* Asks for large pages under n bytes of malloc; does nothing when they are fewer than PAGES_LARGE_BYTES. A wish: the system may
 * not grant it, and no byte changes. To be called before the memory is written to, and again when realloc made it longer. */
void pages_want_large(void *p, size_t n);

#endif
