/* Spikes: what fails now beside what failed before, at a domain, a provider, in a stream. */
#include "core/alert_find.h"

#define LEAST_PPM 10000 /* below 1 % nothing is a spike */
#define SIGMAS 4u

static const struct {
    enum tally_by by;
    enum alert_what what;
} SUBJECTS[] = {{TALLY_STREAM, ABOUT_STREAM}, {TALLY_PROVIDER, ABOUT_PROVIDER}, {TALLY_DOMAIN, ABOUT_DOMAIN}};

static struct alert_figure failures(const struct rates *r)
{
    return (struct alert_figure){r->hard + r->soft + r->block, rates_sent(r)};
}

static enum status look_at_row(struct alert_search *s, enum alert_what what, const struct figure_row *row,
                               const struct figure_row *past)
{
    const struct alert_settings *c = s->run->settings;
    struct alert_figure usual = past ? failures(&past->rates) : (struct alert_figure){0, 0};
    if (past && what == ABOUT_DOMAIN) { /* its months have the window in them */
        struct alert_figure now = failures(&row->rates);
        usual = (struct alert_figure){usual.part - now.part, usual.whole - now.whole};
    }
    struct finding f = {
        .tenant = row->tenant, .rule = RULE_SPIKE, .what = what, .name = row->name, .figure = failures(&row->rates)};
    if (usual.whole < c->least)
        return OK; /* no past: new ground is watched by itself */
    f.usual_ppm = alert_share_ppm(&usual);
    int64_t open_ppm = f.usual_ppm * c->times > LEAST_PPM ? f.usual_ppm * c->times : LEAST_PPM;
    f.limits = search_limits(s, open_ppm < ALERT_WHOLE_PPM ? open_ppm : ALERT_WHOLE_PPM);
    if (alert_share_ppm(&f.figure) >= f.limits.open_ppm && !alert_unusual(&f.figure, &usual, c->times, SIGMAS))
        f.limits.least = INT64_MAX; /* may be chance: neither opens nor closes */
    f.cause = cause_of(row->reasons, NULL, s->a, &f.why);
    f.why = arena_printf(s->a, "usually %.*s; %.*s", SLICE_FMT(percent_text(s->a, f.usual_ppm)), SLICE_FMT(f.why));
    f.advice = slice_eq(f.cause, S("data quality")) ? S("look at which list was sent to")
                                                    : S("hold what is waiting for there until it is understood");
    f.look = arena_printf(s->a, "bounced report --by %s", alert_what_word(what));
    return search_add(s, &f);
}

static enum status look_at_subject(struct alert_search *s, size_t i)
{
    const struct alert_settings *c = s->run->settings;
    int64_t window_us = s->run->now_us - c->window_us;
    struct figures now, past;
    enum status st = figures_make(s, SUBJECTS[i].by, TALLY_DIMENSIONS, window_us, TIME_NONE, &now);
    if (st != OK)
        return st;
    int64_t from_us = figures_midnight(window_us - c->past_us);
    st = SUBJECTS[i].by == TALLY_DOMAIN
             ? figures_of_months(s, from_us, &past)
             : figures_make(s, SUBJECTS[i].by, TALLY_DIMENSIONS, from_us, figures_midnight(window_us), &past);
    if (st == OK) {
        for (size_t k = 0; k < now.n && st == OK; k++) {
            const struct figure_row *row = &now.rows[k];
            bool twice = SUBJECTS[i].what == ABOUT_PROVIDER && !is_named_provider(row->name);
            if (rates_sent(&row->rates) >= c->least && !twice)
                st = look_at_row(s, SUBJECTS[i].what, row, figures_get(&past, s, row->tenant, row->name, row->second));
        }
        figures_free(&past);
    }
    figures_free(&now);
    return st;
}

enum status find_spikes(struct alert_search *s)
{
    enum status st = OK;
    s->out->rules |= 1u << RULE_SPIKE;
    for (size_t i = 0; i < ARRAY_LEN(SUBJECTS) && st == OK; i++)
        st = look_at_subject(s, i);
    return st;
}
