/* The role that looks for trouble: every minute on a worker, and what has changed goes through the writer. */
#include <event2/event.h>
#include <inttypes.h>
#include <stdlib.h>

#include "core/ground.h"
#include "serve/alert_conf.h"
#include "serve/clock.h"
#include "serve/conf.h"
#include "serve/roles.h"

#define LOOK_US TIME_MINUTE
#define MAX_CHANNELS 64u

/* A source or import whose rest is being held. */
struct holding {
    struct unit unit; /* first */
    struct alerting *g;
    struct ground_act act;
    struct ground_counts counts;
    slice after;
    bool wanted, more, under_way;
    arena a;
};

struct alerting {
    struct job job; /* first */
    struct unit unit;
    struct daemon *d;
    struct event *timer;
    bool looking, draining, hold;
    arena a; /* of what was found */
    struct alert_settings settings;
    struct alert_run run;
    struct alert_industry industries[ALERT_MAX_INDUSTRIES];
    struct findings found;
    struct alert_channel channels[MAX_CHANNELS];
    size_t channel_count;
    enum status status;
    err error;
    struct alert_counts counts;
    int64_t deep_us; /* monotonic, of the last deep look; 0: none yet */
    uint64_t looks, failures, took_us;
    int64_t began_us;
    struct holding holding;
    uint64_t asked, unanswered; /* checks, up to the last look */
};

static void failed(struct alerting *g, const err *e)
{
    struct log_quoted q;
    g->failures++;
    log_event(g->d->log, LOG_LEVEL_WARN, "alerts.failed", "cause=%s", log_text(&q, slice_str(e->text)));
}

/* ---- holding what looks bought ---- */

static enum status hold_page(struct unit *u, struct ledger *l, const struct policy *policy, err *e)
{
    struct holding *h = (struct holding *)(void *)u;
    return ground_act_some(l, policy, &h->act, &h->after, &h->a, &h->counts, &h->more, e);
}

static void hold_done(struct unit *u)
{
    struct holding *h = (struct holding *)(void *)u;
    struct log_quoted name;
    h->under_way = h->wanted = false;
    if (u->status != OK)
        failed(h->g, &u->error);
    else if (h->more && !h->g->draining)
        h->under_way = writer_put(h->g->d->writer, u) == OK;
    if (!h->under_way && u->status == OK)
        log_event(h->g->d->log, LOG_LEVEL_WARN, "ground.held", "%s=%s held=%" PRIu64 " of=%" PRIu64,
                  ground_kind_word(h->act.kind), log_text(&name, h->act.name), h->counts.changed, h->counts.looked);
}

static bool find_bought(void *ctx, const struct ledger_ground *x)
{
    struct alerting *g = ctx;
    struct holding *h = &g->holding;
    bool open = x->state == GROUND_WATCHED || x->state == GROUND_BAD;
    if (!open || !ground_looks_bought(x, true, g->run.now_us))
        return true;
    h->act = (struct ground_act){.kind = ground_kind_find(x->kind),
                                 .tenant = arena_dup(&h->a, x->tenant),
                                 .name = arena_dup(&h->a, x->name),
                                 .actor = S("bounced"),
                                 .note = S("looks bought: hard bounces, and nobody opens it"),
                                 .now_us = g->run.now_us};
    h->wanted = true;
    return false; /* one at a time; the next one in a minute */
}

static enum status look_for_bought(struct alerting *g, struct worker *w)
{
    bool tracks = false;
    enum status st = ground_tracks(w->ledger, g->run.now_us, &tracks, &g->error);
    return st == OK && tracks ? ledger_grounds(w->ledger, find_bought, g, &g->error) : st;
}

static void begin_holding(struct alerting *g)
{
    struct holding *h = &g->holding;
    if (!h->wanted || h->under_way || g->draining)
        return;
    h->g = g;
    h->after = SLICE_EMPTY;
    h->counts = (struct ground_counts){0};
    h->unit = (struct unit){.act = hold_page, .done = hold_done};
    h->under_way = writer_put(g->d->writer, &h->unit) == OK;
}

/* ---- on a worker ---- */

static void find(struct job *j, struct worker *w)
{
    struct alerting *g = (struct alerting *)(void *)j;
    g->status = alerts_find(w->ledger, &g->run, &g->a, &g->found, &g->error);
    if (g->status == OK && g->hold)
        g->status = look_for_bought(g, w);
}

/* ---- on the writer ---- */

/* A transaction of its own: when it fails, nothing that feeds bring in fails with it. */
static enum status settle(struct unit *u, struct ledger *l, const struct policy *policy, err *e)
{
    struct alerting *g = (struct alerting *)(void *)((char *)u - offsetof(struct alerting, unit));
    (void)policy;
    enum status st = ledger_begin(l, e);
    if (st == OK)
        st = alerts_settle(l, &g->found, g->channels, g->channel_count, g->run.now_us, &g->counts, e);
    if (st == OK)
        st = ledger_commit(l, e);
    if (st != OK)
        ledger_abort(l);
    return st;
}

static void settled(struct unit *u)
{
    struct alerting *g = (struct alerting *)(void *)((char *)u - offsetof(struct alerting, unit));
    g->looking = false;
    g->took_us += (uint64_t)(clock_monotonic_us() - g->began_us);
    if (u->status != OK)
        failed(g, &u->error);
    else if (g->counts.opened || g->counts.closed)
        log_event(g->d->log, g->counts.opened ? LOG_LEVEL_WARN : LOG_LEVEL_INFO, "alerts",
                  "opened=%u closed=%u open=%u", g->counts.opened, g->counts.closed, g->counts.open);
}

