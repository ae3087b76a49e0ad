#include <unistd.h>

#include "cmd/commands.h"
#include "cmd/report.h"
#include "core/digest.h"

#define HOST_BYTES 256

static const struct opt options[] = {
    CMD_OPT_LEDGER,
    CMD_OPT_TENANT,
    CMD_OPT_CONFIG,
    {"day", 0, OPT_TEXT, "DATE", "of this day, UTC (default: yesterday)"},
    {"html", 0, OPT_FLAG, NULL, "print the page as HTML"},
    {"mail", 0, OPT_FLAG, NULL, "print a whole mail with both, for sendmail -t"},
    {"from", 0, OPT_TEXT, "ADDRESS", "mail: who sends it (default: bounced@ this host)"},
    {"to", 0, OPT_TEXT, "ADDRESS", "mail: who gets it; several with commas between (default: root)"},
    OPT_END,
};

struct printing {
    struct args *args;
    struct session session;
    arena a;
    buf out;
};

static slice host_name(arena *a)
{
    char name[HOST_BYTES];
    if (gethostname(name, sizeof name) != 0)
        return S("localhost");
    name[sizeof name - 1] = 0;
    return arena_dup(a, slice_str(name));
}

/* With the line ends of this system, as sendmail wants it. */
static void mail(struct printing *p, const struct digest *d)
{
    slice host = host_name(&p->a);
    slice from = arena_printf(&p->a, "bounced <bounced@%.*s>", SLICE_FMT(host));
    struct digest_envelope v = {.from = slice_str(args_text(p->args, "from", from.p)),
                                .to = slice_str(args_text(p->args, "to", "root")),
                                .host = host,
                                .date_us = p->session.now_us};
    slice seed = slice_of((const char *)&p->session.now_us, sizeof p->session.now_us);
    buf message;
    v.random = sip_hash(ledger_key(p->session.ledger), seed);
    buf_init(&message, 0);
    digest_mail(d, &v, &p->a, &message);
    for (size_t i = 0; i < message.n; i++)
        if (message.p[i] != '\r')
            buf_addc(&p->out, message.p[i]);
    p->out.failed |= message.failed;
    buf_fini(&message);
}

static void page(struct printing *p, const struct digest *d)
{
    struct paper paper;
    paper_init(&paper, &p->a);
    digest_paper(d, &paper);
    if (args_flag(p->args, "html"))
        paper_html(&paper, digest_subject(d, &p->a), &p->out);
    else
        paper_text(&paper, &p->out);
}

static int make(struct printing *p, int64_t now_us)
{
    struct digest_options o = {.tenant = p->session.tenant, .now_us = now_us};
    struct digest d;
    err e;
    int code = report_industry(p->args, p->session.tenant, &o.industry);
    if (code)
        return code;
    if (digest_make(p->session.ledger, &o, &p->a, &d, &e) != OK)
        return cmd_fail(p->args, &e);
    (args_flag(p->args, "mail") ? mail : page)(p, &d);
    if (p->out.failed || p->a.limited) {
        (void)err_set(&e, E_MEMORY, "digest: out of memory");
        return cmd_fail(p->args, &e);
    }
    cmd_write(&p->out);
    return EXIT_YES;
}

static int run(struct args *a)
{
    struct printing p = {.args = a};
    const char *day = args_text(a, "day", NULL);
    int64_t day_us = day ? time_parse_any(slice_str(day)) : TIME_NONE;
    if (day && day_us == TIME_NONE)
        return cmd_usage(a, "--day takes a date such as 2026-11-01, not '%s'", day);
    if (args_count(a))
        return cmd_usage(a, "takes no arguments");
    int code = session_open(&p.session, a, SESSION_READ);
    if (code)
        return code;
    arena_init(&p.a, 0);
    buf_init(&p.out, 0);
    code = make(&p, day ? day_us + TIME_DAY : p.session.now_us);
    buf_fini(&p.out);
    arena_fini(&p.a);
    session_close(&p.session);
    return code;
}

const struct cmd cmd_digest = {
    .name = "digest",
    .usage = "[options]",
    .summary = "yesterday in one page: figures, limits crossed, incidents, what waits, and what to do",
    .details = "As text, as HTML, or as a mail with both. The daemon sends it every day ([digest] in bounced.conf).\n",
    .options = options,
    .run = run,
};
