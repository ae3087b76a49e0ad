#include <json-c/json.h>
#include <string.h>

#include "base/arena.h"
#include "base/text.h"
#include "core/slurp.h"
#include "cmd/commands.h"
#include "cmd/print_report.h"

#define MAX_INPUT ((size_t)1 << 30)

static const struct opt options[] = {
    CMD_OPT_JSON,
    CMD_OPT_RULES,
    {"provider", 0, OPT_TEXT, "NAME", "who answered: MX host, domain or provider (plain lines)"},
    {"phase", 0, OPT_TEXT, "PHASE", "where in the session: connect, helo, mail, rcpt, data, end (plain lines)"},
    {"vocabulary", 0, OPT_TEXT, "WORDS", "also in the words of: ses, sparkpost, powermta, kumomta, sisimai, plain"},
    OPT_END,
};

struct classify {
    struct args *args;
    const struct bounce_rules *rules;
    arena arena;
    buf out;
    enum bounce_vocabulary vocabulary; /* BOUNCE_VOCABULARIES: none asked for */
    struct bounce_evidence_set defaults;
    size_t line;
    int code;
};

static slice member(struct json_object *o, const char *name)
{
    struct json_object *v;
    if (!json_object_object_get_ex(o, name, &v) || !json_object_is_type(v, json_type_string))
        return SLICE_EMPTY;
    return slice_of(json_object_get_string(v), (size_t)json_object_get_string_len(v));
}

static void judge_json(struct classify *c, struct json_object *o)
{
    struct bounce_evidence_set evidence = {.text = member(o, "text"),
                                           .provider = member(o, "provider"),
                                           .status = member(o, "status"),
                                           .recipient = member(o, "recipient")};
    enum bounce_phase phase = bounce_phase_find(member(o, "phase"));
    evidence.phase = phase == BOUNCE_PHASES ? BOUNCE_PHASE_NONE : phase;
    enum bounce_kind kind = bounce_kind_find(member(o, "kind"));
    evidence.kind = kind == BOUNCE_KINDS ? BOUNCE_KIND_FAILED : kind;
    struct bounce_verdict v;
    if (bounce_judge(c->rules, &evidence, &c->arena, &v) != BOUNCE_OK)
        cmd_error(c->args, "line %zu: a limit was reached", c->line);
    struct jsonw j;
    struct json_object *id;
    jsonw_init(&j, &c->out);
    jsonw_object(&j);
    if (json_object_object_get_ex(o, "id", &id)) {
        jsonw_key(&j, "id");
        if (json_object_is_type(id, json_type_int))
            jsonw_i64(&j, json_object_get_int64(id));
        else
            jsonw_str(&j, slice_str(json_object_get_string(id)));
    }
    show_verdict(&j, &v);
    if (c->vocabulary != BOUNCE_VOCABULARIES)
        jsonw_kstr(&j, bounce_vocab_name(c->vocabulary), slice_str(bounce_vocab(c->vocabulary, v.reason)));
    jsonw_end_object(&j);
    buf_addc(&c->out, '\n');
}

static void json_line(struct classify *c, slice line)
{
    struct json_tokener *tok = json_tokener_new();
    MUST(tok);
    struct json_object *o = json_tokener_parse_ex(tok, line.p, line.n > INT32_MAX ? INT32_MAX : (int)line.n);
    if (o && json_object_is_type(o, json_type_object)) {
        judge_json(c, o);
    } else {
        enum json_tokener_error why = json_tokener_get_error(tok);
        cmd_error(c->args, "line %zu is not a JSON object%s%s", c->line, why ? ": " : "",
                  why ? json_tokener_error_desc(why) : "");
        c->code = EXIT_DATA;
    }
    json_object_put(o);
    json_tokener_free(tok);
}

static void plain_line(struct classify *c, slice line)
{
    struct bounce_evidence_set evidence = c->defaults;
    struct bounce_verdict v;
    evidence.text = line;
    if (bounce_judge(c->rules, &evidence, &c->arena, &v) != BOUNCE_OK)
        cmd_error(c->args, "line %zu: a limit was reached", c->line);
    buf_printf(&c->out, "%s\t%s\t%s\t%u", bounce_reason_word(v.reason), bounce_class_word(v.class_),
               bounce_blame_word(v.blame), v.certainty);
    if (c->vocabulary != BOUNCE_VOCABULARIES)
        buf_printf(&c->out, "\t%s", bounce_vocab(c->vocabulary, v.reason));
    buf_addc(&c->out, '\t');
    text_add_safe(&c->out, line, 4096);
    buf_addc(&c->out, '\n');
}

static int take_options(struct classify *c)
{
    const char *words = args_text(c->args, "vocabulary", NULL);
    const char *phase = args_text(c->args, "phase", "");
    c->vocabulary = BOUNCE_VOCABULARIES;
    for (unsigned v = 0; words && v < BOUNCE_VOCABULARIES; v++)
        if (strcmp(bounce_vocab_name((enum bounce_vocabulary)v), words) == 0)
            c->vocabulary = (enum bounce_vocabulary)v;
    if (words && c->vocabulary == BOUNCE_VOCABULARIES)
        return cmd_usage(c->args, "--vocabulary is one of ses, sparkpost, powermta, kumomta, sisimai, plain");
    c->defaults.provider = slice_str(args_text(c->args, "provider", ""));
    c->defaults.phase = bounce_phase_find(slice_str(phase));
    if (*phase && c->defaults.phase == BOUNCE_PHASES)
        return cmd_usage(c->args, "--phase is one of connect, helo, starttls, auth, mail, rcpt, data, end");
    if (!*phase)
        c->defaults.phase = BOUNCE_PHASE_NONE;
    return EXIT_YES;
}

static int classify_input(struct classify *c, bool json)
{
    err e;
    bool cut;
    buf input;
    buf_init(&input, 0);
    arena_init(&c->arena, 0);
    buf_init(&c->out, 0);
    if (slurp("-", MAX_INPUT, &input, &cut, &e) != OK)
        c->code = cmd_fail(c->args, &e);
    slice rest = buf_slice(&input), line;
    while (slice_line(&rest, &line)) {
        c->line++;
        if (slice_empty(slice_trim(line)))
            continue;
        arena_reset(&c->arena);
        (json ? json_line : plain_line)(c, line);
        if (c->out.n > 65536 && !cmd_write(&c->out))
            break;
    }
    cmd_write(&c->out);
    buf_fini(&c->out);
    buf_fini(&input);
    arena_fini(&c->arena);
    return c->code;
}

static int run(struct args *a)
{
    struct classify c = {.args = a};
    if (args_count(a) > 0)
        return cmd_usage(a, "replies are read from standard input, one a line");
    int code = take_options(&c);
    if (code)
        return code;
    struct bounce_rules *rules = cmd_load_rules(a, &code);
    if (!rules)
        return code;
    c.rules = rules;
    code = classify_input(&c, args_flag(a, "json"));
    bounce_rules_free(&rules);
    return code;
}

const struct cmd cmd_classify = {
    .name = "classify",
    .usage = "[options] < REPLIES",
    .summary = "judge SMTP replies, one a line",
    .details =
        "Plain lines give: reason, class, blame, certainty and the line, separated by tabs.\n"
        "With --json each line is {\"id\", \"text\", \"provider\", \"phase\"} (all but text optional) and gives\n"
        "{\"id\", \"reason\", \"class\", \"blame\", \"certainty\", \"rule\", ...}.",
    .options = options,
    .run = run,
};
