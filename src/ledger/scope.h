/* The hash under which a suppression stands in the table and in the ledger: of (scope, tenant, stream, address or
 * domain), keyed, since strangers choose addresses.
 *
 * Made of parts, so that a check computes four hashes and not one for each probe.
 */
#ifndef LEDGER_SCOPE_H
#define LEDGER_SCOPE_H

#include "base/hash.h"
#include "policy/state.h"

#define SCOPES 3

/* What (scope, tenant, stream) adds to the hash, by enum scope. */
struct scope_salt {
    uint64_t of[SCOPES];
};

/* The stream counts in SCOPE_STREAM only. */
struct scope_salt scope_salts(const struct sip_key *key, slice tenant, slice stream);
/* Hash of an address or domain key under one salt; never 0. */
static inline uint64_t scope_mix(uint64_t salt, uint64_t text_hash)
{
    uint64_t h = salt ^ text_hash; /* both are values of a keyed function: their sum spreads as well as they do */
    return h ? h : 1;
}
uint64_t scope_hash(const struct sip_key *key, enum scope scope, slice tenant, slice stream, slice address_or_domain);

#endif
