#include "cmd/report.h"

#include <string.h>

#include "base/text.h"
#include "cmd/commands.h"
#include "core/benchmark.h"
#include "serve/conf.h"

#define SHOWN 50
#define NAME_MAX_BYTES 80u

static const struct opt options[] = {
    CMD_OPT_LEDGER,
    CMD_OPT_TENANT,
    CMD_OPT_CONFIG,
    {"by", 0, OPT_TEXT, "WHAT",
     "campaign, day, domain, provider, source, reason, stream or ip; of sources: source, form or batch"},
    {"from", 0, OPT_TEXT, "TIME", "from this time on (2026-11-01, or a full ISO time)"},
    {"to", 0, OPT_TEXT, "TIME", "before this time"},
    {"campaign", 0, OPT_TEXT, "NAME", "messages of this campaign only"},
    {"stream", 0, OPT_TEXT, "NAME", "of this stream only"},
    {"domain", 0, OPT_TEXT, "NAME", "to this domain only"},
    {"provider", 0, OPT_TEXT, "NAME", "to this provider only"},
    {"source", 0, OPT_TEXT, "NAME", "to addresses of this acquisition source only"},
    {"ip", 0, OPT_TEXT, "ADDRESS", "from this sending host only"},
    {"industry", 0, OPT_TEXT, "NAME", "compare with what bounces in this industry: e-commerce, saas, b2b, ..."},
    {"limit", 0, OPT_NUMBER, "N", "the N largest rows (default 50, 0: all)"},
    {"csv", 0, OPT_FLAG, NULL, "print CSV"},
    CMD_OPT_JSON,
    OPT_END,
};

static const struct kind {
    const char *word;
    int (*make)(struct report *r);
} kinds[] = {{"rates", report_rates}, {"typos", report_typos}, {"sources", report_sources}, {"decay", report_decay}};

void report_name(buf *out, slice name, size_t width)
{
    size_t start = out->n;
    text_add_safe(out, slice_empty(name) ? S("(none)") : name, width ? width : NAME_MAX_BYTES);
    while (out->n - start < width)
        buf_addc(out, ' ');
}

void report_percent(buf *out, int64_t ppm, bool known)
{
    if (known)
        buf_printf(out, " %3lld.%02lld", (long long)(ppm / 10000), (long long)(ppm % 10000 / 100));
    else
        buf_printf(out, " %6s", "-");
}

void report_percent_narrow(buf *out, int64_t ppm)
{
    buf_printf(out, "%lld.%02lld %%", (long long)(ppm / 10000), (long long)(ppm % 10000 / 100));
}

void report_csv_text(buf *out, slice text)
{
    buf_addc(out, '"');
    for (size_t i = 0; i < text.n; i++) {
        if (text.p[i] == '"')
            buf_addc(out, '"');
        buf_addc(out, text.p[i]);
    }
    buf_addc(out, '"');
}

int report_industry(const struct args *a, slice tenant, const struct benchmark **out)
{
    const struct section *section = NULL;
    *out = NULL;
    if (slice_empty(tenant) || !config_there(a))
        return EXIT_YES;
    struct settings *settings = config_read(a);
    if (!settings)
        return config_exit(a);
    while ((section = settings_next(settings, "tenant", section)) != NULL) {
        const struct conf_tenant *c = section->values;
        if (slice_eq(slice_empty(c->tenant) ? section->name : c->tenant, tenant))
            *out = benchmark_at(c->industry);
    }
    settings_free(&settings);
    return EXIT_YES;
}

static const struct kind *kind_of(const struct args *a)
{
    const char *word = args_count(a) ? args_get(a, 0) : kinds[0].word;
    for (size_t i = 0; i < ARRAY_LEN(kinds); i++)
        if (strcmp(kinds[i].word, word) == 0)
            return &kinds[i];
    return NULL;
}

static int run(struct args *a)
{
    const struct kind *kind = kind_of(a);
    int64_t limit = args_number(a, "limit", SHOWN);
    if (!kind || args_count(a) > 1)
        return cmd_usage(a, "takes rates (default), typos, sources or decay");
    struct report r = {.args = a, .csv = args_flag(a, "csv"), .json = args_flag(a, "json")};
    r.shown = limit > 0 ? (size_t)limit : SIZE_MAX;
    int code = session_open(&r.session, a, SESSION_READ);
    if (code)
        return code;
    arena_init(&r.arena, 0);
    buf_init(&r.out, 0);
    code = kind->make(&r);
    if (code == EXIT_YES)
        cmd_write(&r.out);
    buf_fini(&r.out);
    arena_fini(&r.arena);
    session_close(&r.session);
    return code;
}

const struct cmd cmd_report = {
    .name = "report",
    .usage = "[options] [rates|typos|sources|decay]",
    .summary = "what became of the messages, by campaign, day, domain, ...; and what a list suffers from",
    .details =
        "rates    what became of the messages, by campaign, day, domain, provider, source, reason, stream or ip\n"
        "typos    addresses at mistyped domains, and which domain was meant\n"
        "sources  which form, import or partner brings dead addresses, and how sure that is\n"
        "decay    how many addresses die in a year, by age and by source\n",
    .options = options,
    .run = run,
};
