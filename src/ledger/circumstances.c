#include <stdlib.h>

#include "ledger/store.h"

/* What the handle knows of them: those that are not undone, by the domain that they concern. */
struct around {
    arena a;
    struct kept kept;
    map domains;       /* to struct around_list */
    struct kind *wide; /* told by a mark, whatever the domain */
    size_t wide_count, wide_room;
    struct circumstance *plain; /* the same where no tenant is asked for */
    bool tenants;               /* one of the wide ones concerns one tenant only */
};

struct kind {
    struct circumstance c;
    slice tenant;
};

struct around_list {
    struct kind *each;
    size_t n, room;
};

struct kept *around_kept(struct around *p)
{
    return p ? &p->kept : NULL;
}

void around_free(struct around **p)
{
    if (!*p)
        return;
    map_fini(&(*p)->domains);
    arena_fini(&(*p)->a);
    free(*p);
    *p = NULL;
}

static enum status no_memory(struct ledger *l, err *e)
{
    return err_set(e, E_MEMORY, "%s: circumstances: out of memory", l->path);
}

/* ---- rows ---- */

/* Texts are valid until the next row. */
static void read_row(struct row *r, struct ledger_circumstance *out)
{
    *out = (struct ledger_circumstance){.c.id = cell_int(r)};
    out->tenant = names_text(r->l, cell_int(r));
    out->domain = names_text(r->l, cell_int(r));
    out->c.what = (uint8_t)cell_int(r);
    out->c.by = (uint8_t)cell_int(r);
    out->name = cell_text(r);
    out->c.mark = policy_mark(out->name);
    out->c.reasons = cell_u64(r);
    out->c.from_us = cell_int(r);
    out->c.until_us = cell_time(r);
    out->manual = cell_int(r) != 0;
    out->undone = cell_int(r) != 0;
    out->made_us = cell_int(r);
    out->actor = cell_text(r);
    out->note = cell_text(r);
    out->work_seq = cell_int(r);
}

static enum status put_row(struct ledger *l, const struct ledger_circumstance *c, int64_t tenant, int64_t domain,
                           err *e)
{
    struct row r;
    enum status st = row_open(l, c->c.id ? STMT_CIRCUMSTANCE_PUT : STMT_CIRCUMSTANCE_ADD, &r, e);
    if (st != OK)
        return st;
    row_id(&r, c->c.id);
    row_int(&r, tenant);
    row_int(&r, domain);
    row_int(&r, c->c.what);
    row_int(&r, c->c.by);
    row_text_max(&r, c->name, LEDGER_MAX_REPLY_BYTES);
    row_u64(&r, c->c.reasons);
    row_int(&r, c->c.from_us);
    row_time(&r, c->c.until_us);
    row_int(&r, c->manual);
    row_int(&r, c->undone);
    row_int(&r, c->made_us);
    row_text(&r, c->actor);
    row_text(&r, c->note);
    row_int(&r, c->work_seq);
    return row_run(&r, e);
}

enum status ledger_put_circumstance(struct ledger *l, struct ledger_circumstance *c, err *e)
{
    int64_t tenant = 0, domain = 0;
    bool marked = c->c.by < MARK_NONE;
    if (slice_empty(c->domain) != marked || slice_empty(c->name) == marked || c->name.n > LEDGER_MAX_REPLY_BYTES)
        return err_set(e, E_INVALID, "a circumstance concerns a domain, or one provider, text or feed");
    enum status st = store_writing(l, e);
    if (st == OK)
        st = names_id(l, c->tenant, &tenant, e);
    if (st == OK)
        st = names_id(l, c->domain, &domain, e);
    if (st == OK)
        st = put_row(l, c, tenant, domain, e);
    if (st != OK)
        return st;
    if (!c->c.id)
        c->c.id = sqlite3_last_insert_rowid(l->db);
    c->c.mark = policy_mark(c->name);
    if (l->around)
        l->around->kept.stale = true;
    return OK;
}

enum status ledger_circumstances(struct ledger *l, int64_t limit, ledger_circumstance_fn each, void *ctx, err *e)
{
    struct row r;
    struct ledger_circumstance one;
    enum status st = row_open(l, STMT_CIRCUMSTANCES, &r, e);
    if (st != OK)
        return st;
    l->cursors++;
    for (int64_t given = 0; !(limit && given >= limit) && row_next(&r, &st, e) > 0; given++) {
        read_row(&r, &one);
        if (!each(ctx, &one))
            break;
    }
    l->cursors--;
    row_close(&r);
    return st;
}

