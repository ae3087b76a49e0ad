/* Opening: new, old, newer and foreign files, reading only, two handles. */
#include <fcntl.h>
#include <sqlite3.h>
#include <sys/stat.h>

#include "fixture.h"
#include "ledger/schema.h"

static void run_sql(const struct fixture *f, const char *sql)
{
    sqlite3 *db;
    assert_int_equal(sqlite3_open(f->path, &db), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_close(db), SQLITE_OK);
}

static enum status try_open(struct fixture *f, struct ledger_options o)
{
    ledger_close(&f->l);
    o.path = f->path;
    enum status st = ledger_open(&o, &f->l, &f->e);
    assert_true((st == OK) == (f->l != NULL));
    return st;
}

static int64_t put_plain(struct fixture *f, struct ledger *l, const char *key)
{
    struct ledger_address addr = made_address(key);
    assert_ok(f, ledger_put_address(l, &addr, &f->e));
    return addr.id;
}

static bool has_address(struct fixture *f, struct ledger *l, const char *key)
{
    struct ledger_address got;
    slice k = slice_str(key);
    assert_ok(f, ledger_addresses(l, SLICE_EMPTY, &k, 1, &f->a, &got, &f->e));
    return got.id != 0;
}

static int empty(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);
    fixture_dir(f);
    arena_init(&f->a, 0);
    *state = f;
    return 0;
}

static void absent_file_is_made_only_when_asked(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(try_open(f, (struct ledger_options){0}), E_NOT_FOUND);
    assert_int_equal(try_open(f, (struct ledger_options){.read_only = true}), E_NOT_FOUND);
    assert_int_not_equal(access(f->path, F_OK), 0);
    assert_int_equal(try_open(f, (struct ledger_options){.create = true}), OK);
    assert_int_equal(ledger_schema_version(f->l), schema_version());
    struct sip_key key = *ledger_key(f->l);
    assert_int_equal(try_open(f, (struct ledger_options){0}), OK);
    assert_memory_equal(&key, ledger_key(f->l), sizeof key); /* made once */
    assert_int_equal(try_open(f, (struct ledger_options){.synchronous = "SOMETIMES"}), E_INVALID);
}

static void empty_file_becomes_a_ledger(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(close(open(f->path, O_CREAT | O_WRONLY, 0600)), 0);
    assert_int_equal(try_open(f, (struct ledger_options){.read_only = true}), E_NOT_FOUND);
    assert_int_equal(try_open(f, (struct ledger_options){0}), OK);
}

/* Cut off between the tables and the key. */
static void unfinished_ledger_is_finished(void **state)
{
    struct fixture *f = *state;
    fixture_open(f);
    ledger_close(&f->l);
    run_sql(f, "DELETE FROM meta");
    assert_int_equal(try_open(f, (struct ledger_options){.read_only = true}), E_NOT_FOUND);
    assert_int_equal(try_open(f, (struct ledger_options){0}), OK);
    ledger_close(&f->l);
    run_sql(f, "DELETE FROM meta; INSERT INTO meta VALUES('seq', 7)"); /* one that was in use has lost its key */
    assert_int_equal(try_open(f, (struct ledger_options){0}), E_CORRUPT);
}

static bool add_count(void *ctx, const struct tally_row *row)
{
    *(int64_t *)ctx += row->count;
    return true;
}

/* A file of schema 1 as the first release would have left it. */
static void old_file_is_migrated(void **state)
{
    struct fixture *f = *state;
    struct ledger_acquired q = {S(""), S("x@example.com"), S("x@example.com"), S("form"), S("f"), S("b"), NOON};
    sqlite3 *db;
    assert_int_equal(sqlite3_open(f->path, &db), SQLITE_OK);
    assert_ok(f, schema_migrate(db, f->path, 0, 1, &f->e));
    assert_int_equal(sqlite3_close(db), SQLITE_OK);
    run_sql(
        f,
        "INSERT INTO meta VALUES('key_0', 5), ('key_1', 6), ('hash_addresses', 0), ('seq', 41);"
        "INSERT INTO addresses(tenant, key, state, cause, suppressions, hold, seq) VALUES(0, 'old@example.com', "
        "0, 0, 0, 0, 41);"
        "INSERT INTO names(id, text) VALUES(1, 'd.example'), (2, 'spring');"
        "INSERT INTO tallies VALUES(480007, 0, 0, 2, 1, 0, 0, 0, 4, 0, 30), (480008, 0, 0, 2, 1, 0, 0, 0, 4, 0, 12)");
    assert_int_equal(try_open(f, (struct ledger_options){.read_only = true}), E_UNSUPPORTED);
    assert_int_equal(try_open(f, (struct ledger_options){0}), OK);
    assert_int_equal(ledger_schema_version(f->l), schema_version());
    assert_true(ledger_key(f->l)->k0 == 5 && ledger_key(f->l)->k1 == 6);
    assert_true(has_address(f, f->l, "old@example.com"));
    static const enum tally_by by_sums[] = {TALLY_CAMPAIGN, TALLY_DOMAIN}; /* of days, of months */
    for (size_t i = 0; i < ARRAY_LEN(by_sums); i++) {
        int64_t counted = 0;
        assert_ok(f, ledger_report(f->l, by_sums[i], SLICE_EMPTY, TIME_NONE, TIME_NONE, add_count, &counted, &f->e));
        assert_int_equal(counted, 42);
    }
    assert_ok(f, ledger_begin(f->l, &f->e));
    assert_ok(f, ledger_put_acquired(f->l, &q, &f->e));
    put_plain(f, f->l, "x@example.com");
    assert_ok(f, ledger_commit(f->l, &f->e));
    int64_t seq;
    assert_ok(f, ledger_seq(f->l, &seq, &f->e));
    assert_int_equal(seq, 42);
}

