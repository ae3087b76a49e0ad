/* Where the returned message begins in the text of a report.
 *
 * Systems that return a message without MIME write a line before it ("--- Below this line is a copy of the message.");
 * the lines are data (quoted.def). Without such a line the first thing that looks like the top of a header ends the
 * report.
 */
#ifndef BOUNCE_QUOTED_H
#define BOUNCE_QUOTED_H

#include "base/slice.h"

struct quoted_lines;

/* NULL when memory is refused. */
struct quoted_lines *quoted_lines_new(void);
void quoted_lines_free(struct quoted_lines **q);

/* Splits `text` into what the report says and the returned message (both may be empty). */
void quoted_split(const struct quoted_lines *q, slice text, slice *says, slice *returned);

#endif
