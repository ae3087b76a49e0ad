#include "ledger/schema.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "ledger/store.h"

/* Indexes over hashes touch a page of their own for each new row, and pages are what a commit writes: so hashes that are looked
 * for near their time only (replies, sent) stand behind the day, where the pages of today stay few and warm. docs/ledger.md has
 * the measurement.
 *
 * Integers of enums stand as written in the headers and never change meaning. Times are microseconds UTC, NULL: not
 * told. Columns that name a text of few values (tenant, stream, domain, provider, ...) hold its number in `names`, 0 or
 * NULL the empty one. */
static const char first[] =
    "CREATE TABLE meta(name TEXT PRIMARY KEY, value ANY) STRICT, WITHOUT ROWID;"
    "CREATE TABLE names(id INTEGER PRIMARY KEY, text TEXT NOT NULL UNIQUE) STRICT;"
    "CREATE TABLE addresses(id INTEGER PRIMARY KEY, tenant INTEGER NOT NULL, key TEXT NOT NULL, address TEXT,"
    " state INTEGER NOT NULL, cause INTEGER NOT NULL, suppressions INTEGER NOT NULL, hold INTEGER NOT NULL,"
    " since_us INTEGER, until_us INTEGER, due_us INTEGER, seq INTEGER NOT NULL, history BLOB,"
    " first_seen_us INTEGER, last_delivered_us INTEGER, last_failed_us INTEGER) STRICT;"
    "CREATE UNIQUE INDEX addresses_key ON addresses(key, tenant);"
    "CREATE INDEX addresses_due ON addresses(due_us) WHERE due_us IS NOT NULL;"
    "CREATE TABLE suppressions(address INTEGER NOT NULL, scope INTEGER NOT NULL, stream INTEGER NOT NULL,"
    " cause INTEGER NOT NULL, reason INTEGER NOT NULL, since_us INTEGER, until_us INTEGER, hash INTEGER NOT NULL,"
    " domain INTEGER NOT NULL, seq INTEGER NOT NULL, PRIMARY KEY(address, scope, stream)) STRICT, WITHOUT ROWID;"
    "CREATE INDEX suppressions_seq ON suppressions(seq);"
    "CREATE TABLE replies(id INTEGER PRIMARY KEY, day INTEGER NOT NULL, hash_hi INTEGER NOT NULL, hash_lo INTEGER NOT "
    "NULL,"
    " text TEXT NOT NULL) STRICT;"
    "CREATE UNIQUE INDEX replies_hash ON replies(day, hash_hi, hash_lo);"
    "CREATE TABLE events(seq INTEGER PRIMARY KEY, source_hi INTEGER NOT NULL, source_lo INTEGER NOT NULL,"
    " address INTEGER NOT NULL, what INTEGER NOT NULL, time_us INTEGER NOT NULL, ingest_us INTEGER, fold BLOB,"
    " kind INTEGER NOT NULL, reason INTEGER NOT NULL, certainty INTEGER NOT NULL, trust INTEGER NOT NULL,"
    " cause INTEGER NOT NULL, scope INTEGER NOT NULL, flags INTEGER NOT NULL,"
    " stream INTEGER, campaign INTEGER, source INTEGER, provider INTEGER, feed INTEGER, format INTEGER, rule INTEGER,"
    " rules_version INTEGER, phase INTEGER, evidence INTEGER, sent_us INTEGER, recipient TEXT, sent_to TEXT,"
    " id_verp TEXT, id_envid TEXT, id_message TEXT, id_provider TEXT, id_queue TEXT, status TEXT, remote_mta TEXT,"
    " reporting_mta TEXT, sender TEXT, sending_ip TEXT, subject TEXT, platform_cause TEXT, new_address TEXT,"
    " actor TEXT, note TEXT, reverified TEXT, decision TEXT, baseline BLOB, reply INTEGER) STRICT;"
    "CREATE UNIQUE INDEX events_source ON events(source_hi, source_lo);"
    "CREATE INDEX events_address ON events(address);"
    "CREATE TABLE tallies(hour INTEGER NOT NULL, tenant INTEGER NOT NULL, stream INTEGER NOT NULL,"
    " campaign INTEGER NOT NULL, domain INTEGER NOT NULL, provider INTEGER NOT NULL, source INTEGER NOT NULL,"
    " sending_ip INTEGER NOT NULL, kind INTEGER NOT NULL, reason INTEGER NOT NULL, count INTEGER NOT NULL,"
    " PRIMARY KEY(hour, tenant, stream, campaign, domain, provider, source, sending_ip, kind, reason)) STRICT, WITHOUT "
    "ROWID;"
    "CREATE TABLE groups(id INTEGER PRIMARY KEY, hash_hi INTEGER NOT NULL, hash_lo INTEGER NOT NULL, text TEXT NOT "
    "NULL,"
    " example TEXT, provider INTEGER NOT NULL, reason INTEGER NOT NULL, count INTEGER NOT NULL, first_us INTEGER,"
    " last_us INTEGER, UNIQUE(hash_hi, hash_lo)) STRICT;"
    "CREATE TABLE feeds(name TEXT PRIMARY KEY, position TEXT, memory BLOB, updated_us INTEGER) STRICT, WITHOUT ROWID;"
    "CREATE TABLE domains(domain INTEGER NOT NULL, tenant INTEGER NOT NULL, delivered_us INTEGER NOT NULL,"
    " PRIMARY KEY(domain, tenant)) STRICT, WITHOUT ROWID;"
    "CREATE TABLE sent(day INTEGER NOT NULL, hash INTEGER NOT NULL, PRIMARY KEY(day, hash)) STRICT, WITHOUT ROWID;";

