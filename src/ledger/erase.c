#include <stdio.h>

#include "base/json.h"
#include "ledger/scope.h"
#include "ledger/store.h"

#define MIN_LOCAL_BYTES 4 /* shorter local parts ("web") stand in texts that mean nobody */

/* Where it is long enough to mean somebody; else empty. */
static slice local_part(slice key)
{
    size_t at = slice_rchr(key, '@');
    return at == SLICE_NPOS || at < MIN_LOCAL_BYTES ? SLICE_EMPTY : slice_sub(key, 0, at);
}

/* What an address is called: whole, or by its local part alone. */
static bool names_it(slice text, slice key)
{
    slice local = local_part(key);
    return slice_find_ci(text, key) != SLICE_NPOS || (local.n && slice_find_ci(text, local) != SLICE_NPOS);
}

struct doomed {
    int64_t *ids;
    size_t n, cap;
};

static bool doom(struct doomed *d, int64_t id, arena *a)
{
    int64_t *grown = arena_grow(a, d->ids, d->n, &d->cap, sizeof *d->ids);
    if (!grown)
        return false;
    d->ids = grown;
    d->ids[d->n++] = id;
    return true;
}

/* Replies that name it, of the events that `which` finds. Their texts may stand with other events too; they go from those as
 * well. */
static enum status clear_replies(struct ledger *l, enum stmt which, int64_t id, slice key, arena *a, err *e)
{
    struct row r;
    struct doomed d = {0};
    enum status st = row_open(l, which, &r, e);
    if (st != OK)
        return st;
    row_int(&r, id);
    while (st == OK && row_next(&r, &st, e) > 0) {
        int64_t reply = cell_int(&r);
        if (names_it(cell_text(&r), key) && !doom(&d, reply, a))
            st = err_set(e, E_MEMORY, "%s: erase: out of memory", l->path);
    }
    row_close(&r);
    for (size_t i = 0; st == OK && i < d.n; i++)
        st = row_run_with(l, STMT_REPLY_CLEAR, d.ids[i], e);
    memset(l->replies, 0, sizeof l->replies);
    return st;
}

/* Events that stand under other addresses (`others`, each as often as it has such events): under an alias whose mail went on to
 * the erased one, or under one whose owner had moved to it. */
struct mentions {
    struct doomed recipients, new_addresses, others;
};

/* As its key is written, or as it was first written itself. */
static bool is_address(slice text, const struct ledger_address *addr)
{
    text = slice_unwrap(slice_trim(text), '<', '>');
    return !slice_empty(text) && (slice_eq_ci(text, addr->key) || slice_eq_ci(text, addr->address));
}

static enum status find_mentions(struct ledger *l, const struct ledger_address *addr, arena *a, struct mentions *m,
                                 err *e)
{
    int64_t tenant_id;
    struct row r;
    enum status st = names_find(l, addr->tenant, &tenant_id, e);
    if (st == OK)
        st = row_open(l, STMT_EVENTS_NAMING, &r, e);
    if (st != OK)
        return st;
    row_int(&r, tenant_id);
    row_int(&r, addr->id);
    while (st == OK && row_next(&r, &st, e) > 0) {
        int64_t seq = cell_int(&r), other = cell_int(&r);
        bool is_recipient = is_address(cell_text(&r), addr), is_new = is_address(cell_text(&r), addr);
        if ((is_recipient && !doom(&m->recipients, seq, a)) || (is_new && !doom(&m->new_addresses, seq, a)) ||
            ((is_recipient || is_new) && !doom(&m->others, other, a)))
            st = err_set(e, E_MEMORY, "%s: erase: out of memory", l->path);
    }
    row_close(&r);
    return st;
}

static enum status hide_in(struct ledger *l, const struct doomed *d, enum stmt which, slice key, arena *a, err *e)
{
    enum status st = OK;
    for (size_t i = 0; st == OK && i < d->n; i++) {
        st = row_run_with(l, which, d->ids[i], e);
        if (st == OK)
            st = clear_replies(l, STMT_REPLY_OF, d->ids[i], key, a, e);
    }
    return st;
}

/* ---- letters to other systems about other addresses ---- */

/* The erased address as the body of a letter (JSON) would have it. */
struct name {
    slice key, address, local; /* the local part is empty where it is too short to mean anybody */
};

static slice in_json(slice text, arena *a)
{
    struct jsonw j;
    buf out;
    buf_init(&out, 0);
    jsonw_init(&j, &out);
    jsonw_str(&j, text);
    slice quoted = buf_slice(&out);
    slice bare = out.failed ? SLICE_EMPTY : arena_dup(a, slice_sub(quoted, 1, quoted.n - 2));
    a->limited |= out.failed;
    buf_fini(&out);
    return bare;
}

static bool is_name_char(char c)
{
    return ascii_alnum(c) || c == '-' || c == '_' || c == '+';
}

