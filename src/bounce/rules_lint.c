#include "bounce/rules_lint.h"

#include "bounce/fold.h"

#define TIME_SAMPLES 400u /* examples that each rule is timed on */

static struct bounce_evidence_set evidence_of(const struct rule_example *e)
{
    return (struct bounce_evidence_set){
        .text = e->text, .status = SLICE_EMPTY, .provider = e->provider, .recipient = SLICE_EMPTY, .phase = e->phase};
}

static bool add_message(arena *a, struct lint_messages *out, const struct rule *rule, unsigned line, slice text)
{
    struct lint_message *grown = arena_grow(a, out->v, out->n, &out->room, sizeof *out->v);
    if (!grown)
        return false;
    out->v = grown;
    out->v[out->n++] = (struct lint_message){rule->file, line, rule->id, text};
    return true;
}

/* Another rule that fits as well but for harm and id, and says something else. */
static const struct rules_hit *find_rival(const struct rules_hits *hits, const struct rules_hit *best)
{
    for (size_t i = 0; i < hits->n; i++) {
        const struct rules_hit *h = &hits->v[i];
        const struct rule *x = h->rule, *y = best->rule;
        bool x_provider = (x->providers[0] | x->providers[1]) != 0,
             y_provider = (y->providers[0] | y->providers[1]) != 0;
        if (h != best && !h->rejected && x->reason != y->reason && x->rank == y->rank && x->user == y->user &&
            x_provider == y_provider && h->match.weight == best->match.weight)
            return h;
    }
    return NULL;
}

/* Returns 1 when the example reached its rule, 0 when not, -1 when memory was refused. */
static int lint_example(const struct bounce_rules *rules, const struct rule *rule, const struct rule_example *e,
                        arena *a, struct lint_messages *out)
{
    struct bounce_evidence_set evidence = evidence_of(e);
    struct bounce_verdict v;
    struct judge_trace trace;
    trace.all = false;
    if (judge_traced(rules, &evidence, a, &v, &trace) != BOUNCE_OK)
        return -1;
    const struct rules_hit *best = rules_best(&trace.hits);
    out->examples++;
    if (!best || best->rule != rule) {
        slice taker = best ? best->rule->id : SLICE_EMPTY;
        slice text = arena_printf(a, "example is taken by %.*s (%s): %.*s", SLICE_FMT(best ? taker : S("no rule")),
                                  bounce_reason_word(v.reason), SLICE_FMT(e->text));
        return add_message(a, out, rule, e->line, text) ? 0 : -1;
    }
    const struct rules_hit *rival = find_rival(&trace.hits, best);
    if (!rival)
        return 1;
    slice text = arena_printf(a, "%.*s fits as well and says %s: %.*s", SLICE_FMT(rival->rule->id),
                              bounce_reason_word(rival->rule->reason), SLICE_FMT(e->text));
    return add_message(a, out, rule, e->line, text) ? 1 : -1;
}

static bool lint_rule(const struct bounce_rules *rules, const struct rule *rule, arena *a, struct lint_messages *out)
{
    bool reached = false;
    for (size_t i = 0; i < rule->example_count; i++) {
        int result = lint_example(rules, rule, &rule->examples[i], a, out);
        if (result < 0)
            return false;
        reached |= result > 0;
    }
    return reached || add_message(a, out, rule, rule->line, S("no example reaches this rule"));
}

bool rules_lint(const struct bounce_rules *rules, arena *a, struct lint_messages *out)
{
    *out = (struct lint_messages){.n = 0};
    for (size_t i = 0; i < rules_count(rules); i++)
        if (!lint_rule(rules, rules_at(rules, i), a, out))
            return false;
    return true;
}

enum bounce_status rules_explain(const struct bounce_rules *rules, const struct bounce_evidence_set *evidence, arena *a,
                                 struct explanation *out)
{
    out->trace.all = true;
    enum bounce_status status = judge_traced(rules, evidence, a, &out->verdict, &out->trace);
    struct rules_hits *hits = &out->trace.hits;
    rules_sort(hits);
    out->n = 0;
    out->rows = arena_calloc(a, hits->n + 1, sizeof *out->rows);
    if (!out->rows)
        return BOUNCE_LIMIT;
    for (size_t i = 0; i < hits->n; i++) {
        const struct rules_hit *h = &hits->v[i];
        struct explain_row *row = &out->rows[out->n++];
        *row = (struct explain_row){
            h, slice_trim(slice_sub(out->trace.folded, h->match.from, h->match.to - h->match.from)), ""};
        if (i > 0)
            (void)rules_order(&hits->v[i - 1], h, &row->why);
        if (h->rejected)
            row->why = h->rejected;
    }
    return status;
}

static size_t collect_samples(const struct bounce_rules *rules, arena *a, slice *out)
{
    size_t n = 0, step = rules_count(rules) / TIME_SAMPLES + 1;
    for (size_t i = 0; i < rules_count(rules) && n < TIME_SAMPLES; i += step)
        if (rules_at(rules, i)->example_count)
            out[n++] = fold_text(a, rules_at(rules, i)->examples[0].text);
    return n;
}

void rules_time(const struct bounce_rules *rules, arena *a, uint64_t (*now_ns)(void *arg), void *arg, uint64_t *out)
{
    slice samples[TIME_SAMPLES];
    size_t n = collect_samples(rules, a, samples);
    struct pattern_match m;
    for (size_t i = 0; i < rules_count(rules); i++) {
        const struct rule *rule = rules_at(rules, i);
        uint64_t begin = now_ns(arg);
        for (size_t k = 0; k < n; k++)
            for (size_t p = 0; p < rule->pattern_count + rule->not_count; p++)
                (void)pattern_search(rules_pattern(rules, rule, p), samples[k], &m);
        out[i] = n ? (now_ns(arg) - begin) / n : 0;
    }
}
