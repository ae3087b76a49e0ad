#include <string.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/text.h"
#include "cmd/commands.h"
#include "cmd/csv.h"
#include "cmd/session.h"
#include "core/acts.h"
#include "core/lists.h"
#include "core/show.h"

static const struct opt options[] = {
    CMD_OPT_LEDGER,
    CMD_OPT_CONFIG,
    CMD_OPT_TENANT,
    CMD_OPT_STREAM,
    {"actor", 0, OPT_TEXT, "NAME", "who does it (default: you)"},
    {"reason", 0, OPT_TEXT, "TEXT", "add, remove: why, in words"},
    {"cause", 0, OPT_TEXT, "CAUSE",
     "add: manual (default), complaint, ...; import: where FILE tells none; list, export: only these"},
    {"reverified", 0, OPT_TEXT, "HOW", "remove: confirmed-opt-in, verification or wrong-verdict"},
    {"format", 'f', OPT_TEXT, "FORMAT",
     "import, export: csv, ndjson, ses, ... postfix-access, exim, plain (see below)"},
    {"output", 'o', OPT_TEXT, "FILE", "export: write beside and rename, so that readers see the old or the new list"},
    {"origin", 0, OPT_TEXT, "NAME", "import: which platform or list it comes from"},
    {"dry-run", 'n', OPT_FLAG, NULL, "import: count, change nothing"},
    CMD_OPT_RULES,
    CMD_OPT_JSON,
    OPT_END,
};

struct suppress {
    struct args *args;
    struct bounce_rules *rules; /* import */
    struct session session;
    arena arena;
    buf out;
    enum list_format format;
    enum cause cause;
    bool json;
};

static struct act act_of(const struct suppress *s, const char *address)
{
    return (struct act){
        .tenant = s->session.tenant,
        .address = slice_str(address),
        .actor = slice_str(session_actor(s->args)),
        .note = slice_str(args_text(s->args, "reason", "")),
        .cause = s->cause,
        .scope = slice_empty(s->session.stream) ? SCOPE_GLOBAL : SCOPE_STREAM,
        .stream = s->session.stream,
        .reverified = slice_str(args_text(s->args, "reverified", "")),
        .time_us = s->session.now_us,
    };
}

static void told(struct suppress *s, const char *address, const struct act_result *r)
{
    if (s->json) {
        struct jsonw j;
        jsonw_init(&j, &s->out);
        jsonw_object(&j);
        jsonw_kstr(&j, "address", slice_str(address));
        show_act_result(&j, r);
        jsonw_end_object(&j);
    } else {
        text_add_safe(&s->out, slice_str(address), 254);
        buf_printf(&s->out, ": %s%s", state_word(r->to), r->changed ? "" : " (as before)");
        if (r->to == STATE_SUPPRESSED)
            buf_printf(&s->out, ", %s", cause_word(r->cause));
    }
    buf_addc(&s->out, '\n');
}

typedef enum status (*act_fn)(struct ledger *, const struct policy *, const struct act *, struct act_result *, err *);

static int each_address(struct suppress *s, act_fn fn)
{
    int code = EXIT_YES;
    for (size_t i = 1; i < args_count(s->args); i++) {
        err e;
        struct act_result r;
        struct act act = act_of(s, args_get(s->args, i));
        if (fn(s->session.ledger, &s->session.policy, &act, &r, &e) == OK)
            told(s, args_get(s->args, i), &r);
        else
            code = cmd_fail(s->args, &e);
    }
    return code;
}

static int add(struct suppress *s)
{
    if (s->cause == CAUSE_NONE)
        s->cause = CAUSE_MANUAL;
    return each_address(s, suppress_add);
}

static int lift(struct suppress *s)
{
    return each_address(s, suppress_lift);
}

/* ---- list ---- */

/* The one that speaks for the address: not of another stream than was asked for, and first what holds everywhere. */
static const struct ledger_suppression *speaks(const struct suppress *s, const struct ledger_address *a)
{
    const struct ledger_suppression *found = NULL;
    for (size_t i = 0; i < a->suppression_count; i++) {
        const struct ledger_suppression *x = &a->suppressions[i];
        bool ours =
            x->scope != SCOPE_STREAM || slice_empty(s->session.stream) || slice_eq(x->stream, s->session.stream);
        if (!ours || (s->cause != CAUSE_NONE && x->cause != s->cause))
            continue;
        if (!found || (found->scope == SCOPE_STREAM && x->scope != SCOPE_STREAM))
            found = x;
    }
    return found;
}

