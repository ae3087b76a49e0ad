/* Which form, import or partner brings dead addresses: counts of addresses by where they came from, and what became of the mail.
 *
 * Ranked by the lower end of the 95 % interval of the share that is dead (core/interval.h), so that a few dead ones of a small source
 * do not outrank many of a large one. Where addresses came from is told by `bounced acquired`.
 */
#ifndef CORE_SOURCES_H
#define CORE_SOURCES_H

#include "core/interval.h"
#include "core/rates.h"
#include "ledger/ledger.h"

enum source_by { SOURCE_BY_SOURCE, SOURCE_BY_FORM, SOURCE_BY_BATCH, SOURCE_BYS };
const char *source_by_word(enum source_by by);
enum source_by source_by_find(slice word); /* "source", "form", "batch"; SOURCE_BYS for any other */

struct source_row {
    slice name;                     /* empty: nothing is known of how they came */
    int64_t addresses;              /* that there was mail to */
    int64_t dead, complained, left; /* left: opted out */
    struct interval share;          /* dead, of the addresses */
    struct rates rates;             /* of the messages; by source only, else all 0 */
    bool worse;                     /* its interval begins above the one of all others together: more than chance */
};
struct sources {
    struct source_row *rows; /* the surest dead first; in the arena */
    size_t n;
    struct source_row all;
};
/* Of a tenant (empty: all). */
NODISCARD enum status sources_make(struct ledger *l, slice tenant, enum source_by by, arena *a, struct sources *out,
                                   err *e);

#endif
