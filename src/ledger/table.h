/* The suppression table in memory: answers every check. Open addressing, 16 bytes a slot: 64-bit keyed SipHash of (scope,
 * address or domain), expiry hour, cause, flags. One check probes the scopes that apply: global, tenant, stream, each for address
 * and domain.
 *
 * Rebuilt from the ledger at start, follows its change numbers. Readers may run beside one writer (a grow swaps the array; see
 * table_follow). A hit is certain up to a hash collision of 64 bits; whoever asks for the reason confirms it in the ledger.
 */
#ifndef LEDGER_TABLE_H
#define LEDGER_TABLE_H

#include "ledger/ledger.h"

struct table;

struct table_hit {
    bool suppressed;
    enum cause cause;
    enum scope scope;
    bool domain;       /* the whole domain is suppressed */
    int64_t until_us;  /* TIME_NONE: no end */
};

NODISCARD enum status table_new(const struct sip_key *key, size_t expected, struct table **out, err *e);
void table_free(struct table **t);
NODISCARD enum status table_put(struct table *t, enum scope scope, slice tenant, slice stream, slice address_or_domain, enum cause cause,
                                int64_t until_us, err *e);
void table_remove(struct table *t, enum scope scope, slice tenant, slice stream, slice address_or_domain);
/* Reads all suppressions, or (seq > 0) what has changed since; *seq is moved on. */
NODISCARD enum status table_follow(struct table *t, struct ledger *l, int64_t *seq, err *e);
/* `key` is the bounce_address key (domain lower case, local part folded). Four probes at most: strictest answer first. */
struct table_hit table_check(const struct table *t, slice tenant, slice stream, slice key, int64_t now_us);
size_t table_count(const struct table *t);

#endif
