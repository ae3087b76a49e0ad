#include "base/arena.h"
#include "cmd/commands.h"
#include "cmd/session.h"
#include "core/show.h"

static const struct opt options[] = {
    CMD_OPT_LEDGER,
    {"since", 0, OPT_NUMBER, "SEQ", "only what came after this change number (the last seq that you have)"},
    {"limit", 0, OPT_NUMBER, "N", "at most so many"},
    {"json", 0, OPT_FLAG, NULL, "print one JSON object a line (it always does)"},
    OPT_END,
};

struct events {
    buf out;
    bool ok;
};

static bool one_event(void *ctx, const struct ledger_event *ev, const struct observation *o)
{
    struct events *x = ctx;
    show_event(&x->out, ev, o);
    if (x->out.n > 65536)
        x->ok = cmd_write(&x->out);
    return x->ok;
}

static int run(struct args *a)
{
    struct session s;
    struct events x = {.ok = true};
    err e;
    if (args_count(a))
        return cmd_usage(a, "takes no arguments");
    int code = session_open(&s, a, SESSION_READ);
    if (code)
        return code;
    buf_init(&x.out, 0);
    if (ledger_events_since(s.ledger, args_number(a, "since", 0), args_number(a, "limit", 0), one_event, &x, &e) != OK)
        code = cmd_fail(a, &e);
    cmd_write(&x.out);
    buf_fini(&x.out);
    session_close(&s);
    return code;
}

const struct cmd cmd_events = {
    .name = "events",
    .usage = "[options]",
    .summary = "export events as JSON, one a line, in the order of their change numbers",
    .details =
        "Each event has a stable `id` and a `seq`; give the last seq to --since and nothing is missed or told twice.",
    .options = options,
    .run = run,
};
