/* SMTP replies as MTAs, DSNs and webhooks quote them (bounce_reply_parse in bounce.h): more for our own side. */
#ifndef BOUNCE_REPLY_H
#define BOUNCE_REPLY_H

#include "base/arena.h"
#include "bounce.h"

#define REPLY_MAX_BYTES 8192u /* the rest of a longer text is not looked at */
#define REPLY_MAX_PARTS 32u   /* replies in one text */

/* The time that words such as "try again in 5 minutes", "wait 300 seconds", "retry after 2h" name, in seconds; 0 for none.
 * At most a week. */
int64_t reply_retry_after(slice text);
/* The phase that words such as "(in reply to RCPT TO command)", "after RCPT TO:<a@b>:", ">>> DATA" name. */
enum bounce_phase reply_phase(slice text);

#endif
