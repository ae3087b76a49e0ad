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
        rules.policy = policy_of_tenant(g->policy, row.tenant);
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

struct refold {
    struct ledger *ledger;
    const struct policy *policy;
    int64_t now_us;
    bool store;     /* else only compare */
    bool in_memory; /* one handle: nothing is written before all is read */
    keep_difference_fn each;
    void *ctx;
    arena scratch; /* of a page; where nothing is stored, of an address */
    struct entry **page;
    size_t page_count, page_room, looked_at;
    buf bytes;
    uint64_t folded, different;
    enum status status;
    err *e;
};

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

/* What a check or a list does not show, but the next event builds on. */
static bool same_rest(struct refold *f, const struct ledger_address *stored, const struct entry *n)
{
    buf_clear(&f->bytes);
    history_encode(&n->history, &f->bytes);
    return stored->due_us == n->row.due_us && stored->first_seen_us == n->row.first_seen_us &&
           stored->last_delivered_us == n->row.last_delivered_us && stored->last_failed_us == n->row.last_failed_us &&
           !f->bytes.failed && slice_eq(stored->history, buf_slice(&f->bytes));
}

/* What time alone has changed since it was stored is no difference. */
static bool is_due(const struct ledger_address *row, int64_t now_us)
{
    return row->due_us != TIME_NONE && row->due_us <= now_us;
}

/* ---- writing a page ---- */

/* The row as it stands now: somebody else may have written since the walk began. */
static enum status refold_changed(struct refold *f, struct ledger_address *row, arena *a, err *e)
{
    struct entry n;
    row->history = SLICE_EMPTY; /* which makes entry_open read the events */
    enum status st = entry_open(&n, f->ledger, f->policy, row, a, e);
    if (st == OK)
        st = entry_settle(&n, f->now_us, e);
    return st == OK ? entry_put(&n, e) : st;
}

static bool same_circumstance(const struct circumstance *a, const struct circumstance *b)
{
    return a->id == b->id && a->from_us == b->from_us && a->until_us == b->until_us && a->reasons == b->reasons &&
           a->mark == b->mark && a->what == b->what && a->by == b->by;
}

/* True when nothing that the entry was folded from has changed since: its events, what is known around it. */
static enum status is_current(struct refold *f, const struct entry *n, const struct ledger_address *row, arena *a,
                              bool *current, err *e)
{
    const struct fold_rules *rules = &n->history.rules;
    const struct circumstance *around;
    size_t count;
    enum status st = ledger_around(f->ledger, row->tenant, row->domain, a, &around, &count, e);
    *current = st == OK && row->seq == n->row.seq && count == rules->around_count;
    for (size_t i = 0; *current && i < count; i++)
        *current = same_circumstance(&around[i], &rules->around[i]);
    return st;
}

static enum status write_one(struct refold *f, struct entry *n, arena *a, err *e)
{
    struct ledger_address row;
    bool current = false;
    enum status st = ledger_address_of(f->ledger, n->row.id, a, &row, e);
    if (st != OK || row.cause == CAUSE_ERASED)
        return st;
    st = is_current(f, n, &row, a, &current, e);
    if (st != OK)
        return st;
    return current ? entry_put(n, e) : refold_changed(f, &row, a, e);
}

static enum status write_page(struct refold *f, err *e)
{
    arena memory;
    enum status st = f->page_count ? ledger_begin(f->ledger, e) : OK;
    if (st != OK || !f->page_count)
        return st;
    arena_init(&memory, 0);
    for (size_t i = 0; i < f->page_count && st == OK; i++) {
        arena_reset(&memory);
        st = write_one(f, f->page[i], &memory, e);
    }
    arena_fini(&memory);
    if (st == OK)
        st = ledger_commit(f->ledger, e);
    if (st != OK)
        ledger_abort(f->ledger);
    return st;
}

static void page_begin(struct refold *f)
{
    arena_reset(&f->scratch);
    f->page = NULL;
    f->page_count = f->page_room = f->looked_at = 0;
}