static const char acquisition[] = "CREATE TABLE acquired(key TEXT NOT NULL, tenant INTEGER NOT NULL, address TEXT, "
                                  "source INTEGER NOT NULL, form TEXT,"
                                  " batch TEXT, signed_up_us INTEGER, PRIMARY KEY(key, tenant)) STRICT, WITHOUT ROWID;";

static const char waiting[] =
    "CREATE TABLE waiting(domain INTEGER NOT NULL, tenant INTEGER NOT NULL, address INTEGER NOT "
    "NULL, PRIMARY KEY(domain, tenant, address)) STRICT, WITHOUT ROWID;";

/* What a row whose key is a hash must still tell: the hash of its plain key, of which the hashes that checks look for are made,
 * and the number of its domain, negative where the row is the whole domain. NULL where the key is plain. */
static const char hashed_rows[] = "ALTER TABLE addresses ADD COLUMN text_hash INTEGER;"
                                  "ALTER TABLE addresses ADD COLUMN domain INTEGER;";

static const char opaque[] =
    "CREATE TABLE opaque(tenant INTEGER NOT NULL, id TEXT NOT NULL, recipient TEXT NOT NULL, day INTEGER NOT "
    "NULL, PRIMARY KEY(tenant, id)) STRICT, WITHOUT ROWID;";

/* A dialect's memory in rows, so that a commit writes what has changed of it. */
static const char feed_memory[] = "CREATE TABLE feed_memory(feed TEXT NOT NULL, key BLOB NOT NULL, value BLOB NOT NULL,"
                                  " PRIMARY KEY(feed, key)) STRICT, WITHOUT ROWID;";

/* Letters to other systems (webhooks out): written with what they tell of, sent later, taken away when they arrived. An endpoint that
 * is no longer wanted stays, not active, with the letters that wait for it. */
static const char outbox[] =
    "CREATE TABLE endpoints(id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, tenant INTEGER NOT NULL, kinds INTEGER "
    "NOT NULL, streams TEXT, active INTEGER NOT NULL) STRICT;"
    "CREATE TABLE outbox(id INTEGER PRIMARY KEY AUTOINCREMENT, endpoint INTEGER NOT NULL, dead INTEGER NOT NULL, "
    "address INTEGER, kind INTEGER NOT NULL, body TEXT NOT NULL, made_us INTEGER NOT NULL, due_us INTEGER NOT NULL, "
    "attempts INTEGER NOT NULL, error TEXT) STRICT;"
    "CREATE INDEX outbox_endpoint ON outbox(endpoint, dead, id);"
    "CREATE INDEX outbox_address ON outbox(address) WHERE address IS NOT NULL;";

