/* Between the parts of the Postfix dialect. For no other file.
 */
#ifndef FEED_POSTFIX_WORK_H
#define FEED_POSTFIX_WORK_H

#include "feed/log_work.h"

#define POSTFIX_QUEUE_ID_MIN_BYTES 5u

enum daemon {
    DAEMON_SMTP,
    DAEMON_LMTP,
    DAEMON_LOCAL,
    DAEMON_VIRTUAL,
    DAEMON_PIPE,
    DAEMON_OTHER_AGENT, /* error, retry, discard, bounce */
    DAEMON_QMGR,
    DAEMON_CLEANUP
};

/* Handlers of a line, by daemon. False when memory was refused. */
bool postfix_delivery(struct work *w, enum daemon daemon);
bool postfix_queue_manager(struct work *w, enum daemon daemon);
bool postfix_cleanup(struct work *w, enum daemon daemon);

#endif
