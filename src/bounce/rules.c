#include "bounce/rules.h"

#include <limits.h>
#include <stdlib.h>

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#include "base/hash.h"
#include "bounce/builtin_rules.h"
#include "bounce/fold.h"
#include "bounce/prefilter.h"
#include "bounce/rules_parse.h"

#define RULES_ARENA_BYTES ((size_t)256 * 1024 * 1024)
#define VERSION_DIGITS 16
#define MAX_PROBLEM_BYTES 65536

/* To whom a pattern belongs, in one number: its rule below the rank of that; or the provider of which it is a mark. */
#define OWNER_BITS 24u
#define OWNER_RULES (UINT32_C(1) << OWNER_BITS)
#define OWNER_MARK UINT32_C(255) /* in place of a rank */

struct bounce_rules {
    arena arena;
    struct rule *rules;
    size_t rule_count;
    struct pattern **patterns;
    uint32_t *owners;
    size_t pattern_count;
    struct pattern *own_patterns; /* those of rules, in the order of rules */
    size_t own_pattern_count;
    struct prefilter *prefilter;
    struct provider_index providers;
    pcre2_match_context *match_context;
    char version[VERSION_DIGITS];
};

/* ---- building -------------------------------------------------------------------------------------------------- */

struct file_list {
    struct rules_file *v;
    size_t n;
};

static bool collect_files(arena *a, const struct bounce_rule_file *files, size_t n, bool without_builtin,
                          struct file_list *out)
{
    size_t builtin = without_builtin ? 0 : bounce_builtin_rules_count;
    out->v = arena_calloc(a, builtin + n + 1, sizeof *out->v);
    if (!out->v)
        return false;
    for (size_t i = 0; i < builtin; i++)
        out->v[out->n++] = (struct rules_file){bounce_builtin_rules[i].name, bounce_builtin_rules[i].text, false};
    for (size_t i = 0; i < n; i++)
        out->v[out->n++] = (struct rules_file){arena_dup(a, files[i].name), arena_dup(a, files[i].text), true};
    return !a->limited;
}

static void set_version(struct bounce_rules *r, const struct file_list *files)
{
    struct hash128 h = hash128(S("rules"));
    char hex[32];
    for (size_t i = 0; i < files->n; i++)
        h = hash128_more(h, files->v[i].text);
    hash128_hex(h, hex);
    memcpy(r->version, hex, VERSION_DIGITS);
}

static size_t count_marks(void)
{
    size_t n = 0;
    for (unsigned p = 1; p <= provider_count(); p++) {
        slice rest = provider_marks(p), mark;
        while (slice_split(&rest, '|', &mark))
            n += !slice_empty(mark);
    }
    return n;
}

static bool add_marks(struct bounce_rules *r, unsigned provider)
{
    slice rest = provider_marks(provider), mark;
    while (slice_split(&rest, '|', &mark)) {
        if (slice_empty(mark))
            continue;
        struct pattern *p = ARENA_NEW(&r->arena, struct pattern);
        if (!p || pattern_add(&r->arena, mark, 0, NULL, NULL, p) || pattern_finish(p))
            return false;
        r->patterns[r->pattern_count] = p;
        r->owners[r->pattern_count++] = OWNER_MARK << OWNER_BITS | provider;
    }
    return true;
}

/* Patterns [from, to) of a rule. */
static void add_rule_patterns(struct bounce_rules *r, uint32_t rule, uint32_t from, uint32_t to)
{
    const struct rule *u = &r->rules[rule];
    for (uint32_t i = from; i < to; i++) {
        r->patterns[r->pattern_count] = &r->own_patterns[u->first_pattern + i];
        r->owners[r->pattern_count++] = u->rank << OWNER_BITS | rule;
    }
}

/* Examples stand for what texts look like: from them the prefilter learns which letters are rare. */
static slice join_examples(struct bounce_rules *r)
{
    buf all;
    buf_init(&all, 0);
    for (size_t i = 0; i < r->rule_count; i++)
        for (size_t k = 0; k < r->rules[i].example_count; k++)
            buf_add(&all, fold_text(&r->arena, r->rules[i].examples[k].text));
    slice joined = arena_dup(&r->arena, buf_slice(&all));
    buf_fini(&all);
    return joined;
}

