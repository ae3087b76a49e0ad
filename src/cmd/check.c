#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/text.h"
#include "cmd/commands.h"
#include "cmd/csv.h"
#include "cmd/session.h"
#include "core/check.h"
#include "core/show.h"

#define BATCH 1000

static const struct opt options[] = {
    CMD_OPT_LEDGER,
    CMD_OPT_CONFIG,
    CMD_OPT_TENANT,
    CMD_OPT_STREAM,
    {"csv", 0, OPT_TEXT, "FILE", "clean a list: print the rows of FILE that may be sent to (- is standard input)"},
    {"column", 0, OPT_TEXT, "NAME", "the column with the address (default: found by its name)"},
    {"rejects", 0, OPT_TEXT, "FILE", "with --csv: write the other rows there, with a column that says why"},
    {"quiet", 'q', OPT_FLAG, NULL, "print no answers, and of --csv no counts; the exit status tells"},
    CMD_OPT_JSON,
    OPT_END,
};

struct check {
    struct args *args;
    struct session session;
    arena arena;
    buf out;
    bool json, quiet;
    bool some_suppressed, some_invalid;
};

static void answer_json(struct check *c, const struct check_answer *a)
{
    struct jsonw j;
    jsonw_init(&j, &c->out);
    jsonw_object(&j);
    show_check(&j, a);
    jsonw_end_object(&j);
    buf_addc(&c->out, '\n');
}

/* Why not, in one phrase; empty when it may be sent to. */
static void why_not(buf *out, const struct check_answer *a)
{
    if (a->word == CHECK_INVALID) {
        buf_adds(out, "not an address");
        return;
    }
    if (a->word != CHECK_SUPPRESSED)
        return;
    buf_adds(out, cause_word(a->cause));
    bool has_reason = a->reason != BOUNCE_REASON_UNKNOWN; /* an imported one tells none */
    if (has_reason && (a->cause == CAUSE_HARD || a->cause == CAUSE_ESCALATED))
        buf_printf(out, ": %s", bounce_reason_word(a->reason));
    if (a->domain)
        buf_adds(out, " (whole domain)");
    if (a->since_us != TIME_NONE) {
        buf_adds(out, " since ");
        time_add_iso(out, a->since_us);
    }
}

static void answer_text(struct check *c, const struct check_answer *a)
{
    static const enum paint paints[] = {
        [CHECK_SEND] = PAINT_GOOD, [CHECK_SUPPRESSED] = PAINT_BAD, [CHECK_INVALID] = PAINT_NOTE};
    cmd_paint(&c->out, paints[a->word], check_word(a->word), 10);
    buf_adds(&c->out, "  ");
    text_add_safe(&c->out, a->input, 254);
    if (a->word != CHECK_SEND)
        buf_adds(&c->out, "  ");
    why_not(&c->out, a);
    if (a->word == CHECK_SEND && a->row_count)
        buf_printf(&c->out, "  %u of %u failures in a row", a->row_count, a->row_needed);
    buf_addc(&c->out, '\n');
}

static void note(struct check *c, const struct check_answer *a)
{
    c->some_suppressed |= a->word == CHECK_SUPPRESSED;
    c->some_invalid |= a->word == CHECK_INVALID;
}

static int ask(struct check *c, const slice *in, size_t n, struct check_answer *out)
{
    err e;
    enum status s = check_ledger(c->session.ledger, &c->session.policy, c->session.tenant, c->session.stream, in, n,
                                 c->session.now_us, &c->arena, out, &e);
    if (s != OK)
        return cmd_fail(c->args, &e);
    for (size_t i = 0; i < n; i++)
        note(c, &out[i]);
    return EXIT_YES;
}

static int print_batch(struct check *c, const slice *in, size_t n)
{
    static struct check_answer answers[BATCH];
    int code = ask(c, in, n, answers);
    for (size_t i = 0; code == EXIT_YES && !c->quiet && i < n; i++)
        (c->json ? answer_json : answer_text)(c, &answers[i]);
    cmd_write(&c->out);
    arena_reset(&c->arena);
    return code;
}

static int arguments(struct check *c)
{
    slice batch[BATCH];
    size_t n = 0;
    for (size_t i = 0; i < args_count(c->args); i++) {
        batch[n++] = slice_str(args_get(c->args, i));
        if (n < BATCH && i + 1 < args_count(c->args))
            continue;
        int code = print_batch(c, batch, n);
        if (code)
            return code;
        n = 0;
    }
    return EXIT_YES;
}

