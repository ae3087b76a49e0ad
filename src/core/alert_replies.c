/* What providers say: a reason or an enhanced code that is new there or rises, and replies that no rule understands. */
#include <stdlib.h>

#include "core/alert_find.h"

#define LEAST_SAID 10  /* times */
#define LEAST_PPM 5000 /* of what was sent there */
#define SIGMAS 4u

/* One provider of one tenant: how often each reason and each code came, now and before. */
struct said_code {
    unsigned code;
    int64_t count[2];                /* now, before */
    int64_t reasons[BOUNCE_REASONS]; /* now */
    int64_t phases[BOUNCE_PHASES];   /* now */
};

struct provider {
    slice tenant, name;
    int64_t reasons[2][BOUNCE_REASONS];
    struct said_code *codes;
    size_t n, room;
    int64_t phases[BOUNCE_PHASES];
};

struct saying {
    struct alert_search *s;
    struct provider *list;
    size_t n, room;
    unsigned when; /* 0: now, 1: before */
    bool limited;
};

enum { NOW, BEFORE };

static struct provider *provider_of(struct saying *y, slice tenant, slice name)
{
    for (size_t i = 0; i < y->n; i++)
        if (slice_eq(y->list[i].name, name) && slice_eq(y->list[i].tenant, tenant))
            return &y->list[i];
    struct provider *grown = arena_grow(y->s->a, y->list, y->n, &y->room, sizeof *grown);
    if (!grown)
        return NULL;
    y->list = grown;
    grown[y->n] = (struct provider){.tenant = arena_dup(y->s->a, tenant), .name = arena_dup(y->s->a, name)};
    return &grown[y->n++];
}

static struct said_code *code_of(struct saying *y, struct provider *p, unsigned code)
{
    for (size_t i = 0; i < p->n; i++)
        if (p->codes[i].code == code)
            return &p->codes[i];
    struct said_code *grown = arena_grow(y->s->a, p->codes, p->n, &p->room, sizeof *grown);
    if (!grown)
        return NULL;
    p->codes = grown;
    grown[p->n] = (struct said_code){.code = code};
    return &grown[p->n++];
}

static bool add_code(void *ctx, const struct ledger_code *c)
{
    struct saying *y = ctx;
    if (c->reason >= BOUNCE_REASONS || c->phase >= BOUNCE_PHASES)
        return true;
    struct provider *p = provider_of(y, c->tenant, c->provider);
    struct said_code *x = p ? code_of(y, p, c->code) : NULL;
    y->limited = !x;
    if (!x)
        return false;
    p->reasons[y->when][c->reason] += c->count;
    x->count[y->when] += c->count;
    if (y->when == NOW) {
        x->reasons[c->reason] += c->count;
        x->phases[c->phase] += c->count;
        p->phases[c->phase] += c->count;
    }
    return true;
}

/* ---- rising ---- */

struct volume {
    int64_t now, before; /* messages and attempts */
};

static bool rises(const struct alert_search *s, int64_t now, int64_t before, const struct volume *v)
{
    const struct alert_figure n = {now, v->now}, usual = {before, v->before};
    return now >= LEAST_SAID && alert_share_ppm(&n) >= LEAST_PPM &&
           alert_unusual(&n, &usual, s->run->settings->times, SIGMAS);
}

/* The figure holds while the share stays above three quarters of what opened it. */
static void take_figure(struct alert_search *s, struct finding *f, int64_t now, int64_t before, const struct volume *v,
                        bool rising)
{
    const struct alert_figure usual = {before, v->before};
    f->figure = (struct alert_figure){now, v->now};
    f->usual_ppm = alert_share_ppm(&usual);
    int64_t open = f->usual_ppm * s->run->settings->times;
    f->limits = search_limits(s, open > LEAST_PPM ? open : LEAST_PPM);
    f->limits.least = rising || alert_share_ppm(&f->figure) < f->limits.close_ppm ? 1 : INT64_MAX;
    f->limits.open_us = 0; /* so many replies are no accident */
}

static slice before_text(struct alert_search *s, int64_t before)
{
    buf span;
    buf_init(&span, 0);
    time_add_span(&span, s->run->settings->past_us);
    slice text = before ? arena_printf(s->a, "%lld in the %.*s before", (long long)before, SLICE_FMT(buf_slice(&span)))
                        : arena_printf(s->a, "never in the %.*s before", SLICE_FMT(buf_slice(&span)));
    buf_fini(&span);
    return text;
}

static slice code_text(arena *a, unsigned code)
{
    return arena_printf(a, "%u.%u.%u", code / 1000000, code / 1000 % 1000, code % 1000);
}

