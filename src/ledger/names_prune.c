/* Texts of few values that nothing names any more. */
#include <stdlib.h>

#include "ledger/store.h"

/* Every column that holds the number of a name. */
static const char *const users[] = {
    "SELECT tenant, abs(domain) FROM addresses",
    "SELECT stream FROM suppressions",
    "SELECT stream, campaign, source, provider, feed, format, rule, rules_version FROM events",
    "SELECT tenant, stream, campaign, domain, provider, source, sending_ip FROM tallies",
    "SELECT tenant, stream, campaign, provider, source, sending_ip FROM tallies_days",
    "SELECT tenant, stream, domain, provider FROM tallies_months",
    "SELECT provider FROM groups",
    "SELECT domain, tenant FROM domains",
    "SELECT domain, tenant FROM waiting",
    "SELECT tenant, source FROM acquired",
    "SELECT tenant FROM opaque",
    "SELECT tenant FROM endpoints",
    "SELECT tenant FROM api_keys",
    "SELECT tenant, domain FROM circumstances",
    "SELECT tenant FROM alerts",
    "SELECT tenant FROM grounds",
    "SELECT feed, tenant FROM beats",
    "SELECT tenant, provider FROM codes",
    "SELECT tenant, stream FROM cadences",
    "SELECT tenant FROM provider_reports",
};

/* One bit for each number that is used. */
struct used {
    unsigned char *bits;
    int64_t last; /* the greatest number; it is never taken away, so that none is given twice */
};

static void mark(struct used *u, int64_t id)
{
    if (id > 0 && id <= u->last)
        u->bits[id / 8] |= (unsigned char)(1u << (id % 8));
}

static bool marked(const struct used *u, int64_t id)
{
    return id == u->last || (u->bits[id / 8] >> (id % 8) & 1) != 0;
}

static enum status mark_users(struct ledger *l, const char *sql, struct used *u, err *e)
{
    struct row r = {.l = l, .at = 1, .rc = SQLITE_OK};
    enum status st = OK;
    if (sqlite3_prepare_v2(l->db, sql, -1, &r.s, NULL) != SQLITE_OK)
        return store_fail(l, e, "prepare the names in use");
    int columns = sqlite3_column_count(r.s);
    while (row_next(&r, &st, e) > 0)
        for (int i = 0; i < columns; i++)
            mark(u, cell_int(&r));
    sqlite3_finalize(r.s);
    return st;
}

static enum status one_number(struct ledger *l, enum stmt which, int64_t after, int64_t *id, err *e)
{
    struct row r;
    enum status st = row_open(l, which, &r, e);
    if (st != OK)
        return st;
    row_int(&r, after);
    *id = row_next(&r, &st, e) > 0 ? cell_int(&r) : 0;
    row_close(&r);
    return st;
}

static enum status drop_name(struct ledger *l, int64_t id, err *e)
{
    struct row r;
    enum status st = row_open(l, STMT_NAME_DROP, &r, e);
    if (st != OK)
        return st;
    row_int(&r, id);
    return row_run(&r, e);
}

static enum status drop_unmarked(struct ledger *l, const struct used *u, int64_t *removed, err *e)
{
    int64_t id = 0;
    enum status st = one_number(l, STMT_NAME_NEXT, 0, &id, e);
    while (st == OK && id > 0) {
        if (!marked(u, id)) {
            st = drop_name(l, id, e);
            ++*removed;
        }
        if (st == OK)
            st = one_number(l, STMT_NAME_NEXT, id, &id, e);
    }
    return st;
}

enum status names_prune(struct ledger *l, err *e)
{
    struct used u = {0};
    int64_t before = 0, pruned = 0;
    enum status st = pending_flush(l, e);
    if (st == OK)
        st = one_number(l, STMT_NAME_LAST, INT64_MAX, &u.last, e);
    if (st != OK || u.last == 0)
        return st;
    u.bits = calloc((size_t)u.last / 8 + 1, 1);
    if (!u.bits)
        return err_set(e, E_MEMORY, "%s: prune: out of memory", l->path);
    for (size_t i = 0; st == OK && i < ARRAY_LEN(users); i++)
        st = mark_users(l, users[i], &u, e);
    if (st == OK)
        st = drop_unmarked(l, &u, &pruned, e);
    free(u.bits);
    if (st != OK || pruned == 0)
        return st;
    map_clear(&l->names.ids);
    st = meta_get(l, S("names_pruned"), &before, e); /* other handles forget their numbers when they see another one */
    l->names.pruned = before + 1;
    return st == OK ? meta_put(l, S("names_pruned"), before + 1, e) : st;
}
