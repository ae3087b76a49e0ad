/* Many fields taken out of a header in one walk over it: for the tables of names that are looked for in every mail.
 *
 * An index is made once and only read then; several threads may share it. The names must live as long as it does (they are
 * static tables).
 */
#ifndef BOUNCE_FIELD_INDEX_H
#define BOUNCE_FIELD_INDEX_H

#include "bounce/header.h"

#define FIELD_INDEX_MAX 128u /* names */

struct field_index;

/* NULL when memory is refused. Each name stands in `names` once; n is at most FIELD_INDEX_MAX. */
struct field_index *field_index_new(const struct field_name *names, size_t n);
void field_index_free(struct field_index **x);

/* Sets out[i] to the raw value of the first field that is called names[i], with `filled` of the first that is not empty; case
 * ignored, empty where there is none. `out` has room for all names. */
void field_index_take(const struct field_index *x, const struct header *h, bool filled, slice *out);

#endif