static bool build_index(struct bounce_rules *r)
{
    size_t n = r->own_pattern_count + count_marks();
    r->patterns = arena_calloc(&r->arena, n + 1, sizeof *r->patterns);
    r->owners = arena_calloc(&r->arena, n + 1, sizeof *r->owners);
    if (!r->patterns || !r->owners)
        return false;
    for (size_t i = 0; i < r->rule_count; i++)
        add_rule_patterns(r, (uint32_t)i, 0, r->rules[i].pattern_count);
    for (unsigned p = 1; p <= provider_count(); p++)
        if (!add_marks(r, p))
            return false;
    size_t late = r->pattern_count; /* what forbids a rule is asked for when the rule fits */
    for (size_t i = 0; i < r->rule_count; i++)
        add_rule_patterns(r, (uint32_t)i, r->rules[i].pattern_count, r->rules[i].pattern_count + r->rules[i].not_count);
    if (!pattern_pack(&r->arena, r->patterns, r->pattern_count))
        return false;
    r->prefilter = prefilter_build(&r->arena, r->patterns, r->owners, r->pattern_count, late, join_examples(r));
    r->match_context = pcre2_match_context_create(NULL);
    if (r->match_context)
        (void)pcre2_set_match_limit(r->match_context, RULES_MATCH_LIMIT);
    return r->prefilter && r->match_context && provider_index_init(&r->providers) && !r->arena.limited;
}

static enum bounce_status read_files(struct bounce_rules *r, const struct file_list *files, buf *problems)
{
    struct rules_builder b = {.a = &r->arena, .problems = problems};
    for (size_t i = 0; i < files->n; i++)
        rules_parse_sets(&b, &files->v[i]);
    for (size_t i = 0; i < files->n; i++)
        rules_parse_rules(&b, &files->v[i]);
    r->rules = b.rules;
    r->rule_count = b.rule_count;
    r->own_patterns = b.patterns;
    r->own_pattern_count = b.pattern_count;
    if (b.memory || r->arena.limited)
        return BOUNCE_LIMIT;
    return problems->n ? BOUNCE_INVALID : BOUNCE_OK;
}

static enum bounce_status build(struct bounce_rules *r, const struct bounce_rule_file *files, size_t n,
                                bool without_builtin, buf *problems)
{
    struct file_list list = {.n = 0};
    if (!collect_files(&r->arena, files, n, without_builtin, &list))
        return BOUNCE_LIMIT;
    set_version(r, &list);
    enum bounce_status status = read_files(r, &list, problems);
    if (status != BOUNCE_OK)
        return status;
    return build_index(r) ? BOUNCE_OK : BOUNCE_LIMIT;
}

enum bounce_status bounce_rules_new(const struct bounce_rule_file *files, size_t n, bool without_builtin,
                                    struct bounce_arena *a, struct bounce_rules **out, struct bounce_slice *error)
{
    *out = NULL;
    *error = SLICE_EMPTY;
    struct bounce_rules *r = calloc(1, sizeof *r);
    if (!r)
        return BOUNCE_LIMIT;
    arena_init(&r->arena, RULES_ARENA_BYTES);
    buf problems;
    buf_init(&problems, MAX_PROBLEM_BYTES);
    enum bounce_status status = build(r, files, n, without_builtin, &problems);
    *error = arena_dup(a, buf_slice(&problems));
    buf_fini(&problems);
    if (status == BOUNCE_OK)
        *out = r;
    else
        bounce_rules_free(&r);
    return status;
}

void bounce_rules_free(struct bounce_rules **rules)
{
    struct bounce_rules *r = *rules;
    if (!r)
        return;
    for (size_t i = 0; i < r->own_pattern_count; i++)
        pcre2_code_free(r->own_patterns[i].re);
    pcre2_match_context_free(r->match_context);
    provider_index_fini(&r->providers);
    arena_fini(&r->arena);
    free(r);
    *rules = NULL;
}

struct bounce_slice bounce_rules_version(const struct bounce_rules *rules)
{
    return slice_of(rules->version, VERSION_DIGITS);
}

/* ---- matching -------------------------------------------------------------------------------------------------- */

