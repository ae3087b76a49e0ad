/* Subcommands of `bounced`: the table of them, their options, and what all of them share (exit codes, output, errors).
 *
 * A subcommand is one file with one `const struct cmd`; main.c lists them. Options are a table too: --help, parsing and
 * the suggestion for a misspelt one come from it.
 */
#ifndef CMD_CMD_H
#define CMD_CMD_H

#include <stdio.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/json.h"
#include "bounce.h"

#define BOUNCED_VERSION "0.1.0"

/* Exit codes: 0 and 1 are the command's answer, the others are sysexits(3), so that a pipe transport understands them.
 */
enum exit_code {
    EXIT_YES = 0,
    EXIT_NO = 1,       /* the command worked; the answer is no (suppressed, lint found something, not verified) */
    EXIT_USAGE = 64,   /* wrong option or argument */
    EXIT_DATA = 65,    /* input that is not what it should be */
    EXIT_NOINPUT = 66, /* a file that is not there or cannot be read */
    EXIT_UNAVAILABLE = 69,
    EXIT_SOFTWARE = 70,
    EXIT_CANTCREAT = 73,
    EXIT_IOERR = 74,
    EXIT_TEMPFAIL = 75, /* try again: busy, disk full */
    EXIT_NOPERM = 77,   /* a server refused the login */
    EXIT_CONFIG = 78
};

enum opt_type { OPT_FLAG, OPT_TEXT, OPT_NUMBER, OPT_LIST /* may be given several times */ };

struct opt {
    const char *name; /* long, without dashes */
    char letter;      /* short, 0 for none */
    enum opt_type type;
    const char *arg; /* word for its value in --help */
    const char *help;
};

#define OPT_END                       \
    {                                 \
        NULL, 0, OPT_FLAG, NULL, NULL \
    }

struct args;

struct cmd {
    const char *name;
    const char *usage;   /* behind the name: "[options] PATH..." */
    const char *summary; /* one line */
    const char *details; /* paragraphs for --help, may be NULL */
    const struct opt *options;
    int (*run)(struct args *args); /* returns an exit code */
};

extern const struct cmd *const cmd_table[]; /* NULL-terminated, in the order of `bounced --help` */

/* What was given. Asking for an option that is not in the command's table is a bug, but for args_has. */
bool args_has(const struct args *a, const char *option); /* the table has it */
bool args_flag(const struct args *a, const char *option);
const char *args_text(const struct args *a, const char *option, const char *otherwise);
int64_t args_number(const struct args *a, const char *option, int64_t otherwise);
/* The i-th value of an OPT_LIST; NULL behind the last. */
const char *args_list(const struct args *a, const char *option, size_t i);
size_t args_count(const struct args *a);              /* operands */
const char *args_get(const struct args *a, size_t i); /* operand; NULL behind the last */
const char *const *args_all(const struct args *a);    /* all operands, args_count of them */

/* Parses argv[1..] for `cmd` and runs it. Prints what is wrong with the arguments and returns EXIT_USAGE. */
int cmd_run(const struct cmd *cmd, int argc, char **argv);
/* Prints the usage line of `cmd` and `why` (printf) to standard error; returns EXIT_USAGE. */
int cmd_usage(const struct args *a, const char *why, ...) PRINTF_LIKE(2, 3);
/* Prints "bounced NAME: text" to standard error. */
void cmd_error(const struct args *a, const char *fmt, ...) PRINTF_LIKE(2, 3);
/* The same for an err; returns the exit code that fits its status. */
int cmd_fail(const struct args *a, const err *e);
/* The same, with the file that it is about in front. */
int cmd_fail_at(const struct args *a, const char *path, const err *e);
/* The best match for a misspelt word among NULL-terminated `words`, or NULL when none is near. */
const char *cmd_suggest(const char *word, const char *const *words);

/* Writes and clears `out` (standard output). Returns false once standard output has failed; cmd_run then returns
 * EXIT_IOERR. */
bool cmd_write(buf *out);
/* True when `f` is a terminal. */
bool cmd_terminal(FILE *f);
/* Appends `word` with spaces behind it up to `width`, in colour where standard output is a terminal and NO_COLOR is not
 * set. */
enum paint { PAINT_GOOD, PAINT_NOTE, PAINT_BAD };
void cmd_paint(buf *out, enum paint p, const char *word, int width);

/* The rules with the user's files (--rules FILE ..., else /etc/bounced/rules.d in order); NULL after printing why not.
 */
struct bounce_rules *cmd_load_rules(const struct args *a, int *exit_code);
/* The built-in rules with these files. NULL when a file cannot be read (told) or makes no sense: *problems then has lines
 * "file:line: what", in the arena. */
struct bounce_rules *cmd_load_rule_files(const struct args *a, const char *const *paths, size_t n, arena *memory,
                                         slice *problems, int *exit_code);
#define CMD_OPT_RULES                                                                            \
    {                                                                                            \
        "rules", 0, OPT_LIST, "FILE", "add a rule file (default: those in /etc/bounced/rules.d)" \
    }
#define CMD_OPT_JSON                                              \
    {                                                             \
        "json", 0, OPT_FLAG, NULL, "print one JSON object a line" \
    }

#endif
