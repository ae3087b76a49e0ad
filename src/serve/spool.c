/* A directory into which programs put files of events: the role of the sections [spool NAME].
 *
 * One batch at a time: a worker reads and judges some events, the writer commits them, and behind the last batch the file is removed.
 * A crash in between reads the file again: its events are known by their keys.
 */
#include <errno.h>
#include <event2/event.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "serve/clock.h"
#include "serve/conf.h"
#include "serve/roles.h"
#include "serve/spool_file.h"
#include "serve/watch.h"

#define LOOK_US (5 * TIME_SECOND) /* between looks without a sign of change */
#define GATHER_US INT64_C(5000)   /* from the first sign of change to the look */
#define RETRY_US TIME_SECOND      /* after a failure, doubling up to RETRY_MAX_US */
#define RETRY_MAX_US TIME_MINUTE

struct spool {
    struct job job;   /* first: the job is the spool */
    struct unit unit; /* what is being committed */
    struct daemon *d;
    const struct conf_spool *conf;
    slice name, feed;
    arena a;
    struct watch *watch;
    struct event *timer;
    struct spool_file file;
    struct spool_batch batch;
    bool open, busy, again, soon, draining, closed;
    bool finished; /* the step was the end of a file */
    enum status status;
    err error, told;
    char bad[400]; /* file with events that were refused; empty: none in this step */
    int64_t retry_us;
    uint64_t files, events, refused, failures;
    int64_t last_us; /* wall clock of the last commit */
};

static void wait(struct spool *s, int64_t us)
{
    if (!s->draining)
        clock_ring(s->timer, us);
}

/* ---- on a worker ---- */

static void finish_file(struct spool *s, int64_t now_us)
{
    if (s->file.bad)
        snprintf(s->bad, sizeof(s->bad), "%.*s: %zu refused; %s", SLICE_FMT(slice_sub(s->file.path, 0, 120)),
                 s->file.bad, s->file.why);
    s->open = false;
    s->finished = true;
    s->status = spool_file_done(&s->file, s->conf->path, now_us, &s->error);
}

static void step(struct job *j, struct worker *w)
{
    struct spool *s = (struct spool *)(void *)j;
    s->status = OK;
    s->finished = false;
    s->bad[0] = '\0';
    s->batch = (struct spool_batch){.knowledge = NULL};
    arena_init(&s->batch.a, 0);
    if (!s->open) {
        s->status = spool_file_next(&s->file, s->conf->path, w->now_us, &s->error);
        if (s->status == E_NOT_FOUND) {
            s->status = OK;
            return;
        }
        s->open = s->status == OK;
    }
    if (s->open)
        s->status =
            spool_file_take(&s->file, s->conf->tenant, s->feed, (enum trust)s->conf->trust, w, &s->batch, &s->error);
    if (s->open && s->status == OK && !s->batch.list.n)
        finish_file(s, w->now_us);
}

/* ---- on the loop ---- */

static void ask(struct spool *s);

static void spool_free(struct spool *s)
{
    if (s->open)
        spool_file_close(&s->file);
    arena_fini(&s->a);
    free(s);
}

static void tell(struct spool *s)
{
    struct log_quoted text;
    if (s->bad[0])
        log_event(s->d->log, LOG_LEVEL_WARN, "spool.refused", "feed=%.*s cause=%s", SLICE_FMT(s->feed),
                  log_text(&text, slice_str(s->bad)));
    if (s->status == OK) {
        s->told = (err){.status = OK};
        return;
    }
    if (strcmp(s->error.text, s->told.text) != 0)
        log_event(s->d->log, LOG_LEVEL_WARN, "spool.trouble", "feed=%.*s status=%s cause=%s", SLICE_FMT(s->feed),
                  status_word(s->status), log_text(&text, slice_str(s->error.text)));
    s->told = s->error;
    s->failures++;
}

/* What was not committed is read again, from the start of the file. */
static void fall_back(struct spool *s)
{
    if (s->open)
        spool_file_close(&s->file);
    s->open = false;
    s->retry_us = s->retry_us ? s->retry_us * 2 : RETRY_US;
    if (s->retry_us > RETRY_MAX_US)
        s->retry_us = RETRY_MAX_US;
    wait(s, s->retry_us);
}

static void end_step(struct spool *s)
{
    bool at_once = s->finished || s->batch.list.n || s->again;
    s->files += s->finished;
    s->refused += s->finished ? s->file.bad : 0;
    s->busy = s->again = false;
    spool_batch_fini(&s->batch);
    if (s->closed) {
        spool_free(s);
        return;
    }
    tell(s);
    if (s->status != OK && s->status != E_INVALID) { /* E_INVALID: a file went to bad/, the others count */
        fall_back(s);
        return;
    }
    s->retry_us = 0;
    if (at_once || s->status == E_INVALID)
        ask(s);
    else
        wait(s, LOOK_US);
}

