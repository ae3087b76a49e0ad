#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/map.h"
#include "base/text.h"
#include "cmd/commands.h"
#include "cmd/rates.h"
#include "cmd/session.h"

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

static const struct {
    const char *word;
    enum tally_by by;
} dimensions[] = {
    {"campaign", TALLY_CAMPAIGN}, {"day", TALLY_DAY},       {"domain", TALLY_DOMAIN}, {"provider", TALLY_PROVIDER},
    {"source", TALLY_SOURCE},     {"reason", TALLY_REASON}, {"stream", TALLY_STREAM}, {"ip", TALLY_IP},
};

struct row {
    slice name;
    struct rates rates;
};

struct report {
    struct args *args;
    struct session session;
    arena arena;
    buf out;
    map by_name;
    struct row *rows;
    size_t n, cap;
    const char *word;
    enum tally_by by;
    bool limited;
};

static struct row *row_of(struct report *r, slice name)
{
    struct row *row = map_get(&r->by_name, name);
    if (row)
        return row;
    slice copy = arena_dup(&r->arena, name);
    row = ARENA_NEW(&r->arena, struct row);
    void **place = row && copy.n == name.n ? map_put(&r->by_name, copy) : NULL;
    if (!place)
        return NULL;
    row->name = copy;
    *place = row;
    r->n++;
    return row;
}

/* Only a failure has a reason. */
static slice row_name(const struct report *r, const struct tally_row *t)
{
    bool failure = bounce_kind_final(t->kind) || bounce_kind_attempt(t->kind);
    return r->by == TALLY_REASON && !failure ? S("(no failure)") : t->name;
}

static bool tally_one(void *ctx, const struct tally_row *t)
{
    struct report *r = ctx;
    struct row *row = row_of(r, row_name(r, t));
    r->limited |= !row;
    if (row)
        rates_add(&row->rates, t->kind, t->reason, t->count);
    return row != NULL;
}

static int64_t weight(const struct rates *r)
{
    return r->upstream + r->local + r->deferred + r->complaint + r->unsubscribed;
}

static int larger_first(const void *a, const void *b)
{
    const struct row *x = a, *y = b;
    int64_t wx = rates_sent(&x->rates), wy = rates_sent(&y->rates);
    if (wx == wy)
        wx = weight(&x->rates), wy = weight(&y->rates);
    return wx != wy ? (wx < wy) - (wx > wy) : slice_cmp(x->name, y->name);
}

static int by_name(const void *a, const void *b)
{
    const struct row *x = a, *y = b;
    return slice_cmp(x->name, y->name);
}

static int sort_rows(struct report *r)
{
    struct map_slot *slot;
    size_t i = 0, n = 0;
    r->rows = arena_calloc(&r->arena, r->n + 1, sizeof *r->rows);
    if (!r->rows || r->limited) {
        cmd_error(r->args, "no memory for the rows");
        return EXIT_TEMPFAIL;
    }
    while ((slot = map_next(&r->by_name, &i)) != NULL)
        r->rows[n++] = *(struct row *)slot->value;
    r->n = n;
    qsort(r->rows, r->n, sizeof *r->rows, r->by == TALLY_DAY ? by_name : larger_first);
    return EXIT_YES;
}

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
    for (size_t i = 0; i < r->n; i++) {
        const struct rates *x = &r->rows[i].rates;
        if (i < shown)
            table_row(&r->out, r->rows[i].name, x);
        total.delivered += x->delivered, total.relayed += x->relayed, total.hard += x->hard, total.soft += x->soft;
        total.block += x->block, total.guide_hard += x->guide_hard, total.unknown += x->unknown,
            total.complaint += x->complaint;
    }
    if (r->n > shown)
        buf_printf(&r->out, "... and %zu smaller rows (--limit 0 shows all)\n", r->n - shown);
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
    for (size_t i = 0; i < r->n && i < shown; i++)
        csv_row(&r->out, r->rows[i].name, &r->rows[i].rates);
}

static void json(struct report *r, size_t shown)
{
    for (size_t i = 0; i < r->n && i < shown; i++) {
        const struct rates *x = &r->rows[i].rates;
        int64_t sent = rates_sent(x);
        struct jsonw j;
        jsonw_init(&j, &r->out);
        jsonw_object(&j);
        jsonw_kstr(&j, r->word, r->rows[i].name);
        jsonw_ki64(&j, "sent", sent);
        jsonw_ki64(&j, "delivered", x->delivered);
        jsonw_ki64(&j, "relayed", x->relayed);
        jsonw_ki64(&j, "hard", x->hard);
        jsonw_ki64(&j, "soft", x->soft);
        jsonw_ki64(&j, "block", x->block);
        jsonw_ki64(&j, "guide_hard", x->guide_hard);
        jsonw_ki64(&j, "unknown", x->unknown);
        jsonw_ki64(&j, "upstream", x->upstream);
        jsonw_ki64(&j, "local", x->local);
        jsonw_ki64(&j, "deferred", x->deferred);
        jsonw_ki64(&j, "complaint", x->complaint);
        jsonw_ki64(&j, "unsubscribed", x->unsubscribed);
        jsonw_ki64(&j, "hard_ppm", rates_ppm(x->hard, sent));
        jsonw_ki64(&j, "soft_ppm", rates_ppm(x->soft, sent));
        jsonw_ki64(&j, "block_ppm", rates_ppm(x->block, sent));
        jsonw_ki64(&j, "guide_hard_ppm", rates_ppm(x->guide_hard, sent));
        jsonw_ki64(&j, "complaint_ppm", rates_ppm(x->complaint, x->delivered));
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
    if (ledger_report(r->session.ledger, r->by, r->session.tenant, from, to, tally_one, r, &e) != OK)
        return cmd_fail(r->args, &e);
    code = sort_rows(r);
    if (code)
        return code;
    int64_t limit = args_number(r->args, "limit", SHOWN);
    size_t shown = limit > 0 ? (size_t)limit : SIZE_MAX;
    (args_flag(r->args, "json") ? json : args_flag(r->args, "csv") ? csv : table)(r, shown);
    cmd_write(&r->out);
    return EXIT_YES;
}

static int run(struct args *a)
{
    struct report r = {.args = a, .word = args_text(a, "by", "campaign"), .by = TALLY_DIMENSIONS};
    for (size_t i = 0; i < ARRAY_LEN(dimensions); i++)
        if (strcmp(dimensions[i].word, r.word) == 0)
            r.by = dimensions[i].by;
    if (r.by == TALLY_DIMENSIONS)
        return cmd_usage(a, "--by takes campaign, day, domain, provider, source, reason, stream or ip");
    if (args_count(a))
        return cmd_usage(a, "takes no arguments");
    int code = session_open(&r.session, a, SESSION_READ);
    if (code)
        return code;
    arena_init(&r.arena, 0);
    buf_init(&r.out, 0);
    map_init(&r.by_name, ledger_key(r.session.ledger));
    code = make(&r);
    map_fini(&r.by_name);
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
