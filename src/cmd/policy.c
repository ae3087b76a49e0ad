#include "base/text.h"
#include "cmd/commands.h"
#include "cmd/session.h"
#include "core/cadence.h"
#include "core/explain.h"

static const struct opt options[] = {
    CMD_OPT_LEDGER, CMD_OPT_CONFIG, CMD_OPT_TENANT, CMD_OPT_STREAM, CMD_OPT_JSON, OPT_END,
};

struct policy_cmd {
    struct session session;
    buf out;
    bool json;
};

/* ---- explain ---- */

static void heading(buf *out, const struct explained *x)
{
    if (slice_empty(x->stream)) {
        buf_adds(out, slice_empty(x->tenant) ? "Mail" : "Mail of tenant ");
        text_add_safe(out, x->tenant, 80);
    } else {
        buf_adds(out, "Stream ");
        text_add_safe(out, x->stream, 80);
        buf_adds(out, slice_empty(x->tenant) ? "" : " of tenant ");
        text_add_safe(out, x->tenant, 80);
    }
    buf_printf(out, " (preset %s)\n", preset_word((enum preset)x->tolerances->preset));
}

static void put_explained(struct policy_cmd *c, const struct explained *x, bool first)
{
    if (c->json) {
        struct jsonw j;
        jsonw_init(&j, &c->out);
        jsonw_object(&j);
        explain_show(&j, x);
        jsonw_end_object(&j);
        buf_addc(&c->out, '\n');
        return;
    }
    buf_adds(&c->out, first ? "" : "\n");
    heading(&c->out, x);
    for (size_t i = 0; i < x->n; i++)
        buf_printf(&c->out, "- %.*s\n", SLICE_FMT(x->lines[i]));
}

static int explain(struct policy_cmd *c)
{
    const struct session *s = &c->session;
    arena a;
    struct explained one;
    const struct explained *all = &one;
    size_t n = 1;
    arena_init(&a, 0);
    if (slice_empty(s->stream))
        all = explain_all(&s->policy, s->tenant, &a, &n);
    else
        explain_stream(&s->policy, s->tenant, s->stream, &a, &one);
    if (!all || !all->n) {
        arena_fini(&a);
        cmd_error(s->args, "out of memory");
        return EXIT_SOFTWARE;
    }
    for (size_t i = 0; i < n; i++)
        put_explained(c, &all[i], i == 0);
    arena_fini(&a);
    return EXIT_YES;
}

/* ---- presets ---- */

static void put_preset(struct policy_cmd *c, enum preset preset)
{
    struct explained x = {.stream = SLICE_EMPTY};
    struct tolerances t;
    preset_tolerances(preset, &t);
    if (!c->json) {
        buf_printf(&c->out, "%-17s %s\n", preset_word(preset), preset_text(preset));
        return;
    }
    struct jsonw j;
    x.tolerances = &t;
    jsonw_init(&j, &c->out);
    jsonw_object(&j);
    explain_show_tolerances(&j, &x);
    jsonw_kstr(&j, "text", slice_str(preset_text(preset)));
    jsonw_end_object(&j);
    buf_addc(&c->out, '\n');
}

static int presets(struct policy_cmd *c)
{
    for (unsigned i = 0; i < PRESETS; i++)
        put_preset(c, (enum preset)i);
    return EXIT_YES;
}

/* ---- measure ---- */

static void put_measured(void *ctx, const struct ledger_cadence *m, enum preset before)
{
    struct policy_cmd *c = ctx;
    if (c->json) {
        struct jsonw j;
        jsonw_init(&j, &c->out);
        jsonw_object(&j);
        jsonw_kstr(&j, "tenant", m->tenant);
        jsonw_kstr(&j, "stream", m->stream);
        jsonw_ki64(&j, "sendings", m->sendings);
        jsonw_ki64(&j, "median_s", m->median_us / TIME_SECOND);
        jsonw_kstr(&j, "choice", slice_str(preset_word((enum preset)m->choice)));
        jsonw_kstr_opt(&j, "before", slice_str(preset_word(before)));
        jsonw_end_object(&j);
        buf_addc(&c->out, '\n');
        return;
    }
    text_add_safe(&c->out, slice_empty(m->stream) ? S("mail without a stream") : m->stream, 80);
    if (!slice_empty(m->tenant)) {
        buf_adds(&c->out, " of tenant ");
        text_add_safe(&c->out, m->tenant, 80);
    }
    buf_printf(&c->out, ": %u sendings within 90 days, half of them less than ", m->sendings);
    time_add_span(&c->out, m->median_us);
    buf_printf(&c->out, " apart: %s", preset_word((enum preset)m->choice));
    if (m->sendings < CADENCE_LEAST)
        buf_printf(&c->out, " (too few to choose by: %u are needed)", CADENCE_LEAST);
    else
        buf_adds(&c->out, m->choice == before ? " (as before)" : " (new)");
    buf_addc(&c->out, '\n');
}

static int measure(struct policy_cmd *c)
{
    struct session *s = &c->session;
    unsigned changed = 0;
    err e;
    if (!cadence_wanted(&s->policy)) {
        cmd_error(s->args,
                  "no stream has the preset auto; \"preset = auto\" in [policy], [tenant] or [stream] gives it one");
        return EXIT_NO;
    }
    if (cadence_measure(s->ledger, &s->policy, s->now_us, put_measured, c, &changed, &e) != OK) {
        buf_clear(&c->out);
        return cmd_fail(s->args, &e);
    }
    if (!c->json && changed)
        buf_adds(&c->out, "A running daemon goes by it from its next reload on (`bounced reload`).\n");
    return EXIT_YES;
}

static int run(struct args *a)
{
    static const struct {
        const char *verb;
        int (*run)(struct policy_cmd *);
        enum session_mode mode;
    } verbs[] = {
        {"explain", explain, SESSION_TRY}, {"presets", presets, SESSION_TRY}, {"measure", measure, SESSION_WRITE}};
    slice verb = slice_str(args_count(a) ? args_get(a, 0) : "explain");
    for (size_t i = 0; i < ARRAY_LEN(verbs) && args_count(a) < 2; i++) {
        struct policy_cmd c = {.json = args_flag(a, "json")};
        if (!slice_eq(verb, slice_str(verbs[i].verb)))
            continue;
        int code = session_open(&c.session, a, verbs[i].mode);
        if (code)
            return code;
        buf_init(&c.out, 0);
        code = verbs[i].run(&c);
        cmd_write(&c.out);
        buf_fini(&c.out);
        session_close(&c.session);
        return code;
    }
    return cmd_usage(a, "explain, presets or measure");
}

const struct cmd cmd_policy = {
    .name = "policy",
    .usage = "[options] explain | presets | measure",
    .summary = "what it takes to suppress an address, in plain sentences",
    .details =
        "explain tells for mail in general, for each tenant and each stream how many failures of which kind suppress\n"
        "an address, where and for how long, and what `auto` chose and why. presets lists the tolerances that behave\n"
        "like those of others. measure looks how often the streams with `auto` send, and stores what it chooses; the\n"
        "daemon does so every day.",
    .options = options,
    .run = run,
};
