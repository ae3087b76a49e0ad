#include <inttypes.h>

#include "base/text.h"
#include "cmd/commands.h"
#include "cmd/config.h"
#include "cmd/session.h"
#include "core/cadence.h"
#include "core/replay.h"
#include "serve/learn.h"

#define SHOWN 10 /* examples of each kind, and domains */
#define LABEL_WIDTH 44

static const struct opt options[] = {
    CMD_OPT_LEDGER,
    CMD_OPT_CONFIG,
    CMD_OPT_TENANT,
    {"policy", 0, OPT_TEXT, "FILE", "the other policy: a settings file; its other sections do not matter"},
    {"preset", 0, OPT_TEXT, "NAME", "the other policy: the defaults with a preset's tolerances, such as mailchimp"},
    {"since", 0, OPT_TEXT, "TIME", "let only mail sent since then prove anything (2026-11-01, or a full ISO time)"},
    {"limit", 0, OPT_NUMBER, "N", "N domains and N examples of each kind (default 10, at most 100)"},
    CMD_OPT_JSON,
    OPT_END,
};

/* ---- numbers that both policies have ---- */

struct number {
    const char *name, *label;
    size_t at; /* in struct replay_score */
};

#define NUMBER(field, label)                                \
    {                                                       \
#field, label, offsetof(struct replay_score, field) \
    }
static const struct number numbers[] = {
    NUMBER(stopped, "stopped now"),
    NUMBER(ever, "stopped at any time"),
    NUMBER(wrong, "  wrongly: mail arrived later"),
    NUMBER(lost, "    messages that would have been lost"),
    NUMBER(right, "  rightly: later mail failed"),
    NUMBER(spared, "    messages that would have been spared"),
    NUMBER(unproven, "  unproven: no mail since"),
    NUMBER(missed, "dead, and stopped by the other policy only"),
    NUMBER(in_vain, "    messages sent to them in vain"),
};

static uint64_t number_of(const struct number *n, const struct replay_score *s)
{
    uint64_t v;
    memcpy(&v, (const char *)s + n->at, sizeof v);
    return v;
}

/* ---- for people ---- */

static void scores(buf *out, const struct replay *r)
{
    buf_printf(out, "%-*s %12s %12s\n", LABEL_WIDTH, "addresses", "as it is", "the other");
    for (size_t i = 0; i < ARRAY_LEN(numbers); i++)
        buf_printf(out, "%-*s %12" PRIu64 " %12" PRIu64 "\n", LABEL_WIDTH, numbers[i].label,
                   number_of(&numbers[i], &r->score[REPLAY_IS]), number_of(&numbers[i], &r->score[REPLAY_IF]));
}

static void example(buf *out, const struct replay_example *x)
{
    static const char *const words[] = {"no mail since", "arrived since", "failed since"};
    buf_adds(out, "    ");
    text_add_safe(out, x->address, 254);
    buf_printf(out, "  %s (%s) since ", bounce_reason_word(x->reason), cause_word(x->cause));
    time_add_iso(out, x->since_us - x->since_us % TIME_SECOND);
    if (x->proof == REPLAY_UNPROVEN)
        buf_printf(out, ": %s\n", words[x->proof]);
    else
        buf_printf(out, ": %" PRIu64 " message%s %s\n", x->messages, x->messages == 1 ? "" : "s", words[x->proof]);
}

static void change(buf *out, const struct replay *r, enum replay_change c)
{
    const uint64_t *proof = r->changed_by_proof[c];
    buf_printf(out, "\n%" PRIu64 " addresses would be %s", r->changed[c], replay_change_word(c));
    if (!r->changed[c]) {
        buf_addc(out, '\n');
        return;
    }
    buf_printf(out,
               "; while only one of the policies stopped them mail arrived at %" PRIu64 ", failed at %" PRIu64
               ", and none went to %" PRIu64 ":\n",
               proof[REPLAY_DELIVERED], proof[REPLAY_FAILED], proof[REPLAY_UNPROVEN]);
    for (unsigned i = 0; i < BOUNCE_REASONS; i++)
        if (r->changed_by_reason[c][i])
            buf_printf(out, "  %-24s %8" PRIu64 "\n", bounce_reason_word((enum bounce_reason)i),
                       r->changed_by_reason[c][i]);
    for (size_t i = 0; i < r->example_count[c]; i++)
        example(out, &r->examples[c][i]);
}

