#include "ledger/scope.h"

/* Marks tell the three scopes apart; odd numbers without meaning. */
#define MARK_GLOBAL UINT64_C(0x9e3779b97f4a7c15)
#define MARK_TENANT UINT64_C(0xc2b2ae3d27d4eb4f)
#define MARK_STREAM UINT64_C(0x165667b19e3779f9)

struct scope_salt scope_salts(const struct sip_key *key, slice tenant, slice stream)
{
    struct sip_key mine = {key->k0 ^ MARK_GLOBAL, key->k1}; /* a tenant "a" and an address "a" share nothing */
    uint64_t t = sip_hash(&mine, tenant);
    struct sip_key streams = {t ^ MARK_STREAM, key->k1};
    return (struct scope_salt){{
        [SCOPE_GLOBAL] = t * MARK_GLOBAL,
        [SCOPE_TENANT] = t * MARK_TENANT,
        [SCOPE_STREAM] = sip_hash(&streams, stream),
    }};
}

uint64_t scope_hash(const struct sip_key *key, enum scope scope, slice tenant, slice stream, slice address_or_domain)
{
    MUST((unsigned)scope < SCOPES);
    struct scope_salt salt = scope_salts(key, tenant, stream);
    return scope_mix(salt.of[scope], sip_hash(key, address_or_domain));
}