/* Keys to the HTTP API, as hashes. */
static const char api_keys[] =
    "CREATE TABLE api_keys(name TEXT PRIMARY KEY, id TEXT NOT NULL UNIQUE, hash BLOB NOT NULL, role "
    "INTEGER NOT NULL, tenant INTEGER NOT NULL, made_us INTEGER NOT NULL) STRICT, WITHOUT ROWID;";

/* Raw bodies of webhooks: stored before their sender is told so, taken away with what they told. */
static const char bodies[] =
    "CREATE TABLE bodies(id INTEGER PRIMARY KEY AUTOINCREMENT, hook TEXT NOT NULL, received_us INTEGER NOT "
    "NULL, odd INTEGER NOT NULL, body BLOB NOT NULL) STRICT;"
    "CREATE INDEX bodies_hook ON bodies(hook, odd, id);";

/* What was known of receivers at a time. A name (of a provider, a text, a feed) may be long and is rarely used twice: it stands here. */
static const char circumstances[] =
    "CREATE TABLE circumstances(id INTEGER PRIMARY KEY AUTOINCREMENT, tenant INTEGER NOT NULL, domain INTEGER NOT "
    "NULL, "
    "what INTEGER NOT NULL, marked_by INTEGER NOT NULL, name TEXT, reasons INTEGER NOT NULL, from_us INTEGER NOT NULL, "
    "until_us INTEGER, manual INTEGER NOT NULL, undone INTEGER NOT NULL, made_us INTEGER NOT NULL, actor TEXT, note "
    "TEXT, "
    "work_seq INTEGER NOT NULL) STRICT;";

/* Sums of the tallies for reports over long times (ledger/counter.h); months count from year 0. */
static const char sums[] =
    "CREATE TABLE tallies_days(day INTEGER NOT NULL, tenant INTEGER NOT NULL, stream INTEGER NOT NULL,"
    " campaign INTEGER NOT NULL, provider INTEGER NOT NULL, source INTEGER NOT NULL, sending_ip INTEGER NOT NULL,"
    " kind INTEGER NOT NULL, reason INTEGER NOT NULL, count INTEGER NOT NULL, first_hour INTEGER NOT NULL,"
    " PRIMARY KEY(day, tenant, stream, campaign, provider, source, sending_ip, kind, reason)) STRICT, WITHOUT ROWID;"
    "CREATE TABLE tallies_months(month INTEGER NOT NULL, tenant INTEGER NOT NULL, stream INTEGER NOT NULL,"
    " domain INTEGER NOT NULL, kind INTEGER NOT NULL, reason INTEGER NOT NULL, count INTEGER NOT NULL,"
    " PRIMARY KEY(month, tenant, stream, domain, kind, reason)) STRICT, WITHOUT ROWID;"
    "INSERT INTO tallies_days SELECT hour / 24, tenant, stream, campaign, provider, source, sending_ip, kind, reason,"
    " sum(count), min(hour) FROM tallies GROUP BY 1, 2, 3, 4, 5, 6, 7, 8, 9 HAVING sum(count) <> 0;"
    "INSERT INTO tallies_months SELECT strftime('%Y', hour * 3600, 'unixepoch') * 12 +"
    " strftime('%m', hour * 3600, 'unixepoch') - 1, tenant, stream, domain, kind, reason, sum(count) FROM tallies"
    " GROUP BY 1, 2, 3, 4, 5, 6 HAVING sum(count) <> 0;";

/* The figures of incidents that were noticed, beside their circumstances; and the meters that notice them (policy/meter.h), kept over a
 * restart: a cache. */
