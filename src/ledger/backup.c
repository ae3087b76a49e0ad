#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "ledger/schema.h"
#include "ledger/store.h"

#define BUSY_PAUSE_MS 20
#define BUSY_TRIES 500
#define TEMPORARY ".part"

/* ---- files ---- */

static enum status sync_path(const char *path, int flags, err *e)
{
    int fd = open(path, flags | O_CLOEXEC);
    if (fd < 0)
        return err_os(e, errno, "%s: open", path);
    enum status st = fsync(fd) == 0 ? OK : err_os(e, errno, "%s: sync", path);
    if (close(fd) != 0 && st == OK)
        st = err_os(e, errno, "%s: close", path);
    return st;
}

static enum status sync_directory_of(const char *path, err *e)
{
    char copy[PATH_MAX];
    snprintf(copy, sizeof copy, "%s", path);
    return sync_path(dirname(copy), O_RDONLY | O_DIRECTORY, e);
}

static enum status find_directory_of(const char *path, err *e)
{
    char copy[PATH_MAX];
    snprintf(copy, sizeof copy, "%s", path);
    const char *directory = dirname(copy);
    if (access(directory, F_OK) == 0)
        return OK;
    return err_set(e, E_NOT_FOUND, "%s: its directory %s is not there; make it, or name another path", path, directory);
}

static enum status put_in_place(const char *temporary, const char *to, err *e)
{
    enum status st = sync_path(temporary, O_RDONLY, e);
    if (st == OK && rename(temporary, to) != 0)
        st = err_os(e, errno, "%s: rename", to);
    return st == OK ? sync_directory_of(to, e) : st;
}

static enum status beside(const char *path, const char *end, char out[PATH_MAX], err *e)
{
    int n = snprintf(out, PATH_MAX, "%s%s", path, end);
    return n > 0 && n < PATH_MAX ? OK : err_set(e, E_INVALID, "%s: the name is too long", path);
}

static void remove_database(const char *path)
{
    static const char *const ends[] = {"", "-wal", "-shm", "-journal"};
    char name[PATH_MAX];
    for (size_t i = 0; i < ARRAY_LEN(ends); i++)
        if (beside(path, ends[i], name, NULL) == OK)
            (void)unlink(name); /* most are not there */
}

/* ---- copying ---- */

/* All in one step: it reads one state of the ledger, and writers go on meanwhile (their log grows until it is done). */
static enum status copy_pages(sqlite3 *from, sqlite3 *to, const char *path, err *e)
{
    sqlite3_backup *b = sqlite3_backup_init(to, "main", from, "main");
    if (!b)
        return store_fail_db(to, path, e, "copy");
    int rc, tries = 0;
    while ((rc = sqlite3_backup_step(b, -1)) == SQLITE_BUSY && tries++ < BUSY_TRIES)
        sqlite3_sleep(BUSY_PAUSE_MS);
    sqlite3_backup_finish(b);
    return rc == SQLITE_DONE ? OK : store_fail_db(to, path, e, "copy");
}

/* One plain file without a log beside it, so that renaming it moves all of it. */
static enum status copy_to(sqlite3 *from, const char *path, err *e)
{
    sqlite3 *to = NULL;
    int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE;
    enum status st = OK;
    remove_database(path);
    if (sqlite3_open_v2(path, &to, flags, NULL) != SQLITE_OK)
        st = store_fail_db(to, path, e, "open");
    if (st == OK)
        st = copy_pages(from, to, path, e);
    if (st == OK && sqlite3_exec(to, "PRAGMA journal_mode = DELETE", NULL, NULL, NULL) != SQLITE_OK)
        st = store_fail_db(to, path, e, "finish");
    if (sqlite3_close(to) != SQLITE_OK && st == OK)
        st = err_set(e, E_IO, "%s: close failed", path);
    return st;
}

