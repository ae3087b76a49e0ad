/* Reports about what a list suffers from: mistyped domains, sources of dead addresses, decay. */
#include "cmd/report.h"
#include "core/show_reports.h"

/* Opens a line of JSON; what follows writes members. */
static void begin_json(struct report *r, struct jsonw *j)
{
    jsonw_init(j, &r->out);
    jsonw_object(j);
}

static void end_json(struct report *r, struct jsonw *j)
{
    jsonw_end_object(j);
    buf_addc(&r->out, '\n');
}

/* "2.31 to 4.20" */
static void between(buf *out, const struct interval *i)
{
    report_percent(out, i->ppm, true);
    buf_adds(out, "  (");
    report_percent_narrow(out, i->low_ppm);
    buf_adds(out, " to ");
    report_percent_narrow(out, i->high_ppm);
    buf_addc(out, ')');
}

/* ---- mistyped domains ---- */

static void typo_row(struct report *r, const struct typo_cluster *c)
{
    int64_t sent = rates_sent(&c->rates), failed = rates_bounced(&c->rates);
    struct jsonw j;
    if (r->json) {
        begin_json(r, &j);
        show_typo(&j, c);
        end_json(r, &j);
    } else if (r->csv) {
        report_csv_text(&r->out, c->domain);
        buf_addc(&r->out, ',');
        report_csv_text(&r->out, c->meant);
        buf_printf(&r->out, ",%lld,%lld,%lld,%u\n", (long long)c->addresses, (long long)sent, (long long)failed,
                   c->slips);
    } else {
        report_name(&r->out, c->domain, 30);
        buf_addc(&r->out, ' ');
        report_name(&r->out, c->meant, 30);
        buf_printf(&r->out, " %9lld %9lld", (long long)c->addresses, (long long)sent);
        report_percent(&r->out, rates_ppm(failed, sent), sent > 0);
        buf_addc(&r->out, '\n');
    }
}

int report_typos(struct report *r)
{
    struct typos t;
    err e;
    if (typos_find(r->session.ledger, r->session.tenant, &r->arena, &t, &e) != OK)
        return cmd_fail(r->args, &e);
    if (r->csv)
        buf_adds(&r->out, "domain,meant,addresses,sent,failed,slips\n");
    else if (!r->json && t.n)
        buf_printf(&r->out, "%-30s %-30s %9s %9s %6s\n", "mistyped", "likely meant", "addresses", "sent", "fail %");
    for (size_t i = 0; i < t.n && i < r->shown; i++)
        typo_row(r, &t.clusters[i]);
    if (r->json || r->csv)
        return EXIT_YES;
    if (!t.n)
        buf_adds(&r->out, "No mistyped domains.\n");
    else
        buf_printf(
            &r->out,
            "\n%lld addresses. Ask these people for their address again, or offer the likely one where they type "
            "it.\nNobody is moved: who really has a mailbox there would lose mail.\n",
            (long long)t.addresses);
    return EXIT_YES;
}

/* ---- sources ---- */

static void source_row(struct report *r, const struct source_row *s)
{
    int64_t sent = rates_sent(&s->rates);
    struct jsonw j;
    if (r->json) {
        begin_json(r, &j);
        show_source(&j, s);
        end_json(r, &j);
    } else if (r->csv) {
        report_csv_text(&r->out, s->name);
        buf_printf(&r->out, ",%lld,%lld,%lld,%lld,%lld,%lld,%lld,%lld,%lld\n", (long long)s->addresses,
                   (long long)s->dead, (long long)s->complained, (long long)s->left, (long long)s->share.ppm,
                   (long long)s->share.low_ppm, (long long)s->share.high_ppm, (long long)sent,
                   (long long)s->rates.hard);
    } else {
        report_name(&r->out, s->name, 28);
        buf_printf(&r->out, " %9lld %7lld", (long long)s->addresses, (long long)s->dead);
        if (s->addresses)
            between(&r->out, &s->share);
        else
            report_percent(&r->out, 0, false);
        if (sent) {
            buf_printf(&r->out, "  %lld sent, hard ", (long long)sent);
            report_percent_narrow(&r->out, rates_ppm(s->rates.hard, sent));
        }
        buf_adds(&r->out, s->worse ? "  worse than the others\n" : "\n");
    }
}

