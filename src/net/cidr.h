/* Networks as people write them: "192.0.2.0/24", "2001:db8::/32", "[2001:db8::]/32", one address without a length. Pure; knows no names.
 *
 * An IPv4 address and the IPv6 address that maps it (::ffff:192.0.2.1, RFC 4291 2.5.5.2) are the same.
 */
#ifndef NET_CIDR_H
#define NET_CIDR_H

#include "base/slice.h"

struct ip {
    unsigned char bytes[16]; /* IPv4 as ::ffff:a.b.c.d */
};

struct cidr {
    struct ip first;
    unsigned bits; /* of 128 */
};

/* An address without a port; brackets and a zone ("%eth0") are taken off. False when it is none. */
NODISCARD bool ip_parse(slice text, struct ip *out);
/* False when it is no network, or when bits are set behind its length ("192.0.2.1/24"): that is a slip of the pen. */
NODISCARD bool cidr_parse(slice text, struct cidr *out);
bool cidr_has(const struct cidr *net, const struct ip *ip);
/* 127.0.0.0/8 and ::1 */
bool ip_is_loopback(const struct ip *ip);

#endif
