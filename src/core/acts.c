#include "core/acts.h"

#include <stdlib.h>

#include "core/act_event.h"
#include "core/around.h"

static const char *const REVERIFIED[] = {"confirmed-opt-in", "verification", "wrong-verdict", NULL};

static bool reverified_known(slice word)
{
    for (size_t i = 0; REVERIFIED[i]; i++)
        if (slice_eq(word, slice_str(REVERIFIED[i])))
            return true;
    return false;
}

/* An act under way: its transaction is open and the address was looked at. */
struct acting {
    struct ledger *ledger;
    struct entry n;
    arena a;
};

static enum status acting_end(struct acting *g, enum status st, struct act_result *out, err *e)
{
    if (st == OK)
        st = ledger_commit(g->ledger, e);
    if (st != OK)
        ledger_abort(g->ledger);
    else if (out)
        *out = (struct act_result){g->n.from, g->n.row.state, g->n.row.cause,
                                   g->n.from != g->n.row.state || g->n.from_cause != g->n.row.cause || out->changed};
    arena_fini(&g->a);
    return st;
}

static enum status acting_find(struct acting *g, const struct policy *policy, const struct act *act, err *e)
{
    slice address, key;
    if (act->id) {
        enum status found = entry_of(&g->n, g->ledger, policy, act->id, &g->a, e);
        return found == OK ? entry_settle(&g->n, act->time_us, e) : found;
    }
    if (!entry_name(act->address, &g->a, &address, &key))
        return err_set(e, E_INVALID, "%.*s: not an address; write user@example.org, or @example.org for a whole domain",
                       SLICE_FMT(act->address));
    enum status st = entry_find(&g->n, g->ledger, policy, act->tenant, address, key, &g->a, e);
    return st == OK ? entry_settle(&g->n, act->time_us, e) : st;
}

/* Begins; on an error everything is undone already. */
static enum status acting_begin(struct acting *g, struct ledger *l, const struct policy *policy, const struct act *act,
                                err *e)
{
    if (slice_empty(act->actor))
        return err_set(e, E_INVALID, "%.*s: who does this? name the actor", SLICE_FMT(act->address));
    g->ledger = l;
    enum status st = ledger_begin(l, e);
    if (st != OK)
        return st;
    arena_init(&g->a, 0);
    st = acting_find(g, policy, act, e);
    return st == OK ? OK : acting_end(g, st, NULL, e);
}

enum status suppress_add(struct ledger *l, const struct policy *policy, const struct act *act, struct act_result *out,
                         err *e)
{
    struct acting g;
    struct act mine = *act;
    *out = (struct act_result){0};
    if (mine.cause == CAUSE_NONE)
        mine.cause = CAUSE_MANUAL;
    if (mine.cause == CAUSE_ERASED)
        return err_set(e, E_INVALID, "%.*s: an address is erased by erasing it", SLICE_FMT(act->address));
    enum status st = acting_begin(&g, l, policy, act, e);
    if (st != OK)
        return st;
    if (!act_stands(&g.n.status, mine.cause, mine.scope, mine.stream)) {
        struct act_event ev = {.what = EVENT_SUPPRESS, .ingest_us = act->time_us};
        out->changed = true;
        st = act_write(&g.n, &mine, &ev, e);
    }
    return acting_end(&g, st, out, e);
}

/* ---- lifting ---- */

static bool is_meant(const struct suppression *s, const struct act *act)
{
    return (act->cause == CAUSE_NONE || act->cause == s->cause) &&
           (act->scope != SCOPE_STREAM || (s->scope == SCOPE_STREAM && s->stream == entry_name_hash(act->stream)));
}

