#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cmd/commands.h"
#include "cmd/ingest.h"
#include "cmd/print_decision.h"
#include "core/acts.h"
#include "core/report.h"

#define LOGS "logs"          /* the feed under which open queue ids are kept */
#define OLD_MEMORY "postfix" /* and the row that held all of them at once before */

static const struct opt options[] = {
    {"dry-run", 'n', OPT_FLAG, NULL, "say what would be suppressed and why; change nothing"},
    CMD_OPT_LEDGER,
    CMD_OPT_CONFIG,
    {"hash-addresses", 0, OPT_FLAG, NULL, "a new ledger keeps addresses only as keyed hashes, for good"},
    CMD_OPT_TENANT,
    CMD_OPT_STREAM,
    {"campaign", 0, OPT_TEXT, "NAME", "the campaign, where the mail itself tells none"},
    {"source", 0, OPT_TEXT, "NAME", "where the addresses come from: a form, an import, a partner"},
    {"trust", 0, OPT_TEXT, "matched", "you vouch for these mails: count reports that anybody could have sent"},
    {"relay", 0, OPT_LIST, "HOST", "a next hop that is not the destination: your smarthost or filter"},
    {"zone", 0, OPT_TEXT, "ZONE", "zone of log stamps that name none (default: this machine's)"},
    {"verp-keys", 0, OPT_TEXT, "FILE",
     "keys of signed return paths (default: /etc/bounced/verp.keys when it is there)"},
    {"form", 0, OPT_TEXT, "FORM",
     "what every file is, where it does not look it: message, mbox, log, journal, ndjson, csv"},
    {"dialect", 0, OPT_TEXT, "NAME", "what wrote every log, where it does not look it (default: each line tells)"},
    {"no-mark", 0, OPT_FLAG, NULL, "leave mails in a Maildir as they are (default: move new/ to cur/ as seen)"},
    {"unread", 0, OPT_FLAG, NULL, "of a Maildir read only what nobody has read"},
    {"password-file", 0, OPT_TEXT, "FILE", "IMAP: the password (default: $BOUNCED_IMAP_PASSWORD, else ~/.netrc)"},
    {"after", 0, OPT_TEXT, "WHAT",
     "IMAP: keep what was read (default), or seen, delete or move=FOLDER, after the commit"},
    {"ca-file", 0, OPT_TEXT, "FILE", "IMAP: certificates to trust instead of the system's"},
    {"plain-text", 0, OPT_FLAG, NULL, "IMAP: allow imap:// without TLS"},
    {"all", 'a', OPT_FLAG, NULL, "list every decision, not only the first 50"},
    {"quiet", 'q', OPT_FLAG, NULL, "print nothing but errors (for cron)"},
    CMD_OPT_RULES,
    CMD_OPT_JSON,
    OPT_END,
};

/* ---- what was read, to observations ---- */

static int add_all(struct ingest *g, const struct observation *list, size_t n)
{
    err e;
    for (size_t i = 0; i < n; i++)
        if (intake_add(g->intake, &list[i], &e) != OK)
            return cmd_fail(g->args, &e);
    return EXIT_YES;
}

static slice opaque_recipient(void *ctx, slice tenant, slice id, arena *a)
{
    struct ingest *g = ctx;
    slice key;
    err e;
    if (ledger_get_opaque(g->session.ledger, tenant, id, a, &key, &e) == OK)
        return key;
    cmd_error(g->args, "%s; a signed return path is taken as unknown", e.text);
    return SLICE_EMPTY;
}

