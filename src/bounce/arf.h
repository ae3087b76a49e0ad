/* Feedback reports: complaints of users, in the Abuse Reporting Format (RFC 5965, 6591, 6650) and the older shapes of
 * Hotmail and AOL, and opt-outs that a mail program sends to an unsubscribe address (RFC 2369).
 */
#ifndef BOUNCE_ARF_H
#define BOUNCE_ARF_H

#include "bounce/reading.h"

/* Returns how many reports were added; 0 when the mail is no feedback report. */
size_t arf_read(struct reading *r);

#endif