static void domains(buf *out, const struct replay *r, size_t shown)
{
    if (r->domain_count)
        buf_printf(out, "\n%-*s %12s %12s\n", LABEL_WIDTH, "domains", "suppressed", "freed");
    for (size_t i = 0; i < r->domain_count && i < shown; i++) {
        const struct replay_domain *d = &r->domains[i];
        size_t start = out->n;
        text_add_safe(out, slice_empty(d->domain) ? S("(others)") : d->domain, LABEL_WIDTH);
        while (out->n - start < LABEL_WIDTH)
            buf_addc(out, ' ');
        buf_printf(out, " %12" PRIu64 " %12" PRIu64 "\n", d->changed[REPLAY_SUPPRESSED], d->changed[REPLAY_FREED]);
    }
    if (r->domain_count > shown)
        buf_printf(out, "... and %zu more domains\n", r->domain_count - shown);
}

static void print_text(buf *out, const struct replay *r, size_t shown)
{
    buf_printf(out, "%" PRIu64 " addresses with %" PRIu64 " events folded under both policies\n\n", r->addresses,
               r->events);
    scores(out, r);
    for (unsigned c = 0; c < REPLAY_CHANGES; c++)
        change(out, r, (enum replay_change)c);
    domains(out, r, shown);
    buf_adds(out,
             "\nMail that was not sent proves nothing: an address that is suppressed now had no chance to prove it "
             "wrong.\n");
}

/* ---- JSON, one object a line ---- */

static void by_reason(struct jsonw *j, const uint64_t counts[BOUNCE_REASONS])
{
    jsonw_key(j, "reasons");
    jsonw_object(j);
    for (unsigned i = 0; i < BOUNCE_REASONS; i++)
        jsonw_ki64_opt(j, bounce_reason_word((enum bounce_reason)i), (int64_t)counts[i]);
    jsonw_end_object(j);
}

static void begin_line(struct jsonw *j, buf *out, const char *type)
{
    jsonw_init(j, out);
    jsonw_object(j);
    jsonw_kstr(j, "type", slice_str(type));
}

static void end_line(struct jsonw *j)
{
    jsonw_end_object(j);
    buf_addc(j->out, '\n');
}

static void score_json(buf *out, const struct replay_score *s, const char *policy)
{
    struct jsonw j;
    begin_line(&j, out, "policy");
    jsonw_kstr(&j, "policy", slice_str(policy));
    for (size_t i = 0; i < ARRAY_LEN(numbers); i++)
        jsonw_ki64(&j, numbers[i].name, (int64_t)number_of(&numbers[i], s));
    by_reason(&j, s->by_reason);
    end_line(&j);
    begin_line(&j, out, "wrong");
    jsonw_kstr(&j, "policy", slice_str(policy));
    by_reason(&j, s->wrong_by_reason);
    end_line(&j);
}

static void change_json(buf *out, const struct replay *r, enum replay_change c)
{
    struct jsonw j;
    begin_line(&j, out, "change");
    jsonw_kstr(&j, "change", slice_str(replay_change_word(c)));
    jsonw_ki64(&j, "addresses", (int64_t)r->changed[c]);
    for (unsigned p = 0; p <= REPLAY_FAILED; p++)
        jsonw_ki64(&j, replay_proof_word((enum replay_proof)p), (int64_t)r->changed_by_proof[c][p]);
    by_reason(&j, r->changed_by_reason[c]);
    end_line(&j);
}

static void example_json(buf *out, const struct replay_example *x, enum replay_change c)
{
    struct jsonw j;
    begin_line(&j, out, "example");
    jsonw_kstr(&j, "change", slice_str(replay_change_word(c)));
    jsonw_kstr_opt(&j, "tenant", x->tenant);
    jsonw_kstr(&j, "address", x->address);
    jsonw_kstr(&j, "reason", slice_str(bounce_reason_word(x->reason)));
    jsonw_kstr(&j, "cause", slice_str(cause_word(x->cause)));
    jsonw_ktime_opt(&j, "since", x->since_us);
    jsonw_kstr(&j, "proof", slice_str(replay_proof_word(x->proof)));
    jsonw_ki64(&j, "messages", (int64_t)x->messages);
    end_line(&j);
}

static void domain_json(buf *out, const struct replay_domain *d)
{
    struct jsonw j;
    begin_line(&j, out, "domain");
    jsonw_kstr(&j, "domain", d->domain);
    for (unsigned c = 0; c < REPLAY_CHANGES; c++)
        jsonw_ki64(&j, replay_change_word((enum replay_change)c), (int64_t)d->changed[c]);
    end_line(&j);
}

