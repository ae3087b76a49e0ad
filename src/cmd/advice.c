#include "core/advice.h"

#include "base/text.h"
#include "cmd/commands.h"
#include "cmd/config.h"
#include "cmd/session.h"
#include "serve/alert_conf.h"

static const struct opt options[] = {
    CMD_OPT_LEDGER, CMD_OPT_CONFIG, CMD_OPT_TENANT, {"now", 0, OPT_TEXT, "TIME", "as if it were this time"},
    CMD_OPT_JSON,   OPT_END,
};

static enum paint paint_of(enum advice_word w)
{
    return w == ADVICE_CONTINUE ? PAINT_GOOD : w == ADVICE_SLOW ? PAINT_NOTE : PAINT_BAD;
}

static void add_numbers(buf *out, const struct rates *r)
{
    buf_printf(out, "%lld sent, %lld delivered, %lld hard, %lld soft, %lld block, %lld complaints\n",
               (long long)rates_sent(r), (long long)(r->delivered + r->relayed), (long long)r->hard, (long long)r->soft,
               (long long)r->block, (long long)r->complaint);
}

static void print_text(buf *out, const struct advice *x)
{
    cmd_paint(out, paint_of(x->word), advice_word_text(x->word), 9);
    text_add_safe(out, x->campaign, 120);
    buf_adds(out, ": ");
    text_add_safe(out, x->why, 400);
    buf_adds(out, "\n         ");
    add_numbers(out, &x->rates);
    for (size_t i = 0; i < x->n; i++) {
        const struct advice_place *p = &x->places[i];
        cmd_paint(out, paint_of(p->word), advice_word_text(p->word), 9);
        buf_printf(out, "at %s ", p->what);
        text_add_safe(out, p->name, 120);
        buf_adds(out, ": ");
        text_add_safe(out, p->why, 400);
        buf_adds(out, "\n         ");
        add_numbers(out, &p->rates);
    }
}

static int print(struct session *s, const struct advice *x)
{
    struct jsonw j;
    buf out;
    buf_init(&out, 0);
    jsonw_init(&j, &out);
    if (args_flag(s->args, "json")) {
        jsonw_object(&j);
        advice_show(&j, x);
        jsonw_end_object(&j);
        buf_addc(&out, '\n');
    } else {
        print_text(&out, x);
    }
    cmd_write(&out);
    buf_fini(&out);
    return x->word == ADVICE_PAUSE ? EXIT_NO : EXIT_YES;
}

static int advise(struct session *s, slice campaign, arena *a)
{
    struct alert_settings limits;
    struct advice x;
    err e;
    const char *now = args_text(s->args, "now", NULL);
    int64_t now_us = now ? time_parse_any(slice_str(now)) : s->now_us;
    if (now_us == TIME_NONE)
        return cmd_usage(s->args, "--now takes a time such as 2026-11-01T12:00:00Z, not '%s'", now);
    struct settings *settings =
        config_there(s->args) ? config_read(s->args) : settings_read(SLICE_EMPTY, config_told, s->args);
    if (!settings)
        return config_exit(s->args);
    alert_conf(settings, &limits);
    settings_free(&settings);
    if (advice_make(s->ledger, &limits, s->tenant, campaign, now_us, a, &x, &e) != OK)
        return cmd_fail(s->args, &e);
    return print(s, &x);
}

static int run(struct args *a)
{
    struct session s;
    arena memory;
    if (args_count(a) != 2 || !slice_eq(slice_str(args_get(a, 0)), S("campaign")))
        return cmd_usage(a, "campaign NAME");
    int code = session_open(&s, a, SESSION_READ);
    if (code)
        return code;
    arena_init(&memory, 0);
    code = advise(&s, slice_str(args_get(a, 1)), &memory);
    arena_fini(&memory);
    session_close(&s);
    return code;
}

const struct cmd cmd_advice = {
    .name = "advice",
    .usage = "[options] campaign NAME",
    .summary = "whether a campaign should go on: continue, slow or pause, and where",
    .details =
        "For people; programs that send ask GET /v1/campaigns/NAME/advice. Exit status: 0 to go on (slower, perhaps),\n"
        "1 to pause.",
    .options = options,
    .run = run,
};