/* Every suppression that is meant must be one that may be lifted this way. */
static enum status may_lift(const struct address_status *s, const struct act *act, err *e)
{
    bool any = false, told = !slice_empty(act->reverified);
    if (slice_empty(act->note))
        return err_set(e, E_DENIED, "%.*s: not lifted: give a reason", SLICE_FMT(act->address));
    if (told && !reverified_known(act->reverified))
        return err_set(e, E_INVALID,
                       "%.*s: verified again by what? one of confirmed-opt-in, verification, wrong-verdict",
                       SLICE_FMT(act->address));
    for (size_t i = 0; i < s->suppression_count; i++) {
        const struct suppression *one = &s->suppressions[i];
        if (!is_meant(one, act))
            continue;
        any = true;
        if (cause_lift(one->cause) == LIFT_NEVER)
            return err_set(e, E_DENIED, "%.*s: not lifted: %s", SLICE_FMT(act->address), cause_text(one->cause));
        if (cause_lift(one->cause) == LIFT_REVERIFIED && !told)
            return err_set(e, E_DENIED,
                           "%.*s: not lifted: %s (%s); tell how the address was verified again: confirmed-opt-in, "
                           "verification or wrong-verdict",
                           SLICE_FMT(act->address), cause_text(one->cause), cause_word(one->cause));
    }
    return any ? OK : err_set(e, E_NOT_FOUND, "%.*s: is not suppressed that way", SLICE_FMT(act->address));
}

enum status suppress_lift(struct ledger *l, const struct policy *policy, const struct act *act, struct act_result *out,
                          err *e)
{
    struct acting g;
    *out = (struct act_result){0};
    enum status st = acting_begin(&g, l, policy, act, e);
    if (st != OK)
        return st;
    st = may_lift(&g.n.status, act, e);
    if (st == OK) {
        struct act_event ev = {.what = EVENT_LIFT, .ingest_us = act->time_us};
        ev.flags = slice_empty(act->reverified) ? 0 : EVENT_REVERIFIED;
        out->changed = true;
        st = act_write(&g.n, act, &ev, e);
    }
    return acting_end(&g, st, out, e);
}

/* ---- held reports ---- */

struct held_search {
    const struct address_status *status;
    int64_t seq;
    uint64_t key; /* found */
};

static bool is_held(const struct address_status *s, uint64_t key)
{
    for (size_t i = 0; i < s->held_count; i++)
        if (s->held[i] == key)
            return true;
    return false;
}

static bool match_seq(void *ctx, const struct ledger_event *ev, const struct observation *o)
{
    struct held_search *s = ctx;
    (void)o;
    if (ev->seq != s->seq || !is_held(s->status, ev->fold.key))
        return true;
    s->key = ev->fold.key;
    return false;
}

static enum status find_held(struct acting *g, const struct act *act, int64_t seq, uint64_t *about, err *e)
{
    struct held_search s = {&g->n.status, seq, 0};
    enum status st = OK;
    if (seq && g->n.row.id)
        st = ledger_events_of(g->ledger, g->n.row.id, match_seq, &s, e);
    *about = s.key;
    if (st == OK && (!g->n.status.held_count || (seq && !s.key)))
        st = err_set(e, E_NOT_FOUND, "%.*s: no such report is held", SLICE_FMT(act->address));
    return st;
}

static enum status review(struct ledger *l, const struct policy *policy, const struct act *act, int64_t seq,
                          enum event_what what, struct act_result *out, err *e)
{
    struct acting g;
    struct act_event ev = {.what = what, .ingest_us = act->time_us};
    *out = (struct act_result){0};
    enum status st = acting_begin(&g, l, policy, act, e);
    if (st != OK)
        return st;
    st = find_held(&g, act, seq, &ev.about, e);
    out->changed = st == OK;
    if (st == OK)
        st = act_write(&g.n, act, &ev, e);
    return acting_end(&g, st, out, e);
}

enum status held_vouch(struct ledger *l, const struct policy *policy, const struct act *act, int64_t seq,
                       struct act_result *out, err *e)
{
    return review(l, policy, act, seq, EVENT_VOUCH, out, e);
}

