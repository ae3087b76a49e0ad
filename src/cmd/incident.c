#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "cmd/commands.h"
#include "cmd/session.h"
#include "core/incident_json.h"
#include "core/incidents.h"

#define SHOWN 50

static const struct opt options[] = {
    CMD_OPT_LEDGER,
    CMD_OPT_CONFIG,
    CMD_OPT_TENANT,
    {"domain", 'd', OPT_TEXT, "NAME", "open: at this domain"},
    {"provider", 'p', OPT_TEXT, "NAME", "open: at this provider, as reports name it"},
    {"reason", 'r', OPT_LIST, "WORD", "open: only failures of this reason; may be given several times"},
    {"from", 0, OPT_TEXT, "TIME", "open: when it began (UTC where no zone is told)"},
    {"until", 0, OPT_TEXT, "TIME", "open, close: when it ended (close: now)"},
    {"note", 0, OPT_TEXT, "TEXT", "why"},
    {"actor", 0, OPT_TEXT, "NAME", "who does it (default: you)"},
    {"open", 0, OPT_FLAG, NULL, "list: only those that are open"},
    {"limit", 0, OPT_NUMBER, "N", "list: at most so many (default 50, 0: all)"},
    CMD_OPT_JSON,
    OPT_END,
};

struct incident {
    struct args *args;
    struct session session;
    arena a;
    buf out;
    bool json;
    int64_t id;
    int64_t shown;
    enum status status;
    err error;
};

/* ---- printing ---- */

static enum status figures_of(struct incident *n, const struct ledger_circumstance *c, struct ledger_incident *f,
                              bool *there, err *e)
{
    enum status st = ledger_get_incident(n->session.ledger, c->c.id, f, e);
    *there = st == OK;
    return st == E_NOT_FOUND ? OK : st;
}

static void print_json(struct incident *n, const struct ledger_circumstance *c, const struct ledger_incident *f)
{
    struct jsonw j;
    jsonw_init(&j, &n->out);
    jsonw_object(&j);
    incident_members(&j, c, f);
    jsonw_end_object(&j);
    buf_addc(&n->out, '\n');
}

static void add_span(buf *out, const struct ledger_circumstance *c)
{
    time_add_iso(out, c->c.from_us);
    buf_adds(out, " to ");
    if (c->c.until_us == TIME_NONE)
        buf_adds(out, "now");
    else
        time_add_iso(out, c->c.until_us);
}

static void print_line(struct incident *n, const struct ledger_circumstance *c)
{
    buf_printf(&n->out, "%6lld  ", (long long)c->c.id);
    cmd_paint(&n->out,
              c->undone                    ? PAINT_NOTE
              : c->c.until_us == TIME_NONE ? PAINT_BAD
                                           : PAINT_GOOD,
              incident_state(c), 6);
    buf_adds(&n->out, "  ");
    text_add_safe(&n->out, incident_about(c, &n->a), 80);
    buf_adds(&n->out, "  ");
    add_span(&n->out, c);
    buf_addc(&n->out, '\n');
    if (slice_empty(c->note))
        return;
    buf_adds(&n->out, "        ");
    text_add_safe(&n->out, c->note, 200);
    buf_addc(&n->out, '\n');
}

static void print_reasons(struct incident *n, uint64_t reasons)
{
    if (reasons == CIRCUMSTANCE_ALL_REASONS)
        return;
    buf_adds(&n->out, "  only:   ");
    for (unsigned i = 0; i < BOUNCE_REASONS; i++)
        if (reasons >> i & 1)
            buf_printf(&n->out, " %s", bounce_reason_word((enum bounce_reason)i));
    buf_addc(&n->out, '\n');
}

static void print_figures(struct incident *n, const struct ledger_incident *f)
{
    buf_printf(&n->out, "  seen:    %s\n", meter_signal_text((enum meter_signal)f->signal));
    buf_printf(&n->out, "           %u of %u messages failed (%.1f %%; normal is up to %.1f %%)\n", f->failed,
               f->messages, f->share_ppm / 1e4, f->normal_ppm / 1e4);
    if (f->pause)
        buf_adds(&n->out,
                 "  advice:  pause mail there meanwhile: to the receiver it looks as if you guessed addresses\n");
}

static void print_state(struct incident *n, const struct ledger_circumstance *c)
{
    const char *what =
        c->undone ? "it was undone: its failures count as any"
        : c->c.until_us == TIME_NONE
            ? "its failures are held and do not count; `bounced incident close` ends it, `undo` lets all of it count"
            : "its failures do not count; `bounced incident undo` lets them count";
    buf_printf(&n->out, "  now:     %s, %s\n", incident_state(c), what);
    if (c->work_seq)
        buf_adds(&n->out, "           addresses are being judged anew\n");
}

