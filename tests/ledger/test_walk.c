/* All addresses with what the fold needs of their events, read in one go. */
#include "fixture.h"

struct seen {
    char text[4096];
    size_t n, stop_after;
};

static bool note(void *ctx, const struct ledger_folds *folds)
{
    struct seen *s = ctx;
    size_t room = sizeof s->text - s->n;
    s->n += (size_t)snprintf(s->text + s->n, room, "%.*s:", SLICE_FMT(folds->row->key));
    for (size_t i = 0; i < folds->n; i++)
        s->n += (size_t)snprintf(s->text + s->n, sizeof s->text - s->n, " %d%s", (int)folds->events[i].key,
                                 folds->events[i].what == EVENT_BASELINE ? "b" : "");
    if (folds->baseline.n)
        s->n += (size_t)snprintf(s->text + s->n, sizeof s->text - s->n, " [%.*s]", SLICE_FMT(folds->baseline));
    s->n += (size_t)snprintf(s->text + s->n, sizeof s->text - s->n, "\n");
    return !s->stop_after || --s->stop_after > 0;
}

static int64_t add_address(struct fixture *f, const char *tenant, const char *key)
{
    struct ledger_address addr = made_address(key);
    addr.tenant = slice_str(tenant);
    assert_ok(f, ledger_put_address(f->l, &addr, &f->e));
    return addr.id;
}

static void add_event(struct fixture *f, int64_t id, uint64_t key, int64_t time_us, const char *baseline)
{
    struct observation o = made_observation("a@example.org", "550 no");
    o.time_us = time_us;
    struct ledger_event ev = made_event(&o, id, key);
    int64_t seq;
    if (baseline) {
        ev.what = EVENT_BASELINE;
        ev.fold.what = EVENT_BASELINE;
        ev.o = NULL;
        ev.baseline = slice_str(baseline);
    }
    assert_ok(f, ledger_put_event(f->l, &ev, &seq, &f->e));
    assert_true(seq > 0);
}

/* Three addresses whose events lie mixed in the table; the second one has none, the third two baselines. */
static void fill(struct fixture *f)
{
    assert_ok(f, ledger_begin(f->l, &f->e));
    int64_t a = add_address(f, "", "a@example.org");
    add_address(f, "", "b@example.org");
    int64_t c = add_address(f, "shop", "c@example.org");
    add_event(f, c, 5, NOON + 5, NULL);
    add_event(f, a, 2, NOON + 2, NULL);
    add_event(f, c, 3, NOON + 3, "newer");
    add_event(f, a, 1, NOON + 1, NULL);
    add_event(f, c, 4, NOON + 1, "older");
    assert_ok(f, ledger_commit(f->l, &f->e));
}

static void assert_walk(struct fixture *f, const char *tenant, int64_t after, size_t stop_after, const char *want)
{
    struct seen s = {.n = 0, .stop_after = stop_after};
    assert_ok(f, ledger_walk_folds(f->l, slice_str(tenant), after, note, &s, &f->e));
    assert_string_equal(s.text, want);
}

static void gives_every_address_its_events(void **state)
{
    struct fixture *f = *state;
    assert_walk(f, "", 0, 0, "");
    fill(f);
    assert_walk(f, "", 0, 0, "a@example.org: 1 2\nb@example.org:\nc@example.org: 4b 3b 5 [newer]\n");
    assert_walk(f, "shop", 0, 0, "c@example.org: 4b 3b 5 [newer]\n");
    assert_walk(f, "", 1, 0, "b@example.org:\nc@example.org: 4b 3b 5 [newer]\n");
    assert_walk(f, "", 0, 1, "a@example.org: 1 2\n");
    assert_walk(f, "", 3, 0, "");
}

static void may_be_asked_inside_a_transaction(void **state)
{
    struct fixture *f = *state;
    fill(f);
    assert_ok(f, ledger_begin(f->l, &f->e));
    add_event(f, 2, 9, NOON, NULL);
    assert_walk(f, "", 1, 1, "b@example.org: 9\n");
    ledger_abort(f->l);
    assert_walk(f, "", 1, 1, "b@example.org:\n");
}

/* What is written after the walk began is not seen by it. */
struct beside {
    struct fixture *f;
    struct seen seen;
};

static bool write_beside(void *ctx, const struct ledger_folds *folds)
{
    struct beside *b = ctx;
    if (folds->row->id == 1) {
        assert_ok(b->f, ledger_begin(b->f->l, &b->f->e));
        add_event(b->f, 2, 9, NOON, NULL);
        add_address(b->f, "", "d@example.org");
        assert_ok(b->f, ledger_commit(b->f->l, &b->f->e));
    }
    return note(&b->seen, folds);
}

static void another_handle_sees_one_moment(void **state)
{
    struct fixture *f = *state;
    struct ledger *reader;
    struct beside b = {.f = f};
    fill(f);
    assert_ok(f, ledger_open_beside(f->l, &reader, &f->e));
    assert_non_null(reader);
    assert_ok(f, ledger_walk_folds(reader, SLICE_EMPTY, 0, write_beside, &b, &f->e));
    assert_string_equal(b.seen.text, "a@example.org: 1 2\nb@example.org:\nc@example.org: 4b 3b 5 [newer]\n");
    ledger_close(&reader);
    assert_walk(f, "", 1, 1, "b@example.org: 9\n");
}

static void in_memory_there_is_one_handle(void **state)
{
    struct fixture *f = *state;
    struct ledger *reader = f->l;
    assert_ok(f, ledger_open_beside(f->l, &reader, &f->e));
    assert_null(reader);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(gives_every_address_its_events, fixture_memory, fixture_end),
        cmocka_unit_test_setup_teardown(gives_every_address_its_events, fixture_file, fixture_end),
        cmocka_unit_test_setup_teardown(may_be_asked_inside_a_transaction, fixture_file, fixture_end),
        cmocka_unit_test_setup_teardown(another_handle_sees_one_moment, fixture_file, fixture_end),
        cmocka_unit_test_setup_teardown(in_memory_there_is_one_handle, fixture_memory, fixture_end),
    };
    return cmocka_run_group_tests_name("walk", tests, NULL, NULL);
}
