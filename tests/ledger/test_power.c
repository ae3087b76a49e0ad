/* The power goes at random moments: what was acknowledged must be there, and the same test must see that nothing holds without
 * syncs. POWER_CUTS in the environment sets how many cuts there are. */
#include "batches.h"

#define CUTS 200
#define PATH "/ledger.db"
#define CHECKPOINT_PAGES 20 /* so that checkpoints, too, are cut */

static struct ledger_options options(const char *synchronous)
{
    return (struct ledger_options){.path = PATH,
                                   .create = true,
                                   .vfs = LOSSY_NAME,
                                   .synchronous = synchronous,
                                   .key = &batch_sip_key,
                                   .checkpoint_pages = CHECKPOINT_PAGES};
}

/* Writes from batch `from` on until the end or the cut; returns how many are acknowledged in all. */
static size_t write_on(const char *synchronous, size_t from)
{
    struct ledger_options o = options(synchronous);
    struct ledger *l;
    size_t acknowledged = from;
    err e;
    if (ledger_open(&o, &l, &e) != OK)
        return acknowledged;
    while (acknowledged < BATCHES && put_batch(l, acknowledged, &e) == OK)
        acknowledged++;
    ledger_close(&l);
    return acknowledged;
}

static uint64_t count_operations(const char *synchronous)
{
    struct lossy *disk = lossy_new(1);
    assert_int_equal(write_on(synchronous, 0), BATCHES);
    uint64_t n = lossy_operations(disk);
    lossy_free(&disk);
    return n;
}

/* Mounts again and looks; "" when all is well. */
static const char *look(const char *synchronous, struct lossy *disk, size_t acknowledged)
{
    struct ledger_options o = options(synchronous);
    struct ledger *l;
    err e;
    lossy_restart(disk);
    if (ledger_open(&o, &l, &e) != OK)
        return "the ledger does not open";
    const char *wrong = verify(l, acknowledged);
    ledger_close(&l);
    return *wrong || integrity_ok(PATH) ? wrong : "integrity_check is not ok";
}

/* One cut, a look, a second cut while going on, another look, then to the end. */
static const char *cut_twice(const char *synchronous, uint64_t seed, uint64_t operations)
{
    struct lossy *disk = lossy_new(seed);
    uint64_t spread = seed * UINT64_C(0x9e3779b97f4a7c15) >> 16;
    lossy_cut_at(disk, spread % operations);
    size_t acknowledged = write_on(synchronous, 0);
    const char *wrong = look(synchronous, disk, acknowledged);
    if (!*wrong) {
        lossy_cut_at(disk, lossy_operations(disk) + spread / operations % operations);
        acknowledged = write_on(synchronous, acknowledged);
        wrong = look(synchronous, disk, acknowledged);
    }
    if (!*wrong && (write_on(synchronous, acknowledged) != BATCHES || *(wrong = look(synchronous, disk, BATCHES))))
        wrong = *wrong ? wrong : "it does not go on";
    lossy_free(&disk);
    return wrong;
}

static uint64_t cuts(void)
{
    const char *told = getenv("POWER_CUTS");
    return told ? strtoull(told, NULL, 10) : CUTS;
}

static void nothing_acknowledged_is_lost(void **state)
{
    (void)state;
    uint64_t operations = count_operations("FULL");
    for (uint64_t seed = 1; seed <= cuts(); seed++) {
        const char *wrong = cut_twice("FULL", seed, operations);
        if (*wrong)
            fail_msg("seed %llu: %s", (unsigned long long)seed, wrong);
    }
}

/* The test is worth something only if it sees the loss where there is one. */
static void loss_without_syncs_is_seen(void **state)
{
    (void)state;
    static const char *const levels[] = {"OFF", "NORMAL"};
    for (size_t i = 0; i < ARRAY_LEN(levels); i++) {
        uint64_t operations = count_operations(levels[i]), lost = 0;
        for (uint64_t seed = 1; seed <= cuts(); seed++)
            lost += *cut_twice(levels[i], seed, operations) != '\0';
        print_message("synchronous=%s: %llu of %llu runs lost something\n", levels[i], (unsigned long long)lost,
                      (unsigned long long)cuts());
        assert_true(lost > cuts() / 10);
    }
}

/* The disk must lie in the same way twice, or a failure could not be looked at. */
static void same_seed_same_disk(void **state)
{
    (void)state;
    assert_true(count_operations("FULL") == count_operations("FULL"));
    assert_true(count_operations("FULL") > 100);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(same_seed_same_disk),
        cmocka_unit_test(nothing_acknowledged_is_lost),
        cmocka_unit_test(loss_without_syncs_is_seen),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
