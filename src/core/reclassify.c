#include "core/reclassify.h"

#include <stdlib.h>

#include "base/map.h"
#include "core/act_event.h"
#include "core/rejudge.h"
#include "core/tally.h"

#define SCAN_ROOM 200000u /* failures found by one scan of the events */
#define KEY_BYTES 160u

struct run {
    struct ledger *ledger;
    const struct reclassify_options *o;
    struct reclassify *out;
    arena *a;      /* what is told */
    arena address; /* of one address */
    map rows;      /* to struct reclassify_row */
    slice version;
    err *e;
};

const char *reclassify_effect_word(enum reclassify_effect effect)
{
    static const char *const words[] = {"freed", "suppressed", "changed", "same"};
    return effect < RECLASSIFY_EFFECTS ? words[effect] : "";
}

static enum status no_memory(err *e)
{
    return err_set(e, E_MEMORY, "reclassify: out of memory");
}

/* ---- what is told ---- */

static struct reclassify_row *row_of(struct run *r, const struct rejudged *j)
{
    char key[KEY_BYTES];
    slice rule = slice_sub(j->verdict.rule, 0, KEY_BYTES - 2);
    key[0] = (char)j->from;
    key[1] = (char)j->to;
    memcpy(key + 2, rule.n ? rule.p : "", rule.n);
    slice name = slice_of(key, rule.n + 2);
    struct reclassify_row *row = map_get(&r->rows, name);
    if (row)
        return row;
    void **place = map_put(&r->rows, arena_dup(r->a, name));
    row = place ? ARENA_NEW(r->a, struct reclassify_row) : NULL;
    if (!row)
        return NULL;
    *row = (struct reclassify_row){j->from, j->to, arena_dup(r->a, j->verdict.rule), 0, arena_dup(r->a, j->reply)};
    *place = row;
    return row;
}

static enum status tell_verdicts(struct run *r, const struct rejudge *x)
{
    r->out->judged += x->judged;
    r->out->told += x->told;
    r->out->mute += x->mute;
    for (size_t i = 0; i < x->count; i++) {
        if (!rejudge_differs(&x->list[i])) {
            r->out->renamed++;
            continue;
        }
        struct reclassify_row *row = row_of(r, &x->list[i]);
        if (!row || r->a->limited)
            return no_memory(r->e);
        row->events++;
        r->out->changed++;
    }
    return OK;
}

static bool same_suppressions(const struct address_status *a, const struct address_status *b)
{
    bool same = a->suppression_count == b->suppression_count;
    for (size_t i = 0; same && i < a->suppression_count; i++)
        same = a->suppressions[i].cause == b->suppressions[i].cause &&
               a->suppressions[i].scope == b->suppressions[i].scope &&
               a->suppressions[i].stream == b->suppressions[i].stream &&
               a->suppressions[i].reason == b->suppressions[i].reason &&
               a->suppressions[i].since_us == b->suppressions[i].since_us &&
               a->suppressions[i].until_us == b->suppressions[i].until_us;
    return same;
}

static enum reclassify_effect effect_of(const struct address_status *was, const struct address_status *is)
{
    if (was->state == STATE_SUPPRESSED && is->state != STATE_SUPPRESSED)
        return RECLASSIFY_FREED;
    if (was->state != STATE_SUPPRESSED && is->state == STATE_SUPPRESSED)
        return RECLASSIFY_SUPPRESSED;
    bool same = was->state == is->state && was->hold == is->hold && same_suppressions(was, is);
    return same ? RECLASSIFY_SAME : RECLASSIFY_OTHER;
}

static const struct rejudged *last_changed(const struct rejudge *x)
{
    const struct rejudged *last = NULL;
    for (size_t i = 0; i < x->count; i++)
        if (rejudge_differs(&x->list[i]) && (!last || x->list[i].time_us >= last->time_us))
            last = &x->list[i];
    return last;
}

/* Those whose state changes; the freed and the suppressed ones take the places of others. */
static struct reclassify_example *example_place(struct run *r, enum reclassify_effect effect)
{
    size_t most = r->o->examples < RECLASSIFY_MAX_EXAMPLES ? r->o->examples : RECLASSIFY_MAX_EXAMPLES;
    if (effect == RECLASSIFY_SAME)
        return NULL;
    if (r->out->example_count < most)
        return &r->out->examples[r->out->example_count++];
    for (size_t i = 0; effect != RECLASSIFY_OTHER && i < most; i++)
        if (r->out->examples[i].effect == RECLASSIFY_OTHER)
            return &r->out->examples[i];
    return NULL;
}

