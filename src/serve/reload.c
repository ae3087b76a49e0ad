#include "serve/reload.h"

#include <stdlib.h>
#include <string.h>

#include "serve/learn.h"

struct asker {
    daemon_reload_fn done;
    void *ctx;
};

struct reload {
    struct reload_options o;
    struct job job;
    bool busy;
    /* Who waits for the one under way, and who has asked since it began: the file may have changed for them. */
    struct asker now[RELOAD_MAX_ASKERS], next[RELOAD_MAX_ASKERS];
    size_t now_count, next_count;
    buf path;
    /* made by the worker */
    struct settings *settings;
    struct knowledge *knowledge;
    buf lines; /* what there is to tell */
};

static void told(void *ctx, slice path, unsigned line, bool warning, slice text)
{
    struct reload *r = ctx;
    buf_add(&r->lines, path);
    if (line)
        buf_printf(&r->lines, ":%u", line);
    buf_printf(&r->lines, "%s%s%.*s\n", path.n ? ": " : "", warning ? "warning: " : "", SLICE_FMT(text));
}

static void needs_restart(void *ctx, unsigned line, slice what)
{
    struct reload *r = ctx;
    (void)line;
    buf_printf(&r->lines, "%.*s: takes effect at the next start\n", SLICE_FMT(what));
}

static void read_all(struct job *j, struct worker *w)
{
    struct reload *r = (struct reload *)(void *)((char *)j - offsetof(struct reload, job));
    (void)w;
    r->settings = settings_read(buf_slice(&r->path), told, r);
    r->knowledge = r->settings ? learn(r->settings, told, r) : NULL;
    if (!r->knowledge)
        settings_free(&r->settings);
    else
        settings_restart(r->o.began, r->settings, needs_restart, r);
}

static void log_lines(const struct reload *r, enum log_level level)
{
    slice rest = buf_slice(&r->lines), line;
    struct log_quoted q;
    while (slice_line(&rest, &line))
        log_event(r->o.d->log, level, level == LOG_LEVEL_ERROR ? "reload.problem" : "reload.note", "text=%s",
                  log_text(&q, line));
}

static void bring_into_force(struct reload *r)
{
    struct daemon *d = r->o.d;
    bool taken = r->settings != NULL;
    log_lines(r, taken ? LOG_LEVEL_WARN : LOG_LEVEL_ERROR);
    log_event(d->log, taken ? LOG_LEVEL_INFO : LOG_LEVEL_ERROR, taken ? "reload.taken" : "reload.refused", "%s", "");
    metric_add(d->metrics, taken ? METRIC_reloads : METRIC_reload_failures, 1);
    if (taken) {
        knowledge_swap(d->knowledge, r->knowledge);
        r->o.take(d, r->settings);
    }
    r->settings = NULL;
    r->knowledge = NULL;
}

static void finished(struct job *j);

static void start(struct reload *r)
{
    buf_clear(&r->lines);
    memcpy(r->now, r->next, sizeof r->now);
    r->now_count = r->next_count;
    r->next_count = 0;
    r->job = (struct job){.run = read_all, .done = finished};
    r->busy = workers_put(r->o.d->workers, &r->job) == OK;
}

static void answer_all(struct reload *r, bool taken)
{
    for (size_t i = 0; i < r->now_count; i++)
        r->now[i].done(r->now[i].ctx, taken, buf_slice(&r->lines));
    r->now_count = 0;
}

/* When there is no worker for it. */
static void give_up(struct reload *r)
{
    buf_adds(&r->lines, "the workers have too much to do; try again\n");
    answer_all(r, false);
}

static void finished(struct job *j)
{
    struct reload *r = (struct reload *)(void *)((char *)j - offsetof(struct reload, job));
    bool taken = r->settings != NULL;
    bring_into_force(r);
    answer_all(r, taken);
    r->busy = false;
    if (r->next_count)
        start(r);
    if (!r->busy && r->now_count)
        give_up(r);
}

enum status reload_begin(struct reload *r, daemon_reload_fn done, void *ctx)
{
    if (r->next_count == RELOAD_MAX_ASKERS)
        return E_BUSY;
    r->next[r->next_count++] = (struct asker){done, ctx};
    if (r->busy)
        return OK;
    start(r);
    if (r->busy)
        return OK;
    r->now_count = 0;
    return E_BUSY;
}

bool reload_idle(const struct reload *r)
{
    return !r->busy;
}

enum status reload_new(const struct reload_options *o, struct reload **out, err *e)
{
    struct reload *r = calloc(1, sizeof *r);
    *out = r;
    if (!r)
        return err_set(e, E_MEMORY, "reload: out of memory");
    r->o = *o;
    buf_init(&r->path, 0);
    buf_init(&r->lines, 1024 * 1024);
    buf_add(&r->path, o->began->path);
    return OK;
}

void reload_free(struct reload **reload)
{
    struct reload *r = *reload;
    if (!r)
        return;
    buf_fini(&r->path);
    buf_fini(&r->lines);
    free(r);
    *reload = NULL;
}
