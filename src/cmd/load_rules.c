#include <stdlib.h>

#include "cmd/cmd.h"
#include "core/rule_files.h"

/* Prints and gives an exit code, EXIT_YES when all is well. A default that is not there is no fault. */
static int add(const struct args *a, struct rule_files *f, const char *path, bool may_be_missing, arena *memory)
{
    err e;
    enum status st = rule_files_add(f, path, memory, &e);
    if (st == OK || (may_be_missing && st == E_NOT_FOUND))
        return EXIT_YES;
    int code = cmd_fail(a, &e);
    return st == E_INVALID ? EXIT_CONFIG : code;
}

/* From *f, or NULL with *problems set (file:line: what, one a line; in the arena). */
static struct bounce_rules *compile(const struct args *a, const struct rule_files *f, arena *memory, slice *problems,
                                    int *exit_code)
{
    struct bounce_rules *rules = NULL;
    enum bounce_status s = bounce_rules_new(f->list, f->n, false, memory, &rules, problems);
    if (s == BOUNCE_OK)
        return rules;
    if (s == BOUNCE_LIMIT) {
        cmd_error(a, "no memory for the rules");
        *problems = SLICE_EMPTY;
    }
    *exit_code = s == BOUNCE_LIMIT ? EXIT_TEMPFAIL : EXIT_CONFIG;
    return NULL;
}

struct bounce_rules *cmd_load_rule_files(const struct args *a, const char *const *paths, size_t n, arena *memory,
                                         slice *problems, int *exit_code)
{
    struct rule_files *f = calloc(1, sizeof *f);
    struct bounce_rules *rules = NULL;
    MUST(f);
    *problems = SLICE_EMPTY;
    *exit_code = EXIT_YES;
    for (size_t i = 0; *exit_code == EXIT_YES && i < n; i++)
        *exit_code = add(a, f, paths[i], false, memory);
    if (*exit_code == EXIT_YES)
        rules = compile(a, f, memory, problems, exit_code);
    free(f);
    return rules;
}

struct bounce_rules *cmd_load_rules(const struct args *a, int *exit_code)
{
    struct rule_files *f = calloc(1, sizeof *f);
    struct bounce_rules *rules = NULL;
    arena memory;
    slice problems = SLICE_EMPTY;
    MUST(f);
    arena_init(&memory, 0);
    *exit_code = EXIT_YES;
    if (!args_list(a, "rules", 0))
        *exit_code = add(a, f, RULE_FILES_DIR, true, &memory);
    for (size_t i = 0; *exit_code == EXIT_YES && args_list(a, "rules", i); i++)
        *exit_code = add(a, f, args_list(a, "rules", i), false, &memory);
    if (*exit_code == EXIT_YES)
        rules = compile(a, f, &memory, &problems, exit_code);
    if (!slice_empty(problems))
        cmd_error(a, "%.*s", SLICE_FMT(problems));
    arena_fini(&memory);
    free(f);
    return rules;
}
