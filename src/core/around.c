#include "core/around.h"

#include <stdlib.h>

enum status around_put(struct ledger *l, struct ledger_circumstance *c, err *e)
{
    int64_t seq;
    enum status st = ledger_seq_at(l, c->c.from_us, &seq, e);
    if (st != OK)
        return st;
    /* 0 stands for "nothing left"; no event has a number below 1 */
    c->work_seq = seq > 1 ? seq : 1;
    return ledger_put_circumstance(l, c, e);
}

/* ---- one page ---- */

struct page {
    int64_t ids[AROUND_PAGE];
    size_t n;
};

static int id_cmp(const void *x, const void *y)
{
    int64_t a = *(const int64_t *)x, b = *(const int64_t *)y;
    return a < b ? -1 : a > b;
}

static bool page_add(void *ctx, int64_t address)
{
    struct page *p = ctx;
    if (!p->n || p->ids[p->n - 1] != address)
        p->ids[p->n++] = address;
    return p->n < AROUND_PAGE;
}

static void page_sort(struct page *p)
{
    size_t kept = 0;
    qsort(p->ids, p->n, sizeof(p->ids[0]), id_cmp);
    for (size_t i = 0; i < p->n; i++)
        if (!kept || p->ids[kept - 1] != p->ids[i])
            p->ids[kept++] = p->ids[i];
    p->n = kept;
}

/* From its events, since what lies in its baseline was folded when less was known. E_NOT_FOUND: nothing is left to fold. */
static enum status fold_anew(struct ledger *l, const struct policy *policy, const struct ledger_circumstance *c,
                             int64_t id, int64_t now_us, arena *a, struct entry *n, err *e)
{
    struct ledger_address row;
    enum status st = ledger_address_of(l, id, a, &row, e);
    if (st != OK)
        return st;
    if (slice_empty(row.address))
        row.address = row.key;
    if (row.cause == CAUSE_ERASED)
        return E_NOT_FOUND;
    row.history = SLICE_EMPTY; /* which makes entry_open read the events */
    st = entry_open(n, l, policy, &row, a, e);
    if (st == OK)
        st = entry_settle(n, now_us, e);
    n->actor = c->actor;
    n->note = c->note;
    return st == OK ? entry_put(n, e) : st;
}

static enum status fold_page(struct ledger *l, const struct policy *policy, const struct ledger_circumstance *c,
                             const struct page *p, int64_t now_us, around_fn each, void *ctx,
                             struct around_counts *counts, err *e)
{
    arena scratch;
    enum status st = OK;
    arena_init(&scratch, 0);
    for (size_t i = 0; i < p->n && st == OK; i++) {
        struct entry n;
        arena_reset(&scratch);
        st = fold_anew(l, policy, c, p->ids[i], now_us, &scratch, &n, e);
        if (st == E_NOT_FOUND) {
            st = OK;
            continue;
        }
        if (st != OK)
            break;
        bool was = n.from == STATE_SUPPRESSED, is = n.row.state == STATE_SUPPRESSED;
        counts->folded++;
        counts->suppressed += is && !was;
        counts->lifted += was && !is;
        if (each)
            st = each(ctx, &n, e);
    }
    arena_fini(&scratch);
    return st;
}

/* Where the end was moved, failures behind the new one are touched as well. */
static struct ledger_circumstance span_of_work(const struct ledger_circumstance *c)
{
    struct ledger_circumstance span = *c;
    if (!c->undone)
        span.c.until_us = TIME_NONE;
    return span;
}

static enum status some_of(struct ledger *l, const struct policy *policy, struct ledger_circumstance *c, int64_t now_us,
                           around_fn each, void *ctx, struct around_counts *counts, err *e)
{
    struct page *p = malloc(sizeof *p);
    if (!p)
        return err_set(e, E_MEMORY, "incident: out of memory");
    struct ledger_circumstance span = span_of_work(c);
    int64_t next;
    p->n = 0;
    enum status st = ledger_touched(l, &span, c->work_seq, AROUND_WINDOW, page_add, p, &next, e);
    if (st == OK) {
        page_sort(p);
        st = fold_page(l, policy, c, p, now_us, each, ctx, counts, e);
    }
    free(p);
    if (st != OK)
        return st;
    c->work_seq = next;
    return ledger_put_circumstance(l, c, e);
}

/* ---- whatever is left ---- */

struct search {
    int64_t id; /* with work left; the oldest */
    unsigned count;
};

static bool look_for_work(void *ctx, const struct ledger_circumstance *c)
{
    struct search *s = ctx;
    if (c->work_seq) {
        s->id = c->c.id;
        s->count++;
    }
    return true;
}

enum status around_left(struct ledger *l, bool *left, err *e)
{
    struct search s = {0};
    enum status st = ledger_circumstances(l, 0, look_for_work, &s, e);
    *left = s.id != 0;
    return st;
}

enum status around_some(struct ledger *l, const struct policy *policy, int64_t now_us, around_fn each, void *ctx,
                        struct around_counts *counts, bool *more, err *e)
{
    struct search s = {0};
    struct ledger_circumstance c;
    arena texts;
    *more = false;
    enum status st = ledger_circumstances(l, 0, look_for_work, &s, e);
    if (st != OK || !s.id)
        return st;
    arena_init(&texts, 0);
    st = ledger_get_circumstance(l, s.id, &texts, &c, e);
    if (st == OK)
        st = some_of(l, policy, &c, now_us, each, ctx, counts, e);
    *more = st == OK && (s.count > 1 || c.work_seq);
    arena_fini(&texts);
    return st;
}

enum status around_page(struct ledger *l, const struct policy *policy, int64_t now_us, struct around_counts *counts,
                        bool *more, err *e)
{
    *more = false;
    enum status st = ledger_begin(l, e);
    if (st == OK)
        st = around_some(l, policy, now_us, NULL, NULL, counts, more, e);
    if (st == OK)
        st = ledger_commit(l, e);
    if (st != OK)
        ledger_abort(l);
    return st;
}

enum status around_finish(struct ledger *l, const struct policy *policy, int64_t now_us, struct around_counts *counts,
                          err *e)
{
    enum status st = OK;
    for (bool more = true; more && st == OK;)
        st = around_page(l, policy, now_us, counts, &more, e);
    return st;
}
