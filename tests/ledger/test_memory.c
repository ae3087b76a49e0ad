/* Memory is refused at every allocation in turn, ours and SQLite's: a status comes back, nothing half is taken, and the ledger is
 * well when it is opened again. */
#include "batches.h"
#include "refuse.h"

#define SQLITE_STEP 5 /* of SQLite's many allocations every fifth is refused first */
#define WRITTEN 2     /* batches */

/* ---- SQLite's own ---- */

static sqlite3_mem_methods real;
static bool counting, refused;
static unsigned left;

static bool refuse_now(void)
{
    if (!counting)
        return false;
    if (left > 0) {
        left--;
        return false;
    }
    refused = true;
    return true;
}

static void *counted_malloc(int n)
{
    return refuse_now() ? NULL : real.xMalloc(n);
}

static void *counted_realloc(void *p, int n)
{
    return refuse_now() ? NULL : real.xRealloc(p, n);
}

static int count_sqlite(void **state)
{
    (void)state;
    assert_int_equal(sqlite3_config(SQLITE_CONFIG_GETMALLOC, &real), SQLITE_OK);
    sqlite3_mem_methods counted = real;
    counted.xMalloc = counted_malloc;
    counted.xRealloc = counted_realloc;
    assert_int_equal(sqlite3_config(SQLITE_CONFIG_MALLOC, &counted), SQLITE_OK);
    return 0;
}

/* ---- the work ---- */

static void remove_files(const struct fixture *f)
{
    static const char *const ends[] = {"", "-wal", "-shm", "-journal"};
    char path[160];
    for (size_t i = 0; i < ARRAY_LEN(ends); i++) {
        snprintf(path, sizeof path, "%s%s", f->path, ends[i]);
        (void)unlink(path);
    }
}

static enum status run(const struct fixture *f, size_t *acknowledged)
{
    struct ledger_options o = {.path = f->path, .create = true, .synchronous = "OFF", .key = &batch_sip_key};
    struct ledger *l;
    err e = {OK, ""};
    enum status st = ledger_open(&o, &l, &e);
    while (st == OK && *acknowledged < WRITTEN) {
        st = put_batch(l, *acknowledged, &e);
        *acknowledged += st == OK;
    }
    ledger_close(&l);
    return st;
}

static void expect_well(struct fixture *f, size_t acknowledged)
{
    struct ledger_options o = {.path = f->path, .create = true, .synchronous = "OFF", .key = &batch_sip_key};
    assert_ok(f, ledger_open(&o, &f->l, &f->e));
    assert_string_equal(verify(f->l, acknowledged), "");
    ledger_close(&f->l);
    remove_files(f);
}

static void ours_is_refused(void **state)
{
    struct fixture *f = *state;
    bool more = true;
    unsigned n = 0;
    ledger_close(&f->l);
    remove_files(f);
    for (; more; n++) {
        size_t acknowledged = 0;
        refuse_after(n);
        enum status st = run(f, &acknowledged);
        more = refuse_end();
        if (st != OK)
            assert_true(more && st == E_MEMORY);
        expect_well(f, acknowledged);
    }
    print_message("%u allocations of ours\n", n);
    assert_true(n > 8);
}

static void sqlites_is_refused(void **state)
{
    struct fixture *f = *state;
    unsigned n = 0;
    ledger_close(&f->l);
    remove_files(f);
    do {
        size_t acknowledged = 0;
        left = n;
        refused = false;
        counting = true;
        enum status st = run(f, &acknowledged);
        counting = false;
        if (st != OK && (!refused || st != E_MEMORY))
            fail_msg("allocation %u: %s", n, status_word(st));
        expect_well(f, acknowledged);
        n += SQLITE_STEP;
    } while (refused);
    print_message("%u allocations of SQLite's\n", n);
    assert_true(n > 500);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(ours_is_refused, fixture_file, fixture_end),
        cmocka_unit_test_setup_teardown(sqlites_is_refused, fixture_file, fixture_end),
    };
    return cmocka_run_group_tests(tests, count_sqlite, NULL);
}
