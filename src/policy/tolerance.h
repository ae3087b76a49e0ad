/* A tolerance: how many failures of a kind an address may have before it is suppressed. One line of the settings:
 *
 *   never                              never suppresses
 *   3 over 10d                         3 in a row, the last at least 10 days behind the first
 *   7 engaged 15                       7; 15 for an address that opened or clicked lately
 *   5 gap 24h                          5 that are at least 24 hours apart; what comes sooner does not count
 *   5 within 30d                       5 within 30 days
 *   5 stale 7d                         5; after 7 days without a failure the row begins anew
 *   3 over 15d resets opens            an open or a click begins the row anew, as a delivery does
 *   7 keep                             nothing begins the row anew: counted for life
 *
 * Words may stand in any order behind the count. Spans are microseconds; plain data, nothing is allocated.
 */
#ifndef POLICY_TOLERANCE_H
#define POLICY_TOLERANCE_H

#include "base/buf.h"
#include "base/err.h"
#include "base/time.h"

#define POLICY_MAX_COUNT 40u /* most failures that a tolerance may ask for */
#define POLICY_MAX_SPAN_US (36500 * TIME_DAY)

struct tolerance {
    unsigned count;         /* 1..POLICY_MAX_COUNT; 0: never */
    int64_t span_us;        /* the last is at least so far behind the first */
    unsigned engaged_count; /* of an address that opened or clicked lately; 0: see tolerance_needed */
    int64_t gap_us;         /* one that comes sooner than this behind one that counted does not count */
    int64_t window_us;      /* only those within this of the last; 0: all */
    int64_t stale_us;       /* a longer time between two that count begins the row anew; 0: none does */
    bool keeps;             /* a delivery does not begin the row anew */
    bool engaged_resets;    /* an open or a click does */
};

/* Reads a line of the settings. E_INVALID says what is wrong, without the name of the setting. */
NODISCARD enum status tolerance_parse(slice text, struct tolerance *out, err *e);
/* Appends it as it would be written; what was read so is the same again. */
void tolerance_print(const struct tolerance *t, buf *out);
/* The first value that makes no sense, for people; NULL when all is well. */
const char *tolerance_wrong(const struct tolerance *t);
bool tolerance_same(const struct tolerance *a, const struct tolerance *b);
/* How many it takes. Of an engaged address twice as many where nothing else is said and `doubles`; where the counts are `tight`,
 * half of it, rounded up. 0: never. */
unsigned tolerance_needed(const struct tolerance *t, bool engaged, bool doubles, bool tight);
/* Appends a plain sentence without its full stop: "3 failed campaigns in a row, the last at least 10 days behind the first; ...".
 * `things`: what is counted; `span_us` of engagement. */
void tolerance_say(const struct tolerance *t, const char *things, bool doubles, int64_t engaged_us, buf *out);

#endif