static bool list_one(void *ctx, const struct ledger_address *a)
{
    struct suppress *s = ctx;
    const struct ledger_suppression *x = speaks(s, a);
    bool domain = slice_chr(a->key, '@') == SLICE_NPOS && !slice_starts(a->key, S("#")); /* "#": erased, a hash */
    if (!x)
        return true;
    if (s->json) {
        struct jsonw j;
        jsonw_init(&j, &s->out);
        jsonw_object(&j);
        show_suppression(&j, a, x);
        jsonw_end_object(&j);
    } else {
        buf_printf(&s->out, "%-13s ", cause_word(x->cause));
        time_add_iso(&s->out, x->since_us);
        buf_adds(&s->out, domain ? " @" : " ");
        text_add_safe(&s->out, a->address, 254);
        if (x->scope == SCOPE_STREAM) {
            buf_adds(&s->out, "  (stream ");
            text_add_safe(&s->out, x->stream, 80);
            buf_addc(&s->out, ')');
        }
    }
    buf_addc(&s->out, '\n');
    return s->out.n < 65536 || cmd_write(&s->out);
}

static int list(struct suppress *s)
{
    err e;
    if (args_count(s->args) > 1)
        return cmd_usage(s->args, "list takes no arguments; `bounced why ADDRESS` tells of one");
    if (ledger_hashed(s->session.ledger)) {
        cmd_error(s->args, "%s keeps addresses as hashes only; `bounced check ADDRESS` asks for one", s->session.path);
        return EXIT_UNAVAILABLE;
    }
    enum status got =
        ledger_list(s->session.ledger, s->session.tenant, STATE_SUPPRESSED, SLICE_EMPTY, 0, list_one, s, &e);
    return got == OK ? EXIT_YES : cmd_fail(s->args, &e);
}

/* ---- import and export ---- */

static long read_fd(void *ctx, char *p, size_t n)
{
    const int *fd = ctx;
    return (long)read(*fd, p, n);
}

static void imported_text(struct suppress *s, const char *path, const struct list_import_result *r)
{
    bool dry = args_flag(s->args, "dry-run");
    text_add_safe(&s->out, slice_str(path), 200);
    buf_printf(&s->out, ": read as %s, %llu entries\n", list_format_word(r->format), (unsigned long long)r->lines);
    buf_printf(&s->out, "%10llu %s\n", (unsigned long long)r->fresh, dry ? "would be suppressed" : "newly suppressed");
    buf_printf(&s->out, "%10llu suppressed already\n", (unsigned long long)r->already);
    buf_printf(&s->out, "%10llu suppressed for a stronger cause (that stays)\n", (unsigned long long)r->weaker);
    buf_printf(&s->out, "%10llu suppress nothing (ignored)\n", (unsigned long long)r->ignored);
    buf_printf(&s->out, "%10llu make no sense\n", (unsigned long long)r->invalid);
    for (size_t i = 0; i < r->bad_count; i++) {
        buf_printf(&s->out, "  line %llu: %s: ", (unsigned long long)r->bad[i].line, r->bad[i].what);
        text_add_safe(&s->out, r->bad[i].text, 80);
        buf_addc(&s->out, '\n');
    }
    if (r->invalid > r->bad_count)
        buf_adds(&s->out, "  ...\n");
}

static void imported_json(struct suppress *s, const char *path, const struct list_import_result *r)
{
    struct jsonw j;
    jsonw_init(&j, &s->out);
    jsonw_object(&j);
    jsonw_kstr(&j, "file", slice_str(path));
    jsonw_kbool(&j, "dry_run", args_flag(s->args, "dry-run"));
    show_import_result(&j, r);
    jsonw_end_object(&j);
    buf_addc(&s->out, '\n');
}

static int import_one(struct suppress *s, const char *path)
{
    struct csv_file in; /* for its opening of a path or standard input */
    struct list_import_result r;
    err e;
    if (csv_open(&in, path, &e) != OK)
        return cmd_fail(s->args, &e);
    struct list_import_options o = {
        .format = s->format == LIST_FORMATS ? LIST_AUTO : s->format,
        .tenant = s->session.tenant,
        .stream = s->session.stream,
        .actor = slice_str(session_actor(s->args)),
        .origin = slice_str(args_text(s->args, "origin", path)),
        .cause = s->cause,
        .rules = s->rules,
        .dry_run = args_flag(s->args, "dry-run"),
        .now_us = s->session.now_us,
    };
    enum status got = list_import(s->session.ledger, &s->session.policy, &o, read_fd, &in.fd, &s->arena, &r, &e);
    csv_close(&in);
    if (got != OK)
        return cmd_fail_at(s->args, path, &e);
    (s->json ? imported_json : imported_text)(s, path, &r);
    cmd_write(&s->out);
    arena_reset(&s->arena);
    return r.lines > 0 && r.invalid == r.lines ? EXIT_DATA : EXIT_YES;
}

