/* The keys of signed return paths, as commands find them.
 */
#ifndef CMD_KEYS_H
#define CMD_KEYS_H

#include "cmd/cmd.h"
#include "core/verp_keys.h"

#define KEYS_SECRET_BYTES 32u /* of a new one */

/* From --verp-keys FILE, or VERP_KEYS_FILE when it is there; none gives n = 0. Refuses a file that others may read. Prints
 * what is wrong; returns an exit code. */
int keys_load(const struct args *a, struct verp_keys *out);

#endif