int ingest_mail(struct ingest *g, slice path, slice bytes, int64_t arrived_us)
{
    struct bounce_result result;
    struct report_context context = {
        .tenant = g->session.tenant,
        .stream = g->session.stream,
        .campaign = slice_str(args_text(g->args, "campaign", "")),
        .source = slice_str(args_text(g->args, "source", "")),
        .feed = S("mail"),
        .verp_keys = g->keys.keys,
        .verp_key_count = g->keys.n,
        .opaque = opaque_recipient,
        .opaque_ctx = g,
        .now_us = arrived_us == TIME_NONE ? g->session.now_us : arrived_us,
        .vouched = g->vouched,
    };
    struct observation *list;
    size_t n;
    g->mails_read++;
    if (bounce_read(g->mails, bytes, NULL, &g->arena, &result) != BOUNCE_OK)
        cmd_error(g->args, "%.*s: a limit was reached; what was found so far counts", SLICE_FMT(path));
    if (!report_observations(&result, bytes, &context, &g->arena, &list, &n))
        cmd_error(g->args, "%.*s: no memory for all of its reports", SLICE_FMT(path));
    return add_all(g, list, n);
}

static int log_lines(struct ingest *g, const struct read_piece *piece)
{
    struct feed_list list = {0};
    uint64_t odd = maillog_counts(g->logs)->odd;
    if (piece->first)
        maillog_file(g->logs, SLICE_EMPTY, piece->head, piece->reference_us);
    bool whole = piece->form == READ_JOURNAL ? maillog_journal(g->logs, piece->bytes, &g->arena, &list)
                                             : maillog_block(g->logs, piece->bytes, &g->arena, &list);
    if (!whole) {
        cmd_error(g->args, "%.*s: no memory for its lines", SLICE_FMT(piece->path));
        return EXIT_TEMPFAIL;
    }
    odd = maillog_counts(g->logs)->odd - odd;
    if (odd)
        cmd_error(g->args, "%.*s: %llu records could not be read; the last one: %.*s", SLICE_FMT(piece->path),
                  (unsigned long long)odd, SLICE_FMT(maillog_odd(g->logs)));
    return add_all(g, list.items, list.n);
}

static int one_piece(struct ingest *g, const struct read_piece *piece)
{
    arena_reset(&g->arena);
    switch (piece->form) {
    case READ_MESSAGE:
        return ingest_mail(g, piece->path, piece->bytes, piece->reference_us);
    case READ_LOG:
    case READ_JOURNAL:
    case READ_NDJSON:
    case READ_CSV:
        if (g->dialect || piece->form == READ_LOG || piece->form == READ_JOURNAL || log_dialect_detect(piece->head))
            return log_lines(g, piece);
        break;
    default:
        break;
    }
    if (piece->first) {
        cmd_error(g->args, "%.*s: looks like %s, but like no log that ingest reads; --dialect says which one it is",
                  SLICE_FMT(piece->path), read_form_word(piece->form));
        g->odd_pieces++;
        reader_decline(g->files);
    }
    return EXIT_YES;
}

/* ---- one batch ---- */

static enum status put_position(void *ctx, slice name, slice position, err *e)
{
    struct ingest *g = ctx;
    struct ledger_feed f = {.name = name, .position = position, .memory = SLICE_EMPTY, .updated_us = g->session.now_us};
    return intake_feed(g->intake, &f, e);
}

struct memory_out {
    struct ingest *g;
    enum status status;
    err *e;
};

static bool put_row(void *ctx, slice key, slice value)
{
    struct memory_out *m = ctx;
    m->status = intake_memory(m->g->intake, S(LOGS), key, value, m->e);
    return m->status == OK;
}

static enum status put_memory(struct ingest *g, err *e)
{
    struct memory_out m = {g, OK, e};
    const struct ledger_feed emptied = {S(OLD_MEMORY), SLICE_EMPTY, SLICE_EMPTY, g->session.now_us};
    if (g->old_memory && intake_feed(g->intake, &emptied, e) != OK)
        return e->status;
    g->old_memory = false;
    if (maillog_changes(g->logs, put_row, &m))
        return OK;
    return m.status == OK ? err_set(e, E_MEMORY, "no memory for the open queue ids") : m.status;
}

