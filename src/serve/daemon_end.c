#include <event2/event.h>
#include <inttypes.h>
#include <unistd.h>

#include "serve/clock.h"
#include "serve/conf.h"
#include "serve/running.h"

#define SAME_US 100000 /* signals within this are one: some send theirs to a process and to its group */
#define LOOK_US 10000  /* how often a daemon that drains looks whether it is done */

static bool all_idle(const struct running *r)
{
    struct writer_counts w;
    writer_counts(r->d.writer, &w);
    return !roles_busy(r) && upkeep_idle(r->upkeep) && grades_idle(r->grades) && reload_idle(r->reload) &&
           workers_waiting(r->d.workers) == 0 && w.waiting == 0;
}

static void tell_cut(const struct running *r)
{
    const struct instance *i = roles_busy(r);
    struct log_quoted q;
    log_event(r->d.log, LOG_LEVEL_WARN, "daemon.cut", "busy=%s name=%s", i ? i->role->name : "ledger",
              log_text(&q, i ? i->section->name : SLICE_EMPTY));
}

static void look(evutil_socket_t fd, short what, void *ctx)
{
    struct running *r = ctx;
    (void)fd, (void)what;
    bool idle = all_idle(r);
    if (!idle && clock_monotonic_us() < r->drain_until_us)
        return;
    if (!idle)
        tell_cut(r);
    event_base_loopbreak(r->d.base);
}

static void drain(struct running *r, const char *why)
{
    const struct conf_daemon *c = settings_of(r->d.settings, "daemon");
    const struct timeval every = {0, LOOK_US};
    r->d.draining = true;
    r->drain_from_us = clock_monotonic_us();
    r->drain_until_us = r->drain_from_us + c->drain_us;
    log_event(r->d.log, LOG_LEVEL_INFO, "daemon.ending", "why=%s", why);
    notify_send(&r->notify, "STOPPING=1\nSTATUS=finishing what was begun");
    upkeep_drain(r->upkeep);
    grades_drain(r->grades);
    roles_drain(r);
    r->drain_timer = event_new(r->d.base, -1, EV_PERSIST, look, r);
    if (!r->drain_timer || event_add(r->drain_timer, &every) != 0)
        event_base_loopbreak(r->d.base);
}

void running_end(struct running *r, const char *why)
{
    if (!r->d.draining) {
        drain(r, why);
        return;
    }
    if (clock_monotonic_us() - r->drain_from_us < SAME_US)
        return;
    tell_cut(r);
    event_base_loopbreak(r->d.base);
}
