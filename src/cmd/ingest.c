#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/arena.h"
#include "cmd/commands.h"
#include "cmd/keys.h"
#include "cmd/print_decision.h"
#include "cmd/progress.h"
#include "cmd/session.h"
#include "cmd/zone.h"
#include "core/intake.h"
#include "core/read.h"
#include "core/report.h"
#include "feed/postfix.h"

#define MAX_RELAYS 256
#define SHOWN_DECISIONS 50
#define POSTFIX_MEMORY "postfix" /* name of the feed row that holds the open queue ids */

static const struct opt options[] = {
    {"dry-run", 'n', OPT_FLAG, NULL, "say what would be suppressed and why; change nothing"},
    CMD_OPT_LEDGER,
    CMD_OPT_TENANT,
    CMD_OPT_STREAM,
    {"campaign", 0, OPT_TEXT, "NAME", "the campaign, where the mail itself tells none"},
    {"source", 0, OPT_TEXT, "NAME", "where the addresses come from: a form, an import, a partner"},
    {"trust", 0, OPT_TEXT, "matched", "you vouch for these mails: count reports that anybody could have sent"},
    {"relay", 0, OPT_LIST, "HOST", "a next hop that is not the destination: your smarthost or filter"},
    {"zone", 0, OPT_TEXT, "ZONE", "zone of log stamps that name none (default: this machine's)"},
    {"verp-keys", 0, OPT_TEXT, "FILE",
     "keys of signed return paths (default: /etc/bounced/verp.keys when it is there)"},
    {"no-mark", 0, OPT_FLAG, NULL, "leave mails in a Maildir as they are (default: move new/ to cur/ as seen)"},
    {"unread", 0, OPT_FLAG, NULL, "of a Maildir read only what nobody has read"},
    {"all", 'a', OPT_FLAG, NULL, "list every decision, not only the first 50"},
    {"quiet", 'q', OPT_FLAG, NULL, "print nothing but errors (for cron)"},
    CMD_OPT_RULES,
    CMD_OPT_JSON,
    OPT_END,
};

struct ingest {
    struct args *args;
    struct session session;
    struct bounce_rules *rules;
    struct bounce_reader *mails;
    struct postfix *postfix;
    struct reader *files;
    struct intake *intake;
    struct verp_keys keys;
    struct cmd_zone zone;
    struct progress progress;
    arena arena; /* of one piece */
    buf out, memory;
    slice relays[MAX_RELAYS];
    size_t relay_count;
    char host[256];
    bool dry_run, json, quiet, all, vouched;
    uint64_t decisions, mails_read, odd_pieces;
    int code;
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

static int one_mail(struct ingest *g, const struct read_piece *piece)
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
        .now_us = g->session.now_us,
        .vouched = g->vouched,
    };
    struct observation *list;
    size_t n;
    g->mails_read++;
    if (bounce_read(g->mails, piece->bytes, NULL, &g->arena, &result) != BOUNCE_OK)
        cmd_error(g->args, "%.*s: a limit was reached; what was found so far counts", SLICE_FMT(piece->path));
    if (!report_observations(&result, piece->bytes, &context, &g->arena, &list, &n))
        cmd_error(g->args, "%.*s: no memory for all of its reports", SLICE_FMT(piece->path));
    return add_all(g, list, n);
}

static int log_lines(struct ingest *g, const struct read_piece *piece)
{
    struct feed_list list = {0};
    if (piece->first)
        postfix_file(g->postfix, S("postfix"), piece->reference_us);
    bool whole = piece->form == READ_JOURNAL ? postfix_journal(g->postfix, piece->bytes, &g->arena, &list)
                                             : postfix_block(g->postfix, piece->bytes, &g->arena, &list);
    if (!whole) {
        cmd_error(g->args, "%.*s: no memory for its lines", SLICE_FMT(piece->path));
        return EXIT_TEMPFAIL;
    }
    return add_all(g, list.items, list.n);
}

