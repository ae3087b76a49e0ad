/* How often an address does something: a bucket of tokens for each, in a table of fixed size.
 *
 * An IPv6 peer is its /64, since whoever has one address of it has them all. When the table is full, the bucket that was used
 * longest ago among PEER_RATE_WAYS makes room: a peer may be forgotten, never refused for what another one did. One thread.
 */
#ifndef NET_PEER_RATE_H
#define NET_PEER_RATE_H

#include "base/hash.h"

#define PEER_RATE_SLOTS 16384u /* 24 bytes each */
#define PEER_RATE_WAYS 8u

struct peer_rate;

/* `per_minute` in the long run, and as many at once; 0: no limit. NULL when memory is refused. The key keeps strangers from
 * choosing whose slots they share. */
NODISCARD struct peer_rate *peer_rate_new(unsigned per_minute, const struct sip_key *key);
void peer_rate_free(struct peer_rate **r);
/* Takes a token. False: there is none. `address` as in conn_peer; an empty one (a unix socket) always has one. */
bool peer_rate_take(struct peer_rate *r, slice address, int64_t now_us);

#endif
