#include "bounce/judge.h"

#include "bounce/address.h"
#include "bounce/codes.h"
#include "bounce/fold.h"
#include "bounce/reply.h"

#define CERTAIN_WORDS 90u      /* a rule fits */
#define CERTAIN_WEAK_WORDS 75u /* a rule of low rank fits */
#define WEAK_RANK 40u
#define CERTAIN_AGREEMENT 5u     /* codes say the same, or the provider is known */
#define CERTAIN_CONTRADICTED 65u /* hard by words, temporary by code: below 70, so that the policy wants a second one */
#define CERTAIN_STATUS_LOSS 10u  /* a Status field is the reporting MTA's summary */
#define CERTAIN_EXPIRED 60u      /* only the kind of the report is known */
#define CERTAIN_FINAL 70u        /* from here on the policy acts on one hard verdict */
#define CERTAIN_MAX 99u

static const enum bounce_next next_of[BOUNCE_REASONS] = {
#define ADVICE(reason, next) [BOUNCE_REASON_##reason] = BOUNCE_NEXT_##next,
#include "bounce/advice.def"
#undef ADVICE
};

/* ---- evidence -------------------------------------------------------------------------------------------------- */

static unsigned find_provider(const struct bounce_rules *rules, const struct bounce_evidence_set *e,
                              const struct bounce_reply *reply)
{
    const struct provider_index *index = rules_providers(rules);
    unsigned provider = provider_by_hint(index, e->provider);
    if (provider == PROVIDER_NONE && !slice_empty(reply->host))
        provider = provider_by_domain(index, reply->host);
    if (provider == PROVIDER_NONE && !slice_empty(e->recipient))
        provider = provider_by_domain(index, address_domain(e->recipient));
    return provider;
}

static bool is_final(const struct bounce_reply *reply)
{
    return reply->code >= 500 || (reply->code == 0 && reply->enhanced.klass == 5);
}

static bool is_temporary(const struct bounce_reply *reply, const struct bounce_evidence_set *e)
{
    if (reply->code)
        return reply->code < 500;
    return reply->enhanced.klass == 4 || (reply->enhanced.klass == 0 && bounce_kind_attempt(e->kind));
}

/* The code behind the reply, else what the report's Status field says. */
static struct bounce_enhanced best_enhanced(const struct bounce_reply *reply, const struct bounce_evidence_set *e,
                                            bool *status)
{
    struct bounce_enhanced from_status = {0, 0, 0};
    *status = false;
    if (reply->enhanced.klass)
        return reply->enhanced;
    *status = bounce_enhanced_parse(slice_trim(e->status), &from_status) > 0 && from_status.klass >= 4;
    return from_status;
}

/* ---- verdict --------------------------------------------------------------------------------------------------- */

static void set_reason(struct bounce_verdict *v, enum bounce_reason reason)
{
    v->reason = reason;
    v->class_ = bounce_reason_class(reason);
    v->blame = bounce_reason_blame(reason);
    v->next = next_of[reason];
}

static unsigned word_certainty(const struct rules_hit *hit, const struct rule_facts *facts, bool temporary)
{
    const struct rule *rule = hit->rule;
    unsigned certainty = rule->certainty          ? rule->certainty
                         : rule->rank < WEAK_RANK ? CERTAIN_WEAK_WORDS
                                                  : CERTAIN_WORDS;
    struct code_verdict code = code_of_enhanced(facts->enhanced, facts->provider);
    if (!rule->certainty && code.reason == rule->reason)
        certainty += CERTAIN_AGREEMENT;
    bool hard =
        bounce_reason_class(rule->reason) == BOUNCE_CLASS_HARD && rule->reason != BOUNCE_REASON_UPSTREAM_SUPPRESSED;
    if (hard && temporary && certainty > CERTAIN_CONTRADICTED)
        certainty = CERTAIN_CONTRADICTED;
    return certainty > CERTAIN_MAX ? CERTAIN_MAX : certainty;
}

static void by_words(const struct rules_hit *hit, const struct judge_trace *t, bool temporary, struct bounce_verdict *v)
{
    set_reason(v, hit->rule->reason);
    v->certainty = word_certainty(hit, &t->facts, temporary);
    v->evidence = BOUNCE_EVIDENCE_TEXT;
    v->evidence |= hit->rule->code_count ? BOUNCE_EVIDENCE_CODE : 0u;
    v->evidence |= hit->rule->enhanced_count ? BOUNCE_EVIDENCE_ENHANCED : 0u;
    v->evidence |= hit->rule->phases ? BOUNCE_EVIDENCE_PHASE : 0u;
    v->evidence |= (hit->rule->providers[0] | hit->rule->providers[1]) ? BOUNCE_EVIDENCE_PROVIDER : 0u;
    v->rule = hit->rule->id;
    v->matched = slice_trim(slice_sub(t->folded, hit->match.from, hit->match.to - hit->match.from));
}

