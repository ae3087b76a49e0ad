#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cmd/commands.h"
#include "cmd/config.h"
#include "serve/answers.h"
#include "serve/conf_value.h"
#include "serve/learn.h"

static const struct opt options[] = {
    CMD_OPT_CONFIG,
    {"check", 0, OPT_FLAG, NULL, "say what is wrong; print nothing when all is well"},
    {"print", 0, OPT_FLAG, NULL, "print the settings in force (what happens without options)"},
    {"defaults", 0, OPT_FLAG, NULL, "print the default of every setting, whatever the file says"},
    OPT_END,
};

bool config_there(const struct args *a)
{
    const char *env = getenv("BOUNCED_CONFIG");
    return args_text(a, "config", NULL) || (env && *env) || access(SETTINGS_FILE, F_OK) == 0;
}

void config_told(void *ctx, slice path, unsigned line, bool warning, slice text)
{
    const struct args *a = ctx;
    const char *mark = warning ? "warning: " : "";
    if (line)
        cmd_error(a, "%.*s:%u: %s%.*s", SLICE_FMT(path), line, mark, SLICE_FMT(text));
    else
        cmd_error(a, "%.*s%s%s%.*s", SLICE_FMT(path), slice_empty(path) ? "" : ": ", mark, SLICE_FMT(text));
}

const char *config_path(const struct args *a)
{
    const char *env = getenv("BOUNCED_CONFIG");
    return args_text(a, "config", env && *env ? env : SETTINGS_FILE);
}

struct settings *config_read(const struct args *a)
{
    char *absolute = realpath(config_path(a), NULL); /* the same file when it is read again */
    struct settings *s =
        settings_read(slice_str(absolute ? absolute : config_path(a)), config_told, (void *)(uintptr_t)a);
    free(absolute);
    return s;
}

int config_exit(const struct args *a)
{
    return access(config_path(a), R_OK) == 0 ? EXIT_CONFIG : EXIT_NOINPUT;
}

/* "ledger.path", "smtp.inbox.listen": values alone, one a line. */
static int print_one(const struct args *a, const struct settings *s, slice what, buf *out)
{
    size_t first = slice_chr(what, '.'), last = slice_rchr(what, '.');
    slice kind = slice_sub(what, 0, first), setting = slice_from(what, last + 1);
    slice name = last > first ? slice_sub(what, first + 1, last - first - 1) : SLICE_EMPTY;
    const struct conf_section *k = conf_section_find(kind);
    const struct conf_row *row = k ? conf_row_find(k, setting) : NULL;
    const struct section *at = NULL;
    while (row && (at = settings_next(s, k->kind, at)) && !slice_eq(at->name, name))
        ;
    if (!row || !at)
        return cmd_usage(a, "there is no setting %.*s; `bounced config` lists them as [SECTION] and SETTING",
                         SLICE_FMT(what));
    for (size_t i = 0; i < conf_value_count(row, at->values); i++) {
        conf_value_print(row, at->values, i, out);
        buf_addc(out, '\n');
    }
    return EXIT_YES;
}

static int print(const struct args *a, const struct settings *s)
{
    buf out;
    int code = EXIT_YES;
    buf_init(&out, 0);
    if (args_count(a) == 0)
        settings_print(s, args_flag(a, "defaults"), &out);
    for (size_t i = 0; i < args_count(a) && code == EXIT_YES; i++)
        code = print_one(a, s, slice_str(args_get(a, i)), &out);
    if (code == EXIT_YES)
        cmd_write(&out);
    buf_fini(&out);
    return code;
}

static bool policy_sound(const struct args *a, const struct settings *s)
{
    err e;
    arena mine;
    struct policy policy;
    arena_init(&mine, 0);
    bool sound = learn_policy(s, &mine, &policy, &e) == OK;
    if (!sound)
        cmd_error(a, "%.*s: %s", SLICE_FMT(s->path), e.text);
    arena_fini(&mine);
    return sound;
}

static int run(struct args *a)
{
    struct settings *s = args_flag(a, "defaults") ? settings_read(SLICE_EMPTY, config_told, a) : config_read(a);
    if (!s)
        return config_exit(a);
    bool sound = answers_check(s, config_told, a);
    sound = policy_sound(a, s) && sound;
    int code = args_flag(a, "check") ? EXIT_YES : print(a, s);
    settings_free(&s);
    return sound ? code : EXIT_CONFIG;
}

const struct cmd cmd_config = {
    .name = "config",
    .usage = "[options] [SECTION.SETTING...]",
    .summary = "check and print the daemon's settings",
    .details =
        "Prints all settings with what each does, or the values of those that are named (ledger.path; of a section\n"
        "with a name: SECTION.NAME.SETTING). Secrets are not shown. Exit status: 0, or 78 when the file is wrong;\n"
        "each problem is told with its line.",
    .options = options,
    .run = run,
};
