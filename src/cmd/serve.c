#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cmd/commands.h"
#include "cmd/config.h"
#include "serve/daemon_run.h"

static const struct opt options[] = {
    CMD_OPT_CONFIG,
    OPT_END,
};

/* Standard error is journald's: "DEVICE:INODE" of it stands in the environment (systemd.exec(5)). */
static bool is_journal(void)
{
    const char *env = getenv("JOURNAL_STREAM");
    char here[64];
    struct stat st;
    if (!env || fstat(STDERR_FILENO, &st) != 0)
        return false;
    snprintf(here, sizeof here, "%ju:%ju", (uintmax_t)st.st_dev, (uintmax_t)st.st_ino);
    return strcmp(env, here) == 0;
}

/* WATCHDOG_USEC, unless it is meant for another process (sd_watchdog_enabled(3)). */
static int64_t watchdog_us(void)
{
    const char *usec = getenv("WATCHDOG_USEC"), *pid = getenv("WATCHDOG_PID");
    uint64_t v;
    if (!usec || !slice_u64(slice_str(usec), &v) || v > INT64_MAX || (pid && strtol(pid, NULL, 10) != (long)getpid()))
        return 0;
    return (int64_t)v;
}

/* The environment is for us, not for what we may start. */
static void serve(struct args *a, struct settings *s, int *code)
{
    err e;
    struct daemon_options o = {.settings = s,
                               .tell = config_told,
                               .ctx = a,
                               .notify_socket = getenv("NOTIFY_SOCKET"),
                               .watchdog_us = watchdog_us(),
                               .journal = is_journal(),
                               .version = BOUNCED_VERSION};
    enum status st = daemon_run(&o, &e);
    if (st == OK)
        return;
    *code = cmd_fail(a, &e);
    if (st == E_INVALID || st == E_NOT_FOUND)
        *code = EXIT_CONFIG;
}

static int run(struct args *a)
{
    int code = EXIT_YES;
    if (args_count(a))
        return cmd_usage(a, "takes no arguments");
    struct settings *s = config_read(a);
    if (!s)
        return config_exit(a);
    serve(a, s, &code);
    return code;
}

const struct cmd cmd_serve = {
    .name = "serve",
    .usage = "[options]",
    .summary = "run the daemon",
    .details =
        "Stays in the foreground and writes its log to standard error; ends by SIGTERM or SIGINT, reads its settings\n"
        "again at SIGHUP. Started as root it becomes the user of its settings.",
    .options = options,
    .run = run,
};
