#include <string.h>

#include "base/arena.h"
#include "base/text.h"
#include "bounce/judge.h"
#include "cmd/commands.h"
#include "cmd/print_lint.h"
#include "cmd/print_trace.h"

static const struct opt options[] = {
    CMD_OPT_RULES,
    {"reason", 0, OPT_TEXT, "REASON", "list: only rules of this reason"},
    {"provider", 0, OPT_TEXT, "NAME",
     "list: only rules of this provider; explain: who answered (MX host, domain, name)"},
    {"phase", 0, OPT_TEXT, "PHASE", "explain: where in the session: connect, helo, mail, rcpt, data, end"},
    {"recipient", 0, OPT_TEXT, "ADDRESS", "explain: to know the provider by its domain"},
    CMD_OPT_JSON,
    OPT_END,
};

struct rules_run {
    struct args *args;
    struct bounce_rules *rules;
    arena arena;
    buf out;
    bool json;
};

/* ---- list ---- */

static void providers_of(buf *out, const struct rule *rule)
{
    bool some = false;
    for (unsigned p = 1; p <= provider_count(); p++) {
        if (!(rule->providers[p / 64] & (UINT64_C(1) << (p % 64))))
            continue;
        buf_adds(out, some ? "," : "");
        buf_add(out, provider_word(p));
        some = true;
    }
}

static bool has_provider(const struct rule *rule, unsigned provider)
{
    return rule->providers[provider / 64] & (UINT64_C(1) << (provider % 64));
}

static void rule_json(struct rules_run *r, const struct rule *rule, slice providers)
{
    struct jsonw j;
    jsonw_init(&j, &r->out);
    jsonw_object(&j);
    jsonw_kstr(&j, "rule", rule->id);
    jsonw_kstr(&j, "reason", slice_str(bounce_reason_word(rule->reason)));
    jsonw_kstr(&j, "class", slice_str(bounce_class_word(bounce_reason_class(rule->reason))));
    jsonw_ki64(&j, "rank", rule->rank);
    jsonw_kstr_opt(&j, "provider", providers);
    jsonw_kstr(&j, "file", rule->file);
    jsonw_ki64(&j, "line", rule->line);
    jsonw_kbool(&j, "user", rule->user);
    jsonw_key(&j, "patterns");
    jsonw_array(&j);
    for (size_t i = 0; i < rule->pattern_count; i++)
        jsonw_str(&j, rules_pattern(r->rules, rule, i)->source);
    jsonw_end_array(&j);
    jsonw_ki64(&j, "examples", (int64_t)rule->example_count);
    jsonw_end_object(&j);
    buf_addc(&r->out, '\n');
}

static void rule_text(struct rules_run *r, const struct rule *rule, slice providers)
{
    buf_printf(&r->out, "%-32.*s %-22s %-14.*s %.*s:%u\n", SLICE_FMT(rule->id), bounce_reason_word(rule->reason),
               SLICE_FMT(slice_empty(providers) ? S("-") : providers), SLICE_FMT(rule->file), rule->line);
}

static int list(struct rules_run *r)
{
    const char *reason_word = args_text(r->args, "reason", NULL), *provider_name = args_text(r->args, "provider", NULL);
    enum bounce_reason reason = reason_word ? bounce_reason_find(slice_str(reason_word)) : BOUNCE_REASONS;
    unsigned provider = provider_name ? provider_by_word(slice_str(provider_name)) : PROVIDER_NONE;
    if (args_count(r->args) > 1)
        return cmd_usage(r->args, "list takes no arguments; --reason and --provider choose");
    if (reason_word && reason == BOUNCE_REASONS)
        return cmd_usage(r->args, "there is no reason '%s'; docs/taxonomy.md lists them", reason_word);
    if (provider_name && provider == PROVIDER_NONE)
        return cmd_usage(r->args, "there is no provider '%s'", provider_name);
    buf providers;
    buf_init(&providers, 0);
    for (size_t i = 0; i < rules_count(r->rules); i++) {
        const struct rule *rule = rules_at(r->rules, i);
        if ((reason_word && rule->reason != reason) || (provider && !has_provider(rule, provider)))
            continue;
        buf_clear(&providers);
        providers_of(&providers, rule);
        (r->json ? rule_json : rule_text)(r, rule, buf_slice(&providers));
    }
    buf_fini(&providers);
    return EXIT_YES;
}

/* ---- test ---- */

struct examples {
    size_t run, failed;
};

static void example_failed(struct rules_run *r, const struct rule *rule, const struct rule_example *ex,
                           const struct bounce_verdict *v)
{
    if (r->json) {
        struct jsonw j;
        jsonw_init(&j, &r->out);
        jsonw_object(&j);
        jsonw_kstr(&j, "file", rule->file);
        jsonw_ki64(&j, "line", ex->line);
        jsonw_kstr(&j, "rule", rule->id);
        jsonw_kstr(&j, "taken_by", v->rule);
        jsonw_kstr(&j, "reason", slice_str(bounce_reason_word(v->reason)));
        jsonw_kstr(&j, "text", ex->text);
        jsonw_end_object(&j);
    } else {
        buf_printf(&r->out, "%.*s:%u: example of %.*s is taken by %.*s (%s): ", SLICE_FMT(rule->file), ex->line,
                   SLICE_FMT(rule->id), SLICE_FMT(slice_empty(v->rule) ? S("no rule") : v->rule),
                   bounce_reason_word(v->reason));
        text_add_safe(&r->out, ex->text, 200);
    }
    buf_addc(&r->out, '\n');
}

