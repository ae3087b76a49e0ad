/* What was known of receivers at a time: stored, found for the addresses that it concerns, seen by other handles, taken back. */
#include "fixture.h"

static struct ledger_circumstance incident_at(const char *domain)
{
    return (struct ledger_circumstance){.c = {.what = CIRCUMSTANCE_INCIDENT,
                                              .by = MARK_NONE,
                                              .from_us = NOON,
                                              .until_us = TIME_NONE,
                                              .reasons = CIRCUMSTANCE_ALL_REASONS},
                                        .domain = slice_str(domain),
                                        .made_us = NOON + TIME_MINUTE,
                                        .actor = S("bounced"),
                                        .note = S("180 of 200 failed")};
}

static struct ledger_circumstance breaker_of(const char *feed, const char *tenant)
{
    struct ledger_circumstance c = incident_at("");
    c.c.what = CIRCUMSTANCE_BREAKER;
    c.c.by = MARK_FEED;
    c.name = slice_str(feed);
    c.tenant = slice_str(tenant);
    return c;
}

static void put(struct fixture *f, struct ledger_circumstance *c)
{
    assert_ok(f, ledger_begin(f->l, &f->e));
    assert_ok(f, ledger_put_circumstance(f->l, c, &f->e));
    assert_ok(f, ledger_commit(f->l, &f->e));
}

static size_t around(struct fixture *f, struct ledger *l, const char *tenant, const char *domain, int64_t *first)
{
    const struct circumstance *list;
    size_t n;
    assert_ok(f, ledger_around(l, slice_str(tenant), slice_str(domain), &f->a, &list, &n, &f->e));
    *first = n ? list[0].id : 0;
    return n;
}

static void concern_whom_they_name(void **state)
{
    struct fixture *f = *state;
    int64_t id;
    assert_int_equal(around(f, f->l, "", "example.com", &id), 0);
    struct ledger_circumstance here = incident_at("example.com"), feed = breaker_of("hook:x", ""),
                               theirs = breaker_of("hook:y", "acme");
    put(f, &here);
    assert_int_equal(around(f, f->l, "", "example.com", &id), 1);
    assert_int_equal(id, here.c.id);
    assert_int_equal(around(f, f->l, "", "example.org", &id), 0);
    put(f, &feed);
    assert_int_equal(around(f, f->l, "", "example.com", &id), 2);
    assert_int_equal(around(f, f->l, "acme", "example.org", &id), 1);
    put(f, &theirs);
    assert_int_equal(around(f, f->l, "acme", "example.org", &id), 2);
    assert_int_equal(around(f, f->l, "other", "example.org", &id), 1);
    assert_true(here.c.id < feed.c.id && feed.c.id < theirs.c.id);
    assert_true(feed.c.mark == policy_mark(S("hook:x")));
    here.undone = true;
    put(f, &here);
    assert_int_equal(around(f, f->l, "", "example.com", &id), 1);
    assert_int_equal(id, feed.c.id);
}

static void come_back_as_they_were(void **state)
{
    struct fixture *f = *state;
    struct ledger_circumstance put_in = breaker_of("hook:x", "acme"), got;
    put_in.c.until_us = NOON + TIME_DAY;
    put_in.c.reasons = UINT64_C(1) << 63 | 5;
    put_in.manual = true;
    put_in.work_seq = 17;
    put(f, &put_in);
    assert_ok(f, ledger_get_circumstance(f->l, put_in.c.id, &f->a, &got, &f->e));
    assert_true(got.c.id == put_in.c.id && got.c.from_us == put_in.c.from_us && got.c.until_us == put_in.c.until_us);
    assert_true(got.c.reasons == put_in.c.reasons && got.c.mark == put_in.c.mark);
    assert_true(got.c.what == put_in.c.what && got.c.by == put_in.c.by);
    assert_slice(got.name, "hook:x");
    assert_slice(got.tenant, "acme");
    assert_slice(got.note, "180 of 200 failed");
    assert_true(got.manual && !got.undone && got.work_seq == 17);
    assert_int_equal(ledger_get_circumstance(f->l, 99, &f->a, &got, &f->e), E_NOT_FOUND);
    struct ledger_circumstance both = incident_at("example.com"), neither = incident_at("");
    both.name = S("gmail");
    assert_ok(f, ledger_begin(f->l, &f->e));
    assert_int_equal(ledger_put_circumstance(f->l, &both, &f->e), E_INVALID);
    assert_int_equal(ledger_put_circumstance(f->l, &neither, &f->e), E_INVALID);
    ledger_abort(f->l);
}

static void other_handles_see_them(void **state)
{
    struct fixture *f = *state;
    struct ledger *other;
    int64_t id;
    struct ledger_options o = {.path = f->path};
    assert_ok(f, ledger_open(&o, &other, &f->e));
    assert_int_equal(around(f, other, "", "example.com", &id), 0);
    struct ledger_circumstance c = incident_at("example.com");
    put(f, &c);
    assert_int_equal(around(f, other, "", "example.com", &id), 1);
    assert_ok(f, ledger_begin(f->l, &f->e)); /* what is taken back is forgotten */
    c.undone = true;
    assert_ok(f, ledger_put_circumstance(f->l, &c, &f->e));
    assert_int_equal(around(f, f->l, "", "example.com", &id), 0);
    ledger_abort(f->l);
    assert_int_equal(around(f, f->l, "", "example.com", &id), 1);
    ledger_close(&other);
}

static void old_ones_go(void **state)
{
    struct fixture *f = *state;
    int64_t id, n;
    struct ledger_circumstance open = incident_at("example.com"), over = incident_at("example.com"),
                               working = incident_at("example.com");
    over.c.until_us = working.c.until_us = NOON + TIME_HOUR;
    working.work_seq = 1;
    put(f, &open);
    put(f, &over);
    put(f, &working);
    assert_ok(f, ledger_begin(f->l, &f->e));
    assert_ok(f, ledger_drop_circumstances(f->l, NOON + TIME_DAY, &n, &f->e));
    assert_ok(f, ledger_commit(f->l, &f->e));
    assert_int_equal(n, 1);
    assert_int_equal(around(f, f->l, "", "example.com", &id), 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(concern_whom_they_name, fixture_memory, fixture_end),
        cmocka_unit_test_setup_teardown(come_back_as_they_were, fixture_memory, fixture_end),
        cmocka_unit_test_setup_teardown(other_handles_see_them, fixture_file, fixture_end),
        cmocka_unit_test_setup_teardown(old_ones_go, fixture_memory, fixture_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
