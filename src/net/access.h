/* Answers as Postfix takes them from its lookup tables and policy servers: actions of access(5), results of transport(5).
 */
#ifndef NET_ACCESS_H
#define NET_ACCESS_H

#include "net/ask.h"

enum access_form {
    ACCESS_ACTION,   /* check_recipient_access, check_policy_service: "550 5.7.1 text" */
    ACCESS_TRANSPORT /* transport_maps: "error:5.7.1 text", which also covers mail that no SMTP client brought */
};

/* Appends the action; false, with nothing appended, when there is none to take (the mail goes on).
 *
 * DISCARD of access(5) would throw the message away for all of its recipients: as an action, discard is a refusal; as a transport it
 * discards for the one recipient. A tag is PREPEND as an action and nothing as a transport. */
bool access_add(buf *out, const struct ask_answer *a, enum access_form form);

#endif