static bool page_add(struct refold *f, struct entry *n)
{
    struct entry **grown = arena_grow(&f->scratch, f->page, f->page_count, &f->page_room, sizeof(*grown));
    if (!grown)
        return false;
    f->page = grown;
    f->page[f->page_count++] = n;
    return true;
}

/* ---- the walk ---- */

static slice *text_of(struct ledger_address *row, size_t i)
{
    slice *const texts[] = {&row->tenant, &row->key, &row->address, &row->domain};
    return i < ARRAY_LEN(texts) ? texts[i] : NULL;
}

/* A row whose texts lie in the arena. */
static bool copy_row(const struct ledger_address *row, arena *a, struct ledger_address *out)
{
    *out = *row;
    slice *text;
    for (size_t i = 0; (text = text_of(out, i)) != NULL; i++)
        *text = arena_dup(a, *text);
    if (row->suppression_count) {
        struct ledger_suppression *list = arena_calloc(a, row->suppression_count, sizeof(*list));
        for (size_t i = 0; list && i < row->suppression_count; i++) {
            list[i] = row->suppressions[i];
            list[i].stream = arena_dup(a, list[i].stream);
        }
        out->suppressions = list;
    }
    return !a->limited;
}

/* What the handle lends until somebody changes it. */
static bool keep_rules(struct refold *f, struct fold_rules *rules)
{
    if (!rules->around_count)
        return true;
    struct circumstance *copy = arena_alloc(&f->scratch, rules->around_count * sizeof(*copy));
    if (copy)
        memcpy(copy, rules->around, rules->around_count * sizeof(*copy));
    rules->around = copy;
    return copy != NULL;
}

static enum status no_memory(err *e)
{
    return err_set(e, E_MEMORY, "refold: out of memory");
}

static enum status fold_one(struct refold *f, const struct ledger_folds *folds, err *e)
{
    struct entry *n = ARENA_NEW(&f->scratch, struct entry);
    struct ledger_address row;
    if (!n || !copy_row(folds->row, &f->scratch, &row))
        return no_memory(e);
    struct ledger_folds copy = *folds;
    copy.row = &row;
    enum status st = entry_open_folds(n, f->ledger, f->policy, &copy, &f->scratch, e);
    if (st == OK)
        st = entry_settle(n, f->now_us, e);
    if (st != OK)
        return st;
    f->folded++;
    bool same = same_state(&row, &n->row);
    if (!f->store) {
        same |= is_due(&row, f->now_us);
        if (!same && f->each)
            f->each(f->ctx, &row, &n->row);
        f->different += !same;
        return OK;
    }
    f->different += n->from != n->row.state || n->from_cause != n->row.cause;
    if (same && same_rest(f, folds->row, n))
        return OK;
    return keep_rules(f, &n->history.rules) && page_add(f, n) ? OK : no_memory(e);
}

static bool one_address(void *ctx, const struct ledger_folds *folds)
{
    struct refold *f = ctx;
    if (folds->row->cause == CAUSE_ERASED) /* nothing is left to fold */
        return true;
    f->status = fold_one(f, folds, f->e);
    f->looked_at++;
    if (f->status == OK && f->store && !f->in_memory && f->looked_at >= KEEP_BATCH) {
        f->status = write_page(f, f->e);
        page_begin(f);
    } else if (!f->store) {
        arena_reset(&f->scratch);
    }
    return f->status == OK;
}

static enum status refold(struct refold *f, slice tenant, err *e)
{
    struct ledger *reader = NULL;
    enum status st = f->store ? ledger_open_beside(f->ledger, &reader, e) : OK;
    if (st != OK)
        return st;
    f->e = e;
    f->in_memory = reader == NULL;
    arena_init(&f->scratch, 0);
    buf_init(&f->bytes, 0);
    page_begin(f);
    st = ledger_walk_folds(reader ? reader : f->ledger, tenant, 0, one_address, f, e);
    if (st == OK)
        st = f->status;
    if (st == OK && f->store)
        st = write_page(f, e);
    buf_fini(&f->bytes);
    arena_fini(&f->scratch);
    ledger_close(&reader);
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
