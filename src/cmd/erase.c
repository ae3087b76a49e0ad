#include "cmd/commands.h"
#include "cmd/session.h"
#include "core/acts.h"

static const struct opt options[] = {
    CMD_OPT_LEDGER,
    CMD_OPT_CONFIG,
    CMD_OPT_TENANT,
    {"actor", 0, OPT_TEXT, "NAME", "who asks for it (default: you)"},
    {"note", 0, OPT_TEXT, "TEXT", "why, e.g. the number of the request"},
    OPT_END,
};

static int run(struct args *a)
{
    struct session s;
    err e;
    if (args_count(a) == 0)
        return cmd_usage(a, "which address?");
    int code = session_open(&s, a, SESSION_WRITE);
    if (code)
        return code;
    for (size_t i = 0; i < args_count(a); i++) {
        struct act act = {.tenant = s.tenant,
                          .address = slice_str(args_get(a, i)),
                          .actor = slice_str(session_actor(a)),
                          .note = slice_str(args_text(a, "note", "")),
                          .stream = SLICE_EMPTY,
                          .reverified = SLICE_EMPTY,
                          .time_us = s.now_us};
        if (address_erase(s.ledger, &s.policy, &act, &e) != OK)
            code = cmd_fail(a, &e);
    }
    session_close(&s);
    return code;
}

const struct cmd cmd_erase = {
    .name = "erase",
    .usage = "[options] ADDRESS...",
    .summary = "forget what names an address; keep that it must not be sent to",
    .details =
        "Removes the address, the texts that name it and its message ids from the ledger; a keyed hash stays, so\n"
        "that it is still refused. This cannot be undone.",
    .options = options,
    .run = run,
};
