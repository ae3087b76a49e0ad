#include <unistd.h>

#include "base/text.h"
#include "cmd/commands.h"
#include "cmd/config.h"
#include "cmd/session.h"
#include "serve/alert_conf.h"
#include "serve/deliver.h"
#include "serve/notice_form.h"
#include "serve/notify_mail.h"

#define SILENCE_S (24 * 3600)

static const struct opt options[] = {
    CMD_OPT_LEDGER,
    CMD_OPT_CONFIG,
    CMD_OPT_TENANT,
    {"all", 'a', OPT_FLAG, NULL, "list: closed ones too"},
    {"now", 0, OPT_TEXT, "TIME", "look: as if it were this time"},
    {"hours", 0, OPT_NUMBER, "N", "silence: for so long (default 24)"},
    {"actor", 0, OPT_TEXT, "NAME", "ack, silence: who does it (default: you)"},
    CMD_OPT_JSON,
    OPT_END,
};

struct listing {
    struct session *session;
    buf out;
    bool json, any;
};

/* ---- list ---- */

static void indented(buf *out, const char *word, slice text)
{
    if (slice_empty(text))
        return;
    buf_printf(out, "    %-8s ", word);
    text_add_safe(out, text, 400);
    buf_addc(out, '\n');
}

static void show_text(struct listing *list, const struct ledger_alert *a)
{
    buf *out = &list->out;
    const char *word = alert_is_open(a) ? "open" : a->state == ALERT_RISING ? "rising" : "closed";
    buf_printf(out, "%5lld ", (long long)a->id);
    cmd_paint(out, alert_is_open(a) ? PAINT_BAD : a->state == ALERT_RISING ? PAINT_NOTE : PAINT_GOOD, word, 7);
    alert_line(out, a);
    buf_addc(out, '\n');
    buf_printf(out, "    since    ");
    time_add_iso(out, a->opened_us == TIME_NONE ? a->since_us : a->opened_us);
    if (a->closed_us != TIME_NONE) {
        buf_adds(out, " until ");
        time_add_iso(out, a->closed_us);
    }
    if (a->acked_us != TIME_NONE) {
        buf_adds(out, ", seen by ");
        text_add_safe(out, a->acked_by, 80);
    }
    buf_addc(out, '\n');
    indented(out, "tenant", a->tenant);
    indented(out, "likely", a->cause);
    indented(out, "because", a->why);
    indented(out, "do", a->advice);
    indented(out, "look", a->look);
}

static void show_json(struct listing *list, const struct ledger_alert *a)
{
    struct jsonw j;
    jsonw_init(&j, &list->out);
    jsonw_object(&j);
    alert_show(&j, a);
    jsonw_end_object(&j);
    buf_addc(&list->out, '\n');
}

static bool show(void *ctx, const struct ledger_alert *a)
{
    struct listing *list = ctx;
    slice tenant = list->session->tenant;
    bool rising = a->state == ALERT_RISING && !args_flag(list->session->args, "all");
    if (rising || (!slice_empty(tenant) && !slice_eq(tenant, a->tenant)))
        return true;
    list->any = true;
    (list->json ? show_json : show_text)(list, a);
    return cmd_write(&list->out);
}

static int list_alerts(struct session *s)
{
    err e;
    struct listing list = {.session = s, .json = args_flag(s->args, "json")};
    buf_init(&list.out, 0);
    enum status st = ledger_alerts(s->ledger, args_flag(s->args, "all"), 0, show, &list, &e);
    if (st == OK && !list.any && !list.json)
        buf_adds(&list.out, "no alerts\n");
    cmd_write(&list.out);
    buf_fini(&list.out);
    return st == OK ? EXIT_YES : cmd_fail(s->args, &e);
}

/* ---- look ---- */

struct limits {
    struct alert_settings settings;
    struct alert_industry industries[ALERT_MAX_INDUSTRIES];
    size_t industry_count;
    arena a;
};

static int read_settings(const struct args *a, struct limits *out)
{
    bool named = args_text(a, "config", NULL) != NULL || access(config_path(a), R_OK) == 0;
    struct settings *s = named ? config_read(a) : settings_read(SLICE_EMPTY, config_told, (void *)(uintptr_t)a);
    if (!s)
        return config_exit(a);
    alert_conf(s, &out->settings);
    out->industry_count = alert_conf_industries(s, out->industries);
    for (size_t i = 0; i < out->industry_count; i++)
        out->industries[i].tenant = arena_dup(&out->a, out->industries[i].tenant);
    settings_free(&s);
    return EXIT_YES;
}

