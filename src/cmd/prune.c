#include <inttypes.h>

#include "cmd/commands.h"
#include "cmd/session.h"
#include "core/keep.h"

#define EVENTS_DAYS 400
#define DELIVERIES_DAYS 30
#define SENT_DAYS 40 /* of messages seen sent, by which late reports are matched */

static const struct opt options[] = {
    CMD_OPT_LEDGER,
    CMD_OPT_CONFIG,
    {"events-days", 0, OPT_NUMBER, "N", "keep events for so many days (default 400, 0: for ever)"},
    {"deliveries-days", 0, OPT_NUMBER, "N", "keep deliveries, all but the last, for so many days (default 30)"},
    {"dry-run", 'n', OPT_FLAG, NULL, "say how much would go; change nothing"},
    CMD_OPT_JSON,
    OPT_END,
};

static int64_t days(const struct args *a, const char *option, int64_t otherwise)
{
    int64_t n = args_number(a, option, otherwise);
    return n < INT64_MAX / TIME_DAY ? n * TIME_DAY : 0;
}

static void told(struct args *a, int64_t removed, bool dry)
{
    buf out;
    buf_init(&out, 0);
    if (args_flag(a, "json")) {
        struct jsonw j;
        jsonw_init(&j, &out);
        jsonw_object(&j);
        jsonw_ki64(&j, "removed", removed);
        jsonw_kbool(&j, "dry_run", dry);
        jsonw_end_object(&j);
        buf_addc(&out, '\n');
    } else {
        buf_printf(&out, "%" PRId64 " rows %s\n", removed, dry ? "would be removed" : "removed");
    }
    cmd_write(&out);
    buf_fini(&out);
}

static int run(struct args *a)
{
    struct session s;
    int64_t removed;
    err e;
    if (args_count(a))
        return cmd_usage(a, "takes no arguments");
    int code = session_open(&s, a, SESSION_WRITE);
    if (code)
        return code;
    struct ledger_retention r = {.events_us = days(a, "events-days", EVENTS_DAYS),
                                 .deliveries_us = days(a, "deliveries-days", DELIVERIES_DAYS),
                                 .sent_us = SENT_DAYS * TIME_DAY,
                                 .dry_run = args_flag(a, "dry-run")};
    if (keep_prune(s.ledger, &s.policy, &r, s.now_us, &removed, &e) == OK)
        told(a, removed, r.dry_run);
    else
        code = cmd_fail(a, &e);
    session_close(&s);
    return code;
}

const struct cmd cmd_prune = {
    .name = "prune",
    .usage = "[options]",
    .summary = "remove old events; states and suppressions stay what they are",
    .details =
        "What the old events of an address add up to takes their place. Messages seen sent are remembered for 40\n"
        "days, counts for reports for ever. For cron; others may read and write meanwhile.",
    .options = options,
    .run = run,
};