static void print_json(buf *out, const struct replay *r, size_t shown)
{
    struct jsonw j;
    begin_line(&j, out, "replay");
    jsonw_ki64(&j, "addresses", (int64_t)r->addresses);
    jsonw_ki64(&j, "events", (int64_t)r->events);
    end_line(&j);
    score_json(out, &r->score[REPLAY_IS], "current");
    score_json(out, &r->score[REPLAY_IF], "other");
    for (unsigned c = 0; c < REPLAY_CHANGES; c++)
        change_json(out, r, (enum replay_change)c);
    for (size_t i = 0; i < r->domain_count && i < shown; i++)
        domain_json(out, &r->domains[i]);
    for (unsigned c = 0; c < REPLAY_CHANGES; c++)
        for (size_t i = 0; i < r->example_count[c]; i++)
            example_json(out, &r->examples[c][i], (enum replay_change)c);
}

/* ---- the command ---- */

static int read_policy(struct args *a, const char *path, arena *memory, struct policy *out)
{
    err e;
    struct settings *s = settings_read(slice_str(path), config_told, a);
    if (!s)
        return EXIT_CONFIG;
    enum status st = learn_policy(s, memory, out, &e);
    settings_free(&s);
    if (st == OK)
        return EXIT_YES;
    if (st != E_INVALID)
        return cmd_fail(a, &e);
    cmd_error(a, "%s: %s", path, e.text);
    return EXIT_CONFIG;
}

static int other_policy(struct args *a, arena *memory, struct policy *out)
{
    const char *path = args_text(a, "policy", NULL), *name = args_text(a, "preset", NULL);
    if (!path == !name)
        return cmd_usage(a, "--policy FILE or --preset NAME names the other policy");
    if (path)
        return read_policy(a, path, memory, out);
    enum preset preset = preset_find(slice_str(name));
    if (preset == PRESETS)
        return cmd_usage(a, "there is no preset '%s'; bounced.conf(5) has those that there are", name);
    policy_preset(out, preset);
    return EXIT_YES;
}

static int make(struct args *a, const struct session *s, const struct policy *other, int64_t since_us, size_t shown,
                arena *memory)
{
    err e;
    buf out;
    struct policy tried = *other; /* with what auto chose, as the current one has it */
    struct replay_options o = {{&s->policy, &tried}, s->tenant, since_us, s->now_us, shown};
    buf_init(&out, 0);
    struct replay *r = ARENA_NEW(memory, struct replay);
    int code = EXIT_YES;
    if (!r)
        code = EXIT_TEMPFAIL;
    else if (cadence_apply(s->ledger, &tried, memory, &e) != OK || replay_run(s->ledger, &o, memory, r, &e) != OK)
        code = cmd_fail(a, &e);
    else
        (args_flag(a, "json") ? print_json : print_text)(&out, r, shown);
    cmd_write(&out);
    buf_fini(&out);
    return code;
}

static int run(struct args *a)
{
    struct session s;
    struct policy other;
    arena memory;
    const char *since = args_text(a, "since", NULL);
    int64_t since_us = since ? time_parse_any(slice_str(since)) : TIME_NONE, limit = args_number(a, "limit", SHOWN);
    if (args_count(a))
        return cmd_usage(a, "takes no arguments");
    if (since && since_us == TIME_NONE)
        return cmd_usage(a, "--since takes a time such as 2026-11-01 or 2026-11-01T12:00:00Z, not '%s'", since);
    if (limit < 0 || limit > (int64_t)REPLAY_MAX_EXAMPLES)
        return cmd_usage(a, "--limit takes a number up to %u", REPLAY_MAX_EXAMPLES);
    arena_init(&memory, 0);
    int code = other_policy(a, &memory, &other);
    if (code == EXIT_YES)
        code = session_open(&s, a, SESSION_READ);
    if (code == EXIT_YES) {
        code = make(a, &s, &other, since_us, (size_t)limit, &memory);
        session_close(&s);
    }
    arena_fini(&memory);
    return code;
}

const struct cmd cmd_replay = {
    .name = "replay",
    .usage = "--policy FILE | --preset NAME [options]",
    .summary = "what if: fold all events under another policy, and hold both against what later mail proved",
    .details =
        "Tells who would be suppressed or freed, and for both policies how often mail arrived at an address that\n"
        "was stopped (wrongly), failed there (rightly), or went on failing at one that was not. Changes nothing.",
    .options = options,
    .run = run,
};
