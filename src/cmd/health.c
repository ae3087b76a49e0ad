#include <stdio.h>

#include "base/text.h"
#include "cmd/commands.h"
#include "cmd/session.h"
#include "core/around.h"
#include "core/health_show.h"
#include "core/slurp.h"

#define SHOWN 40
#define REASONS_SHOWN 8u
#define REPORTS_SHOWN 14

static const struct opt options[] = {
    CMD_OPT_LEDGER,
    CMD_OPT_TENANT,
    CMD_OPT_CONFIG,
    CMD_OPT_RULES,
    {"limit", 0, OPT_NUMBER, "N", "the N largest providers (default 40, 0: all)"},
    {"update", 0, OPT_FLAG, NULL,
     "let the grades of Low and Bad stand as circumstances, as the daemon does every hour"},
    {"domain", 0, OPT_TEXT, "NAME", "import: whose figures they are, where a CSV of Postmaster Tools names no domain"},
    CMD_OPT_JSON,
    OPT_END,
};

struct showing {
    struct args *args;
    struct session session;
    struct bounce_rules *rules;
    arena arena;
    buf out;
    struct health health;
    bool json;
    size_t reports;
};

/* ---- the table ---- */

static void cell(buf *out, slice text, size_t width)
{
    size_t start = out->n;
    text_add_safe(out, text, width);
    while (out->n - start < width)
        buf_addc(out, ' ');
    buf_addc(out, ' ');
}

static void percent(buf *out, int64_t part, int64_t whole)
{
    int64_t ppm = rates_ppm(part, whole);
    if (whole > 0)
        buf_printf(out, " %4lld.%02lld", (long long)(ppm / 10000), (long long)(ppm % 10000 / 100));
    else
        buf_printf(out, " %7s", "-");
}

static void add_seconds(buf *out, int64_t seconds)
{
    time_add_span(out, seconds * TIME_SECOND);
}

/* "throttled 120 times, wait 10 min; 4 times the usual mail; 2 clean weeks missing" */
static void remarks(buf *out, const struct provider_health *p)
{
    const char *between = "";
    if (p->throttling.count) {
        buf_printf(out, "throttled %lld times, wait ", (long long)p->throttling.count);
        add_seconds(out, p->throttling.pause_s);
        between = "; ";
    }
    if (p->volume.uneven) {
        buf_printf(out, "%s%lld times the usual mail", between, (long long)(p->volume.today / p->volume.usual));
        between = "; ";
    }
    if (health_weeks_missing(p))
        buf_printf(out, "%s%u clean week%s missing", between, health_weeks_missing(p),
                   health_weeks_missing(p) == 1 ? "" : "s");
}

static void table_row(buf *out, const struct provider_health *p)
{
    const struct rates *r = &p->spans[p->graded].rates;
    int64_t sent = rates_sent(r);
    cell(out, p->name, 24);
    if (p->grade.grade == GRADE_NONE)
        buf_printf(out, "%-7s %3s", "?", "-");
    else
        buf_printf(out, "%-7s %3u", grade_word(p->grade.grade), p->grade.points);
    buf_printf(out, " %4lld d %9lld", (long long)health_span_days(p->graded), (long long)sent);
    percent(out, r->hard, sent);
    percent(out, r->block, sent);
    percent(out, r->deferred, sent + r->deferred);
    percent(out, r->complaint, r->delivered);
    buf_adds(out, "  ");
    remarks(out, p);
    while (out->n && out->p[out->n - 1] == ' ')
        out->n--;
    buf_addc(out, '\n');
}

static void table(struct showing *s, size_t shown)
{
    buf_printf(&s->out, "%-24s %-7s %3s %6s %9s %7s %7s %7s %7s\n", "provider", "grade", "pts", "span", "sent",
               "hard %", "block %", "defer %", "compl %");
    for (size_t i = 0; i < s->health.n && i < shown; i++)
        table_row(&s->out, &s->health.providers[i]);
    size_t more = s->health.left_out + (s->health.n > shown ? s->health.n - shown : 0);
    if (more)
        buf_printf(&s->out, "... and %zu smaller ones\n", more);
    buf_adds(&s->out, "\nGrades are made of the last 7 days (of 30 where there is little mail): ?: too little mail to "
                      "tell. `bounced health NAME`\nshows one in depth; docs/health.md has the formulas.\n");
}

/* ---- one provider ---- */

