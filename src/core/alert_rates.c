/* Thresholds: the shares of campaigns, streams, providers and domains against the limits of the field. */
#include "core/alert_find.h"

/* A single domain, and to a lesser part a provider, is allowed more: what is small wavers, and the whole is what receivers judge. */
static const struct {
    enum tally_by by;
    enum alert_what what;
    unsigned factor;
    bool campaign; /* looks back as far as campaigns do */
} SUBJECTS[] = {{TALLY_CAMPAIGN, ABOUT_CAMPAIGN, 1, true},
                {TALLY_STREAM, ABOUT_STREAM, 1, false},
                {TALLY_PROVIDER, ABOUT_PROVIDER, 2, false},
                {TALLY_DOMAIN, ABOUT_DOMAIN, 5, false}};

struct share {
    enum alert_rule rule;
    int64_t part, whole, limit_ppm;
};

#define SHARES 5u

static void shares_of(const struct alert_settings *c, const struct rates *r, struct share out[SHARES])
{
    int64_t sent = rates_sent(r), delivered = r->delivered;
    out[0] = (struct share){RULE_HARD, r->hard, sent, c->hard_ppm};
    out[1] = (struct share){RULE_SOFT, r->soft, sent, c->soft_ppm};
    out[2] = (struct share){RULE_TOGETHER, r->hard + r->soft, sent, c->together_ppm};
    out[3] = (struct share){RULE_BLOCK, r->block, sent, c->block_ppm};
    out[4] = (struct share){RULE_COMPLAINT, r->complaint, delivered, c->complaint_ppm};
}

static const char *advice_for(enum alert_rule rule, slice cause)
{
    if (rule == RULE_COMPLAINT)
        return "pause it; look at consent and at how easy it is to unsubscribe";
    if (slice_eq(cause, S("data quality")))
        return "pause it until the list is clean; look at where these addresses came from";
    if (slice_eq(cause, S("reputation")))
        return "slow down or pause; fix what the replies name before sending on";
    return "hold what is waiting for there; it may pass by itself";
}

/* Reasons of one class, for the cause of an alert about it. */
static void reasons_of(enum alert_rule rule, const int64_t all[BOUNCE_REASONS], int64_t out[BOUNCE_REASONS])
{
    for (unsigned r = 0; r < BOUNCE_REASONS; r++) {
        enum bounce_class c = bounce_reason_class((enum bounce_reason)r);
        bool wanted = rule == RULE_HARD    ? c == BOUNCE_CLASS_HARD
                      : rule == RULE_BLOCK ? c == BOUNCE_CLASS_BLOCK
                      : rule == RULE_SOFT  ? c == BOUNCE_CLASS_SOFT
                                           : c != BOUNCE_CLASS_BLOCK;
        out[r] = wanted ? all[r] : 0;
    }
}

static slice look_at(struct alert_search *s, enum alert_what what, slice name)
{
    if (what == ABOUT_CAMPAIGN)
        return arena_printf(s->a, "bounced advice campaign '%.*s'", SLICE_FMT(name));
    return arena_printf(s->a, "bounced report --by %s", alert_what_word(what));
}

/* ---- which source brought the dead addresses ---- */

static slice worst_source(struct alert_search *s, const struct figures *sources, const struct figure_row *row)
{
    const struct figure_row *worst = NULL;
    for (size_t i = 0; i < sources->n; i++) {
        const struct figure_row *x = &sources->rows[i];
        if (slice_eq(x->tenant, row->tenant) && slice_eq(x->name, row->name) && !slice_empty(x->second) &&
            (!worst || x->rates.hard > worst->rates.hard))
            worst = x;
    }
    if (!worst || worst->rates.hard * 2 < row->rates.hard)
        return SLICE_EMPTY;
    return arena_printf(s->a, "; %lld of %lld hard bounces are from the source '%.*s'", (long long)worst->rates.hard,
                        (long long)row->rates.hard, SLICE_FMT(worst->second));
}

