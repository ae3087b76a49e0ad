#include "bounce/rules_parse.h"

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#include "bounce/fold.h"

#define MAX_PATTERNS 400u /* of one rule */
#define MAX_EXAMPLES 200u

struct reader {
    struct rules_builder *b;
    const struct rules_file *file;
    unsigned line;
    struct rule *rule; /* being read; NULL outside */
    struct pattern fits[MAX_PATTERNS], nots[MAX_PATTERNS];
    size_t fit_count, not_count;
    struct rule_example examples[MAX_EXAMPLES];
    size_t example_count;
    bool has_reason, has_rank;
};

static const unsigned default_ranks[BOUNCE_REASONS] = {
#define RANK(reason, rank) [BOUNCE_REASON_##reason] = rank,
#include "bounce/ranks.def"
#undef RANK
};

static void problem(struct reader *r, const char *what, slice object)
{
    buf_printf(r->b->problems, "%.*s:%u: %s%s%.*s\n", SLICE_FMT(r->file->name), r->line, what, object.n ? ": " : "",
               SLICE_FMT(object));
}

static const struct pattern_set *find_set(void *arg, slice name)
{
    const struct rules_builder *b = arg;
    for (size_t i = 0; i < b->set_count; i++)
        if (slice_eq(b->sets[i].name, name))
            return &b->sets[i];
    return NULL;
}

/* ---- words of a line ------------------------------------------------------------------------------------------- */

/* Takes the next "quoted" text; \" and \\ stand for themselves. False when none is left; a missing quote is a problem. */
static bool take_quoted(struct reader *r, slice *rest, slice *out)
{
    *rest = slice_ltrim(*rest);
    if (rest->n == 0 || rest->p[0] != '"')
        return false;
    char *copy = arena_alloc(r->b->a, rest->n);
    size_t n = 0, i = 1;
    for (; copy && i < rest->n && rest->p[i] != '"'; i++) {
        if (rest->p[i] == '\\' && i + 1 < rest->n && (rest->p[i + 1] == '"' || rest->p[i + 1] == '\\'))
            i++;
        copy[n++] = rest->p[i];
    }
    if (!copy) {
        r->b->memory = true;
        return false;
    }
    if (i == rest->n)
        problem(r, "quote is not closed", *rest);
    *rest = slice_from(*rest, i + 1);
    *out = slice_of(copy, n);
    return true;
}

static void nothing_left(struct reader *r, slice rest)
{
    if (!slice_empty(slice_trim(rest)))
        problem(r, "cannot read", slice_trim(rest));
}

static bool parse_number(slice word, uint64_t max, unsigned *out)
{
    uint64_t v;
    if (!slice_u64(word, &v) || v > max)
        return false;
    *out = (unsigned)v;
    return true;
}

/* "30s", "5m", "2h", "1d". */
static bool parse_duration(slice word, int64_t *seconds)
{
    static const struct {
        char unit;
        int64_t seconds;
    } units[] = {{'s', 1}, {'m', 60}, {'h', 3600}, {'d', 86400}};
    unsigned n;
    if (word.n < 2 || !parse_number(slice_sub(word, 0, word.n - 1), 10000, &n))
        return false;
    for (size_t i = 0; i < ARRAY_LEN(units); i++)
        if (units[i].unit == word.p[word.n - 1]) {
            *seconds = n * units[i].seconds;
            return true;
        }
    return false;
}

/* ---- one function per keyword ---------------------------------------------------------------------------------- */

static void read_reason(struct reader *r, slice rest)
{
    enum bounce_reason reason = bounce_reason_find(slice_trim(rest));
    if (reason == BOUNCE_REASONS) {
        problem(r, "no such reason", slice_trim(rest));
        return;
    }
    r->rule->reason = reason;
    r->has_reason = true;
}

static void read_provider(struct reader *r, slice rest)
{
    slice word;
    while (slice_word(&rest, &word)) {
        unsigned provider = provider_by_word(word);
        if (provider == PROVIDER_NONE)
            problem(r, "no such provider", word);
        else
            r->rule->providers[provider >> 6] |= UINT64_C(1) << (provider & 63);
    }
}

static void read_phase(struct reader *r, slice rest)
{
    slice word;
    while (slice_word(&rest, &word)) {
        enum bounce_phase phase = bounce_phase_find(word);
        if (phase == BOUNCE_PHASES || phase == BOUNCE_PHASE_NONE)
            problem(r, "no such phase", word);
        else
            r->rule->phases |= 1u << phase;
    }
}

