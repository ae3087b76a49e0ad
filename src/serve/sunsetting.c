/* The role of the sunset rule (core/sunset.h): once a day, from an hour on, a worker looks for who is unengaged and keeps failing, and the writer
 * suppresses them, a few at a time, so that what feeds bring in is committed in between.
 */
#include <event2/event.h>
#include <inttypes.h>
#include <stdlib.h>

#include "core/sunset.h"
#include "serve/conf.h"
#include "serve/roles.h"

#define LOOK_US TIME_MINUTE
#define AT_ONCE 20u /* each is a transaction of its own */

struct sunsetting {
    struct job job; /* first */
    struct unit unit;
    struct daemon *d;
    struct event *timer;
    bool busy, draining;
    int64_t day;    /* since 1970, of the last time; 0: none yet */
    int64_t now_us; /* wall clock, of the one under way */
    struct sunset_rule rule;
    struct sunset_list found;
    size_t next;
    uint64_t changed, changed_now;
    arena a;
    enum status status;
    err error;
    uint64_t suppressed, failures;
};

static struct sunsetting *of_unit(struct unit *u)
{
    return (struct sunsetting *)(void *)((char *)u - offsetof(struct sunsetting, unit));
}

static void finish(struct sunsetting *g, const err *e)
{
    struct log_quoted q;
    g->busy = false;
    if (e) {
        g->failures++;
        log_event(g->d->log, LOG_LEVEL_WARN, "sunset.failed", "cause=%s", log_text(&q, slice_str(e->text)));
    } else if (g->found.blind) {
        log_event(g->d->log, LOG_LEVEL_WARN, "sunset.blind", "cause=%s",
                  log_text(&q, S("no opens or clicks are known of anybody")));
    }
    log_event(g->d->log, LOG_LEVEL_INFO, "sunset", "found=%zu suppressed=%" PRIu64 " more=%d", g->found.n, g->changed,
              g->found.more);
}

static void find(struct job *j, struct worker *w)
{
    struct sunsetting *g = (struct sunsetting *)(void *)j;
    g->status = sunset_find(w->ledger, &w->knowledge->policy, &g->rule, g->now_us, &g->a, &g->found, &g->error);
}

static enum status suppress_some(struct unit *u, struct ledger *l, const struct policy *policy, err *e)
{
    struct sunsetting *g = of_unit(u);
    return sunset_apply(l, policy, &g->rule, &g->found, g->next, g->next + AT_ONCE, g->now_us, &g->changed_now, e);
}

static void some_done(struct unit *u);

/* What is left waits for the next day. */
static void go_on(struct sunsetting *g)
{
    g->unit = (struct unit){.act = suppress_some, .done = some_done};
    if (g->next >= g->found.n || g->draining || writer_put(g->d->writer, &g->unit) != OK)
        finish(g, NULL);
}

static void some_done(struct unit *u)
{
    struct sunsetting *g = of_unit(u);
    g->changed += g->changed_now;
    g->suppressed += g->changed_now;
    g->next += AT_ONCE;
    if (u->status == OK)
        go_on(g);
    else
        finish(g, &u->error);
}

static void found(struct job *j)
{
    struct sunsetting *g = (struct sunsetting *)(void *)j;
    if (g->status == OK)
        go_on(g);
    else
        finish(g, &g->error);
}

static void tick(evutil_socket_t fd, short what, void *ctx)
{
    struct sunsetting *g = ctx;
    const struct conf_sunset *c = settings_of(g->d->settings, "sunset");
    struct civil now;
    (void)fd, (void)what;
    if (g->draining || g->busy || !c->enabled)
        return;
    g->now_us = daemon_now(g->d);
    civil_from_us(g->now_us, &now);
    if (now.hour < c->hour || g->day == g->now_us / TIME_DAY)
        return;
    arena_reset(&g->a);
    g->rule = (struct sunset_rule){SLICE_EMPTY, arena_dup(&g->a, c->stream), c->unengaged_us, (unsigned)c->failing};
    g->found = (struct sunset_list){.n = 0};
    g->next = 0;
    g->changed = g->changed_now = 0;
    g->busy = workers_put(g->d->workers, &g->job) == OK;
    if (g->busy)
        g->day = g->now_us / TIME_DAY;
}

/* ---- the role ---- */

static enum status sunsetting_open(struct daemon *d, const struct section *section, void **self, err *e)
{
    struct sunsetting *g = calloc(1, sizeof *g);
    (void)section;
    *self = g;
    if (!g)
        return err_set(e, E_MEMORY, "sunset: out of memory");
    arena_init(&g->a, 0);
    g->d = d;
    g->job.run = find;
    g->job.done = found;
    return OK;
}

static enum status sunsetting_start(void *self, err *e)
{
    static const struct timeval every = {LOOK_US / TIME_SECOND, 0};
    struct sunsetting *g = self;
    g->timer = event_new(g->d->base, -1, EV_PERSIST, tick, g);
    if (!g->timer || event_add(g->timer, &every) != 0)
        return err_set(e, E_MEMORY, "sunset: out of memory");
    tick(-1, 0, g);
    return OK;
}

static void sunsetting_drain(void *self)
{
    struct sunsetting *g = self;
    g->draining = true;
}

static bool sunsetting_idle(const void *self)
{
    const struct sunsetting *g = self;
    return !g->busy;
}

static void sunsetting_close(void **self)
{
    struct sunsetting *g = *self;
    if (!g)
        return;
    if (g->timer)
        event_free(g->timer);
    arena_fini(&g->a);
    free(g);
    *self = NULL;
}

static void sunsetting_status(const void *self, struct jsonw *j)
{
    const struct sunsetting *g = self;
    jsonw_ki64(j, "suppressed", (int64_t)g->suppressed);
    jsonw_ki64(j, "failures", (int64_t)g->failures);
}

const struct role sunset_role = {
    .name = "sunset",
    .section = "sunset",
    .open = sunsetting_open,
    .start = sunsetting_start,
    .drain = sunsetting_drain,
    .idle = sunsetting_idle,
    .close = sunsetting_close,
    .status = sunsetting_status,
};
