/* The clocks of the daemon, and its timers: spans are taken from the monotonic one, which nobody sets. */
#ifndef SERVE_CLOCK_H
#define SERVE_CLOCK_H

#include <stdint.h>

struct event;

int64_t clock_wall_us(void);      /* microseconds since 1970, UTC */
int64_t clock_monotonic_us(void); /* since some moment of this boot */
/* The timer rings once, us from now; one that waits already waits anew. */
void clock_ring(struct event *timer, int64_t us);

#endif