static enum status tell_address(struct run *r, const struct rejudge *x, const struct entry *was, const struct entry *is)
{
    enum reclassify_effect effect = effect_of(&was->status, &is->status);
    const struct rejudged *j = last_changed(x);
    r->out->effects[effect]++;
    r->out->resting += was->status.state == STATE_SUPPRESSED &&
                       (was->status.cause == CAUSE_HARD || was->status.cause == CAUSE_ESCALATED);
    struct reclassify_example *place = example_place(r, effect);
    if (!place || !j)
        return OK;
    *place = (struct reclassify_example){
        .tenant = arena_dup(r->a, was->row.tenant),
        .address = arena_dup(r->a, slice_empty(was->row.address) ? was->row.key : was->row.address),
        .effect = effect,
        .from = was->status.state,
        .to = is->status.state,
        .from_cause = was->status.cause,
        .to_cause = is->status.cause,
        .from_reason = j->from,
        .to_reason = j->to};
    return r->a->limited ? no_memory(r->e) : OK;
}

/* ---- applying ---- */

/* "user-unknown 90 general/unknown 0123456789abcdef; ...", the newest first. */
static slice was_text(const struct rejudged *j, arena *a)
{
    slice now = arena_printf(a, "%s %u %.*s %.*s", bounce_reason_word(j->from), j->from_certainty,
                             SLICE_FMT(slice_empty(j->from_rule) ? S("-") : j->from_rule),
                             SLICE_FMT(slice_empty(j->from_version) ? S("-") : j->from_version));
    return slice_empty(j->was) ? now : arena_printf(a, "%.*s; %.*s", SLICE_FMT(now), SLICE_FMT(j->was));
}

static enum status put_group(struct run *r, const struct rejudged *j, err *e)
{
    slice text = slice_empty(j->reply) ? SLICE_EMPTY : bounce_normalise(j->reply, &r->address);
    struct ledger_group g = {.text = text,
                             .example = j->reply,
                             .provider = j->provider,
                             .reason = j->to,
                             .first_us = j->time_us,
                             .last_us = j->time_us};
    return slice_empty(text) ? OK : ledger_add_group(r->ledger, &g, e);
}

static enum status put_verdicts(struct run *r, const struct rejudge *x, err *e)
{
    enum status st = OK;
    for (size_t i = 0; i < x->count && st == OK; i++) {
        const struct rejudged *j = &x->list[i];
        bool differs = rejudge_differs(j);
        struct observation o = {.verdict = j->verdict};
        struct ledger_event ev = {.seq = j->seq,
                                  .o = &o,
                                  .fold = x->is[j->at],
                                  .rules_version = r->version,
                                  .was = differs ? was_text(j, &r->address) : j->was};
        st = ledger_put_verdict(r->ledger, &ev, e);
        if (st == OK && differs)
            st = put_group(r, j, e);
    }
    return st;
}

/* How many verdicts before this one change alike, and how many behind it do. */
static bool first_of_kind(const struct rejudge *x, size_t i, unsigned *alike)
{
    *alike = 0;
    for (size_t k = 0; k < x->count; k++) {
        bool same =
            rejudge_differs(&x->list[k]) && x->list[k].from == x->list[i].from && x->list[k].to == x->list[i].to;
        if (same && k < i)
            return false;
        *alike += same;
    }
    return rejudge_differs(&x->list[i]);
}

/* "rules 0123456789abcdef: user-unknown is policy (2); unknown is mailbox-full (1)" */
static slice note_text(struct run *r, const struct rejudge *x)
{
    buf b;
    unsigned alike;
    buf_init(&b, LEDGER_MAX_TEXT_BYTES);
    buf_printf(&b, "rules %.*s", SLICE_FMT(r->version));
    const char *before = ": ";
    for (size_t i = 0; i < x->count; i++) {
        const struct rejudged *j = &x->list[i];
        if (!first_of_kind(x, i, &alike))
            continue;
        if (j->from == j->to)
            buf_printf(&b, "%s%s is %u %% sure, not %u (%u)", before, bounce_reason_word(j->from), j->to_certainty,
                       j->from_certainty, alike);
        else
            buf_printf(&b, "%s%s is %s (%u)", before, bounce_reason_word(j->from), bounce_reason_word(j->to), alike);
        before = "; ";
    }
    slice text = arena_dup(&r->address, buf_slice(&b));
    buf_fini(&b);
    return text;
}

static enum status apply(struct run *r, const struct rejudge *x, struct ledger_address *row, err *e)
{
    struct entry n;
    enum status st = put_verdicts(r, x, e);
    if (st != OK || !last_changed(x))
        return st;
    row->history = SLICE_EMPTY; /* which makes entry_open read the events */
    st = entry_open(&n, r->ledger, r->o->policy, row, &r->address, e);
    if (st == OK)
        st = tally_verdicts(&n, x->was, x->is, x->n, e);
    struct act act = {.tenant = row->tenant, .actor = r->o->actor, .note = note_text(r, x), .time_us = r->o->now_us};
    struct act_event ev = {.what = EVENT_RECLASSIFY, .ingest_us = r->o->now_us};
    act.stream = act.reverified = SLICE_EMPTY;
    return st == OK ? act_write(&n, &act, &ev, e) : st;
}