static const char incidents[] =
    "CREATE TABLE incidents(id INTEGER PRIMARY KEY, signal INTEGER NOT NULL, ending INTEGER NOT NULL, pause INTEGER "
    "NOT NULL,"
    " messages INTEGER NOT NULL, failed INTEGER NOT NULL, normal_ppm INTEGER NOT NULL, share_ppm INTEGER NOT NULL,"
    " seen_us INTEGER) STRICT;"
    "CREATE TABLE meters(key INTEGER PRIMARY KEY, bytes BLOB NOT NULL, updated_us INTEGER NOT NULL) STRICT;";

/* What is watched (watching.h): alerts and what of them is to be told, the rhythm of feeds, codes by provider and hour. */
static const char watching[] =
    "CREATE TABLE alerts(id INTEGER PRIMARY KEY AUTOINCREMENT, tenant INTEGER NOT NULL, rule TEXT NOT NULL, what TEXT "
    "NOT NULL, name TEXT NOT NULL, state INTEGER NOT NULL, since_us INTEGER, opened_us INTEGER, closed_us INTEGER, "
    "seen_us INTEGER, part INTEGER NOT NULL, whole INTEGER NOT NULL, limit_ppm INTEGER NOT NULL, usual_ppm INTEGER NOT "
    "NULL, cause TEXT, why TEXT, advice TEXT, look TEXT, acked_us INTEGER, acked_by TEXT, silent_until_us INTEGER) "
    "STRICT;"
    "CREATE UNIQUE INDEX alerts_live ON alerts(tenant, rule, what, name) WHERE closed_us IS NULL;"
    "CREATE TABLE notices(id INTEGER PRIMARY KEY AUTOINCREMENT, channel TEXT NOT NULL, alert INTEGER NOT NULL, turn "
    "INTEGER NOT NULL, text TEXT NOT NULL, made_us INTEGER NOT NULL, due_us INTEGER NOT NULL, attempts INTEGER NOT "
    "NULL) STRICT;"
    "CREATE TABLE beats(feed INTEGER NOT NULL, tenant INTEGER NOT NULL, heard_us INTEGER, memory BLOB, PRIMARY "
    "KEY(feed, tenant)) STRICT, WITHOUT ROWID;"
    "CREATE TABLE codes(hour INTEGER NOT NULL, tenant INTEGER NOT NULL, provider INTEGER NOT NULL, code INTEGER NOT "
    "NULL, phase INTEGER NOT NULL, reason INTEGER NOT NULL, count INTEGER NOT NULL, PRIMARY KEY(hour, tenant, "
    "provider, code, phase, reason)) STRICT, WITHOUT ROWID;";

/* What `auto` chose for each stream, and what it was chosen by: one row for each change. */
static const char cadences[] =
    "CREATE TABLE cadences(tenant INTEGER NOT NULL, stream INTEGER NOT NULL, since_us INTEGER NOT NULL, choice INTEGER "
    "NOT NULL, sendings INTEGER NOT NULL, median_us INTEGER NOT NULL, PRIMARY KEY(tenant, stream, since_us)) STRICT, "
    "WITHOUT ROWID;";

/* What mailbox providers say of the sender themselves; NULL: not told. */
static const char provider_reports[] =
    "CREATE TABLE provider_reports(provider TEXT NOT NULL, subject TEXT NOT NULL, tenant INTEGER NOT NULL, day INTEGER "
    "NOT NULL, "
    "source TEXT NOT NULL, level INTEGER, recipients INTEGER, complaint_ppm INTEGER, traps INTEGER, spf_ppm INTEGER, "
    "dkim_ppm INTEGER, dmarc_ppm INTEGER, error_ppm INTEGER, detail TEXT, "
    "PRIMARY KEY(provider, subject, tenant, day, source)) STRICT, WITHOUT ROWID;";