/* Whether what stands at `at` began before it. The letters of an escape (\n, \u000b) are no part of a name. */
static bool goes_on_before(slice text, size_t at)
{
    if (at == 0 || (!is_name_char(text.p[at - 1]) && text.p[at - 1] != '.'))
        return false;
    return !(at >= 2 && text.p[at - 2] == '\\') && !(at >= 6 && text.p[at - 6] == '\\' && text.p[at - 5] == 'u');
}

/* Whether what ends before `at` goes on. A full stop may end a sentence; a local part with an "@" is of another address. */
static bool goes_on_behind(slice text, size_t at)
{
    if (at < text.n && text.p[at] == '.')
        at++;
    return at < text.n && (is_name_char(text.p[at]) || text.p[at] == '@');
}

/* As a whole: ann@example.org does not stand in joann@example.org. */
static bool stands_in(slice text, slice name)
{
    size_t from = 0, at;
    while (name.n && (at = slice_find_ci(slice_from(text, from), name)) != SLICE_NPOS) {
        from += at;
        if (!goes_on_before(text, from) && !goes_on_behind(text, from + name.n))
            return true;
        from++;
    }
    return false;
}

static bool is_among(const struct doomed *d, int64_t id)
{
    size_t i = 0;
    while (i < d->n && d->ids[i] != id)
        i++;
    return i < d->n;
}

/* Letters that name it go. The local part alone is looked for only where an event tied the letter's address to it. */
static enum status find_letters(struct ledger *l, const struct ledger_address *addr, const struct name *name,
                                const struct doomed *others, arena *a, struct doomed *d, err *e)
{
    int64_t tenant_id;
    struct row r;
    enum status st = names_find(l, addr->tenant, &tenant_id, e);
    if (st == OK)
        st = row_open(l, STMT_LETTERS_OF_OTHERS, &r, e);
    if (st != OK)
        return st;
    row_int(&r, tenant_id);
    row_int(&r, addr->id);
    while (st == OK && row_next(&r, &st, e) > 0) {
        int64_t id = cell_int(&r), other = cell_int(&r);
        slice body = cell_text(&r);
        bool named = stands_in(body, name->key) || stands_in(body, name->address) ||
                     (is_among(others, other) && stands_in(body, name->local));
        if (named && !doom(d, id, a))
            st = err_set(e, E_MEMORY, "%s: erase: out of memory", l->path);
    }
    row_close(&r);
    return st;
}

static enum status drop_letters(struct ledger *l, const struct ledger_address *addr, const struct doomed *others,
                                arena *a, err *e)
{
    struct doomed d = {0};
    slice local = local_part(addr->key);
    struct name name = {in_json(addr->key, a), in_json(addr->address, a), in_json(local, a)};
    if (a->limited)
        return err_set(e, E_MEMORY, "%s: erase: out of memory", l->path);
    enum status st = find_letters(l, addr, &name, others, a, &d, e);
    for (size_t i = 0; st == OK && i < d.n; i++)
        st = row_run_with(l, STMT_LETTER_DROP, d.ids[i], e);
    return st;
}

static enum status hide_mentions(struct ledger *l, const struct ledger_address *addr, arena *a, err *e)
{
    struct mentions m = {0};
    enum status st = find_mentions(l, addr, a, &m, e);
    if (st == OK)
        st = drop_letters(l, addr, &m.others, a, e);
    if (st == OK)
        st = hide_in(l, &m.recipients, STMT_EVENT_HIDE_RECIPIENT, addr->key, a, e);
    return st == OK ? hide_in(l, &m.new_addresses, STMT_EVENT_HIDE_NEW_ADDRESS, addr->key, a, e) : st;
}

static enum status clear_examples(struct ledger *l, slice key, arena *a, err *e)
{
    struct row r;
    struct doomed d = {0};
    enum status st = row_open(l, STMT_GROUPS_NAMING, &r, e);
    if (st != OK)
        return st;
    while (st == OK && row_next(&r, &st, e) > 0) {
        int64_t group = cell_int(&r);
        (void)cell_text(&r);
        if (names_it(cell_text(&r), key) && !doom(&d, group, a))
            st = err_set(e, E_MEMORY, "%s: erase: out of memory", l->path);
    }
    row_close(&r);
    for (size_t i = 0; st == OK && i < d.n; i++)
        st = row_run_with(l, STMT_GROUP_CLEAR_EXAMPLE, d.ids[i], e);
    return st;
}

static enum status drop_named(struct ledger *l, enum stmt which, slice tenant, slice key, err *e)
{
    char hash[STORED_KEY_BYTES];
    int64_t tenant_id;
    struct row r;
    enum status st = names_find(l, tenant, &tenant_id, e);
    if (st == OK)
        st = row_open(l, which, &r, e);
    if (st != OK)
        return st;
    row_key(&r, l->hashed ? stored_hash(l, tenant, key, hash) : key);
    row_int(&r, tenant_id);
    return row_run(&r, e);
}

