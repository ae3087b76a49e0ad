#include <string.h>

#include "ledger/scope.h"
#include "ledger/store.h"

#define FEW_IN 16       /* one address of so many: then suppressed ones are looked for by their suppressions */
#define FEW_MOST 200000 /* and no more than can be sorted in memory */

/* An own key for stored hashes, so that they tell nothing about other hashes of the ledger. */
#define STORED_MARK UINT64_C(0x73746f7265646b79)

slice stored_hash(const struct ledger *l, slice tenant, slice key, char out[STORED_KEY_BYTES])
{
    struct hash128 h = {l->key.k0 ^ STORED_MARK, l->key.k1};
    h = hash128_more(hash128_more(h, tenant), key);
    out[0] = '#';
    hash128_hex(h, out + 1);
    return slice_of(out, STORED_KEY_BYTES);
}

bool stored_is_hash(slice key)
{
    return key.n == STORED_KEY_BYTES && key.p[0] == '#';
}

static slice domain_of(slice key)
{
    size_t at = slice_rchr(key, '@');
    return at == SLICE_NPOS ? (stored_is_hash(key) ? SLICE_EMPTY : key) : slice_from(key, at + 1);
}

/* Reads ADDRESS_COLUMNS; texts are valid until the next row. */
static int64_t read_address(struct row *r, struct ledger_address *out)
{
    *out = (struct ledger_address){.id = cell_int(r)};
    out->tenant = names_text(r->l, cell_int(r));
    out->key = cell_text(r);
    out->address = cell_text(r);
    out->state = (enum address_state)cell_int(r);
    out->cause = (enum cause)cell_int(r);
    int64_t suppressions = cell_int(r);
    out->hold = (enum hold)cell_int(r);
    out->since_us = cell_time(r);
    out->until_us = cell_time(r);
    out->due_us = cell_time(r);
    out->seq = cell_int(r);
    out->history = cell_blob(r);
    out->first_seen_us = cell_time(r);
    out->last_delivered_us = cell_time(r);
    out->last_failed_us = cell_time(r);
    out->text_hash = cell_u64(r);
    int64_t domain = cell_int(r);
    if (slice_empty(out->address) && !stored_is_hash(out->key))
        out->address = out->key;
    out->whole_domain = stored_is_hash(out->key) ? domain < 0 : slice_chr(out->key, '@') == SLICE_NPOS;
    out->domain = stored_is_hash(out->key) ? names_text(r->l, domain < 0 ? -domain : domain) : domain_of(out->key);
    return suppressions;
}

/* The live suppressions of one address into the arena. */
static enum status read_suppressions(struct ledger *l, struct ledger_address *addr, arena *a, err *e)
{
    struct row r;
    enum status st = row_open(l, STMT_SUPPRESSIONS_OF, &r, e);
    if (st != OK)
        return st;
    struct ledger_suppression *list = NULL;
    size_t n = 0, cap = 0;
    row_int(&r, addr->id);
    while (row_next(&r, &st, e) > 0) {
        struct ledger_suppression s = {.scope = (enum scope)cell_int(&r)};
        s.stream = arena_dup(a, names_text(l, cell_int(&r)));
        s.cause = (enum cause)cell_int(&r);
        s.reason = (enum bounce_reason)cell_int(&r);
        s.since_us = cell_time(&r);
        s.until_us = cell_time(&r);
        if (s.cause == CAUSE_NONE)
            continue;
        struct ledger_suppression *grown = arena_grow(a, list, n, &cap, sizeof *list);
        if (!grown) {
            st = err_set(e, E_MEMORY, "%s: suppressions: out of memory", l->path);
            break;
        }
        list = grown;
        list[n++] = s;
    }
    row_close(&r);
    addr->suppressions = list;
    addr->suppression_count = n;
    return st;
}

static enum status find_stored(struct ledger *l, int64_t tenant, slice stored, struct ledger_address *out, arena *a,
                               err *e)
{
    struct row r;
    enum status st = row_open(l, STMT_ADDRESS_FIND, &r, e);
    if (st != OK)
        return st;
    int64_t suppressions = 0;
    row_key(&r, stored);
    row_int(&r, tenant);
    if (row_next(&r, &st, e) > 0) {
        suppressions = read_address(&r, out);
        out->history = arena_dup(a, out->history);
        out->address = arena_dup(a, out->address);
    } else {
        out->id = 0;
    }
    row_close(&r);
    if (st == OK && suppressions > 0)
        st = read_suppressions(l, out, a, e);
    return st;
}