static void show_rates_of(buf *out, const struct provider_health *p)
{
    buf_printf(out, "\n%-10s %10s %10s %7s %7s %7s %7s %10s\n", "", "sent", "delivered", "hard %", "block %", "defer %",
               "compl %", "throttled");
    for (unsigned i = 0; i < HEALTH_SPANS; i++) {
        const struct rates *r = &p->spans[i].rates;
        int64_t sent = rates_sent(r);
        buf_printf(out, "%-10s %10lld %10lld", health_span_word((enum health_span)i), (long long)sent,
                   (long long)r->delivered);
        percent(out, r->hard, sent);
        percent(out, r->block, sent);
        percent(out, r->deferred, sent + r->deferred);
        percent(out, r->complaint, r->delivered);
        buf_printf(out, " %10lld\n", (long long)p->spans[i].throttled);
    }
}

static void show_grade(buf *out, const struct provider_health *p)
{
    const struct graded *g = &p->grade;
    text_add_safe(out, p->name, 100);
    if (g->grade == GRADE_NONE)
        buf_printf(out, ": too little mail to tell (%lld messages in 30 days)\n",
                   (long long)rates_sent(&p->spans[HEALTH_MONTH].rates));
    else
        buf_printf(out, ": %s, %u of 100 points in %s%s%s\n", grade_word(g->grade), g->points,
                   health_span_word(p->graded), g->cap == GRADE_PARTS ? "" : ", held down by ",
                   g->cap == GRADE_PARTS ? "" : grade_border(g->cap)->word);
    for (unsigned i = 0; i < GRADE_PARTS; i++) {
        const struct grade_border *b = grade_border((enum grade_part)i);
        buf_printf(out, "  %-14s", b->word);
        if (!g->parts[i].counted) {
            buf_printf(out, " too little to tell\n");
            continue;
        }
        buf_printf(out, " %2u of %2u points: ", g->parts[i].points, b->points);
        if (i == GRADE_REPORTED)
            buf_printf(out, "%s\n", provider_level_word(p->said.level));
        else
            buf_printf(out, "%lld.%02lld %% (good up to %lld.%02lld, bad from %lld.%02lld)\n",
                       (long long)(p->parts[i].ppm / 10000), (long long)(p->parts[i].ppm % 10000 / 100),
                       (long long)(b->good_ppm / 10000), (long long)(b->good_ppm % 10000 / 100),
                       (long long)(b->bad_ppm / 10000), (long long)(b->bad_ppm % 10000 / 100));
    }
}

static void show_refusals(buf *out, const struct provider_health *p)
{
    enum bounce_reason reasons[BOUNCE_REASONS];
    size_t n = health_reasons(p, reasons);
    if (n)
        buf_adds(out, "\nwhy it refuses or puts off (30 days), and what to do\n");
    for (size_t i = 0; i < n && i < REASONS_SHOWN; i++) {
        const struct health_action *a = health_action(reasons[i]);
        buf_printf(out, "%9lld  %s (%s): %s\n", (long long)p->reasons[reasons[i]], bounce_reason_word(reasons[i]),
                   a->about, a->text);
    }
}

static void show_throttling(buf *out, const struct provider_health *p)
{
    const struct health_throttling *t = &p->throttling;
    if (!t->count)
        return;
    buf_printf(out, "\nit wants us slower: %lld times in 24 hours; wait ", (long long)t->count);
    add_seconds(out, t->pause_s);
    buf_adds(out, t->asked ? ", as it says: " : " (it names no time; ");
    text_add_safe(out, t->asked ? t->reply : t->from, 200);
    buf_adds(out, t->asked ? "\n" : ")\n");
}

static void show_volume(buf *out, const struct provider_health *p)
{
    const struct health_volume *v = &p->volume;
    if (!v->usual)
        return;
    buf_printf(out, "\nmail today: %lld; usual on this weekday: %lld%s\n", (long long)v->today, (long long)v->usual,
               v->uneven ? ". That is uneven: receivers slow down who jumps" : "");
}

static void show_weeks(buf *out, const struct provider_health *p)
{
    static const char *const words[] = {
        [GRADE_WEEK_EMPTY] = "too little", [GRADE_WEEK_CLEAN] = "clean", [GRADE_WEEK_DIRTY] = "not clean"};
    char why[HEALTH_WHY_BYTES];
    unsigned missing = health_weeks_missing(p);
    buf_adds(out, "\nweeks, this one first:");
    for (unsigned i = 0; i < HEALTH_WEEKS; i++)
        buf_printf(out, "%s %s%s%s%s", i ? "," : "", words[p->weeks[i].is], p->weeks[i].why ? " (" : "",
                   health_why(p->weeks[i].why, why), p->weeks[i].why ? ")" : "");
    buf_addc(out, '\n');
    if (missing)
        buf_printf(out,
                   "%u of %u clean weeks in a row; needed still: %u more with complaints up to 0.1 %%, blocks and hard "
                   "bounces up to 2 %%\n",
                   p->clean_weeks, HEALTH_CLEAN_WEEKS, missing);
    else if (p->trouble)
        buf_printf(out, "recovered: %u clean weeks in a row\n", p->clean_weeks);
}