enum status ledger_backup(struct ledger *l, const char *to, err *e)
{
    if (l->writing)
        return err_set(e, E_BUSY, "%s: backup inside of a transaction", l->path);
    if (access(to, F_OK) == 0)
        return err_set(e, E_DENIED, "%s: the file is there already; name a new one", to);
    char temporary[PATH_MAX];
    enum status st = beside(to, TEMPORARY, temporary, e);
    if (st == OK)
        st = find_directory_of(to, e);
    if (st != OK)
        return st;
    st = copy_to(l->db, temporary, e);
    if (st == OK)
        st = put_in_place(temporary, to, e);
    if (st != OK)
        remove_database(temporary);
    return st;
}

/* ---- restoring ---- */

static enum status check_integrity(sqlite3 *db, const char *path, err *e)
{
    sqlite3_stmt *s = NULL;
    enum status st = OK;
    if (sqlite3_prepare_v2(db, "PRAGMA integrity_check(1)", -1, &s, NULL) != SQLITE_OK ||
        sqlite3_step(s) != SQLITE_ROW) {
        st = store_fail_db(db, path, e, "check");
    } else {
        const unsigned char *word = sqlite3_column_text(s, 0);
        if (!word || strcmp((const char *)word, "ok") != 0)
            st = err_set(e, E_CORRUPT, "%s: %s; use another copy", path, word ? (const char *)word : "no answer");
    }
    sqlite3_finalize(s);
    return st;
}

static enum status check_copy(sqlite3 *db, const char *path, err *e)
{
    int version = 0;
    enum status st = schema_check(db, path, &version, e);
    if (st == OK && version == 0)
        st = err_set(e, E_INVALID, "%s: an empty file, no ledger; use another copy", path);
    return st == OK ? check_integrity(db, path, e) : st;
}

/* Nobody may have the old file open; closing it as the last one plays its log into it. What is left of a log then
 * belongs to a broken file and must not be played into the new one. */
static enum status clear_place(const char *to, err *e)
{
    static const char *const ends[] = {"-wal", "-shm", "-journal"};
    char log[PATH_MAX];
    sqlite3 *db = NULL;
    if (access(to, F_OK) != 0)
        return OK;
    int rc = sqlite3_open_v2(to, &db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, NULL);
    if (rc == SQLITE_OK)
        rc = sqlite3_exec(db, "PRAGMA locking_mode = EXCLUSIVE; BEGIN EXCLUSIVE; ROLLBACK", NULL, NULL, NULL);
    sqlite3_close(db);
    if (rc == SQLITE_BUSY)
        return err_set(e, E_BUSY, "%s: a program has it open; stop it first", to);
    for (size_t i = 0; i < ARRAY_LEN(ends); i++) {
        enum status st = beside(to, ends[i], log, e);
        if (st != OK)
            return st;
        if (unlink(log) != 0 && errno != ENOENT)
            return err_os(e, errno, "%s: remove", log);
    }
    return OK;
}

/* The old ledger stays as it is until the copy is whole. */
static enum status replace_with(sqlite3 *db, const char *to, bool overwrite, err *e)
{
    char temporary[PATH_MAX];
    if (!overwrite && access(to, F_OK) == 0)
        return err_set(e, E_DENIED, "%s: the file is there already; say that it may be replaced", to);
    enum status st = beside(to, TEMPORARY, temporary, e);
    if (st == OK)
        st = find_directory_of(to, e);
    if (st != OK)
        return st;
    st = copy_to(db, temporary, e);
    if (st == OK)
        st = clear_place(to, e);
    if (st == OK)
        st = put_in_place(temporary, to, e);
    if (st != OK)
        remove_database(temporary);
    return st;
}

enum status ledger_restore(const char *from, const char *to, bool overwrite, err *e)
{
    sqlite3 *db = NULL;
    int flags = SQLITE_OPEN_READONLY | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE;
    enum status st = OK;
    if (access(from, R_OK) != 0)
        return err_os(e, errno, "%s: open", from);
    if (sqlite3_open_v2(from, &db, flags, NULL) != SQLITE_OK)
        st = store_fail_db(db, from, e, "open");
    if (st == OK)
        st = check_copy(db, from, e);
    if (st == OK)
        st = replace_with(db, to, overwrite, e);
    sqlite3_close(db);
    return st;
}
