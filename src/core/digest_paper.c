#include "core/digest.h"
#include "core/health.h"

static slice day_of(const struct digest *d, arena *a)
{
    struct civil c;
    civil_from_us(d->day_us, &c);
    return arena_printf(a, "%04d-%02d-%02d", c.year, c.month, c.day);
}

slice digest_subject(const struct digest *d, arena *a)
{
    struct paper p = {.a = a};
    int64_t sent = rates_sent(&d->day);
    slice day = day_of(d, a), count = paper_count(&p, sent);
    slice share = paper_percent(&p, rates_ppm(rates_bounced(&d->day), sent));
    if (!sent)
        return arena_printf(a, "bounced: nothing sent (%.*s)", SLICE_FMT(day));
    if (!d->crossed_all)
        return arena_printf(a, "bounced: %.*s sent, %.*s bounced (%.*s)", SLICE_FMT(count), SLICE_FMT(share),
                            SLICE_FMT(day));
    return arena_printf(a, "bounced: %.*s sent, %.*s bounced, %zu limit%s crossed (%.*s)", SLICE_FMT(count),
                        SLICE_FMT(share), d->crossed_all, d->crossed_all == 1 ? "" : "s", SLICE_FMT(day));
}

/* ---- parts of the page ---- */

static void figure_row(struct paper *p, const char *name, int64_t now, int64_t now_of, int64_t before,
                       int64_t before_of)
{
    const slice cells[] = {slice_str(name), paper_count(p, now),
                           now_of > 0 ? paper_percent(p, rates_ppm(now, now_of)) : S("-"),
                           paper_count(p, before / DIGEST_DAYS_BEFORE),
                           before_of > 0 ? paper_percent(p, rates_ppm(before, before_of)) : S("-")};
    paper_row(p, PAPER_PLAIN, cells);
}

static void figures(const struct digest *d, struct paper *p)
{
    static const char *const head[] = {"", "yesterday", "share", "a day before", "share"};
    const struct rates *x = &d->day, *y = &d->before;
    int64_t xs = rates_sent(x), ys = rates_sent(y);
    paper_table(p, ARRAY_LEN(head), 0x1e, head);
    figure_row(p, "sent", xs, 0, ys, 0);
    figure_row(p, "delivered", x->delivered + x->relayed, xs, y->delivered + y->relayed, ys);
    figure_row(p, "hard", x->hard, xs, y->hard, ys);
    figure_row(p, "soft", x->soft, xs, y->soft, ys);
    figure_row(p, "block", x->block, xs, y->block, ys);
    figure_row(p, "not understood", x->unknown, xs, y->unknown, ys);
    figure_row(p, "complaints", x->complaint, x->delivered, y->complaint, y->delivered);
    figure_row(p, "opt-outs", x->unsubscribed, x->delivered, y->unsubscribed, y->delivered);
    paper_line(p, PAPER_PLAIN,
               "\"A day before\": the mean of the %d days before. Late reports may still move these figures.",
               DIGEST_DAYS_BEFORE);
}

static void crossed(const struct digest *d, struct paper *p)
{
    static const char *const head[] = {"where", "what", "is", "limit", "who says so"};
    if (!d->crossed_count)
        return;
    paper_heading(p, S("Beyond a limit"));
    paper_table(p, ARRAY_LEN(head), 0xc, head);
    for (size_t i = 0; i < d->crossed_count; i++) {
        const struct digest_crossed *c = &d->crossed[i];
        const slice cells[] = {
            slice_empty(c->name) ? slice_str(c->what) : arena_printf(p->a, "%s %.*s", c->what, SLICE_FMT(c->name)),
            slice_str(figure_text(c->threshold->figure)), paper_percent(p, c->value.ppm),
            paper_percent(p, c->threshold->ppm), arena_printf(p->a, "%s: %s", c->threshold->who, c->threshold->says)};
        paper_row(p, PAPER_BAD, cells);
    }
    if (d->crossed_all > d->crossed_count)
        paper_line(p, PAPER_PLAIN, "... and %zu more.", d->crossed_all - d->crossed_count);
    paper_command(p, arena_printf(p->a, "bounced report --from %.*s", SLICE_FMT(day_of(d, p->a))));
}

static void industry(const struct digest *d, struct paper *p)
{
    const struct benchmark *b = d->options.industry;
    if (!b || d->benchmark.above < BENCHMARK_ROW)
        return;
    slice all = paper_percent(p, b->high_ppm), hard = paper_percent(p, b->hard_high_ppm);
    paper_heading(p, S("Above the industry"));
    paper_line(p, PAPER_BAD,
               "The last %u campaigns, one after the other, bounced more than is usual in %s (%.*s, hard %.*s).",
               d->benchmark.above, b->name, SLICE_FMT(all), SLICE_FMT(hard));
}

static void suppressed(const struct digest *d, struct paper *p)
{
    static const char *const head[] = {"cause", "addresses", ""};
    bool begun = false;
    for (unsigned c = 0; c < CAUSES; c++) {
        if (!d->suppressed[c])
            continue;
        if (!begun) {
            paper_heading(p, S("Newly suppressed"));
            paper_table(p, ARRAY_LEN(head), 2, head);
        }
        begun = true;
        const slice cells[] = {slice_str(cause_word((enum cause)c)), paper_count(p, d->suppressed[c]),
                               slice_str(cause_text((enum cause)c))};
        paper_row(p, PAPER_PLAIN, cells);
    }
}

