#include <dirent.h>
#include <stdlib.h>
#include <string.h>

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

struct bounce_rules *cmd_load_rules(const struct args *a, int *exit_code)
{
    struct files *f = calloc(1, sizeof *f);
    MUST(f);
    *exit_code = EXIT_YES;
    if (!args_list(a, "rules", 0))
        *exit_code = add_directory(a, f);
    for (size_t i = 0; *exit_code == EXIT_YES && args_list(a, "rules", i); i++)
        *exit_code = add(a, f, args_list(a, "rules", i));
    struct bounce_rules *rules = NULL;
    if (*exit_code == EXIT_YES) {
        struct bounce_arena *arena = bounce_arena_new(0);
        struct bounce_slice error = SLICE_EMPTY;
        enum bounce_status s = arena ? bounce_rules_new(f->list, f->n, false, arena, &rules, &error) : BOUNCE_LIMIT;
        if (s != BOUNCE_OK) {
            cmd_error(a, "%.*s", SLICE_FMT(s == BOUNCE_LIMIT ? S("no memory for the rules") : error));
            *exit_code = s == BOUNCE_LIMIT ? EXIT_TEMPFAIL : EXIT_CONFIG;
        }
        bounce_arena_free(&arena);
    }
    free_files(&f);
    return rules;
}