static enum status look(struct session *s, const struct alert_run *run, struct alert_counts *counts, err *e)
{
    arena a;
    struct findings found;
    arena_init(&a, 0);
    enum status st = alerts_find(s->ledger, run, &a, &found, e); /* may take a while: nobody waits for it */
    if (st == OK)
        st = ledger_begin(s->ledger, e);
    if (st == OK)
        st = alerts_settle(s->ledger, &found, NULL, 0, run->now_us, counts, e);
    if (st == OK)
        st = ledger_commit(s->ledger, e);
    if (st != OK)
        ledger_abort(s->ledger);
    arena_fini(&a);
    return st;
}

static int look_with(struct session *s, struct limits *l)
{
    struct alert_counts counts;
    err e;
    const char *now = args_text(s->args, "now", NULL);
    struct alert_run run = {
        .now_us = now ? time_parse_any(slice_str(now)) : s->now_us, .settings = &l->settings, .deep = true};
    if (run.now_us == TIME_NONE)
        return cmd_usage(s->args, "--now takes a time such as 2026-11-01T12:00:00Z, not '%s'", now);
    int code = read_settings(s->args, l);
    if (code)
        return code;
    run.industries = l->industries;
    run.industry_count = l->industry_count;
    return look(s, &run, &counts, &e) == OK ? list_alerts(s) : cmd_fail(s->args, &e);
}

static int look_now(struct session *s)
{
    struct limits l = {.industry_count = 0};
    arena_init(&l.a, 0);
    int code = look_with(s, &l);
    arena_fini(&l.a);
    return code;
}

/* ---- people ---- */

static int change(struct session *s, bool silence)
{
    uint64_t id;
    err e;
    slice actor = slice_str(session_actor(s->args));
    const char *given = args_get(s->args, 1);
    if (!given || !slice_u64(slice_str(given), &id) || id > INT64_MAX)
        return cmd_usage(s->args, "which one? `bounced alerts` shows their numbers");
    int64_t until_us = s->now_us + args_number(s->args, "hours", SILENCE_S / 3600) * TIME_HOUR;
    enum status st = silence ? alert_silence(s->ledger, (int64_t)id, actor, until_us, s->now_us, &e)
                             : alert_acknowledge(s->ledger, (int64_t)id, actor, s->now_us, &e);
    return st == OK ? EXIT_YES : st == E_NOT_FOUND ? (cmd_fail(s->args, &e), EXIT_NO) : cmd_fail(s->args, &e);
}

/* ---- test ---- */

static enum status try_channel(const struct section *s, err *e)
{
    struct delivery d;
    buf message, to;
    slice from;
    enum status st = delivery_of(s, &d, e);
    buf_init(&message, 0);
    buf_init(&to, 0);
    notify_mail_to(s, &to, &from);
    if (d.mail)
        test_notice_mail(s->name, from, buf_slice(&to), session_clock(), &message);
    else
        test_notice_json(s->name, session_clock(), &message);
    if (st == OK)
        st = message.failed || to.failed ? err_set(e, E_MEMORY, "notify: out of memory")
                                         : deliver(&d, buf_slice(&message), e);
    buf_fini(&message);
    buf_fini(&to);
    return st;
}

static int test_channel(const struct args *a)
{
    err e;
    const char *name = args_get(a, 1);
    const struct section *at = NULL;
    if (!name)
        return cmd_usage(a, "test which channel? the NAME of a section [notify NAME]");
    struct settings *s = config_read(a);
    if (!s)
        return config_exit(a);
    while ((at = settings_next(s, "notify", at)) != NULL && !slice_eq(at->name, slice_str(name)))
        ;
    int code = EXIT_YES;
    if (!at) {
        cmd_error(a, "%s has no section [notify %s]", config_path(a), name);
        code = EXIT_NO;
    } else if (try_channel(at, &e) != OK) {
        code = cmd_fail(a, &e);
    }
    settings_free(&s);
    return code;
}

static int run(struct args *a)
{
    struct session s;
    slice verb = slice_str(args_count(a) ? args_get(a, 0) : "list");
    bool looks = slice_eq(verb, S("look")), acks = slice_eq(verb, S("ack")), silences = slice_eq(verb, S("silence"));
    if (!looks && !acks && !silences && !slice_eq(verb, S("list")))
        return slice_eq(verb, S("test")) ? test_channel(a)
                                         : cmd_usage(a, "list, look, ack NUMBER, silence NUMBER or test NAME");
    int code = session_open(&s, a, looks || acks || silences ? SESSION_WRITE : SESSION_READ);
    if (code)
        return code;
    code = looks ? look_now(&s) : acks || silences ? change(&s, silences) : list_alerts(&s);
    session_close(&s);
    return code;
}

const struct cmd cmd_alerts = {
    .name = "alerts",
    .usage = "[options] [list] | look | ack NUMBER | silence NUMBER | test NAME",
    .summary = "what is wrong with the sending now, why it is likely so, and what to do",
    .details =
        "A daemon looks every minute and tells the channels of its settings; `look` does it by hand and tells nobody.\n"
        "An alert stays open until things have been better for a while. `test` sends a message through [notify NAME].",
    .options = options,
    .run = run,
};
