#include <string.h>

#include "cmd/commands.h"
#include "cmd/report.h"
#include "core/sunset.h"
#include "serve/conf.h"

#define MAX_DAYS 36500
#define FLUSH_BYTES 65536u

static const struct opt options[] = {
    CMD_OPT_LEDGER,
    CMD_OPT_TENANT,
    CMD_OPT_CONFIG,
    {"older", 0, OPT_NUMBER, "DAYS", "on the list for at least so long"},
    {"younger", 0, OPT_NUMBER, "DAYS", "on the list for less than this"},
    {"engaged", 0, OPT_NUMBER, "DAYS", "opened or clicked within this"},
    {"unengaged", 0, OPT_NUMBER, "DAYS", "did not within this, and was on the list for as long"},
    {"never", 0, OPT_FLAG, NULL, "never opened or clicked anything, as far as is known"},
    {"failing", 0, OPT_NUMBER, "N", "at least so many failed campaigns in a row"},
    {"source", 0, OPT_TEXT, "NAME", "came from this source"},
    {"form", 0, OPT_TEXT, "NAME", "from this form"},
    {"batch", 0, OPT_TEXT, "NAME", "in this import"},
    {"suppressed", 0, OPT_FLAG, NULL, "with those that are suppressed"},
    {"stream", 0, OPT_TEXT, "NAME", "sunset: suppress in this stream only"},
    {"apply", 0, OPT_FLAG, NULL, "sunset: suppress them (else they are only counted)"},
    CMD_OPT_JSON,
    OPT_END,
};

struct segment {
    struct args *args;
    struct session session;
    struct segment_filter filter;
    buf out;
    bool json;
};

/* ---- counts ---- */

static void count_json(struct segment *s, const struct segment_counts *c, unsigned age, unsigned engaged)
{
    struct jsonw j;
    jsonw_init(&j, &s->out);
    jsonw_object(&j);
    jsonw_kstr(&j, "age", slice_str(segment_age_word((enum segment_age)age)));
    jsonw_kstr(&j, "engaged", slice_str(segment_engaged_word((enum segment_engaged)engaged)));
    jsonw_ki64(&j, "addresses", c->n[age][engaged]);
    jsonw_end_object(&j);
    buf_addc(&s->out, '\n');
}

static void table(struct segment *s, const struct segment_counts *c)
{
    buf_printf(&s->out, "%-18s", "opened or clicked:");
    for (unsigned e = 0; e < SEGMENT_ENGAGED; e++)
        buf_printf(&s->out, " %14s", segment_engaged_word((enum segment_engaged)e));
    buf_printf(&s->out, " %10s\n", "all");
    for (unsigned a = 0; a < SEGMENT_AGES; a++) {
        int64_t all = 0;
        buf_printf(&s->out, "%-18s", segment_age_word((enum segment_age)a));
        for (unsigned e = 0; e < SEGMENT_ENGAGED; e++) {
            buf_printf(&s->out, " %14lld", (long long)c->n[a][e]);
            all += c->n[a][e];
        }
        buf_printf(&s->out, " %10lld\n", (long long)all);
    }
    buf_printf(&s->out, "\n%lld addresses%s. Ages count from signing up, else from the first message.\n",
               (long long)c->all, s->filter.suppressed_too ? "" : " that may be sent to");
    if (!c->engagement_known && c->all)
        buf_adds(&s->out,
                 "No opens or clicks are known: events of kind opened and clicked tell them (docs/events.md).\n");
}

static int counts(struct segment *s)
{
    struct segment_counts c;
    err e;
    if (segment_count(s->session.ledger, &s->session.policy, &s->filter, &c, &e) != OK)
        return cmd_fail(s->args, &e);
    if (!s->json)
        table(s, &c);
    for (unsigned a = 0; s->json && a < SEGMENT_AGES; a++)
        for (unsigned g = 0; g < SEGMENT_ENGAGED; g++)
            count_json(s, &c, a, g);
    cmd_write(&s->out);
    return EXIT_YES;
}

/* ---- the addresses ---- */

