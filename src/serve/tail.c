/* Following the logs of mail servers, in files, from a named pipe or in the journal: the role of the sections [feed NAME].
 *
 * One look at a time: a change (or the clock) asks for a look, a worker reads and judges what is new, the writer commits it with the
 * place and the dialect's memory, and only then comes the next look. When a commit fails, what the dialect has learnt since the last
 * good one is thrown away with it, and the same lines are read again later.
 */
#include <errno.h>
#include <event2/event.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/zone.h"
#include "serve/clock.h"
#include "serve/conf.h"
#include "serve/role.h"
#include "serve/roles.h"
#include "serve/tail_journal.h"
#include "serve/tail_pipe.h"
#include "serve/watch.h"

#define LOOK_US INT64_C(1000000) /* between looks without a sign of change */
#define GATHER_US INT64_C(10000) /* from the first sign of change to the look: lines come in flocks */
#define RETRY_US TIME_SECOND     /* after a failed commit, doubling up to RETRY_MAX_US */
#define RETRY_MAX_US TIME_MINUTE
#define ROTATED_US (2 * TIME_MINUTE) /* how long after a rotation the old file may still grow */

struct tail {
    struct job job;   /* first: the job is the tail */
    struct unit unit; /* what is being committed */
    struct daemon *d;
    const struct conf_feed *conf;
    slice name, memory, feed;
    char host[256];
    struct known_zone zone;
    const struct log_dialect *dialect; /* NULL: find out */
    enum read_form form;

    struct maillog *logs; /* NULL: to be filled from the ledger */
    struct tail_batch batch;
    struct tail_pipe pipe;
    struct tail_identity identity;
    int64_t rotated_until_us;                   /* monotonic */
    struct watch *watches[TAIL_JOURNAL_PLACES]; /* files: the first one */
    struct event *timer, *readable;             /* the latter: of a pipe */
    bool busy, again, draining, soon;
    int64_t retry_us;

    uint64_t bytes, observations, commits, failures;
    int64_t last_us; /* wall clock of the last commit that brought something */
    err trouble;
};

/* ---- on a worker ---- */

static enum status recall(struct tail *t, struct worker *w, err *e)
{
    struct log_options o = {.dialect = t->dialect,
                            .reference_us = w->now_us,
                            .zone = &t->zone.zone,
                            .relays = t->conf->relays.v,
                            .relay_count = t->conf->relays.n,
                            .host = slice_str(t->host),
                            .tenant = t->conf->tenant,
                            .feed = t->feed};
    t->logs = maillog_new(&o);
    if (!t->logs)
        return err_set(e, E_MEMORY, "log: out of memory");
    enum status st = tail_remember(t->logs, w->ledger, t->memory, e);
    if (st != OK)
        maillog_free(&t->logs);
    return st;
}

static void look(struct job *j, struct worker *w)
{
    struct tail *t = (struct tail *)(void *)j;
    struct tail_source s = {.path = slice_empty(t->conf->path) ? "" : t->conf->path.p,
                            .form = t->form,
                            .rotated = clock_monotonic_us() < t->rotated_until_us,
                            .since_us = w->now_us - t->conf->history_us,
                            .feed = t->feed,
                            .stream = t->conf->stream};
    tail_batch_init(&t->batch);
    if (!t->logs)
        t->batch.status = recall(t, w, &t->batch.error);
    if (t->batch.status != OK)
        return;
    if (t->conf->journal)
        tail_journal_read(&t->batch, &s, t->logs, w);
    else if (t->pipe.fd >= 0 || tail_pipe_is(s.path))
        tail_pipe_read(&t->batch, &t->pipe, &s, t->logs, w);
    else
        tail_read(&t->batch, &s, t->logs, w);
}

/* ---- on the loop ---- */

static void ask(struct tail *t);

static void pipe_is_readable(evutil_socket_t fd, short what, void *ctx)
{
    (void)fd, (void)what;
    ask(ctx);
}

/* Until something comes, or the clock says so. */
static void wait_for_more(struct tail *t)
{
    clock_ring(t->timer, LOOK_US);
    if (t->pipe.fd < 0 || t->draining)
        return;
    event_assign(t->readable, t->d->base, t->pipe.fd, EV_READ, pipe_is_readable, t);
    event_add(t->readable, NULL);
}

static void tell_trouble(struct tail *t, const err *e)
{
    struct log_quoted name, text;
    if (strcmp(e->text, t->trouble.text) != 0)
        log_event(t->d->log, LOG_LEVEL_WARN, "feed.trouble", "feed=%s cause=%s", log_text(&name, t->name),
                  log_text(&text, slice_str(e->text)));
    t->trouble = *e;
}

