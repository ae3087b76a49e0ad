#include "serve/clock.h"

#include <event2/event.h>
#include <time.h>

#include "base/time.h"

static int64_t read_clock(clockid_t which)
{
    struct timespec t;
    MUST(clock_gettime(which, &t) == 0);
    return (int64_t)t.tv_sec * TIME_SECOND + t.tv_nsec / 1000;
}

int64_t clock_wall_us(void)
{
    return read_clock(CLOCK_REALTIME);
}

int64_t clock_monotonic_us(void)
{
    return read_clock(CLOCK_MONOTONIC);
}

void clock_ring(struct event *timer, int64_t us)
{
    const struct timeval tv = {(time_t)(us / TIME_SECOND), (suseconds_t)(us % TIME_SECOND)};
    event_add(timer, &tv);
}
