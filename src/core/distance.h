/* How many slips of the finger lie between two short texts: one letter more, less or other, or two neighbours swapped, each one
 * (Damerau-Levenshtein distance in its "optimal string alignment" form: no letter is touched twice). Bytes are compared. Pure. */
#ifndef CORE_DISTANCE_H
#define CORE_DISTANCE_H

#include "base/slice.h"

#define DISTANCE_MAX_BYTES 64u /* longer texts are far from everything */

/* The distance, or `most` + 1 when it is larger. */
unsigned distance(slice a, slice b, unsigned most);

#endif