/* Letters that are no code, id or address: then something was said that no rule understands. */
static bool says_something(slice folded)
{
    slice rest = folded, word;
    while (slice_word(&rest, &word)) {
        size_t letters = 0;
        for (size_t i = 0; i < word.n; i++)
            letters += ascii_alpha(word.p[i]) || (word.p[i] & 0x80);
        if (letters >= 2 && letters == word.n)
            return true;
    }
    return false;
}

static void by_enhanced(const struct judge_trace *t, bool status, arena *a, struct bounce_verdict *v)
{
    struct code_verdict code = code_of_enhanced(t->facts.enhanced, t->facts.provider);
    code = code_in_phase(code, t->facts.phase);
    if (code.reason == BOUNCE_REASON_UNKNOWN)
        return;
    set_reason(v, code.reason);
    v->certainty = code.certainty - (status && code.certainty > CERTAIN_STATUS_LOSS ? CERTAIN_STATUS_LOSS : 0);
    v->evidence = BOUNCE_EVIDENCE_ENHANCED;
    v->rule =
        arena_printf(a, "code:%u.%u.%u", t->facts.enhanced.klass, t->facts.enhanced.subject, t->facts.enhanced.detail);
}

static void by_code(const struct judge_trace *t, arena *a, struct bounce_verdict *v)
{
    struct code_verdict code = code_of_reply(t->reply.code, t->facts.phase);
    if (code.reason == BOUNCE_REASON_UNKNOWN)
        return;
    set_reason(v, code.reason);
    v->certainty = code.certainty;
    v->evidence = BOUNCE_EVIDENCE_CODE | (t->facts.phase ? BOUNCE_EVIDENCE_PHASE : 0u);
    v->rule = arena_printf(a, "code:%u", t->reply.code);
}

/* A code that would condemn the address while the words say something else that we do not understand is no ground. */
static bool harmful_guess(const struct bounce_verdict *v, const struct judge_trace *t)
{
    if (v->class_ != BOUNCE_CLASS_HARD || !says_something(t->folded))
        return false;
    return v->evidence & BOUNCE_EVIDENCE_CODE;
}

static void by_codes(const struct judge_trace *t, bool status, arena *a, struct bounce_verdict *v)
{
    by_enhanced(t, status, a, v);
    if (v->reason == BOUNCE_REASON_UNKNOWN)
        by_code(t, a, v);
    if (harmful_guess(v, t)) {
        *v = (struct bounce_verdict){.rule = SLICE_EMPTY, .matched = SLICE_EMPTY};
        set_reason(v, BOUNCE_REASON_UNKNOWN);
    }
}

static void kind_of_end(const struct bounce_evidence_set *e, struct bounce_verdict *v)
{
    if (v->reason != BOUNCE_REASON_UNKNOWN || e->kind != BOUNCE_KIND_EXPIRED)
        return;
    set_reason(v, BOUNCE_REASON_EXPIRED);
    v->certainty = CERTAIN_EXPIRED;
    v->rule = S("kind:expired");
}

static void advise(const struct judge_trace *t, const struct rules_hit *hit, struct bounce_verdict *v)
{
    v->retry_after_s = t->reply.retry_after_s;
    if (hit && hit->rule->retry_after_s != RULE_RETRY_USUAL)
        v->retry_after_s = hit->rule->retry_after_s;
    else if (is_final(&t->reply) && v->retry_after_s == 0)
        v->retry_after_s = -1;
    if (v->class_ == BOUNCE_CLASS_HARD && v->certainty >= CERTAIN_FINAL)
        v->retry_after_s = -1;
}

/* "551 User not local; please try <new@example.org>": the last address that is not the recipient's own. */
static void find_new_address(const struct bounce_evidence_set *e, slice text, struct bounce_verdict *v)
{
    if (v->reason != BOUNCE_REASON_USER_MOVED)
        return;
    size_t at = 0;
    slice address;
    while (!slice_empty(address = address_next(text, &at)))
        if (!slice_eq_ci(address, e->recipient))
            v->new_address = address;
}

/* ---- matching -------------------------------------------------------------------------------------------------- */