/* The row stays, under its hash, suppressed everywhere; the mark in the table in memory is the same as before. */
static enum status hide_address(struct ledger *l, struct ledger_address *addr, int64_t now_us, err *e)
{
    char hash[STORED_KEY_BYTES];
    struct ledger_suppression s = {
        .scope = SCOPE_GLOBAL, .stream = SLICE_EMPTY, .cause = CAUSE_ERASED, .since_us = now_us, .until_us = TIME_NONE};
    struct row r;
    addr->address = SLICE_EMPTY;
    addr->history = SLICE_EMPTY;
    addr->state = STATE_SUPPRESSED;
    addr->cause = CAUSE_ERASED;
    addr->hold = HOLD_NONE;
    addr->since_us = now_us;
    addr->until_us = addr->due_us = addr->first_seen_us = addr->last_delivered_us = addr->last_failed_us = TIME_NONE;
    addr->suppressions = &s;
    addr->suppression_count = 1;
    enum status st = ledger_put_address(l, addr, e);
    addr->suppressions = NULL;
    addr->suppression_count = 0;
    if (st == OK)
        st = row_open(l, STMT_ADDRESS_HIDE, &r, e);
    if (st != OK)
        return st;
    row_key(&r, stored_hash(l, addr->tenant, addr->key, hash));
    row_int(&r, addr->id);
    st = row_run(&r, e);
    return st == OK ? meta_put(l, S("erased"), 1, e) : st;
}

static enum status put_erase_event(struct ledger *l, const struct ledger_address *addr, slice actor, int64_t now_us,
                                   err *e)
{
    int64_t seq;
    char stamp[64], hash[STORED_KEY_BYTES];
    slice when = slice_of(stamp, (size_t)snprintf(stamp, sizeof stamp, "erase %lld", (long long)now_us));
    struct hash128 key = hash128_more(hash128(when), stored_hash(l, addr->tenant, addr->key, hash));
    struct ledger_event ev = {.address_id = addr->id,
                              .source_key = key,
                              .what = EVENT_ERASE,
                              .actor = actor,
                              .cause = CAUSE_ERASED,
                              .ingest_us = now_us,
                              .fold = {.time_us = now_us,
                                       .key = key.hi,
                                       .what = EVENT_ERASE,
                                       .trust = TRUST_PROVEN,
                                       .cause = CAUSE_ERASED,
                                       .scope = SCOPE_GLOBAL}};
    return ledger_put_event(l, &ev, &seq, e);
}

static enum status erase_in(struct ledger *l, struct ledger_address *addr, slice actor, int64_t now_us, arena *a,
                            err *e)
{
    enum status st = OK;
    if (addr->id) {
        st = clear_replies(l, STMT_REPLIES_OF, addr->id, addr->key, a, e);
        if (st == OK)
            st = row_run_with(l, STMT_EVENTS_DROP_OF, addr->id, e);
        if (st == OK)
            st = row_run_with(l, STMT_LETTERS_DROP_OF, addr->id, e);
        if (st == OK)
            st = ledger_wait(l, addr, false, e);
    }
    if (st == OK)
        st = hide_mentions(l, addr, a, e);
    if (st == OK)
        st = pending_flush(l, e); /* its groups, too */
    if (st == OK)
        st = clear_examples(l, addr->key, a, e);
    if (st == OK)
        st = drop_named(l, STMT_ACQUIRED_DROP, addr->tenant, addr->key, e);
    if (st == OK)
        st = drop_named(l, STMT_OPAQUE_DROP, addr->tenant, addr->key, e);
    if (st == OK)
        st = hide_address(l, addr, now_us, e);
    return st == OK ? put_erase_event(l, addr, actor, now_us, e) : st;
}

static enum status erase_found(struct ledger *l, slice tenant, slice key, slice actor, int64_t now_us, err *e)
{
    arena memory;
    struct ledger_address addr;
    arena_init(&memory, 0);
    enum status st = ledger_addresses(l, tenant, &key, 1, &memory, &addr, e);
    if (st == OK)
        st = erase_in(l, &addr, actor, now_us, &memory, e);
    arena_fini(&memory);
    return st;
}

enum status ledger_erase(struct ledger *l, slice tenant, slice key, slice actor, int64_t now_us, err *e)
{
    bool mine = !l->writing;
    enum status st = mine ? ledger_begin(l, e) : OK;
    if (st != OK)
        return st;
    st = store_exec(l, "PRAGMA secure_delete = ON", e); /* overwrite what is freed */
    if (st == OK)
        st = erase_found(l, tenant, key, actor, now_us, e);
    enum status back = store_exec(l, "PRAGMA secure_delete = OFF", st == OK ? e : NULL);
    if (st == OK)
        st = back;
    if (!mine)
        return st;
    if (st == OK)
        st = ledger_commit(l, e);
    if (st != OK)
        ledger_abort(l);
    else
        st = store_exec(l, "PRAGMA wal_checkpoint(TRUNCATE)", e); /* the log still holds the old pages */
    return st;
}
