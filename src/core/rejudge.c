#include "core/rejudge.h"

#include "bounce/provider.h"
#include "core/cause_words.h"

bool rejudge_differs(const struct rejudged *j)
{
    return j->from != j->to || j->from_certainty != j->to_certainty;
}

static bool is_failure(const struct observation *o)
{
    return bounce_kind_final(o->kind) || bounce_kind_attempt(o->kind);
}

/* Not by our rules: they have no say in it. */
static bool is_told(slice rule)
{
    return slice_starts(rule, S("platform:")) || slice_starts(rule, S("told:"));
}

/* Something is left of what it was judged by. A reply that is gone (it named somebody who was erased) cannot be judged by what is
 * left, unless words had no part in the verdict. */
static bool has_evidence(const struct observation *o)
{
    slice rule = o->verdict.rule;
    bool by_words = !slice_empty(rule) && !slice_starts(rule, S("code:")) && !slice_starts(rule, S("kind:"));
    return !slice_empty(o->reply) || (!by_words && !slice_empty(o->status));
}

static bool same_verdict(const struct bounce_verdict *a, const struct bounce_verdict *b)
{
    return a->reason == b->reason && a->certainty == b->certainty;
}

static bool judge_by(struct rejudge *r, const struct observation *o, slice provider, struct bounce_verdict *out)
{
    struct bounce_evidence_set evidence = {.text = o->reply,
                                           .status = o->status,
                                           .provider = provider,
                                           .recipient = o->recipient,
                                           .phase = o->phase,
                                           .kind = o->kind};
    return bounce_judge(r->rules, &evidence, r->a, out) != BOUNCE_LIMIT;
}

/* By the server's name, as most feeds tell it; then by the provider that was found then, which may have been told by the feed. */
static bool judge(struct rejudge *r, const struct observation *o, struct bounce_verdict *out)
{
    struct bounce_verdict second;
    slice known = provider_by_word(o->provider) == PROVIDER_NONE ? SLICE_EMPTY : o->provider;
    if (!judge_by(r, o, slice_empty(o->remote_mta) ? known : o->remote_mta, out))
        return false;
    if (same_verdict(out, &o->verdict) || slice_empty(known) || slice_empty(o->remote_mta))
        return true;
    if (!judge_by(r, o, known, &second))
        return false;
    if (same_verdict(&second, &o->verdict))
        *out = second;
    return true;
}

static uint8_t cause_for(const struct bounce_verdict *v, const struct observation *o)
{
    if (v->reason != BOUNCE_REASON_UPSTREAM_SUPPRESSED)
        return CAUSE_NONE;
    enum cause cause = cause_of_word(o->platform_cause);
    return cause == CAUSES ? CAUSE_UPSTREAM : (uint8_t)cause;
}

static bool add(struct rejudge *r, const struct ledger_event *ev, const struct observation *o,
                const struct bounce_verdict *v)
{
    struct rejudged *grown = arena_grow(r->a, r->list, r->count, &r->list_room, sizeof(*grown));
    if (!grown)
        return false;
    r->list = grown;
    struct rejudged *j = &r->list[r->count++];
    *j = (struct rejudged){.seq = ev->seq,
                           .time_us = ev->fold.time_us,
                           .at = r->n - 1,
                           .from = o->verdict.reason,
                           .to = v->reason,
                           .from_certainty = o->verdict.certainty,
                           .to_certainty = v->certainty,
                           .from_rule = arena_dup(r->a, o->verdict.rule),
                           .from_version = arena_dup(r->a, ev->rules_version),
                           .was = arena_dup(r->a, ev->was),
                           .verdict = *v,
                           .cause = cause_for(v, o),
                           .reply = arena_dup(r->a, o->reply),
                           .provider = arena_dup(r->a, o->provider)};
    j->verdict.matched = SLICE_EMPTY; /* in a text that is gone with the row */
    j->verdict.rule = arena_dup(r->a, v->rule);
    j->verdict.new_address = arena_dup(r->a, v->new_address);
    if (!rejudge_differs(j))
        return true;
    struct policy_event *is = &r->is[j->at];
    is->reason = (uint8_t)v->reason;
    is->certainty = (uint8_t)v->certainty;
    is->cause = j->cause;
    return true;
}

static bool take_event(struct rejudge *r, const struct ledger_event *ev)
{
    struct policy_event *was = arena_grow(r->a, r->was, r->n, &r->room, sizeof(*was));
    if (!was)
        return false;
    r->was = was;
    struct policy_event *is = arena_grow(r->a, r->is, r->n, &r->is_room, sizeof(*is));
    if (!is)
        return false;
    r->is = is;
    r->was[r->n] = r->is[r->n] = ev->fold;
    r->n++;
    return true;
}

static bool judge_event(struct rejudge *r, const struct ledger_event *ev, const struct observation *o)
{
    struct bounce_verdict v;
    bool by_these = !slice_empty(r->version) && slice_eq(ev->rules_version, r->version);
    if (ev->what != EVENT_OBSERVED || !is_failure(o) || by_these ||
        (r->since_us != TIME_NONE && ev->fold.time_us < r->since_us))
        return true;
    if (is_told(o->verdict.rule)) {
        r->told++;
        return true;
    }
    if (!has_evidence(o)) {
        r->mute++;
        return true;
    }
    r->judged++;
    if (!judge(r, o, &v))
        return false;
    return (same_verdict(&v, &o->verdict) && slice_eq(v.rule, o->verdict.rule)) || add(r, ev, o, &v);
}

static bool one_event(void *ctx, const struct ledger_event *ev, const struct observation *o)
{
    struct rejudge *r = ctx;
    if (ev->what == EVENT_BASELINE)
        return true;
    r->refused = !take_event(r, ev) || !judge_event(r, ev, o) || r->a->limited;
    return !r->refused;
}

enum status rejudge_address(struct rejudge *r, struct ledger *l, int64_t address, err *e)
{
    r->was = r->is = NULL;
    r->list = NULL;
    r->n = r->room = r->is_room = r->count = r->list_room = 0;
    r->judged = r->told = r->mute = 0;
    r->refused = false;
    enum status st = ledger_events_of(l, address, one_event, r, e);
    return st == OK && r->refused ? err_set(e, E_MEMORY, "reclassify: out of memory") : st;
}

enum status rejudge_fold(struct rejudge *r, struct ledger *l, const struct policy *policy,
                         const struct ledger_address *row, const struct policy_event *events, int64_t now_us,
                         struct entry *out, err *e)
{
    struct ledger_folds folds = {.row = row, .n = r->n};
    folds.events = arena_alloc(r->a, (r->n + 1) * sizeof(*folds.events));
    if (!folds.events)
        return err_set(e, E_MEMORY, "reclassify: out of memory");
    if (r->n)
        memcpy(folds.events, events, r->n * sizeof(*events));
    enum status st = ledger_baseline(l, row->id, r->a, &folds.baseline, e);
    if (st == OK)
        st = entry_open_folds(out, l, policy, &folds, r->a, e);
    return st == OK ? entry_settle(out, now_us, e) : st;
}
