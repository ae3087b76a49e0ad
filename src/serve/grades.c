#include "serve/grades.h"

#include <event2/event.h>
#include <stdlib.h>

#include "core/health_show.h"

struct look {
    struct health health;
    arena a;
};

struct grades {
    struct daemon *d;
    struct event *timer;
    struct job job;
    struct unit unit;
    struct look looks[2]; /* one is shown while the other is made */
    unsigned shown;
    bool working, draining;
    int64_t now_us;     /* of the look under way */
    enum status status; /* of its counting */
    err error;
    struct health_changes changes;
};

static struct grades *of_job(struct job *j)
{
    return (struct grades *)(void *)((char *)j - offsetof(struct grades, job));
}

static struct grades *of_unit(struct unit *u)
{
    return (struct grades *)(void *)((char *)u - offsetof(struct grades, unit));
}

static struct look *next_look(struct grades *g)
{
    return &g->looks[!g->shown];
}

static void end_look(struct grades *g, enum status st, const err *e)
{
    struct log_quoted q;
    g->working = false;
    if (st != OK) {
        metric_add(g->d->metrics, METRIC_upkeep_failures, 1);
        log_event(g->d->log, LOG_LEVEL_WARN, "grades.failed", "cause=%s", log_text(&q, slice_str(e->text)));
        return;
    }
    g->shown = !g->shown;
    if (g->changes.opened || g->changes.closed)
        log_event(g->d->log, LOG_LEVEL_INFO, "grades", "poor=%zu better=%zu", g->changes.opened, g->changes.closed);
}

/* ---- on the writer, and back ---- */

static enum status write_grades(struct unit *u, struct ledger *l, const struct policy *policy, err *e)
{
    struct grades *g = of_unit(u);
    (void)policy;
    return health_stand(l, &next_look(g)->health, SLICE_EMPTY, g->now_us, &g->changes, e);
}

static void written(struct unit *u)
{
    end_look(of_unit(u), u->status, &u->error);
}

/* ---- on a worker, and back ---- */

static void count_grades(struct job *j, struct worker *w)
{
    struct grades *g = of_job(j);
    struct look *next = next_look(g);
    arena_reset(&next->a);
    g->now_us = w->now_us;
    g->status = health_make(w->ledger, w->knowledge->rules, SLICE_EMPTY, SLICE_EMPTY, w->now_us, &next->a,
                            &next->health, &g->error);
}

static void counted(struct job *j)
{
    struct grades *g = of_job(j);
    g->unit = (struct unit){.act = write_grades, .done = written};
    g->changes = (struct health_changes){0};
    if (g->status != OK)
        end_look(g, g->status, &g->error);
    else if (g->draining || writer_put(g->d->writer, &g->unit) != OK)
        g->working = false; /* another hour */
}

/* ---- when ---- */

static void tick(evutil_socket_t fd, short what, void *ctx)
{
    struct grades *g = ctx;
    (void)fd, (void)what;
    if (g->draining || g->working)
        return;
    g->job = (struct job){.run = count_grades, .done = counted};
    g->working = workers_put(g->d->workers, &g->job) == OK;
}

enum status grades_new(struct daemon *d, struct grades **out, err *e)
{
    const struct timeval every = {GRADES_EVERY_US / TIME_SECOND, 0};
    struct grades *g = calloc(1, sizeof *g);
    *out = g;
    if (!g)
        return err_set(e, E_MEMORY, "grades: out of memory");
    g->d = d;
    for (size_t i = 0; i < ARRAY_LEN(g->looks); i++)
        arena_init(&g->looks[i].a, 0);
    g->timer = event_new(d->base, -1, EV_PERSIST, tick, g);
    if (!g->timer || event_add(g->timer, &every) != 0) {
        grades_free(out);
        return err_set(e, E_MEMORY, "grades: out of memory");
    }
    tick(-1, 0, g);
    return OK;
}

void grades_drain(struct grades *g)
{
    g->draining = true;
}

bool grades_idle(const struct grades *g)
{
    return !g->working;
}

void grades_metrics(const struct grades *g, buf *out)
{
    health_metrics(&g->looks[g->shown].health, out);
}

void grades_free(struct grades **grades)
{
    struct grades *g = *grades;
    if (!g)
        return;
    if (g->timer)
        event_free(g->timer);
    for (size_t i = 0; i < ARRAY_LEN(g->looks); i++)
        arena_fini(&g->looks[i].a);
    free(g);
    *grades = NULL;
}