static void test_rule(struct rules_run *r, const struct rule *rule, struct examples *sum)
{
    for (size_t i = 0; i < rule->example_count; i++) {
        const struct rule_example *ex = &rule->examples[i];
        struct bounce_evidence_set evidence = {.text = ex->text, .provider = ex->provider, .phase = ex->phase};
        struct bounce_verdict v;
        arena_reset(&r->arena);
        sum->run++;
        if (bounce_judge(r->rules, &evidence, &r->arena, &v) == BOUNCE_OK && slice_eq(v.rule, rule->id))
            continue;
        sum->failed++;
        example_failed(r, rule, ex, &v);
    }
}

static int test(struct rules_run *r)
{
    struct examples sum = {0, 0};
    if (args_count(r->args) > 1)
        return cmd_usage(r->args, "test takes no arguments; --rules FILE adds a file");
    for (size_t i = 0; i < rules_count(r->rules); i++)
        test_rule(r, rules_at(r->rules, i), &sum);
    if (!r->json)
        buf_printf(&r->out, "%zu rules, %zu examples, %zu failed\n", rules_count(r->rules), sum.run, sum.failed);
    return sum.failed ? EXIT_NO : EXIT_YES;
}

/* ---- explain ---- */

static int explain(struct rules_run *r)
{
    struct judge_trace trace;
    struct bounce_verdict v;
    const char *phase = args_text(r->args, "phase", "");
    if (args_count(r->args) != 2)
        return cmd_usage(r->args, "which reply? One argument, in quotes");
    struct bounce_evidence_set evidence = {
        .text = slice_str(args_get(r->args, 1)),
        .provider = slice_str(args_text(r->args, "provider", "")),
        .recipient = slice_str(args_text(r->args, "recipient", "")),
        .phase = *phase ? bounce_phase_find(slice_str(phase)) : BOUNCE_PHASE_NONE,
    };
    if (evidence.phase == BOUNCE_PHASES)
        return cmd_usage(r->args, "--phase is one of connect, helo, starttls, auth, mail, rcpt, data, end");
    trace.all = true;
    if (judge_traced(r->rules, &evidence, &r->arena, &v, &trace) != BOUNCE_OK)
        cmd_error(r->args, "a limit was reached; what was found so far is printed");
    rules_sort(&trace.hits);
    if (r->json)
        json_trace(&r->out, r->rules, evidence.text, &trace, &v);
    else
        print_trace(&r->out, &trace, &v);
    return EXIT_YES;
}

static int lint(struct rules_run *r)
{
    return rules_lint_print(&r->out, r->rules, &r->arena, r->json);
}

/* Files that are named are looked at without those of the machine, and what is wrong with them is the answer. */
static int lint_files(struct rules_run *r)
{
    int code;
    slice problems;
    r->rules =
        cmd_load_rule_files(r->args, args_all(r->args) + 1, args_count(r->args) - 1, &r->arena, &problems, &code);
    if (r->rules)
        return lint(r);
    if (slice_empty(problems))
        return code;
    rules_problems_print(&r->out, problems, r->json);
    return EXIT_NO;
}

/* ---- the verbs ---- */

static const struct verb {
    const char *word;
    int (*run)(struct rules_run *);
} verbs[] = {{"list", list}, {"test", test}, {"explain", explain}, {"lint", lint}};

static int run(struct args *a)
{
    struct rules_run r = {.args = a, .json = args_flag(a, "json")};
    const struct verb *verb = NULL;
    for (size_t i = 0; args_count(a) && i < ARRAY_LEN(verbs); i++)
        if (strcmp(args_get(a, 0), verbs[i].word) == 0)
            verb = &verbs[i];
    if (!verb)
        return cmd_usage(a, "what to do? list, lint, test or explain");
    int code = EXIT_YES;
    bool files = verb->run == lint && args_count(a) > 1;
    arena_init(&r.arena, 0);
    buf_init(&r.out, 0);
    if (!files)
        r.rules = cmd_load_rules(a, &code);
    if (files)
        code = lint_files(&r);
    else if (r.rules)
        code = verb->run(&r);
    cmd_write(&r.out);
    buf_fini(&r.out);
    arena_fini(&r.arena);
    if (r.rules)
        bounce_rules_free(&r.rules);
    return code;
}

const struct cmd cmd_rules = {
    .name = "rules",
    .usage = "[options] list | lint [FILE...] | test | explain TEXT",
    .summary = "list, check, try and explain the rules that judge replies",
    .details = "list prints every rule with its file and line. lint looks at rule files for what cannot work or never "
               "matches,\n"
               "and for slow rules. test runs every rule's examples. explain tells what was read in a reply, which "
               "rules have\n"
               "words of it, and why the first one won. The format of rule files: bounced-rules(5).\n"
               "Exit status: 0, or 1 when lint or test found something.",
    .options = options,
    .run = run,
};