static unsigned most_frequent(const int64_t *counts, unsigned n)
{
    unsigned most = 0;
    for (unsigned i = 1; i < n; i++)
        most = counts[i] > counts[most] ? i : most;
    return most;
}

/* The codes that came with a reason: "5.7.26 412 times". */
static slice codes_with(struct alert_search *s, const struct provider *p, enum bounce_reason reason)
{
    const struct said_code *most = NULL;
    for (size_t i = 0; i < p->n; i++)
        if (p->codes[i].code && p->codes[i].reasons[reason] > 0 &&
            (!most || p->codes[i].reasons[reason] > most->reasons[reason]))
            most = &p->codes[i];
    if (!most)
        return SLICE_EMPTY;
    return arena_printf(s->a, "mostly with %.*s; ", SLICE_FMT(code_text(s->a, most->code)));
}

static slice next_advice(enum bounce_reason reason)
{
    switch (bounce_reason_blame(reason)) {
    case BOUNCE_BLAME_SENDER:
        return S("slow down there and fix what the replies name");
    case BOUNCE_BLAME_MESSAGE:
        return S("look at the content of what is being sent");
    case BOUNCE_BLAME_RECIPIENT:
        return S("look at where these addresses came from");
    default:
        return S("wait; if it stays, ask the receiver");
    }
}

static enum status tell_reason(struct alert_search *s, const struct provider *p, enum bounce_reason reason,
                               const struct volume *v, bool *raised)
{
    int64_t now = p->reasons[NOW][reason], before = p->reasons[BEFORE][reason], only[BOUNCE_REASONS] = {0};
    struct finding f = {.tenant = p->tenant, .rule = RULE_REASON, .what = ABOUT_PROVIDER};
    *raised = rises(s, now, before, v);
    f.name = arena_printf(s->a, "%.*s %s", SLICE_FMT(p->name), bounce_reason_word(reason));
    if (!*raised && !search_live(s, f.tenant, f.rule, f.what, f.name))
        return OK;
    take_figure(s, &f, now, before, v, *raised);
    only[reason] = now;
    f.cause = cause_of(only, p->phases, s->a, &f.why);
    f.why = arena_printf(s->a, "%s; %.*s%lld now, %.*s", bounce_reason_text(reason),
                         SLICE_FMT(codes_with(s, p, reason)), (long long)now, SLICE_FMT(before_text(s, before)));
    f.advice = next_advice(reason);
    f.look = S("bounced report --by reason");
    return search_add(s, &f);
}

/* A code whose meaning rises as a reason is told there already. */
static enum status tell_code(struct alert_search *s, const struct provider *p, const struct said_code *x,
                             const struct volume *v, const bool raised[BOUNCE_REASONS])
{
    unsigned reason = most_frequent(x->reasons, BOUNCE_REASONS);
    bool rising = x->code && rises(s, x->count[NOW], x->count[BEFORE], v) && !raised[reason];
    struct finding f = {.tenant = p->tenant, .rule = RULE_CODE, .what = ABOUT_PROVIDER};
    if (!x->code)
        return OK;
    f.name = arena_printf(s->a, "%.*s %.*s", SLICE_FMT(p->name), SLICE_FMT(code_text(s->a, x->code)));
    if (!rising && !search_live(s, f.tenant, f.rule, f.what, f.name))
        return OK;
    take_figure(s, &f, x->count[NOW], x->count[BEFORE], v, rising);
    f.cause = cause_of(x->reasons, x->phases, s->a, &f.why);
    f.why = arena_printf(s->a, "mostly %s: %s; %lld now, %.*s", bounce_reason_word((enum bounce_reason)reason),
                         bounce_reason_text((enum bounce_reason)reason), (long long)x->count[NOW],
                         SLICE_FMT(before_text(s, x->count[BEFORE])));
    f.advice = next_advice((enum bounce_reason)reason);
    f.look = S("bounced report --by reason");
    return search_add(s, &f);
}

static enum status look_at_provider(struct alert_search *s, const struct provider *p, const struct volume *v)
{
    bool raised[BOUNCE_REASONS] = {false};
    enum status st = OK;
    for (unsigned r = 0; r < BOUNCE_REASONS && st == OK; r++)
        if (r != BOUNCE_REASON_UNKNOWN) /* which has a rule of its own */
            st = tell_reason(s, p, (enum bounce_reason)r, v, &raised[r]);
    for (size_t i = 0; i < p->n && st == OK; i++)
        st = tell_code(s, p, &p->codes[i], v, raised);
    return st;
}

/* ---- unknown replies ---- */