/* A literal of a pattern was found: the pattern is to be tried there. */
struct pending {
    const struct prefilter_user *user;
    uint16_t literal;
    uint16_t next; /* the one of the same rank that was found before: index + 1; 0 is the end */
};
_Static_assert(RULES_MAX_LITERALS <= UINT16_MAX && RULES_MAX_PENDING < UINT16_MAX, "indexes of struct pending");

#define RANKS 101u /* 0 to 100 */

struct scan {
    const struct bounce_rules *rules;
    slice text;
    const struct rule_facts *facts;
    struct rules_hits *hits;
    struct prefilter_hit literals[RULES_MAX_LITERALS];
    size_t literal_count;
    struct pending fits[RULES_MAX_PENDING];
    size_t fit_count;
    uint64_t ranks[2];    /* bit per rank that has fits */
    uint16_t last[RANKS]; /* of each rank, index + 1; only where the bit is set */
};

static bool re_matches(const struct bounce_rules *rules, const struct pattern *p, slice text, struct pattern_match *m)
{
    pcre2_match_data *data = pcre2_match_data_create(1, NULL);
    if (!data)
        return false;
    int n = pcre2_match(p->re, (PCRE2_SPTR)text.p, text.n, 0, PCRE2_NO_UTF_CHECK, data, rules->match_context);
    if (n >= 0) {
        const PCRE2_SIZE *span = pcre2_get_ovector_pointer(data);
        /* What stands in the text counts as little as its fixed part: a regular expression is not better for being long. */
        *m = (struct pattern_match){span[0], span[1], m->weight};
    }
    pcre2_match_data_free(data);
    return n >= 0;
}

static struct rules_hit *hit_of(struct rules_hits *hits, const struct rule *rule)
{
    for (size_t i = 0; i < hits->n; i++)
        if (hits->v[i].rule == rule)
            return &hits->v[i];
    if (hits->n == RULES_MAX_HITS)
        return NULL;
    hits->v[hits->n] = (struct rules_hit){.rule = rule};
    return &hits->v[hits->n++];
}

/* The pattern of a user where its literal was found. */
static bool try_pattern(const struct scan *s, const struct prefilter_hit *hit, const struct prefilter_user *user,
                        struct pattern_match *m)
{
    size_t at = hit->at + user->offset;
    if (!prefilter_fits(s->text, hit, user))
        return false;
    if (prefilter_whole(user, at, m))
        return true;
    const struct pattern *pattern = s->rules->patterns[user->pattern];
    return pattern_match_at(pattern, s->text, at, user->bytes, m) &&
           (!pattern->re || re_matches(s->rules, pattern, s->text, m));
}

static void note_mark(struct scan *s, const struct prefilter_hit *hit, const struct prefilter_user *user,
                      unsigned provider)
{
    struct pattern_match m;
    if (s->facts->provider == PROVIDER_NONE && s->hits->provider == PROVIDER_NONE && try_pattern(s, hit, user, &m))
        s->hits->provider = provider;
}

/* Files a literal under the rank of its rule, before those found earlier. */
static void add_fit(struct scan *s, size_t literal, const struct prefilter_user *user, unsigned rank)
{
    uint64_t *ranks = &s->ranks[rank >> 6], bit = UINT64_C(1) << (rank & 63);
    unsigned before = s->last[rank] & -(unsigned)((*ranks & bit) != 0);
    s->fits[s->fit_count++] = (struct pending){user, (uint16_t)literal, (uint16_t)before};
    s->last[rank] = (uint16_t)s->fit_count;
    *ranks |= bit;
}

static unsigned rank_of(const struct prefilter_user *user)
{
    return user->owner >> OWNER_BITS;
}

static const struct rule *rule_of(const struct scan *s, const struct prefilter_user *user)
{
    return &s->rules->rules[user->owner % OWNER_RULES];
}

/* Marks are tried at once, since conditions ask for the provider; the rest waits until it is known what is worth trying. */
static void note_literal(struct scan *s, size_t i)
{
    const struct prefilter_hit *hit = &s->literals[i];
    const struct prefilter_user *user = hit->users, *end = user + hit->literal->n;
    for (; user < end; user++)
        if (rank_of(user) == OWNER_MARK)
            note_mark(s, hit, user, user->owner % OWNER_RULES);
        else if (s->fit_count < RULES_MAX_PENDING) {
            __builtin_prefetch(s->rules->patterns[user->pattern]);
            add_fit(s, i, user, rank_of(user));
        }
}