static void show_pages(buf *out, const struct provider_health *p)
{
    const struct health_page *page;
    size_t i = 0, shown = 0;
    for (; (page = health_page(p->name, &i)) != NULL; shown++)
        buf_printf(out, "%s  %-10s %s\n", shown ? "" : "\nits pages\n", page->what, page->url);
}

static void percent_word(buf *out, const char *word, int64_t ppm)
{
    if (ppm >= 0)
        buf_printf(out, ", %s %lld.%02lld %%", word, (long long)(ppm / 10000), (long long)(ppm % 10000 / 100));
}

static bool show_report(void *ctx, const struct ledger_provider_report *r)
{
    struct showing *s = ctx;
    struct civil c;
    if (s->reports++ >= REPORTS_SHOWN)
        return true;
    if (s->reports == 1)
        buf_adds(&s->out, "\nwhat it says of us itself\n");
    civil_from_us(r->day * TIME_DAY, &c);
    buf_printf(&s->out, "  %04d-%02d-%02d ", c.year, c.month, c.day);
    text_add_safe(&s->out, r->subject, 60);
    buf_printf(&s->out, " %s", r->level < 0 ? "no grade" : provider_level_word(r->level));
    percent_word(&s->out, "complaints", r->complaint_ppm);
    if (r->traps > 0)
        buf_printf(&s->out, ", %lld trap hits", (long long)r->traps);
    percent_word(&s->out, "SPF", r->spf_ppm);
    percent_word(&s->out, "DKIM", r->dkim_ppm);
    percent_word(&s->out, "DMARC", r->dmarc_ppm);
    percent_word(&s->out, "errors", r->error_ppm);
    buf_addc(&s->out, '\n');
    return true;
}

static enum status in_depth(struct showing *s, const struct provider_health *p, err *e)
{
    int64_t today = s->session.now_us / TIME_DAY;
    show_grade(&s->out, p);
    show_rates_of(&s->out, p);
    show_throttling(&s->out, p);
    show_refusals(&s->out, p);
    show_volume(&s->out, p);
    show_weeks(&s->out, p);
    enum status st = ledger_provider_reports(s->session.ledger, s->session.tenant, p->name,
                                             today - HEALTH_SHOWN_DAYS + 1, today + 1, show_report, s, e);
    if (s->reports > REPORTS_SHOWN)
        buf_printf(&s->out, "  ... and %zu more\n", s->reports - REPORTS_SHOWN);
    show_pages(&s->out, p);
    return st;
}

/* ---- what is asked for ---- */

static enum status json_one(struct showing *s, const struct provider_health *p, bool full, err *e)
{
    enum status st = OK;
    struct jsonw j;
    jsonw_init(&j, &s->out);
    jsonw_object(&j);
    health_show(&j, p, full);
    if (full)
        st = health_show_reports(&j, s->session.ledger, s->session.tenant, p->name, s->session.now_us, e);
    jsonw_end_object(&j);
    buf_addc(&s->out, '\n');
    return st;
}

static int show(struct showing *s, slice name)
{
    int64_t limit = args_number(s->args, "limit", SHOWN);
    size_t shown = limit > 0 ? (size_t)limit : SIZE_MAX;
    err e;
    enum status st =
        health_make(s->session.ledger, s->rules, s->session.tenant, name, s->session.now_us, &s->arena, &s->health, &e);
    if (st != OK)
        return cmd_fail(s->args, &e);
    if (!slice_empty(name) && !s->health.n) {
        cmd_error(s->args, "no mail to '%.*s' in 8 weeks; `bounced health` lists the providers", SLICE_FMT(name));
        return EXIT_NO;
    }
    for (size_t i = 0; st == OK && s->json && i < s->health.n && i < shown; i++)
        st = json_one(s, &s->health.providers[i], !slice_empty(name), &e);
    if (!s->json && !slice_empty(name))
        st = in_depth(s, &s->health.providers[0], &e);
    else if (!s->json)
        table(s, shown);
    return st == OK ? EXIT_YES : cmd_fail(s->args, &e);
}

static int update(struct showing *s)
{
    struct health_changes changes;
    err e;
    enum status st = health_make(s->session.ledger, NULL, s->session.tenant, SLICE_EMPTY, s->session.now_us, &s->arena,
                                 &s->health, &e);
    if (st == OK)
        st = health_stand(s->session.ledger, &s->health, s->session.tenant, s->session.now_us, &changes, &e);
    struct around_counts counts = {0};
    if (st == OK)
        st = around_finish(s->session.ledger, &s->session.policy, s->session.now_us, &counts, &e);
    if (st != OK)
        return cmd_fail(s->args, &e);
    buf_printf(&s->out, "%zu provider%s fell to Low or Bad, %zu rose above\n", changes.opened,
               changes.opened == 1 ? "" : "s", changes.closed);
    return EXIT_YES;
}

