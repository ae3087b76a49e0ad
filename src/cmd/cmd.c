#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/nearest.h"
#include "cmd/cmd.h"

struct given {
    const struct opt *option;
    const char *value;
};

struct args {
    const struct cmd *cmd;
    struct given *given;
    size_t given_count;
    char **operands;
    size_t operand_count;
};

static int
    output_failed; /* errno, 0 while all is well: standard output is one per process, and so is its failure (main's side of the house) */

static const struct opt *option_by_name(const struct cmd *cmd, const char *name, size_t n)
{
    for (const struct opt *o = cmd->options; o && o->name; o++)
        if (strlen(o->name) == n && memcmp(o->name, name, n) == 0)
            return o;
    return NULL;
}

static const struct opt *option_by_letter(const struct cmd *cmd, char letter)
{
    for (const struct opt *o = cmd->options; o && o->name; o++)
        if (o->letter == letter)
            return o;
    return NULL;
}

static const char *given_value(const struct args *a, const char *name, size_t skip)
{
    MUST(option_by_name(a->cmd, name, strlen(name)) != NULL); /* a command asks only for options of its own table */
    for (size_t i = 0; i < a->given_count; i++)
        if (strcmp(a->given[i].option->name, name) == 0 && skip-- == 0)
            return a->given[i].value;
    return NULL;
}

bool args_has(const struct args *a, const char *option)
{
    return option_by_name(a->cmd, option, strlen(option)) != NULL;
}

bool args_flag(const struct args *a, const char *option)
{
    return given_value(a, option, 0) != NULL;
}

const char *args_text(const struct args *a, const char *option, const char *otherwise)
{
    const char *last = otherwise;
    for (size_t i = 0; i < a->given_count; i++)
        if (strcmp(a->given[i].option->name, option) == 0)
            last = a->given[i].value;
    return last;
}

int64_t args_number(const struct args *a, const char *option, int64_t otherwise)
{
    const char *text = args_text(a, option, NULL);
    uint64_t v;
    if (!text || !slice_u64(slice_str(text), &v) || v > INT64_MAX)
        return otherwise; /* parse_value has refused what is no number */
    return (int64_t)v;
}

const char *args_list(const struct args *a, const char *option, size_t i)
{
    return given_value(a, option, i);
}

size_t args_count(const struct args *a)
{
    return a->operand_count;
}

const char *args_get(const struct args *a, size_t i)
{
    return i < a->operand_count ? a->operands[i] : NULL;
}

const char *const *args_all(const struct args *a)
{
    return (const char *const *)a->operands;
}

void cmd_error(const struct args *a, const char *fmt, ...)
{
    va_list ap;
    fflush(stdout);
    fprintf(stderr, "bounced %s: ", a->cmd->name);
    va_start(ap, fmt);
    vfprintf(stderr, fmt, ap);
    va_end(ap);
    fputc('\n', stderr);
}

int cmd_usage(const struct args *a, const char *why, ...)
{
    va_list ap;
    fprintf(stderr, "bounced %s: ", a->cmd->name);
    va_start(ap, why);
    vfprintf(stderr, why, ap);
    va_end(ap);
    fprintf(stderr, "\nusage: bounced %s %s\nbounced %s --help lists the options\n", a->cmd->name, a->cmd->usage,
            a->cmd->name);
    return EXIT_USAGE;
}

int cmd_fail(const struct args *a, const err *e)
{
    static const int codes[] = {
        [E_IO] = EXIT_IOERR,       [E_MEMORY] = EXIT_TEMPFAIL,         [E_NOT_FOUND] = EXIT_NOINPUT,
        [E_INVALID] = EXIT_DATA,   [E_BUSY] = EXIT_TEMPFAIL,           [E_FULL] = EXIT_TEMPFAIL,
        [E_CORRUPT] = EXIT_DATA,   [E_UNSUPPORTED] = EXIT_UNAVAILABLE, [E_DENIED] = EXIT_NO,
        [E_ACCESS] = EXIT_NOINPUT,
    };
    cmd_error(a, "%s%s", e->text, e->status == E_ACCESS ? "; run as a user who may" : "");
    return (size_t)e->status < ARRAY_LEN(codes) && codes[e->status] ? codes[e->status] : EXIT_SOFTWARE;
}

int cmd_fail_at(const struct args *a, const char *path, const err *e)
{
    err at;
    (void)err_set(&at, e->status, "%s: %s", path, e->text);
    return cmd_fail(a, &at);
}

const char *cmd_suggest(const char *word, const char *const *words)
{
    return nearest_word(slice_str(word), words);
}

static int unknown_option(const struct args *a, const char *name, size_t n)
{
    const char *names[64];
    char given[64];
    size_t count = 0;
    for (const struct opt *o = a->cmd->options; o && o->name && count + 2 < ARRAY_LEN(names); o++)
        names[count++] = o->name;
    names[count++] = "help";
    names[count] = NULL;
    if (n >= sizeof given)
        n = sizeof given - 1;
    memcpy(given, name, n);
    given[n] = 0;
    const char *near = cmd_suggest(given, names);
    if (near)
        return cmd_usage(a, "there is no option --%s; did you mean --%s?", given, near);
    return cmd_usage(a, "there is no option --%s", given);
}