static bool code_fits(const struct rule *rule, unsigned code)
{
    for (unsigned i = 0; i < rule->code_count; i++)
        if (code >= rule->codes[i].from && code <= rule->codes[i].to)
            return true;
    return rule->code_count == 0;
}

static bool part_fits(uint16_t want, uint16_t is)
{
    return want == RULE_ANY || want == is;
}

static bool enhanced_fits(const struct rule *rule, struct bounce_enhanced e)
{
    for (unsigned i = 0; i < rule->enhanced_count; i++) {
        const struct rule_enhanced *want = &rule->enhanced[i];
        if (e.klass && part_fits(want->klass, e.klass) && part_fits(want->subject, e.subject) &&
            part_fits(want->detail, e.detail))
            return true;
    }
    return rule->enhanced_count == 0;
}

static const char *why_not(const struct rule *rule, const struct rule_facts *facts, unsigned provider)
{
    if ((rule->providers[0] | rule->providers[1]) && !(rule->providers[provider >> 6] >> (provider & 63) & 1))
        return "provider";
    if (rule->phases && !(rule->phases >> facts->phase & 1))
        return "phase";
    if (facts->attempt && rule->reason == BOUNCE_REASON_EXPIRED)
        return "kind";
    if (!code_fits(rule, facts->code))
        return "reply code";
    return enhanced_fits(rule, facts->enhanced) ? NULL : "enhanced code";
}

/* True when one of the late users of a literal forbids the rule. */
static bool forbids(const struct scan *s, const struct prefilter_hit *hit, const struct rule *rule)
{
    struct pattern_match m;
    const struct prefilter_user *user = hit->users + hit->literal->n, *end = user + hit->literal->late;
    for (; user < end; user++)
        if (rule_of(s, user) == rule && try_pattern(s, hit, user, &m))
            return true;
    return false;
}

static const char *why_forbidden(const struct scan *s, const struct rule *rule)
{
    for (size_t i = 0; rule->not_count && i < s->literal_count; i++)
        if (forbids(s, &s->literals[i], rule))
            return "words that forbid it";
    return NULL;
}

static void try_fit(struct scan *s, const struct pending *p)
{
    const struct rule *rule = rule_of(s, p->user);
    const char *rejected = why_not(rule, s->facts, s->hits->provider);
    struct pattern_match m;
    if ((rejected && !s->facts->all) || !try_pattern(s, &s->literals[p->literal], p->user, &m))
        return;
    struct rules_hit *hit = hit_of(s->hits, rule);
    if (!hit || (hit->pattern && m.weight < hit->match.weight)) /* of equal ones that which was found first */
        return;
    hit->pattern = s->rules->patterns[p->user->pattern];
    hit->match = m;
    hit->rejected = rejected;
}

/* Takes the highest rank that has fits; -1 when none is left. */
static int take_rank(struct scan *s)
{
    for (unsigned half = 2; half-- > 0;) {
        if (s->ranks[half] == 0)
            continue;
        unsigned bit = 63u - (unsigned)__builtin_clzll(s->ranks[half]);
        s->ranks[half] &= ~(UINT64_C(1) << bit);
        return (int)(half * 64 + bit);
    }
    return -1;
}

/* Returns true when a rule of this rank holds. */
static bool try_rank(struct scan *s, int rank)
{
    size_t before = s->hits->n;
    bool holds = false;
    for (unsigned i = s->last[rank]; i; i = s->fits[i - 1].next)
        try_fit(s, &s->fits[i - 1]);
    for (size_t i = before; i < s->hits->n; i++) {
        struct rules_hit *hit = &s->hits->v[i];
        if (!hit->rejected)
            hit->rejected = why_forbidden(s, hit->rule);
        holds |= !hit->rejected;
    }
    return holds;
}

