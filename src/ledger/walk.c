/* Two cursors in the order of address numbers: the addresses, and the events as SQLite's sorter gives them. Asking for the events of
 * one address after another would read the table in an order of chance: each event is then a page of its own. Here the table
 * is read once from its beginning to its end, and what the fold needs of it is sorted, in pieces that a temporary file keeps. */
#include "ledger/store.h"

struct fold_cursor {
    struct row r;
    int64_t address; /* of the row that is read; 0 behind the last */
    struct policy_event *list;
    size_t n, room;
    arena memory; /* of the list */
    buf baseline;
    struct policy_event newest; /* of the baseline */
};

/* Reads the number of the next row. */
static enum status advance(struct fold_cursor *c, err *e)
{
    enum status st = OK;
    c->address = row_next(&c->r, &st, e) > 0 ? cell_int(&c->r) : 0;
    return st;
}

static enum status no_memory(const struct ledger *l, err *e)
{
    return err_set(e, E_MEMORY, "%s: events: out of memory", l->path);
}

static bool newer(const struct policy_event *a, const struct policy_event *b)
{
    return a->time_us != b->time_us ? a->time_us > b->time_us : a->key > b->key;
}

/* Takes the event of the row, and its baseline where it is one. */
static bool take(struct fold_cursor *c)
{
    if (c->n == c->room) {
        struct policy_event *grown = arena_grow(&c->memory, c->list, c->n, &c->room, sizeof *grown);
        if (!grown)
            return false;
        c->list = grown;
    }
    struct policy_event *ev = &c->list[c->n++];
    row_fold(&c->r, ev);
    slice baseline = cell_blob(&c->r);
    if (slice_empty(baseline) || (c->baseline.n && !newer(ev, &c->newest)))
        return true;
    c->newest = *ev;
    buf_clear(&c->baseline);
    buf_add(&c->baseline, baseline);
    return !c->baseline.failed;
}

/* All events of one address; those of numbers before it belong to no address that is walked. */
static enum status gather(struct fold_cursor *c, int64_t address, err *e)
{
    enum status st = OK;
    c->n = 0;
    buf_clear(&c->baseline);
    while (st == OK && c->address && c->address <= address) {
        if (c->address == address && !take(c))
            return no_memory(c->r.l, e);
        st = advance(c, e);
    }
    return st;
}

struct fold_walk {
    struct fold_cursor *c;
    slice tenant;
    ledger_folds_fn each;
    void *ctx;
    enum status status;
    err *e;
};

static bool one_address(void *ctx, const struct ledger_address *row)
{
    struct fold_walk *w = ctx;
    if (!slice_empty(w->tenant) && !slice_eq(w->tenant, row->tenant))
        return true;
    w->status = gather(w->c, row->id, w->e);
    if (w->status != OK)
        return false;
    struct ledger_folds folds = {row, buf_slice(&w->c->baseline), w->c->list, w->c->n};
    return w->each(w->ctx, &folds);
}

static enum status walk(struct ledger *l, struct fold_walk *w, int64_t after, err *e)
{
    enum status st = row_open(l, STMT_EVENTS_FOLD_ALL, &w->c->r, e);
    if (st != OK)
        return st;
    row_int(&w->c->r, after);
    st = advance(w->c, e);
    if (st == OK)
        st = addresses_after(l, after, one_address, w, e);
    row_close(&w->c->r);
    return st == OK ? w->status : st;
}

enum status ledger_walk_folds(struct ledger *l, slice tenant, int64_t after, ledger_folds_fn each, void *ctx, err *e)
{
    struct fold_cursor c = {.n = 0};
    struct fold_walk w = {&c, tenant, each, ctx, OK, e};
    bool mine = sqlite3_get_autocommit(l->db) != 0; /* one view of both tables */
    /* what is sorted may be larger than memory */
    enum status st = mine ? store_exec(l, "PRAGMA temp_store = FILE; BEGIN", e) : OK;
    if (st != OK)
        return st;
    arena_init(&c.memory, 0);
    buf_init(&c.baseline, 0);
    st = walk(l, &w, after, e);
    buf_fini(&c.baseline);
    arena_fini(&c.memory);
    if (mine)
        sqlite3_exec(l->db, "COMMIT; PRAGMA temp_store = MEMORY", NULL, NULL, NULL);
    return st;
}
