#include <inttypes.h>

#include "base/text.h"
#include "cmd/commands.h"
#include "cmd/session.h"
#include "core/reclassify.h"

#define SHOWN 10

static const struct opt options[] = {
    CMD_OPT_LEDGER,
    CMD_OPT_CONFIG,
    CMD_OPT_TENANT,
    CMD_OPT_RULES,
    {"since", 0, OPT_TEXT, "TIME", "judge only what happened since then (2026-11-01, or a full ISO time)"},
    {"all", 0, OPT_FLAG, NULL, "judge also what rules of this version have judged"},
    {"apply", 0, OPT_FLAG, NULL, "do it; without this it is only told"},
    {"actor", 0, OPT_TEXT, "NAME", "who applies it (default: who runs this)"},
    {"limit", 0, OPT_NUMBER, "N", "N kinds of changes and N addresses (default 10, at most 100)"},
    CMD_OPT_JSON,
    OPT_END,
};

/* ---- for people ---- */

static void rows(buf *out, const struct reclassify *r, size_t shown)
{
    if (r->row_count)
        buf_printf(out, "\n%-24s %-24s %10s  %s\n", "was", "is", "events", "by rule");
    for (size_t i = 0; i < r->row_count && i < shown; i++) {
        const struct reclassify_row *x = &r->rows[i];
        buf_printf(out, "%-24s %-24s %10" PRIu64 "  ", bounce_reason_word(x->from),
                   x->from == x->to ? "(another certainty)" : bounce_reason_word(x->to), x->events);
        text_add_safe(out, slice_empty(x->rule) ? S("none") : x->rule, 100);
        buf_addc(out, '\n');
        if (slice_empty(x->example))
            continue;
        buf_adds(out, "    ");
        text_add_safe(out, x->example, 200);
        buf_addc(out, '\n');
    }
    if (r->row_count > shown)
        buf_printf(out, "... and %zu more kinds\n", r->row_count - shown);
}

static void state(buf *out, enum address_state s, enum cause c)
{
    buf_adds(out, state_word(s));
    if (c != CAUSE_NONE)
        buf_printf(out, " (%s)", cause_word(c));
}

static void addresses(buf *out, const struct reclassify *r, bool applied)
{
    const uint64_t *e = r->effects;
    buf_printf(out,
               "\n%" PRIu64 " addresses %s affected; %" PRIu64 " of them are suppressed for failures now\n"
               "%" PRIu64 " %s freed, %" PRIu64 " %s suppressed, %" PRIu64 " change otherwise, %" PRIu64 " stay\n",
               e[RECLASSIFY_FREED] + e[RECLASSIFY_SUPPRESSED] + e[RECLASSIFY_OTHER] + e[RECLASSIFY_SAME],
               applied ? "were" : "are", r->resting, e[RECLASSIFY_FREED], applied ? "were" : "would be",
               e[RECLASSIFY_SUPPRESSED], applied ? "were" : "would be", e[RECLASSIFY_OTHER], e[RECLASSIFY_SAME]);
    for (size_t i = 0; i < r->example_count; i++) {
        const struct reclassify_example *x = &r->examples[i];
        buf_printf(out, "  %-10s ", reclassify_effect_word(x->effect));
        text_add_safe(out, x->address, 254);
        buf_adds(out, "  ");
        state(out, x->from, x->from_cause);
        buf_adds(out, " -> ");
        state(out, x->to, x->to_cause);
        buf_printf(out, ": %s is %s\n", bounce_reason_word(x->from_reason), bounce_reason_word(x->to_reason));
    }
}

static void print_text(buf *out, const struct reclassify *r, bool applied, size_t shown)
{
    buf_printf(out,
               "%" PRIu64 " failures judged again: %" PRIu64 " other verdicts, %" PRIu64 " the same by another rule\n",
               r->judged, r->changed, r->renamed);
    if (r->told)
        buf_printf(out, "%" PRIu64 " stand: their platform told what they mean\n", r->told);
    if (r->mute)
        buf_printf(out, "%" PRIu64 " stand: nothing is left of what was said\n", r->mute);
    rows(out, r, shown);
    if (r->changed)
        addresses(out, r, applied);
    if (r->changed && !applied)
        buf_adds(out, "\nNothing was changed; --apply does it.\n");
}

/* ---- JSON, one object a line ---- */

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

static void total_json(buf *out, const struct reclassify *r, bool applied)
{
    struct jsonw j;
    begin_line(&j, out, "reclassify");
    jsonw_kbool(&j, "applied", applied);
    jsonw_ki64(&j, "judged", (int64_t)r->judged);
    jsonw_ki64(&j, "told", (int64_t)r->told);
    jsonw_ki64(&j, "mute", (int64_t)r->mute);
    jsonw_ki64(&j, "changed", (int64_t)r->changed);
    jsonw_ki64(&j, "renamed", (int64_t)r->renamed);
    jsonw_ki64(&j, "resting", (int64_t)r->resting);
    jsonw_key(&j, "addresses");
    jsonw_object(&j);
    for (unsigned i = 0; i < RECLASSIFY_EFFECTS; i++)
        jsonw_ki64(&j, reclassify_effect_word((enum reclassify_effect)i), (int64_t)r->effects[i]);
    jsonw_end_object(&j);
    end_line(&j);
}