static void print_whole(struct incident *n, const struct ledger_circumstance *c, const struct ledger_incident *f)
{
    buf_printf(&n->out, "incident %lld: ", (long long)c->c.id);
    text_add_safe(&n->out, incident_about(c, &n->a), 200);
    buf_adds(&n->out, "\n  span:    ");
    add_span(&n->out, c);
    buf_addc(&n->out, '\n');
    if (!slice_empty(c->tenant)) {
        buf_adds(&n->out, "  tenant:  ");
        text_add_safe(&n->out, c->tenant, 100);
        buf_addc(&n->out, '\n');
    }
    print_reasons(n, c->c.reasons);
    if (f)
        print_figures(n, f);
    buf_adds(&n->out, "  by:      ");
    text_add_safe(&n->out, c->actor, 100);
    buf_printf(&n->out, "%s\n", c->manual ? ", who opened it" : "");
    if (!slice_empty(c->note)) {
        buf_adds(&n->out, "  note:    ");
        text_add_safe(&n->out, c->note, 400);
        buf_addc(&n->out, '\n');
    }
    print_state(n, c);
}

/* ---- list, show ---- */

static bool concerns(const struct incident *n, const struct ledger_circumstance *c)
{
    bool open = !c->undone && c->c.until_us == TIME_NONE;
    return c->c.what == CIRCUMSTANCE_INCIDENT && (open || !args_flag(n->args, "open")) &&
           (slice_empty(n->session.tenant) || slice_empty(c->tenant) || slice_eq(c->tenant, n->session.tenant));
}

static bool list_one(void *ctx, const struct ledger_circumstance *c)
{
    struct incident *n = ctx;
    struct ledger_incident f;
    bool there;
    int64_t limit = args_number(n->args, "limit", SHOWN);
    if (!concerns(n, c))
        return true;
    if (limit && n->shown == limit)
        return false;
    n->shown++;
    n->status = figures_of(n, c, &f, &there, &n->error);
    if (n->status != OK)
        return false;
    if (n->json)
        print_json(n, c, there ? &f : NULL);
    else
        print_line(n, c);
    arena_reset(&n->a);
    return cmd_write(&n->out);
}

static int list(struct incident *n)
{
    err e;
    if (ledger_circumstances(n->session.ledger, 0, list_one, n, &e) != OK)
        return cmd_fail(n->args, &e);
    if (n->status != OK)
        return cmd_fail(n->args, &n->error);
    if (!n->shown && !n->json)
        buf_adds(&n->out, args_flag(n->args, "open") ? "no incident is open\n" : "there was no incident\n");
    return EXIT_YES;
}

static int show(struct incident *n)
{
    struct ledger_circumstance c;
    struct ledger_incident f;
    bool there = false;
    err e;
    enum status st = ledger_get_circumstance(n->session.ledger, n->id, &n->a, &c, &e);
    if (st == OK && c.c.what != CIRCUMSTANCE_INCIDENT)
        st = err_set(&e, E_NOT_FOUND, "there is no incident %lld", (long long)n->id);
    if (st == OK)
        st = figures_of(n, &c, &f, &there, &e);
    if (st == E_NOT_FOUND) {
        cmd_error(n->args, "%s", e.text);
        return EXIT_NO;
    }
    if (st != OK)
        return cmd_fail(n->args, &e);
    if (n->json)
        print_json(n, &c, there ? &f : NULL);
    else
        print_whole(n, &c, there ? &f : NULL);
    return EXIT_YES;
}

/* ---- open, close, undo ---- */

static int take_time(struct incident *n, const char *option, int64_t otherwise, int64_t *out)
{
    const char *text = args_text(n->args, option, NULL);
    *out = text ? time_parse_any(slice_str(text)) : otherwise;
    if (text && *out == TIME_NONE)
        return cmd_usage(n->args, "--%s: '%s' is no time; 2020-12-14 22:16 or 2020-12-14T22:16:00Z", option, text);
    return EXIT_YES;
}

static int take_reasons(struct incident *n, uint64_t *out)
{
    *out = 0;
    const char *word;
    for (size_t i = 0; (word = args_list(n->args, "reason", i)) != NULL; i++) {
        enum bounce_reason r = bounce_reason_find(slice_str(word));
        if (r == BOUNCE_REASONS)
            return cmd_usage(n->args, "--reason: there is no reason '%s'; docs/taxonomy.md lists them", word);
        *out |= UINT64_C(1) << r;
    }
    return EXIT_YES;
}