static void newer_file_is_refused(void **state)
{
    struct fixture *f = *state;
    char sql[64];
    fixture_open(f);
    ledger_close(&f->l);
    snprintf(sql, sizeof sql, "PRAGMA user_version = %d", schema_version() + 1);
    run_sql(f, sql);
    assert_int_equal(try_open(f, (struct ledger_options){.create = true}), E_UNSUPPORTED);
    assert_non_null(strstr(f->e.text, "newer"));
}

static void foreign_files_are_refused_and_left_alone(void **state)
{
    struct fixture *f = *state;
    struct stat before, after;
    run_sql(f, "CREATE TABLE theirs(x)");
    assert_int_equal(stat(f->path, &before), 0);
    assert_int_equal(try_open(f, (struct ledger_options){.create = true}), E_INVALID);
    assert_int_equal(stat(f->path, &after), 0);
    assert_true(before.st_size == after.st_size && before.st_mtim.tv_nsec == after.st_mtim.tv_nsec);
    FILE *out = fopen(f->path, "wb");
    for (int i = 0; i < 1000; i++)
        assert_true(fputs("this is a mailbox\n", out) >= 0);
    assert_int_equal(fclose(out), 0);
    assert_int_equal(try_open(f, (struct ledger_options){.create = true}), E_INVALID);
    assert_int_equal(stat(f->path, &after), 0);
    assert_int_equal(after.st_size, 18000);
}

static void reading_only_reads(void **state)
{
    struct fixture *f = *state;
    struct ledger *reader;
    fixture_open(f);
    assert_ok(f, ledger_begin(f->l, &f->e));
    put_plain(f, f->l, "x@example.com");
    assert_ok(f, ledger_commit(f->l, &f->e));
    struct ledger_options o = {.path = f->path, .read_only = true};
    assert_ok(f, ledger_open(&o, &reader, &f->e));
    assert_true(has_address(f, reader, "x@example.com"));
    assert_int_equal(ledger_begin(reader, &f->e), E_DENIED);
    ledger_close(&reader);
}

static void reader_sees_what_is_committed_and_the_second_writer_waits(void **state)
{
    struct fixture *f = *state;
    struct ledger *other;
    fixture_open(f);
    struct ledger_options o = {.path = f->path, .busy_ms = 1};
    assert_ok(f, ledger_open(&o, &other, &f->e));
    assert_ok(f, ledger_begin(f->l, &f->e));
    put_plain(f, f->l, "x@example.com");
    assert_false(has_address(f, other, "x@example.com"));
    assert_int_equal(ledger_begin(other, &f->e), E_BUSY);
    ledger_close(&other);
    assert_ok(f, ledger_open(&o, &other, &f->e)); /* opening waits for nobody */
    assert_ok(f, ledger_commit(f->l, &f->e));
    assert_true(has_address(f, other, "x@example.com"));
    int64_t first, second;
    assert_ok(f, ledger_seq(f->l, &first, &f->e));
    assert_ok(f, ledger_begin(other, &f->e));
    put_plain(f, other, "y@example.com");
    assert_ok(f, ledger_commit(other, &f->e));
    assert_ok(f, ledger_seq(f->l, &second, &f->e));
    assert_true(second > first); /* numbers go on across handles */
    ledger_close(&other);
}

int main(void)
{
#define EMPTY(test) cmocka_unit_test_setup_teardown(test, empty, fixture_end)
    const struct CMUnitTest tests[] = {
        EMPTY(absent_file_is_made_only_when_asked),
        EMPTY(empty_file_becomes_a_ledger),
        EMPTY(unfinished_ledger_is_finished),
        EMPTY(old_file_is_migrated),
        EMPTY(newer_file_is_refused),
        EMPTY(foreign_files_are_refused_and_left_alone),
        EMPTY(reading_only_reads),
        EMPTY(reader_sees_what_is_committed_and_the_second_writer_waits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