static void row_json(buf *out, const struct reclassify_row *x)
{
    struct jsonw j;
    begin_line(&j, out, "verdict");
    jsonw_kstr(&j, "was", slice_str(bounce_reason_word(x->from)));
    jsonw_kstr(&j, "reason", slice_str(bounce_reason_word(x->to)));
    jsonw_kstr_opt(&j, "rule", x->rule);
    jsonw_ki64(&j, "events", (int64_t)x->events);
    jsonw_kstr_opt(&j, "example", x->example);
    end_line(&j);
}

static void address_json(buf *out, const struct reclassify_example *x)
{
    struct jsonw j;
    begin_line(&j, out, "address");
    jsonw_kstr_opt(&j, "tenant", x->tenant);
    jsonw_kstr(&j, "address", x->address);
    jsonw_kstr(&j, "effect", slice_str(reclassify_effect_word(x->effect)));
    jsonw_kstr(&j, "from", slice_str(state_word(x->from)));
    jsonw_kstr_opt(&j, "from_cause", slice_str(x->from_cause ? cause_word(x->from_cause) : ""));
    jsonw_kstr(&j, "to", slice_str(state_word(x->to)));
    jsonw_kstr_opt(&j, "to_cause", slice_str(x->to_cause ? cause_word(x->to_cause) : ""));
    jsonw_kstr(&j, "was", slice_str(bounce_reason_word(x->from_reason)));
    jsonw_kstr(&j, "reason", slice_str(bounce_reason_word(x->to_reason)));
    end_line(&j);
}

static void print_json(buf *out, const struct reclassify *r, bool applied, size_t shown)
{
    total_json(out, r, applied);
    for (size_t i = 0; i < r->row_count && i < shown; i++)
        row_json(out, &r->rows[i]);
    for (size_t i = 0; i < r->example_count; i++)
        address_json(out, &r->examples[i]);
}

/* ---- the command ---- */

static int make(struct args *a, const struct session *s, const struct reclassify_options *o)
{
    err e;
    arena memory;
    buf out;
    int code = EXIT_YES;
    arena_init(&memory, 0);
    buf_init(&out, 0);
    struct reclassify *r = ARENA_NEW(&memory, struct reclassify);
    if (!r)
        code = EXIT_TEMPFAIL;
    else if (reclassify_run(s->ledger, o, &memory, r, &e) != OK)
        code = cmd_fail(a, &e);
    else
        (args_flag(a, "json") ? print_json : print_text)(&out, r, o->apply, o->examples);
    cmd_write(&out);
    buf_fini(&out);
    arena_fini(&memory);
    return code;
}

static int run(struct args *a)
{
    struct session s;
    const char *since = args_text(a, "since", NULL);
    int64_t since_us = since ? time_parse_any(slice_str(since)) : TIME_NONE, limit = args_number(a, "limit", SHOWN);
    bool apply = args_flag(a, "apply");
    int code;
    if (args_count(a))
        return cmd_usage(a, "takes no arguments");
    if (since && since_us == TIME_NONE)
        return cmd_usage(a, "--since takes a time such as 2026-11-01 or 2026-11-01T12:00:00Z, not '%s'", since);
    if (limit < 0 || limit > (int64_t)RECLASSIFY_MAX_EXAMPLES)
        return cmd_usage(a, "--limit takes a number up to %u", RECLASSIFY_MAX_EXAMPLES);
    struct bounce_rules *rules = cmd_load_rules(a, &code);
    if (!rules)
        return code;
    code = session_open(&s, a, apply ? SESSION_WRITE : SESSION_READ);
    if (code == EXIT_YES) {
        struct reclassify_options o = {.rules = rules,
                                       .policy = &s.policy,
                                       .tenant = s.tenant,
                                       .since_us = since_us,
                                       .now_us = s.now_us,
                                       .all = args_flag(a, "all"),
                                       .apply = apply,
                                       .actor = slice_str(session_actor(a)),
                                       .examples = (size_t)limit};
        code = make(a, &s, &o);
        session_close(&s);
    }
    bounce_rules_free(&rules);
    return code;
}

const struct cmd cmd_reclassify = {
    .name = "reclassify",
    .usage = "[options]",
    .summary = "judge the stored replies again, when rules have changed, and mend what rests on them",
    .details =
        "Tells what past verdicts become by the rules as they are now, and which suppressions rest on them; --apply\n"
        "stores that, with an event for each address that tells who did it. In pieces, beside a running daemon; run\n"
        "it again after a crash. What a platform told of its own, and what was pruned, stands.",
    .options = options,
    .run = run,
};
