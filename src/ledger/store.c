#include "ledger/store.h"

#include <errno.h>

static const char *const statements[STMTS] = {
#define STMT(name, sql) [STMT_##name] = sql,
#include "ledger/statements.def"
#undef STMT
};

/* The low byte of SQLite's code; the operating system's own word for a full disk comes first. */
static enum status status_of(int rc, int os_error)
{
    if (os_error == ENOSPC || os_error == EDQUOT)
        return E_FULL;
    if (rc == SQLITE_IOERR_NOMEM)
        return E_MEMORY;
    switch (rc & 0xff) {
    case SQLITE_FULL:
        return E_FULL;
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
        return E_CORRUPT;
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
        return E_BUSY;
    case SQLITE_NOMEM:
        return E_MEMORY;
    case SQLITE_READONLY:
    case SQLITE_PERM:
    case SQLITE_AUTH:
        return E_ACCESS;
    case SQLITE_CONSTRAINT:
    case SQLITE_MISMATCH:
    case SQLITE_TOOBIG:
    case SQLITE_RANGE:
        return E_INVALID;
    default:
        return E_IO;
    }
}

enum status store_fail_db(sqlite3 *db, const char *path, err *e, const char *what)
{
    int rc = db ? sqlite3_extended_errcode(db) : SQLITE_NOMEM;
    bool system = (rc & 0xff) == SQLITE_IOERR || (rc & 0xff) == SQLITE_CANTOPEN || (rc & 0xff) == SQLITE_FULL;
    enum status st = status_of(rc, system && db ? sqlite3_system_errno(db) : 0);
    return err_set(e, st, "%s: %s: %s", path, what, db ? sqlite3_errmsg(db) : "out of memory");
}

enum status store_fail(struct ledger *l, err *e, const char *what)
{
    return store_fail_db(l->db, l->path, e, what);
}

enum status store_writing(struct ledger *l, err *e)
{
    return l->writing ? OK : err_set(e, E_DENIED, "%s: write outside of a transaction", l->path);
}

enum status store_exec(struct ledger *l, const char *sql, err *e)
{
    return sqlite3_exec(l->db, sql, NULL, NULL, NULL) == SQLITE_OK ? OK : store_fail(l, e, sql);
}

enum status row_open(struct ledger *l, enum stmt which, struct row *r, err *e)
{
    *r = (struct row){.l = l, .s = l->stmts[which], .which = which, .at = 1, .rc = SQLITE_OK};
    if (r->s && !sqlite3_stmt_busy(r->s))
        return OK;
    bool keep = !r->s;
    unsigned flags = keep ? SQLITE_PREPARE_PERSISTENT : 0;
    if (sqlite3_prepare_v3(l->db, statements[which], -1, flags, &r->s, NULL) != SQLITE_OK)
        return store_fail(l, e, "prepare");
    if (keep)
        l->stmts[which] = r->s;
    return OK;
}

void row_close(struct row *r)
{
    if (r->s == r->l->stmts[r->which])
        sqlite3_reset(r->s);
    else
        sqlite3_finalize(r->s);
    r->s = NULL;
}

static void bound(struct row *r, int rc)
{
    if (r->rc == SQLITE_OK)
        r->rc = rc;
    r->at++;
}

void row_int(struct row *r, int64_t v)
{
    bound(r, sqlite3_bind_int64(r->s, r->at, v));
}

void row_u64(struct row *r, uint64_t v)
{
    row_int(r, (int64_t)v);
}

void row_time(struct row *r, int64_t us)
{
    bound(r, us == TIME_NONE ? sqlite3_bind_null(r->s, r->at) : sqlite3_bind_int64(r->s, r->at, us));
}

void row_text_max(struct row *r, slice text, size_t max_bytes)
{
    size_t n = text.n < max_bytes ? text.n : max_bytes;
    bound(r, n ? sqlite3_bind_text(r->s, r->at, text.p, (int)n, SQLITE_STATIC) : sqlite3_bind_null(r->s, r->at));
}

void row_text(struct row *r, slice text)
{
    row_text_max(r, text, LEDGER_MAX_TEXT_BYTES);
}

void row_key(struct row *r, slice text)
{
    bound(r, sqlite3_bind_text64(r->s, r->at, text.n ? text.p : "", text.n, SQLITE_STATIC, SQLITE_UTF8));
}