static int one_piece(struct ingest *g, const struct read_piece *piece)
{
    arena_reset(&g->arena);
    switch (piece->form) {
    case READ_MESSAGE:
        return one_mail(g, piece);
    case READ_LOG:
    case READ_JOURNAL:
        return log_lines(g, piece);
    default:
        if (piece->first) {
            cmd_error(
                g->args,
                "%.*s: looks like %s, which ingest does not read; it takes mails, mboxes, Maildirs and Postfix logs",
                SLICE_FMT(piece->path), read_form_word(piece->form));
            g->odd_pieces++;
        }
        return EXIT_YES;
    }
}

/* ---- one batch ---- */

static enum status put_position(void *ctx, slice name, slice position, err *e)
{
    struct ingest *g = ctx;
    struct ledger_feed f = {.name = name, .position = position, .memory = SLICE_EMPTY, .updated_us = g->session.now_us};
    return intake_feed(g->intake, &f, e);
}

static enum status put_memory(struct ingest *g, err *e)
{
    if (!postfix_changed(g->postfix))
        return OK;
    buf_clear(&g->memory);
    postfix_export(g->postfix, &g->memory);
    if (g->memory.failed)
        return err_set(e, E_MEMORY, "no memory for the open queue ids");
    struct ledger_feed f = {.name = S(POSTFIX_MEMORY),
                            .position = SLICE_EMPTY,
                            .memory = buf_slice(&g->memory),
                            .updated_us = g->session.now_us};
    return intake_feed(g->intake, &f, e);
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
        else if (g->decisions < SHOWN_DECISIONS || g->all)
            print_decision(&g->out, d, g->dry_run);
        g->decisions++;
    }
    for (size_t i = 0; i < r->invalid_count && i < 3; i++)
        cmd_error(g->args, "'%.*s' is no address; that report was skipped", SLICE_FMT(r->invalid[i]));
    cmd_write(&g->out);
}

static int flush(struct ingest *g)
{
    err e;
    struct intake_result r;
    if (reader_positions(g->files, put_position, g, &e) != OK || put_memory(g, &e) != OK ||
        intake_flush(g->intake, g->session.now_us, &r, &e) != OK)
        return cmd_fail(g->args, &e);
    progress_hide(&g->progress);
    show(g, &r);
    if (!g->dry_run && reader_committed(g->files, &e) != OK)
        g->code = cmd_fail(g->args, &e); /* the facts are safe; only the mark is missing */
    return EXIT_YES;
}

static int read_all(struct ingest *g)
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
            code = flush(g);
        if (code)
            return code;
        progress_show(&g->progress, reader_counts(g->files)->bytes, piece.path);
    }
    return flush(g);
}

/* ---- the summary ---- */

static void summary_json(struct ingest *g)
{
    const struct intake_counts *c = intake_totals(g->intake);
    struct jsonw j;
    jsonw_init(&j, &g->out);
    jsonw_object(&j);
    jsonw_kstr(&j, "type", S("summary"));
    jsonw_kbool(&j, "dry_run", g->dry_run);
    jsonw_ki64(&j, "files", (int64_t)reader_counts(g->files)->files);
    jsonw_ki64(&j, "mails", (int64_t)g->mails_read);
    jsonw_ki64(&j, "log_lines", (int64_t)postfix_counts(g->postfix)->lines);
    jsonw_ki64(&j, "observations", (int64_t)c->observations);
    jsonw_ki64(&j, "new", (int64_t)c->events);
    jsonw_ki64(&j, "repeats", (int64_t)c->repeats);
    jsonw_ki64(&j, "invalid", (int64_t)c->invalid);
    jsonw_ki64(&j, "held", (int64_t)c->held);
    jsonw_ki64(&j, "suppressed", (int64_t)c->suppressed);
    jsonw_ki64(&j, "lifted", (int64_t)c->lifted);
    jsonw_key(&j, "kinds");
    jsonw_object(&j);
    for (unsigned k = 0; k < BOUNCE_KINDS; k++)
        jsonw_ki64_opt(&j, bounce_kind_word((enum bounce_kind)k), (int64_t)c->kinds[k]);
    jsonw_end_object(&j);
    jsonw_key(&j, "reasons");
    jsonw_object(&j);
    for (unsigned r = 0; r < BOUNCE_REASONS; r++)
        jsonw_ki64_opt(&j, bounce_reason_word((enum bounce_reason)r), (int64_t)c->reasons[r]);
    jsonw_end_object(&j);
    jsonw_end_object(&j);
    buf_addc(&g->out, '\n');
}