enum status ledger_get_circumstance(struct ledger *l, int64_t id, arena *a, struct ledger_circumstance *out, err *e)
{
    struct row r;
    enum status st = row_open(l, STMT_CIRCUMSTANCE, &r, e);
    if (st != OK)
        return st;
    row_int(&r, id);
    bool found = row_next(&r, &st, e) > 0;
    if (found) {
        read_row(&r, out);
        slice *const texts[] = {&out->tenant, &out->domain, &out->name, &out->actor, &out->note};
        for (size_t i = 0; i < ARRAY_LEN(texts); i++)
            *texts[i] = arena_dup(a, *texts[i]);
    }
    row_close(&r);
    if (st == OK && !found)
        st = err_set(e, E_NOT_FOUND, "there is no incident %lld", (long long)id);
    return st == OK && a->limited ? no_memory(l, e) : st;
}

enum status ledger_drop_circumstances(struct ledger *l, int64_t before_us, int64_t *n, err *e)
{
    struct row r;
    enum status st = store_writing(l, e);
    if (st == OK)
        st = row_open(l, STMT_CIRCUMSTANCES_DROP, &r, e);
    if (st != OK)
        return st;
    row_int(&r, before_us);
    st = row_run(&r, e);
    *n = st == OK ? sqlite3_changes(l->db) : 0;
    if (l->around)
        l->around->kept.stale = true;
    return st;
}

/* ---- for the fold ---- */

static bool keep(struct around *p, const struct ledger_circumstance *c)
{
    struct around_list wide = {p->wide, p->wide_count, p->wide_room}, *list = &wide;
    if (!slice_empty(c->domain)) {
        void **place = map_put(&p->domains, arena_dup(&p->a, c->domain));
        if (!place)
            return false;
        if (!*place)
            *place = ARENA_NEW(&p->a, struct around_list);
        list = *place;
        if (!list)
            return false;
    }
    struct kind *grown = arena_grow(&p->a, list->each, list->n, &list->room, sizeof *grown);
    if (!grown)
        return false;
    list->each = grown;
    list->each[list->n++] = (struct kind){c->c, arena_dup(&p->a, c->tenant)};
    if (list == &wide) {
        p->wide = wide.each;
        p->wide_count = wide.n;
        p->wide_room = wide.room;
        p->tenants |= !slice_empty(c->tenant);
    }
    return !p->a.limited;
}

static enum status read_all(struct ledger *l, struct around *p, err *e)
{
    struct row r;
    struct ledger_circumstance one;
    enum status st = row_open(l, STMT_CIRCUMSTANCES, &r, e);
    if (st != OK)
        return st;
    map_clear(&p->domains);
    arena_reset(&p->a);
    p->wide = NULL;
    p->wide_count = p->wide_room = 0;
    p->tenants = false;
    while (st == OK && row_next(&r, &st, e) > 0) {
        read_row(&r, &one);
        if (!one.undone && !keep(p, &one))
            st = no_memory(l, e);
    }
    row_close(&r);
    p->plain = st == OK && p->wide_count ? arena_alloc(&p->a, p->wide_count * sizeof *p->plain) : NULL;
    if (st == OK && p->wide_count && !p->plain)
        st = no_memory(l, e);
    for (size_t i = 0; st == OK && i < p->wide_count; i++)
        p->plain[i] = p->wide[i].c;
    return st;
}

static size_t add_those(struct circumstance *to, const struct kind *each, size_t n, slice tenant)
{
    size_t added = 0;
    for (size_t i = 0; i < n; i++)
        if (slice_empty(each[i].tenant) || slice_eq(each[i].tenant, tenant))
            to[added++] = each[i].c;
    return added;
}

static enum status know(struct ledger *l, err *e)
{
    bool fresh;
    if (!l->around) {
        l->around = calloc(1, sizeof *l->around);
        if (!l->around)
            return no_memory(l, e);
        arena_init(&l->around->a, 0);
        map_init(&l->around->domains, &l->key);
        l->around->kept.stale = true;
    }
    enum status st = kept_fresh(l, &l->around->kept, &fresh, e);
    if (st == OK && !fresh) {
        st = read_all(l, l->around, e);
        if (st == OK)
            kept_read(l, &l->around->kept);
    }
    return st;
}

enum status ledger_around(struct ledger *l, slice tenant, slice domain, arena *a, const struct circumstance **out,
                          size_t *n, err *e)
{
    *out = NULL;
    *n = 0;
    enum status st = know(l, e);
    if (st != OK)
        return st;
    const struct around *p = l->around;
    const struct around_list *own = map_get(&p->domains, domain);
    if (!own && !p->tenants) {
        *out = p->plain;
        *n = p->wide_count;
        return OK;
    }
    struct circumstance *list = arena_alloc(a, (p->wide_count + (own ? own->n : 0)) * sizeof *list);
    if (!list)
        return no_memory(l, e);
    *n = add_those(list, p->wide, p->wide_count, tenant);
    if (own)
        *n += add_those(list + *n, own->each, own->n, tenant);
    *out = list;
    return OK;
}
