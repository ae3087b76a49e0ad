/* The keys of signed return paths, from a file: one a line, "ID BASE32", the newest last (docs/verp.md).
 */
#ifndef CMD_KEYS_H
#define CMD_KEYS_H

#include "cmd/cmd.h"

#define KEYS_FILE "/etc/bounced/verp.keys"
#define KEYS_MAX 32u /* ids 0 to 31 */
#define KEYS_SECRET_BYTES 32u

struct verp_keys {
    struct bounce_verp_key keys[KEYS_MAX];
    unsigned char secrets[KEYS_MAX][64];
    size_t n;
};

/* From --verp-keys FILE, or KEYS_FILE when it is there; none gives n = 0. Refuses a file that others may read. Prints
 * what is wrong; returns an exit code. */
int keys_load(const struct args *a, struct verp_keys *out);
/* Overwrites the secrets. */
void keys_clear(struct verp_keys *k);

#endif
