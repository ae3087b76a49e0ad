#include "serve/upkeep.h"

#include <event2/event.h>
#include <inttypes.h>
#include <stdlib.h>

#include "core/acts.h"
#include "core/cadence.h"
#include "core/keep.h"
#include "serve/clock.h"
#include "serve/conf.h"

struct upkeep {
    struct daemon *d;
    struct event *timer;
    struct unit sweep, prune, measure;
    bool sweeping, pruning, measuring, draining;
    int64_t now_us; /* wall clock, of the unit under way */
    struct ledger_retention retention;
    int64_t pruned_us; /* monotonic; 0: not yet */
    uint64_t swept, swept_all;
    bool more; /* to sweep */
    int64_t removed, removed_all;
    int64_t resume;      /* where pruning goes on; 0: it is done */
    int64_t measured_us; /* monotonic; 0: not yet */
    buf chosen;          /* lines to tell when what `auto` chose is durable */
    unsigned changed;
};

static struct upkeep *of_sweep(struct unit *u)
{
    return (struct upkeep *)(void *)((char *)u - offsetof(struct upkeep, sweep));
}

static struct upkeep *of_prune(struct unit *u)
{
    return (struct upkeep *)(void *)((char *)u - offsetof(struct upkeep, prune));
}

static void failed(struct upkeep *u, const char *event, const err *e)
{
    struct log_quoted q;
    metric_add(u->d->metrics, METRIC_upkeep_failures, 1);
    log_event(u->d->log, LOG_LEVEL_WARN, event, "cause=%s", log_text(&q, slice_str(e->text)));
}

/* ---- on the writer, and back ---- */

/* Page by page, so that what feeds bring in is committed in between. What is left waits for the next minute, or the next night. */
static bool put_again(struct upkeep *u, struct unit *unit)
{
    return !u->draining && writer_put(u->d->writer, unit) == OK;
}

static struct upkeep *of_measure(struct unit *u)
{
    return (struct upkeep *)(void *)((char *)u - offsetof(struct upkeep, measure));
}

static void note_choice(void *ctx, const struct ledger_cadence *c, enum preset before)
{
    struct upkeep *u = ctx;
    if (c->choice == before || c->sendings < CADENCE_LEAST)
        return;
    buf_printf(&u->chosen, "tenant=%.*s stream=%.*s before=%s now=%s sendings=%u median_h=%" PRId64 "\n",
               SLICE_FMT(c->tenant), SLICE_FMT(c->stream), before == PRESETS ? "none" : preset_word(before),
               preset_word((enum preset)c->choice), c->sendings, c->median_us / TIME_HOUR);
}

static enum status measure_act(struct unit *unit, struct ledger *l, const struct policy *policy, err *e)
{
    struct upkeep *u = of_measure(unit);
    buf_clear(&u->chosen); /* a unit may be run again */
    u->changed = 0;
    return cadence_wanted(policy) ? cadence_measure(l, policy, u->now_us, note_choice, u, &u->changed, e) : OK;
}

static void reloaded(void *ctx, bool taken, slice lines)
{
    (void)ctx, (void)taken, (void)lines; /* it told the log itself */
}

static void measure_done(struct unit *unit)
{
    struct upkeep *u = of_measure(unit);
    struct log_quoted q;
    slice rest = buf_slice(&u->chosen), line;
    u->measuring = false;
    if (unit->status != OK) {
        failed(u, "cadence.failed", &unit->error);
        u->measured_us = 0; /* behind the next sweep again */
        return;
    }
    while (slice_line(&rest, &line))
        log_event(u->d->log, LOG_LEVEL_INFO, "cadence.chosen", "text=%s", log_text(&q, line));
    if (u->changed && !u->draining && daemon_reload(u->d, reloaded, u) != OK)
        log_event(u->d->log, LOG_LEVEL_WARN, "cadence.waits", "text=%s", log_text(&q, S("for the next reload")));
}

/* Behind the first sweep after the start, then once a day: tallies of 90 days change slowly. */
static bool is_measure_due(const struct upkeep *u)
{
    return !u->measured_us || clock_monotonic_us() - u->measured_us > TIME_DAY;
}

static void begin_measure(struct upkeep *u)
{
    u->measure = (struct unit){.act = measure_act, .done = measure_done};
    u->measuring = writer_put(u->d->writer, &u->measure) == OK;
    if (u->measuring)
        u->measured_us = clock_monotonic_us();
}