void row_blob(struct row *r, slice bytes)
{
    bound(r,
          bytes.n ? sqlite3_bind_blob64(r->s, r->at, bytes.p, bytes.n, SQLITE_STATIC) : sqlite3_bind_null(r->s, r->at));
}

void row_id(struct row *r, int64_t id)
{
    bound(r, id ? sqlite3_bind_int64(r->s, r->at, id) : sqlite3_bind_null(r->s, r->at));
}

int row_next(struct row *r, enum status *st, err *e)
{
    int rc = r->rc == SQLITE_OK ? sqlite3_step(r->s) : r->rc;
    r->at = 0;
    if (rc == SQLITE_ROW)
        return 1;
    if (rc == SQLITE_DONE)
        return 0;
    *st = store_fail(r->l, e, sqlite3_stmt_readonly(r->s) ? "read" : "write");
    return -1;
}

enum status row_run(struct row *r, err *e)
{
    enum status st = OK;
    while (row_next(r, &st, e) > 0)
        ;
    row_close(r);
    return st;
}

enum status row_run_with(struct ledger *l, enum stmt which, int64_t v, err *e)
{
    struct row r;
    enum status st = row_open(l, which, &r, e);
    if (st != OK)
        return st;
    row_int(&r, v);
    return row_run(&r, e);
}

int64_t cell_int(struct row *r)
{
    return sqlite3_column_int64(r->s, r->at++);
}

uint64_t cell_u64(struct row *r)
{
    return (uint64_t)cell_int(r);
}

int64_t cell_time(struct row *r)
{
    int at = r->at++;
    return sqlite3_column_type(r->s, at) == SQLITE_NULL ? TIME_NONE : sqlite3_column_int64(r->s, at);
}

slice cell_text(struct row *r)
{
    const unsigned char *p = sqlite3_column_text(r->s, r->at);
    int n = sqlite3_column_bytes(r->s, r->at++);
    return p && n > 0 ? slice_of((const char *)p, (size_t)n) : SLICE_EMPTY;
}

slice cell_blob(struct row *r)
{
    const void *p = sqlite3_column_blob(r->s, r->at);
    int n = sqlite3_column_bytes(r->s, r->at++);
    return p && n > 0 ? slice_of(p, (size_t)n) : SLICE_EMPTY;
}

enum status meta_get(struct ledger *l, slice name, int64_t *v, err *e)
{
    struct row r;
    enum status st = row_open(l, STMT_META_GET, &r, e);
    if (st != OK)
        return st;
    row_key(&r, name);
    *v = row_next(&r, &st, e) > 0 ? cell_int(&r) : 0;
    row_close(&r);
    return st;
}

enum status meta_put(struct ledger *l, slice name, int64_t v, err *e)
{
    struct row r;
    enum status st = row_open(l, STMT_META_PUT, &r, e);
    if (st != OK)
        return st;
    row_key(&r, name);
    row_int(&r, v);
    return row_run(&r, e);
}

/* ---- what a handle keeps in memory of small tables ---- */

static enum status data_version(struct ledger *l, int64_t *version, err *e)
{
    struct row r;
    enum status st = row_open(l, STMT_DATA_VERSION, &r, e);
    if (st != OK)
        return st;
    if (row_next(&r, &st, e) > 0)
        *version = cell_int(&r);
    row_close(&r);
    return st;
}

enum status kept_fresh(struct ledger *l, struct kept *k, bool *fresh, err *e)
{
    int64_t version = 0;
    *fresh = !k->stale;
    if (l->writing && k->looked)
        return OK;
    enum status st = data_version(l, &version, e);
    if (st != OK)
        return st;
    if (k->version != version)
        k->stale = true;
    k->version = version;
    k->looked = l->writing;
    *fresh = !k->stale;
    return OK;
}

void kept_read(struct ledger *l, struct kept *k)
{
    k->stale = false;
    k->looked = l->writing;
}

static struct kept *kept_of(struct ledger *l, unsigned i)
{
    return i ? around_kept(l->around) : endpoints_kept(l->endpoints);
}
#define KEPT_TABLES 2u

void kept_begin(struct ledger *l)
{
    for (unsigned i = 0; i < KEPT_TABLES; i++)
        if (kept_of(l, i))
            kept_of(l, i)->looked = false;
}

void kept_forget(struct ledger *l)
{
    for (unsigned i = 0; i < KEPT_TABLES; i++)
        if (kept_of(l, i))
            *kept_of(l, i) = (struct kept){.stale = true};
}