/* What was read is not in the ledger: forget it and come again. */
static void fall_back(struct tail *t, const err *e)
{
    tell_trouble(t, e);
    t->failures++;
    maillog_free(&t->logs);
    tail_batch_fini(&t->batch);
    t->busy = false;
    t->retry_us = t->retry_us ? t->retry_us * 2 : RETRY_US;
    if (t->retry_us > RETRY_MAX_US)
        t->retry_us = RETRY_MAX_US;
    t->rotated_until_us = clock_monotonic_us() + t->retry_us + ROTATED_US;
    clock_ring(t->timer, t->retry_us);
}

static void go_on(struct tail *t)
{
    bool more = t->batch.more;
    if (!more && t->rotated_until_us == INT64_MAX)
        t->rotated_until_us = 0;
    if (t->batch.replaced)
        t->rotated_until_us = clock_monotonic_us() + ROTATED_US;
    if (t->batch.trouble.text[0])
        tell_trouble(t, &t->batch.trouble);
    else
        t->trouble = (err){0};
    t->retry_us = 0;
    tail_batch_fini(&t->batch);
    tail_pipe_committed(&t->pipe);
    t->busy = false;
    if (more || t->again)
        ask(t);
    else
        wait_for_more(t);
}

static void committed(struct unit *u)
{
    struct tail *t = (struct tail *)(void *)((char *)u - offsetof(struct tail, unit));
    if (u->status != OK) {
        fall_back(t, &u->error);
        return;
    }
    t->commits++;
    t->bytes += t->batch.bytes;
    t->observations += t->batch.list.n;
    if (t->batch.list.n)
        t->last_us = daemon_now(t->d);
    go_on(t);
}

static enum status put_rows(struct unit *u, struct ledger *l, err *e)
{
    struct tail *t = (struct tail *)(void *)((char *)u - offsetof(struct tail, unit));
    enum status st = OK;
    for (size_t i = 0; i < t->batch.row_count && st == OK; i++)
        st = ledger_put_memory(l, t->memory, t->batch.rows[i].key, t->batch.rows[i].value, e);
    return st;
}

static void looked(struct job *j)
{
    struct tail *t = (struct tail *)(void *)j;
    struct tail_batch *b = &t->batch;
    err busy;
    if (b->status != OK) {
        fall_back(t, &b->error);
        return;
    }
    if (!b->list.n && !b->feed_count && !b->row_count) {
        go_on(t);
        return;
    }
    t->unit = (struct unit){.observations = b->list.items,
                            .count = b->list.n,
                            .knowledge = b->knowledge,
                            .feeds = b->feeds,
                            .feed_count = b->feed_count,
                            .more = put_rows,
                            .done = committed};
    if (writer_put(t->d->writer, &t->unit) == OK) {
        b->knowledge = NULL; /* the writer's now */
        return;
    }
    (void)err_set(&busy, E_BUSY, "the writer has too much to do");
    fall_back(t, &busy);
}

static void ask(struct tail *t)
{
    if (t->draining)
        return;
    t->again = t->busy;
    if (t->busy)
        return;
    event_del(t->readable);
    if (!t->conf->journal && tail_identity_changed(&t->identity, t->conf->path.p))
        t->rotated_until_us = clock_monotonic_us() + ROTATED_US;
    t->job.run = look;
    t->job.done = looked;
    t->busy = workers_put(t->d->workers, &t->job) == OK;
    if (!t->busy)
        clock_ring(t->timer, LOOK_US);
}

static void time_to_look(evutil_socket_t fd, short what, void *ctx)
{
    struct tail *t = ctx;
    (void)fd, (void)what;
    t->soon = false;
    for (size_t i = 0; i < ARRAY_LEN(t->watches) && t->watches[i]; i++)
        watch_again(t->watches[i]);
    ask(t);
}

static void changed(void *ctx)
{
    struct tail *t = ctx;
    if (t->busy)
        t->again = true;
    else if (!t->soon && !t->retry_us) {
        t->soon = true;
        clock_ring(t->timer, t->conf->journal ? TAIL_JOURNAL_GATHER_US : GATHER_US);
    }
}

/* ---- the role ---- */

static void tail_close(void **self)
{
    struct tail *t = *self;
    if (!t)
        return;
    for (size_t i = 0; i < ARRAY_LEN(t->watches); i++)
        watch_free(&t->watches[i]);
    if (t->timer)
        event_free(t->timer);
    if (t->readable)
        event_free(t->readable);
    tail_pipe_fini(&t->pipe);
    maillog_free(&t->logs);
    free((void *)(uintptr_t)t->memory.p);
    free(t);
    *self = NULL;
}

