/* Refuses memory from a chosen allocation on, so that every place where malloc can fail is reached once. A test program that
 * uses it links refuse_dep (tests/meson.build), which puts these functions between our code and malloc, calloc and realloc.
 */
#ifndef TESTS_REFUSE_H
#define TESTS_REFUSE_H

#include <stdbool.h>

/* The next n allocations succeed, all after them are refused. */
void refuse_after(unsigned n);
/* Everything succeeds again. Returns whether one was refused meanwhile: when not, n was past the last allocation. */
bool refuse_end(void);

#endif
