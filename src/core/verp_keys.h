/* The keys of signed return paths, from a file: one a line, "ID BASE32", the newest last (docs/verp.md).
 */
#ifndef CORE_VERP_KEYS_H
#define CORE_VERP_KEYS_H

#include "base/err.h"
#include "bounce.h"

#define VERP_KEYS_FILE "/etc/bounced/verp.keys"
#define VERP_KEYS_MAX 32u /* ids 0 to 31 */
#define VERP_KEY_MAX_BYTES 64u

struct verp_keys {
    struct bounce_verp_key keys[VERP_KEYS_MAX]; /* point into `secrets`: a copy of the struct is none of the keys */
    unsigned char secrets[VERP_KEYS_MAX][VERP_KEY_MAX_BYTES];
    size_t n;
};

/* E_NOT_FOUND when the file is not there; E_INVALID, with the line, for one that makes no sense or that everybody may read. */
NODISCARD enum status verp_keys_read(const char *path, struct verp_keys *out, err *e);
/* Overwrites the secrets. */
void verp_keys_clear(struct verp_keys *k);

#endif
