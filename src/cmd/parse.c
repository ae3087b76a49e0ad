#include "base/arena.h"
#include "cmd/commands.h"
#include "cmd/print_report.h"
#include "core/read.h"

static const struct opt options[] = {CMD_OPT_JSON, CMD_OPT_RULES, OPT_END};

struct parse {
    struct args *args;
    struct bounce_reader *reader;
    arena arena;
    buf out;
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

static int read_all(struct parse *p, struct reader *files)
{
    size_t index = 0;
    for (;;) {
        err e;
        struct read_piece piece;
        int got = reader_next(files, &piece, &e);
        if (got == 0)
            return p->code;
        if (got < 0) {
            p->code = cmd_fail(p->args, &e);
            continue;
        }
        index = piece.first ? 0 : index + 1;
        if (piece.truncated)
            cmd_error(p->args, "%.*s: longer than %u MB; only the beginning is read", SLICE_FMT(piece.path),
                      BOUNCE_MAX_MESSAGE_BYTES >> 20);
        one_message(p, piece.path, index, piece.bytes);
    }
}

static int parse_files(struct parse *p)
{
    struct read_options o = {.mail_only = true, .max_message_bytes = BOUNCE_MAX_MESSAGE_BYTES};
    struct reader *files;
    const char *const *paths = args_all(p->args);
    err e;
    if (reader_open(paths, args_count(p->args), &o, &files, &e) != OK)
        return cmd_fail(p->args, &e);
    int code = read_all(p, files);
    reader_close(&files);
    return code;
}

static int run(struct args *a)
{
    struct parse p = {.args = a, .json = args_flag(a, "json")};
    if (args_count(a) == 0)
        return cmd_usage(a, "which files? (- is standard input)");
    struct bounce_rules *rules = cmd_load_rules(a, &p.code);
    if (!rules)
        return p.code;
    p.reader = bounce_reader_new(rules);
    MUST(p.reader);
    arena_init(&p.arena, 0);
    buf_init(&p.out, 0);
    p.code = parse_files(&p);
    cmd_write(&p.out);
    buf_fini(&p.out);
    arena_fini(&p.arena);
    bounce_reader_free(&p.reader);
    bounce_rules_free(&rules);
    return p.code;
}

const struct cmd cmd_parse = {
    .name = "parse",
    .usage = "[options] PATH...",
    .summary = "read bounces and say what they are",
    .details = "PATH is a mail, an mbox, a Maildir, a directory (with all below it), each also compressed by gzip, xz "
               "or zstd,\n"
               "or - for standard input.\n"
               "Prints one line per report; a mail that is no report prints nothing.",
    .options = options,
    .run = run,
};
