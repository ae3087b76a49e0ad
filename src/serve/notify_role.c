/* The role that tells people: one channel for each section [notify NAME]. What is to be told lies in the ledger (notices) until it was
 * told, so nothing is lost over a restart. A channel sends at most one message within `every`, with all that has come meanwhile.
 */
#include <event2/event.h>
#include <stdlib.h>

#include "core/alerts.h"
#include "serve/clock.h"
#include "serve/conf.h"
#include "serve/notice_form.h"
#include "serve/notify_mail.h"
#include "serve/roles.h"
#include "serve/runner.h"

#define LOOK_US (5 * TIME_SECOND)
#define RETRY_US (10 * TIME_SECOND)
#define RETRY_MAX_US TIME_HOUR
#define WHY_BYTES 200u

enum { TYPE_MAIL }; /* in the order of conf.def */
enum doing { DOING_NOTHING, READING, SENDING, RECORDING };

struct channel {
    struct job job; /* first */
    struct unit unit;
    struct daemon *d;
    const struct section *section; /* of the settings that the daemon began with */
    const struct conf_notify *live;
    struct event *timer;
    enum doing doing;
    bool draining;

    arena a; /* of what was read */
    struct notice list[NOTICES_AT_ONCE];
    size_t count;
    unsigned attempts; /* of the first one */
    int64_t due_us;    /* the earliest of those that wait longer; TIME_NONE */
    enum status status;
    err error;

    bool told;       /* the message arrived */
    int64_t last_us; /* wall clock, of the last message that arrived; TIME_NONE */
    uint64_t messages, failures, dropped;
    char why[WHY_BYTES];
    bool troubled;
};

static void start(struct channel *c);

static void pause_for(struct channel *c, int64_t us)
{
    c->doing = DOING_NOTHING;
    if (!c->draining)
        clock_ring(c->timer, us);
}

static void warn(struct channel *c, const char *event, slice why)
{
    struct log_quoted name, cause;
    log_event(c->d->log, LOG_LEVEL_WARN, event, "notify=%s cause=%s", log_text(&name, c->section->name),
              log_text(&cause, why));
}

/* ---- reading, on a worker ---- */

struct reading {
    struct channel *c;
    int64_t now_us;
};

static bool take(void *ctx, const struct ledger_notice *n)
{
    struct reading *r = ctx;
    struct channel *c = r->c;
    if (n->due_us > r->now_us) {
        c->due_us = c->due_us == TIME_NONE || n->due_us < c->due_us ? n->due_us : c->due_us;
        return true;
    }
    if (!c->count)
        c->attempts = n->attempts;
    c->list[c->count++] = (struct notice){n->id, n->made_us, n->turn, arena_dup(&c->a, n->text)};
    return c->count < NOTICES_AT_ONCE && !c->a.limited;
}

static void read_notices(struct job *j, struct worker *w)
{
    struct channel *c = (struct channel *)(void *)j;
    struct reading r = {c, w->now_us};
    c->status = ledger_notices(w->ledger, c->section->name, take, &r, &c->error);
}

/* ---- recording, on the writer ---- */

static int64_t patience(unsigned attempts)
{
    int64_t us = RETRY_US;
    for (unsigned i = 0; i < attempts && us < RETRY_MAX_US; i++)
        us *= 2;
    return us < RETRY_MAX_US ? us : RETRY_MAX_US;
}

static enum status write_outcome(struct unit *u, struct ledger *l, err *e)
{
    struct channel *c = (struct channel *)(void *)((char *)u - offsetof(struct channel, unit));
    int64_t now_us = clock_wall_us(), due_us = now_us + patience(c->attempts);
    enum status st = OK;
    for (size_t i = 0; i < c->count && st == OK; i++) {
        bool given_up = !c->told && now_us - c->list[i].made_us > c->live->give_up_us;
        c->dropped += given_up;
        st = c->told || given_up ? ledger_drop_notice(l, c->list[i].id, e)
                                 : ledger_notice_failed(l, c->list[i].id, due_us, e);
    }
    return st;
}

static void recorded(struct unit *u)
{
    struct channel *c = (struct channel *)(void *)((char *)u - offsetof(struct channel, unit));
    if (u->status != OK)
        warn(c, "notify.outbox", slice_str(u->error.text)); /* what arrived is told once more */
    pause_for(c, LOOK_US);
}

static void record(struct channel *c)
{
    c->doing = RECORDING;
    c->unit = (struct unit){.more = write_outcome, .done = recorded};
    if (writer_put(c->d->writer, &c->unit) != OK)
        pause_for(c, RETRY_US);
}

/* ---- sending, on the loop ---- */

static void sent(void *ctx, enum status st, slice why)
{
    struct channel *c = ctx;
    c->told = st == OK;
    c->messages += st == OK;
    c->failures += st != OK;
    if (st == OK) {
        c->last_us = daemon_now(c->d);
    } else {
        int n = snprintf(c->why, sizeof c->why, "%.*s", SLICE_FMT(why));
        if (!c->troubled || n < 0)
            warn(c, "notify.failed", why);
    }
    c->troubled = st != OK;
    record(c);
}

