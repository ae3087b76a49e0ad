#include <stdio.h>

#include "cmd/commands.h"
#include "cmd/session.h"

static const struct opt backup_options[] = {CMD_OPT_LEDGER, OPT_END};
static const struct opt restore_options[] = {
    CMD_OPT_LEDGER,
    {"force", 'f', OPT_FLAG, NULL, "replace a ledger that is there"},
    OPT_END,
};

static int backup(struct args *a)
{
    struct session s;
    err e;
    if (args_count(a) != 1)
        return cmd_usage(a, "to which file?");
    int code = session_open(&s, a, SESSION_READ);
    if (code)
        return code;
    if (ledger_backup(s.ledger, args_get(a, 0), &e) != OK)
        code = cmd_fail(a, &e);
    session_close(&s);
    return code;
}

static int restore(struct args *a)
{
    err e;
    if (args_count(a) != 1)
        return cmd_usage(a, "from which backup?");
    const char *to = session_path(a);
    enum status s = ledger_restore(args_get(a, 0), to, args_flag(a, "force"), &e);
    if (s == E_DENIED && !args_flag(a, "force")) {
        cmd_error(a, "%s: is there already; --force replaces it", to);
        return EXIT_NO;
    }
    return s == OK ? EXIT_YES : cmd_fail(a, &e);
}

const struct cmd cmd_backup = {
    .name = "backup",
    .usage = "[options] FILE",
    .summary = "copy the ledger while it is in use",
    .details = "FILE appears when the copy is whole and on disk. Others may write the ledger meanwhile.",
    .options = backup_options,
    .run = backup,
};

const struct cmd cmd_restore = {
    .name = "restore",
    .usage = "[options] BACKUP",
    .summary = "put a backup in the ledger's place, after checking it",
    .details = "Refuses a file that is damaged or no ledger, and to replace a ledger without --force.\n"
               "Stop what uses the ledger first.",
    .options = restore_options,
    .run = restore,
};
