/* Which known word a misspelt one was meant to be. */
#ifndef BASE_NEAREST_H
#define BASE_NEAREST_H

#include "base/slice.h"

#define NEAREST_MAX_WORD 64u /* longer words are near to nothing */

/* How well `word` fits `known`: 0 is equal, small is near (letters changed, added, dropped, neighbours swapped; a beginning of three
 * letters or more is 1). SIZE_MAX: not near at all. */
size_t nearest_distance(slice word, slice known);
/* The best of the NULL-terminated `words`; NULL when none is near. */
const char *nearest_word(slice word, const char *const *words);

#endif