static enum status take_dialect(struct tail *t, err *e)
{
    slice type = t->conf->type;
    t->form = READ_AUTO;
    if (slice_eq(type, S("auto")))
        return OK;
    t->dialect = log_dialect_find(type);
    if (!t->dialect)
        return err_set(e, E_INVALID, "[feed %.*s]: type: there is no dialect '%.*s'", SLICE_FMT(t->name),
                       SLICE_FMT(type));
    return OK;
}

static enum status take_place(struct tail *t, err *e)
{
    if (t->conf->journal)
        return tail_journal_can(e);
    return slice_empty(t->conf->path)
               ? err_set(e, E_INVALID, "[feed %.*s]: path: it is needed, unless journal = yes", SLICE_FMT(t->name))
               : OK;
}

static enum status tail_open(struct daemon *d, const struct section *section, void **self, err *e)
{
    struct tail *t = calloc(1, sizeof *t);
    char *memory = NULL;
    *self = t;
    if (t)
        tail_pipe_init(&t->pipe);
    if (!t || asprintf(&memory, "feed:%.*s", SLICE_FMT(section->name)) < 0)
        return err_set(e, E_MEMORY, "feed: out of memory");
    t->d = d;
    t->conf = section->values;
    t->name = section->name;
    t->memory = slice_str(memory);
    t->feed = section->name;
    if (gethostname(t->host, sizeof t->host - 1) != 0)
        strcpy(t->host, "localhost");
    t->rotated_until_us = INT64_MAX; /* until all that is there was read once */
    enum status st = take_place(t, e);
    if (st == OK)
        st = take_dialect(t, e);
    if (st == OK)
        st = zone_find(t->conf->zone.n ? t->conf->zone.p : NULL, daemon_now(d), &t->zone, e);
    return st;
}

static enum status watch_places(struct tail *t, err *e)
{
    arena a;
    slice places[TAIL_JOURNAL_PLACES] = {t->conf->path};
    enum status st = OK;
    arena_init(&a, 0);
    size_t n = t->conf->journal ? tail_journal_places(t->conf->path, &a, places) : 1;
    for (size_t i = 0; i < n && st == OK; i++)
        st = watch_new(t->d->base, places[i].p, changed, t, &t->watches[i], e);
    arena_fini(&a);
    return st;
}

static enum status tail_start(void *self, err *e)
{
    struct tail *t = self;
    t->timer = event_new(t->d->base, -1, 0, time_to_look, t);
    t->readable = event_new(t->d->base, -1, EV_READ, pipe_is_readable, t);
    if (!t->timer || !t->readable)
        return err_set(e, E_MEMORY, "feed: out of memory");
    enum status st = watch_places(t, e);
    if (st == OK)
        ask(t);
    return st;
}

static void tail_drain(void *self)
{
    struct tail *t = self;
    t->draining = true;
    event_del(t->timer);
    event_del(t->readable);
}

static bool tail_idle(const void *self)
{
    const struct tail *t = self;
    return !t->busy;
}

static void tail_status(const void *self, struct jsonw *j)
{
    const struct tail *t = self;
    jsonw_kbool(j, "journal", t->conf->journal);
    jsonw_kstr(j, "path", t->conf->path);
    jsonw_kstr(j, "type", t->conf->type);
    jsonw_ki64(j, "bytes", (int64_t)t->bytes);
    jsonw_ki64(j, "observations", (int64_t)t->observations);
    jsonw_ki64(j, "commits", (int64_t)t->commits);
    jsonw_ki64(j, "failures", (int64_t)t->failures);
    jsonw_ktime_opt(j, "last", t->last_us ? t->last_us : TIME_NONE);
    jsonw_kstr_opt(j, "trouble", slice_str(t->trouble.text));
}

static void tail_metrics(const void *self, buf *out)
{
    const struct tail *t = self;
    const struct {
        const char *name;
        uint64_t value;
    } rows[] = {
        {"bytes", t->bytes}, {"observations", t->observations}, {"commits", t->commits}, {"failures", t->failures}};
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        buf_printf(out, "bounced_feed_%s_total{feed=\"%.*s\"} %llu\n", rows[i].name, SLICE_FMT(t->name),
                   (unsigned long long)rows[i].value);
}

const struct role tail_role = {
    .name = "feed",
    .section = "feed",
    .open = tail_open,
    .start = tail_start,
    .drain = tail_drain,
    .idle = tail_idle,
    .close = tail_close,
    .status = tail_status,
    .metrics = tail_metrics,
};
