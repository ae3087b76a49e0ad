/* A Maildir that bounces are delivered to: the role of the sections [maildir NAME].
 *
 * One batch at a time: a worker reads some mails, each goes its way (serve/mail.h), and when all are back a worker marks those that
 * are durable as seen, or deletes them. Those that failed stay where they are and are read again later; a crash in between reads
 * again what is known by its content.
 */
#include <event2/event.h>
#include <stdlib.h>

#include "core/read_maildir.h"
#include "serve/clock.h"
#include "serve/conf.h"
#include "serve/mail_source.h"
#include "serve/maildir_batch.h"
#include "serve/roles.h"
#include "serve/watch.h"

#define LOOK_US (5 * TIME_SECOND) /* between looks without a sign of change */
#define GATHER_US INT64_C(10000)  /* from the first sign of change to the look */
#define RETRY_US TIME_SECOND      /* after a failure, doubling up to RETRY_MAX_US */
#define RETRY_MAX_US TIME_MINUTE

enum { AFTER_SEEN, AFTER_DELETE }; /* the words of after */

struct maildir {
    struct job job; /* first: the job is the Maildir */
    struct daemon *d;
    const struct section *section;
    const struct conf_maildir *conf;
    arena a;
    struct mail_source source;
    struct watch *watch;
    struct event *timer;
    struct maildir_batch batch;
    struct mail mails[MAILDIR_BATCH_MAILS]; /* of the batch */
    size_t under_way;
    bool busy, again, soon, draining, closed;
    bool began;         /* all that was there at the start was looked at */
    enum status status; /* of this batch */
    err error, told;
    int64_t retry_us;
    uint64_t read, reports, aside, failures;
    int64_t last_us; /* wall clock of the last batch that brought something */
};

static void wait(struct maildir *m, int64_t us)
{
    if (!m->draining)
        clock_ring(m->timer, us);
}

/* ---- on a worker ---- */

static void look(struct job *j, struct worker *w)
{
    struct maildir *m = (struct maildir *)(void *)j;
    err trouble;
    (void)w;
    m->status = maildir_batch_read(&m->batch, m->conf->path, !m->began, &trouble, &m->error);
    if (m->status == OK && trouble.text[0]) {
        m->status = trouble.status; /* the others count */
        m->error = trouble;
    }
}

static void mark(struct job *j, struct worker *w)
{
    struct maildir *m = (struct maildir *)(void *)j;
    err e;
    (void)w;
    enum status st = maildir_batch_mark(&m->batch, m->conf->after == AFTER_DELETE, &e);
    if (st == OK)
        return;
    m->status = st;
    m->error = e;
}

/* ---- on the loop ---- */

static void ask(struct maildir *m);

static void tell_trouble(struct maildir *m)
{
    struct log_quoted text;
    if (strcmp(m->error.text, m->told.text) != 0)
        log_event(m->d->log, LOG_LEVEL_WARN, "mail.trouble", "feed=%.*s status=%s cause=%s", SLICE_FMT(m->source.feed),
                  status_word(m->status), log_text(&text, slice_str(m->error.text)));
    m->told = m->error;
    m->failures++;
    m->retry_us = m->retry_us ? m->retry_us * 2 : RETRY_US;
    if (m->retry_us > RETRY_MAX_US)
        m->retry_us = RETRY_MAX_US;
}

static void maildir_free(struct maildir *m)
{
    maildir_batch_fini(&m->batch);
    mail_source_close(&m->source);
    arena_fini(&m->a);
    free(m);
}

static void end_batch(struct maildir *m)
{
    bool more = m->batch.more || m->again;
    m->busy = m->again = false;
    m->began |= m->status == OK && !m->batch.more;
    maildir_batch_fini(&m->batch);
    if (m->closed) {
        maildir_free(m);
        return;
    }
    if (m->status != OK) {
        tell_trouble(m);
        wait(m, m->retry_us);
        return;
    }
    m->retry_us = 0;
    m->told = (err){.status = OK};
    if (more)
        ask(m);
    else
        wait(m, LOOK_US);
}

static void marked(struct job *j)
{
    end_batch((struct maildir *)(void *)j);
}

/* All mails are back. */
static void end_mails(struct maildir *m)
{
    if (m->batch.n)
        m->last_us = daemon_now(m->d);
    m->job.run = mark;
    m->job.done = marked;
    enum status st = workers_put(m->d->workers, &m->job);
    if (st == OK)
        return;
    m->status = err_set(&m->error, st, "%.*s: the workers have too much to do", SLICE_FMT(m->conf->path));
    end_batch(m); /* what is not marked is read again, and known */
}

static void mail_back(struct maildir *m, struct mail *mail)
{
    m->batch.mails[mail - m->mails].good = mail->fate != MAIL_FAILED;
    m->read++;
    m->reports += mail->fate == MAIL_COMMITTED ? mail->reports : 0;
    m->aside += mail->fate == MAIL_ASIDE;
    if (mail->fate == MAIL_FAILED) {
        m->status = mail->status;
        m->error = mail->error;
    }
    mail_fini(mail);
    if (!--m->under_way)
        end_mails(m);
}

/* Which Maildir a mail is of, the source tells, which is in it. */
static struct maildir *of_mail(const struct mail *mail)
{
    return (struct maildir *)((uintptr_t)mail->source - offsetof(struct maildir, source));
}

