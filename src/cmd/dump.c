#include "cmd/commands.h"
#include "cmd/session.h"

static const struct opt options[] = {CMD_OPT_LEDGER, OPT_END};

static void one_line(void *ctx, slice text)
{
    buf *out = ctx;
    buf_add(out, text);
    buf_addc(out, '\n');
    if (out->n > 65536)
        cmd_write(out);
}

static int run(struct args *a)
{
    struct session s;
    err e;
    buf out;
    if (args_count(a))
        return cmd_usage(a, "takes no arguments");
    int code = session_open(&s, a, SESSION_READ);
    if (code)
        return code;
    buf_init(&out, 0);
    if (ledger_dump(s.ledger, one_line, &out, &e) != OK)
        code = cmd_fail(a, &e);
    cmd_write(&out);
    buf_fini(&out);
    session_close(&s);
    return code;
}

const struct cmd cmd_dump = {
    .name = "dump",
    .usage = "[options]",
    .summary = "print all that the ledger holds, to compare two of them",
    .details = "Sorted, by natural keys, without times of reading and inner numbers: equal dumps, equal truth.",
    .options = options,
    .run = run,
};
