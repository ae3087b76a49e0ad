#include <string.h>

#include "base/arena.h"
#include "base/text.h"
#include "cmd/commands.h"
#include "cmd/print_report.h"
#include "cmd/session.h"
#include "core/acts.h"
#include "core/review.h"
#include "core/show.h"

#define USER_RULES "/etc/bounced/rules.d/reviewed.rules"
#define SHOWN 50

static const struct opt options[] = {
    CMD_OPT_LEDGER,
    CMD_OPT_CONFIG,
    CMD_OPT_TENANT,
    {"limit", 0, OPT_NUMBER, "N", "show at most so many (default 50, 0: all)"},
    {"actor", 0, OPT_TEXT, "NAME", "vouch, dismiss: who does it (default: you)"},
    {"note", 0, OPT_TEXT, "TEXT", "vouch, dismiss: why"},
    {"rules-file", 0, OPT_TEXT, "FILE", "assign: where the new rule goes (default " USER_RULES ")"},
    CMD_OPT_JSON,
    OPT_END,
};

struct review {
    struct args *args;
    struct session session;
    arena arena;
    buf out;
    bool json;
    uint64_t shown;
};

static void held_json(struct review *v, const struct held_report *h)
{
    struct jsonw j;
    jsonw_init(&j, &v->out);
    jsonw_object(&j);
    jsonw_kstr(&j, "type", S("held"));
    show_held(&j, h);
    jsonw_end_object(&j);
    buf_addc(&v->out, '\n');
}

static bool held_one(void *ctx, const struct held_report *h)
{
    struct review *v = ctx;
    v->shown++;
    if (v->json) {
        held_json(v, h);
        return true;
    }
    buf_printf(&v->out, "%10lld  ", (long long)h->seq);
    text_add_safe(&v->out, h->address, 254);
    buf_printf(&v->out, "  %s", bounce_kind_word(h->o->kind));
    if (bounce_kind_final(h->o->kind))
        buf_printf(&v->out, ": %s", bounce_reason_word(h->o->verdict.reason));
    buf_addc(&v->out, '\n');
    if (!slice_empty(h->o->reply)) {
        buf_adds(&v->out, "            ");
        text_add_safe(&v->out, h->o->reply, 160);
        buf_addc(&v->out, '\n');
    }
    return true;
}

static bool group_one(void *ctx, const struct ledger_group *g)
{
    struct review *v = ctx;
    v->shown++;
    if (v->json) {
        struct jsonw j;
        jsonw_init(&j, &v->out);
        jsonw_object(&j);
        jsonw_kstr(&j, "type", S("group"));
        show_group(&j, g);
        jsonw_end_object(&j);
    } else {
        buf_printf(&v->out, "%8lld  %10lld times  ", (long long)g->id, (long long)g->count);
        text_add_safe(&v->out, g->example, 200);
    }
    buf_addc(&v->out, '\n');
    return true;
}

static int show(struct review *v)
{
    err e;
    int64_t limit = args_number(v->args, "limit", SHOWN);
    if (!v->json)
        buf_adds(&v->out, "Held reports (anybody could have sent them); vouch for or dismiss one by its number:\n");
    if (held_reports(v->session.ledger, &v->session.policy, v->session.tenant, limit, held_one, v, &e) != OK)
        return cmd_fail(v->args, &e);
    if (!v->json)
        buf_printf(&v->out,
                   "%s\nReplies that no rule knows; give a group its reason by `bounced review assign GROUP REASON`:\n",
                   v->shown ? "" : "  none\n");
    v->shown = 0;
    if (ledger_groups(v->session.ledger, BOUNCE_REASON_UNKNOWN, limit, group_one, v, &e) != OK)
        return cmd_fail(v->args, &e);
    if (!v->json && !v->shown)
        buf_adds(&v->out, "  none\n");
    return EXIT_YES;
}

static bool number_at(const struct args *a, size_t i, int64_t *out)
{
    uint64_t n;
    const char *text = args_get(a, i);
    if (!text || !slice_u64(slice_str(text), &n) || n > INT64_MAX)
        return false;
    *out = (int64_t)n;
    return true;
}