static bool parse_code(slice word, struct rule_code *out)
{
    unsigned v;
    if (word.n != 3 || !(word.p[0] >= '2' && word.p[0] <= '5'))
        return false;
    unsigned hundreds = (unsigned)(word.p[0] - '0') * 100;
    if (slice_eq_ci(slice_from(word, 1), S("xx"))) {
        *out = (struct rule_code){(uint16_t)hundreds, (uint16_t)(hundreds + 99)};
        return true;
    }
    if (!parse_number(word, 599, &v))
        return false;
    *out = (struct rule_code){(uint16_t)v, (uint16_t)v};
    return true;
}

static void read_code(struct reader *r, slice rest)
{
    slice word;
    while (slice_word(&rest, &word)) {
        if (r->rule->code_count == RULES_MAX_CODES || !parse_code(word, &r->rule->codes[r->rule->code_count]))
            problem(r, "no reply code", word);
        else
            r->rule->code_count++;
    }
}

static bool parse_enhanced_part(slice *rest, uint16_t *out)
{
    slice field;
    unsigned v;
    if (!slice_split(rest, '.', &field))
        return false;
    *out = RULE_ANY;
    if (slice_eq_ci(field, S("x")))
        return true;
    if (!parse_number(field, 999, &v))
        return false;
    *out = (uint16_t)v;
    return true;
}

static bool parse_enhanced(slice word, struct rule_enhanced *out)
{
    slice rest = word, more;
    return parse_enhanced_part(&rest, &out->klass) && parse_enhanced_part(&rest, &out->subject) &&
           parse_enhanced_part(&rest, &out->detail) && !slice_split(&rest, '.', &more);
}

static void read_enhanced(struct reader *r, slice rest)
{
    slice word;
    while (slice_word(&rest, &word)) {
        struct rule *rule = r->rule;
        if (rule->enhanced_count == RULES_MAX_CODES || !parse_enhanced(word, &rule->enhanced[rule->enhanced_count]))
            problem(r, "no enhanced code", word);
        else
            rule->enhanced_count++;
    }
}

static void read_rank(struct reader *r, slice rest)
{
    if (!parse_number(slice_trim(rest), 100, &r->rule->rank))
        problem(r, "rank is 0 to 100", rest);
    r->has_rank = true;
}

static void read_certainty(struct reader *r, slice rest)
{
    if (!parse_number(slice_trim(rest), 100, &r->rule->certainty) || r->rule->certainty == 0)
        problem(r, "certainty is 1 to 100", rest);
}

static void read_retry(struct reader *r, slice rest)
{
    rest = slice_trim(rest);
    if (slice_eq(rest, S("never")))
        r->rule->retry_after_s = -1;
    else if (!parse_duration(rest, &r->rule->retry_after_s))
        problem(r, "retry is \"never\" or a time such as 30s, 5m, 2h, 1d", rest);
}

static struct pattern *new_pattern(struct reader *r, bool negative)
{
    size_t *n = negative ? &r->not_count : &r->fit_count;
    if (*n == MAX_PATTERNS) {
        problem(r, "too many patterns in one rule", SLICE_EMPTY);
        return NULL;
    }
    struct pattern *p = &(negative ? r->nots : r->fits)[(*n)++];
    *p = (struct pattern){.source = SLICE_EMPTY};
    return p;
}

static void finish_pattern(struct reader *r, struct pattern *p, const char *wrong, slice text)
{
    p->source = text;
    if (!wrong)
        wrong = pattern_finish(p);
    if (wrong) {
        problem(r, wrong, text);
        pcre2_code_free(p->re);
        r->fit_count -= p >= r->fits && p < r->fits + MAX_PATTERNS;
        r->not_count -= p >= r->nots && p < r->nots + MAX_PATTERNS;
    }
}

static void read_texts(struct reader *r, slice rest, bool negative)
{
    slice text;
    while (take_quoted(r, &rest, &text)) {
        struct pattern *p = new_pattern(r, negative);
        if (!p)
            return;
        finish_pattern(r, p, pattern_add(r->b->a, text, 0, find_set, r->b, p), text);
    }
    nothing_left(r, rest);
}

static void read_text(struct reader *r, slice rest)
{
    read_texts(r, rest, false);
}

static void read_not(struct reader *r, slice rest)
{
    read_texts(r, rest, true);
}

static void read_seq(struct reader *r, slice rest)
{
    unsigned gap = PATTERN_SEQ_BYTES;
    slice source = slice_trim(rest), text, word = slice_ltrim(rest);
    if (word.n && ascii_digit(word.p[0]) && slice_word(&rest, &word) &&
        !parse_number(word, PATTERN_MAX_GAP_BYTES, &gap))
        problem(r, "no distance", word);
    struct pattern *p = new_pattern(r, false);
    const char *wrong = NULL;
    size_t n = 0;
    for (; p && !wrong && take_quoted(r, &rest, &text); n++)
        wrong = pattern_add(r->b->a, text, n ? (uint16_t)gap : 0, find_set, r->b, p);
    if (!p)
        return;
    if (!wrong && n < 2)
        wrong = "a seq has two literals or more";
    finish_pattern(r, p, wrong, source);
    nothing_left(r, rest);
}

