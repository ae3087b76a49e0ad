#include "base/text.h"
#include "cmd/commands.h"
#include "cmd/session.h"
#include "core/ground.h"

static const struct opt options[] = {
    CMD_OPT_LEDGER,
    CMD_OPT_CONFIG,
    CMD_OPT_TENANT,
    {"all", 'a', OPT_FLAG, NULL, "list: those that are known to be good, too"},
    {"now", 0, OPT_TEXT, "TIME", "list: as if it were this time"},
    {"note", 0, OPT_TEXT, "TEXT", "hold, release: why"},
    {"actor", 0, OPT_TEXT, "NAME", "hold, release: who does it (default: you)"},
    CMD_OPT_JSON,
    OPT_END,
};

struct listing {
    struct session *session;
    buf out;
    int64_t now_us;
    bool json, all, tracks, any;
};

static void show_text(struct listing *list, const struct ledger_ground *g)
{
    arena a;
    arena_init(&a, 0);
    slice trouble = ground_trouble(g, &a);
    enum ground_state state = g->state < GROUND_STATES ? (enum ground_state)g->state : GROUND_WATCHED;
    bool bad = state == GROUND_BAD || state == GROUND_HELD || !slice_empty(trouble);
    cmd_paint(&list->out,
              bad                       ? PAINT_BAD
              : state == GROUND_WATCHED ? PAINT_NOTE
                                        : PAINT_GOOD,
              ground_state_word(state), 9);
    buf_printf(&list->out, "%-8.*s", SLICE_FMT(g->kind));
    text_add_safe(&list->out, g->name, 80);
    buf_printf(&list->out, ": %lld sent, %lld hard, %lld block, %lld complaints, %lld opened or clicked\n",
               (long long)g->sent, (long long)g->hard, (long long)g->block, (long long)g->complaint,
               (long long)g->engaged);
    if (!slice_empty(trouble))
        buf_printf(&list->out, "         %.*s%s\n", SLICE_FMT(trouble),
                   ground_looks_bought(g, list->tracks, list->now_us) ? "; nobody opens it: it looks bought" : "");
    arena_fini(&a);
}

static bool show(void *ctx, const struct ledger_ground *g)
{
    struct listing *list = ctx;
    slice tenant = list->session->tenant;
    if ((g->state == GROUND_GOOD && !list->all) || (!slice_empty(tenant) && !slice_eq(tenant, g->tenant)))
        return true;
    list->any = true;
    if (list->json) {
        struct jsonw j;
        jsonw_init(&j, &list->out);
        jsonw_object(&j);
        ground_show(&j, g, list->tracks, list->now_us);
        jsonw_end_object(&j);
        buf_addc(&list->out, '\n');
    } else {
        show_text(list, g);
    }
    return cmd_write(&list->out);
}

static int list_grounds(struct session *s)
{
    err e;
    const char *now = args_text(s->args, "now", NULL);
    struct listing list = {.session = s, .json = args_flag(s->args, "json"), .all = args_flag(s->args, "all")};
    list.now_us = now ? time_parse_any(slice_str(now)) : s->now_us;
    if (list.now_us == TIME_NONE)
        return cmd_usage(s->args, "--now takes a time such as 2026-11-01T12:00:00Z, not '%s'", now);
    buf_init(&list.out, 0);
    enum status st = ground_tracks(s->ledger, list.now_us, &list.tracks, &e);
    if (st == OK)
        st = ledger_grounds(s->ledger, show, &list, &e);
    if (st == OK && !list.any && !list.json)
        buf_adds(&list.out, "nothing new is watched\n");
    cmd_write(&list.out);
    buf_fini(&list.out);
    return st == OK ? EXIT_YES : cmd_fail(s->args, &e);
}

/* Page by page, so that a daemon may write in between. */
static int act(struct session *s, const struct ground_act *what)
{
    struct ground_counts counts = {0};
    slice after = SLICE_EMPTY;
    bool more = true;
    arena a;
    buf out;
    err e;
    enum status st = OK;
    arena_init(&a, 0);
    while (st == OK && more)
        st = ground_act_some(s->ledger, &s->policy, what, &after, &a, &counts, &more, &e);
    arena_fini(&a);
    if (st == E_NOT_FOUND) {
        cmd_error(s->args, "%s", e.text);
        return EXIT_NO;
    }
    if (st != OK)
        return cmd_fail(s->args, &e);
    buf_init(&out, 0);
    buf_printf(&out, "%llu of %llu addresses %s\n", (unsigned long long)counts.changed,
               (unsigned long long)counts.looked, what->release ? "released" : "held: nothing was delivered to them");
    cmd_write(&out);
    buf_fini(&out);
    return EXIT_YES;
}

static int run(struct args *a)
{
    struct session s;
    slice verb = slice_str(args_count(a) ? args_get(a, 0) : "list");
    bool lists = slice_eq(verb, S("list")), releases = slice_eq(verb, S("release"));
    if (!lists && !releases && !slice_eq(verb, S("hold")))
        return cmd_usage(a, "list, hold KIND NAME or release KIND NAME");
    struct ground_act what = {.release = releases,
                              .note = slice_str(args_text(a, "note", "new ground that does badly"))};
    if (!lists) {
        what.kind = ground_kind_find(slice_str(args_count(a) > 1 ? args_get(a, 1) : ""));
        if (args_count(a) != 3 || what.kind > GROUND_IMPORT)
            return cmd_usage(a, "hold and release take a kind (source or import) and its name");
        what.name = slice_str(args_get(a, 2));
    }
    int code = session_open(&s, a, lists ? SESSION_READ : SESSION_WRITE);
    if (code)
        return code;
    what.tenant = s.tenant;
    what.now_us = s.now_us;
    what.actor = slice_str(lists ? "" : session_actor(a));
    code = lists ? list_grounds(&s) : act(&s, &what);
    session_close(&s);
    return code;
}

const struct cmd cmd_ground = {
    .name = "ground",
    .usage = "[options] [list] | hold KIND NAME | release KIND NAME",
    .summary = "imports, sources, platforms, streams and countries that are new, and how they do",
    .details = "The first 1,000 messages of each are watched. hold suppresses those addresses of a source or an import "
               "to which\n"
               "nothing was delivered; release frees what hold has suppressed.",
    .options = options,
    .run = run,
};
