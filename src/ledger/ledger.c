#include "ledger/ledger.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/random.h>

#include "ledger/schema.h"
#include "ledger/store.h"

#define BUSY_MS 5000
#define PAGE_BYTES "4096"  /* measured in docs/ledger.md */
#define CACHE_KIB "131072" /* of the writer */
#define CHECKPOINT_PAGES \
    32768 /* 128 MB of log between checkpoints: a page of an index is then written to the file once for many rows */
#define LOG_KEPT_BYTES "268435456"

/* ---- meta ---- */

static enum status put_meta(struct ledger *l, const struct ledger_options *o, err *e)
{
    struct sip_key key;
    if (o->key)
        key = *o->key;
    else if (getrandom(&key, sizeof key, 0) != (ssize_t)sizeof key)
        return err_os(e, errno, "%s: random key", l->path);
    enum status st = meta_put(l, S("key_0"), (int64_t)(key.k0 | 1), e); /* never 0 */
    if (st == OK)
        st = meta_put(l, S("key_1"), (int64_t)key.k1, e);
    return st == OK ? meta_put(l, S("hash_addresses"), o->hash_addresses, e) : st;
}

/* Once, in the first opening that got so far; an empty ledger without a key was cut off while it was made. */
static enum status make_meta(struct ledger *l, const struct ledger_options *o, err *e)
{
    int64_t key = 0, seq = 0;
    enum status st = meta_get(l, S("key_0"), &key, e);
    if (st != OK || key != 0)
        return st;
    st = store_exec(l, "BEGIN IMMEDIATE", e);
    if (st != OK)
        return st;
    st = meta_get(l, S("key_0"), &key, e); /* another process may have been faster */
    if (st == OK)
        st = meta_get(l, S("seq"), &seq, e);
    if (st == OK && key == 0 && seq == 0)
        st = put_meta(l, o, e);
    if (st == OK)
        st = store_exec(l, "COMMIT", e);
    if (!sqlite3_get_autocommit(l->db))
        sqlite3_exec(l->db, "ROLLBACK", NULL, NULL, NULL);
    return st;
}

static enum status read_meta(struct ledger *l, err *e)
{
    int64_t k0 = 0, k1 = 0, hashed = 0, seq = 0;
    enum status st = meta_get(l, S("seq"), &seq, e);
    if (st == OK)
        st = meta_get(l, S("key_0"), &k0, e);
    if (st == OK && k0 == 0)
        return err_set(e, seq == 0 ? E_NOT_FOUND : E_CORRUPT,
                       seq == 0 ? "%s: the ledger was not made to its end; open it for writing once"
                                : "%s: the ledger has lost its key; restore a backup",
                       l->path);
    if (st == OK)
        st = meta_get(l, S("key_1"), &k1, e);
    if (st == OK)
        st = meta_get(l, S("hash_addresses"), &hashed, e);
    l->key = (struct sip_key){(uint64_t)k0, (uint64_t)k1};
    l->hashed = hashed != 0;
    return st;
}

/* ---- open and close ---- */

static enum status set_up(struct ledger *l, const struct ledger_options *o, err *e)
{
    const char *wanted = o->synchronous ? o->synchronous : "FULL";
    static const char *const levels[] = {"FULL", "EXTRA", "NORMAL", "OFF"};
    char sql[64] = "";
    for (size_t i = 0; i < ARRAY_LEN(levels); i++)
        if (strcmp(levels[i], wanted) == 0)
            snprintf(sql, sizeof sql, "PRAGMA synchronous = %s", levels[i]);
    if (!sql[0])
        return err_set(e, E_INVALID, "%s: synchronous: no such level; use FULL", l->path);
    enum status st = store_exec(l, sql, e);
    if (st == OK)
        st = store_exec(l,
                        "PRAGMA cache_size = -" CACHE_KIB "; PRAGMA temp_store = MEMORY; PRAGMA trusted_schema = OFF;"
                        "PRAGMA foreign_keys = OFF; PRAGMA cell_size_check = ON",
                        e);
    if (st == OK && !o->read_only)
        st = store_exec(l, "PRAGMA journal_size_limit = " LOG_KEPT_BYTES, e);
    sqlite3_wal_autocheckpoint(l->db, o->checkpoint_pages ? o->checkpoint_pages : CHECKPOINT_PAGES);
    return st;
}

static enum status open_database(struct ledger *l, const struct ledger_options *o, err *e)
{
    int flags = SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE |
                (o->read_only ? SQLITE_OPEN_READONLY : SQLITE_OPEN_READWRITE | (o->create ? SQLITE_OPEN_CREATE : 0));
    if (sqlite3_open_v2(o->path, &l->db, flags, o->vfs) != SQLITE_OK) {
        int errnum = l->db ? sqlite3_system_errno(l->db) : 0;
        if (errnum == ENOENT)
            return err_set(e, E_NOT_FOUND, "%s: there is no ledger; `bounced ingest` makes one", o->path);
        return store_fail_db(l->db, o->path, e, "open");
    }
    sqlite3_busy_timeout(l->db, o->busy_ms ? o->busy_ms : BUSY_MS);
    return OK;
}

/* The page size counts only before the first page is written; WAL stays with the file. */
static enum status make_or_migrate(struct ledger *l, const struct ledger_options *o, int version, err *e)
{
    enum status st = OK;
    if (version == 0)
        st = store_exec(l, "PRAGMA page_size = " PAGE_BYTES, e);
    if (st == OK)
        st = store_exec(l, "PRAGMA journal_mode = WAL", e);
    if (st == OK)
        st = schema_migrate(l->db, l->path, version, schema_version(), e);
    return st == OK ? make_meta(l, o, e) : st;
}

