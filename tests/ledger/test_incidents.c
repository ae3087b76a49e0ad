/* Figures of incidents, meters, and the walk that finds whom a circumstance touches. */
#include "fixture.h"

static bool hashed;

static void reopen_hashed(struct fixture *f)
{
    struct ledger_options o = {.path = ":memory:", .create = true, .hash_addresses = true};
    ledger_close(&f->l);
    assert_ok(f, ledger_open(&o, &f->l, &f->e));
}

static void figures_are_kept(void **state)
{
    struct fixture *f = *state;
    struct ledger_incident in = {7, 1, 2, true, 100, 50, 12000, 500000, NOON}, out;
    assert_int_equal(ledger_get_incident(f->l, 7, &out, &f->e), E_NOT_FOUND);
    assert_int_equal(ledger_put_incident(f->l, &in, &f->e), E_DENIED); /* no transaction */
    assert_ok(f, ledger_begin(f->l, &f->e));
    assert_ok(f, ledger_put_incident(f->l, &in, &f->e));
    in.failed = 60;
    assert_ok(f, ledger_put_incident(f->l, &in, &f->e));
    assert_ok(f, ledger_commit(f->l, &f->e));
    assert_ok(f, ledger_get_incident(f->l, 7, &out, &f->e));
    assert_int_equal(out.failed, 60);
    assert_int_equal(out.share_ppm, 500000);
    assert_int_equal(out.seen_us, NOON);
    assert_true(out.pause);
}

struct meters {
    unsigned n;
    uint64_t keys;
};

static bool take_meter(void *ctx, uint64_t key, slice bytes)
{
    struct meters *m = ctx;
    m->n++;
    m->keys ^= key;
    assert_int_equal(bytes.n, 3);
    return true;
}

static void meters_are_kept_and_forgotten(void **state)
{
    struct fixture *f = *state;
    struct meters m = {0};
    assert_ok(f, ledger_begin(f->l, &f->e));
    assert_ok(f, ledger_put_meter(f->l, UINT64_MAX, S("one"), NOON, &f->e));
    assert_ok(f, ledger_put_meter(f->l, 5, S("two"), NOON - TIME_DAY, &f->e));
    assert_ok(f, ledger_put_meter(f->l, 5, S("new"), NOON - TIME_HOUR, &f->e));
    assert_ok(f, ledger_put_meter(f->l, 6, S("old"), NOON - TIME_DAY, &f->e));
    assert_ok(f, ledger_drop_meters(f->l, NOON - 2 * TIME_HOUR, &f->e));
    assert_ok(f, ledger_commit(f->l, &f->e));
    assert_ok(f, ledger_meters(f->l, take_meter, &m, &f->e));
    assert_int_equal(m.n, 2);
    assert_int_equal(m.keys, UINT64_MAX ^ 5);
}

/* ---- who is touched ---- */

static void put_failure(struct fixture *f, const char *tenant, const char *key, int64_t time_us, int64_t ingest_us,
                        const char *provider, enum bounce_kind kind)
{
    static uint64_t serial;
    int64_t seq;
    struct ledger_address row;
    slice name = slice_str(key);
    assert_ok(f, ledger_addresses(f->l, slice_str(tenant), &name, 1, &f->a, &row, &f->e));
    if (!row.id) {
        row = made_address(key);
        row.tenant = slice_str(tenant);
        assert_ok(f, ledger_put_address(f->l, &row, &f->e));
    }
    struct observation o = made_observation(key, "550 no such user");
    o.kind = kind;
    o.time_us = time_us;
    serial++;
    struct ledger_event ev = made_event(&o, row.id, serial);
    ev.address = name;
    ev.ingest_us = ingest_us;
    ev.fold.marks[MARK_PROVIDER] = policy_mark(slice_str(provider));
    assert_ok(f, ledger_put_event(f->l, &ev, &seq, &f->e));
    assert_true(seq > 0);
}

static void put_failures(struct fixture *f)
{
    assert_ok(f, ledger_begin(f->l, &f->e));
    put_failure(f, "", "early@bad.example", NOON - TIME_HOUR, NOON, "p", BOUNCE_KIND_FAILED);
    put_failure(f, "", "a@bad.example", NOON, NOON, "p", BOUNCE_KIND_FAILED);
    put_failure(f, "", "b@bad.example", NOON + TIME_MINUTE, NOON, "q", BOUNCE_KIND_DEFERRED);
    put_failure(f, "", "ok@bad.example", NOON, NOON, "p", BOUNCE_KIND_DELIVERED);
    put_failure(f, "", "x@notbad.example", NOON, NOON, "q", BOUNCE_KIND_FAILED);
    put_failure(f, "", "x@sub.bad.example", NOON, NOON, "q", BOUNCE_KIND_FAILED);
    put_failure(f, "acme", "a@bad.example", NOON, NOON, "q", BOUNCE_KIND_FAILED);
    put_failure(f, "", "late@bad.example", NOON + TIME_HOUR, NOON, "p", BOUNCE_KIND_FAILED);
    assert_ok(f, ledger_commit(f->l, &f->e));
}

