/* What servers say in each situation, with the verdicts that the judge comes to. Judged once; read-only then.
 */
#ifndef SIM_REPLIES_H
#define SIM_REPLIES_H

#include "base/arena.h"
#include "bounce.h"

/* What is the matter with one attempt to deliver one message. */
enum situation {
    DELIVERED,
    DEAD,
    CLOSED,
    DEAD_LOW,
    DEAD_LOW_TEMPORARY,
    FULL,
    FULL_TEMPORARY,
    UNAVAILABLE,
    GREYLISTED,
    CONNECT,
    BUSY,
    WRONG,
    WRONG_TEMPORARY,
    BLOCKED,
    BLOCKED_TEMPORARY,
    BLOCKED_ODD,
    FORGED, /* nothing is: somebody only says so */
    SITUATIONS
};
const char *situation_word(enum situation s);

#define REPLIES_MAX 48u

struct reply {
    enum situation situation;
    enum bounce_kind kind; /* of an attempt that ends so */
    const char *text;      /* "%": the address */
    uint8_t reason, certainty;
    uint8_t expired_reason, expired_certainty; /* when the queue gave up after it */
    uint32_t mark;                             /* of its normalised text */
};

struct replies {
    struct reply v[REPLIES_MAX];
    unsigned n;
    unsigned first[SITUATIONS + 1]; /* those of a situation stand together */
};

/* Returns false when memory was refused. */
NODISCARD bool replies_init(struct replies *r);
/* One of a situation's replies, always the same for a value: its number. */
unsigned replies_pick(const struct replies *r, enum situation s, uint64_t value);

#endif