static int import(struct suppress *s)
{
    int code = EXIT_YES;
    if (s->format != LIST_FORMATS && !list_format_importable(s->format))
        return cmd_usage(s->args, "%s is a format for export only", list_format_word(s->format));
    s->rules = cmd_load_rules(s->args, &code);
    for (size_t i = 1; s->rules && i < args_count(s->args); i++) {
        int one = import_one(s, args_get(s->args, i));
        code = one ? one : code;
    }
    if (s->rules)
        bounce_rules_free(&s->rules);
    return code;
}

static int export(struct suppress *s)
{
    err e;
    uint64_t count;
    const char *path = args_text(s->args, "output", NULL);
    struct list_export_options o = {.format = s->format == LIST_FORMATS ? LIST_CSV : s->format,
                                    .tenant = s->session.tenant,
                                    .stream = s->session.stream,
                                    .cause = s->cause,
                                    .now_us = s->session.now_us};
    if (!list_format_exportable(o.format))
        return cmd_usage(s->args, "%s is a format for import only", list_format_word(o.format));
    if (args_count(s->args) > 1)
        return cmd_usage(s->args, "export takes no arguments; --output FILE names the file");
    enum status got = path ? list_export_file(s->session.ledger, &o, path, &count, &e)
                           : list_export_fd(s->session.ledger, &o, STDOUT_FILENO, &count, &e);
    if (got != OK)
        return cmd_fail(s->args, &e);
    if (path && !s->json)
        fprintf(stderr, "%llu addresses in %s\n", (unsigned long long)count, path);
    return EXIT_YES;
}

/* ---- the verbs ---- */

static const struct verb {
    const char *word;
    enum session_mode mode;
    int (*run)(struct suppress *);
    const char *which; /* what to ask for when nothing stands behind the verb; NULL: nothing need */
} verbs[] = {
    {"add", SESSION_CREATE, add, "which address?"},
    {"remove", SESSION_WRITE, lift, "which address?"},
    {"list", SESSION_READ, list, NULL},
    {"import", SESSION_CREATE, import, "which list? (- is standard input)"},
    {"export", SESSION_READ, export, NULL},
};

static int take_options(struct suppress *s)
{
    const char *format = args_text(s->args, "format", NULL);
    const char *cause = args_text(s->args, "cause", NULL);
    s->format = format ? list_format_find(slice_str(format)) : LIST_FORMATS;
    if (format && s->format == LIST_FORMATS)
        return cmd_usage(s->args, "there is no format '%s'", format);
    s->cause = cause ? cause_find(slice_str(cause)) : CAUSE_NONE;
    if (s->cause == CAUSES)
        return cmd_usage(
            s->args,
            "there is no cause '%s'; one of hard, escalated, complaint, unsubscribed, manual, imported, upstream, "
            "invalid, role, spamtrap",
            cause);
    return EXIT_YES;
}

static int run(struct args *a)
{
    struct suppress s = {.args = a, .json = args_flag(a, "json")};
    const struct verb *verb = NULL;
    for (size_t i = 0; args_count(a) && i < ARRAY_LEN(verbs); i++)
        if (strcmp(args_get(a, 0), verbs[i].word) == 0)
            verb = &verbs[i];
    if (!verb)
        return cmd_usage(a, "what to do? add, remove, list, import or export");
    if (verb->which && args_count(a) < 2)
        return cmd_usage(a, "%s", verb->which);
    int code = take_options(&s);
    if (code)
        return code;
    enum session_mode mode = verb->run == import && args_flag(a, "dry-run") ? SESSION_TRY : verb->mode;
    code = session_open(&s.session, a, mode);
    if (code)
        return code;
    arena_init(&s.arena, 0);
    buf_init(&s.out, 0);
    code = verb->run(&s);
    cmd_write(&s.out);
    buf_fini(&s.out);
    arena_fini(&s.arena);
    session_close(&s.session);
    return code;
}

const struct cmd cmd_suppress = {
    .name = "suppress",
    .usage = "[options] add ADDRESS... | remove ADDRESS... | list | import FILE... | export",
    .summary = "the list of addresses that must not be sent to",
    .details =
        "add @example.org suppresses a whole domain. remove needs --reason, and for a hard bounce, complaint or "
        "opt-out\n"
        "also --reverified. import never lifts anything; it finds out what FILE is: CSV, NDJSON, or the export of an\n"
        "ESP.\n"
        "Formats: csv, ndjson, ses, sendgrid, mailgun, postmark, sparkpost, mailjet, brevo, klaviyo, mailchimp, "
        "hubspot,\n"
        "sfmc, mandrill, md5, sha256; for export also postfix-access, exim, plain.\n"
        "To stop the next send in Postfix:\n"
        "  bounced suppress export --format postfix-access --output /etc/postfix/suppressed && postmap "
        "/etc/postfix/suppressed",
    .options = options,
    .run = run,
};
