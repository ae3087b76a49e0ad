#include "ledger/store.h"

#include <stdlib.h>

void names_init(struct names *n, const struct sip_key *key)
{
    *n = (struct names){0};
    map_init(&n->ids, key);
    arena_init(&n->memory, 0);
}

void names_fini(struct names *n)
{
    map_fini(&n->ids);
    arena_fini(&n->memory);
    free(n->texts);
    n->texts = NULL;
    n->room = n->cached = 0;
}

void names_forget(struct names *n)
{
    map_clear(&n->ids);
    arena_reset(&n->memory);
    for (size_t i = 0; i < n->room; i++)
        n->texts[i] = (slice){NULL, 0};
    n->cached = 0;
}

/* Remembers a text by number; without memory it is read again next time. Returns our copy of it. */
static slice remember(struct names *n, slice text, int64_t id)
{
    size_t at = (size_t)id;
    if (at >= n->room && at < 16 * (size_t)NAMES_MAX_CACHED) {
        size_t room = at * 2 < 256 ? 256 : at * 2;
        slice *texts = realloc(n->texts, room * sizeof *texts);
        if (texts) {
            for (size_t i = n->room; i < room; i++)
                texts[i] = (slice){NULL, 0};
            n->texts = texts;
            n->room = room;
        }
    }
    slice mine = arena_dup(&n->memory, text);
    if (mine.n != text.n)
        return mine;
    if (at < n->room)
        n->texts[at] = mine;
    void **value = map_put(&n->ids, mine);
    if (value)
        *value = (void *)(uintptr_t)id;
    n->cached++;
    return mine;
}

static enum status add_name(struct ledger *l, slice text, int64_t *id, err *e)
{
    struct row r;
    enum status st = row_open(l, STMT_NAME_ADD, &r, e);
    if (st != OK)
        return st;
    row_key(&r, text);
    st = row_run(&r, e);
    *id = sqlite3_last_insert_rowid(l->db);
    return st;
}

/* *id is -1 when the text has no number. */
static enum status read_name(struct ledger *l, slice text, int64_t *id, err *e)
{
    struct row r;
    enum status st = row_open(l, STMT_NAME_FIND, &r, e);
    if (st != OK)
        return st;
    row_key(&r, text);
    *id = row_next(&r, &st, e) > 0 ? cell_int(&r) : -1;
    row_close(&r);
    return st;
}

static slice cut(slice text)
{
    return slice_sub(text, 0, LEDGER_MAX_TEXT_BYTES);
}

enum status names_find(struct ledger *l, slice text, int64_t *id, err *e)
{
    text = cut(text);
    if (slice_empty(text)) {
        *id = 0;
        return OK;
    }
    void *known = map_get(&l->names.ids, text);
    if (known) {
        *id = (int64_t)(uintptr_t)known;
        return OK;
    }
    if (l->names.cached >= NAMES_MAX_CACHED && l->cursors == 0)
        names_forget(&l->names);
    enum status st = read_name(l, text, id, e);
    if (st == OK && *id > 0)
        remember(&l->names, text, *id);
    return st;
}

enum status names_id(struct ledger *l, slice text, int64_t *id, err *e)
{
    enum status st = names_find(l, text, id, e);
    if (st != OK || *id >= 0)
        return st;
    st = add_name(l, cut(text), id, e);
    if (st == OK)
        remember(&l->names, cut(text), *id);
    return st;
}

enum status row_open_domain(struct ledger *l, enum stmt which, slice tenant, slice domain, struct row *r, err *e)
{
    int64_t tenant_id = 0, domain_id = 0;
    enum status st = names_find(l, tenant, &tenant_id, e);
    if (st == OK)
        st = names_find(l, domain, &domain_id, e);
    if (st == OK)
        st = row_open(l, which, r, e);
    if (st != OK)
        return st;
    row_int(r, domain_id);
    row_int(r, tenant_id);
    return OK;
}

slice names_text(struct ledger *l, int64_t id)
{
    if (id <= 0)
        return SLICE_EMPTY;
    struct names *n = &l->names;
    if ((size_t)id < n->room && n->texts[id].p)
        return n->texts[id];
    struct row r;
    if (row_open(l, STMT_NAME_TEXT, &r, NULL) != OK)
        return SLICE_EMPTY;
    enum status st = OK;
    slice text = SLICE_EMPTY;
    row_int(&r, id);
    if (row_next(&r, &st, NULL) > 0)
        text = remember(n, cell_text(&r), id);
    row_close(&r);
    return text;
}
