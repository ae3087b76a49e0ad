/* The loop's own tick, on the clock that nobody sets: tells the service manager that the loop is alive, measures how late it is, and
 * notices when the wall clock was set.
 */
#ifndef SERVE_PULSE_H
#define SERVE_PULSE_H

#include "serve/daemon.h"
#include "serve/notify.h"

#define PULSE_US TIME_SECOND
#define PULSE_STEP_US TIME_SECOND /* what the wall clock may drift between two ticks (NTP slews 0.5 ms in one) */

struct pulse;

/* `watchdog_us`: how often the manager wants to hear of us at least; 0: never. */
NODISCARD enum status pulse_new(struct daemon *d, const struct notify *notify, int64_t watchdog_us, struct pulse **out,
                                err *e);
void pulse_free(struct pulse **p);

#endif
