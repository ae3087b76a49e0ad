#include "net/reach.h"

#include <netinet/in.h>

static const struct {
    slice net, why;
} special[] = {
#define NETWORK(net, why) {SLICE_INIT(net), SLICE_INIT(why)},
#include "net/special.def"
#undef NETWORK
};

/* 64:ff9b::/96 carries an IPv4 address at its end (RFC 6052 2.1). */
static struct ip translated(const struct ip *ip)
{
    static const unsigned char nat64[12] = {0x00, 0x64, 0xff, 0x9b};
    static const unsigned char mapped[12] = {[10] = 0xff, [11] = 0xff};
    struct ip out = *ip;
    if (memcmp(ip->bytes, nat64, sizeof nat64) == 0)
        memcpy(out.bytes, mapped, sizeof mapped);
    return out;
}

/* The table is read from its text each time: a connection is rare beside that. */
slice reach_refuses(const struct reach *r, const struct ip *ip)
{
    struct ip real = translated(ip);
    for (size_t i = 0; i < r->allowed_count; i++)
        if (cidr_has(&r->allowed[i], &real))
            return SLICE_EMPTY;
    for (size_t i = 0; i < ARRAY_LEN(special); i++) {
        struct cidr net;
        MUST(cidr_parse(special[i].net, &net));
        if (cidr_has(&net, &real))
            return special[i].why;
    }
    return S("no address of the Internet");
}

bool ip_of_sockaddr(const struct sockaddr *a, struct ip *out)
{
    const struct sockaddr_in *v4 = (const struct sockaddr_in *)(const void *)a;
    const struct sockaddr_in6 *v6 = (const struct sockaddr_in6 *)(const void *)a;
    *out = (struct ip){.bytes = {[10] = 0xff, [11] = 0xff}};
    if (a->sa_family == AF_INET)
        memcpy(out->bytes + 12, &v4->sin_addr, 4);
    else if (a->sa_family == AF_INET6)
        memcpy(out->bytes, &v6->sin6_addr, 16);
    return a->sa_family == AF_INET || a->sa_family == AF_INET6;
}