static void member_json(struct segment *s, const struct segment_member *m)
{
    struct jsonw j;
    jsonw_init(&j, &s->out);
    jsonw_object(&j);
    jsonw_kstr(&j, "email", m->life->address);
    jsonw_kstr_opt(&j, "tenant", m->life->tenant);
    jsonw_kstr(&j, "state", slice_str(state_word(m->life->state)));
    jsonw_kstr_opt(&j, "source", m->life->source);
    jsonw_kstr_opt(&j, "form", m->life->form);
    jsonw_kstr_opt(&j, "batch", m->life->batch);
    jsonw_ktime_opt(&j, "since", m->began_us);
    jsonw_ktime_opt(&j, "engaged_at", m->record.engaged_us);
    jsonw_ktime_opt(&j, "delivered_at", m->life->last_delivered_us);
    jsonw_ki64(&j, "failures_in_row", m->record.failures);
    jsonw_end_object(&j);
    buf_addc(&s->out, '\n');
}

static void member_csv(struct segment *s, const struct segment_member *m)
{
    const slice texts[] = {m->life->address, m->life->source, m->life->form, m->life->batch};
    const int64_t times[] = {m->began_us, m->record.engaged_us, m->life->last_delivered_us};
    for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
        report_csv_text(&s->out, texts[i]);
        buf_addc(&s->out, ',');
    }
    for (size_t i = 0; i < ARRAY_LEN(times); i++) {
        time_add_iso(&s->out, times[i]);
        buf_addc(&s->out, ',');
    }
    buf_printf(&s->out, "%u,%s\n", m->record.failures, state_word(m->life->state));
}

static bool tell_member(void *ctx, const struct segment_member *m)
{
    struct segment *s = ctx;
    (s->json ? member_json : member_csv)(s, m);
    return s->out.n < FLUSH_BYTES || cmd_write(&s->out);
}

static int list(struct segment *s)
{
    err e;
    if (ledger_hashed(s->session.ledger)) {
        (void)err_set(&e, E_UNSUPPORTED,
                      "this ledger keeps addresses as hashes only: it can count them, not list them");
        return cmd_fail(s->args, &e);
    }
    if (!s->json)
        buf_adds(&s->out, "email,source,form,batch,since,engaged_at,delivered_at,failures_in_row,state\n");
    if (segment_walk(s->session.ledger, &s->session.policy, &s->filter, tell_member, s, &e) != OK)
        return cmd_fail(s->args, &e);
    cmd_write(&s->out);
    return EXIT_YES;
}

/* ---- the sunset rule ---- */

/* What was not given comes from the section [sunset]; without a settings file from its defaults. */
static int rule_of(struct segment *s, struct sunset_rule *rule)
{
    struct settings *settings = config_there(s->args) ? config_read(s->args) : NULL;
    if (!settings && config_there(s->args))
        return config_exit(s->args);
    *rule = (struct sunset_rule){s->session.tenant, s->session.stream, s->filter.unengaged_us, s->filter.failing};
    if (settings) {
        const struct conf_sunset *c = settings_of(settings, "sunset");
        if (!rule->unengaged_us)
            rule->unengaged_us = c->unengaged_us;
        if (!rule->failing)
            rule->failing = (unsigned)c->failing;
        if (slice_empty(rule->stream))
            rule->stream = arena_dup(&s->session.a, c->stream);
        settings_free(&settings);
    }
    if (rule->unengaged_us && rule->failing)
        return EXIT_YES;
    return cmd_usage(s->args, "sunset needs --unengaged DAYS and --failing N, or [sunset] in the settings");
}

static void told(struct segment *s, const struct sunset_rule *rule, const struct sunset_list *found, uint64_t changed)
{
    bool applied = args_flag(s->args, "apply");
    if (s->json) {
        struct jsonw j;
        jsonw_init(&j, &s->out);
        jsonw_object(&j);
        jsonw_ki64(&j, "unengaged_days", rule->unengaged_us / TIME_DAY);
        jsonw_ki64(&j, "failing", rule->failing);
        jsonw_ki64(&j, "found", (int64_t)found->n);
        jsonw_kbool(&j, "more", found->more);
        jsonw_kbool(&j, "engagement_known", !found->blind);
        jsonw_ki64(&j, "suppressed", (int64_t)changed);
        jsonw_end_object(&j);
        buf_addc(&s->out, '\n');
        return;
    }
    if (found->blind) {
        buf_adds(&s->out,
                 "No opens or clicks are known of anybody: nobody can be called unengaged (docs/events.md).\n");
        return;
    }
    buf_printf(&s->out, "%zu addresses are unengaged for %lld days and failed %u times in a row", found->n,
               (long long)(rule->unengaged_us / TIME_DAY), rule->failing);
    if (applied)
        buf_printf(&s->out, "; %llu suppressed%s.\n", (unsigned long long)changed,
                   found->more ? ", more are left" : "");
    else
        buf_printf(&s->out, "%s.\n", found->n ? "; --apply suppresses them" : "");
}

