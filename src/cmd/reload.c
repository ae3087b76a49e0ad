#include "cmd/ask_daemon.h"
#include "cmd/commands.h"
#include "cmd/config.h"

static const struct opt options[] = {
    CMD_OPT_CONFIG,
    CMD_OPT_SOCKET,
    OPT_END,
};

static int run(struct args *a)
{
    buf answer;
    if (args_count(a))
        return cmd_usage(a, "takes no arguments");
    buf_init(&answer, 0);
    int code = ask_daemon(a, "reload", &answer);
    slice rest = buf_slice(&answer), verdict = SLICE_EMPTY, line;
    (void)slice_line(&rest, &verdict);
    bool taken = slice_eq(verdict, S("ok"));
    while (slice_line(&rest, &line))
        cmd_error(a, "%.*s", SLICE_FMT(line));
    if (code == EXIT_YES && !taken) {
        cmd_error(a, "nothing was changed: the settings in force stay");
        code = EXIT_CONFIG;
    }
    buf_fini(&answer);
    return code;
}

const struct cmd cmd_reload = {
    .name = "reload",
    .usage = "[options]",
    .summary = "let the daemon read its settings and rules again",
    .details =
        "All is read and checked first; when something is wrong, all stays as it was. Tells what is wrong, and which\n"
        "changes wait for the next start. Exit status: 0 when they are in force, 78 when they were refused, 69 when "
        "no\n"
        "daemon runs.",
    .options = options,
    .run = run,
};