enum status held_dismiss(struct ledger *l, const struct policy *policy, const struct act *act, int64_t seq,
                         struct act_result *out, err *e)
{
    return review(l, policy, act, seq, EVENT_DISMISS, out, e);
}

/* ---- erasing ---- */

enum status address_erase(struct ledger *l, const struct policy *policy, const struct act *act, err *e)
{
    arena a;
    slice address, key;
    (void)policy;
    arena_init(&a, 0);
    enum status st = OK;
    if (slice_empty(act->actor))
        st = err_set(e, E_INVALID, "%.*s: who does this? name the actor", SLICE_FMT(act->address));
    else if (!entry_name(act->address, &a, &address, &key))
        st = err_set(e, E_INVALID, "%.*s: not an address", SLICE_FMT(act->address));
    else
        st = ledger_erase(l, act->tenant, key, act->actor, act->time_us, e);
    arena_fini(&a);
    return st;
}

/* ---- what time alone changes ---- */

#define SWEEP_AT_ONCE 1000u

struct sweep {
    arena a;
    int64_t ids[SWEEP_AT_ONCE];
    size_t n;
};

static bool sweep_keep(void *ctx, const struct ledger_address *addr)
{
    struct sweep *s = ctx;
    s->ids[s->n++] = addr->id;
    return s->n < SWEEP_AT_ONCE;
}

static enum status sweep_one(struct ledger *l, const struct policy *policy, struct sweep *s, size_t i, int64_t now_us,
                             uint64_t *changed, err *e)
{
    struct entry n;
    arena_reset(&s->a);
    enum status st = entry_of(&n, l, policy, s->ids[i], &s->a, e);
    if (st == OK)
        st = entry_settle(&n, now_us, e);
    if (st == OK)
        st = entry_put(&n, e);
    *changed += st == OK && (n.from != n.row.state || n.from_cause != n.row.cause);
    return st;
}

static enum status sweep_some(struct ledger *l, const struct policy *policy, struct sweep *s, int64_t now_us,
                              uint64_t *changed, err *e)
{
    enum status st = ledger_begin(l, e);
    if (st != OK)
        return st;
    for (size_t i = 0; i < s->n && st == OK; i++)
        st = sweep_one(l, policy, s, i, now_us, changed, e);
    if (st == OK)
        st = ledger_commit(l, e);
    if (st != OK)
        ledger_abort(l);
    return st;
}

/* What is left of an incident that opened, ended or was undone: addresses to be judged anew. */
static enum status sweep_around(struct ledger *l, const struct policy *policy, int64_t now_us, uint64_t *changed,
                                bool *more, err *e)
{
    struct around_counts counts = {0};
    bool left;
    enum status st = around_left(l, &left, e);
    if (st == OK && left)
        st = around_page(l, policy, now_us, &counts, more, e);
    *changed += counts.suppressed + counts.lifted;
    return st;
}

enum status due_sweep_some(struct ledger *l, const struct policy *policy, int64_t now_us, uint64_t *changed, bool *more,
                           err *e)
{
    struct sweep *s = malloc(sizeof *s);
    *changed = 0;
    *more = false;
    if (!s)
        return err_set(e, E_MEMORY, "sweep: out of memory");
    s->n = 0;
    arena_init(&s->a, 0);
    enum status st = ledger_due(l, now_us, SWEEP_AT_ONCE, sweep_keep, s, e);
    if (st == OK && s->n)
        st = sweep_some(l, policy, s, now_us, changed, e);
    *more = st == OK && s->n > 0;
    if (st == OK && !s->n)
        st = sweep_around(l, policy, now_us, changed, more, e);
    arena_fini(&s->a);
    free(s);
    return st;
}

enum status due_sweep(struct ledger *l, const struct policy *policy, int64_t now_us, uint64_t *changed, err *e)
{
    enum status st = OK;
    uint64_t some;
    *changed = 0;
    for (bool more = true; st == OK && more; *changed += some)
        st = due_sweep_some(l, policy, now_us, &some, &more, e);
    return st;
}
