#include "core/rule_files.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "core/slurp.h"

static enum status no_memory(const char *path, err *e)
{
    return err_set(e, E_MEMORY, "%s: no memory for it", path);
}

static enum status add_file(struct rule_files *f, const char *path, arena *a, err *e)
{
    bool cut;
    buf text;
    if (f->n == RULE_FILES_MAX)
        return err_set(e, E_INVALID, "%s: more than %u rule files", path, RULE_FILES_MAX);
    buf_init(&text, 0);
    enum status st = slurp(path, RULE_FILE_MAX_BYTES, &text, &cut, e);
    struct bounce_rule_file file = {arena_dup(a, slice_str(path)), arena_dup(a, buf_slice(&text))};
    if (st == OK && cut)
        st = err_set(e, E_INVALID, "%s: a rule file may have at most 16 MB", path);
    if (st == OK && (file.text.n != text.n || !file.name.n))
        st = no_memory(path, e);
    buf_fini(&text);
    if (st == OK)
        f->list[f->n++] = file;
    return st;
}

static int is_rule_file(const struct dirent *d)
{
    return d->d_name[0] != '.' && slice_ends_ci(slice_str(d->d_name), S(".rules"));
}

static enum status add_directory(struct rule_files *f, const char *path, arena *a, err *e)
{
    struct dirent **entries;
    int n = scandir(path, &entries, is_rule_file, alphasort);
    enum status st = OK;
    if (n < 0) /* to judge by other rules than those who may read it would be worse */
        return err_os(e, errno, "%s: cannot be read", path);
    for (int i = 0; i < n; i++) {
        slice file = arena_printf(a, "%s/%s", path, entries[i]->d_name);
        if (st == OK)
            st = file.n ? add_file(f, file.p, a, e) : no_memory(path, e);
        free(entries[i]);
    }
    free(entries);
    return st;
}

enum status rule_files_add(struct rule_files *f, const char *path, arena *a, err *e)
{
    struct stat st;
    bool is_stdin = strcmp(path, "-") == 0;
    if (!is_stdin && stat(path, &st) != 0)
        return err_os(e, errno, "%s: cannot be opened", path);
    return !is_stdin && S_ISDIR(st.st_mode) ? add_directory(f, path, a, e) : add_file(f, path, a, e);
}
