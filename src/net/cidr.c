#include "net/cidr.h"

#include <arpa/inet.h>

#define V4_AT 12 /* where the four octets stand in a mapped address */

static const unsigned char v4_mapped[V4_AT] = {[10] = 0xff, [11] = 0xff};

bool ip_parse(slice text, struct ip *out)
{
    char name[INET6_ADDRSTRLEN];
    text = slice_unwrap(slice_trim(text), '[', ']');
    text = slice_sub(text, 0, slice_chr(text, '%'));
    if (text.n == 0 || text.n >= sizeof name || slice_chr(text, '\0') != SLICE_NPOS)
        return false;
    memcpy(name, text.p, text.n);
    name[text.n] = '\0';
    if (inet_pton(AF_INET6, name, out->bytes) == 1)
        return true;
    memcpy(out->bytes, v4_mapped, sizeof v4_mapped);
    return inet_pton(AF_INET, name, out->bytes + V4_AT) == 1;
}

/* Whether the first `bits` of both are the same. */
static bool same_bits(const unsigned char *a, const unsigned char *b, unsigned bits)
{
    unsigned whole = bits / 8, left = bits % 8;
    if (memcmp(a, b, whole) != 0)
        return false;
    return left == 0 || ((a[whole] ^ b[whole]) >> (8 - left)) == 0;
}

static bool none_behind(const struct cidr *net)
{
    for (unsigned bit = net->bits; bit < 128; bit++)
        if (net->first.bytes[bit / 8] & (0x80u >> bit % 8))
            return false;
    return true;
}

bool cidr_parse(slice text, struct cidr *out)
{
    slice address, length = text;
    uint64_t bits = 128;
    if (!slice_split(&length, '/', &address) || !ip_parse(address, &out->first))
        return false;
    bool v4 = slice_chr(address, ':') == SLICE_NPOS;
    if (length.p) {
        if (!slice_u64(slice_trim(length), &bits) || bits > (v4 ? 32 : 128))
            return false;
        bits += v4 ? 8 * V4_AT : 0;
    }
    out->bits = (unsigned)bits;
    return none_behind(out);
}

bool cidr_has(const struct cidr *net, const struct ip *ip)
{
    return same_bits(net->first.bytes, ip->bytes, net->bits);
}

bool ip_is_loopback(const struct ip *ip)
{
    static const unsigned char one[16] = {[15] = 1};
    static const unsigned char v4[V4_AT + 1] = {[10] = 0xff, [11] = 0xff, [V4_AT] = 127};
    return memcmp(ip->bytes, one, sizeof one) == 0 || memcmp(ip->bytes, v4, sizeof v4) == 0;
}