static void print_options(const struct opt *options)
{
    fputs("\noptions:\n", stdout);
    for (const struct opt *o = options; o && o->name; o++) {
        char left[64];
        int n = o->letter ? snprintf(left, sizeof left, "-%c, --%s", o->letter, o->name)
                          : snprintf(left, sizeof left, "    --%s", o->name);
        if (o->type != OPT_FLAG && n > 0 && (size_t)n < sizeof left)
            snprintf(left + n, sizeof left - (size_t)n, " %s", o->arg);
        printf(strlen(left) > 26 ? "  %s\n                              %s\n" : "  %-26s  %s\n", left, o->help);
    }
    printf("  %-26s  %s\n", "    --help", "this text");
}

static int print_help(const struct cmd *cmd)
{
    printf("usage: bounced %s %s\n\n%s\n", cmd->name, cmd->usage, cmd->summary);
    if (cmd->details)
        printf("\n%s\n", cmd->details);
    print_options(cmd->options);
    return EXIT_YES; /* cmd_run sees whether it could be written */
}

static int take_value(struct args *a, const struct opt *o, const char *value)
{
    uint64_t number;
    if (o->type == OPT_NUMBER && !slice_u64(slice_str(value), &number))
        return cmd_usage(a, "--%s takes a number, not '%s'", o->name, value);
    a->given[a->given_count++] = (struct given){o, value};
    return EXIT_YES;
}

/* One argument that starts with "--". Returns an exit code, or -1 for --help. */
static int long_option(struct args *a, int argc, char **argv, int *i)
{
    const char *name = argv[*i] + 2;
    const char *equals = strchr(name, '=');
    size_t n = equals ? (size_t)(equals - name) : strlen(name);
    if (n == 4 && memcmp(name, "help", 4) == 0)
        return -1;
    const struct opt *o = option_by_name(a->cmd, name, n);
    if (!o)
        return unknown_option(a, name, n);
    if (o->type == OPT_FLAG)
        return equals ? cmd_usage(a, "--%s takes no value", o->name) : take_value(a, o, "");
    if (equals)
        return take_value(a, o, equals + 1);
    if (*i + 1 >= argc)
        return cmd_usage(a, "--%s wants a value: --%s %s", o->name, o->name, o->arg);
    return take_value(a, o, argv[++*i]);
}

static int short_options(struct args *a, int argc, char **argv, int *i)
{
    for (const char *p = argv[*i] + 1; *p; p++) {
        if (*p == 'h')
            return -1;
        const struct opt *o = option_by_letter(a->cmd, *p);
        if (!o)
            return cmd_usage(a, "there is no option -%c", *p);
        if (o->type == OPT_FLAG) {
            int code = take_value(a, o, "");
            if (code)
                return code;
            continue;
        }
        if (p[1])
            return take_value(a, o, p + 1);
        if (*i + 1 >= argc)
            return cmd_usage(a, "-%c wants a value: -%c %s", o->letter, o->letter, o->arg);
        return take_value(a, o, argv[++*i]);
    }
    return EXIT_YES;
}

static int parse_args(struct args *a, int argc, char **argv)
{
    bool only_operands = false;
    for (int i = 1; i < argc; i++) {
        char *arg = argv[i];
        int code = EXIT_YES;
        if (only_operands || arg[0] != '-' || !arg[1])
            a->operands[a->operand_count++] = arg;
        else if (strcmp(arg, "--") == 0)
            only_operands = true;
        else if (arg[1] == '-')
            code = long_option(a, argc, argv, &i);
        else
            code = short_options(a, argc, argv, &i);
        if (code)
            return code;
    }
    return EXIT_YES;
}

/* A reader that has seen enough (`| head`) needs no words. */
static int output_lost(const struct cmd *cmd)
{
    if (output_failed != EPIPE)
        fprintf(stderr, "bounced %s: standard output could not be written: %s\n", cmd->name, strerror(output_failed));
    return EXIT_IOERR;
}

int cmd_run(const struct cmd *cmd, int argc, char **argv)
{
    struct args a = {.cmd = cmd};
    size_t room = 1; /* each character may be a short option of its own */
    for (int i = 1; i < argc; i++)
        room += strlen(argv[i]);
    a.given = calloc(room, sizeof *a.given);
    a.operands = calloc((size_t)argc + 1, sizeof *a.operands);
    MUST(a.given && a.operands);
    int code = parse_args(&a, argc, argv);
    if (code == -1)
        code = print_help(cmd);
    else if (code == EXIT_YES)
        code = cmd->run(&a);
    free(a.given);
    free(a.operands);
    if (fflush(stdout) != 0 && !output_failed)
        output_failed = errno;
    return code < EXIT_USAGE && output_failed ? output_lost(cmd) : code;
}

bool cmd_write(buf *out)
{
    size_t done = 0;
    if (out->failed && !output_failed)
        output_failed = ENOMEM;
    while (!output_failed && done < out->n) {
        ssize_t n = write(STDOUT_FILENO, out->p + done, out->n - done);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            output_failed = n < 0 ? errno : EIO;
        else
            done += (size_t)n;
    }
    buf_clear(out);
    return !output_failed;
}

bool cmd_terminal(FILE *f)
{
    return isatty(fileno(f)) == 1;
}

static bool cmd_colour(void)
{
    const char *no = getenv("NO_COLOR");
    return cmd_terminal(stdout) && !(no && *no);
}

void cmd_paint(buf *out, enum paint p, const char *word, int width)
{
    static const char *const codes[] = {[PAINT_GOOD] = "32", [PAINT_NOTE] = "33", [PAINT_BAD] = "31"};
    int spaces = width - (int)strlen(word);
    if (cmd_colour())
        buf_printf(out, "\033[%sm%s\033[0m", codes[p], word);
    else
        buf_adds(out, word);
    buf_printf(out, "%*s", spaces > 0 ? spaces : 0, "");
}