static enum status tell_sources(struct alert_search *s, const struct figure_row *row, struct finding *f)
{
    struct figures sources;
    enum status st =
        figures_make(s, TALLY_CAMPAIGN, TALLY_SOURCE, figures_midnight(s->run->now_us - s->run->settings->campaign_us),
                     TIME_NONE, &sources);
    if (st != OK)
        return st;
    slice more = worst_source(s, &sources, row);
    f->why = arena_printf(s->a, "%.*s%.*s", SLICE_FMT(f->why), SLICE_FMT(more));
    figures_free(&sources);
    return OK;
}

/* ---- one row ---- */

static enum status look_at_share(struct alert_search *s, const struct figure_row *row, size_t subject,
                                 const struct share *x)
{
    int64_t limit = x->limit_ppm * SUBJECTS[subject].factor;
    struct finding f = {.tenant = row->tenant,
                        .rule = x->rule,
                        .what = SUBJECTS[subject].what,
                        .name = row->name,
                        .figure = {x->part, x->whole},
                        .limits = search_limits(s, limit > ALERT_WHOLE_PPM ? ALERT_WHOLE_PPM : limit)};
    int64_t reasons[BOUNCE_REASONS];
    if (alert_share_ppm(&f.figure) < f.limits.close_ppm && !search_live(s, f.tenant, f.rule, f.what, f.name))
        return OK; /* nearly all of them */
    reasons_of(x->rule, row->reasons, reasons);
    f.cause = x->rule == RULE_COMPLAINT ? S("reputation") : cause_of(reasons, NULL, s->a, &f.why);
    if (x->rule == RULE_COMPLAINT)
        f.why = S("people call it spam");
    f.advice = slice_str(advice_for(x->rule, f.cause));
    f.look = look_at(s, f.what, f.name);
    bool above = alert_share_ppm(&f.figure) >= f.limits.open_ppm && f.figure.whole >= f.limits.least;
    if (above && f.what == ABOUT_CAMPAIGN && x->rule == RULE_HARD && slice_eq(f.cause, S("data quality"))) {
        enum status st = tell_sources(s, row, &f);
        if (st != OK)
            return st;
    }
    return search_add(s, &f);
}

static enum status look_at_rows(struct alert_search *s, size_t subject, const struct figures *all)
{
    struct share shares[SHARES];
    enum status st = OK;
    for (size_t i = 0; i < all->n && st == OK; i++) {
        if (slice_empty(all->rows[i].name) && SUBJECTS[subject].what != ABOUT_STREAM)
            continue; /* mail without a campaign is judged by its stream */
        if (SUBJECTS[subject].what == ABOUT_PROVIDER && !is_named_provider(all->rows[i].name))
            continue;
        shares_of(s->run->settings, &all->rows[i].rates, shares);
        for (size_t k = 0; k < SHARES && st == OK; k++)
            st = look_at_share(s, &all->rows[i], subject, &shares[k]);
    }
    return st;
}

enum status find_rates(struct alert_search *s)
{
    const struct alert_settings *c = s->run->settings;
    enum status st = OK;
    s->out->rules |= 1u << RULE_HARD | 1u << RULE_SOFT | 1u << RULE_TOGETHER | 1u << RULE_BLOCK | 1u << RULE_COMPLAINT;
    for (size_t i = 0; i < ARRAY_LEN(SUBJECTS) && st == OK; i++) {
        struct figures all;
        int64_t from_us = s->run->now_us - c->window_us;
        if (SUBJECTS[i].campaign)
            from_us = figures_midnight(s->run->now_us - c->campaign_us);
        st = figures_make(s, SUBJECTS[i].by, TALLY_DIMENSIONS, from_us, TIME_NONE, &all);
        if (st != OK)
            break;
        st = look_at_rows(s, i, &all);
        figures_free(&all);
    }
    return st;
}
