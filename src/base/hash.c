#include "base/hash.h"

#include <endian.h>

#define ROTL(x, b) (((x) << (b)) | ((x) >> (64 - (b))))
#define ONES UINT64_C(0x0101010101010101)

/* Key of hash128 for the first piece: digits of pi, nothing to hide. */
#define CONTENT_K0 UINT64_C(0x243f6a8885a308d3)
#define CONTENT_K1 UINT64_C(0x13198a2e03707344)

struct sip {
    uint64_t v0, v1, v2, v3;
};

ALWAYS_INLINE void sip_round(struct sip *s)
{
    s->v0 += s->v1;
    s->v1 = ROTL(s->v1, 13) ^ s->v0;
    s->v0 = ROTL(s->v0, 32);
    s->v2 += s->v3;
    s->v3 = ROTL(s->v3, 16) ^ s->v2;
    s->v0 += s->v3;
    s->v3 = ROTL(s->v3, 21) ^ s->v0;
    s->v2 += s->v1;
    s->v1 = ROTL(s->v1, 17) ^ s->v2;
    s->v2 = ROTL(s->v2, 32);
}

ALWAYS_INLINE void sip_word(struct sip *s, uint64_t m)
{
    s->v3 ^= m;
    sip_round(s);
    sip_round(s);
    s->v0 ^= m;
}

ALWAYS_INLINE uint64_t sip_end(struct sip *s)
{
    for (int i = 0; i < 4; i++)
        sip_round(s);
    return s->v0 ^ s->v1 ^ s->v2 ^ s->v3;
}

static inline uint64_t eight_bytes(const char *p)
{
    uint64_t m;
    memcpy(&m, p, sizeof m);
    return le64toh(m);
}

static inline uint64_t four_bytes(const char *p)
{
    uint32_t m;
    memcpy(&m, p, sizeof m);
    return le32toh(m);
}

/* Eight bytes at once: 'A'..'Z' to 'a'..'z'. */
static inline uint64_t lower8(uint64_t x)
{
    uint64_t low = x & (0x7f * ONES);
    uint64_t above_z = low + (0x7f - 'Z') * ONES;
    uint64_t from_a = low + (0x80 - 'A') * ONES;
    uint64_t upper = (from_a ^ above_z) & ~x & (0x80 * ONES);
    return x | (upper >> 2);
}

ALWAYS_INLINE struct sip sip_begin(const struct sip_key *key)
{
    return (struct sip){key->k0 ^ UINT64_C(0x736f6d6570736575), key->k1 ^ UINT64_C(0x646f72616e646f6d),
                        key->k0 ^ UINT64_C(0x6c7967656e657261), key->k1 ^ UINT64_C(0x7465646279746573)};
}

/* The last text.n % 8 bytes, the first of them lowest, without a loop whose length is hard to foresee. */
static inline uint64_t last_bytes(slice text)
{
    size_t n = text.n % 8;
    if (text.n >= 8) /* all above n is shifted out, in two steps since n may be 0 */
        return eight_bytes(text.p + text.n - 8) >> 8 >> (56 - 8 * n);
    if (n >= 4)
        return four_bytes(text.p) | four_bytes(text.p + n - 4) << (8 * (n - 4));
    if (n == 0)
        return 0;
    const unsigned char *p = (const unsigned char *)text.p; /* 1 to 3: some bytes are taken twice */
    return p[0] | (uint64_t)p[n / 2] << (8 * (n / 2)) | (uint64_t)p[n - 1] << (8 * (n - 1));
}

/* The state stays in registers. */
ALWAYS_INLINE void sip_text(struct sip *s, slice text, bool lower)
{
    for (size_t i = 0; text.n - i >= 8; i += 8) {
        uint64_t m = eight_bytes(text.p + i);
        sip_word(s, lower ? lower8(m) : m);
    }
    uint64_t last = last_bytes(text);
    sip_word(s, (lower ? lower8(last) : last) | (uint64_t)text.n << 56);
}

uint64_t sip_hash(const struct sip_key *key, slice s)
{
    struct sip state = sip_begin(key);
    sip_text(&state, s, false);
    state.v2 ^= 0xff;
    return sip_end(&state);
}

uint64_t sip_hash_ci(const struct sip_key *key, slice s)
{
    struct sip state = sip_begin(key);
    sip_text(&state, s, true);
    state.v2 ^= 0xff;
    return sip_end(&state);
}

struct hash128 hash128_more(struct hash128 h, slice s)
{
    struct sip_key key = {h.hi, h.lo};
    struct sip state = sip_begin(&key);
    struct hash128 out;
    state.v1 ^= 0xee; /* SipHash with 128 bits of output */
    sip_text(&state, s, false);
    state.v2 ^= 0xee;
    out.hi = sip_end(&state);
    state.v1 ^= 0xdd;
    out.lo = sip_end(&state);
    return out;
}

struct hash128 hash128(slice s)
{
    return hash128_more((struct hash128){CONTENT_K0, CONTENT_K1}, s);
}

void hash128_hex(struct hash128 h, char out[32])
{
    for (int i = 0; i < 16; i++) {
        out[i] = "0123456789abcdef"[h.hi >> (60 - 4 * i) & 15];
        out[16 + i] = "0123456789abcdef"[h.lo >> (60 - 4 * i) & 15];
    }
}