int report_sources(struct report *r)
{
    struct sources s;
    err e;
    enum source_by by = source_by_find(slice_str(args_text(r->args, "by", "source")));
    if (by == SOURCE_BYS)
        return cmd_usage(r->args, "--by takes source, form or batch for this report");
    if (sources_make(r->session.ledger, r->session.tenant, by, &r->arena, &s, &e) != OK)
        return cmd_fail(r->args, &e);
    if (r->csv)
        buf_printf(&r->out, "%s,addresses,dead,complained,unsubscribed,dead_ppm,low_ppm,high_ppm,sent,hard\n",
                   source_by_word(by));
    else if (!r->json)
        buf_printf(&r->out, "%-28s %9s %7s %6s  %s\n", source_by_word(by), "addresses", "dead", "dead %",
                   "(between, 19 times in 20)");
    for (size_t i = 0; i < s.n && i < r->shown; i++)
        source_row(r, &s.rows[i]);
    if (r->json || r->csv)
        return EXIT_YES;
    source_row(r, &s.all);
    buf_adds(&r->out,
             "\nDead: suppressed as hard, invalid or escalated. Ordered by the lower end of the interval, so that 3 "
             "of 10 does not\noutrank 300 of 5,000. `bounced acquired` tells where addresses come from.\n");
    return EXIT_YES;
}

/* ---- decay ---- */

static void decay_row(struct report *r, const char *part, const struct decay_row *d)
{
    long long years_10 = (long long)(d->exposure_s * 10 / INTERVAL_YEAR_S);
    struct jsonw j;
    if (r->json) {
        begin_json(r, &j);
        jsonw_kstr(&j, "part", slice_str(part));
        show_decay_row(&j, d);
        end_json(r, &j);
    } else if (r->csv) {
        buf_printf(&r->out, "%s,", part);
        report_csv_text(&r->out, d->name);
        buf_printf(&r->out, ",%lld,%lld,%lld,%lld,%lld,%lld,%lld\n", (long long)d->addresses, (long long)d->deaths,
                   (long long)d->dead_on_arrival, (long long)(d->exposure_s / (TIME_DAY / TIME_SECOND)),
                   (long long)d->yearly.ppm, (long long)d->yearly.low_ppm, (long long)d->yearly.high_ppm);
    } else {
        report_name(&r->out, d->name, 28);
        buf_printf(&r->out, " %9lld %8lld.%lld %7lld %8lld", (long long)d->addresses, years_10 / 10, years_10 % 10,
                   (long long)d->deaths, (long long)d->dead_on_arrival);
        if (d->exposure_s)
            between(&r->out, &d->yearly);
        else
            report_percent(&r->out, 0, false);
        buf_addc(&r->out, '\n');
    }
}

static void say_decay(struct report *r, const struct decay *d)
{
    buf_addc(&r->out, '\n');
    if (d->all.exposure_s) {
        report_percent_narrow(&r->out, d->all.yearly.ppm);
        buf_printf(&r->out, " of the addresses die in a year; the field tells of %d to %d %%.\n",
                   DECAY_FIELD_LOW_PPM / 10000, DECAY_FIELD_HIGH_PPM / 10000);
    } else {
        buf_adds(&r->out, "Nothing was watched long enough yet to tell how many die in a year.\n");
    }
    buf_adds(&r->out,
             "Years: how long addresses were under watch, from the first message to the last one whose end is known. "
             "At first: dead\nat their first message, which were dead before and are no deaths of the list. Ages "
             "count from signing up where\nthat is known. Deliveries must be read too, or nobody is seen alive.\n");
}

int report_decay(struct report *r)
{
    struct decay d;
    err e;
    if (decay_make(r->session.ledger, r->session.tenant, &r->arena, &d, &e) != OK)
        return cmd_fail(r->args, &e);
    if (r->csv)
        buf_adds(&r->out, "part,name,addresses,deaths,dead_on_arrival,exposure_days,yearly_ppm,low_ppm,high_ppm\n");
    else if (!r->json)
        buf_printf(&r->out, "%-28s %9s %10s %7s %8s %6s\n", "", "addresses", "years", "died", "at first", "yearly");
    for (size_t i = 0; i < DECAY_AGES; i++)
        decay_row(r, "age", &d.ages[i]);
    for (size_t i = 0; i < d.source_count && i < r->shown; i++)
        decay_row(r, "source", &d.sources[i]);
    decay_row(r, "all", &d.all);
    if (!r->json && !r->csv)
        say_decay(r, &d);
    return EXIT_YES;
}