static void show(struct ingest *g, const struct intake_result *r)
{
    for (size_t i = 0; i < r->decision_count; i++) {
        const struct decision *d = &r->decisions[i];
        bool worth_telling = d->to == STATE_SUPPRESSED || d->to == STATE_HELD || d->lifted;
        if (!worth_telling || g->quiet)
            continue;
        if (g->json)
            json_decision(&g->out, d, g->dry_run);
        else if (g->decisions < INGEST_SHOWN_DECISIONS || g->all)
            print_decision(&g->out, d, g->dry_run);
        g->decisions++;
    }
    for (size_t i = 0; i < r->invalid_count && i < INGEST_SHOWN_INVALID; i++)
        if (!slice_empty(r->invalid[i])) /* the summary counts reports that name nobody */
            cmd_error(g->args, "'%.*s' is no address; that report was skipped", SLICE_FMT(r->invalid[i]));
    cmd_write(&g->out);
}

static enum status put_folder(struct ingest *g, err *e)
{
    buf position;
    buf_init(&position, 0);
    imap_position(g->imap, &position);
    enum status s = position.failed ? err_set(e, E_MEMORY, "no memory for the position in %s", g->imap_name)
                                    : put_position(g, slice_str(g->imap_name), buf_slice(&position), e);
    buf_fini(&position);
    return s;
}

static enum status put_positions(struct ingest *g, err *e)
{
    enum status s = reader_positions(g->files, put_position, g, e);
    if (s == OK && g->imap)
        s = put_folder(g, e);
    return s == OK ? put_memory(g, e) : s;
}

/* The facts are safe now; when this fails, only the marks are missing. */
static void mark(struct ingest *g)
{
    err e;
    if (reader_committed(g->files, &e) != OK)
        g->code = cmd_fail(g->args, &e);
    if (g->imap && imap_committed(g->imap, &e) != OK)
        g->code = cmd_fail(g->args, &e);
}

int ingest_flush(struct ingest *g)
{
    err e;
    struct intake_result r;
    if (put_positions(g, &e) != OK || intake_flush(g->intake, g->session.now_us, &r, &e) != OK)
        return cmd_fail(g->args, &e);
    progress_hide(&g->progress);
    show(g, &r);
    if (!g->dry_run)
        mark(g);
    return EXIT_YES;
}

static int read_files(struct ingest *g)
{
    for (;;) {
        err e;
        struct read_piece piece;
        int got = reader_next(g->files, &piece, &e);
        if (got == 0)
            break;
        if (got < 0) {
            progress_hide(&g->progress);
            g->code = cmd_fail(g->args, &e);
            continue;
        }
        int code = one_piece(g, &piece);
        if (code == EXIT_YES && intake_full(g->intake))
            code = ingest_flush(g);
        if (code)
            return code;
        progress_show(&g->progress, reader_counts(g->files)->bytes, piece.path);
    }
    return ingest_flush(g);
}

/* What time alone changes (deferrals without an end, what expired) belongs into the list that is exported next. */
static int settle(struct ingest *g)
{
    err e;
    uint64_t changed;
    if (g->dry_run)
        return EXIT_YES;
    enum status s = due_sweep(g->session.ledger, &g->session.policy, g->session.now_us, &changed, &e);
    return s == OK ? EXIT_YES : cmd_fail(g->args, &e);
}

static int read_all(struct ingest *g)
{
    int code = read_files(g);
    for (size_t i = 0; code == EXIT_YES && i < args_count(g->args); i++)
        if (ingest_is_url(args_get(g->args, i)))
            code = ingest_folder(g, args_get(g->args, i));
    return code == EXIT_YES ? settle(g) : code;
}

/* ---- setting up ---- */

static bool known_position(void *ctx, slice name, arena *a, slice *position)
{
    struct ingest *g = ctx;
    struct ledger_feed f;
    err e;
    if (ledger_get_feed(g->session.ledger, name, a, &f, &e) != OK)
        return false;
    *position = f.position;
    return true;
}