/* An erased address stands under its hash although the others stand in clear. */
static enum status find_one(struct ledger *l, slice tenant, int64_t tenant_id, slice key, bool erased,
                            struct ledger_address *out, arena *a, err *e)
{
    char hash[STORED_KEY_BYTES];
    enum status st = OK;
    if (!l->hashed)
        st = find_stored(l, tenant_id, key, out, a, e);
    if (st == OK && out->id == 0 && (l->hashed || erased))
        st = find_stored(l, tenant_id, stored_hash(l, tenant, key, hash), out, a, e);
    out->tenant = tenant;
    out->key = key;
    out->domain = domain_of(key);
    out->whole_domain = slice_chr(key, '@') == SLICE_NPOS;
    out->text_hash = 0;
    return st;
}

enum status ledger_addresses(struct ledger *l, slice tenant, const slice *keys, size_t n, arena *a,
                             struct ledger_address *out, err *e)
{
    int64_t tenant_id = 0, erased = 0;
    enum status st = names_find(l, tenant, &tenant_id, e);
    if (st == OK && !l->hashed)
        st = meta_get(l, S("erased"), &erased, e);
    for (size_t i = 0; st == OK && i < n; i++) {
        out[i] = (struct ledger_address){.since_us = TIME_NONE,
                                         .until_us = TIME_NONE,
                                         .due_us = TIME_NONE,
                                         .first_seen_us = TIME_NONE,
                                         .last_delivered_us = TIME_NONE,
                                         .last_failed_us = TIME_NONE,
                                         .address = SLICE_EMPTY,
                                         .history = SLICE_EMPTY};
        st = find_one(l, tenant, tenant_id, keys[i], erased > 0, &out[i], a, e);
    }
    if (st == OK && a->limited)
        st = err_set(e, E_MEMORY, "%s: addresses: out of memory", l->path);
    return st;
}

enum status ledger_address_of(struct ledger *l, int64_t id, arena *a, struct ledger_address *out, err *e)
{
    struct row r;
    enum status st = row_open(l, STMT_ADDRESS_OF, &r, e);
    if (st != OK)
        return st;
    row_int(&r, id);
    int64_t suppressions = 0;
    int found = row_next(&r, &st, e);
    if (found > 0) {
        suppressions = read_address(&r, out);
        out->tenant = arena_dup(a, out->tenant);
        out->key = arena_dup(a, out->key);
        out->address = arena_dup(a, out->address);
        out->domain = arena_dup(a, out->domain);
        out->history = arena_dup(a, out->history);
        out->suppressions = NULL;
        out->suppression_count = 0;
    }
    row_close(&r);
    if (found == 0)
        return err_set(e, E_NOT_FOUND, "%s: address %lld: not in the ledger", l->path, (long long)id);
    if (st == OK && suppressions > 0)
        st = read_suppressions(l, out, a, e);
    if (st == OK && a->limited)
        st = err_set(e, E_MEMORY, "%s: addresses: out of memory", l->path);
    return st;
}

/* ---- writing ---- */

static void bind_state(struct row *r, const struct ledger_address *addr)
{
    row_int(r, addr->state);
    row_int(r, addr->cause);
    row_int(r, (int64_t)addr->suppression_count);
    row_int(r, addr->hold);
    row_time(r, addr->since_us);
    row_time(r, addr->until_us);
    row_time(r, addr->due_us);
    row_int(r, addr->seq);
    row_blob(r, addr->history);
    row_time(r, addr->first_seen_us);
    row_time(r, addr->last_delivered_us);
    row_time(r, addr->last_failed_us);
}

/* What the row of a hash still tells. */
static void bind_nameless(struct ledger *l, struct row *r, const struct ledger_address *addr, int64_t domain)
{
    if (!l->hashed) {
        row_id(r, 0);
        row_id(r, 0);
        return;
    }
    row_u64(r, sip_hash(&l->key, addr->key));
    row_int(r, slice_chr(addr->key, '@') == SLICE_NPOS ? -domain : domain);
}

static enum status add_address(struct ledger *l, int64_t tenant, struct ledger_address *addr, err *e)
{
    char hash[STORED_KEY_BYTES];
    slice key = l->hashed ? stored_hash(l, addr->tenant, addr->key, hash) : addr->key;
    slice address = l->hashed || slice_eq(addr->address, key) ? SLICE_EMPTY : addr->address;
    int64_t domain = 0;
    struct row r;
    enum status st = l->hashed ? names_id(l, domain_of(addr->key), &domain, e) : OK;
    if (st == OK)
        st = row_open(l, STMT_ADDRESS_ADD, &r, e);
    if (st != OK)
        return st;
    row_int(&r, tenant);
    row_key(&r, key);
    row_text(&r, address);
    bind_state(&r, addr);
    bind_nameless(l, &r, addr, domain);
    st = row_run(&r, e);
    if (st == OK)
        addr->id = sqlite3_last_insert_rowid(l->db);
    return st;
}

