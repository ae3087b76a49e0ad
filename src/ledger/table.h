/* The suppression table in memory: answers every check. Open addressing, 16 bytes a slot: 64-bit keyed hash of (scope, address or
 * domain), expiry hour, cause, flags. One check probes the scopes that apply: global, tenant, stream, each for address and domain,
 * but only those of which the table holds any. Addresses and domains stand apart: of few domains the cache keeps all.
 *
 * Rebuilt from the ledger at start, follows its change numbers. Threads: one writer (put, remove, follow) beside any number of
 * readers (check, count), without locks: readers retry when the writer was at work in the same instant. What a grow leaves behind
 * keeps its address range, not its memory, until table_free, for which all readers must have stopped.
 *
 * Limits: expiry is kept in hours, rounded up. A hit is certain up to a collision of 64 bits (one in 1.8e12 checks at 10 million
 * entries); whoever asks for the reason confirms it in the ledger.
 */
#ifndef LEDGER_TABLE_H
#define LEDGER_TABLE_H

#include "ledger/ledger.h"
#include "ledger/scope.h"

struct table;

struct table_hit {
    bool suppressed;
    enum cause cause;
    enum scope scope;
    bool domain;      /* the whole domain is suppressed */
    int64_t until_us; /* TIME_NONE: no end */
};

/* `key` must be ledger_key() for a table that follows a ledger. Room for `expected` entries is made at once. */
NODISCARD enum status table_new(const struct sip_key *key, size_t expected, struct table **out, err *e);
void table_free(struct table **t);
NODISCARD enum status table_put(struct table *t, enum scope scope, slice tenant, slice stream, slice address_or_domain,
                                enum cause cause, int64_t until_us, err *e);
void table_remove(struct table *t, enum scope scope, slice tenant, slice stream, slice address_or_domain);
/* Reads all suppressions, or (seq > 0) what has changed since; *seq is moved on. */
NODISCARD enum status table_follow(struct table *t, struct ledger *l, int64_t *seq, err *e);
/* `key` is the bounce_address key (domain lower case, local part folded). Strictest answer first: address before
 * domain, global before tenant before stream. */
struct table_hit table_check(const struct table *t, slice tenant, slice stream, slice key, int64_t now_us);
/* The same for who asks about one tenant and stream again and again (a listener): the place is computed once. */
struct scope_salt table_place(const struct table *t, slice tenant, slice stream);
struct table_hit table_check_at(const struct table *t, const struct scope_salt *place, slice key, int64_t now_us);
/* The same for a list of one stream; hits[i] answers keys[i]. Several times as fast a check, since it waits for memory once for many. */
void table_check_many(const struct table *t, slice tenant, slice stream, const slice *keys, size_t n, int64_t now_us,
                      struct table_hit *hits);
size_t table_count(const struct table *t);

#endif