/* ---- import ---- */

static int take(struct showing *s, const char *path, const struct provider_report_list *list,
                enum provider_report_end end)
{
    err e;
    if (end == PROVIDER_REPORT_UNKNOWN) {
        cmd_error(s->args, "%s: neither SNDS nor Postmaster Tools; nothing was taken", path);
        return EXIT_DATA;
    }
    if (end == PROVIDER_REPORT_MEMORY) {
        cmd_error(s->args, "%s: more than %u records, or out of memory; nothing was taken", path, PROVIDER_REPORT_MAX);
        return EXIT_DATA;
    }
    if (health_import(s->session.ledger, s->session.tenant, list, &e) != OK)
        return cmd_fail(s->args, &e);
    buf_printf(&s->out, "%s: %zu record%s of %s", path, list->n, list->n == 1 ? "" : "s",
               list->n ? provider_source_provider(list->items[0].source) : "nobody");
    buf_printf(&s->out, list->bad_count ? ", %zu line%s not understood\n" : "\n", list->bad_count,
               list->bad_count == 1 ? "" : "s");
    for (size_t i = 0; i < list->bad_count && i < PROVIDER_REPORT_MAX_BAD; i++)
        cmd_error(s->args, "%s:%zu: %.*s: %s", path, list->bad[i].line, SLICE_FMT(list->bad[i].what), list->bad[i].why);
    return list->bad_count ? EXIT_NO : EXIT_YES;
}

static int import_one(struct showing *s, const char *path)
{
    struct provider_report_list list;
    buf file;
    bool cut = false;
    err e;
    buf_init(&file, 0);
    arena_reset(&s->arena);
    int code = EXIT_YES;
    if (slurp(path, PROVIDER_REPORT_MAX_BYTES, &file, &cut, &e) != OK)
        code = cmd_fail(s->args, &e);
    if (code == EXIT_YES && cut) {
        cmd_error(s->args, "%s: longer than %u MB", path, PROVIDER_REPORT_MAX_BYTES >> 20);
        code = EXIT_DATA;
    }
    if (code == EXIT_YES)
        code =
            take(s, path, &list,
                 provider_report_read(buf_slice(&file), slice_str(args_text(s->args, "domain", "")), &s->arena, &list));
    buf_fini(&file);
    return code;
}

static int import(struct showing *s)
{
    int code = EXIT_YES;
    for (size_t i = 1; i < args_count(s->args); i++) {
        int one = import_one(s, args_get(s->args, i));
        code = one > code ? one : code;
    }
    return code;
}

static int work(struct showing *s, slice first, bool imports)
{
    int code = EXIT_YES;
    if (imports)
        return import(s);
    if (args_flag(s->args, "update"))
        return update(s);
    s->rules = cmd_load_rules(s->args, &code);
    return s->rules ? show(s, first) : code;
}

static int run(struct args *a)
{
    struct showing s = {.args = a, .json = args_flag(a, "json")};
    slice first = slice_str(args_count(a) ? args_get(a, 0) : "");
    bool imports = slice_eq(first, S("import")), updates = args_flag(a, "update");
    if (imports && args_count(a) < 2)
        return cmd_usage(a, "import which file? (- is standard input)");
    if (!imports && (args_count(a) > 1 || (updates && args_count(a))))
        return cmd_usage(a, updates ? "--update takes no provider" : "one provider at a time");
    int code = session_open(&s.session, a, imports ? SESSION_CREATE : updates ? SESSION_WRITE : SESSION_READ);
    if (code)
        return code;
    arena_init(&s.arena, 0);
    buf_init(&s.out, 0);
    code = work(&s, first, imports);
    cmd_write(&s.out);
    bounce_rules_free(&s.rules);
    buf_fini(&s.out);
    arena_fini(&s.arena);
    session_close(&s.session);
    return code;
}

const struct cmd cmd_health = {
    .name = "health",
    .usage = "[options] [PROVIDER] | --update | import FILE...",
    .summary = "how mailbox providers take our mail: grades, refusals, pauses, and what they say themselves",
    .details =
        "Gmail is called gmail, Outlook and Office 365 microsoft, Yahoo and AOL yahoo, iCloud apple; what is no known\n"
        "provider is called by the domain of its servers. import takes CSV of Microsoft SNDS and CSV or JSON of "
        "Google\n"
        "Postmaster Tools, told apart by content.",
    .options = options,
    .run = run,
};
