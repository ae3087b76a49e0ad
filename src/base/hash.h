/* Hashes: SipHash-2-4 for tables keyed by what strangers choose, and 128 bits for contents.
 *
 * Neither is for signatures (HMAC-SHA-256 stands with VERP). Values are the same on every machine and may be stored.
 */
#ifndef BASE_HASH_H
#define BASE_HASH_H

#include "base/slice.h"

struct sip_key {
    uint64_t k0, k1;
};

/* SipHash-2-4 (Aumasson, Bernstein 2012). */
uint64_t sip_hash(const struct sip_key *key, slice s);
/* The same over ASCII-lower-cased bytes. */
uint64_t sip_hash_ci(const struct sip_key *key, slice s);

/* Content hash for source keys: stable, not cryptographic. SipHash-2-4-128 under a fixed key, so that at least nobody
 * finds collisions by plain arithmetic. */
struct hash128 {
    uint64_t hi, lo;
};
struct hash128 hash128(slice s);
/* Folds another piece in (h is the key of its hash), so that ("a","bc") and ("ab","c") differ. */
struct hash128 hash128_more(struct hash128 h, slice s);
/* 32 lower-case hex digits into out (not NUL-terminated). */
void hash128_hex(struct hash128 h, char out[32]);

#endif
