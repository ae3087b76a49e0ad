#include "base/text.h"
#include "cmd/commands.h"
#include "cmd/session.h"
#include "core/outbox.h"

static const struct opt options[] = {
    CMD_OPT_LEDGER,
    {"letter", 0, OPT_NUMBER, "ID", "replay: only this one"},
    CMD_OPT_JSON,
    OPT_END,
};

struct webhooks {
    struct session session;
    buf out;
    bool json;
    const struct ledger_endpoint *endpoint; /* at hand */
};

/* ---- list ---- */

static void put_endpoint(struct webhooks *w, int64_t waiting, int64_t dead, int64_t oldest_us)
{
    const struct ledger_endpoint *p = w->endpoint;
    if (w->json) {
        struct jsonw j;
        jsonw_init(&j, &w->out);
        jsonw_object(&j);
        jsonw_kstr(&j, "webhook", p->name);
        jsonw_kbool(&j, "active", p->active);
        jsonw_kstr_opt(&j, "tenant", p->tenant);
        jsonw_ki64(&j, "waiting", waiting);
        jsonw_ki64(&j, "dead", dead);
        jsonw_ktime_opt(&j, "oldest", oldest_us);
        jsonw_end_object(&j);
    } else {
        text_add_safe(&w->out, p->name, 40);
        buf_printf(&w->out, ": %lld waiting, %lld dead%s", (long long)waiting, (long long)dead,
                   p->active ? "" : " (no longer in the settings)");
    }
    buf_addc(&w->out, '\n');
}

static enum status list_one(struct webhooks *w, err *e)
{
    int64_t waiting, dead, oldest_us = TIME_NONE, ignored;
    enum status st = ledger_letter_count(w->session.ledger, w->endpoint->id, false, &waiting, &oldest_us, e);
    if (st == OK)
        st = ledger_letter_count(w->session.ledger, w->endpoint->id, true, &dead, &ignored, e);
    if (st == OK)
        put_endpoint(w, waiting, dead, oldest_us);
    return st;
}

/* ---- dead ---- */

static bool put_letter(void *ctx, const struct ledger_letter *m)
{
    struct webhooks *w = ctx;
    if (w->json) {
        struct jsonw j;
        jsonw_init(&j, &w->out);
        jsonw_object(&j);
        jsonw_kstr(&j, "webhook", w->endpoint->name);
        jsonw_ki64(&j, "letter", m->id);
        jsonw_kstr(&j, "kind",
                   m->kind < OUTBOX_KINDS ? slice_str(outbox_kind_word((enum outbox_kind)m->kind)) : S("?"));
        jsonw_ktime_opt(&j, "made", m->made_us);
        jsonw_ki64(&j, "attempts", m->attempts);
        jsonw_kstr(&j, "error", m->error);
        jsonw_kstr(&j, "body", m->body);
        jsonw_end_object(&j);
    } else {
        buf_printf(&w->out, "%8lld  ", (long long)m->id);
        text_add_safe(&w->out, w->endpoint->name, 40);
        buf_printf(&w->out,
                   "  %s  %u attempts: ", m->kind < OUTBOX_KINDS ? outbox_kind_word((enum outbox_kind)m->kind) : "?",
                   m->attempts);
        text_add_safe(&w->out, m->error, 160);
    }
    buf_addc(&w->out, '\n');
    return cmd_write(&w->out);
}

static enum status dead_one(struct webhooks *w, err *e)
{
    return ledger_letters(w->session.ledger, w->endpoint->id, true, 0, 0, put_letter, w, e);
}

/* ---- replay ---- */

static enum status replay_one(struct webhooks *w, err *e)
{
    int64_t n, letter = args_number(w->session.args, "letter", 0);
    struct ledger_endpoint p = *w->endpoint; /* the list is good until the ledger is written */
    enum status st = ledger_begin(w->session.ledger, e);
    if (st == OK)
        st = ledger_letter_revive(w->session.ledger, p.id, letter, w->session.now_us, &n, e);
    if (st == OK)
        st = ledger_commit(w->session.ledger, e);
    if (st != OK) {
        ledger_abort(w->session.ledger);
        return st;
    }
    buf_printf(&w->out, "%lld letter%s to be sent again\n", (long long)n, n == 1 ? "" : "s");
    return OK;
}

/* ---- all ---- */

static int each(struct webhooks *w, slice name, enum status (*one)(struct webhooks *w, err *e))
{
    const struct ledger_endpoint *all;
    size_t n;
    bool found = slice_empty(name);
    err e;
    enum status st = ledger_endpoints(w->session.ledger, &all, &n, &e);
    for (size_t i = 0; i < n && st == OK; i++) {
        if (!slice_empty(name) && !slice_eq(all[i].name, name))
            continue;
        found = true;
        w->endpoint = &all[i];
        st = one(w, &e);
    }
    if (st != OK)
        return cmd_fail(w->session.args, &e);
    if (!found) {
        cmd_error(w->session.args, "there is no webhook '%.*s'; `bounced webhooks list` shows them", SLICE_FMT(name));
        return EXIT_NO;
    }
    return EXIT_YES;
}

static int run(struct args *a)
{
    struct webhooks w = {.json = args_flag(a, "json")};
    slice verb = slice_str(args_count(a) ? args_get(a, 0) : "list");
    slice name = slice_str(args_count(a) > 1 ? args_get(a, 1) : "");
    bool replays = slice_eq(verb, S("replay")), dead = slice_eq(verb, S("dead"));
    if (!replays && !dead && !slice_eq(verb, S("list")))
        return cmd_usage(a, "list, dead or replay");
    if (replays && slice_empty(name))
        return cmd_usage(a, "replay which webhook? `bounced webhooks list` shows them");
    int code = session_open(&w.session, a, replays ? SESSION_WRITE : SESSION_READ);
    if (code)
        return code;
    buf_init(&w.out, 0);
    code = each(&w, name, replays ? replay_one : dead ? dead_one : list_one);
    cmd_write(&w.out);
    buf_fini(&w.out);
    session_close(&w.session);
    return code;
}

const struct cmd cmd_webhooks = {
    .name = "webhooks",
    .usage = "[options] [list] | dead [NAME] | replay NAME",
    .summary = "letters to other systems: what waits, what could not be delivered, and sending it again",
    .details =
        "A daemon sends them; [webhook NAME] of its settings says where to. A letter that did not arrive within\n"
        "`give_up` (3 days) is dead: it is kept until it is replayed.",
    .options = options,
    .run = run,
};