static const char *compile_re(arena *a, slice text, struct pattern *p)
{
    int code;
    size_t where;
    slice literal = pattern_re_literal(a, text);
    if (slice_empty(literal))
        return "needs a literal of 4 letters or more that is always there";
    const char *wrong = pattern_add(a, literal, 0, find_set, NULL, p);
    if (wrong)
        return wrong;
    p->open_left = p->open_right = true;
    pcre2_code *re =
        pcre2_compile((PCRE2_SPTR)text.p, text.n, PCRE2_UTF | PCRE2_NEVER_BACKSLASH_C, &code, &where, NULL);
    if (!re)
        return "not a regular expression";
    (void)pcre2_jit_compile(re, PCRE2_JIT_COMPLETE); /* without it the interpreter does the work */
    p->re = re;
    return NULL;
}

static void read_re(struct reader *r, slice rest)
{
    slice text = arena_dup(r->b->a, slice_trim(rest));
    struct pattern *p = new_pattern(r, false);
    if (p)
        finish_pattern(r, p, compile_re(r->b->a, text, p), text);
}

static void read_example_option(struct reader *r, slice word, struct rule_example *e)
{
    slice value = word, key;
    (void)slice_split(&value, '=', &key);
    if (slice_eq(key, S("provider")))
        e->provider = arena_dup(r->b->a, value);
    else if (slice_eq(key, S("phase")) && bounce_phase_find(value) != BOUNCE_PHASES)
        e->phase = bounce_phase_find(value);
    else
        problem(r, "an example takes provider=WORD and phase=WORD", word);
}

static void read_example(struct reader *r, slice rest)
{
    struct rule_example e = {.provider = SLICE_EMPTY, .line = r->line};
    slice word;
    for (rest = slice_ltrim(rest); rest.n && rest.p[0] != '"'; rest = slice_ltrim(rest)) {
        if (!slice_word(&rest, &word))
            break;
        read_example_option(r, word, &e);
    }
    if (!take_quoted(r, &rest, &e.text) || r->example_count == MAX_EXAMPLES) {
        problem(r, "example \"reply\" expected", rest);
        return;
    }
    r->examples[r->example_count++] = e;
    nothing_left(r, rest);
}

static const struct {
    slice word;
    void (*read)(struct reader *r, slice rest);
} keywords[] = {{SLICE_INIT("reason"), read_reason},
                {SLICE_INIT("provider"), read_provider},
                {SLICE_INIT("phase"), read_phase},
                {SLICE_INIT("code"), read_code},
                {SLICE_INIT("enhanced"), read_enhanced},
                {SLICE_INIT("rank"), read_rank},
                {SLICE_INIT("certainty"), read_certainty},
                {SLICE_INIT("retry"), read_retry},
                {SLICE_INIT("text"), read_text},
                {SLICE_INIT("seq"), read_seq},
                {SLICE_INIT("re:"), read_re},
                {SLICE_INIT("not"), read_not},
                {SLICE_INIT("example"), read_example}};

/* ---- rules ----------------------------------------------------------------------------------------------------- */

static bool valid_id(slice id)
{
    for (size_t i = 0; i < id.n; i++)
        if (!(id.p[i] >= 'a' && id.p[i] <= 'z') && !ascii_digit(id.p[i]) && !strchr("-.", id.p[i]))
            return false;
    return id.n > 0 && id.n <= 100;
}

static void keep_pattern(struct rules_builder *b, const struct pattern *p)
{
    struct pattern *grown = arena_grow(b->a, b->patterns, b->pattern_count, &b->pattern_room, sizeof *b->patterns);
    if (!grown) {
        b->memory = true;
        return;
    }
    b->patterns = grown;
    b->patterns[b->pattern_count] = *p;
    /* Room for PATTERN_MAX_ITEMS was taken while reading; keep what is used. */
    struct pattern_item *items = arena_calloc(b->a, p->n, sizeof *items);
    if (items) {
        memcpy(items, p->items, p->n * sizeof *items);
        b->patterns[b->pattern_count].items = items;
    }
    b->pattern_count++;
}