static void compose(const struct channel *c, buf *out)
{
    const struct conf_notify *conf = c->section->values;
    slice name = c->section->name, from;
    int64_t now_us = daemon_now(c->d);
    buf to;
    if (conf->type != TYPE_MAIL) {
        notices_json(name, c->list, c->count, now_us, out);
        return;
    }
    buf_init(&to, 0);
    notify_mail_to(c->section, &to, &from);
    notices_mail(name, from, buf_slice(&to), c->list, c->count, now_us, out);
    buf_fini(&to);
}

static void send_all(struct channel *c)
{
    err e;
    buf message;
    buf_init(&message, 0);
    compose(c, &message);
    c->doing = SENDING;
    enum status st = message.failed ? err_set(&e, E_MEMORY, "notify: out of memory")
                                    : runner_send(c->d->runner, c->section->name, buf_slice(&message), sent, c, &e);
    buf_fini(&message);
    if (st != OK)
        sent(c, st, slice_str(e.text));
}

static void notices_read(struct job *j)
{
    struct channel *c = (struct channel *)(void *)j;
    if (c->status != OK || c->a.limited) {
        warn(c, "notify.outbox", c->status != OK ? slice_str(c->error.text) : S("out of memory"));
        pause_for(c, RETRY_US);
    } else if (c->count && !c->draining) {
        send_all(c);
    } else {
        int64_t wait = c->due_us == TIME_NONE ? LOOK_US : c->due_us - daemon_now(c->d);
        pause_for(c, wait < LOOK_US ? LOOK_US : wait < TIME_MINUTE ? wait : TIME_MINUTE);
    }
}

static void start(struct channel *c)
{
    int64_t since_us = c->last_us == TIME_NONE ? INT64_MAX : daemon_now(c->d) - c->last_us;
    if (c->doing != DOING_NOTHING || c->draining)
        return;
    if (since_us >= 0 && since_us < c->live->every_us) { /* a clock that was set back does not hold it up */
        pause_for(c, c->live->every_us - since_us);
        return;
    }
    arena_reset(&c->a);
    c->count = 0;
    c->due_us = TIME_NONE;
    c->doing = READING;
    if (workers_put(c->d->workers, &c->job) != OK)
        pause_for(c, RETRY_US);
}

static void time_to_look(evutil_socket_t fd, short what, void *ctx)
{
    (void)fd, (void)what;
    start(ctx);
}

/* ---- the role ---- */

static enum status check_rules(const struct section *s, err *e)
{
    const struct conf_notify *c = s->values;
    for (size_t i = 0; i < c->rules.n; i++)
        if (alert_rule_find(c->rules.v[i]) == ALERT_RULES)
            return err_set(e, E_INVALID, "rules: there is no rule '%.*s'; docs/alerts.md lists them",
                           SLICE_FMT(c->rules.v[i]));
    return OK;
}

static enum status notify_open_role(struct daemon *d, const struct section *section, void **self, err *e)
{
    struct channel *c = calloc(1, sizeof *c);
    *self = c;
    if (!c)
        return err_set(e, E_MEMORY, "notify: out of memory");
    arena_init(&c->a, 0);
    c->d = d;
    c->section = section;
    c->live = section->values;
    c->last_us = TIME_NONE;
    c->job.run = read_notices;
    c->job.done = notices_read;
    return check_rules(section, e);
}

static enum status notify_start(void *self, err *e)
{
    struct channel *c = self;
    c->timer = event_new(c->d->base, -1, 0, time_to_look, c);
    if (!c->timer)
        return err_set(e, E_MEMORY, "notify: out of memory");
    pause_for(c, 0);
    return OK;
}

static void notify_drain(void *self)
{
    struct channel *c = self;
    c->draining = true;
    event_del(c->timer);
}

static bool notify_idle(const void *self)
{
    const struct channel *c = self;
    return c->doing == DOING_NOTHING;
}

static void notify_close_role(void **self)
{
    struct channel *c = *self;
    if (!c)
        return;
    runner_forget(c->d->runner, c);
    if (c->timer)
        event_free(c->timer);
    arena_fini(&c->a);
    free(c);
    *self = NULL;
}

static void notify_reload(void *self, const struct section *section)
{
    struct channel *c = self;
    c->live = section ? section->values : c->section->values;
}

static void notify_status(const void *self, struct jsonw *j)
{
    const struct channel *c = self;
    jsonw_ki64(j, "messages", (int64_t)c->messages);
    jsonw_ki64(j, "failures", (int64_t)c->failures);
    jsonw_ki64(j, "dropped", (int64_t)c->dropped);
    jsonw_ktime_opt(j, "last", c->last_us);
    if (c->troubled)
        jsonw_kstr(j, "trouble", slice_str(c->why));
}

static void notify_metrics(const void *self, buf *out)
{
    const struct channel *c = self;
    const struct {
        const char *name;
        uint64_t value;
    } rows[] = {{"messages_total", c->messages}, {"failures_total", c->failures}, {"dropped_total", c->dropped}};
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        buf_printf(out, "bounced_notify_%s{notify=\"%.*s\"} %llu\n", rows[i].name, SLICE_FMT(c->section->name),
                   (unsigned long long)rows[i].value);
}

const struct role notify_role = {
    .name = "notify",
    .section = "notify",
    .open = notify_open_role,
    .start = notify_start,
    .drain = notify_drain,
    .idle = notify_idle,
    .close = notify_close_role,
    .reload = notify_reload,
    .status = notify_status,
    .metrics = notify_metrics,
};