static bool take_form(struct ingest *g)
{
    static const enum read_form forms[] = {READ_MESSAGE, READ_MBOX, READ_LOG, READ_JOURNAL, READ_NDJSON, READ_CSV};
    const char *word = args_text(g->args, "form", NULL);
    g->form = READ_AUTO;
    for (size_t i = 0; word && i < ARRAY_LEN(forms); i++)
        if (strcmp(read_form_word(forms[i]), word) == 0)
            g->form = forms[i];
    return !word || g->form != READ_AUTO;
}

/* "postfix, exim, ..." */
static int unknown_dialect(struct ingest *g)
{
    buf names;
    buf_init(&names, 0);
    for (size_t i = 0; log_dialect_at(i); i++)
        buf_printf(&names, "%s%s", i ? ", " : "", log_dialect_name(log_dialect_at(i)));
    int code = cmd_usage(g->args, "--dialect is one of %.*s", SLICE_FMT(buf_slice(&names)));
    buf_fini(&names);
    return code;
}

static int take_options(struct ingest *g)
{
    err e;
    const char *dialect = args_text(g->args, "dialect", NULL);
    g->dialect = dialect ? log_dialect_find(slice_str(dialect)) : NULL;
    if (dialect && !g->dialect)
        return unknown_dialect(g);
    if (!take_form(g))
        return cmd_usage(g->args, "--form is message, mbox, log, journal, ndjson or csv");
    const char *trust = args_text(g->args, "trust", NULL);
    if (args_count(g->args) == 0)
        return cmd_usage(g->args,
                         "which files? Mails, mboxes, Maildirs, directories, logs, IMAP folders; - is standard input");
    if (trust && strcmp(trust, "matched") != 0)
        return cmd_usage(g->args, "--trust takes 'matched' only; a signed return path proves more by itself");
    g->vouched = trust != NULL;
    for (const char *relay; (relay = args_list(g->args, "relay", g->relay_count)) != NULL;) {
        if (g->relay_count == INGEST_MAX_RELAYS)
            return cmd_usage(g->args, "more than %d relays", INGEST_MAX_RELAYS);
        g->relays[g->relay_count++] = slice_str(relay);
    }
    if (zone_find(args_text(g->args, "zone", NULL), session_clock(), &g->zone, &e) != OK)
        return cmd_fail(g->args, &e);
    if (gethostname(g->host, sizeof g->host - 1) != 0)
        strcpy(g->host, "localhost");
    return keys_load(g->args, &g->keys);
}

static bool take_row(void *ctx, slice key, slice value)
{
    struct ingest *g = ctx;
    if (!maillog_take_row(g->logs, key, value))
        g->odd_rows++;
    return true;
}

static int open_logs(struct ingest *g)
{
    struct ledger_feed old;
    err e;
    struct log_options o = {
        .dialect = g->dialect,
        .reference_us = g->session.now_us,
        .zone = &g->zone.zone,
        .relays = g->relays,
        .relay_count = g->relay_count,
        .host = slice_str(g->host),
        .tenant = g->session.tenant,
    };
    g->logs = maillog_new(&o);
    MUST(g->logs);
    enum status s = ledger_memory(g->session.ledger, S(LOGS), take_row, g, &e);
    if (s != OK)
        return cmd_fail(g->args, &e);
    s = ledger_get_feed(g->session.ledger, S(OLD_MEMORY), &g->arena, &old, &e);
    if (s != OK && s != E_NOT_FOUND)
        return cmd_fail(g->args, &e);
    g->old_memory = s == OK && !slice_empty(old.memory);
    if (g->odd_rows || (g->old_memory && !maillog_import(g->logs, old.memory)))
        cmd_error(g->args, "some of what the ledger remembers of open queue ids cannot be read; it is left out");
    return EXIT_YES;
}

