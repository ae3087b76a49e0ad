#include "core/health_show.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/text.h"

#define METRIC_NAME_BYTES 100u

/* ---- reasons ---- */

struct counted {
    enum bounce_reason reason;
    int64_t n;
};

static int most_first(const void *a, const void *b)
{
    const struct counted *x = a, *y = b;
    return x->n != y->n ? (x->n < y->n) - (x->n > y->n) : (int)x->reason - (int)y->reason;
}

size_t health_reasons(const struct provider_health *p, enum bounce_reason *out)
{
    struct counted list[BOUNCE_REASONS];
    size_t n = 0;
    for (unsigned i = 0; i < BOUNCE_REASONS; i++)
        if (p->reasons[i] > 0)
            list[n++] = (struct counted){(enum bounce_reason)i, p->reasons[i]};
    if (n)
        qsort(list, n, sizeof *list, most_first);
    for (size_t i = 0; i < n; i++)
        out[i] = list[i].reason;
    return n;
}

const char *health_why(unsigned why, char out[HEALTH_WHY_BYTES])
{
    size_t n = 0;
    out[0] = '\0';
    for (unsigned i = 0; i <= GRADE_PARTS; i++) {
        const char *word = i == GRADE_PARTS ? "fewer opens and clicks" : grade_border((enum grade_part)i)->word;
        if (why >> i & 1)
            n += (size_t)snprintf(out + n, HEALTH_WHY_BYTES - n, "%s%s", n ? ", " : "", word);
    }
    return out;
}

/* ---- JSON ---- */

static void show_counts(struct jsonw *j, const struct health_counts *c)
{
    int64_t sent = rates_sent(&c->rates);
    jsonw_ki64(j, "sent", sent);
    jsonw_ki64(j, "delivered", c->rates.delivered);
    jsonw_ki64(j, "hard", c->rates.hard);
    jsonw_ki64(j, "soft", c->rates.soft);
    jsonw_ki64(j, "block", c->rates.block);
    jsonw_ki64(j, "deferred", c->rates.deferred);
    jsonw_ki64(j, "complaint", c->rates.complaint);
    jsonw_ki64(j, "throttled", c->throttled);
    jsonw_ki64(j, "engaged", c->engaged);
    jsonw_ki64(j, "hard_ppm", rates_ppm(c->rates.hard, sent));
    jsonw_ki64(j, "block_ppm", rates_ppm(c->rates.block, sent));
    jsonw_ki64(j, "deferred_ppm", rates_ppm(c->rates.deferred, sent + c->rates.deferred));
    jsonw_ki64(j, "complaint_ppm", rates_ppm(c->rates.complaint, c->rates.delivered));
}

static void show_spans(struct jsonw *j, const struct provider_health *p)
{
    jsonw_key(j, "spans");
    jsonw_array(j);
    for (unsigned i = 0; i < HEALTH_SPANS; i++) {
        jsonw_object(j);
        jsonw_ki64(j, "days", health_span_days((enum health_span)i));
        show_counts(j, &p->spans[i]);
        jsonw_end_object(j);
    }
    jsonw_end_array(j);
}

static void show_throttling(struct jsonw *j, const struct health_throttling *t)
{
    if (!t->count)
        return;
    jsonw_key(j, "throttling");
    jsonw_object(j);
    jsonw_ki64(j, "count", t->count);
    jsonw_ki64(j, "pause_s", t->pause_s);
    jsonw_kbool(j, "asked", t->asked);
    if (t->asked)
        jsonw_kstr(j, "reply", t->reply);
    else
        jsonw_kstr(j, "from", t->from);
    jsonw_end_object(j);
}

static void show_volume(struct jsonw *j, const struct health_volume *v)
{
    jsonw_key(j, "volume");
    jsonw_object(j);
    jsonw_ki64(j, "today", v->today);
    jsonw_ki64(j, "usual", v->usual);
    jsonw_kbool(j, "uneven", v->uneven);
    jsonw_end_object(j);
}

static void show_parts(struct jsonw *j, const struct provider_health *p)
{
    jsonw_key(j, "parts");
    jsonw_array(j);
    for (unsigned i = 0; i < GRADE_PARTS; i++) {
        const struct grade_border *b = grade_border((enum grade_part)i);
        jsonw_object(j);
        jsonw_kstr(j, "part", slice_str(b->word));
        jsonw_kbool(j, "counted", p->grade.parts[i].counted);
        jsonw_ki64(j, "points", p->grade.parts[i].points);
        jsonw_ki64(j, "of", b->points);
        jsonw_ki64(j, "value_ppm", p->parts[i].ppm);
        jsonw_ki64(j, "good_ppm", b->good_ppm);
        jsonw_ki64(j, "bad_ppm", b->bad_ppm);
        jsonw_end_object(j);
    }
    jsonw_end_array(j);
}