/* Looks before anything is written: a file of somebody else stays as it is. */
static enum status look_at_file(struct ledger *l, const struct ledger_options *o, int *version, err *e)
{
    enum status st = schema_check(l->db, l->path, version, e);
    if (st == OK && *version == 0 && o->read_only)
        return err_set(e, E_NOT_FOUND, "%s: the file holds no ledger yet", l->path);
    if (st == OK && o->read_only && *version < schema_version())
        return err_set(
            e, E_UNSUPPORTED,
            "%s: written by an older bounced: its schema is %d, this program reads %d; whatever writes, such as "
            "`bounced ingest`, brings it up to date",
            l->path, *version, schema_version());
    return st;
}

static enum status open_in(struct ledger *l, const struct ledger_options *o, err *e)
{
    int version = 0;
    enum status st = open_database(l, o, e);
    if (st == OK)
        st = look_at_file(l, o, &version, e);
    if (st == OK)
        st = set_up(l, o, e);
    if (st == OK && !o->read_only)
        st = make_or_migrate(l, o, version, e);
    if (st == OK)
        st = read_meta(l, e);
    if (st != OK)
        return st;
    names_init(&l->names, &l->key);
    l->pending = pending_new(&l->key);
    return l->pending ? OK : err_set(e, E_MEMORY, "%s: open: out of memory", l->path);
}

enum status ledger_open(const struct ledger_options *o, struct ledger **out, err *e)
{
    *out = NULL;
    struct ledger *l = calloc(1, sizeof *l);
    if (l)
        l->path = strdup(o->path);
    if (!l || !l->path) {
        free(l);
        return err_set(e, E_MEMORY, "%s: open: out of memory", o->path);
    }
    l->read_only = o->read_only;
    enum status st = open_in(l, o, e);
    if (st != OK)
        ledger_close(&l);
    *out = l;
    return st;
}

enum status ledger_open_beside(struct ledger *l, struct ledger **out, err *e)
{
    const char *path = sqlite3_db_filename(l->db, "main");
    sqlite3_vfs *vfs = NULL;
    *out = NULL;
    if (!path || !*path)
        return OK;
    bool known = sqlite3_file_control(l->db, "main", SQLITE_FCNTL_VFS_POINTER, &vfs) == SQLITE_OK && vfs;
    struct ledger_options o = {.path = l->path, .read_only = true, .vfs = known ? vfs->zName : NULL};
    return ledger_open(&o, out, e);
}

void ledger_close(struct ledger **lp)
{
    struct ledger *l = *lp;
    *lp = NULL;
    if (!l)
        return;
    ledger_abort(l);
    for (size_t i = 0; i < STMTS; i++)
        sqlite3_finalize(l->stmts[i]);
    sqlite3_close(l->db);
    names_fini(&l->names);
    pending_free(&l->pending);
    endpoints_free(&l->endpoints);
    around_free(&l->around);
    free(l->path);
    free(l);
}

int ledger_schema_version(struct ledger *l)
{
    int version = 0;
    return schema_check(l->db, l->path, &version, NULL) == OK ? version : 0;
}

const struct sip_key *ledger_key(struct ledger *l)
{
    return &l->key;
}

bool ledger_hashed(const struct ledger *l)
{
    return l->hashed;
}

enum status ledger_seq(struct ledger *l, int64_t *seq, err *e)
{
    if (l->writing) {
        *seq = l->seq;
        return OK;
    }
    return meta_get(l, S("seq"), seq, e);
}

/* ---- transactions ---- */

/* Texts that were read stay good, since no number is given twice; numbers may have gone. */
static enum status look_for_pruned_names(struct ledger *l, err *e)
{
    int64_t pruned = 0;
    enum status st = meta_get(l, S("names_pruned"), &pruned, e);
    if (st == OK && pruned != l->names.pruned)
        map_clear(&l->names.ids);
    l->names.pruned = pruned;
    return st;
}

enum status ledger_begin(struct ledger *l, err *e)
{
    if (l->read_only)
        return err_set(e, E_DENIED, "%s: opened for reading only", l->path);
    if (l->broken)
        return err_set(e, E_IO, "%s: an earlier write failed in the system; open the ledger again", l->path);
    MUST(!l->writing);
    enum status st = store_exec(l, "BEGIN IMMEDIATE", e);
    if (st != OK)
        return st;
    l->writing = true;
    memset(l->replies, 0, sizeof l->replies);
    kept_begin(l);
    st = meta_get(l, S("seq"), &l->seq, e);
    if (st == OK)
        st = look_for_pruned_names(l, e);
    if (st != OK)
        ledger_abort(l);
    return st;
}

enum status ledger_commit(struct ledger *l, err *e)
{
    enum status st = store_writing(l, e);
    if (st == OK)
        st = pending_flush(l, e);
    if (st == OK)
        st = meta_put(l, S("seq"), l->seq, e);
    if (st != OK)
        return st;
    st = store_exec(l, "COMMIT", e);
    if (st == OK)
        l->writing = false;
    else
        l->broken = st == E_IO;
    return st;
}

void ledger_abort(struct ledger *l)
{
    if (!l->writing)
        return;
    for (size_t i = 0; i < STMTS; i++)
        sqlite3_reset(l->stmts[i]);
    if (!sqlite3_get_autocommit(l->db) && sqlite3_exec(l->db, "ROLLBACK", NULL, NULL, NULL) != SQLITE_OK)
        l->broken = true;
    l->writing = false;
    pending_forget(l->pending);
    kept_forget(l);
    names_forget(&l->names); /* it may know numbers that were given in vain */
}
