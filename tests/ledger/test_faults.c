/* The disk fills up or fails at every operation in turn: a status comes back, nothing half is taken, nothing acknowledged is lost,
 * and the ledger goes on when it is opened again. */
#include "batches.h"

#define PATH "/ledger.db"
#define CHECKPOINT_PAGES 20

static struct ledger_options options(void)
{
    return (struct ledger_options){
        .path = PATH, .create = true, .vfs = LOSSY_NAME, .key = &batch_sip_key, .checkpoint_pages = CHECKPOINT_PAGES};
}

/* Opens and writes; stops at the first failure, whose status it gives. */
static enum status run(size_t *acknowledged)
{
    struct ledger_options o = options();
    struct ledger *l;
    err e = {OK, ""};
    enum status st = ledger_open(&o, &l, &e);
    while (st == OK && *acknowledged < BATCHES) {
        st = put_batch(l, *acknowledged, &e);
        *acknowledged += st == OK;
    }
    if (st != OK)
        assert_true(e.status == st && e.text[0]);
    ledger_close(&l);
    return st;
}

static void expect_well(size_t acknowledged)
{
    struct ledger_options o = options();
    struct ledger *l;
    err e = {OK, ""};
    if (ledger_open(&o, &l, &e) != OK)
        fail_msg("opens not: %s", e.text);
    assert_string_equal(verify(l, acknowledged), "");
    ledger_close(&l);
    assert_true(integrity_ok(PATH));
}

static uint64_t count_operations(void)
{
    struct lossy *disk = lossy_new(1);
    size_t acknowledged = 0;
    assert_int_equal(run(&acknowledged), OK);
    uint64_t n = lossy_operations(disk);
    lossy_free(&disk);
    return n;
}

static void fail_everywhere(int rc, uint64_t times, enum status want)
{
    uint64_t operations = count_operations();
    size_t seen = 0;
    for (uint64_t at = 0; at < operations; at++) {
        struct lossy *disk = lossy_new(1);
        size_t acknowledged = 0;
        lossy_fail_at(disk, at, times, rc);
        enum status st = run(&acknowledged);
        if (st != OK && st != want)
            fail_msg("operation %llu: %s, not %s", (unsigned long long)at, status_word(st), status_word(want));
        seen += st == want;
        lossy_fail_at(disk, UINT64_MAX, 0, 0);
        expect_well(acknowledged);
        if (acknowledged < BATCHES)
            assert_int_equal(run(&acknowledged), OK);
        expect_well(BATCHES);
        lossy_free(&disk);
    }
    assert_true(seen > 10);
}

static void write_errors_are_told(void **state)
{
    (void)state;
    fail_everywhere(SQLITE_IOERR_WRITE, 1, E_IO);
}

static void sync_errors_are_told(void **state)
{
    (void)state;
    fail_everywhere(SQLITE_IOERR_FSYNC, UINT64_MAX, E_IO);
}

static void full_disk_is_told(void **state)
{
    (void)state;
    fail_everywhere(SQLITE_FULL, UINT64_MAX, E_FULL);
}

/* The same handle goes on as soon as there is room again. */
static void full_disk_takes_nothing_and_goes_on(void **state)
{
    (void)state;
    struct lossy *disk = lossy_new(1);
    struct ledger_options o = options();
    struct ledger *l;
    err e;
    size_t batch = 0;
    o.checkpoint_pages = 100000;
    assert_int_equal(ledger_open(&o, &l, &e), OK);
    assert_int_equal(put_batch(l, batch++, &e), OK);
    lossy_limit(disk, lossy_bytes(disk) + 200000);
    while (batch < BATCHES && put_batch(l, batch, &e) == OK)
        batch++;
    assert_true(batch > 0 && batch < BATCHES);
    assert_int_equal(e.status, E_FULL);
    assert_string_equal(verify(l, batch), "");
    assert_int_equal(count_batch(l, batch), 0);
    assert_int_equal(put_batch(l, batch, &e), E_FULL);
    lossy_limit(disk, SIZE_MAX);
    for (; batch < BATCHES; batch++)
        assert_int_equal(put_batch(l, batch, &e), OK);
    assert_string_equal(verify(l, BATCHES), "");
    ledger_close(&l);
    lossy_free(&disk);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(write_errors_are_told),
        cmocka_unit_test(sync_errors_are_told),
        cmocka_unit_test(full_disk_is_told),
        cmocka_unit_test(full_disk_takes_nothing_and_goes_on),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