static void found(struct job *j)
{
    struct alerting *g = (struct alerting *)(void *)j;
    g->looking = false;
    if (g->status != OK) {
        failed(g, &g->error);
        return;
    }
    if (g->draining)
        return;
    begin_holding(g);
    g->unit = (struct unit){.act = settle, .done = settled};
    g->looking = writer_put(g->d->writer, &g->unit) == OK; /* busy: there will be another minute */
}

/* ---- on the loop ---- */

static uint32_t rules_of(const struct conf_notify *c)
{
    uint32_t rules = c->rules.n ? 0 : UINT32_MAX;
    for (size_t i = 0; i < c->rules.n; i++) {
        enum alert_rule r = alert_rule_find(c->rules.v[i]);
        if (r < ALERT_RULES)
            rules |= 1u << r;
    }
    return rules;
}

static void take_channels(struct alerting *g)
{
    g->channel_count = 0;
    for (const struct section *s = NULL;
         (s = settings_next(g->d->settings, "notify", s)) && g->channel_count < MAX_CHANNELS;) {
        const struct conf_notify *c = s->values;
        g->channels[g->channel_count++] =
            (struct alert_channel){.name = arena_dup(&g->a, s->name), .rules = rules_of(c), .not_closed = !c->closed};
    }
}

/* Since the last look. */
static void count_checks(struct alerting *g)
{
    uint64_t asked = metric_get(g->d->metrics, METRIC_checks_asked),
             open = metric_get(g->d->metrics, METRIC_checks_open);
    g->run.asked = asked - g->asked;
    g->run.failed = open - g->unanswered;
    g->asked = asked;
    g->unanswered = open;
}

static void tick(evutil_socket_t fd, short what, void *ctx)
{
    struct alerting *g = ctx;
    const struct conf_alerts *c = settings_of(g->d->settings, "alerts");
    int64_t now_us = clock_monotonic_us();
    (void)fd, (void)what;
    if (g->draining || g->looking || !c->on)
        return;
    const struct conf_ground *ground = settings_of(g->d->settings, "ground");
    g->hold = ground->hold && !g->holding.under_way;
    if (g->hold) {
        arena_reset(&g->holding.a);
        g->holding.wanted = false;
    }
    arena_reset(&g->a);
    alert_conf(g->d->settings, &g->settings);
    take_channels(g);
    bool deep = !g->deep_us || now_us - g->deep_us >= ALERT_DEEP_US;
    g->run = (struct alert_run){.now_us = daemon_now(g->d), .settings = &g->settings, .deep = deep};
    g->run.industry_count = alert_conf_industries(g->d->settings, g->industries);
    for (size_t i = 0; i < g->run.industry_count; i++) /* a reload may free the settings meanwhile */
        g->industries[i].tenant = arena_dup(&g->a, g->industries[i].tenant);
    g->run.industries = g->industries;
    count_checks(g);
    g->looking = workers_put(g->d->workers, &g->job) == OK;
    if (!g->looking)
        return;
    g->looks++;
    g->began_us = now_us;
    g->deep_us = deep ? now_us : g->deep_us;
}

/* ---- the role ---- */

static enum status alerting_open(struct daemon *d, const struct section *section, void **self, err *e)
{
    struct alerting *g = calloc(1, sizeof *g);
    (void)section;
    *self = g;
    if (!g)
        return err_set(e, E_MEMORY, "alerts: out of memory");
    arena_init(&g->a, 0);
    arena_init(&g->holding.a, 0);
    g->d = d;
    g->job.run = find;
    g->job.done = found;
    return OK;
}

static enum status alerting_start(void *self, err *e)
{
    static const struct timeval every = {LOOK_US / TIME_SECOND, 0};
    struct alerting *g = self;
    g->timer = event_new(g->d->base, -1, EV_PERSIST, tick, g);
    if (!g->timer || event_add(g->timer, &every) != 0)
        return err_set(e, E_MEMORY, "alerts: out of memory");
    tick(-1, 0, g);
    return OK;
}

static void alerting_drain(void *self)
{
    struct alerting *g = self;
    g->draining = true;
}

static bool alerting_idle(const void *self)
{
    const struct alerting *g = self;
    return !g->looking && !g->holding.under_way;
}

static void alerting_close(void **self)
{
    struct alerting *g = *self;
    if (!g)
        return;
    if (g->timer)
        event_free(g->timer);
    arena_fini(&g->a);
    arena_fini(&g->holding.a);
    free(g);
    *self = NULL;
}

static void alerting_status(const void *self, struct jsonw *j)
{
    const struct alerting *g = self;
    jsonw_ki64(j, "open", g->counts.open);
    jsonw_ki64(j, "looks", (int64_t)g->looks);
    jsonw_ki64(j, "failures", (int64_t)g->failures);
}

static void alerting_metrics(const void *self, buf *out)
{
    const struct alerting *g = self;
    buf_printf(out,
               "bounced_alerts_open %u\nbounced_alerts_looks_total %" PRIu64 "\nbounced_alerts_failures_total %" PRIu64
               "\n",
               g->counts.open, g->looks, g->failures);
}

const struct role alerting_role = {
    .name = "alerts",
    .section = "daemon", /* which is always there, once */
    .open = alerting_open,
    .start = alerting_start,
    .drain = alerting_drain,
    .idle = alerting_idle,
    .close = alerting_close,
    .status = alerting_status,
    .metrics = alerting_metrics,
};
