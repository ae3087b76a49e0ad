#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "cmd/cmd.h"

#define RULES_DIR "/etc/bounced/rules.d"
#define MAX_RULE_FILE (16u * 1024 * 1024)
#define MAX_RULE_FILES 256

struct files {
    char *names[MAX_RULE_FILES];
    buf texts[MAX_RULE_FILES];
    struct bounce_rule_file list[MAX_RULE_FILES];
    size_t n;
};

static int add(const struct args *a, struct files *f, const char *path)
{
    err e;
    bool cut;
    if (f->n == MAX_RULE_FILES) {
        cmd_error(a, "more than %d rule files", MAX_RULE_FILES);
        return EXIT_CONFIG;
    }
    buf *text = &f->texts[f->n];
    buf_init(text, 0);
    f->names[f->n] = strdup(path);
    MUST(f->names[f->n]);
    f->n++;
    if (cmd_slurp(path, MAX_RULE_FILE, text, &cut, &e) != OK)
        return cmd_fail(a, &e);
    if (cut) {
        cmd_error(a, "%s: a rule file may have at most 16 MB", path);
        return EXIT_CONFIG;
    }
    f->list[f->n - 1] = (struct bounce_rule_file){slice_str(f->names[f->n - 1]), buf_slice(text)};
    return EXIT_YES;
}

static int is_rule_file(const struct dirent *d)
{
    slice name = slice_str(d->d_name);
    return name.p[0] != '.' && slice_ends_ci(name, S(".rules"));
}

static int add_directory(const struct args *a, struct files *f)
{
    struct dirent **entries;
    int n = scandir(RULES_DIR, &entries, is_rule_file, alphasort);
    int code = EXIT_YES;
    if (n < 0 && errno != ENOENT) { /* to judge by other rules than those who may read it would be worse */
        err e;
        (void)err_os(&e, errno, "%s: cannot be read", RULES_DIR);
        return cmd_fail(a, &e);
    }
    for (int i = 0; i < n; i++) {
        char path[512];
        snprintf(path, sizeof path, "%s/%s", RULES_DIR, entries[i]->d_name);
        if (code == EXIT_YES)
            code = add(a, f, path);
        free(entries[i]);
    }
    if (n >= 0)
        free(entries);
    return code;
}

static void free_files(struct files **files)
{
    for (size_t i = 0; i < (*files)->n; i++) {
        free((*files)->names[i]);
        buf_fini(&(*files)->texts[i]);
    }
    free(*files);
    *files = NULL;
}

/* From *f, or NULL with *problems set (file:line: what, one a line; in the arena). */
static struct bounce_rules *compile(const struct args *a, const struct files *f, arena *memory, slice *problems,
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
    struct files *f = calloc(1, sizeof *f);
    struct bounce_rules *rules = NULL;
    MUST(f);
    *problems = SLICE_EMPTY;
    *exit_code = EXIT_YES;
    for (size_t i = 0; *exit_code == EXIT_YES && i < n; i++)
        *exit_code = add(a, f, paths[i]);
    if (*exit_code == EXIT_YES)
        rules = compile(a, f, memory, problems, exit_code);
    free_files(&f);
    return rules;
}

struct bounce_rules *cmd_load_rules(const struct args *a, int *exit_code)
{
    struct files *f = calloc(1, sizeof *f);
    struct bounce_rules *rules = NULL;
    arena memory;
    slice problems = SLICE_EMPTY;
    MUST(f);
    arena_init(&memory, 0);
    *exit_code = EXIT_YES;
    if (!args_list(a, "rules", 0))
        *exit_code = add_directory(a, f);
    for (size_t i = 0; *exit_code == EXIT_YES && args_list(a, "rules", i); i++)
        *exit_code = add(a, f, args_list(a, "rules", i));
    if (*exit_code == EXIT_YES)
        rules = compile(a, f, &memory, &problems, exit_code);
    if (!slice_empty(problems))
        cmd_error(a, "%.*s", SLICE_FMT(problems));
    arena_fini(&memory);
    free_files(&f);
    return rules;
}
