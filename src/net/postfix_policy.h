/* Policy delegation of Postfix (SMTPD_POLICY_README): lines "name=value", ended by an empty one, are answered by "action=..." and an
 * empty line. Connections stay open for many requests.
 *
 * Understood: request=smtpd_access_policy in the states RCPT and END-OF-MESSAGE (others are answered DUNNO: at DATA and before RCPT
 * there is no recipient to refuse). Attributes that are not known are passed over, as that document wants it.
 * Limits: a request of POLICY_MAX_REQUEST_BYTES (certificates' names make long ones). What is no request closes the connection
 * without an answer, upon which Postfix applies smtpd_policy_service_default_action.
 * State per connection: none.
 */
#ifndef NET_POSTFIX_POLICY_H
#define NET_POSTFIX_POLICY_H

#include "net/ask.h"

#define POLICY_MAX_REQUEST_BYTES (32u * 1024)

/* ctx: struct asker */
extern const struct protocol postfix_policy_protocol;

#endif
