/* Campaigns in a row that were blocked at one provider or domain: then that stream is better paused there. */
#include <stdlib.h>

#include "core/alert_find.h"

#define BLOCKED_PPM 200000           /* a campaign is blocked where a fifth of it was refused for the sender's sake */
#define LEAST_THERE 20               /* messages of a campaign to one provider or domain */
#define LOOK_BACK_US (30 * TIME_DAY) /* at a provider */
#define LOOK_BACK_DOMAIN_US (10 * TIME_DAY) /* at a domain, where every hour must be read */
#define RUNS_MAX 16                         /* campaigns that are looked at for one place */

/* One campaign at one place, from sums by (stream, campaign, place). */
struct run {
    slice tenant, stream, place, campaign;
    struct rates rates;
    int64_t reasons[BOUNCE_REASONS];
    int64_t first_us;
};

struct runs {
    struct alert_search *s;
    enum tally_by by;
    struct run *list;
    size_t n, room;
    bool limited;
};

static bool add_sum(void *ctx, const struct ledger_sum *t)
{
    struct runs *r = ctx;
    slice stream = t->by[TALLY_STREAM], place = t->by[r->by], campaign = t->by[TALLY_CAMPAIGN];
    if (slice_empty(place) || slice_empty(campaign) || (r->by == TALLY_PROVIDER && !is_named_provider(place)))
        return true;
    struct run *x = r->n ? &r->list[r->n - 1] : NULL;
    if (!x || !slice_eq(x->place, place) || !slice_eq(x->campaign, campaign) || !slice_eq(x->stream, stream) ||
        !slice_eq(x->tenant, t->tenant)) {
        struct run *grown = arena_grow(r->s->a, r->list, r->n, &r->room, sizeof *grown);
        r->limited = !grown;
        if (!grown)
            return false;
        r->list = grown;
        x = &grown[r->n++];
        *x = (struct run){arena_dup(r->s->a, t->tenant),
                          arena_dup(r->s->a, stream),
                          arena_dup(r->s->a, place),
                          arena_dup(r->s->a, campaign),
                          {0},
                          {0},
                          t->first_us};
    }
    rates_add(&x->rates, t->kind, t->reason, t->count);
    if (bounce_kind_final(t->kind) && bounce_reason_class(t->reason) == BOUNCE_CLASS_BLOCK)
        x->reasons[t->reason] += t->count;
    x->first_us = t->first_us < x->first_us ? t->first_us : x->first_us;
    return true;
}

/* By tenant, stream and place; the newest campaign first. */
static int by_place(const void *a, const void *b)
{
    const struct run *x = a, *y = b;
    int order = slice_cmp(x->tenant, y->tenant);
    if (!order)
        order = slice_cmp(x->stream, y->stream);
    if (!order)
        order = slice_cmp(x->place, y->place);
    return order ? order : x->first_us < y->first_us ? 1 : -(x->first_us > y->first_us);
}

static bool same_place(const struct run *a, const struct run *b)
{
    return slice_eq(a->tenant, b->tenant) && slice_eq(a->stream, b->stream) && slice_eq(a->place, b->place);
}

static bool is_blocked(const struct run *x)
{
    return rates_ppm(x->rates.block, rates_sent(&x->rates)) >= BLOCKED_PPM;
}

static enum status tell(struct alert_search *s, const struct runs *r, const struct run *first, unsigned blocked,
                        const int64_t reasons[BOUNCE_REASONS])
{
    bool provider = r->by == TALLY_PROVIDER;
    unsigned wanted = s->run->settings->row;
    struct finding f = {.tenant = first->tenant,
                        .rule = RULE_BLOCKED_ROW,
                        .what = provider ? ABOUT_PROVIDER : ABOUT_DOMAIN,
                        .figure = {blocked < wanted ? blocked : wanted, wanted},
                        .limits = {.open_ppm = ALERT_WHOLE_PPM, .close_ppm = 1, .least = 1}};
    f.name = slice_empty(first->stream)
                 ? first->place
                 : arena_printf(s->a, "%.*s %.*s", SLICE_FMT(first->place), SLICE_FMT(first->stream));
    f.cause = cause_of(reasons, NULL, s->a, &f.why);
    f.why = arena_printf(s->a, "%u campaigns in a row, the last one '%.*s'; %.*s", blocked, SLICE_FMT(first->campaign),
                         SLICE_FMT(f.why));
    f.advice =
        arena_printf(s->a, "pause the stream '%.*s' at %.*s",
                     SLICE_FMT(slice_empty(first->stream) ? S("(none)") : first->stream), SLICE_FMT(first->place));
    f.look = arena_printf(s->a, "bounced advice campaign '%.*s'", SLICE_FMT(first->campaign));
    return search_add(s, &f);
}

static enum status look_at_place(struct alert_search *s, const struct runs *r, const struct run *list, size_t n)
{
    int64_t reasons[BOUNCE_REASONS] = {0};
    const struct run *first = NULL;
    unsigned blocked = 0;
    for (size_t i = 0; i < n && blocked < RUNS_MAX; i++) {
        if (rates_sent(&list[i].rates) < LEAST_THERE)
            continue;
        first = first ? first : &list[i];
        if (!is_blocked(&list[i]))
            break;
        blocked++;
        for (size_t k = 0; k < BOUNCE_REASONS; k++)
            reasons[k] += list[i].reasons[k];
    }
    return first ? tell(s, r, first, blocked, reasons) : OK;
}

static enum status look_at(struct alert_search *s, enum tally_by by)
{
    struct runs r = {.s = s, .by = by};
    unsigned dimensions = 1u << TALLY_STREAM | 1u << TALLY_CAMPAIGN | 1u << by;
    int64_t back_us = by == TALLY_DOMAIN ? LOOK_BACK_DOMAIN_US : LOOK_BACK_US;
    enum status st =
        ledger_sums(s->ledger, dimensions, figures_midnight(s->run->now_us - back_us), TIME_NONE, add_sum, &r, s->e);
    if (st == OK && r.limited)
        st = err_set(s->e, E_MEMORY, "alerts: no memory for the campaigns");
    if (st != OK || !r.n)
        return st;
    qsort(r.list, r.n, sizeof *r.list, by_place);
    for (size_t i = 0, end; i < r.n && st == OK; i = end) {
        for (end = i + 1; end < r.n && same_place(&r.list[i], &r.list[end]);)
            end++;
        st = look_at_place(s, &r, &r.list[i], end - i);
    }
    return st;
}

enum status find_rows(struct alert_search *s)
{
    s->out->rules |= 1u << RULE_BLOCKED_ROW;
    enum status st = look_at(s, TALLY_PROVIDER);
    return st == OK ? look_at(s, TALLY_DOMAIN) : st;
}