void rules_match(const struct bounce_rules *rules, slice folded, const struct rule_facts *facts, struct rules_hits *out)
{
    struct scan s;
    s.rules = rules;
    s.text = folded;
    s.facts = facts;
    s.hits = out;
    s.fit_count = 0;
    s.ranks[0] = s.ranks[1] = 0;
    out->n = 0;
    out->provider = facts->provider;
    s.literal_count = 0;
    for (size_t at = 0; at < folded.n;)
        s.literal_count += prefilter_scan(rules->prefilter, folded, &at, s.literals + s.literal_count,
                                          RULES_MAX_LITERALS - s.literal_count);
    for (size_t i = 0; i < s.literal_count; i++)
        note_literal(&s, i);
    for (int rank; (rank = take_rank(&s)) >= 0;)
        if (try_rank(&s, rank) && !facts->all)
            break;
}

static bool any_matches(const struct scan *s, const struct prefilter_hit *hit)
{
    struct pattern_match m;
    const struct prefilter_user *user = hit->users, *end = user + hit->literal->n;
    for (; user < end; user++)
        if (rank_of(user) != OWNER_MARK && try_pattern(s, hit, user, &m))
            return true;
    return false;
}

bool rules_have_words(const struct bounce_rules *rules, slice folded)
{
    struct scan s;
    s.rules = rules;
    s.text = folded;
    for (size_t at = 0; at < folded.n;) {
        size_t n = prefilter_scan(rules->prefilter, folded, &at, s.literals, RULES_MAX_LITERALS);
        for (size_t i = 0; i < n; i++)
            if (any_matches(&s, &s.literals[i]))
                return true;
    }
    return false;
}

/* ---- order ----------------------------------------------------------------------------------------------------- */

/* What a wrong verdict would do to the address: less is better when all else is equal. */
static int harm(enum bounce_reason reason)
{
    static const int of_counts[] = {
        [BOUNCE_COUNTS_NEVER] = 0, [BOUNCE_COUNTS_SLOW] = 1,     [BOUNCE_COUNTS_CAMPAIGN] = 2,
        [BOUNCE_COUNTS_QUOTA] = 3, [BOUNCE_COUNTS_PLATFORM] = 4, [BOUNCE_COUNTS_AT_ONCE] = 5};
    return of_counts[bounce_reason_counts(reason)];
}

static bool has_provider(const struct rule *r)
{
    return (r->providers[0] | r->providers[1]) != 0;
}

int rules_order(const struct rules_hit *a, const struct rules_hit *b, const char **why)
{
    const struct rule *x = a->rule, *y = b->rule;
    const struct {
        int order;
        const char *why;
    } steps[] = {{(a->rejected != NULL) - (b->rejected != NULL), "the other does not hold"},
                 {(int)y->rank - (int)x->rank, "rank"},
                 {(int)y->user - (int)x->user, "a user's rule"},
                 {(int)has_provider(y) - (int)has_provider(x), "names the provider"},
                 {(int)b->match.weight - (int)a->match.weight, "more words"},
                 {harm(x->reason) - harm(y->reason), "does less harm"},
                 {slice_cmp(x->id, y->id), "id"}};
    for (size_t i = 0; i < ARRAY_LEN(steps); i++)
        if (steps[i].order) {
            if (why)
                *why = steps[i].why;
            return steps[i].order;
        }
    return 0;
}

const struct rules_hit *rules_best(const struct rules_hits *hits)
{
    const struct rules_hit *best = NULL;
    for (size_t i = 0; i < hits->n; i++)
        if (!hits->v[i].rejected && (!best || rules_order(&hits->v[i], best, NULL) < 0))
            best = &hits->v[i];
    return best;
}

static int hit_order(const void *a, const void *b)
{
    return rules_order(a, b, NULL);
}

void rules_sort(struct rules_hits *hits)
{
    qsort(hits->v, hits->n, sizeof hits->v[0], hit_order);
}

/* ---- looking --------------------------------------------------------------------------------------------------- */

size_t rules_count(const struct bounce_rules *rules)
{
    return rules->rule_count;
}

const struct rule *rules_at(const struct bounce_rules *rules, size_t i)
{
    return &rules->rules[i];
}

const struct provider_index *rules_providers(const struct bounce_rules *rules)
{
    return &rules->providers;
}

const struct pattern *rules_pattern(const struct bounce_rules *rules, const struct rule *rule, size_t i)
{
    return &rules->own_patterns[rule->first_pattern + i];
}

size_t rules_literals(const struct bounce_rules *rules)
{
    return prefilter_literals(rules->prefilter);
}
