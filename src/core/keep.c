#include "core/keep.h"

#include "core/entry.h"

/* ---- pruning ---- */

static bool fold_gone(void *ctx, slice old, const struct policy_event *gone, size_t n, arena *a, slice *out)
{
    buf b;
    buf_init(&b, 0);
    enum status st = history_baseline(old, gone, n, ctx, a, &b);
    *out = st == OK ? arena_dup(a, buf_slice(&b)) : SLICE_EMPTY;
    buf_fini(&b);
    return out->n > 0;
}

enum status keep_prune(struct ledger *l, const struct policy *policy, const struct ledger_retention *r, int64_t now_us,
                       int64_t *removed, err *e)
{
    struct policy copy = *policy;
    return ledger_prune(l, r, now_us, fold_gone, &copy, removed, e);
}

/* ---- folding anew ---- */

struct page {
    int64_t ids[KEEP_BATCH];
    buf last; /* key of the last one */
    size_t n;
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

static enum status rebuild_one(struct ledger *l, const struct policy *policy, int64_t id, int64_t now_us, arena *a,
                               uint64_t *changed, err *e)
{
    struct entry n;
    struct ledger_address row;
    enum status st = ledger_address_of(l, id, a, &row, e);
    if (st != OK || row.cause == CAUSE_ERASED) /* nothing is left to fold */
        return st;
    row.history = SLICE_EMPTY; /* which makes entry_open read the events */
    st = entry_open(&n, l, policy, &row, a, e);
    if (st == OK)
        st = entry_settle(&n, now_us, e);
    if (st == OK)
        st = entry_put(&n, e);
    *changed += st == OK && (n.from != n.row.state || n.from_cause != n.row.cause);
    return st;
}

static enum status rebuild_page(struct ledger *l, const struct policy *policy, struct page *p, int64_t now_us,
                                uint64_t *changed, err *e)
{
    arena scratch;
    enum status st = ledger_begin(l, e);
    if (st != OK)
        return st;
    arena_init(&scratch, 0);
    for (size_t i = 0; i < p->n && st == OK; i++) {
        arena_reset(&scratch);
        st = rebuild_one(l, policy, p->ids[i], now_us, &scratch, changed, e);
    }
    arena_fini(&scratch);
    if (st == OK)
        st = ledger_commit(l, e);
    if (st != OK)
        ledger_abort(l);
    return st;
}

enum status keep_rebuild(struct ledger *l, const struct policy *policy, slice tenant, int64_t now_us, uint64_t *changed,
                         err *e)
{
    arena own;
    arena_init(&own, 0);
    struct page *p = ARENA_NEW(&own, struct page);
    enum status st = p ? OK : err_set(e, E_MEMORY, "rebuild: out of memory");
    *changed = 0;
    if (p)
        buf_init(&p->last, 0);
    buf after;
    buf_init(&after, 0);
    while (st == OK) {
        p->n = 0;
        /* pages end between keys: with several tenants a page may be a little longer than asked for */
        st = ledger_list(l, tenant, STATES, buf_slice(&after), KEEP_BATCH / 2, keep_id, p, e);
        if (st == OK && p->n)
            st = rebuild_page(l, policy, p, now_us, changed, e);
        bool more = st == OK && p->n > 0;
        if (more) {
            buf_clear(&after);
            buf_add(&after, buf_slice(&p->last));
        }
        if (!more)
            break;
    }
    buf_fini(&after);
    if (p)
        buf_fini(&p->last);
    arena_fini(&own);
    return st;
}