static enum status sweep_act(struct unit *unit, struct ledger *l, const struct policy *policy, err *e)
{
    struct upkeep *u = of_sweep(unit);
    return due_sweep_some(l, policy, u->now_us, &u->swept, &u->more, e);
}

static void sweep_done(struct unit *unit)
{
    struct upkeep *u = of_sweep(unit);
    u->sweeping = false;
    metric_add(u->d->metrics, METRIC_swept, u->swept);
    u->swept_all += u->swept;
    if (unit->status != OK)
        failed(u, "sweep.failed", &unit->error);
    else if (u->more)
        u->sweeping = put_again(u, unit); /* it is the writer's from here on */
    if (!u->sweeping && u->swept_all)
        log_event(u->d->log, LOG_LEVEL_INFO, "sweep", "changed=%" PRIu64, u->swept_all);
    if (!u->sweeping && !u->draining && is_measure_due(u))
        begin_measure(u);
}

static enum status prune_act(struct unit *unit, struct ledger *l, const struct policy *policy, err *e)
{
    struct upkeep *u = of_prune(unit);
    return keep_prune(l, policy, &u->retention, u->now_us, &u->removed, e);
}

static void prune_done(struct unit *unit)
{
    struct upkeep *u = of_prune(unit);
    u->pruning = false;
    metric_add(u->d->metrics, METRIC_pruned, (uint64_t)u->removed);
    u->removed_all += u->removed;
    if (unit->status != OK)
        failed(u, "prune.failed", &unit->error);
    else if (u->resume)
        u->pruning = put_again(u, unit);
    if (!u->pruning)
        log_event(u->d->log, LOG_LEVEL_INFO, "prune", "removed=%" PRId64, u->removed_all);
}

/* ---- when ---- */

static void begin_sweep(struct upkeep *u)
{
    u->sweep = (struct unit){.act = sweep_act, .done = sweep_done};
    u->swept = u->swept_all = 0;
    u->sweeping = writer_put(u->d->writer, &u->sweep) == OK; /* busy: there will be another minute */
}

static bool is_night(const struct upkeep *u, const struct conf_retention *c)
{
    struct civil now;
    civil_from_us(u->now_us, &now);
    return c->prune && now.hour == c->hour && (!u->pruned_us || clock_monotonic_us() - u->pruned_us > UPKEEP_PRUNE_US);
}

static void begin_prune(struct upkeep *u, const struct conf_retention *c)
{
    u->prune = (struct unit){.act = prune_act, .done = prune_done};
    u->retention = (struct ledger_retention){.events_us = c->events_us,
                                             .deliveries_us = c->deliveries_us,
                                             .sent_us = c->sent_us,
                                             .tallies_us = c->tallies_us,
                                             .resume = &u->resume};
    u->removed = u->removed_all = u->resume = 0;
    u->pruning = writer_put(u->d->writer, &u->prune) == OK;
    if (u->pruning)
        u->pruned_us = clock_monotonic_us();
}

static void tick(evutil_socket_t fd, short what, void *ctx)
{
    struct upkeep *u = ctx;
    (void)fd, (void)what;
    const struct conf_retention *c = settings_of(u->d->settings, "retention");
    if (u->draining || !upkeep_idle(u))
        return;
    u->now_us = daemon_now(u->d);
    if (is_night(u, c))
        begin_prune(u, c);
    else
        begin_sweep(u);
}

enum status upkeep_new(struct daemon *d, struct upkeep **out, err *e)
{
    const struct timeval every = {UPKEEP_SWEEP_US / TIME_SECOND, 0};
    struct upkeep *u = calloc(1, sizeof *u);
    *out = u;
    if (!u)
        return err_set(e, E_MEMORY, "upkeep: out of memory");
    u->d = d;
    buf_init(&u->chosen, 64 * 1024);
    u->timer = event_new(d->base, -1, EV_PERSIST, tick, u);
    if (!u->timer || event_add(u->timer, &every) != 0) {
        upkeep_free(out);
        return err_set(e, E_MEMORY, "upkeep: out of memory");
    }
    tick(-1, 0, u); /* what was due while the daemon was away */
    return OK;
}

void upkeep_drain(struct upkeep *u)
{
    u->draining = true;
}

bool upkeep_idle(const struct upkeep *u)
{
    return !u->sweeping && !u->pruning && !u->measuring;
}

void upkeep_free(struct upkeep **upkeep)
{
    struct upkeep *u = *upkeep;
    if (!u)
        return;
    if (u->timer)
        event_free(u->timer);
    buf_fini(&u->chosen);
    free(u);
    *upkeep = NULL;
}