static void show_reasons(struct jsonw *j, const struct provider_health *p)
{
    enum bounce_reason reasons[BOUNCE_REASONS];
    size_t n = health_reasons(p, reasons);
    jsonw_key(j, "reasons");
    jsonw_array(j);
    for (size_t i = 0; i < n; i++) {
        const struct health_action *action = health_action(reasons[i]);
        jsonw_object(j);
        jsonw_kstr(j, "reason", slice_str(bounce_reason_word(reasons[i])));
        jsonw_ki64(j, "count", p->reasons[reasons[i]]);
        jsonw_kstr(j, "about", slice_str(action->about));
        jsonw_kstr(j, "action", slice_str(action->text));
        jsonw_end_object(j);
    }
    jsonw_end_array(j);
}

static void show_weeks(struct jsonw *j, const struct provider_health *p)
{
    static const char *const words[] = {
        [GRADE_WEEK_EMPTY] = "empty", [GRADE_WEEK_CLEAN] = "clean", [GRADE_WEEK_DIRTY] = "not clean"};
    char why[HEALTH_WHY_BYTES];
    jsonw_key(j, "weeks");
    jsonw_array(j);
    for (unsigned i = 0; i < HEALTH_WEEKS; i++) {
        jsonw_object(j);
        jsonw_kstr(j, "is", slice_str(words[p->weeks[i].is]));
        jsonw_kstr_opt(j, "why", slice_str(health_why(p->weeks[i].why, why)));
        show_counts(j, &p->weeks[i].counts);
        jsonw_end_object(j);
    }
    jsonw_end_array(j);
}

static void show_pages(struct jsonw *j, const struct provider_health *p)
{
    const struct health_page *page;
    jsonw_key(j, "pages");
    jsonw_array(j);
    for (size_t i = 0; (page = health_page(p->name, &i)) != NULL;) {
        jsonw_object(j);
        jsonw_kstr(j, "what", slice_str(page->what));
        jsonw_kstr(j, "url", slice_str(page->url));
        jsonw_end_object(j);
    }
    jsonw_end_array(j);
}

static void show_said(struct jsonw *j, const struct health_said *s)
{
    if (!s->day)
        return;
    jsonw_key(j, "said");
    jsonw_object(j);
    jsonw_ktime_opt(j, "day", s->day * TIME_DAY);
    jsonw_kstr_opt(j, "level", slice_str(provider_level_word(s->level)));
    if (s->complaint_ppm >= 0)
        jsonw_ki64(j, "complaint_ppm", s->complaint_ppm);
    jsonw_ki64(j, "traps", s->traps);
    jsonw_end_object(j);
}

void health_show(struct jsonw *j, const struct provider_health *p, bool full)
{
    jsonw_kstr(j, "provider", p->name);
    jsonw_kstr_opt(j, "grade", slice_str(grade_word(p->grade.grade)));
    if (p->grade.grade != GRADE_NONE) {
        jsonw_ki64(j, "points", p->grade.points);
        jsonw_ki64(j, "graded_days", health_span_days(p->graded));
        if (p->grade.cap != GRADE_PARTS)
            jsonw_kstr(j, "held_down_by", slice_str(grade_border(p->grade.cap)->word));
    }
    jsonw_ki64(j, "clean_weeks", p->clean_weeks);
    jsonw_ki64(j, "weeks_missing", health_weeks_missing(p));
    show_spans(j, p);
    show_throttling(j, &p->throttling);
    show_volume(j, &p->volume);
    show_said(j, &p->said);
    if (!full)
        return;
    show_parts(j, p);
    show_reasons(j, p);
    show_weeks(j, p);
    show_pages(j, p);
}

static void told(struct jsonw *j, const char *name, int64_t v)
{
    if (v >= 0)
        jsonw_ki64(j, name, v);
}