/* ---- pages ---- */

static enum status one_address(struct run *r, int64_t id, err *e)
{
    struct rejudge x = {.rules = r->o->rules,
                        .version = r->o->all ? SLICE_EMPTY : r->version,
                        .since_us = r->o->since_us,
                        .a = &r->address};
    struct ledger_address row;
    struct entry was, is;
    arena_reset(&r->address);
    enum status st = ledger_address_of(r->ledger, id, &r->address, &row, e);
    if (st != OK || row.cause == CAUSE_ERASED || (r->o->tenant.n && !slice_eq(r->o->tenant, row.tenant)))
        return st;
    st = rejudge_address(&x, r->ledger, id, e);
    if (st == OK)
        st = tell_verdicts(r, &x);
    if (st != OK || !x.count)
        return st;
    if (last_changed(&x)) {
        st = rejudge_fold(&x, r->ledger, r->o->policy, &row, x.was, r->o->now_us, &was, e);
        if (st == OK)
            st = rejudge_fold(&x, r->ledger, r->o->policy, &row, x.is, r->o->now_us, &is, e);
        if (st == OK)
            st = tell_address(r, &x, &was, &is);
    }
    return st == OK && r->o->apply ? apply(r, &x, &row, e) : st;
}

static enum status one_page(struct run *r, const int64_t *ids, size_t n, err *e)
{
    enum status st = r->o->apply ? ledger_begin(r->ledger, e) : OK;
    for (size_t i = 0; i < n && st == OK; i++)
        st = one_address(r, ids[i], e);
    if (st == OK && r->o->apply)
        st = ledger_commit(r->ledger, e);
    if (st != OK && r->o->apply)
        ledger_abort(r->ledger);
    return st;
}

static enum status all_pages(struct run *r, int64_t *ids, err *e)
{
    int64_t after = 0;
    size_t n = 1;
    enum status st = OK;
    while (st == OK && n) {
        st = ledger_judged_by_others(r->ledger, r->o->all ? SLICE_EMPTY : r->version, r->o->since_us, after, ids,
                                     SCAN_ROOM, &n, e);
        for (size_t i = 0; i < n && st == OK; i += RECLASSIFY_PAGE)
            st = one_page(r, ids + i, n - i < RECLASSIFY_PAGE ? n - i : RECLASSIFY_PAGE, e);
        after = n ? ids[n - 1] : after;
    }
    return st;
}

/* ---- the whole ---- */

static int by_events(const void *x, const void *y)
{
    const struct reclassify_row *a = x, *b = y;
    if (a->events != b->events)
        return a->events < b->events ? 1 : -1;
    int order = slice_cmp(a->rule, b->rule);
    if (order)
        return order;
    return a->from != b->from ? (a->from < b->from ? -1 : 1) : (int)a->to - (int)b->to;
}

static enum status list_rows(struct run *r)
{
    size_t at = 0;
    if (!r->rows.n)
        return OK;
    r->out->rows = arena_calloc(r->a, r->rows.n, sizeof(*r->out->rows));
    if (!r->out->rows)
        return no_memory(r->e);
    for (struct map_slot *s; (s = map_next(&r->rows, &at)) != NULL;)
        r->out->rows[r->out->row_count++] = *(struct reclassify_row *)s->value;
    qsort(r->out->rows, r->out->row_count, sizeof(*r->out->rows), by_events);
    return OK;
}

enum status reclassify_run(struct ledger *l, const struct reclassify_options *o, arena *a, struct reclassify *out,
                           err *e)
{
    struct run r = {.ledger = l, .o = o, .out = out, .a = a, .version = bounce_rules_version(o->rules), .e = e};
    memset(out, 0, sizeof(*out));
    if (ledger_hashed(l))
        return err_set(e, E_DENIED,
                       "the addresses of this ledger stand as hashes: what was said of them is not whole "
                       "any more, and cannot be judged again");
    if (o->apply && slice_empty(o->actor))
        return err_set(e, E_INVALID, "reclassify: who does it?");
    int64_t *ids = arena_alloc(a, SCAN_ROOM * sizeof(*ids));
    if (!ids)
        return no_memory(e);
    arena_init(&r.address, 0);
    map_init(&r.rows, ledger_key(l));
    enum status st = all_pages(&r, ids, e);
    if (st == OK)
        st = list_rows(&r);
    map_fini(&r.rows);
    arena_fini(&r.address);
    return st;
}