/* New ground that is watched. What was there before is no new ground. */
static const char grounds[] =
    "CREATE TABLE grounds(kind TEXT NOT NULL, name TEXT NOT NULL, tenant INTEGER NOT NULL, sent INTEGER NOT NULL,"
    " delivered INTEGER NOT NULL, hard INTEGER NOT NULL, soft INTEGER NOT NULL, block INTEGER NOT NULL,"
    " complaint INTEGER NOT NULL, engaged INTEGER NOT NULL, first_us INTEGER NOT NULL, delivered_us INTEGER,"
    " state INTEGER NOT NULL, judged_us INTEGER, actor TEXT, note TEXT, PRIMARY KEY(kind, name, tenant)) STRICT,"
    " WITHOUT ROWID;"
    "INSERT INTO grounds SELECT DISTINCT 'stream', n.text, t.tenant, 0, 0, 0, 0, 0, 0, 0, 0, NULL, 1, 0, NULL, NULL"
    " FROM tallies_days t JOIN names n ON n.id = t.stream;"
    "INSERT INTO grounds SELECT DISTINCT 'source', n.text, t.tenant, 0, 0, 0, 0, 0, 0, 0, 0, NULL, 1, 0, NULL, NULL"
    " FROM tallies_days t JOIN names n ON n.id = t.source;"
    "INSERT INTO grounds SELECT DISTINCT 'feed', n.text, b.tenant, 0, 0, 0, 0, 0, 0, 0, 0, NULL, 1, 0, NULL, NULL"
    " FROM beats b JOIN names n ON n.id = b.feed;"
    "INSERT INTO grounds SELECT DISTINCT 'country', lower(substr(n.text, -2)), t.tenant, 0, 0, 0, 0, 0, 0, 0, 0, NULL,"
    " 1, 0, NULL, NULL FROM tallies_months t JOIN names n ON n.id = t.domain WHERE substr(n.text, -3, 1) = '.';";

/* With the provider, which follows from the domain nearly always: as many rows, and domains of one provider can be told. */
static const char month_sums[] =
    "DROP TABLE tallies_months;"
    "CREATE TABLE tallies_months(month INTEGER NOT NULL, tenant INTEGER NOT NULL, stream INTEGER NOT NULL,"
    " domain INTEGER NOT NULL, provider INTEGER NOT NULL, kind INTEGER NOT NULL, reason INTEGER NOT NULL,"
    " count INTEGER NOT NULL, PRIMARY KEY(month, tenant, stream, domain, provider, kind, reason)) STRICT, WITHOUT "
    "ROWID;"
    "INSERT INTO tallies_months SELECT strftime('%Y', hour * 3600, 'unixepoch') * 12 +"
    " strftime('%m', hour * 3600, 'unixepoch') - 1, tenant, stream, domain, provider, kind, reason, sum(count)"
    " FROM tallies GROUP BY 1, 2, 3, 4, 5, 6, 7 HAVING sum(count) <> 0;";

/* What an event was held for before its reply was judged anew. */
static const char rejudged[] = "ALTER TABLE events ADD COLUMN was TEXT;";

/* By number; a migration that was released is never edited, the next one mends it. */
static const char *const migrations[] = {
    first,         acquisition, waiting,   hashed_rows, opaque,   feed_memory,      outbox,  api_keys,   bodies,
    circumstances, sums,        incidents, watching,    cadences, provider_reports, grounds, month_sums, rejudged};

int schema_version(void)
{
    return (int)ARRAY_LEN(migrations);
}

static enum status pragma_int(sqlite3 *db, const char *path, const char *sql, int *out, err *e)
{
    sqlite3_stmt *s = NULL;
    enum status st = OK;
    if (sqlite3_prepare_v2(db, sql, -1, &s, NULL) == SQLITE_OK && sqlite3_step(s) == SQLITE_ROW)
        *out = sqlite3_column_int(s, 0);
    else
        st = store_fail_db(db, path, e, "read");
    sqlite3_finalize(s);
    return st;
}

/* The first bytes of a database file: "Database File Format" 1.3 of SQLite's documentation. */
#define HEADER_BYTES 100
#define HEADER_MAGIC "SQLite format 3"
#define HEADER_PAGE_BYTES_AT 16
#define HEADER_PAGES_AT 28
#define HEADER_APPLICATION_AT 68