static void check_rule(struct reader *r)
{
    struct rule *rule = r->rule;
    if (!r->has_reason)
        problem(r, "rule without a reason", rule->id);
    if (r->fit_count == 0)
        problem(r, "rule without a pattern", rule->id);
    if (r->example_count == 0)
        problem(r, "rule without an example", rule->id);
    if (!r->has_rank)
        rule->rank = default_ranks[rule->reason];
}

static void end_rule(struct reader *r)
{
    if (!r->rule)
        return;
    check_rule(r);
    struct rules_builder *b = r->b;
    r->rule->first_pattern = (uint32_t)b->pattern_count;
    r->rule->pattern_count = (uint32_t)r->fit_count;
    r->rule->not_count = (uint32_t)r->not_count;
    for (size_t i = 0; i < r->fit_count; i++)
        keep_pattern(b, &r->fits[i]);
    for (size_t i = 0; i < r->not_count; i++)
        keep_pattern(b, &r->nots[i]);
    struct rule_example *examples = arena_calloc(b->a, r->example_count + 1, sizeof *examples);
    if (examples && r->example_count)
        memcpy(examples, r->examples, r->example_count * sizeof *examples);
    r->rule->examples = examples;
    r->rule->example_count = examples ? r->example_count : 0;
    b->memory |= examples == NULL;
    r->rule = NULL;
}

static void begin_rule(struct reader *r, slice rest)
{
    slice id = slice_trim(rest);
    struct rules_builder *b = r->b;
    if (!valid_id(id))
        problem(r, "a rule's id is lower-case letters, digits, dots and dashes", id);
    for (size_t i = 0; i < b->rule_count; i++)
        if (slice_eq(b->rules[i].id, id))
            problem(r, "rule is there already", id);
    struct rule *grown = arena_grow(b->a, b->rules, b->rule_count, &b->rule_room, sizeof *b->rules);
    if (!grown || b->rule_count == RULES_MAX_RULES) {
        b->memory = true;
        return;
    }
    b->rules = grown;
    r->rule = &b->rules[b->rule_count++];
    *r->rule = (struct rule){.id = arena_dup(b->a, id),
                             .file = r->file->name,
                             .line = r->line,
                             .user = r->file->user,
                             .retry_after_s = RULE_RETRY_USUAL};
    r->fit_count = r->not_count = r->example_count = 0;
    r->has_reason = r->has_rank = false;
}

static void read_line(struct reader *r, slice line)
{
    slice rest = line, word;
    if (!slice_word(&rest, &word) || word.p[0] == '#' || slice_eq(word, S("set")))
        return;
    if (slice_eq(word, S("rule"))) {
        end_rule(r);
        begin_rule(r, rest);
        return;
    }
    for (size_t i = 0; i < ARRAY_LEN(keywords); i++)
        if (slice_eq(keywords[i].word, word)) {
            if (r->rule)
                keywords[i].read(r, rest);
            else
                problem(r, "stands outside of a rule", word);
            return;
        }
    problem(r, "no such keyword", word);
}

void rules_parse_rules(struct rules_builder *b, const struct rules_file *file)
{
    struct reader *r = ARENA_NEW(b->a, struct reader);
    if (!r) {
        b->memory = true;
        return;
    }
    r->b = b;
    r->file = file;
    slice rest = file->text, line;
    while (slice_line(&rest, &line) && !b->memory) {
        r->line++;
        read_line(r, line);
    }
    end_rule(r);
}

static void read_set(struct reader *r, slice rest)
{
    struct rules_builder *b = r->b;
    slice name;
    if (!slice_split(&rest, '=', &name) || rest.p == NULL) {
        problem(r, "set NAME = word | word", SLICE_EMPTY);
        return;
    }
    name = slice_trim(name);
    if (find_set(b, name))
        problem(r, "set is there already", name);
    struct pattern_set *grown = arena_grow(b->a, b->sets, b->set_count, &b->set_room, sizeof *b->sets);
    if (!grown) {
        b->memory = true;
        return;
    }
    b->sets = grown;
    struct pattern_set set = {.name = arena_dup(b->a, name)};
    const char *wrong = pattern_set_parse(b->a, slice_trim(rest), find_set, b, &set);
    if (wrong)
        problem(r, wrong, name);
    else
        b->sets[b->set_count++] = set;
}

void rules_parse_sets(struct rules_builder *b, const struct rules_file *file)
{
    struct reader *r = ARENA_NEW(b->a, struct reader);
    if (!r) {
        b->memory = true;
        return;
    }
    r->b = b;
    r->file = file;
    slice rest = file->text, line, word;
    while (slice_line(&rest, &line) && !b->memory) {
        r->line++;
        slice left = line;
        if (slice_word(&left, &word) && slice_eq(word, S("set")))
            read_set(r, left);
    }
}