static int standard_input(struct check *c)
{
    struct csv_file in;
    slice batch[BATCH], line;
    size_t n = 0;
    err e;
    int got, code = EXIT_YES;
    if (csv_open(&in, "-", &e) != OK)
        return cmd_fail(c->args, &e);
    while (code == EXIT_YES && (got = csv_line(&in, &line, &e)) != 0) {
        if (got < 0) {
            code = cmd_fail(c->args, &e);
            break;
        }
        line = slice_trim(line);
        if (slice_empty(line))
            continue;
        batch[n] = arena_dup(&c->arena, line);
        if (++n == BATCH) {
            code = print_batch(c, batch, n);
            n = 0;
        }
    }
    if (code == EXIT_YES && n > 0)
        code = print_batch(c, batch, n);
    csv_close(&in);
    return code;
}

/* ---- --csv ---- */

struct cleaning {
    struct check *check;
    struct csv_file in;
    FILE *rejects;
    slice rows[BATCH], addresses[BATCH];
    size_t n;
    uint64_t kept, dropped;
};

/* The row as it stands (it may hold any byte), and why it was taken out. */
static void reject(struct cleaning *k, slice row, slice why)
{
    if (!k->rejects)
        return;
    fwrite(row.p, 1, row.n, k->rejects);
    fprintf(k->rejects, "%c%.*s\n", k->in.delimiter, SLICE_FMT(why));
}

static int clean_batch(struct cleaning *k)
{
    static struct check_answer answers[BATCH];
    struct check *c = k->check;
    int code = ask(c, k->addresses, k->n, answers);
    buf why;
    buf_init(&why, 0);
    for (size_t i = 0; code == EXIT_YES && i < k->n; i++) {
        if (answers[i].word == CHECK_SEND) {
            buf_add(&c->out, k->rows[i]);
            buf_addc(&c->out, '\n');
            k->kept++;
            continue;
        }
        k->dropped++;
        buf_clear(&why);
        why_not(&why, &answers[i]);
        reject(k, k->rows[i], buf_slice(&why));
    }
    buf_fini(&why);
    cmd_write(&c->out);
    arena_reset(&c->arena);
    k->n = 0;
    return code;
}

static void put_row(struct cleaning *k, slice row, size_t column)
{
    struct check *c = k->check;
    k->rows[k->n] = arena_dup(&c->arena, row);
    k->addresses[k->n] = csv_field(&k->in, k->rows[k->n], column, &c->arena);
    k->n++;
}

static int clean_rows(struct cleaning *k, size_t column)
{
    struct check *c = k->check;
    slice row;
    err e;
    int got;
    while ((got = csv_record(&k->in, &row, &e)) > 0) {
        if (slice_empty(slice_trim(row)))
            continue;
        put_row(k, row, column);
        if (k->n == BATCH) {
            int code = clean_batch(k);
            if (code)
                return code;
        }
    }
    if (got < 0)
        return cmd_fail(c->args, &e);
    return k->n ? clean_batch(k) : EXIT_YES;
}

static void put_header(struct cleaning *k, slice header)
{
    buf_add(&k->check->out, header);
    buf_addc(&k->check->out, '\n');
    reject(k, header, S("why"));
}

/* The first line has several fields, no usual name and no address: names of somebody's own. The first row tells the
 * column then. */
static int own_names(struct cleaning *k, slice header, size_t *column)
{
    struct check *c = k->check;
    slice row;
    err e;
    header = arena_dup(&c->arena, header);
    int got = csv_record(&k->in, &row, &e);
    if (got < 0)
        return cmd_fail(c->args, &e);
    if (got == 0 || slice_chr(row, '@') == SLICE_NPOS) {
        cmd_error(c->args, "which column has the addresses? Name it by --column; the first line is: %.*s",
                  SLICE_FMT(slice_sub(header, 0, 200)));
        return EXIT_DATA;
    }
    (void)csv_address_column(&k->in, row, SLICE_EMPTY, &c->arena, column);
    put_header(k, header);
    put_row(k, row, *column);
    return EXIT_YES;
}