static enum status update_address(struct ledger *l, const struct ledger_address *addr, err *e)
{
    struct row r;
    enum status st = row_open(l, STMT_ADDRESS_PUT, &r, e);
    if (st != OK)
        return st;
    bind_state(&r, addr);
    row_int(&r, addr->id);
    st = row_run(&r, e);
    if (st == OK && sqlite3_changes(l->db) == 0)
        st = err_set(e, E_NOT_FOUND, "%s: address %lld: not in the ledger", l->path, (long long)addr->id);
    return st;
}

static bool same_suppression(const struct ledger_suppression *a, const struct ledger_suppression *b)
{
    return a->cause == b->cause && a->reason == b->reason && a->since_us == b->since_us && a->until_us == b->until_us;
}

static bool same_place(const struct ledger_suppression *a, const struct ledger_suppression *b)
{
    return a->scope == b->scope && (a->scope != SCOPE_STREAM || slice_eq(a->stream, b->stream));
}

static const struct ledger_suppression *find_place(const struct ledger_suppression *list, size_t n,
                                                   const struct ledger_suppression *s)
{
    for (size_t i = 0; i < n; i++)
        if (same_place(&list[i], s))
            return &list[i];
    return NULL;
}

static enum status stream_number(struct ledger *l, const struct ledger_suppression *s, int64_t *id, err *e)
{
    *id = 0;
    return s->scope == SCOPE_STREAM ? names_id(l, s->stream, id, e) : OK;
}

/* The hash that checks look for. */
static uint64_t mark_hash(const struct ledger *l, const struct ledger_address *addr, const struct ledger_suppression *s)
{
    uint64_t text = stored_is_hash(addr->key) ? addr->text_hash : sip_hash(&l->key, addr->key);
    struct scope_salt salt = scope_salts(&l->key, addr->tenant, s->stream);
    MUST((unsigned)s->scope < SCOPES);
    return scope_mix(salt.of[s->scope], text);
}

static enum status put_suppression(struct ledger *l, const struct ledger_address *addr,
                                   const struct ledger_suppression *s, err *e)
{
    int64_t stream;
    struct row r;
    enum status st = stream_number(l, s, &stream, e);
    if (st == OK)
        st = row_open(l, STMT_SUPPRESSION_PUT, &r, e);
    if (st != OK)
        return st;
    row_int(&r, addr->id);
    row_int(&r, s->scope);
    row_int(&r, stream);
    row_int(&r, s->cause);
    row_int(&r, s->reason);
    row_time(&r, s->since_us);
    row_time(&r, s->until_us);
    row_u64(&r, mark_hash(l, addr, s));
    row_int(&r, stored_is_hash(addr->key) ? addr->whole_domain : slice_chr(addr->key, '@') == SLICE_NPOS);
    row_int(&r, addr->seq);
    return row_run(&r, e);
}

static enum status lift_suppression(struct ledger *l, const struct ledger_address *addr,
                                    const struct ledger_suppression *s, err *e)
{
    int64_t stream;
    struct row r;
    enum status st = stream_number(l, s, &stream, e);
    if (st == OK)
        st = row_open(l, STMT_SUPPRESSION_LIFT, &r, e);
    if (st != OK)
        return st;
    row_int(&r, addr->seq);
    row_int(&r, addr->id);
    row_int(&r, s->scope);
    row_int(&r, stream);
    return row_run(&r, e);
}

/* Rows that stay as they are keep their change number. */
static enum status put_suppressions(struct ledger *l, const struct ledger_address *addr, bool is_new, err *e)
{
    arena memory;
    struct ledger_address before = {.id = addr->id};
    enum status st = OK;
    arena_init(&memory, 0);
    if (!is_new)
        st = read_suppressions(l, &before, &memory, e);
    for (size_t i = 0; st == OK && i < before.suppression_count; i++)
        if (!find_place(addr->suppressions, addr->suppression_count, &before.suppressions[i]))
            st = lift_suppression(l, addr, &before.suppressions[i], e);
    for (size_t i = 0; st == OK && i < addr->suppression_count; i++) {
        const struct ledger_suppression *old =
            find_place(before.suppressions, before.suppression_count, &addr->suppressions[i]);
        if (!old || !same_suppression(old, &addr->suppressions[i]))
            st = put_suppression(l, addr, &addr->suppressions[i], e);
    }
    arena_fini(&memory);
    return st;
}

enum status ledger_put_address(struct ledger *l, struct ledger_address *addr, err *e)
{
    int64_t tenant = 0;
    bool is_new = addr->id == 0;
    enum status st = store_writing(l, e);
    if (st == OK)
        st = names_id(l, addr->tenant, &tenant, e);
    if (st != OK)
        return st;
    addr->seq = ++l->seq;
    st = is_new ? add_address(l, tenant, addr, e) : update_address(l, addr, e);
    return st == OK ? put_suppressions(l, addr, is_new, e) : st;
}