static enum status look_at_unknown(struct alert_search *s, const struct saying *y, size_t from, size_t end)
{
    struct alert_figure now = {0, 0}, usual = {0, 0};
    int64_t phases[BOUNCE_PHASES] = {0}, only[BOUNCE_REASONS] = {0};
    const struct provider *most = &y->list[from];
    for (size_t i = from; i < end; i++) {
        const struct provider *p = &y->list[i];
        for (unsigned r = 0; r < BOUNCE_REASONS; r++) {
            now.whole += p->reasons[NOW][r];
            usual.whole += p->reasons[BEFORE][r];
        }
        now.part += p->reasons[NOW][BOUNCE_REASON_UNKNOWN];
        usual.part += p->reasons[BEFORE][BOUNCE_REASON_UNKNOWN];
        if (p->reasons[NOW][BOUNCE_REASON_UNKNOWN] > most->reasons[NOW][BOUNCE_REASON_UNKNOWN])
            most = p;
        for (unsigned k = 0; k < BOUNCE_PHASES; k++)
            phases[k] += p->phases[k];
    }
    struct finding f = {.tenant = most->tenant,
                        .rule = RULE_UNKNOWN,
                        .what = ABOUT_ALL,
                        .figure = now,
                        .limits = search_limits(s, s->run->settings->unknown_ppm),
                        .usual_ppm = alert_share_ppm(&usual)};
    only[BOUNCE_REASON_UNKNOWN] = now.part;
    if (usual.whole >= s->run->settings->least && alert_share_ppm(&now) >= f.limits.open_ppm &&
        !alert_unusual(&now, &usual, 2, SIGMAS))
        f.limits.least = INT64_MAX; /* as always */
    f.cause = cause_of(only, phases, s->a, &f.why);
    f.why = arena_printf(s->a, "usually %.*s of failures; most of them from %.*s",
                         SLICE_FMT(percent_text(s->a, f.usual_ppm)),
                         SLICE_FMT(slice_empty(most->name) ? S("receivers without a name") : most->name));
    f.advice = S("read them and tell what they mean: a rule is one line");
    f.look = S("bounced review");
    return search_add(s, &f);
}

static int by_tenant(const void *a, const void *b)
{
    const struct provider *x = a, *y = b;
    int order = slice_cmp(x->tenant, y->tenant);
    return order ? order : slice_cmp(x->name, y->name);
}

static enum status look_at_tenants(struct alert_search *s, struct saying *y)
{
    enum status st = OK;
    for (size_t i = 0, end; i < y->n && st == OK; i = end) {
        for (end = i + 1; end < y->n && slice_eq(y->list[i].tenant, y->list[end].tenant);)
            end++;
        st = look_at_unknown(s, y, i, end);
    }
    return st;
}

/* ---- all ---- */

static int64_t volume_of(const struct figure_row *row)
{
    return row ? rates_sent(&row->rates) + row->rates.deferred : 0;
}

static enum status look_at_providers(struct alert_search *s, const struct saying *y, const struct figures *now,
                                     const struct figures *before)
{
    enum status st = OK;
    for (size_t i = 0; i < y->n && st == OK; i++) {
        const struct provider *p = &y->list[i];
        struct volume v = {volume_of(figures_get(now, s, p->tenant, p->name, SLICE_EMPTY)),
                           volume_of(figures_get(before, s, p->tenant, p->name, SLICE_EMPTY))};
        if (!slice_empty(p->name) && v.before >= s->run->settings->least)
            st = look_at_provider(s, p, &v);
    }
    return st;
}

enum status find_replies(struct alert_search *s)
{
    const struct alert_settings *c = s->run->settings;
    int64_t window_us = s->run->now_us - c->window_us;
    struct saying y = {.s = s, .when = NOW};
    struct figures now, before;
    s->out->rules |= 1u << RULE_REASON | 1u << RULE_CODE | 1u << RULE_UNKNOWN;
    enum status st = ledger_codes(s->ledger, window_us, TIME_NONE, add_code, &y, s->e);
    y.when = BEFORE;
    if (st == OK)
        st = ledger_codes(s->ledger, window_us - c->past_us, window_us, add_code, &y, s->e);
    if (st == OK && y.limited)
        st = err_set(s->e, E_MEMORY, "alerts: no memory for the replies");
    if (st != OK || !y.n)
        return st;
    qsort(y.list, y.n, sizeof *y.list, by_tenant);
    st = look_at_tenants(s, &y);
    if (st == OK)
        st = figures_make(s, TALLY_PROVIDER, TALLY_DIMENSIONS, window_us, TIME_NONE, &now);
    if (st != OK)
        return st;
    st = figures_make(s, TALLY_PROVIDER, TALLY_DIMENSIONS, figures_midnight(window_us - c->past_us),
                      figures_midnight(window_us), &before);
    if (st == OK) {
        st = look_at_providers(s, &y, &now, &before);
        figures_free(&before);
    }
    figures_free(&now);
    return st;
}
