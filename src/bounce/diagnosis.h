/* Which words of a report tell why: the far server's reply where one is quoted, else the paragraph whose words a rule
 * knows.
 */
#ifndef BOUNCE_DIAGNOSIS_H
#define BOUNCE_DIAGNOSIS_H

#include "bounce/notice.h"

/* True when the text quotes a reply: a reply code or an enhanced code where such may stand. */
bool diagnosis_has_reply(slice text);
/* The best paragraph of `text`: with a reply, else with words that a rule knows; empty when none tells anything. */
slice diagnosis_best(struct reading *r, slice text);
/* What `n` says about each of `count` chosen entries (in the order of the text): one line each, out[i]. */
void diagnosis_each(struct reading *r, const struct notice *n, const struct notice_entry *const *chosen, size_t count,
                    slice *out);
/* What `n` says about one of its entries, up to the next address that is listed; raw. Empty when nothing. */
slice diagnosis_about(struct reading *r, const struct notice *n, const struct notice_entry *e);
/* What the report says as a whole, when no words belong to an address. */
slice diagnosis_whole(struct reading *r, const struct notice *n);

#endif