static void committed(struct unit *u)
{
    struct spool *s = (struct spool *)(void *)((char *)u - offsetof(struct spool, unit));
    s->status = u->status;
    s->error = u->error;
    if (u->status == OK) {
        s->events += u->count;
        s->last_us = daemon_now(s->d);
    } else if (u->status == E_INVALID) {
        s->status = E_IO; /* no file's fault that could be put away: it must not be passed over */
    }
    end_step(s);
}

static void stepped(struct job *j)
{
    struct spool *s = (struct spool *)(void *)j;
    if (s->status != OK || !s->batch.list.n) {
        end_step(s);
        return;
    }
    s->unit = (struct unit){.observations = s->batch.list.items,
                            .count = s->batch.list.n,
                            .knowledge = s->batch.knowledge,
                            .done = committed};
    if (writer_put(s->d->writer, &s->unit) == OK) {
        s->batch.knowledge = NULL; /* the writer's now */
        return;
    }
    s->status = err_set(&s->error, E_BUSY, "the writer has too much to do");
    end_step(s);
}

static void ask(struct spool *s)
{
    if (s->draining)
        return;
    s->again = s->busy;
    if (s->busy)
        return;
    s->job.run = step;
    s->job.done = stepped;
    s->busy = workers_put(s->d->workers, &s->job) == OK;
    if (!s->busy)
        wait(s, RETRY_US);
}

static void time_to_look(evutil_socket_t fd, short what, void *ctx)
{
    struct spool *s = ctx;
    (void)fd, (void)what;
    s->soon = false;
    watch_again(s->watch);
    ask(s);
}

static void changed(void *ctx)
{
    struct spool *s = ctx;
    if (s->busy) {
        s->again = true;
    } else if (!s->soon && !s->retry_us) {
        s->soon = true;
        wait(s, GATHER_US);
    }
}

/* ---- the role ---- */

static enum status spool_open(struct daemon *d, const struct section *section, void **self, err *e)
{
    struct spool *s = calloc(1, sizeof(*s));
    *self = s;
    if (!s)
        return err_set(e, E_MEMORY, "[spool]: no memory");
    arena_init(&s->a, 0);
    s->d = d;
    s->conf = section->values;
    s->name = section->name;
    s->feed = arena_printf(&s->a, "spool:%.*s", SLICE_FMT(section->name));
    return slice_empty(s->feed) ? err_set(e, E_MEMORY, "[spool]: no memory") : OK;
}

static enum status spool_start(void *self, err *e)
{
    struct spool *s = self;
    s->timer = event_new(s->d->base, -1, 0, time_to_look, s);
    if (!s->timer)
        return err_set(e, E_MEMORY, "[spool]: no memory");
    if (mkdir(s->conf->path.p, 0770) != 0 && errno != EEXIST)
        return err_os(e, errno, "[spool %.*s] path: %s cannot be made", SLICE_FMT(s->name), s->conf->path.p);
    enum status st = watch_new(s->d->base, s->conf->path.p, changed, s, &s->watch, e);
    if (st == OK)
        ask(s);
    return st;
}

static void spool_drain(void *self)
{
    struct spool *s = self;
    s->draining = true;
    event_del(s->timer);
}

static bool spool_idle(const void *self)
{
    const struct spool *s = self;
    return !s->busy;
}

static void spool_close(void **self)
{
    struct spool *s = *self;
    *self = NULL;
    if (!s)
        return;
    s->draining = s->closed = true;
    watch_free(&s->watch);
    if (s->timer)
        event_free(s->timer);
    if (!s->busy)
        spool_free(s);
}

static void spool_status(const void *self, struct jsonw *w)
{
    const struct spool *s = self;
    jsonw_kstr(w, "path", s->conf->path);
    jsonw_ki64(w, "files", (int64_t)s->files);
    jsonw_ki64(w, "events", (int64_t)s->events);
    jsonw_ki64(w, "refused", (int64_t)s->refused);
    jsonw_ki64(w, "failures", (int64_t)s->failures);
    jsonw_ktime_opt(w, "last", s->last_us ? s->last_us : TIME_NONE);
    jsonw_kstr_opt(w, "trouble", slice_str(s->told.text));
}

static void spool_metrics(const void *self, buf *out)
{
    const struct spool *s = self;
    const struct {
        const char *name;
        uint64_t value;
    } rows[] = {{"files", s->files}, {"events", s->events}, {"refused", s->refused}, {"failures", s->failures}};
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        buf_printf(out, "bounced_spool_%s_total{feed=\"%.*s\"} %llu\n", rows[i].name, SLICE_FMT(s->feed),
                   (unsigned long long)rows[i].value);
}

const struct role spool_role = {
    .name = "spool",
    .section = "spool",
    .open = spool_open,
    .start = spool_start,
    .drain = spool_drain,
    .idle = spool_idle,
    .close = spool_close,
    .status = spool_status,
    .metrics = spool_metrics,
};