static const struct rules_hit *match(const struct bounce_rules *rules, slice text, arena *a, struct judge_trace *t)
{
    t->folded = fold_text(a, text);
    rules_match(rules, t->folded, &t->facts, &t->hits);
    return rules_best(&t->hits);
}

/* The deciding reply first; the whole text only where that tells nothing. */
static const struct rules_hit *match_texts(const struct bounce_rules *rules, slice whole, arena *a,
                                           struct judge_trace *t)
{
    const struct rules_hit *hit = match(rules, t->reply.text, a, t);
    t->whole = (!hit || hit->rule->reason == BOUNCE_REASON_UNKNOWN) && whole.n > t->reply.text.n + 4;
    if (t->whole)
        hit = match(rules, whole, a, t);
    if (t->facts.provider == PROVIDER_NONE)
        t->facts.provider = t->hits.provider;
    return hit;
}

static void begin_verdict(struct bounce_verdict *v)
{
    *v = (struct bounce_verdict){
        .rule = SLICE_EMPTY, .matched = SLICE_EMPTY, .new_address = SLICE_EMPTY, .provider = SLICE_EMPTY};
    set_reason(v, BOUNCE_REASON_UNKNOWN);
}

void judge_told(enum bounce_reason reason, unsigned certainty, slice rule, struct bounce_verdict *out)
{
    MUST(reason < BOUNCE_REASONS && certainty <= CERTAIN_MAX);
    begin_verdict(out);
    set_reason(out, reason);
    out->certainty = certainty;
    out->evidence = BOUNCE_EVIDENCE_PROVIDER;
    out->rule = rule;
    if (out->class_ == BOUNCE_CLASS_HARD && certainty >= CERTAIN_FINAL)
        out->retry_after_s = -1;
}

/* The verdict on t->reply. */
static void judge_reply(const struct bounce_rules *rules, const struct bounce_evidence_set *e, arena *a,
                        struct bounce_verdict *v, struct judge_trace *t)
{
    bool status;
    begin_verdict(v);
    t->folded = SLICE_EMPTY;
    t->hits.n = 0;
    t->facts = (struct rule_facts){.code = t->reply.code,
                                   .enhanced = best_enhanced(&t->reply, e, &status),
                                   .attempt = bounce_kind_attempt(e->kind),
                                   .all = t->all};
    if (t->facts.code == 0) /* "5.1.1 no such user": as good as 5xx */
        t->facts.code = t->facts.enhanced.klass * 100u;
    t->facts.phase = e->phase != BOUNCE_PHASE_NONE ? e->phase : t->reply.phase;
    t->facts.provider = find_provider(rules, e, &t->reply);
    const struct rules_hit *hit = match_texts(rules, slice_sub(e->text, 0, REPLY_MAX_BYTES), a, t);
    if (!hit)
        by_codes(t, status, a, v);
    else if (hit->rule->reason == BOUNCE_REASON_UNKNOWN) /* words that tell nothing leave it to the code */
        by_enhanced(t, status, a, v);
    if (hit && v->reason == BOUNCE_REASON_UNKNOWN)
        by_words(hit, t, is_temporary(&t->reply, e), v);
    kind_of_end(e, v);
    advise(t, hit, v);
    find_new_address(e, t->reply.text, v);
    v->provider = provider_word(t->facts.provider);
}

enum bounce_status judge_traced(const struct bounce_rules *rules, const struct bounce_evidence_set *e, arena *a,
                                struct bounce_verdict *v, struct judge_trace *t)
{
    enum bounce_status result = bounce_reply_parse(e->text, a, &t->reply);
    judge_reply(rules, e, a, v, t);
    return result == BOUNCE_OK && a->limited ? BOUNCE_LIMIT : result;
}

enum bounce_status judge_parsed(const struct bounce_rules *rules, const struct bounce_evidence_set *e,
                                const struct bounce_reply *reply, arena *a, struct bounce_verdict *v)
{
    struct judge_trace trace;
    trace.all = false;
    trace.reply = *reply;
    judge_reply(rules, e, a, v, &trace);
    return a->limited ? BOUNCE_LIMIT : BOUNCE_OK;
}

enum bounce_status bounce_judge(const struct bounce_rules *rules, const struct bounce_evidence_set *evidence,
                                struct bounce_arena *a, struct bounce_verdict *out)
{
    struct judge_trace trace;
    trace.all = false;
    return judge_traced(rules, evidence, a, out, &trace);
}

bool judge_has_words(const struct bounce_rules *rules, slice text)
{
    arena a;
    arena_init(&a, 0);
    bool found = rules_have_words(rules, fold_text(&a, text));
    arena_fini(&a);
    return found;
}