struct touched {
    unsigned n, most;
};

static bool count_touched(void *ctx, int64_t address)
{
    struct touched *t = ctx;
    assert_true(address > 0);
    return ++t->n < t->most;
}

static unsigned touched_by(struct fixture *f, const struct ledger_circumstance *c, int64_t window, unsigned at_once)
{
    struct touched t = {0, 0};
    int64_t next = 0;
    do {
        int64_t after = next;
        t.most = t.n + at_once;
        assert_ok(f, ledger_touched(f->l, c, after, window, count_touched, &t, &next, &f->e));
        assert_true(!next || next > after);
    } while (next);
    return t.n;
}

static void those_in_it_are_found(void **state)
{
    struct fixture *f = *state;
    struct ledger_circumstance c = {.c = {.what = CIRCUMSTANCE_INCIDENT,
                                          .by = MARK_NONE,
                                          .from_us = NOON,
                                          .until_us = NOON + TIME_HOUR,
                                          .reasons = CIRCUMSTANCE_ALL_REASONS},
                                    .domain = S("bad.example")};
    if (hashed)
        reopen_hashed(f);
    put_failures(f);
    for (int64_t window = 1; window < 100; window += 7) {
        assert_int_equal(touched_by(f, &c, window, 100), 3);
        assert_int_equal(touched_by(f, &c, window, 1), 3);
    }
    c.tenant = S("acme");
    assert_int_equal(touched_by(f, &c, 1000, 100), 1);
    c.tenant = S("nobody");
    assert_int_equal(touched_by(f, &c, 1000, 100), 0);
    c.tenant = SLICE_EMPTY;
    c.c.until_us = TIME_NONE;
    assert_int_equal(touched_by(f, &c, 1000, 100), 4);
    c.c.reasons = UINT64_C(1) << BOUNCE_REASON_MAILBOX_FULL;
    assert_int_equal(touched_by(f, &c, 1000, 100), 0);
    c.c.reasons = CIRCUMSTANCE_ALL_REASONS;
    c.domain = SLICE_EMPTY;
    c.c.by = MARK_PROVIDER;
    c.c.mark = policy_mark(S("q"));
    assert_int_equal(touched_by(f, &c, 1000, 100), 4);
}

static void the_walk_begins_where_it_may(void **state)
{
    struct fixture *f = *state;
    int64_t seq, last;
    assert_ok(f, ledger_seq_at(f->l, NOON, &seq, &f->e));
    assert_int_equal(seq, 0);
    assert_ok(f, ledger_begin(f->l, &f->e));
    for (unsigned day = 0; day < 100; day++) {
        char key[40];
        snprintf(key, sizeof key, "a%u@bad.example", day);
        put_failure(f, "", key, NOON + day * TIME_DAY, NOON + day * TIME_DAY, "p", BOUNCE_KIND_FAILED);
    }
    assert_ok(f, ledger_commit(f->l, &f->e));
    assert_ok(f, ledger_seq(f->l, &last, &f->e));
    assert_ok(f, ledger_seq_at(f->l, NOON, &seq, &f->e));
    assert_int_equal(seq, 0);
    assert_ok(f, ledger_seq_at(f->l, NOON + 50 * TIME_DAY, &seq, &f->e));
    assert_true(seq > last * 45 / 100 && seq < last / 2);
    assert_ok(f, ledger_seq_at(f->l, NOON + 500 * TIME_DAY, &seq, &f->e));
    assert_int_equal(seq, last);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(figures_are_kept, fixture_memory, fixture_end),
        cmocka_unit_test_setup_teardown(meters_are_kept_and_forgotten, fixture_memory, fixture_end),
        cmocka_unit_test_setup_teardown(those_in_it_are_found, fixture_memory, fixture_end),
        cmocka_unit_test_setup_teardown(the_walk_begins_where_it_may, fixture_memory, fixture_end),
    };
    const struct CMUnitTest of_hashes[] = {
        cmocka_unit_test_setup_teardown(those_in_it_are_found, fixture_memory, fixture_end),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    hashed = true;
    return failed + cmocka_run_group_tests(of_hashes, NULL, NULL);
}
