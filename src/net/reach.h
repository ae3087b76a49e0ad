/* Which addresses requests of ours may go to when somebody else names the target: those of the public Internet, and what the
 * administrator allows. Pure.
 *
 * IPv4 inside of IPv6 counts as IPv4: mapped (::ffff:0:0/96) and translated (64:ff9b::/96, RFC 6052). Held against the address that
 * is connected to, never against a name: a name may point elsewhere the next moment.
 */
#ifndef NET_REACH_H
#define NET_REACH_H

#include "net/cidr.h"

struct sockaddr;

struct reach {
    const struct cidr *allowed; /* beside the public ones */
    size_t allowed_count;
};

/* Why it is refused; empty when it may be reached. */
slice reach_refuses(const struct reach *r, const struct ip *ip);
/* IPv4 and IPv6; false for any other family. */
NODISCARD bool ip_of_sockaddr(const struct sockaddr *a, struct ip *out);

#endif
