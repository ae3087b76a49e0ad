/* How often a stream sends, what `auto` makes of it, and that the choice stays until the measure is clearly another one. */
#include "check.h"

#include "core/cadence.h"

#define NOW_US (INT64_C(1700000000) * TIME_SECOND)

static void test_borders(void **state)
{
    (void)state;
    static const struct {
        enum preset before;
        unsigned sendings;
        int64_t days_by_10;
        enum preset choice;
    } table[] = {
        {PRESETS, 3, 10, PRESET_DEFAULT},
        {PRESETS, 2, 300, PRESET_DEFAULT},
        {PRESET_AUTO_DAILY, 2, 300, PRESET_AUTO_DAILY},
        {PRESETS, 4, 10, PRESET_DEFAULT},
        {PRESETS, 3, 300, PRESET_AUTO_MONTHLY},
        {PRESETS, 40, 10, PRESET_AUTO_DAILY},
        {PRESETS, 20, 25, PRESET_AUTO_DAILY},
        {PRESETS, 20, 30, PRESET_DEFAULT},
        {PRESET_AUTO_DAILY, 20, 30, PRESET_AUTO_DAILY},
        {PRESET_AUTO_DAILY, 20, 45, PRESET_DEFAULT},
        {PRESETS, 12, 70, PRESET_DEFAULT},
        {PRESETS, 5, 200, PRESET_DEFAULT},
        {PRESETS, 4, 210, PRESET_AUTO_MONTHLY},
        {PRESET_AUTO_MONTHLY, 5, 150, PRESET_AUTO_MONTHLY},
        {PRESET_AUTO_MONTHLY, 8, 130, PRESET_DEFAULT},
    };
    for (size_t i = 0; i < ARRAY_LEN(table); i++)
        assert_int_equal(cadence_choose(table[i].before, table[i].sendings, table[i].days_by_10 * (TIME_DAY / 10)),
                         table[i].choice);
}

struct world {
    struct ledger *l;
    struct policy p;
    arena a;
    err e;
};

static void must(struct world *w, enum status st)
{
    if (st != OK)
        fail_msg("%s", w->e.text);
}

static void world_init(struct world *w)
{
    struct ledger_options o = {.path = ":memory:", .create = true};
    arena_init(&w->a, 0);
    must(w, ledger_open(&o, &w->l, &w->e));
    policy_preset(&w->p, PRESET_AUTO);
}

static void world_fini(struct world *w)
{
    ledger_close(&w->l);
    arena_fini(&w->a);
}

/* One campaign (0: mail without one), `ago` days before now. */
static void send(struct world *w, slice tenant, slice stream, int campaign, int ago)
{
    struct ledger_tally t = {.hour = NOW_US / TIME_HOUR - 24 * ago,
                             .tenant = tenant,
                             .stream = stream,
                             .campaign = campaign ? arena_printf(&w->a, "c%d", campaign) : SLICE_EMPTY,
                             .domain = S("example.org"),
                             .kind = BOUNCE_KIND_DELIVERED,
                             .count = 10};
    must(w, ledger_add_tally(w->l, &t, &w->e));
    t.kind = BOUNCE_KIND_OPENED; /* long after: no sending */
    t.hour += 72;
    must(w, ledger_add_tally(w->l, &t, &w->e));
    if (!campaign)
        return;
    t.kind = BOUNCE_KIND_FAILED; /* a late bounce: the same campaign */
    must(w, ledger_add_tally(w->l, &t, &w->e));
}

struct heard {
    unsigned n;
    struct ledger_cadence last;
    enum preset before;
};

static void hear(void *ctx, const struct ledger_cadence *c, enum preset before)
{
    struct heard *h = ctx;
    h->n++;
    h->last = *c;
    h->before = before;
}

static unsigned measure(struct world *w, int64_t now_us, struct heard *h)
{
    unsigned changed;
    *h = (struct heard){0};
    must(w, cadence_measure(w->l, &w->p, now_us, hear, h, &changed, &w->e));
    return changed;
}

static struct tolerance slow_of(struct world *w, slice tenant, slice stream)
{
    struct policy p = w->p;
    must(w, cadence_apply(w->l, &p, &w->a, &w->e));
    return policy_stream(policy_of_tenant(&p, tenant), policy_name_hash(stream))->rows[ROW_SLOW];
}

