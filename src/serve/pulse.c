#include "serve/pulse.h"

#include <event2/event.h>
#include <inttypes.h>
#include <stdlib.h>

#include "base/time.h"
#include "serve/clock.h"

#define MINUTE 60u

struct pulse {
    struct daemon *d;
    const struct notify *notify;
    bool watchdog;
    int64_t every_us, last_us; /* monotonic */
    int64_t ahead_us;          /* wall clock less monotonic clock */
    int64_t lags[MINUTE];
    unsigned at;
    struct event *timer;
};

static void measure_lag(struct pulse *p, int64_t now_us)
{
    int64_t lag = now_us - p->last_us - p->every_us, most = 0;
    p->lags[p->at++ % MINUTE] = lag > 0 ? lag : 0;
    for (unsigned i = 0; i < MINUTE; i++)
        most = p->lags[i] > most ? p->lags[i] : most;
    metric_set(p->d->metrics, METRIC_loop_lag, (uint64_t)(lag > 0 ? lag : 0));
    metric_set(p->d->metrics, METRIC_loop_lag_max, (uint64_t)most);
}

static void look_at_the_clock(struct pulse *p, int64_t now_us)
{
    int64_t ahead = clock_wall_us() - now_us, step = ahead - p->ahead_us;
    p->ahead_us = ahead;
    if (step > -PULSE_STEP_US && step < PULSE_STEP_US)
        return;
    metric_add(p->d->metrics, METRIC_clock_steps, 1);
    log_event(p->d->log, LOG_LEVEL_WARN, "clock.set", "by_ms=%" PRId64, step / 1000);
}

static void tick(evutil_socket_t fd, short what, void *ctx)
{
    struct pulse *p = ctx;
    (void)fd, (void)what;
    int64_t now_us = clock_monotonic_us();
    measure_lag(p, now_us);
    look_at_the_clock(p, now_us);
    p->last_us = now_us;
    if (p->watchdog)
        notify_send(p->notify, "WATCHDOG=1");
}

enum status pulse_new(struct daemon *d, const struct notify *notify, int64_t watchdog_us, struct pulse **out, err *e)
{
    struct pulse *p = calloc(1, sizeof *p);
    *out = p;
    if (!p)
        return err_set(e, E_MEMORY, "pulse: out of memory");
    p->d = d;
    p->notify = notify;
    p->watchdog = watchdog_us > 0;
    p->every_us = p->watchdog && watchdog_us / 3 < PULSE_US ? watchdog_us / 3 : PULSE_US;
    p->last_us = clock_monotonic_us();
    p->ahead_us = clock_wall_us() - p->last_us;
    struct timeval every = {p->every_us / TIME_SECOND, p->every_us % TIME_SECOND};
    p->timer = event_new(d->base, -1, EV_PERSIST, tick, p);
    if (p->timer && event_add(p->timer, &every) == 0)
        return OK;
    pulse_free(out);
    return err_set(e, E_MEMORY, "pulse: out of memory");
}

void pulse_free(struct pulse **pulse)
{
    struct pulse *p = *pulse;
    if (!p)
        return;
    if (p->timer)
        event_free(p->timer);
    free(p);
    *pulse = NULL;
}
