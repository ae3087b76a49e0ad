/* Reports written for people: no machine part, any vendor, many languages.
 *
 * First whether the mail is a report at all (facts of the header and words of the text together), then who failed (the
 * X-Failed-Recipients field, else the best tier of addresses that notice finds, else to whom the returned message
 * went), then what was said about each. Mails that only talk about failed deliveries give nothing.
 */
#ifndef BOUNCE_FREETEXT_H
#define BOUNCE_FREETEXT_H

#include "bounce/reading.h"

/* Returns how many reports were added. */
size_t freetext_read(struct reading *r);
/* Names the recipient of a single report of a machine part that names none, from X-Failed-Recipients or the text. */
void freetext_name(struct reading *r);
/* Gives the reports of a machine part that say nothing in words what the text for people says about their recipient. */
void freetext_complete(struct reading *r);

#endif
