/* Our side: what was told of each address, and what the policy says of it. Drives policy/history, the code that the ledger's addresses
 * go through; keeps notes only of addresses that ever failed.
 *
 * A note is what a feed tells, as small as it gets; policy_event is made of it when an address is folded. Memory that is refused ends
 * the program.
 */
#ifndef SIM_OPINION_H
#define SIM_OPINION_H

#include "policy/history.h"
#include "world.h"

enum witness { WITNESS_LOG, WITNESS_DSN, WITNESS_STRANGER };

struct note {
    int64_t time_us;
    uint64_t message; /* its number; of a stranger: one that we never sent */
    uint32_t number;  /* of the attempt that it tells of: part of the key */
    uint32_t campaign;
    uint8_t stream, kind, reply, witness;
};

/* What we know of one address. */
struct record {
    uint32_t address;
    uint32_t n, room;
    struct note *notes;
    int64_t circumstance; /* the incident that holds its last failure; 0 */
    int64_t due_us;       /* when time alone may change it; TIME_NONE */
    uint16_t blocked;     /* bits of the streams that may not send to it */
    uint8_t state, cause;
    uint8_t situation; /* the last failure's, in truth */
    bool domain_sensitive, dirty /* something since the last delivery */, clean;
    /* the score's */
    uint8_t outcomes; /* failures of a dead mailbox that were told outside of troubles */
    bool missed, seen, full_missed, full_done, lost, returned;
    uint16_t full_sends;
    uint32_t first_full;  /* minute of the first message to an abandoned mailbox */
    uint32_t wrong_since; /* suppressed though good; WORLD_NEVER */
    uint64_t last_message;
};

/* A span in which failures at a place are held. */
struct span {
    struct circumstance c;
    uint32_t place; /* domain; WORLD_NEVER: everywhere, c.by says where */
    bool undone;
    /* the score's: what showed it */
    const char *signal;
    uint32_t seen, messages, failed, normal_ppm;
    bool justified;
};

struct opinion {
    const struct world *world;
    const struct replies *replies;
    struct policy policy;
    bool forgets; /* a delivery clears all, so that notes before it may go */
    struct record *records;
    uint32_t record_count;
    size_t record_room;
    uint32_t *record_of; /* by address; 0: none, else the number + 1 */
    int64_t *domain_delivered_us;
    struct span *spans;
    size_t span_count, span_room;
    arena a;
    uint64_t folds;
    void (*changed)(void *ctx, struct record *r, uint16_t before, int64_t now_us);
    void *ctx;
};

void opinion_init(struct opinion *o, const struct world *w, const struct replies *replies, const struct policy *policy,
                  bool forgets);
void opinion_fini(struct opinion *o);

/* NULL: nothing bad was ever told of it. Good until the next opinion_take. */
static inline struct record *opinion_of(struct opinion *o, uint32_t address)
{
    uint32_t i = o->record_of[address];
    return i ? &o->records[i - 1] : NULL;
}

/* What a feed tells becomes known at `now_us`. */
struct record *opinion_take(struct opinion *o, uint32_t address, const struct note *n, int64_t now_us);
/* May the stream send to it? */
bool opinion_allows(struct opinion *o, struct record *r, unsigned stream, int64_t now_us);
/* Folds all addresses of the place (WORLD_NEVER: all) that were told of since a time. */
void opinion_refold(struct opinion *o, uint32_t place, int64_t since_us, int64_t now_us);
/* A new span; its number. The caller folds anew. */
size_t opinion_open(struct opinion *o, const struct circumstance *c, uint32_t place);

uint64_t opinion_stream_hash(unsigned stream);
/* The event that the fold takes. */
void opinion_event(const struct opinion *o, uint32_t address, const struct note *n, struct policy_event *out);

#endif
