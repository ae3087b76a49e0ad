/* What the header of a returned message tells of the message that a report is about.
 */
#ifndef BOUNCE_RETURNED_H
#define BOUNCE_RETURNED_H

#include "bounce.h"
#include "bounce/charset.h"
#include "bounce/field_index.h"

/* The index of the fields that are looked for, for returned_read; NULL when memory is refused. */
struct field_index *returned_index_new(void);

/* Fills *out from the header; fields that are not there come out empty. From, To and Subject are decoded, ids stand
 * without their angle brackets, the List-Id and the return path too. The campaign and recipient headers are those of
 * `options` (NULL, or no names: a usual list, in its order); the first that is there counts. */
void returned_read(const struct field_index *index, struct charsets *cs, arena *a, const struct header *h,
                   const struct bounce_options *options, struct bounce_returned *out);

#endif
