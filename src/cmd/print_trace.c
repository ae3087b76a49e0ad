#include "cmd/print_trace.h"
#include "base/text.h"
#include "cmd/print_report.h"

#define LINE_BYTES 400u

static void label(buf *out, const char *word)
{
    buf_printf(out, "%-10s ", word);
}

static void text_line(buf *out, const char *word, slice text)
{
    if (slice_empty(text))
        return;
    label(out, word);
    text_add_safe(out, text, LINE_BYTES);
    buf_addc(out, '\n');
}

static slice matched(const struct judge_trace *t, const struct rules_hit *hit)
{
    return slice_trim(slice_sub(t->folded, hit->match.from, hit->match.to - hit->match.from));
}

/* Why this hit does not decide; empty for the one that does. */
static const char *loses_by(const struct rules_hits *hits, const struct rules_hit *hit)
{
    const char *why = "";
    if (hit->rejected)
        return hit->rejected;
    if (hit != hits->v)
        rules_order(hits->v, hit, &why);
    return why;
}

static void facts_text(buf *out, const struct judge_trace *t)
{
    text_line(out, "words", t->reply.text);
    text_line(out, "host", t->reply.host);
    label(out, "read as");
    if (t->reply.code)
        buf_printf(out, "code %u, ", t->reply.code);
    if (t->facts.enhanced.klass)
        buf_printf(out, "enhanced %u.%u.%u, ", t->facts.enhanced.klass, t->facts.enhanced.subject,
                   t->facts.enhanced.detail);
    const char *phase = bounce_phase_word(t->facts.phase);
    buf_printf(out, "phase %s, provider ", *phase ? phase : "not told");
    buf_add(out, t->hits.provider == PROVIDER_NONE ? S("not known") : provider_word(t->hits.provider));
    if (t->reply.several)
        buf_adds(out, "; several replies, this one decides");
    buf_addc(out, '\n');
    text_line(out, "folded", t->folded);
}

static void hit_text(buf *out, const struct judge_trace *t, const struct rules_hit *hit)
{
    bool first = hit == t->hits.v;
    const char *why = loses_by(&t->hits, hit);
    buf_printf(out, "  %c %.*s (%s, rank %u, %.*s:%u)\n      \"",
               hit->rejected ? '-'
               : first       ? '*'
                             : '+',
               SLICE_FMT(hit->rule->id), bounce_reason_word(hit->rule->reason), hit->rule->rank,
               SLICE_FMT(hit->rule->file), hit->rule->line);
    text_add_safe(out, matched(t, hit), LINE_BYTES);
    buf_addc(out, '"');
    if (hit->rejected)
        buf_printf(out, "  does not hold: %s", why);
    else if (!first)
        buf_printf(out, "  the first wins: %s", why);
    buf_addc(out, '\n');
}

static void hits_text(buf *out, const struct judge_trace *t)
{
    size_t rejected = 0;
    if (t->hits.n == 0)
        buf_adds(out, "rules      none has these words; the codes decide\n");
    else
        buf_adds(out, "rules that have words of it (* decides, + fits too, - does not hold):\n");
    for (size_t i = 0; i < t->hits.n; i++) {
        rejected += t->hits.v[i].rejected != NULL;
        if (rejected <= TRACE_SHOWN_REJECTED)
            hit_text(out, t, &t->hits.v[i]);
    }
    if (t->hits.n == RULES_MAX_HITS)
        buf_printf(out, "  (no more than %u rules are looked at)\n", RULES_MAX_HITS);
}

static void verdict_text(buf *out, const struct bounce_verdict *v)
{
    label(out, "verdict");
    buf_printf(out, "%s: %s\n", bounce_reason_word(v->reason), bounce_reason_text(v->reason));
    label(out, "");
    buf_printf(out, "%s, to blame: %s, certainty %u %%, by ", bounce_class_word(v->class_), bounce_blame_word(v->blame),
               v->certainty);
    text_add_safe(out, slice_empty(v->rule) ? S("nothing") : v->rule, LINE_BYTES);
    buf_addc(out, '\n');
    label(out, "");
    buf_printf(out, "next message: %s", next_word(v->next));
    if (v->retry_after_s > 0)
        buf_printf(out, "; this one again after %lld s", (long long)v->retry_after_s);
    else
        buf_adds(out, v->retry_after_s < 0 ? "; this one: never" : "; this one: retry as usual");
    buf_addc(out, '\n');
}

void print_trace(buf *out, const struct judge_trace *t, const struct bounce_verdict *v)
{
    facts_text(out, t);
    if (t->whole)
        buf_adds(out, "           the reply alone fits no rule: the whole text was looked at\n");
    hits_text(out, t);
    verdict_text(out, v);
}

static void hit_json(struct jsonw *j, const struct judge_trace *t, const struct rules_hit *hit)
{
    jsonw_object(j);
    jsonw_kstr(j, "rule", hit->rule->id);
    jsonw_kstr(j, "reason", slice_str(bounce_reason_word(hit->rule->reason)));
    jsonw_ki64(j, "rank", hit->rule->rank);
    jsonw_kstr(j, "file", hit->rule->file);
    jsonw_ki64(j, "line", hit->rule->line);
    jsonw_kstr(j, "matched", matched(t, hit));
    jsonw_kbool(j, "holds", !hit->rejected);
    jsonw_kstr_opt(j, "why_not", slice_str(loses_by(&t->hits, hit)));
    jsonw_end_object(j);
}

void json_trace(buf *out, const struct bounce_rules *rules, slice text, const struct judge_trace *t,
                const struct bounce_verdict *v)
{
    struct jsonw j;
    char number[24];
    jsonw_init(&j, out);
    jsonw_object(&j);
    jsonw_kstr(&j, "text", text);
    jsonw_kstr(&j, "words", t->reply.text);
    jsonw_kstr(&j, "folded", t->folded);
    jsonw_ki64_opt(&j, "reply_code", t->reply.code);
    int n = snprintf(number, sizeof number, "%u.%u.%u", t->facts.enhanced.klass, t->facts.enhanced.subject,
                     t->facts.enhanced.detail);
    if (t->facts.enhanced.klass)
        jsonw_kstr(&j, "enhanced_code", slice_of(number, (size_t)n));
    jsonw_kstr_opt(&j, "phase", slice_str(bounce_phase_word(t->facts.phase)));
    jsonw_kstr_opt(&j, "host", t->reply.host);
    jsonw_kbool(&j, "whole_text", t->whole);
    jsonw_key(&j, "rules");
    jsonw_array(&j);
    for (size_t i = 0; i < t->hits.n; i++)
        hit_json(&j, t, &t->hits.v[i]);
    jsonw_end_array(&j);
    show_verdict(&j, v);
    jsonw_kstr(&j, "rules_version", bounce_rules_version(rules));
    jsonw_end_object(&j);
    buf_addc(out, '\n');
}
