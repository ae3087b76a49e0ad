/* Automatic answers that are no failure: out of office (RFC 3834 and what programs really write), and challenges that
 * ask the sender to prove that he is a person.
 */
#ifndef BOUNCE_AUTOREPLY_H
#define BOUNCE_AUTOREPLY_H

#include "bounce/reading.h"

/* True when the header alone says so, whatever the text talks about; asked before a text is read as a failure. */
bool autoreply_plain(const struct reading *r);
/* Adds the one report of an automatic answer; 0 when the mail is none. */
size_t autoreply_read(struct reading *r);

#endif