static void waiting(const struct digest *d, struct paper *p)
{
    if (!d->held[HOLD_TRUST])
        return;
    slice n = paper_count(p, d->held[HOLD_TRUST]);
    paper_heading(p, S("Waits for you"));
    paper_line(
        p, PAPER_PLAIN,
        "%.*s addresses are held by reports that nothing proves. Vouch for them or throw them away:", SLICE_FMT(n));
    paper_command(p, S("bounced review"));
}

static void incidents(const struct digest *d, struct paper *p)
{
    static const char *const head[] = {"about", "since", "now", "what"};
    if (!d->incident_count)
        return;
    paper_heading(p, S("Incidents"));
    paper_table(p, ARRAY_LEN(head), 0, head);
    for (size_t i = 0; i < d->incident_count; i++) {
        const struct digest_incident *x = &d->incidents[i];
        buf since;
        buf_init(&since, 0);
        time_add_iso(&since, x->from_us / TIME_MINUTE * TIME_MINUTE);
        const slice cells[] = {x->about, arena_dup(p->a, buf_slice(&since)), x->open ? S("open") : S("over"), x->note};
        paper_row(p, x->open ? PAPER_BAD : PAPER_PLAIN, cells);
        buf_fini(&since);
    }
    paper_line(p, PAPER_PLAIN, "What fails within an incident is held and does not count.");
}

static void blocks(const struct digest *d, struct paper *p)
{
    static const char *const head[] = {"reason", "messages", "what to do"};
    if (!d->block_count)
        return;
    paper_heading(p, S("Blocks"));
    paper_table(p, ARRAY_LEN(head), 2, head);
    for (size_t i = 0; i < d->block_count; i++) {
        const struct digest_block *b = &d->blocks[i];
        const struct health_action *action = health_action(b->reason);
        const slice cells[] = {slice_str(bounce_reason_word(b->reason)), paper_count(p, b->count),
                               action ? slice_str(action->text) : SLICE_EMPTY};
        paper_row(p, PAPER_PLAIN, cells);
    }
    paper_line(p, PAPER_PLAIN, "Blocks are about the sender or the message: they never count against an address.");
}

static void typos(const struct digest *d, struct paper *p)
{
    static const char *const head[] = {"mistyped", "likely meant", "addresses"};
    if (!d->typos.n)
        return;
    paper_heading(p, S("Mistyped domains"));
    paper_table(p, ARRAY_LEN(head), 4, head);
    for (size_t i = 0; i < d->typos.n && i < DIGEST_MAX_FINDINGS; i++) {
        const struct typo_cluster *c = &d->typos.clusters[i];
        const slice cells[] = {c->domain, c->meant, paper_count(p, c->addresses)};
        paper_row(p, PAPER_PLAIN, cells);
    }
    paper_command(p, S("bounced report typos"));
}

static void sources(const struct digest *d, struct paper *p)
{
    static const char *const head[] = {"source", "addresses", "dead", "at least"};
    size_t told = 0;
    for (size_t i = 0; i < d->sources.n && told < DIGEST_MAX_FINDINGS; i++) {
        const struct source_row *s = &d->sources.rows[i];
        if (!s->worse)
            continue;
        if (!told++) {
            paper_heading(p, S("Sources of dead addresses"));
            paper_table(p, ARRAY_LEN(head), 0xe, head);
        }
        const slice cells[] = {slice_empty(s->name) ? S("(not told)") : s->name, paper_count(p, s->addresses),
                               paper_percent(p, s->share.ppm), paper_percent(p, s->share.low_ppm)};
        paper_row(p, PAPER_BAD, cells);
    }
    if (told)
        paper_command(p, S("bounced report sources"));
}

void digest_paper(const struct digest *d, struct paper *p)
{
    slice day = day_of(d, p->a);
    int64_t sent = rates_sent(&d->day);
    slice tenant = d->options.tenant;
    paper_title(p, slice_empty(tenant) ? arena_printf(p->a, "What became of the mail of %.*s", SLICE_FMT(day))
                                       : arena_printf(p->a, "What became of the mail of %.*s, %.*s", SLICE_FMT(tenant),
                                                      SLICE_FMT(day)));
    if (!sent)
        paper_line(p, PAPER_PLAIN,
                   "Nothing was sent, or nobody told of it. Is every feed read? `bounced status` shows them.");
    else if (sent < THRESHOLD_MIN_MESSAGES)
        paper_line(p, PAPER_PLAIN, "Too few messages to hold rates against a limit.");
    else if (!d->crossed_all)
        paper_line(p, PAPER_GOOD, "No limit was crossed.");
    figures(d, p);
    crossed(d, p);
    industry(d, p);
    incidents(d, p);
    waiting(d, p);
    blocks(d, p);
    suppressed(d, p);
    typos(d, p);
    sources(d, p);
}
