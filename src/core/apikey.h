/* Keys to the HTTP API: made once, shown once, kept as hashes.
 *
 * A key is "bnc_<id>_<secret>": the id (8 characters) finds it, the secret (160 random bits in base32) proves it. The ledger keeps the
 * SHA-256 of the whole; random secrets need no slow hash. Roles hold each other: admin may all that write may, write all that read may.
 */
#ifndef CORE_APIKEY_H
#define CORE_APIKEY_H

#include "ledger/ledger.h"

#define APIKEY_BYTES 45u /* "bnc_" 8 "_" 32 */

enum apikey_role { APIKEY_NONE, APIKEY_READ, APIKEY_WRITE, APIKEY_ADMIN };
const char *apikey_role_word(enum apikey_role r); /* "read", ... */
enum apikey_role apikey_role_find(slice word);    /* APIKEY_NONE when there is none */

/* Makes a key and stores its hash, in a transaction of its own. `out` gets the key: the only time that it is seen. An empty tenant: it
 * may see all tenants. E_INVALID: the name is empty or taken. */
NODISCARD enum status apikey_add(struct ledger *l, slice name, enum apikey_role role, slice tenant, int64_t now_us,
                                 char out[APIKEY_BYTES + 1], err *e);
/* Takes a key away by its name. E_NOT_FOUND. */
NODISCARD enum status apikey_remove(struct ledger *l, slice name, err *e);

/* All keys in memory, to ask without the ledger. */
struct apikeys;
NODISCARD enum status apikeys_load(struct ledger *l, struct apikeys **out, err *e);
void apikeys_free(struct apikeys **k);
struct apikey {
    slice name, tenant; /* valid as long as the keys */
    enum apikey_role role;
};
/* Whose it is; role APIKEY_NONE when it is nobody's. In constant time for a known id. */
struct apikey apikeys_find(const struct apikeys *k, slice key);

#endif
