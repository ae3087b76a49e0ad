#include <stdlib.h>

#include "cmd/report.h"
#include "core/show_reports.h"

#define CROSSINGS_SHOWN 5 /* rows whose crossed limits are said in words */

struct rates_report {
    struct report *r;
    struct summary summary;
    const char *word;
    const struct benchmark *industry; /* NULL: none */
    struct benchmark_row row;
    struct rates total;
};

/* ---- the table ---- */

/* "!" beyond a limit, "+" above what good senders stay below (core/thresholds.def). FIGURES: a rate that nobody draws a line for. */
static void marked(buf *out, const struct rates *r, enum figure f, int64_t part, int64_t whole)
{
    const struct threshold *t = f < FIGURES ? threshold_worst(r, f) : NULL;
    report_percent(out, rates_ppm(part, whole), whole > 0);
    buf_addc(out, t ? t->level == THRESHOLD_LIMIT ? '!' : '+' : ' ');
}

static void table_row(buf *out, slice name, const struct rates *r)
{
    int64_t sent = rates_sent(r);
    report_name(out, name, 28);
    buf_printf(out, " %9lld %9lld %7lld %7lld %7lld", (long long)sent, (long long)(r->delivered + r->relayed),
               (long long)r->hard, (long long)r->soft, (long long)r->block);
    marked(out, r, FIGURE_HARD, r->hard, sent);
    marked(out, r, FIGURES, r->soft, sent);
    marked(out, r, FIGURES, r->block, sent);
    marked(out, r, FIGURE_SOFT, r->soft + r->block, sent);
    marked(out, r, FIGURE_BOUNCE, rates_bounced(r), sent);
    marked(out, r, FIGURES, r->guide_hard, sent);
    marked(out, r, FIGURE_COMPLAINT, r->complaint, r->delivered);
    buf_printf(out, "%8lld\n", (long long)r->unknown);
}

static bool say_crossed(buf *out, slice name, const struct rates *r)
{
    bool any = false;
    for (unsigned f = 0; f < FIGURES; f++) {
        const struct threshold *t = threshold_worst(r, (enum figure)f);
        if (!t || t->level != THRESHOLD_LIMIT)
            continue;
        any = true;
        report_name(out, name, 0);
        buf_printf(out, ": %s ", figure_text(t->figure));
        report_percent_narrow(out, figure_of(r, t->figure).ppm);
        buf_adds(out, ", over ");
        report_percent_narrow(out, t->ppm);
        buf_printf(out, " (%s: %s)\n", t->who, t->says);
    }
    return any;
}

static void say_all_crossed(struct rates_report *x, size_t shown)
{
    buf *out = &x->r->out;
    size_t said = 0;
    buf_addc(out, '\n');
    for (size_t i = 0; i < x->summary.n && i < shown && said < CROSSINGS_SHOWN; i++)
        said += say_crossed(out, x->summary.rows[i].name, &x->summary.rows[i].rates);
    if (x->summary.n > 1)
        said += say_crossed(out, S("all"), &x->total);
    if (said)
        buf_addc(out, '\n');
}

static void say_industry(struct rates_report *x)
{
    buf *out = &x->r->out;
    const struct benchmark *b = x->industry;
    int64_t sent = rates_sent(&x->total);
    buf_printf(out, "In %s ", b->name);
    report_percent_narrow(out, b->low_ppm);
    buf_adds(out, " to ");
    report_percent_narrow(out, b->high_ppm);
    buf_adds(out, " bounce, ");
    report_percent_narrow(out, b->hard_low_ppm);
    buf_adds(out, " to ");
    report_percent_narrow(out, b->hard_high_ppm);
    buf_adds(out, " hard; here ");
    report_percent_narrow(out, rates_ppm(rates_bounced(&x->total), sent));
    buf_adds(out, " and ");
    report_percent_narrow(out, rates_ppm(x->total.hard, sent));
    buf_printf(out, ": %s.\n", benchmark_above(b, &x->total) ? "above it" : "not above it");
    if (x->row.above >= BENCHMARK_ROW)
        buf_printf(out, "The last %u campaigns were above it, one after the other.\n", x->row.above);
    buf_addc(out, '\n');
}

static void table(struct rates_report *x)
{
    buf *out = &x->r->out;
    size_t shown = x->r->shown;
    buf_printf(out, "%-28s %9s %9s %7s %7s %7s %6s  %6s  %6s  %6s  %6s  %6s  %6s %8s\n", x->word, "sent", "delivered",
               "hard", "soft", "block", "hard %", "soft %", "block%", "s+b %", "all %", "guide%", "compl%", "unknown");
    for (size_t i = 0; i < x->summary.n && i < shown; i++)
        table_row(out, x->summary.rows[i].name, &x->summary.rows[i].rates);
    if (x->summary.n > shown)
        buf_printf(out, "... and %zu smaller rows (--limit 0 shows all)\n", x->summary.n - shown);
    table_row(out, S("all"), &x->total);
    say_all_crossed(x, shown);
    if (x->industry)
        say_industry(x);
    buf_adds(
        out,
        "Messages by their end. sent = delivered + hard + soft + block; hard, soft, block, s+b (soft and block) and "
        "all (of them) %\n"
        "are of sent, compl % of delivered; guide % = what two-word guides call hard: hard, and blocks that were "
        "refused for\n"
        "good (5xx). \"+\": above what good senders stay below; \"!\": beyond a limit (--json names whose). Left out: "
        "upstream-\n"
        "suppressed and local-error, which were not sent. More: docs/rates.md\n");
}

