/* Who wrote a report: the name of the mail system, for the column `format` and for people. Nothing else depends on it.
 */
#ifndef BOUNCE_DIALECT_H
#define BOUNCE_DIALECT_H

#include "bounce/reading.h"

struct dialects;

/* NULL when memory is refused. */
struct dialects *dialects_new(void);
void dialects_free(struct dialects **d);

/* "qmail", "exim", "gmail", ...; "text" when nothing tells. Static. */
slice dialect_name(struct reading *r);

#endif
