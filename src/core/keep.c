#include "core/keep.h"

#include "core/entry.h"

/* ---- pruning ---- */

struct gone {
    struct ledger *ledger;
    const struct policy *policy;
};

static bool fold_gone(void *ctx, int64_t address, slice old, const struct policy_event *gone, size_t n, arena *a,
                      slice *out)
{
    const struct gone *g = ctx;
    struct fold_rules rules = {.policy = g->policy};
    struct ledger_address row;
    err e;
    enum status st = ledger_address_of(g->ledger, address, a, &row, &e);
    if (st == OK)
        st = ledger_around(g->ledger, row.tenant, row.domain, a, &rules.around, &rules.around_count, &e);
    if (st != OK)
        return false;
    buf b;
    buf_init(&b, 0);
    st = history_baseline(old, gone, n, &rules, a, &b);
    *out = st == OK ? arena_dup(a, buf_slice(&b)) : SLICE_EMPTY;
    buf_fini(&b);
    return out->n > 0;
}

enum status keep_prune(struct ledger *l, const struct policy *policy, const struct ledger_retention *r, int64_t now_us,
                       int64_t *removed, err *e)
{
    struct gone g = {l, policy};
    return ledger_prune(l, r, now_us, fold_gone, &g, removed, e);
}

/* ---- folding anew ---- */

struct page {
    int64_t ids[KEEP_BATCH];
    buf last; /* key of the last one */
    size_t n;
};

struct refold {
    struct ledger *ledger;
    const struct policy *policy;
    int64_t now_us;
    bool store; /* else only compare */
    keep_difference_fn each;
    void *ctx;
    uint64_t folded, different;
};

static bool keep_id(void *ctx, const struct ledger_address *addr)
{
    struct page *p = ctx;
    if (p->n == KEEP_BATCH)
        return false;
    p->ids[p->n++] = addr->id;
    buf_clear(&p->last);
    buf_add(&p->last, addr->key);
    return true;
}

static bool same_suppression(const struct ledger_suppression *a, const struct ledger_suppression *b)
{
    return a->scope == b->scope && a->cause == b->cause && a->reason == b->reason && a->since_us == b->since_us &&
           a->until_us == b->until_us && (a->scope != SCOPE_STREAM || slice_eq(a->stream, b->stream));
}

/* Every one of the first list stands in the second. */
static bool all_in(const struct ledger_address *a, const struct ledger_address *b)
{
    for (size_t i = 0; i < a->suppression_count; i++) {
        bool there = false;
        for (size_t k = 0; k < b->suppression_count; k++)
            there |= same_suppression(&a->suppressions[i], &b->suppressions[k]);
        if (!there)
            return false;
    }
    return true;
}

static bool same_state(const struct ledger_address *a, const struct ledger_address *b)
{
    return a->state == b->state && a->cause == b->cause && a->hold == b->hold && a->since_us == b->since_us &&
           a->until_us == b->until_us && a->suppression_count == b->suppression_count && all_in(a, b);
}

/* What time alone has changed since it was stored is no difference. */
static bool is_due(const struct ledger_address *row, int64_t now_us)
{
    return row->due_us != TIME_NONE && row->due_us <= now_us;
}

static enum status refold_one(struct refold *f, int64_t id, arena *a, err *e)
{
    struct entry n;
    struct ledger_address stored;
    enum status st = ledger_address_of(f->ledger, id, a, &stored, e);
    if (st != OK || stored.cause == CAUSE_ERASED) /* nothing is left to fold */
        return st;
    struct ledger_address row = stored;
    row.history = SLICE_EMPTY; /* which makes entry_open read the events */
    st = entry_open(&n, f->ledger, f->policy, &row, a, e);
    if (st == OK)
        st = entry_settle(&n, f->now_us, e);
    if (st != OK)
        return st;
    f->folded++;
    bool same = f->store ? n.from == n.row.state && n.from_cause == n.row.cause
                         : same_state(&stored, &n.row) || is_due(&stored, f->now_us);
    f->different += !same;
    if (!same && f->each)
        f->each(f->ctx, &stored, &n.row);
    return f->store ? entry_put(&n, e) : OK;
}

static enum status refold_page(struct refold *f, const struct page *p, err *e)
{
    arena scratch;
    enum status st = f->store ? ledger_begin(f->ledger, e) : OK;
    if (st != OK)
        return st;
    arena_init(&scratch, 0);
    for (size_t i = 0; i < p->n && st == OK; i++) {
        arena_reset(&scratch);
        st = refold_one(f, p->ids[i], &scratch, e);
    }
    arena_fini(&scratch);
    if (st == OK && f->store)
        st = ledger_commit(f->ledger, e);
    if (st != OK)
        ledger_abort(f->ledger);
    return st;
}

static enum status refold_all(struct refold *f, slice tenant, struct page *p, err *e)
{
    enum status st = OK;
    buf after;
    buf_init(&after, 0);
    do {
        p->n = 0;
        /* pages end between keys: with several tenants a page may be a little longer than asked for */
        st = ledger_list(f->ledger, tenant, STATES, buf_slice(&after), KEEP_BATCH / 2, keep_id, p, e);
        if (st == OK && (after.failed || p->last.failed))
            st = err_set(e, E_MEMORY, "refold: out of memory");
        if (st == OK && p->n)
            st = refold_page(f, p, e);
        buf_clear(&after);
        buf_add(&after, buf_slice(&p->last));
    } while (st == OK && p->n > 0);
    buf_fini(&after);
    return st;
}

static enum status refold(struct refold *f, slice tenant, err *e)
{
    arena own;
    arena_init(&own, 0);
    struct page *p = ARENA_NEW(&own, struct page);
    if (!p)
        return err_set(e, E_MEMORY, "refold: out of memory");
    buf_init(&p->last, 0);
    enum status st = refold_all(f, tenant, p, e);
    buf_fini(&p->last);
    arena_fini(&own);
    return st;
}

enum status keep_rebuild(struct ledger *l, const struct policy *policy, slice tenant, int64_t now_us, uint64_t *changed,
                         err *e)
{
    struct refold f = {.ledger = l, .policy = policy, .now_us = now_us, .store = true};
    enum status st = refold(&f, tenant, e);
    *changed = f.different;
    return st;
}

enum status keep_verify(struct ledger *l, const struct policy *policy, slice tenant, int64_t now_us,
                        keep_difference_fn each, void *ctx, uint64_t *folded, err *e)
{
    struct refold f = {.ledger = l, .policy = policy, .now_us = now_us, .each = each, .ctx = ctx};
    enum status st = refold(&f, tenant, e);
    *folded = f.folded;
    return st;
}