static void test_measured_stored_and_applied(void **state)
{
    (void)state;
    struct world w;
    struct heard h;
    world_init(&w);
    must(&w, ledger_begin(w.l, &w.e));
    for (int i = 0; i < 40; i++)
        send(&w, SLICE_EMPTY, S("tx"), 0, i); /* every day, without campaigns */
    for (int i = 0; i < 3; i++)
        send(&w, SLICE_EMPTY, S("news"), 100 + i, 30 * i);
    for (int i = 0; i < 2; i++)
        send(&w, SLICE_EMPTY, S("rare"), 150 + i, 40 * i);
    for (int i = 0; i < 12; i++)
        send(&w, S("acme"), S("news"), 200 + i, 7 * i);
    for (int i = 0; i < 9; i++)
        send(&w, S("acme"), S("daily"), 300 + i, 2 * i);
    must(&w, ledger_commit(w.l, &w.e));
    assert_int_equal(measure(&w, NOW_US, &h), 4);
    assert_int_equal(h.n, 5); /* two sendings of rare are too few to choose by */
    struct tolerance daily, weekly, monthly, got;
    assert_int_equal(tolerance_parse(S("3 over 14d"), &monthly, NULL), OK);
    assert_int_equal(tolerance_parse(S("7 over 14d"), &daily, NULL), OK);
    assert_int_equal(tolerance_parse(S("5 over 14d"), &weekly, NULL), OK);
    got = slow_of(&w, SLICE_EMPTY, S("tx"));
    assert_true(tolerance_same(&got, &daily));
    got = slow_of(&w, SLICE_EMPTY, S("news"));
    assert_true(tolerance_same(&got, &monthly));
    got = slow_of(&w, SLICE_EMPTY, S("rare"));
    assert_true(tolerance_same(&got, &weekly));
    got = slow_of(&w, S("acme"), S("news"));
    assert_true(tolerance_same(&got, &weekly));
    got = slow_of(&w, S("acme"), S("daily"));
    assert_true(tolerance_same(&got, &daily));
    got = slow_of(&w, S("other"), S("daily"));
    assert_true(tolerance_same(&got, &weekly));   /* that of one tenant says nothing of another */
    assert_int_equal(measure(&w, NOW_US, &h), 0); /* nothing new: nothing is written */
    world_fini(&w);
}

static void test_a_line_of_the_settings_stays(void **state)
{
    (void)state;
    struct world w;
    struct heard h;
    struct policy p;
    world_init(&w);
    must(&w, ledger_begin(w.l, &w.e));
    for (int i = 0; i < 40; i++)
        send(&w, SLICE_EMPTY, SLICE_EMPTY, 0, i);
    must(&w, ledger_commit(w.l, &w.e));
    assert_int_equal(tolerance_parse(S("4 over 9d"), &w.p.base.rows[ROW_SLOW], NULL), OK);
    assert_int_equal(measure(&w, NOW_US, &h), 1);
    assert_true(h.before == PRESETS && h.last.choice == PRESET_AUTO_DAILY && h.last.sendings == 40 &&
                h.last.median_us == TIME_DAY);
    p = w.p;
    must(&w, cadence_apply(w.l, &p, &w.a, &w.e));
    assert_int_equal(p.base.rows[ROW_SLOW].count, 4);
    assert_int_equal(p.base.rows[ROW_CAMPAIGN].count, 5);
    assert_int_equal(p.base.cadence.sendings, 40);
    assert_true(policy_fingerprint(&p) != policy_fingerprint(&w.p));
    world_fini(&w);
}

static void test_other_presets_are_left_alone(void **state)
{
    (void)state;
    struct world w;
    struct heard h;
    world_init(&w);
    must(&w, ledger_begin(w.l, &w.e));
    for (int i = 0; i < 40; i++)
        send(&w, SLICE_EMPTY, S("tx"), 0, i);
    must(&w, ledger_commit(w.l, &w.e));
    assert_int_equal(measure(&w, NOW_US, &h), 1);
    policy_preset(&w.p, PRESET_KLAVIYO);
    assert_false(cadence_wanted(&w.p));
    struct tolerance got = slow_of(&w, SLICE_EMPTY, S("tx"));
    assert_int_equal(got.count, 8);
    assert_int_equal(measure(&w, NOW_US, &h), 0);
    assert_int_equal(h.n, 0);
    world_fini(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_borders),
        cmocka_unit_test(test_measured_stored_and_applied),
        cmocka_unit_test(test_a_line_of_the_settings_stays),
        cmocka_unit_test(test_other_presets_are_left_alone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
