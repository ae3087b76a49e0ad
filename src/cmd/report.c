#include "base/arena.h"
#include "base/text.h"
#include "cmd/commands.h"
#include "cmd/session.h"
#include "core/show.h"
#include "core/summary.h"

#define SHOWN 50

static const struct opt options[] = {
    CMD_OPT_LEDGER,
    CMD_OPT_TENANT,
    {"by", 0, OPT_TEXT, "WHAT", "campaign (default), day, domain, provider, source, reason, stream or ip"},
    {"from", 0, OPT_TEXT, "TIME", "from this time on (2026-11-01, or a full ISO time)"},
    {"to", 0, OPT_TEXT, "TIME", "before this time"},
    {"limit", 0, OPT_NUMBER, "N", "the N largest rows (default 50, 0: all)"},
    {"csv", 0, OPT_FLAG, NULL, "print CSV"},
    CMD_OPT_JSON,
    OPT_END,
};

struct report {
    struct args *args;
    struct session session;
    arena arena;
    buf out;
    struct summary summary;
    const char *word;
    enum tally_by by;
};

/* ---- three ways to print ---- */

static void percent(buf *out, int64_t part, int64_t whole)
{
    int64_t ppm = rates_ppm(part, whole);
    if (whole > 0)
        buf_printf(out, " %4lld.%02lld", (long long)(ppm / 10000), (long long)(ppm % 10000 / 100));
    else
        buf_printf(out, " %7s", "-");
}

static void table_row(buf *out, slice name, const struct rates *r)
{
    int64_t sent = rates_sent(r);
    size_t start = out->n;
    text_add_safe(out, slice_empty(name) ? S("(none)") : name, 28);
    while (out->n - start < 28)
        buf_addc(out, ' ');
    buf_printf(out, " %9lld %9lld %7lld %7lld %7lld", (long long)sent, (long long)(r->delivered + r->relayed),
               (long long)r->hard, (long long)r->soft, (long long)r->block);
    percent(out, r->hard, sent);
    percent(out, r->soft, sent);
    percent(out, r->block, sent);
    percent(out, r->guide_hard, sent);
    percent(out, r->complaint, r->delivered);
    buf_printf(out, " %8lld\n", (long long)r->unknown);
}

static void table(struct report *r, size_t shown)
{
    struct rates total = {0};
    buf_printf(&r->out, "%-28s %9s %9s %7s %7s %7s %7s %7s %7s %7s %7s %8s\n", r->word, "sent", "delivered", "hard",
               "soft", "block", "hard %", "soft %", "block %", "guide %", "compl %", "unknown");
    for (size_t i = 0; i < r->summary.n; i++) {
        const struct rates *x = &r->summary.rows[i].rates;
        if (i < shown)
            table_row(&r->out, r->summary.rows[i].name, x);
        total.delivered += x->delivered, total.relayed += x->relayed, total.hard += x->hard, total.soft += x->soft;
        total.block += x->block, total.guide_hard += x->guide_hard, total.unknown += x->unknown,
            total.complaint += x->complaint;
    }
    if (r->summary.n > shown)
        buf_printf(&r->out, "... and %zu smaller rows (--limit 0 shows all)\n", r->summary.n - shown);
    table_row(&r->out, S("all"), &total);
    buf_adds(&r->out, "\nMessages by their end. sent = delivered + hard + soft + block; hard, soft, block % = of sent; "
                      "compl % = complaints of\n"
                      "delivered; guide % = what two-word guides call hard (hard, and refusals by policy, block list, "
                      "size), of sent.\n"
                      "upstream-suppressed and local-error are left out: they were not sent. More: docs/rates.md\n");
}

static void csv_row(buf *out, slice name, const struct rates *r)
{
    buf_addc(out, '"');
    for (size_t i = 0; i < name.n; i++) {
        if (name.p[i] == '"')
            buf_addc(out, '"');
        buf_addc(out, name.p[i]);
    }
    buf_printf(out, "\",%lld,%lld,%lld,%lld,%lld,%lld,%lld,%lld,%lld,%lld,%lld,%lld,%lld\n", (long long)rates_sent(r),
               (long long)r->delivered, (long long)r->relayed, (long long)r->hard, (long long)r->soft,
               (long long)r->block, (long long)r->guide_hard, (long long)r->unknown, (long long)r->upstream,
               (long long)r->local, (long long)r->deferred, (long long)r->complaint, (long long)r->unsubscribed);
}

static void csv(struct report *r, size_t shown)
{
    buf_printf(
        &r->out,
        "%s,sent,delivered,relayed,hard,soft,block,guide_hard,unknown,upstream,local,deferred,complaint,unsubscribed\n",
        r->word);
    for (size_t i = 0; i < r->summary.n && i < shown; i++)
        csv_row(&r->out, r->summary.rows[i].name, &r->summary.rows[i].rates);
}

static void json(struct report *r, size_t shown)
{
    for (size_t i = 0; i < r->summary.n && i < shown; i++) {
        const struct rates *x = &r->summary.rows[i].rates;
        struct jsonw j;
        jsonw_init(&j, &r->out);
        jsonw_object(&j);
        jsonw_kstr(&j, r->word, r->summary.rows[i].name);
        show_rates(&j, x);
        jsonw_end_object(&j);
        buf_addc(&r->out, '\n');
    }
}

static int take_time(struct report *r, const char *option, int64_t otherwise, int64_t *out)
{
    const char *text = args_text(r->args, option, NULL);
    *out = text ? time_parse_any(slice_str(text)) : otherwise;
    if (text && *out == TIME_NONE)
        return cmd_usage(r->args, "--%s takes a time such as 2026-11-01 or 2026-11-01T12:00:00Z, not '%s'", option,
                         text);
    return EXIT_YES;
}

static int make(struct report *r)
{
    err e;
    int64_t from, to;
    int code = take_time(r, "from", TIME_NONE, &from);
    if (code == EXIT_YES)
        code = take_time(r, "to", TIME_NONE, &to);
    if (code)
        return code;
    if (summary_make(r->session.ledger, r->by, r->session.tenant, from, to, &r->arena, &r->summary, &e) != OK)
        return cmd_fail(r->args, &e);
    int64_t limit = args_number(r->args, "limit", SHOWN);
    size_t shown = limit > 0 ? (size_t)limit : SIZE_MAX;
    (args_flag(r->args, "json") ? json : args_flag(r->args, "csv") ? csv : table)(r, shown);
    cmd_write(&r->out);
    return EXIT_YES;
}

static int run(struct args *a)
{
    struct report r = {.args = a, .word = args_text(a, "by", "campaign"), .by = TALLY_DIMENSIONS};
    r.by = summary_by(slice_str(r.word));
    if (r.by == TALLY_DIMENSIONS)
        return cmd_usage(a, "--by takes campaign, day, domain, provider, source, reason, stream or ip");
    if (args_count(a))
        return cmd_usage(a, "takes no arguments");
    int code = session_open(&r.session, a, SESSION_READ);
    if (code)
        return code;
    arena_init(&r.arena, 0);
    buf_init(&r.out, 0);
    code = make(&r);
    buf_fini(&r.out);
    arena_fini(&r.arena);
    session_close(&r.session);
    return code;
}

const struct cmd cmd_report = {
    .name = "report",
    .usage = "[options]",
    .summary = "what became of the messages, by campaign, day, domain, provider, source or reason",
    .details = NULL,
    .options = options,
    .run = run,
};
