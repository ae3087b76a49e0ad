/* The rhythm of one feed: how long it usually keeps silent, and how many suppressions it usually brings. Pure; the clock is given.
 *
 * Silence is measured by the clock of the intake, suppressions by the time of the events that made them, so that a history that is read
 * at once is no flood. Both remember the greatest of the past, which fades (half of it is gone after BEAT_FADE_US), rather than a mean: a
 * sender who mails once a week is silent for six days and then brings a thousand dead addresses in an hour, and both is usual.
 */
#ifndef POLICY_BEAT_H
#define POLICY_BEAT_H

#include "base/buf.h"
#include "base/time.h"

#define BEAT_SLOTS 12u                    /* parts of the window that are counted apart */
#define BEAT_FADE_US (30 * TIME_DAY)      /* after this half of what was greatest is left */
#define BEAT_LEARN_US TIME_DAY            /* a feed younger than this has no past to be measured by */
#define BEAT_LEAST_HEARD 20u              /* nor has one that was heard fewer times */
#define BEAT_LEAST_GAP_US (2 * TIME_HOUR) /* no feed is silent before this */
#define BEAT_MAX_BYTES 512u               /* of the encoding */

struct beat {
    int64_t since_us, heard_us; /* first and last heard; TIME_NONE: never */
    int64_t gap_us;             /* the greatest pause, faded */
    uint32_t heard;             /* times */
    int64_t slot;               /* number of slots[0], the newest; slots are span_us / BEAT_SLOTS long, since 1970 */
    uint32_t slots[BEAT_SLOTS]; /* suppressions */
    uint32_t peak;              /* the greatest window of late, which is not over yet ... */
    int64_t peak_slot;          /* ... and where it ended */
    uint32_t flood;             /* the last one */
    uint32_t usual;             /* the greatest window that is over, faded */
    int64_t usual_us;           /* when it was faded last */
};

struct beat_limits {
    uint32_t count;  /* a flood is more suppressions than this ... */
    int64_t span_us; /* ... in this span of event time ... */
    unsigned times;  /* ... and more than so many times the usual */
};

void beat_init(struct beat *b);
/* It told something at `now_us`. */
void beat_heard(struct beat *b, int64_t now_us);
/* How long it may keep silent, `times` its usual greatest pause; TIME_NONE: not known yet. */
int64_t beat_patience_us(const struct beat *b, unsigned times);

/* It made `count` suppressions at `time_us` (time of the events). True when the window that ends there is a flood: *from_us tells where it
 * began, and what was counted is forgotten, so that it is told once. */
bool beat_suppressed(struct beat *b, const struct beat_limits *l, int64_t time_us, uint32_t count, int64_t now_us,
                     int64_t *from_us);
/* A person called the last flood right: so much is usual from now on. */
void beat_released(struct beat *b);
/* Suppressions in the window that is counted now. */
uint32_t beat_window(const struct beat *b);

/* The bytes that the ledger keeps; false when they are none of ours (then start anew). */
void beat_encode(const struct beat *b, buf *out);
bool beat_decode(slice bytes, struct beat *out);

#endif
