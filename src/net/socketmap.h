/* Socketmap, the protocol of socketmap_table(5) of Postfix and of sendmail's map of that name: netstrings "MAP KEY" in, netstrings
 * "OK VALUE" or "NOTFOUND " out. Connections stay open; several queries may be in flight and are answered in order.
 *
 * The key is an address. The map named "transport" answers for transport_maps, every other name for check_recipient_access.
 * Limits: a query has at most SOCKETMAP_MAX_QUERY_BYTES (Postfix' own limit is 10,000); what is no netstring closes the connection.
 * State per connection: none.
 */
#ifndef NET_SOCKETMAP_H
#define NET_SOCKETMAP_H

#include "net/ask.h"

#define SOCKETMAP_MAX_QUERY_BYTES 10000u

/* ctx: struct asker */
extern const struct protocol socketmap_protocol;

#endif
