/* The role that sends the digest (core/digest.h), once for each day. Which day was sent last stands in the ledger, so that a restart
 * sends nothing twice; a day that could not be sent is tried again until it is over.
 */
#include <event2/event.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/random.h>
#include <unistd.h>

#include "core/digest.h"
#include "serve/clock.h"
#include "serve/conf.h"
#include "serve/notify_mail.h"
#include "serve/roles.h"
#include "serve/runner.h"

#define LOOK_US TIME_MINUTE
#define AGAIN_US (10 * TIME_MINUTE) /* after a failure */
#define HOST_BYTES 256
#define MEMORY S("digest") /* where the ledger keeps the day that was sent */
#define KEY_BYTES 64       /* of a tenant's name in it: more is not told apart */

struct digesting {
    struct job job; /* first */
    struct unit unit;
    struct daemon *d;
    struct event *timer;
    bool busy, draining;
    int64_t day;      /* under way: days since 1970 */
    int64_t sent_day; /* the last one that is known to be sent; -1: none */
    int64_t again_us; /* monotonic; not before this */
    /* of the one under way */
    slice tenant, notify, from, to;
    const struct benchmark *industry;
    int64_t now_us;
    bool sent_before;
    buf message;
    arena a;
    enum status status;
    err error;
    uint64_t sent, failures;
};

static void failed(struct digesting *g, slice why)
{
    struct log_quoted q;
    g->failures++;
    g->busy = false;
    g->again_us = clock_monotonic_us() + AGAIN_US;
    log_event(g->d->log, LOG_LEVEL_WARN, "digest.failed", "cause=%s", log_text(&q, why));
}

/* ---- on a worker ---- */

static slice key_of(const struct digesting *g)
{
    return slice_empty(g->tenant) ? S("-") : slice_sub(g->tenant, 0, KEY_BYTES);
}

static bool remembered(void *ctx, slice key, slice value)
{
    struct digesting *g = ctx;
    uint64_t day;
    if (slice_eq(key, key_of(g)) && slice_u64(value, &day))
        g->sent_before = (int64_t)day >= g->day;
    return true;
}

static enum status write_mail(struct digesting *g, struct worker *w)
{
    char host[HOST_BYTES] = "localhost";
    struct digest digest;
    struct digest_options o = {.tenant = g->tenant, .industry = g->industry, .now_us = g->now_us};
    struct digest_envelope v = {.from = g->from, .to = g->to, .date_us = g->now_us};
    enum status st = digest_make(w->ledger, &o, w->a, &digest, &g->error);
    if (st != OK)
        return st;
    if (gethostname(host, sizeof host) != 0 || getrandom(&v.random, sizeof v.random, 0) != (ssize_t)sizeof v.random)
        return err_set(&g->error, E_IO, "digest: no name of this host, or no random number");
    host[sizeof host - 1] = 0;
    v.host = slice_str(host);
    digest_mail(&digest, &v, w->a, &g->message);
    return g->message.failed ? err_set(&g->error, E_MEMORY, "digest: out of memory") : OK;
}

static void make(struct job *j, struct worker *w)
{
    struct digesting *g = (struct digesting *)(void *)j;
    g->sent_before = false;
    g->status = ledger_memory(w->ledger, MEMORY, remembered, g, &g->error);
    if (g->status == OK && !g->sent_before)
        g->status = write_mail(g, w);
}

/* ---- on the writer ---- */

static enum status remember(struct unit *u, struct ledger *l, err *e)
{
    struct digesting *g = (struct digesting *)(void *)((char *)u - offsetof(struct digesting, unit));
    char day[32];
    int n = snprintf(day, sizeof day, "%lld", (long long)g->day);
    return ledger_put_memory(l, MEMORY, key_of(g), slice_of(day, (size_t)n), e);
}

static void remember_done(struct unit *u)
{
    struct digesting *g = (struct digesting *)(void *)((char *)u - offsetof(struct digesting, unit));
    g->busy = false;
    if (u->status != OK)
        failed(g, slice_str(u->error.text)); /* it went out: g->sent_day knows until the next start */
}

/* ---- on the loop ---- */

static void delivered(void *ctx, enum status st, slice why)
{
    struct digesting *g = ctx;
    if (st != OK) {
        failed(g, why);
        return;
    }
    g->sent++;
    g->sent_day = g->day;
    log_event(g->d->log, LOG_LEVEL_INFO, "digest", "bytes=%zu", g->message.n);
    g->unit = (struct unit){.more = remember, .done = remember_done};
    if (writer_put(g->d->writer, &g->unit) != OK)
        failed(g, S("the writer has too much to do; after a restart today's digest may come twice"));
}

