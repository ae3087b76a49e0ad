#include "core/show_reports.h"

static void show_threshold(struct jsonw *j, const struct threshold *t, const struct rates *r)
{
    jsonw_object(j);
    jsonw_kstr(j, "figure", slice_str(figure_word(t->figure)));
    jsonw_ki64(j, "ppm", figure_of(r, t->figure).ppm);
    jsonw_ki64(j, "line_ppm", t->ppm);
    jsonw_kstr(j, "level", t->level == THRESHOLD_LIMIT ? S("limit") : S("aim"));
    jsonw_kstr(j, "who", slice_str(t->who));
    jsonw_kstr(j, "says", slice_str(t->says));
    jsonw_kstr(j, "where", slice_str(t->where));
    jsonw_end_object(j);
}

static void show_thresholds(struct jsonw *j, const struct rates *r)
{
    jsonw_key(j, "over");
    jsonw_array(j);
    for (unsigned f = 0; f < FIGURES; f++) {
        const struct threshold *t = threshold_worst(r, (enum figure)f);
        if (t)
            show_threshold(j, t, r);
    }
    jsonw_end_array(j);
}

void show_rates(struct jsonw *j, const struct rates *r)
{
    int64_t sent = rates_sent(r);
    jsonw_ki64(j, "sent", sent);
    jsonw_ki64(j, "delivered", r->delivered);
    jsonw_ki64(j, "relayed", r->relayed);
    jsonw_ki64(j, "hard", r->hard);
    jsonw_ki64(j, "soft", r->soft);
    jsonw_ki64(j, "block", r->block);
    jsonw_ki64(j, "block_refused", r->block_refused);
    jsonw_ki64(j, "guide_hard", r->guide_hard);
    jsonw_ki64(j, "guide_soft", r->soft + r->block);
    jsonw_ki64(j, "unknown", r->unknown);
    jsonw_ki64(j, "upstream", r->upstream);
    jsonw_ki64(j, "local", r->local);
    jsonw_ki64(j, "deferred", r->deferred);
    jsonw_ki64(j, "complaint", r->complaint);
    jsonw_ki64(j, "unsubscribed", r->unsubscribed);
    jsonw_ki64(j, "hard_ppm", rates_ppm(r->hard, sent));
    jsonw_ki64(j, "soft_ppm", rates_ppm(r->soft, sent));
    jsonw_ki64(j, "block_ppm", rates_ppm(r->block, sent));
    jsonw_ki64(j, "bounce_ppm", rates_ppm(rates_bounced(r), sent));
    jsonw_ki64(j, "guide_hard_ppm", rates_ppm(r->guide_hard, sent));
    jsonw_ki64(j, "guide_soft_ppm", rates_ppm(r->soft + r->block, sent));
    jsonw_ki64(j, "complaint_ppm", rates_ppm(r->complaint, r->delivered));
    show_thresholds(j, r);
}

void show_interval(struct jsonw *j, const char *name, const struct interval *i)
{
    jsonw_key(j, name);
    jsonw_object(j);
    jsonw_ki64(j, "ppm", i->ppm);
    jsonw_ki64(j, "low_ppm", i->low_ppm);
    jsonw_ki64(j, "high_ppm", i->high_ppm);
    jsonw_end_object(j);
}

void show_typo(struct jsonw *j, const struct typo_cluster *c)
{
    int64_t sent = rates_sent(&c->rates);
    jsonw_kstr(j, "domain", c->domain);
    jsonw_kstr(j, "meant", c->meant);
    jsonw_ki64(j, "slips", c->slips);
    jsonw_kbool(j, "own", c->own);
    jsonw_ki64(j, "addresses", c->addresses);
    jsonw_ki64(j, "sent", sent);
    jsonw_ki64(j, "failed", rates_bounced(&c->rates));
    jsonw_ki64(j, "failed_ppm", rates_ppm(rates_bounced(&c->rates), sent));
}

void show_source(struct jsonw *j, const struct source_row *r)
{
    jsonw_kstr(j, "name", r->name);
    jsonw_ki64(j, "addresses", r->addresses);
    jsonw_ki64(j, "dead", r->dead);
    jsonw_ki64(j, "complained", r->complained);
    jsonw_ki64(j, "unsubscribed", r->left);
    show_interval(j, "dead_share", &r->share);
    jsonw_kbool(j, "worse", r->worse);
    jsonw_ki64(j, "sent", rates_sent(&r->rates));
    jsonw_ki64(j, "hard_ppm", rates_ppm(r->rates.hard, rates_sent(&r->rates)));
    jsonw_ki64(j, "complaint_ppm", rates_ppm(r->rates.complaint, r->rates.delivered));
}

void show_decay_row(struct jsonw *j, const struct decay_row *r)
{
    jsonw_kstr(j, "name", r->name);
    jsonw_ki64(j, "addresses", r->addresses);
    jsonw_ki64(j, "deaths", r->deaths);
    jsonw_ki64(j, "dead_on_arrival", r->dead_on_arrival);
    jsonw_ki64(j, "exposure_days", r->exposure_s / (TIME_DAY / TIME_SECOND));
    show_interval(j, "yearly", &r->yearly);
}

void show_benchmark(struct jsonw *j, const struct benchmark *b)
{
    jsonw_kstr(j, "industry", slice_str(b->word));
    jsonw_ki64(j, "low_ppm", b->low_ppm);
    jsonw_ki64(j, "high_ppm", b->high_ppm);
    jsonw_ki64(j, "hard_low_ppm", b->hard_low_ppm);
    jsonw_ki64(j, "hard_high_ppm", b->hard_high_ppm);
}

void show_benchmark_campaign(struct jsonw *j, const struct benchmark_campaign *c)
{
    int64_t sent = rates_sent(&c->rates);
    jsonw_kstr(j, "campaign", c->name);
    jsonw_ktime_opt(j, "first", c->first_us);
    jsonw_ki64(j, "sent", sent);
    jsonw_ki64(j, "bounce_ppm", rates_ppm(rates_bounced(&c->rates), sent));
    jsonw_ki64(j, "hard_ppm", rates_ppm(c->rates.hard, sent));
    jsonw_kbool(j, "above", c->above);
}
