#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/arena.h"
#include "cmd/commands.h"
#include "cmd/print_report.h"

#define MAX_FILE ((size_t)BOUNCE_MAX_MESSAGE_BYTES)
#define MAX_DEPTH 32 /* of directories */

static const struct opt options[] = {CMD_OPT_JSON, CMD_OPT_RULES, OPT_END};

struct parse {
    struct args *args;
    struct bounce_reader *reader;
    arena arena;
    buf out, file;
    bool json;
    int code;
};

static void one_message(struct parse *p, slice file, size_t index, slice message)
{
    struct bounce_result result;
    arena_reset(&p->arena);
    enum bounce_status s = bounce_read(p->reader, message, NULL, &p->arena, &result);
    if (s == BOUNCE_LIMIT)
        cmd_error(p->args, "%.*s: a limit was reached; what was found so far is printed", SLICE_FMT(file));
    struct jsonw j;
    jsonw_init(&j, &p->out);
    for (size_t i = 0; i < result.report_count; i++) {
        if (p->json)
            json_report(&j, file, index, &result.reports[i], &result);
        else
            print_report(&p->out, file, index, &result.reports[i]);
    }
    if (p->out.n > 65536)
        cmd_write(&p->out);
}

/* Where the next message of an mbox starts at or after `from`: a "From " line behind an empty line. */
static size_t next_from_line(slice text, size_t from)
{
    for (size_t at = from; at < text.n;) {
        size_t hit = slice_find(slice_from(text, at), S("\nFrom "));
        if (hit == SLICE_NPOS)
            return text.n;
        hit += at;
        size_t before = hit > 0 && text.p[hit - 1] == '\r' ? hit - 1 : hit; /* of the line end in front of "From " */
        if (before > 0 && text.p[before - 1] == '\n')
            return hit + 1;
        at = hit + 1;
    }
    return text.n;
}

static void one_file(struct parse *p, const char *path)
{
    err e;
    bool cut;
    buf_clear(&p->file);
    if (cmd_slurp(path, MAX_FILE, &p->file, &cut, &e) != OK) {
        p->code = cmd_fail(p->args, &e);
        return;
    }
    slice text = buf_slice(&p->file);
    slice name = slice_str(path);
    if (!slice_starts(text, S("From "))) {
        one_message(p, name, 0, text);
        return;
    }
    for (size_t at = 0, index = 0; at < text.n; index++) {
        size_t end = next_from_line(text, at);
        one_message(p, name, index, slice_sub(text, at, end - at));
        at = end;
    }
}

static int visible(const struct dirent *d)
{
    return d->d_name[0] != '.';
}

static void walk(struct parse *p, const char *path, unsigned depth);

static void one_directory(struct parse *p, const char *path, unsigned depth)
{
    struct dirent **entries;
    int n = scandir(path, &entries, visible, alphasort);
    if (n < 0) {
        cmd_error(p->args, "%s: cannot be read: %s", path, strerror(errno));
        p->code = EXIT_NOINPUT;
        return;
    }
    for (int i = 0; i < n; i++) {
        buf child;
        buf_init(&child, 0);
        buf_printf(&child, "%s%s%s", path, path[strlen(path) - 1] == '/' ? "" : "/", entries[i]->d_name);
        MUST(!child.failed);
        walk(p, child.p, depth + 1);
        buf_fini(&child);
        free(entries[i]);
    }
    free(entries);
}

static void walk(struct parse *p, const char *path, unsigned depth)
{
    struct stat st;
    if (strcmp(path, "-") != 0 && stat(path, &st) == 0 && S_ISDIR(st.st_mode)) {
        if (depth < MAX_DEPTH)
            one_directory(p, path, depth);
        return;
    }
    one_file(p, path);
}

static int run(struct args *a)
{
    struct parse p = {.args = a, .json = args_flag(a, "json")};
    if (args_count(a) == 0)
        return cmd_usage(a, "which files? (- reads standard input)");
    struct bounce_rules *rules = cmd_load_rules(a, &p.code);
    if (!rules)
        return p.code;
    p.reader = bounce_reader_new(rules);
    MUST(p.reader);
    arena_init(&p.arena, 0);
    buf_init(&p.out, 0);
    buf_init(&p.file, 0);
    for (size_t i = 0; i < args_count(a); i++)
        walk(&p, args_get(a, i), 0);
    cmd_write(&p.out);
    buf_fini(&p.out);
    buf_fini(&p.file);
    arena_fini(&p.arena);
    bounce_reader_free(&p.reader);
    bounce_rules_free(&rules);
    return p.code;
}

const struct cmd cmd_parse = {
    .name = "parse",
    .usage = "[options] PATH...",
    .summary = "read bounces and say what they are",
    .details = "PATH is a mail file, an mbox, a directory (with all below it) or - for standard input.\n"
               "Prints one line per report; a mail that is no report prints nothing.",
    .options = options,
    .run = run,
};
