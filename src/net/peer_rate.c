#include "net/peer_rate.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/time.h"

struct bucket {
    uint64_t peer; /* 0: free */
    int64_t used_us;
    int64_t spent_us; /* of the minute that fills a bucket; drains with time */
};

struct peer_rate {
    unsigned per_minute;
    struct sip_key key;
    struct bucket buckets[]; /* PEER_RATE_SLOTS, none where there is no limit */
};

struct peer_rate *peer_rate_new(unsigned per_minute, const struct sip_key *key)
{
    size_t slots = per_minute ? PEER_RATE_SLOTS : 0;
    struct peer_rate *r = calloc(1, sizeof(*r) + slots * sizeof(r->buckets[0]));
    if (r) {
        r->per_minute = per_minute;
        r->key = *key;
    }
    return r;
}

void peer_rate_free(struct peer_rate **r)
{
    free(*r);
    *r = NULL;
}

static uint64_t peer_hash(const struct peer_rate *r, slice address)
{
    char text[INET6_ADDRSTRLEN + 1];
    struct in6_addr six;
    int n = snprintf(text, sizeof(text), "%.*s", SLICE_FMT(address));
    if (n > 0 && (size_t)n < sizeof(text) && inet_pton(AF_INET6, text, &six) == 1)
        address = slice_of((const char *)six.s6_addr, IN6_IS_ADDR_V4MAPPED(&six) ? 16 : 8);
    uint64_t h = sip_hash(&r->key, address);
    return h ? h : 1;
}

static struct bucket *find(struct peer_rate *r, uint64_t peer)
{
    struct bucket *set = &r->buckets[peer % (PEER_RATE_SLOTS / PEER_RATE_WAYS) * PEER_RATE_WAYS];
    struct bucket *oldest = set;
    for (unsigned i = 0; i < PEER_RATE_WAYS; i++) {
        if (set[i].peer == peer)
            return &set[i];
        if (set[i].used_us < oldest->used_us)
            oldest = &set[i];
    }
    *oldest = (struct bucket){.peer = peer};
    return oldest;
}

bool peer_rate_take(struct peer_rate *r, slice address, int64_t now_us)
{
    if (!r->per_minute || slice_empty(address))
        return true;
    struct bucket *b = find(r, peer_hash(r, address));
    int64_t passed = now_us - b->used_us, cost = TIME_MINUTE / r->per_minute;
    b->used_us = now_us;
    b->spent_us = passed > 0 && passed < b->spent_us ? b->spent_us - passed : passed > 0 ? 0 : b->spent_us;
    if (b->spent_us + cost > TIME_MINUTE)
        return false;
    b->spent_us += cost;
    return true;
}
