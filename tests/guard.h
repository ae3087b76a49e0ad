/* Inputs flush against an unreadable page: reading one byte too far ends the test.
 */
#ifndef TESTS_GUARD_H
#define TESTS_GUARD_H

#include "base/slice.h"

struct guard {
    char *map;
    size_t size; /* usable bytes, behind which the unreadable page stands */
};

/* Room for inputs of up to max bytes; ends the test program when the system refuses. */
void guard_init(struct guard *g, size_t max);
void guard_fini(struct guard *g);
/* A copy of s whose end is the start of the unreadable page; good until the next guard_put. */
slice guard_put(struct guard *g, slice s);

/* Calls fn on a guarded copy of every prefix of s, from the empty one to s itself. */
void guard_prefixes(slice s, void (*fn)(slice prefix, void *data), void *data);
/* Calls fn on guarded copies of the two parts for every place where s can be split. */
void guard_splits(slice s, void (*fn)(slice head, slice tail, void *data), void *data);

#endif