static int assign(struct review *v)
{
    int64_t group;
    slice rule;
    err e;
    if (args_count(v->args) != 3 || !number_at(v->args, 1, &group))
        return cmd_usage(v->args, "review assign GROUP REASON; `bounced review` shows the groups");
    enum bounce_reason reason = bounce_reason_find(slice_str(args_get(v->args, 2)));
    if (reason == BOUNCE_REASONS)
        return cmd_usage(v->args, "there is no reason '%s'; docs/taxonomy.md lists them", args_get(v->args, 2));
    enum status got = review_assign(v->session.ledger, group, reason, args_text(v->args, "rules-file", USER_RULES),
                                    &v->arena, &rule, &e);
    if (got != OK)
        return cmd_fail(v->args, &e);
    buf_printf(&v->out, "added to %s:\n\n", args_text(v->args, "rules-file", USER_RULES));
    buf_add(&v->out, rule);
    buf_addc(&v->out, '\n');
    return EXIT_YES;
}

struct find {
    int64_t seq, id;
    slice address;
    arena *arena;
};

static bool find_one(void *ctx, const struct held_report *h)
{
    struct find *f = ctx;
    if (h->seq != f->seq)
        return true;
    f->id = h->address_id;
    f->address = arena_dup(f->arena, h->address);
    return false;
}

static int decide(struct review *v, bool vouch)
{
    struct find f = {.address = SLICE_EMPTY, .arena = &v->arena};
    struct act_result r;
    err e;
    if (args_count(v->args) != 2 || !number_at(v->args, 1, &f.seq))
        return cmd_usage(v->args, "review %s NUMBER; `bounced review` shows the held reports",
                         vouch ? "vouch" : "dismiss");
    if (held_reports(v->session.ledger, &v->session.policy, v->session.tenant, 0, find_one, &f, &e) != OK)
        return cmd_fail(v->args, &e);
    if (slice_empty(f.address)) {
        cmd_error(v->args, "no report %lld is held", (long long)f.seq);
        return EXIT_NO;
    }
    struct act act = {.tenant = v->session.tenant,
                      .address = f.address,
                      .id = f.id,
                      .actor = slice_str(session_actor(v->args)),
                      .note = slice_str(args_text(v->args, "note", "")),
                      .stream = SLICE_EMPTY,
                      .reverified = SLICE_EMPTY,
                      .time_us = v->session.now_us};
    enum status got = (vouch ? held_vouch : held_dismiss)(v->session.ledger, &v->session.policy, &act, f.seq, &r, &e);
    if (got != OK)
        return cmd_fail(v->args, &e);
    text_add_safe(&v->out, f.address, 254);
    buf_printf(&v->out, ": %s\n", state_word(r.to));
    return EXIT_YES;
}

static int act_on(struct review *v, const char *what)
{
    if (!what)
        return show(v);
    if (strcmp(what, "assign") == 0)
        return assign(v);
    if (strcmp(what, "vouch") == 0)
        return decide(v, true);
    if (strcmp(what, "dismiss") == 0)
        return decide(v, false);
    return cmd_usage(v->args, "what to do? assign, vouch, dismiss, or nothing to see what waits");
}

static int run(struct args *a)
{
    struct review v = {.args = a, .json = args_flag(a, "json")};
    const char *what = args_get(a, 0);
    bool writes = what && strcmp(what, "assign") != 0;
    int code = session_open(&v.session, a, writes ? SESSION_WRITE : SESSION_READ);
    if (code)
        return code;
    arena_init(&v.arena, 0);
    buf_init(&v.out, 0);
    code = act_on(&v, what);
    cmd_write(&v.out);
    buf_fini(&v.out);
    arena_fini(&v.arena);
    session_close(&v.session);
    return code;
}

const struct cmd cmd_review = {
    .name = "review",
    .usage = "[options] [assign GROUP REASON | vouch NUMBER | dismiss NUMBER]",
    .summary = "what waits for a person: held reports, and replies that no rule knows",
    .details =
        "assign writes a rule with the group's example into your rules file, after trying it against all others.",
    .options = options,
    .run = run,
};
