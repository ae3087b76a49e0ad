/* The machine behind an alert: when a figure opens it, holds it and closes it. Pure: figures and the time are given.
 *
 * An alert opens when its share has stood at or above a limit for a while, on enough messages, and closes when it has stood below a
 * lower limit for a while; in between it stays what it is, and a figure on too few messages says nothing. So a figure that wavers
 * around one of the limits opens and closes nothing (no flapping), and what is open stays open until things are really better.
 *
 * Shares are parts per million. Nothing here allocates.
 */
#ifndef POLICY_ALERT_H
#define POLICY_ALERT_H

#include "base/defs.h"
#include "base/time.h"

#define ALERT_WHOLE_PPM 1000000

enum alert_state {
    ALERT_QUIET,
    ALERT_RISING, /* above the limit, not long enough yet */
    ALERT_OPEN,
    ALERT_FALLING, /* open, and below the lower limit, not long enough yet */
    ALERT_STATES
};
const char *alert_state_word(enum alert_state s); /* "quiet", "rising", "open", "falling" */

struct alert_machine {
    enum alert_state state;
    int64_t since_us; /* of the state; TIME_NONE for quiet */
};

struct alert_limits {
    int64_t open_ppm, close_ppm; /* opens at or above the first, closes below the second, which is not greater */
    int64_t least;               /* messages from which on a share says something */
    int64_t open_us, close_us;   /* how long it must have been so; 0: at once */
};

struct alert_figure {
    int64_t part, whole; /* messages; whole 0: nothing happens any more, which closes */
};

enum alert_turn { ALERT_STAYS, ALERT_OPENS, ALERT_CLOSES };

/* The next step, not before the last one in time. */
enum alert_turn alert_step(struct alert_machine *m, const struct alert_limits *l, const struct alert_figure *f,
                           int64_t now_us);

/* part / whole, rounded down; 0 when whole is not positive. */
int64_t alert_share_ppm(const struct alert_figure *f);

/* True when `now` is too many to be a whim of what usually happens: its share lies `sigmas` standard deviations above the usual one
 * (binomial, the usual share raised by half a message so that a clean past is not taken for a promise) and is at least `times` it. */
bool alert_unusual(const struct alert_figure *now, const struct alert_figure *usual, unsigned times, unsigned sigmas);

/* A sequential test (Wald 1945) of a share that should be `good_ppm` and would be bad at `bad_ppm` (greater), both error rates 1 %: 1 when
 * what was seen is enough to say "bad", -1 when it is enough to say "good", 0 when more must be seen. */
int alert_sequential(const struct alert_figure *f, int64_t good_ppm, int64_t bad_ppm);

#endif