static uint32_t number_at(const unsigned char *p, size_t bytes)
{
    uint32_t v = 0;
    for (size_t i = 0; i < bytes; i++)
        v = v << 8 | p[i];
    return v;
}

/* Whether the file begins as a ledger does; `size` is what it has, `whole` what it had when it was written. */
static bool begins_as_ledger(const char *path, int64_t *size, int64_t *whole)
{
    unsigned char header[HEADER_BYTES] = {0};
    struct stat st;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    bool read_it = fd >= 0 && fstat(fd, &st) == 0 && read(fd, header, sizeof header) == HEADER_BYTES;
    if (fd >= 0)
        close(fd); /* only read */
    if (!read_it || memcmp(header, HEADER_MAGIC, sizeof HEADER_MAGIC) != 0)
        return false;
    uint32_t page_bytes = number_at(header + HEADER_PAGE_BYTES_AT, 2);
    *size = st.st_size;
    *whole = (int64_t)(page_bytes == 1 ? 65536 : page_bytes) * number_at(header + HEADER_PAGES_AT, 4);
    return number_at(header + HEADER_APPLICATION_AT, 4) == SCHEMA_APPLICATION_ID;
}

/* For a file that cannot be read as a database. */
static enum status tell_damage(const char *path, err *e)
{
    int64_t size, whole;
    if (!begins_as_ledger(path, &size, &whole))
        return err_set(e, E_INVALID, "%s: not a ledger: some other kind of file; name another path", path);
    if (size < whole)
        return err_set(
            e, E_CORRUPT,
            "%s: a ledger that was cut off: %lld of %lld bytes are there; use another copy, or restore a backup", path,
            (long long)size, (long long)whole);
    return err_set(e, E_CORRUPT, "%s: a damaged ledger; use another copy, or restore a backup", path);
}

enum status schema_check(sqlite3 *db, const char *path, int *version, err *e)
{
    int id = 0, tables = 0;
    enum status st = pragma_int(db, path, "PRAGMA application_id", &id, e);
    if (st == OK)
        st = pragma_int(db, path, "PRAGMA user_version", version, e);
    if (st == OK)
        st = pragma_int(db, path, "SELECT count(*) FROM sqlite_master", &tables, e);
    if (st == E_CORRUPT && id == 0)
        return tell_damage(path, e);
    if (st != OK)
        return st;
    if (id == 0 && *version == 0 && tables == 0)
        return OK;
    if (id != SCHEMA_APPLICATION_ID)
        return err_set(e, E_INVALID, "%s: not a ledger: a database of some other program; name another path", path);
    if (*version > schema_version())
        return err_set(
            e, E_UNSUPPORTED,
            "%s: written by a newer bounced: its schema is %d, this program knows up to %d; install that version "
            "or a later one",
            path, *version, schema_version());
    return OK;
}

static enum status migrate_one(sqlite3 *db, const char *path, int number, err *e)
{
    char stamp[96];
    snprintf(stamp, sizeof stamp, "PRAGMA application_id = %d; PRAGMA user_version = %d; COMMIT", SCHEMA_APPLICATION_ID,
             number);
    if (sqlite3_exec(db, "BEGIN IMMEDIATE", NULL, NULL, NULL) != SQLITE_OK)
        return store_fail_db(db, path, e, "begin migration");
    int now = 0; /* another process may have been faster */
    enum status st = pragma_int(db, path, "PRAGMA user_version", &now, e);
    if (st == OK && now < number &&
        (sqlite3_exec(db, migrations[number - 1], NULL, NULL, NULL) != SQLITE_OK ||
         sqlite3_exec(db, stamp, NULL, NULL, NULL) != SQLITE_OK))
        st = store_fail_db(db, path, e, "migrate");
    if (!sqlite3_get_autocommit(db))
        sqlite3_exec(db, "ROLLBACK", NULL, NULL, NULL);
    return st;
}

enum status schema_migrate(sqlite3 *db, const char *path, int version, int to, err *e)
{
    enum status st = OK;
    for (int number = version + 1; st == OK && number <= to; number++)
        st = migrate_one(db, path, number, e);
    return st;
}