static void reasons_table(struct ingest *g, const struct intake_counts *c)
{
    bool done[BOUNCE_REASONS] = {false};
    for (;;) {
        unsigned best = BOUNCE_REASONS;
        for (unsigned r = 0; r < BOUNCE_REASONS; r++)
            if (!done[r] && c->reasons[r] && (best == BOUNCE_REASONS || c->reasons[r] > c->reasons[best]))
                best = r;
        if (best == BOUNCE_REASONS)
            return;
        enum bounce_reason reason = (enum bounce_reason)best;
        buf_printf(&g->out, "%10llu  %-5s  %-22s  %s\n", (unsigned long long)c->reasons[best],
                   bounce_class_word(bounce_reason_class(reason)), bounce_reason_word(reason),
                   bounce_reason_text(reason));
        done[best] = true;
    }
}

static void what_was_read(struct ingest *g, const struct intake_counts *c)
{
    const struct read_counts *rc = reader_counts(g->files);
    const struct postfix_counts *pc = postfix_counts(g->postfix);
    buf_printf(&g->out, "%llu files", (unsigned long long)rc->files);
    if (g->mails_read)
        buf_printf(&g->out, ", %llu mails", (unsigned long long)g->mails_read);
    if (pc->lines)
        buf_printf(&g->out, ", %llu log lines", (unsigned long long)pc->lines);
    buf_printf(&g->out, ": %llu facts about recipients, %llu of them new", (unsigned long long)c->observations,
               (unsigned long long)c->events);
    if (c->invalid)
        buf_printf(&g->out, ", %llu without an address", (unsigned long long)c->invalid);
    buf_addc(&g->out, '\n');
    for (unsigned k = 0; k < BOUNCE_KINDS; k++)
        if (c->kinds[k])
            buf_printf(&g->out, "%10llu  %s\n", (unsigned long long)c->kinds[k], bounce_kind_word((enum bounce_kind)k));
    if (pc->drop_notices)
        buf_printf(
            &g->out,
            "The log says %llu times that lines were dropped (rate limit of syslog or journald): it has holes.\n",
            (unsigned long long)pc->drop_notices);
}