static int open_all(struct ingest *g)
{
    err e;
    int code = session_open(&g->session, g->args, g->dry_run ? SESSION_TRY : SESSION_CREATE);
    if (code)
        return code;
    g->rules = cmd_load_rules(g->args, &code);
    if (!g->rules)
        return code;
    g->mails = bounce_reader_new(g->rules);
    MUST(g->mails);
    code = open_logs(g);
    if (code)
        return code;
    struct intake_options io = {
        .dry_run = g->dry_run,
        .vouch = g->vouched,
        .incidents = g->session.incidents,
        .tenant = g->session.tenant,
        .stream = g->session.stream,
        .campaign = slice_str(args_text(g->args, "campaign", "")),
        .source = slice_str(args_text(g->args, "source", "")),
    };
    if (intake_new(g->session.ledger, g->rules, &g->session.policy, &io, &g->intake, &e) != OK)
        return cmd_fail(g->args, &e);
    struct read_options ro = {
        .form = g->form,
        .mark_read = !g->dry_run && !args_flag(g->args, "no-mark"),
        .unread_only = args_flag(g->args, "unread"),
        .known = known_position,
        .known_ctx = g,
    };
    size_t n = 0;
    g->paths = calloc(args_count(g->args) + 1, sizeof *g->paths);
    MUST(g->paths);
    for (size_t i = 0; i < args_count(g->args); i++)
        if (!ingest_is_url(args_get(g->args, i)))
            g->paths[n++] = args_get(g->args, i);
    return reader_open(g->paths, n, &ro, &g->files, &e) == OK ? EXIT_YES : cmd_fail(g->args, &e);
}

static void close_all(struct ingest *g)
{
    if (g->files)
        reader_close(&g->files);
    free(g->paths);
    if (g->intake)
        intake_free(&g->intake);
    if (g->logs)
        maillog_free(&g->logs);
    if (g->mails)
        bounce_reader_free(&g->mails);
    if (g->rules)
        bounce_rules_free(&g->rules);
    session_close(&g->session);
    verp_keys_clear(&g->keys);
    buf_fini(&g->out);
    arena_fini(&g->arena);
}

/* A mail that a pipe handed over must not be lost to a trouble that somebody will mend: the mail server shall keep it. */
static int pipe_code(const struct args *a, int code)
{
    bool piped = false;
    for (size_t i = 0; i < args_count(a); i++)
        piped |= strcmp(args_get(a, i), "-") == 0;
    bool mendable = code >= EXIT_DATA; /* what stands on standard input is a mail, whatever it looks like */
    return piped && mendable ? EXIT_TEMPFAIL : code;
}

static int run(struct args *a)
{
    struct ingest g = {.args = a,
                       .dry_run = args_flag(a, "dry-run"),
                       .json = args_flag(a, "json"),
                       .quiet = args_flag(a, "quiet"),
                       .all = args_flag(a, "all")};
    buf_init(&g.out, 0);
    arena_init(&g.arena, 0);
    progress_init(&g.progress, g.quiet);
    int code = take_options(&g);
    if (code == EXIT_YES)
        code = open_all(&g);
    if (code == EXIT_YES)
        code = read_all(&g);
    progress_hide(&g.progress);
    if (code == EXIT_YES) {
        ingest_summary(&g);
        cmd_write(&g.out);
        code = g.code ? g.code : g.odd_pieces ? EXIT_DATA : EXIT_YES;
    }
    close_all(&g);
    return pipe_code(a, code);
}

const struct cmd cmd_ingest = {
    .name = "ingest",
    .usage = "[options] PATH...",
    .summary = "read mails and logs into the ledger; suppress what must be",
    .details = "PATH is a mail, an mbox, a Maildir, a directory, imaps://user@host/FOLDER, a log of Postfix, Exim,\n"
               "OpenSMTPD, sendmail, PowerMTA or KumoMTA (also rotated .gz, .xz, .zst, or `journalctl -o export`),\n"
               "a file of events, or - for any of these on standard input.\n"
               "Safe to repeat: what was read is known.\n"
               "Exit status: 0 done, 65 a path that is none of these, 66 a path that cannot be read (the others are\n"
               "done), 75 try again (busy, disk full; nothing of the batch was taken);\n"
               "with - every trouble but a wrong option is 75, so that a mail server keeps the mail.",
    .options = options,
    .run = run,
};