/* ---- CSV and JSON ---- */

static void csv_row(buf *out, slice name, const struct rates *r)
{
    const int64_t counts[] = {rates_sent(r), r->delivered,  r->relayed,      r->hard,         r->soft,
                              r->block,      r->guide_hard, r->unknown,      r->upstream,     r->local,
                              r->deferred,   r->complaint,  r->unsubscribed, r->block_refused};
    report_csv_text(out, name);
    for (size_t i = 0; i < ARRAY_LEN(counts); i++)
        buf_printf(out, ",%lld", (long long)counts[i]);
    buf_addc(out, '\n');
}

static void csv(struct rates_report *x)
{
    buf_printf(&x->r->out,
               "%s,sent,delivered,relayed,hard,soft,block,guide_hard,unknown,upstream,local,deferred,complaint,"
               "unsubscribed,block_refused\n",
               x->word);
    for (size_t i = 0; i < x->summary.n && i < x->r->shown; i++)
        csv_row(&x->r->out, x->summary.rows[i].name, &x->summary.rows[i].rates);
}

static void json(struct rates_report *x)
{
    for (size_t i = 0; i < x->summary.n && i < x->r->shown; i++) {
        struct jsonw j;
        jsonw_init(&j, &x->r->out);
        jsonw_object(&j);
        jsonw_kstr(&j, x->word, x->summary.rows[i].name);
        show_rates(&j, &x->summary.rows[i].rates);
        if (x->industry)
            jsonw_kbool(&j, "above_industry", benchmark_above(x->industry, &x->summary.rows[i].rates));
        jsonw_end_object(&j);
        buf_addc(&x->r->out, '\n');
    }
}

/* ---- what was asked ---- */

static int take_time(struct report *r, const char *option, int64_t *out)
{
    const char *text = args_text(r->args, option, NULL);
    *out = text ? time_parse_any(slice_str(text)) : TIME_NONE;
    if (text && *out == TIME_NONE)
        return cmd_usage(r->args, "--%s takes a time such as 2026-11-01 or 2026-11-01T12:00:00Z, not '%s'", option,
                         text);
    return EXIT_YES;
}

static int take_filter(struct report *r, struct tally_filter *f)
{
    const struct {
        const char *option;
        slice *text;
    } texts[] = {{"campaign", &f->campaign}, {"stream", &f->stream}, {"domain", &f->domain},
                 {"provider", &f->provider}, {"source", &f->source}, {"ip", &f->sending_ip}};
    for (size_t i = 0; i < ARRAY_LEN(texts); i++)
        *texts[i].text = slice_str(args_text(r->args, texts[i].option, ""));
    f->tenant = r->session.tenant;
    int code = take_time(r, "from", &f->from_us);
    return code ? code : take_time(r, "to", &f->to_us);
}

static int take_industry(struct rates_report *x)
{
    const char *word = args_text(x->r->args, "industry", NULL);
    buf words;
    size_t n;
    if (!word)
        return report_industry(x->r->args, x->r->session.tenant, &x->industry);
    x->industry = benchmark_find(slice_str(word));
    if (x->industry)
        return EXIT_YES;
    buf_init(&words, 0);
    const struct benchmark *all = benchmark_all(&n);
    for (size_t i = 0; i < n; i++)
        buf_printf(&words, "%s%s", i ? i + 1 < n ? ", " : " or " : "", all[i].word);
    int code = cmd_usage(x->r->args, "--industry takes %s", words.p);
    buf_fini(&words);
    return code;
}

static int make(struct rates_report *x, enum tally_by by, const struct tally_filter *f)
{
    struct report *r = x->r;
    err e;
    if (summary_of(r->session.ledger, by, f, &r->arena, &x->summary, &e) != OK)
        return cmd_fail(r->args, &e);
    for (size_t i = 0; i < x->summary.n; i++)
        rates_sum(&x->total, &x->summary.rows[i].rates);
    if (x->industry && benchmark_over(r->session.ledger, r->session.tenant, x->industry, r->session.now_us, &r->arena,
                                      &x->row, &e) != OK)
        return cmd_fail(r->args, &e);
    (r->json ? json : r->csv ? csv : table)(x);
    return EXIT_YES;
}

int report_rates(struct report *r)
{
    struct rates_report x = {.r = r, .word = args_text(r->args, "by", "campaign")};
    struct tally_filter f = TALLY_FILTER_ALL;
    enum tally_by by = summary_by(slice_str(x.word));
    if (by == TALLY_DIMENSIONS)
        return cmd_usage(r->args, "--by takes campaign, day, domain, provider, source, reason, stream or ip");
    int code = take_filter(r, &f);
    if (code == EXIT_YES)
        code = take_industry(&x);
    return code == EXIT_YES ? make(&x, by, &f) : code;
}
