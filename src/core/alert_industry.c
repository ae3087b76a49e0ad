/* Campaigns in a row above what bounces elsewhere in the industry. */
#include "core/alert_find.h"
#include "core/benchmark.h"

static enum status look_at(struct alert_search *s, const struct alert_industry *x)
{
    struct benchmark_row row;
    enum status st = benchmark_over(s->ledger, x->tenant, x->benchmark, s->run->now_us, s->a, &row, s->e);
    if (st != OK || !row.n)
        return st;
    const struct benchmark *b = x->benchmark;
    int64_t reasons[BOUNCE_REASONS] = {0};
    struct finding f = {.tenant = x->tenant,
                        .rule = RULE_BENCHMARK,
                        .what = ABOUT_ALL,
                        .name = slice_str(b->word),
                        .figure = {row.above < BENCHMARK_ROW ? row.above : BENCHMARK_ROW, BENCHMARK_ROW},
                        .limits = {.open_ppm = ALERT_WHOLE_PPM, .close_ppm = 1, .least = 1}};
    const struct rates *newest = &row.campaigns[0].rates;
    reasons[BOUNCE_REASON_USER_UNKNOWN] = newest->hard;
    reasons[BOUNCE_REASON_CONNECT_FAILED] = newest->soft;
    reasons[BOUNCE_REASON_SENDER_REPUTATION] = newest->block;
    f.cause = cause_of(reasons, NULL, s->a, &f.why);
    int64_t all = newest->hard + newest->soft + newest->block;
    f.why = arena_printf(
        s->a, "%u campaigns in a row, the last one '%.*s' with %.*s (hard %.*s); %s: up to %.*s (hard %.*s)", row.above,
        SLICE_FMT(row.campaigns[0].name), SLICE_FMT(percent_text(s->a, rates_ppm(all, rates_sent(newest)))),
        SLICE_FMT(percent_text(s->a, rates_ppm(newest->hard, rates_sent(newest)))), b->name,
        SLICE_FMT(percent_text(s->a, b->high_ppm)), SLICE_FMT(percent_text(s->a, b->hard_high_ppm)));
    f.advice = S("look at where the addresses come from, and at who still opens");
    f.look = arena_printf(s->a, "bounced report --industry %s", b->word);
    return search_add(s, &f);
}

enum status find_industries(struct alert_search *s)
{
    enum status st = OK;
    s->out->rules |= 1u << RULE_BENCHMARK;
    for (size_t i = 0; i < s->run->industry_count && st == OK; i++)
        st = look_at(s, &s->run->industries[i]);
    return st;
}