static void summary_text(struct ingest *g)
{
    const struct intake_counts *c = intake_totals(g->intake);
    const char *verb = g->dry_run ? "would be " : "";
    if (!g->all && g->decisions > SHOWN_DECISIONS)
        buf_printf(&g->out, "  ... and %llu more (--all lists them)\n",
                   (unsigned long long)(g->decisions - SHOWN_DECISIONS));
    if (g->decisions)
        buf_addc(&g->out, '\n');
    what_was_read(g, c);
    size_t before = g->out.n;
    buf_addc(&g->out, '\n');
    reasons_table(g, c);
    if (g->out.n > before + 1)
        buf_addc(&g->out, '\n');
    buf_printf(&g->out, "%llu addresses %ssuppressed, %llu %slifted", (unsigned long long)c->suppressed, verb,
               (unsigned long long)c->lifted, verb);
    if (c->held)
        buf_printf(&g->out,
                   ", %llu reports held: anybody could have sent them (see `bounced review`, or --trust matched)",
                   (unsigned long long)c->held);
    buf_addc(&g->out, '\n');
    if (g->session.in_memory)
        buf_printf(&g->out, "There is no ledger yet, so nothing was known before. Without --dry-run one is made.\n");
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

static int take_options(struct ingest *g)
{
    err e;
    const char *trust = args_text(g->args, "trust", NULL);
    if (args_count(g->args) == 0)
        return cmd_usage(
            g->args,
            "which files? Mails, mboxes, Maildirs, directories, Postfix logs; - is one mail on standard input");
    if (trust && strcmp(trust, "matched") != 0)
        return cmd_usage(g->args, "--trust takes 'matched' only; a signed return path proves more by itself");
    g->vouched = trust != NULL;
    for (const char *relay; (relay = args_list(g->args, "relay", g->relay_count)) != NULL;) {
        if (g->relay_count == MAX_RELAYS)
            return cmd_usage(g->args, "more than %d relays", MAX_RELAYS);
        g->relays[g->relay_count++] = slice_str(relay);
    }
    if (zone_find(args_text(g->args, "zone", NULL), session_clock(), &g->zone, &e) != OK)
        return cmd_fail(g->args, &e);
    if (gethostname(g->host, sizeof g->host - 1) != 0)
        strcpy(g->host, "localhost");
    return keys_load(g->args, &g->keys);
}

static int open_postfix(struct ingest *g)
{
    struct ledger_feed f;
    err e;
    struct postfix_options o = {
        .reference_us = g->session.now_us,
        .zone = &g->zone.zone,
        .relays = g->relays,
        .relay_count = g->relay_count,
        .host = slice_str(g->host),
        .tenant = g->session.tenant,
        .feed = S("postfix"),
    };
    g->postfix = postfix_new(&o);
    MUST(g->postfix);
    enum status s = ledger_get_feed(g->session.ledger, S(POSTFIX_MEMORY), &g->arena, &f, &e);
    if (s == E_NOT_FOUND)
        return EXIT_YES;
    if (s != OK)
        return cmd_fail(g->args, &e);
    if (!postfix_import(g->postfix, f.memory))
        cmd_error(g->args, "what the ledger remembers of open queue ids cannot be read; it begins anew");
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
    code = open_postfix(g);
    if (code)
        return code;
    struct intake_options io = {
        .dry_run = g->dry_run,
        .vouch = g->vouched,
        .tenant = g->session.tenant,
        .stream = g->session.stream,
        .campaign = slice_str(args_text(g->args, "campaign", "")),
        .source = slice_str(args_text(g->args, "source", "")),
    };
    if (intake_new(g->session.ledger, g->rules, &g->session.policy, &io, &g->intake, &e) != OK)
        return cmd_fail(g->args, &e);
    struct read_options ro = {
        .mark_read = !g->dry_run && !args_flag(g->args, "no-mark"),
        .unread_only = args_flag(g->args, "unread"),
        .known = known_position,
        .known_ctx = g,
    };
    enum status s = reader_open(args_all(g->args), args_count(g->args), &ro, &g->files, &e);
    return s == OK ? EXIT_YES : cmd_fail(g->args, &e);
}

static void close_all(struct ingest *g)
{
    if (g->files)
        reader_close(&g->files);
    if (g->intake)
        intake_free(&g->intake);
    if (g->postfix)
        postfix_free(&g->postfix);
    if (g->mails)
        bounce_reader_free(&g->mails);
    if (g->rules)
        bounce_rules_free(&g->rules);
    session_close(&g->session);
    keys_clear(&g->keys);
    buf_fini(&g->out);
    buf_fini(&g->memory);
    arena_fini(&g->arena);
}

static int run(struct args *a)
{
    struct ingest g = {.args = a,
                       .dry_run = args_flag(a, "dry-run"),
                       .json = args_flag(a, "json"),
                       .quiet = args_flag(a, "quiet"),
                       .all = args_flag(a, "all")};
    buf_init(&g.out, 0);
    buf_init(&g.memory, 0);
    arena_init(&g.arena, 0);
    progress_init(&g.progress, g.quiet);
    int code = take_options(&g);
    if (code == EXIT_YES)
        code = open_all(&g);
    if (code == EXIT_YES)
        code = read_all(&g);
    progress_hide(&g.progress);
    if (code == EXIT_YES) {
        if (g.json)
            summary_json(&g);
        else if (!g.quiet)
            summary_text(&g);
        cmd_write(&g.out);
        code = g.code ? g.code : g.odd_pieces ? EXIT_DATA : EXIT_YES;
    }
    close_all(&g);
    return code;
}

const struct cmd cmd_ingest = {
    .name = "ingest",
    .usage = "[options] PATH...",
    .summary = "read mails and logs into the ledger; suppress what must be",
    .details = "PATH is a mail, an mbox, a Maildir, a directory, a Postfix log (also rotated .gz, .xz, .zst, or\n"
               "`journalctl -o export`), or - for one mail on standard input. Safe to repeat: what was read is known.\n"
               "Exit status: 0 done, 65 a path that is none of these, 66 a path that cannot be read (the others are\n"
               "done), 75 try again (busy, disk full; nothing of the batch was taken).",
    .options = options,
    .run = run,
};
