#include "base/text.h"
#include "cmd/commands.h"
#include "cmd/session.h"
#include "core/around.h"
#include "core/breaker.h"

static const struct opt options[] = {
    CMD_OPT_LEDGER,
    CMD_OPT_CONFIG,
    {"all", 'a', OPT_FLAG, NULL, "list: those that somebody has looked at, too"},
    {"note", 0, OPT_TEXT, "TEXT", "release, dismiss: why"},
    {"actor", 0, OPT_TEXT, "NAME", "release, dismiss: who does it (default: you)"},
    CMD_OPT_JSON,
    OPT_END,
};

struct listing {
    struct session *session;
    buf out;
    int64_t only; /* 0: all */
    bool json, all, any;
};

static const char *state_of(const struct ledger_circumstance *c)
{
    return c->undone ? "released" : c->c.until_us != TIME_NONE ? "dismissed" : "open";
}

static void show_json(buf *out, const struct ledger_circumstance *c)
{
    struct jsonw j;
    jsonw_init(&j, out);
    jsonw_object(&j);
    jsonw_ki64(&j, "breaker", c->c.id);
    jsonw_kstr(&j, "feed", c->name);
    jsonw_kstr_opt(&j, "tenant", c->tenant);
    jsonw_kstr(&j, "state", slice_str(state_of(c)));
    jsonw_ktime_opt(&j, "from", c->c.from_us);
    jsonw_ktime_opt(&j, "until", c->c.until_us);
    jsonw_ktime_opt(&j, "opened", c->made_us);
    jsonw_kstr_opt(&j, "actor", c->actor);
    jsonw_kstr_opt(&j, "note", c->note);
    jsonw_end_object(&j);
    buf_addc(out, '\n');
}

static void show_text(buf *out, const struct ledger_circumstance *c)
{
    buf_printf(out, "%5lld ", (long long)c->c.id);
    cmd_paint(out, strcmp(state_of(c), "open") == 0 ? PAINT_BAD : PAINT_GOOD, state_of(c), 10);
    text_add_safe(out, c->name, 120);
    buf_adds(out, "\n    holds    what it says from ");
    time_add_iso(out, c->c.from_us);
    buf_adds(out, " on");
    if (c->c.until_us != TIME_NONE) {
        buf_adds(out, " until ");
        time_add_iso(out, c->c.until_us);
    }
    buf_adds(out, "\n    because  ");
    text_add_safe(out, c->note, 400);
    buf_adds(out, "\n    by       ");
    text_add_safe(out, c->actor, 80);
    buf_addc(out, '\n');
}

static bool show(void *ctx, const struct ledger_circumstance *c)
{
    struct listing *list = ctx;
    bool open = !c->undone && c->c.until_us == TIME_NONE;
    if (c->c.what != CIRCUMSTANCE_BREAKER || (list->only ? c->c.id != list->only : !open && !list->all))
        return true;
    list->any = true;
    (list->json ? show_json : show_text)(&list->out, c);
    return cmd_write(&list->out);
}

static int list_some(struct session *s, int64_t only)
{
    err e;
    struct listing list = {
        .session = s, .only = only, .json = args_flag(s->args, "json"), .all = args_flag(s->args, "all")};
    buf_init(&list.out, 0);
    enum status st = ledger_circumstances(s->ledger, 0, show, &list, &e);
    if (st == OK && !list.any && !only && !list.json)
        buf_adds(&list.out, "no breaker is open\n");
    cmd_write(&list.out);
    buf_fini(&list.out);
    if (st != OK)
        return cmd_fail(s->args, &e);
    if (only && !list.any) {
        cmd_error(s->args, "there is no breaker %lld", (long long)only);
        return EXIT_NO;
    }
    return EXIT_YES;
}

static int decide(struct session *s, int64_t id, bool release)
{
    struct around_counts counts = {0};
    slice actor = slice_str(session_actor(s->args)), note = slice_str(args_text(s->args, "note", ""));
    err e;
    enum status st = release ? breaker_release(s->ledger, id, actor, note, s->now_us, &e)
                             : breaker_dismiss(s->ledger, id, actor, note, s->now_us, &e);
    if (st == E_NOT_FOUND || st == E_DENIED) {
        cmd_error(s->args, "%s", e.text);
        return EXIT_NO;
    }
    if (st == OK)
        st = around_finish(s->ledger, &s->policy, s->now_us, &counts, &e);
    if (st != OK)
        return cmd_fail(s->args, &e);
    buf out;
    buf_init(&out, 0);
    buf_printf(&out, "%llu addresses were judged anew: %llu suppressed, %llu no longer\n",
               (unsigned long long)counts.folded, (unsigned long long)counts.suppressed,
               (unsigned long long)counts.lifted);
    cmd_write(&out);
    buf_fini(&out);
    return EXIT_YES;
}

static int run(struct args *a)
{
    struct session s;
    uint64_t id = 0;
    slice verb = slice_str(args_count(a) ? args_get(a, 0) : "list");
    bool lists = slice_eq(verb, S("list")), shows = slice_eq(verb, S("show"));
    bool releases = slice_eq(verb, S("release")), dismisses = slice_eq(verb, S("dismiss"));
    if (!lists && !shows && !releases && !dismisses)
        return cmd_usage(a, "list, show NUMBER, release NUMBER or dismiss NUMBER");
    if (!lists && (args_count(a) < 2 || !slice_u64(slice_str(args_get(a, 1)), &id) || !id || id > INT64_MAX))
        return cmd_usage(a, "which one? `bounced breaker list` shows their numbers");
    int code = session_open(&s, a, lists || shows ? SESSION_READ : SESSION_WRITE);
    if (code)
        return code;
    code = lists || shows ? list_some(&s, (int64_t)id) : decide(&s, (int64_t)id, releases);
    session_close(&s);
    return code;
}

const struct cmd cmd_breaker = {
    .name = "breaker",
    .usage = "[options] [list] | show NUMBER | release NUMBER | dismiss NUMBER",
    .summary = "floods of suppressions from one feed, which are held until a person has looked",
    .details =
        "release lets count what a breaker holds; dismiss throws it away, and what the feed says from now on counts\n"
        "again. [breaker] of the settings says what a flood is.",
    .options = options,
    .run = run,
};