/* ---- walking ---- */

struct walk {
    ledger_address_fn each;
    void *ctx;
    slice tenant;
    enum address_state state; /* STATES: all */
    int64_t limit;            /* 0: all */
    bool whole_keys;          /* a page ends between keys only */
};

static bool wanted(const struct walk *w, const struct ledger_address *addr)
{
    return (w->state == STATES || addr->state == w->state) &&
           (slice_empty(w->tenant) || slice_eq(w->tenant, addr->tenant));
}

static enum status walk_rows(struct ledger *l, struct row *r, const struct walk *w, err *e)
{
    arena memory, last;
    enum status st = OK;
    slice last_key = SLICE_EMPTY;
    int64_t given = 0;
    arena_init(&memory, 0);
    arena_init(&last, 0);
    l->cursors++;
    while (st == OK && row_next(r, &st, e) > 0) {
        struct ledger_address addr;
        int64_t suppressions = read_address(r, &addr);
        if (!wanted(w, &addr))
            continue;
        if (w->limit && given >= w->limit && !(w->whole_keys && slice_eq(addr.key, last_key)))
            break;
        arena_reset(&memory);
        if (suppressions > 0)
            st = read_suppressions(l, &addr, &memory, e);
        given++;
        if (w->limit && given == w->limit && w->whole_keys)
            last_key = arena_dup(&last, addr.key);
        if (st != OK || !w->each(w->ctx, &addr))
            break;
    }
    l->cursors--;
    arena_fini(&memory);
    arena_fini(&last);
    return st;
}

static enum status one_count(struct ledger *l, enum stmt which, int64_t limit, int64_t *n, err *e)
{
    struct row r;
    enum status st = row_open(l, which, &r, e);
    if (st != OK)
        return st;
    if (limit)
        row_int(&r, limit);
    *n = row_next(&r, &st, e) > 0 ? cell_int(&r) : 0;
    row_close(&r);
    return st;
}

/* Where few of many addresses are suppressed, their rows are found by their suppressions, and sorted; else all are walked in
 * order. An index would cost every new suppression a page. */
static enum status few_suppressed(struct ledger *l, bool *few, err *e)
{
    int64_t addresses = 0, found = 0;
    enum status st = one_count(l, STMT_ADDRESS_LAST, 0, &addresses, e);
    int64_t most = addresses / FEW_IN < FEW_MOST ? addresses / FEW_IN : FEW_MOST;
    if (st == OK)
        st = one_count(l, STMT_MARKS_WITHIN, most + 1, &found, e);
    *few = found <= most;
    return st;
}

enum status ledger_list(struct ledger *l, slice tenant, enum address_state state, slice after_key, int64_t limit,
                        ledger_address_fn each, void *ctx, err *e)
{
    struct row r;
    bool few = false;
    enum status st = state == STATE_SUPPRESSED ? few_suppressed(l, &few, e) : OK;
    if (st == OK)
        st = row_open(l, few ? STMT_ADDRESS_LIST_FEW : STMT_ADDRESS_LIST, &r, e);
    if (st != OK)
        return st;
    row_key(&r, after_key);
    struct walk w = {each, ctx, tenant, state, limit, slice_empty(tenant)};
    st = walk_rows(l, &r, &w, e);
    row_close(&r);
    return st;
}

enum status ledger_due(struct ledger *l, int64_t now_us, int64_t limit, ledger_address_fn each, void *ctx, err *e)
{
    struct row r;
    enum status st = row_open(l, STMT_ADDRESS_DUE, &r, e);
    if (st != OK)
        return st;
    row_time(&r, now_us);
    struct walk w = {each, ctx, SLICE_EMPTY, STATES, limit, false};
    st = walk_rows(l, &r, &w, e);
    row_close(&r);
    return st;
}

enum status addresses_after(struct ledger *l, int64_t after, ledger_address_fn each, void *ctx, err *e)
{
    struct row r;
    enum status st = row_open(l, STMT_ADDRESSES_AFTER, &r, e);
    if (st != OK)
        return st;
    row_int(&r, after);
    struct walk w = {each, ctx, SLICE_EMPTY, STATES, 0, false};
    st = walk_rows(l, &r, &w, e);
    row_close(&r);
    return st;
}

enum status ledger_waiting(struct ledger *l, slice tenant, slice domain, ledger_address_fn each, void *ctx, err *e)
{
    struct row r;
    enum status st = row_open_domain(l, STMT_WAITING, tenant, domain, &r, e);
    if (st != OK)
        return st;
    struct walk w = {each, ctx, SLICE_EMPTY, STATES, 0, false};
    st = walk_rows(l, &r, &w, e);
    row_close(&r);
    return st;
}