static bool show_report(void *ctx, const struct ledger_provider_report *r)
{
    struct jsonw *j = ctx;
    jsonw_object(j);
    jsonw_kstr(j, "source", r->source);
    jsonw_kstr(j, "subject", r->subject);
    jsonw_ktime_opt(j, "day", r->day * TIME_DAY);
    jsonw_kstr_opt(j, "level", slice_str(provider_level_word(r->level)));
    told(j, "recipients", r->recipients);
    told(j, "complaint_ppm", r->complaint_ppm);
    told(j, "traps", r->traps);
    told(j, "spf_ppm", r->spf_ppm);
    told(j, "dkim_ppm", r->dkim_ppm);
    told(j, "dmarc_ppm", r->dmarc_ppm);
    told(j, "error_ppm", r->error_ppm);
    jsonw_kstr_opt(j, "detail", r->detail);
    jsonw_end_object(j);
    return true;
}

enum status health_show_reports(struct jsonw *j, struct ledger *l, slice tenant, slice provider, int64_t now_us, err *e)
{
    int64_t today = now_us / TIME_DAY;
    jsonw_key(j, "reports");
    jsonw_array(j);
    enum status st =
        ledger_provider_reports(l, tenant, provider, today - HEALTH_SHOWN_DAYS + 1, today + 1, show_report, j, e);
    jsonw_end_array(j);
    return st;
}

/* ---- metrics ---- */

/* Names of providers are words of ours or host names: no quotes and no backslashes, but a name of long ago might have. */
static bool label(slice name, char out[METRIC_NAME_BYTES])
{
    if (slice_empty(name) || name.n >= METRIC_NAME_BYTES)
        return false;
    for (size_t i = 0; i < name.n; i++) {
        if (!ascii_alnum(name.p[i]) && name.p[i] != '.' && name.p[i] != '-' && name.p[i] != '_')
            return false;
        out[i] = name.p[i];
    }
    out[name.n] = '\0';
    return true;
}

static void ppm_line(buf *out, const char *what, const char *name, int64_t ppm)
{
    buf_printf(out, "bounced_provider_%s_ratio{provider=\"%s\"} %lld.%06lld\n", what, name, (long long)(ppm / 1000000),
               (long long)(ppm % 1000000));
}

void health_metrics(const struct health *h, buf *out)
{
    char name[METRIC_NAME_BYTES];
    size_t shown = 0;
    for (size_t i = 0; i < h->n && shown < HEALTH_METRICS_MAX; i++) {
        const struct provider_health *p = &h->providers[i];
        const struct rates *r = &p->spans[HEALTH_DAY].rates;
        if ((p->grade.grade == GRADE_NONE && !p->throttling.count) || !label(p->name, name))
            continue;
        shown++;
        buf_printf(out, "bounced_provider_grade{provider=\"%s\"} %d\n", name, (int)p->grade.grade);
        buf_printf(out, "bounced_provider_points{provider=\"%s\"} %u\n", name, p->grade.points);
        buf_printf(out, "bounced_provider_pause_seconds{provider=\"%s\"} %lld\n", name,
                   (long long)p->throttling.pause_s);
        ppm_line(out, "block", name, rates_ppm(r->block, rates_sent(r)));
        ppm_line(out, "deferred", name, rates_ppm(r->deferred, rates_sent(r) + r->deferred));
        ppm_line(out, "complaint", name, rates_ppm(r->complaint, r->delivered));
    }
}

/* ---- import ---- */

static enum status put_all(struct ledger *l, slice tenant, const struct provider_report_list *list, err *e)
{
    enum status st = OK;
    for (size_t i = 0; st == OK && i < list->n; i++) {
        const struct provider_report *r = &list->items[i];
        struct ledger_provider_report to = {.provider = slice_str(provider_source_provider(r->source)),
                                            .source = slice_str(provider_source_word(r->source)),
                                            .tenant = tenant,
                                            .subject = r->subject,
                                            .day = r->day,
                                            .level = r->level,
                                            .recipients = r->recipients,
                                            .complaint_ppm = r->complaint_ppm,
                                            .traps = r->traps,
                                            .spf_ppm = r->spf_ppm,
                                            .dkim_ppm = r->dkim_ppm,
                                            .dmarc_ppm = r->dmarc_ppm,
                                            .error_ppm = r->error_ppm,
                                            .detail = r->detail};
        st = ledger_put_provider_report(l, &to, e);
    }
    return st;
}

enum status health_import(struct ledger *l, slice tenant, const struct provider_report_list *list, err *e)
{
    enum status st = ledger_begin(l, e);
    if (st != OK)
        return st;
    st = put_all(l, tenant, list, e);
    if (st == OK)
        return ledger_commit(l, e);
    ledger_abort(l);
    return st;
}
