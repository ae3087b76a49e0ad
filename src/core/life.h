/* Questions to the life of an address that reviews of a list ask alike (core/decay.h, core/sources.h, core/segment.h). */
#ifndef CORE_LIFE_H
#define CORE_LIFE_H

#include "ledger/ledger.h"
#include "policy/policy.h"

#define LIFE_MAX_FAILURES 64u /* in a row; more are not counted */

enum life_end {
    LIFE_GOES_ON,
    LIFE_DEAD,     /* does not exist any more, or never did: hard, invalid, or abandoned (escalated) */
    LIFE_LEFT,     /* complaint or opt-out */
    LIFE_WITHDRAWN /* suppressed for another cause: nothing more will be learned of it */
};
enum life_end life_end(const struct ledger_life *life);

/* When it began for the list: signed up, else first seen; TIME_NONE when neither is known. */
int64_t life_began_us(const struct ledger_life *life);

/* What its events tell, as far as they are kept. */
struct life_record {
    int64_t engaged_us; /* the last open or click; TIME_NONE: never */
    /* Failed campaigns in a row: since the last delivery, and since a person lifted a suppression. Mail without a campaign counts once a
     * day. Blocks and what counts never (docs/taxonomy.md) are left out. */
    unsigned failures;
};
/* `policy` is the one that histories were folded under: with another one the events are read, which takes longer. */
NODISCARD enum status life_read(struct ledger *l, const struct policy *policy, const struct ledger_life *life, arena *a,
                                struct life_record *out, err *e);

#endif