static int sunset(struct segment *s)
{
    struct sunset_rule rule;
    struct sunset_list found;
    uint64_t changed = 0;
    arena a;
    err e;
    int code = rule_of(s, &rule);
    if (code)
        return code;
    arena_init(&a, 0);
    enum status st = sunset_find(s->session.ledger, &s->session.policy, &rule, s->session.now_us, &a, &found, &e);
    if (st == OK && args_flag(s->args, "apply"))
        st = sunset_apply(s->session.ledger, &s->session.policy, &rule, &found, 0, found.n, s->session.now_us, &changed,
                          &e);
    if (st == OK)
        told(s, &rule, &found, changed);
    arena_fini(&a);
    cmd_write(&s->out);
    return st == OK ? EXIT_YES : cmd_fail(s->args, &e);
}

/* ---- what was asked ---- */

static const struct verb {
    const char *word;
    int (*run)(struct segment *s);
} verbs[] = {{"count", counts}, {"list", list}, {"sunset", sunset}};

static int take_days(struct segment *s, const char *option, int64_t *us)
{
    int64_t days = args_number(s->args, option, 0);
    if (days < 0 || days > MAX_DAYS)
        return cmd_usage(s->args, "--%s takes days, at most %d", option, MAX_DAYS);
    *us = days * TIME_DAY;
    return EXIT_YES;
}

static int take_filter(struct segment *s)
{
    struct segment_filter *f = &s->filter;
    const struct {
        const char *option;
        int64_t *us;
    } spans[] = {{"older", &f->older_us},
                 {"younger", &f->younger_us},
                 {"engaged", &f->engaged_us},
                 {"unengaged", &f->unengaged_us}};
    int64_t failing = args_number(s->args, "failing", 0);
    int code = EXIT_YES;
    if (failing < 0 || failing > (int64_t)LIFE_MAX_FAILURES)
        return cmd_usage(s->args, "--failing takes a number up to %u", LIFE_MAX_FAILURES);
    f->failing = (unsigned)failing;
    f->source = slice_str(args_text(s->args, "source", ""));
    f->form = slice_str(args_text(s->args, "form", ""));
    f->batch = slice_str(args_text(s->args, "batch", ""));
    f->never = args_flag(s->args, "never");
    f->suppressed_too = args_flag(s->args, "suppressed");
    for (size_t i = 0; code == EXIT_YES && i < ARRAY_LEN(spans); i++)
        code = take_days(s, spans[i].option, spans[i].us);
    return code;
}

static const struct verb *verb_of(const struct args *a)
{
    const char *word = args_count(a) ? args_get(a, 0) : verbs[0].word;
    for (size_t i = 0; i < ARRAY_LEN(verbs); i++)
        if (strcmp(verbs[i].word, word) == 0)
            return &verbs[i];
    return NULL;
}

static int run(struct args *a)
{
    struct segment s = {.args = a, .json = args_flag(a, "json")};
    const struct verb *verb = verb_of(a);
    if (!verb || args_count(a) > 1)
        return cmd_usage(a, "takes count (default), list or sunset");
    int code = take_filter(&s);
    if (code)
        return code;
    bool writes = verb->run == sunset && args_flag(a, "apply");
    code = session_open(&s.session, a, writes ? SESSION_WRITE : SESSION_READ);
    if (code)
        return code;
    s.filter.tenant = s.session.tenant;
    s.filter.now_us = s.session.now_us;
    buf_init(&s.out, 0);
    code = verb->run(&s);
    buf_fini(&s.out);
    session_close(&s.session);
    return code;
}

const struct cmd cmd_segment = {
    .name = "segment",
    .usage = "[options] [count|list|sunset]",
    .summary = "parts of a list by age and engagement, with export; suppress the unengaged that keep failing",
    .details = "count   how many there are of each age and engagement\n"
               "list    the addresses, as CSV or with --json as JSON lines\n"
               "sunset  those that did nothing for long and keep failing; with --apply they are suppressed, which you "
               "may lift\n",
    .options = options,
    .run = run,
};