static void made(struct job *j)
{
    struct digesting *g = (struct digesting *)(void *)j;
    if (g->status != OK) {
        failed(g, slice_str(g->error.text));
    } else if (g->sent_before) {
        g->sent_day = g->day;
        g->busy = false;
    } else if (notify_mail(g->d, g->notify, buf_slice(&g->message), delivered, g, &g->error) != OK) {
        failed(g, slice_str(g->error.text));
    }
}

static const struct benchmark *industry_of(const struct settings *s, slice tenant)
{
    const struct benchmark *found = NULL;
    for (const struct section *at = NULL; !slice_empty(tenant) && (at = settings_next(s, "tenant", at)) != NULL;) {
        const struct conf_tenant *c = at->values;
        if (slice_eq(slice_empty(c->tenant) ? at->name : c->tenant, tenant))
            found = benchmark_at(c->industry);
    }
    return found;
}

/* What the settings say now, kept for as long as it is under way. Returns false when there is nobody to send to. */
static bool take_settings(struct digesting *g, const struct conf_digest *c)
{
    const struct section *to = notify_mail_section(g->d->settings, c->notify);
    buf recipients;
    slice from = SLICE_EMPTY;
    if (!to) {
        failed(g, S("there is no section [notify NAME] of type mail to send it by"));
        return false;
    }
    arena_reset(&g->a);
    buf_clear(&g->message);
    buf_init(&recipients, 0);
    notify_mail_to(to, &recipients, &from);
    g->to = arena_dup(&g->a, buf_slice(&recipients));
    g->from = arena_dup(&g->a, from);
    g->tenant = arena_dup(&g->a, c->tenant);
    g->notify = arena_dup(&g->a, to->name);
    g->industry = industry_of(g->d->settings, c->tenant);
    buf_fini(&recipients);
    return true;
}

static void tick(evutil_socket_t fd, short what, void *ctx)
{
    struct digesting *g = ctx;
    const struct conf_digest *c = settings_of(g->d->settings, "digest");
    struct civil now;
    (void)fd, (void)what;
    g->now_us = g->busy ? g->now_us : daemon_now(g->d);
    civil_from_us(g->now_us, &now);
    if (g->draining || g->busy || !c->enabled || now.hour < c->hour || clock_monotonic_us() < g->again_us)
        return;
    g->day = g->now_us / TIME_DAY - 1;
    if (g->sent_day >= g->day || !take_settings(g, c))
        return;
    g->busy = workers_put(g->d->workers, &g->job) == OK;
}

/* ---- the role ---- */

static enum status digesting_open(struct daemon *d, const struct section *section, void **self, err *e)
{
    struct digesting *g = calloc(1, sizeof *g);
    (void)section;
    *self = g;
    if (!g)
        return err_set(e, E_MEMORY, "digest: out of memory");
    arena_init(&g->a, 0);
    buf_init(&g->message, 0);
    g->d = d;
    g->sent_day = -1;
    g->job.run = make;
    g->job.done = made;
    return OK;
}

static enum status digesting_start(void *self, err *e)
{
    static const struct timeval every = {LOOK_US / TIME_SECOND, 0};
    struct digesting *g = self;
    g->timer = event_new(g->d->base, -1, EV_PERSIST, tick, g);
    if (!g->timer || event_add(g->timer, &every) != 0)
        return err_set(e, E_MEMORY, "digest: out of memory");
    tick(-1, 0, g);
    return OK;
}

static void digesting_drain(void *self)
{
    struct digesting *g = self;
    g->draining = true;
}

static bool digesting_idle(const void *self)
{
    const struct digesting *g = self;
    return !g->busy;
}

static void digesting_close(void **self)
{
    struct digesting *g = *self;
    if (!g)
        return;
    if (g->timer)
        event_free(g->timer);
    runner_forget(g->d->runner, g);
    arena_fini(&g->a);
    buf_fini(&g->message);
    free(g);
    *self = NULL;
}

static void digesting_status(const void *self, struct jsonw *j)
{
    const struct digesting *g = self;
    jsonw_ktime_opt(j, "day", g->sent_day < 0 ? TIME_NONE : g->sent_day * TIME_DAY);
    jsonw_ki64(j, "sent", (int64_t)g->sent);
    jsonw_ki64(j, "failures", (int64_t)g->failures);
}

const struct role digest_role = {
    .name = "digest",
    .section = "digest",
    .open = digesting_open,
    .start = digesting_start,
    .drain = digesting_drain,
    .idle = digesting_idle,
    .close = digesting_close,
    .status = digesting_status,
};