static int clean_header(struct cleaning *k, size_t *column)
{
    struct check *c = k->check;
    slice header;
    err e;
    int got = csv_record(&k->in, &header, &e);
    if (got < 0)
        return cmd_fail(c->args, &e);
    if (got == 0)
        return EXIT_YES;
    const char *name = args_text(c->args, "column", NULL);
    bool is_header = csv_address_column(&k->in, header, name ? slice_str(name) : SLICE_EMPTY, &c->arena, column);
    if (!is_header && name) {
        cmd_error(c->args, "there is no column '%s'; the first line is: %.*s", name,
                  SLICE_FMT(slice_sub(header, 0, 200)));
        return EXIT_DATA;
    }
    if (is_header) {
        put_header(k, header);
        return EXIT_YES;
    }
    if (slice_chr(header, '@') == SLICE_NPOS && slice_chr(header, k->in.delimiter) != SLICE_NPOS)
        return own_names(k, header, column);
    put_row(k, header, *column); /* no names: the first line is a row already */
    return EXIT_YES;
}

static bool same_file(int fd, const char *path)
{
    struct stat a, b;
    return fstat(fd, &a) == 0 && stat(path, &b) == 0 && S_ISREG(a.st_mode) && a.st_dev == b.st_dev &&
           a.st_ino == b.st_ino;
}

/* Neither output may be the list itself: opening it would empty it. */
static int open_rejects(struct cleaning *k, const char *path)
{
    if (!path)
        return EXIT_YES;
    if (same_file(k->in.fd, path) || same_file(STDOUT_FILENO, path))
        return cmd_usage(k->check->args, "--rejects %s: is the list or the output; name another file", path);
    k->rejects = fopen(path, "we");
    if (k->rejects)
        return EXIT_YES;
    cmd_error(k->check->args, "%s: cannot be written: %s", path, strerror(errno));
    return EXIT_CANTCREAT;
}

static int close_rejects(struct cleaning *k, const char *path)
{
    if (!k->rejects)
        return EXIT_YES;
    bool failed = ferror(k->rejects) != 0;
    if (fclose(k->rejects) == 0 && !failed)
        return EXIT_YES;
    cmd_error(k->check->args, "%s: cannot be written: %s", path, strerror(errno));
    return EXIT_IOERR;
}

static int clean_list(struct check *c, const char *path)
{
    static struct cleaning k;
    err e;
    size_t column = 0;
    k.check = c;
    const char *rejects = args_text(c->args, "rejects", NULL);
    if (csv_open(&k.in, path, &e) != OK)
        return cmd_fail(c->args, &e);
    int code = open_rejects(&k, rejects);
    if (code == EXIT_YES)
        code = clean_header(&k, &column);
    if (code == EXIT_YES)
        code = clean_rows(&k, column);
    int closed = close_rejects(&k, rejects);
    csv_close(&k.in);
    code = code ? code : closed;
    if (code == EXIT_YES && !c->quiet)
        fprintf(stderr, "%llu rows may be sent to, %llu not\n", (unsigned long long)k.kept,
                (unsigned long long)k.dropped);
    return code;
}

static int run(struct args *a)
{
    struct check c = {.args = a, .json = args_flag(a, "json"), .quiet = args_flag(a, "quiet")};
    const char *csv = args_text(a, "csv", NULL);
    if (csv && args_count(a))
        return cmd_usage(a, "--csv FILE and addresses do not go together");
    if (csv && c.json)
        return cmd_usage(a, "--csv FILE prints rows, not JSON");
    if (!csv && (args_text(a, "rejects", NULL) || args_text(a, "column", NULL)))
        return cmd_usage(a, "--rejects and --column go with --csv FILE");
    int code = session_open(&c.session, a, SESSION_READ);
    if (code)
        return code;
    arena_init(&c.arena, 0);
    buf_init(&c.out, 0);
    if (csv)
        code = clean_list(&c, csv);
    else
        code = args_count(a) ? arguments(&c) : standard_input(&c);
    buf_fini(&c.out);
    arena_fini(&c.arena);
    session_close(&c.session);
    if (code)
        return code;
    return c.some_suppressed ? EXIT_NO : c.some_invalid ? 2 : EXIT_YES;
}

const struct cmd cmd_check = {
    .name = "check",
    .usage = "[options] [ADDRESS...]",
    .summary = "may I send to these addresses?",
    .details =
        "Without ADDRESS, reads one address a line from standard input. An address that nothing is known of may be\n"
        "sent to. Exit status: 0 all may be sent to, 1 at least one is suppressed, 2 none is suppressed but at least\n"
        "one is no address.",
    .options = options,
    .run = run,
};