static int take_opened(struct incident *n, struct ledger_circumstance *c)
{
    const char *domain = args_text(n->args, "domain", NULL), *provider = args_text(n->args, "provider", NULL);
    if (!domain == !provider)
        return cmd_usage(n->args, "open: --domain or --provider says where");
    if (!args_text(n->args, "from", NULL))
        return cmd_usage(n->args, "open: --from says when it began");
    *c = (struct ledger_circumstance){.c.by = domain ? MARK_NONE : MARK_PROVIDER,
                                      .tenant = n->session.tenant,
                                      .actor = slice_str(session_actor(n->args)),
                                      .note = slice_str(args_text(n->args, "note", ""))};
    slice key = SLICE_EMPTY;
    if (domain && (!entry_name(arena_printf(&n->a, "@%s", domain), &n->a, &c->domain, &key)))
        return cmd_usage(n->args, "--domain: '%s' is no domain", domain);
    c->domain = key;
    c->name = slice_str(provider ? provider : "");
    int code = take_time(n, "from", TIME_NONE, &c->c.from_us);
    if (code == EXIT_YES)
        code = take_time(n, "until", TIME_NONE, &c->c.until_us);
    return code == EXIT_YES ? take_reasons(n, &c->c.reasons) : code;
}

static enum status change(struct incident *n, slice verb, struct ledger_circumstance *opened, int64_t until_us, err *e)
{
    struct ledger *l = n->session.ledger;
    slice actor = slice_str(session_actor(n->args)), note = slice_str(args_text(n->args, "note", ""));
    enum status st = ledger_begin(l, e);
    if (st != OK)
        return st;
    if (slice_eq(verb, S("open")))
        st = incident_open(l, opened, n->session.now_us, e);
    else if (slice_eq(verb, S("close")))
        st = incident_close(l, n->id, until_us, actor, note, n->session.now_us, e);
    else
        st = incident_undo(l, n->id, actor, note, n->session.now_us, e);
    if (st == OK)
        st = ledger_commit(l, e);
    if (st != OK)
        ledger_abort(l);
    return st;
}

static void print_counts(struct incident *n, const struct around_counts *c)
{
    if (n->json)
        return;
    buf_printf(&n->out, "%llu address%s judged anew: %llu no longer suppressed, %llu suppressed\n",
               (unsigned long long)c->folded, c->folded == 1 ? "" : "es", (unsigned long long)c->lifted,
               (unsigned long long)c->suppressed);
}

static int act(struct incident *n, slice verb)
{
    struct ledger_circumstance opened = {0};
    struct around_counts counts = {0};
    int64_t until_us = n->session.now_us;
    err e;
    bool opens = slice_eq(verb, S("open"));
    int code = opens ? take_opened(n, &opened) : take_time(n, "until", n->session.now_us, &until_us);
    if (code != EXIT_YES)
        return code;
    enum status st = change(n, verb, &opened, until_us, &e);
    if (st == E_NOT_FOUND || st == E_DENIED) {
        cmd_error(n->args, "%s", e.text);
        return EXIT_NO;
    }
    if (st == OK)
        st = around_finish(n->session.ledger, &n->session.policy, n->session.now_us, &counts, &e);
    if (st != OK)
        return cmd_fail(n->args, &e);
    n->id = opens ? opened.c.id : n->id;
    code = show(n);
    print_counts(n, &counts);
    return code;
}

/* ---- all ---- */

static bool take_id(struct incident *n)
{
    const char *text = args_count(n->args) > 1 ? args_get(n->args, 1) : "";
    char *end;
    errno = 0;
    n->id = strtoll(text, &end, 10);
    return *text && !*end && !errno && n->id > 0;
}

static int run(struct args *a)
{
    struct incident n = {.args = a, .json = args_flag(a, "json")};
    slice verb = slice_str(args_count(a) ? args_get(a, 0) : "list");
    bool lists = slice_eq(verb, S("list")), opens = slice_eq(verb, S("open")), shows = slice_eq(verb, S("show"));
    if (!lists && !opens && !shows && !slice_eq(verb, S("close")) && !slice_eq(verb, S("undo")))
        return cmd_usage(a, "list, show, open, close or undo");
    if (!lists && !opens && !take_id(&n))
        return cmd_usage(a, "which incident? `bounced incident list` shows their numbers");
    int code = session_open(&n.session, a, lists || shows ? SESSION_READ : SESSION_WRITE);
    if (code)
        return code;
    buf_init(&n.out, 0);
    arena_init(&n.a, 0);
    code = lists ? list(&n) : shows ? show(&n) : act(&n, verb);
    cmd_write(&n.out);
    arena_fini(&n.a);
    buf_fini(&n.out);
    session_close(&n.session);
    return code;
}

const struct cmd cmd_incident = {
    .name = "incident",
    .usage = "[options] [list] | show ID | open | close ID | undo ID",
    .summary = "a receiver's bad day: what failed in it does not count against addresses",
    .details =
        "Incidents are noticed as mail is taken in (docs/incidents.md). One that was not is opened by hand, also long\n"
        "after: addresses that were suppressed for what happened in it are lifted. undo takes one away as if it had\n"
        "never been.",
    .options = options,
    .run = run,
};