static void mail_done(struct mail *mail)
{
    mail_back(of_mail(mail), mail);
}

static void looked(struct job *j)
{
    struct maildir *m = (struct maildir *)(void *)j;
    size_t n = m->batch.n;
    m->under_way = n + 1; /* one for this function, so that the end does not come before its time */
    for (size_t i = 0; i < n; i++) {
        struct mail *mail = &m->mails[i];
        *mail = (struct mail){
            .bytes = m->batch.mails[i].bytes, .sender = SLICE_EMPTY, .source = &m->source, .done = mail_done};
        enum status st = mail_put(m->d, mail);
        if (st == OK)
            continue;
        mail->fate = MAIL_FAILED;
        mail->status = err_set(&mail->error, st, "the workers have too much to do");
        mail_back(m, mail);
    }
    m->under_way--;
    if (!m->under_way && n)
        end_mails(m);
    else if (!n)
        end_batch(m);
}

static void ask(struct maildir *m)
{
    if (m->draining)
        return;
    m->again = m->busy;
    if (m->busy)
        return;
    m->job.run = look;
    m->job.done = looked;
    m->busy = workers_put(m->d->workers, &m->job) == OK;
    if (!m->busy)
        wait(m, RETRY_US);
}

static void time_to_look(evutil_socket_t fd, short what, void *ctx)
{
    struct maildir *m = ctx;
    (void)fd, (void)what;
    m->soon = false;
    watch_again(m->watch);
    ask(m);
}

static void changed(void *ctx)
{
    struct maildir *m = ctx;
    if (m->busy) {
        m->again = true;
    } else if (!m->soon && !m->retry_us) {
        m->soon = true;
        wait(m, GATHER_US);
    }
}

/* ---- the role ---- */

static enum status maildir_open(struct daemon *d, const struct section *section, void **self, err *e)
{
    struct maildir *m = calloc(1, sizeof(*m));
    *self = m;
    if (!m)
        return err_set(e, E_MEMORY, "[maildir]: no memory");
    arena_init(&m->a, 0);
    m->d = d;
    m->section = section;
    m->conf = section->values;
    m->source = (struct mail_source){
        .feed = SLICE_EMPTY,
        .tenant = m->conf->tenant,
        .stream = m->conf->stream,
        .campaign = m->conf->campaign,
        .source = m->conf->source,
        .vouched = m->conf->vouched,
    };
    return OK;
}

static enum status maildir_start(void *self, err *e)
{
    struct maildir *m = self;
    slice new = arena_printf(&m->a, "%.*s/new", SLICE_FMT(m->conf->path));
    m->timer = event_new(m->d->base, -1, 0, time_to_look, m);
    if (!m->timer || slice_empty(new))
        return err_set(e, E_MEMORY, "[maildir]: no memory");
    enum status st = mail_source_open(m->d->settings, m->section, &m->a, &m->source, e);
    if (st == OK)
        st = watch_new(m->d->base, new.p, changed, m, &m->watch, e);
    if (st == OK)
        ask(m);
    return st;
}

static void maildir_drain(void *self)
{
    struct maildir *m = self;
    m->draining = true;
    event_del(m->timer);
}

static bool maildir_idle(const void *self)
{
    const struct maildir *m = self;
    return !m->busy;
}

static void maildir_close(void **self)
{
    struct maildir *m = *self;
    *self = NULL;
    if (!m)
        return;
    m->draining = true;
    watch_free(&m->watch);
    if (m->timer)
        event_free(m->timer);
    m->closed = true;
    if (!m->busy)
        maildir_free(m);
}

struct figure {
    const char *name;
    uint64_t value;
};

static void figures(const struct maildir *m, struct figure out[4])
{
    out[0] = (struct figure){"read", m->read};
    out[1] = (struct figure){"reports", m->reports};
    out[2] = (struct figure){"aside", m->aside};
    out[3] = (struct figure){"failures", m->failures};
}

static void maildir_status(const void *self, struct jsonw *w)
{
    const struct maildir *m = self;
    struct figure list[4];
    figures(m, list);
    jsonw_kstr(w, "path", m->conf->path);
    for (size_t i = 0; i < ARRAY_LEN(list); i++)
        jsonw_ki64(w, list[i].name, (int64_t)list[i].value);
    jsonw_ktime_opt(w, "last", m->last_us ? m->last_us : TIME_NONE);
    jsonw_kstr_opt(w, "trouble", slice_str(m->told.text));
}

static void maildir_metrics(const void *self, buf *out)
{
    const struct maildir *m = self;
    struct figure list[4];
    figures(m, list);
    for (size_t i = 0; i < ARRAY_LEN(list); i++)
        buf_printf(out, "bounced_maildir_%s_total{feed=\"%.*s\"} %llu\n", list[i].name, SLICE_FMT(m->source.feed),
                   (unsigned long long)list[i].value);
}

const struct role maildir_role = {
    .name = "maildir",
    .section = "maildir",
    .open = maildir_open,
    .start = maildir_start,
    .drain = maildir_drain,
    .idle = maildir_idle,
    .close = maildir_close,
    .status = maildir_status,
    .metrics = maildir_metrics,
};
