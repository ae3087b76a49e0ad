/* The suppression table: answers, removal, growth, following, and readers beside a writer. */
#include <pthread.h>
#include <stdatomic.h>

#include "fixture.h"
#include "ledger/scope.h"
#include "ledger/table.h"

static const struct sip_key key = {1, 2};
static const slice none = SLICE_INIT("");

static struct table *made(size_t expected)
{
    struct table *t;
    err e;
    assert_int_equal(table_new(&key, expected, &t, &e), OK);
    return t;
}

static void put(struct table *t, enum scope scope, const char *tenant, const char *stream, const char *text,
                enum cause cause)
{
    err e;
    assert_int_equal(table_put(t, scope, slice_str(tenant), slice_str(stream), slice_str(text), cause, TIME_NONE, &e),
                     OK);
}

static struct table_hit check(const struct table *t, const char *tenant, const char *stream, const char *text)
{
    return table_check(t, slice_str(tenant), slice_str(stream), slice_str(text), NOON);
}

static void scopes_answer_in_their_order(void **state)
{
    (void)state;
    struct table *t = made(10);
    assert_false(check(t, "t", "s", "a@x.example").suppressed);
    put(t, SCOPE_STREAM, "t", "s", "x.example", CAUSE_MANUAL);
    assert_true(check(t, "t", "s", "a@x.example").domain);
    assert_int_equal(check(t, "t", "s", "a@x.example").scope, SCOPE_STREAM);
    assert_true(check(t, "t", "s", "x.example").suppressed); /* asked for the domain itself */
    assert_false(check(t, "t", "", "a@x.example").suppressed);
    put(t, SCOPE_STREAM, "t", "s", "a@x.example", CAUSE_UNSUBSCRIBED);
    assert_false(check(t, "t", "s", "a@x.example").domain);
    assert_int_equal(check(t, "t", "s", "a@x.example").cause, CAUSE_UNSUBSCRIBED);
    assert_false(check(t, "t", "r", "a@x.example").suppressed);
    put(t, SCOPE_TENANT, "t", "", "a@x.example", CAUSE_ESCALATED);
    assert_int_equal(check(t, "t", "r", "a@x.example").cause, CAUSE_ESCALATED);
    put(t, SCOPE_GLOBAL, "t", "ignored", "a@x.example", CAUSE_COMPLAINT);
    assert_int_equal(check(t, "t", "s", "a@x.example").cause, CAUSE_COMPLAINT);
    assert_false(check(t, "u", "s", "a@x.example").suppressed);
    assert_int_equal(table_count(t), 4);
    table_remove(t, SCOPE_GLOBAL, S("t"), none, S("a@x.example"));
    assert_int_equal(check(t, "t", "s", "a@x.example").cause, CAUSE_ESCALATED);
    table_remove(t, SCOPE_GLOBAL, S("t"), none, S("a@x.example")); /* not there: no harm */
    assert_int_equal(table_count(t), 3);
    table_free(&t);
    assert_null(t);
}

static void expiry_is_rounded_up_to_the_hour(void **state)
{
    (void)state;
    struct table *t = made(10);
    err e;
    assert_int_equal(table_put(t, SCOPE_GLOBAL, none, none, S("a@x"), CAUSE_ESCALATED, NOON + 1, &e), OK);
    assert_true(table_check(t, none, none, S("a@x"), NOON + TIME_HOUR - 1).suppressed);
    assert_true(table_check(t, none, none, S("a@x"), NOON).until_us == NOON + TIME_HOUR);
    assert_false(table_check(t, none, none, S("a@x"), NOON + TIME_HOUR).suppressed);
    put(t, SCOPE_GLOBAL, "", "", "a@x", CAUSE_HARD);
    assert_true(table_check(t, none, none, S("a@x"), NOON).until_us == TIME_NONE);
    /* the last hour is not rounded up */
    assert_int_equal(table_put(t, SCOPE_GLOBAL, none, none, S("a@x"), CAUSE_HARD, INT64_MAX, &e), OK);
    assert_true(table_check(t, none, none, S("a@x"), NOON).until_us == INT64_MAX / TIME_HOUR * TIME_HOUR);
    assert_int_equal(table_count(t), 1);
    table_free(&t);
}

static slice numbered(char out[32], size_t i)
{
    return slice_of(out, (size_t)snprintf(out, 32, "u%zu@x%zu.example", i, i % 7));
}

/* Against the plain truth: puts and removes in made-up order, through several grows. */
static void holds_what_was_put(void **state)
{
    (void)state;
    enum { N = 40000 };
    static bool in[N];
    struct table *t = made(0);
    uint64_t x = 1;
    size_t count = 0;
    char text[32];
    err e;
    for (size_t step = 0; step < 4 * N; step++) {
        x = x * UINT64_C(6364136223846793005) + 1442695040888963407u;
        size_t i = (size_t)(x >> 33) % N;
        if (x >> 62) {
            assert_int_equal(table_put(t, SCOPE_GLOBAL, none, none, numbered(text, i), CAUSE_HARD, TIME_NONE, &e), OK);
            count += !in[i];
            in[i] = true;
        } else {
            table_remove(t, SCOPE_GLOBAL, none, none, numbered(text, i));
            count -= in[i];
            in[i] = false;
        }
    }
    assert_int_equal(table_count(t), count);
    for (size_t i = 0; i < N; i++)
        assert_int_equal(table_check(t, none, none, numbered(text, i), NOON).suppressed, in[i]);
    enum { LIST = 37 };
    static char texts[LIST][32];
    slice keys[LIST];
    struct table_hit hits[LIST];
    for (size_t i = 0; i < LIST; i++)
        keys[i] = numbered(texts[i], i);
    table_check_many(t, none, none, keys, LIST, NOON, hits);
    struct scope_salt place = table_place(t, none, none);
    for (size_t i = 0; i < LIST; i++) {
        assert_int_equal(hits[i].suppressed, in[i]);
        assert_int_equal(table_check_at(t, &place, keys[i], NOON).suppressed, in[i]);
    }
    table_free(&t);
}

static struct ledger_address address_with(const char *text, const struct ledger_suppression *s)
{
    struct ledger_address addr = made_address(text);
    addr.suppressions = s;
    addr.suppression_count = 1;
    addr.tenant = S("t");
    return addr;
}

static void follows_the_ledger(void **state)
{
    struct fixture *f = *state;
    struct table *t;
    int64_t seq = 0;
    struct ledger_suppression global = made_suppression(SCOPE_GLOBAL, "", CAUSE_HARD);
    struct ledger_suppression stream = made_suppression(SCOPE_STREAM, "news", CAUSE_UNSUBSCRIBED);
    struct ledger_address a = address_with("a@x.example", &global), b = address_with("b@x.example", &stream);
    struct ledger_address domain = address_with("null.example", &global);
    assert_int_equal(table_new(ledger_key(f->l), 10, &t, &f->e), OK);
    assert_ok(f, table_follow(t, f->l, &seq, &f->e)); /* empty */
    assert_ok(f, ledger_begin(f->l, &f->e));
    assert_ok(f, ledger_put_address(f->l, &a, &f->e));
    assert_ok(f, ledger_put_address(f->l, &domain, &f->e));
    assert_ok(f, ledger_commit(f->l, &f->e));
    assert_ok(f, table_follow(t, f->l, &seq, &f->e));
    assert_true(seq > 0);
    assert_int_equal(check(t, "t", "", "a@x.example").cause, CAUSE_HARD);
    assert_true(check(t, "t", "", "anyone@null.example").domain);
    a.suppression_count = 0;
    assert_ok(f, ledger_begin(f->l, &f->e));
    assert_ok(f, ledger_put_address(f->l, &a, &f->e));
    assert_ok(f, ledger_put_address(f->l, &b, &f->e));
    assert_ok(f, ledger_commit(f->l, &f->e));
    assert_ok(f, table_follow(t, f->l, &seq, &f->e));
    assert_false(check(t, "t", "", "a@x.example").suppressed);
    assert_int_equal(check(t, "t", "news", "b@x.example").cause, CAUSE_UNSUBSCRIBED);
    assert_int_equal(table_count(t), 2);
    assert_ok(f, ledger_erase(f->l, S("t"), S("a@x.example"), none, NOON, &f->e)); /* follows without any text */
    assert_ok(f, table_follow(t, f->l, &seq, &f->e));
    assert_int_equal(check(t, "t", "", "a@x.example").cause, CAUSE_ERASED);
    struct table *anew;
    int64_t from = 0;
    assert_int_equal(table_new(ledger_key(f->l), 0, &anew, &f->e), OK);
    assert_ok(f, table_follow(anew, f->l, &from, &f->e));
    assert_int_equal(table_count(anew), table_count(t));
    assert_true(from == seq);
    table_free(&anew);
    table_free(&t);
}

static bool encode_nothing(void *ctx, int64_t address, slice old, const struct policy_event *gone, size_t n, arena *a,
                           slice *out)
{
    (void)ctx, (void)address, (void)old, (void)gone, (void)n, (void)a, (void)out;
    return false;
}

static void sleeper_starts_anew(void **state)
{
    struct fixture *f = *state;
    struct table *t;
    int64_t seq = 0, removed;
    struct ledger_retention r = {0};
    struct ledger_suppression global = made_suppression(SCOPE_GLOBAL, "", CAUSE_HARD);
    struct ledger_address a = address_with("a@x.example", &global), b = address_with("b@x.example", &global);
    assert_int_equal(table_new(ledger_key(f->l), 10, &t, &f->e), OK);
    assert_ok(f, ledger_begin(f->l, &f->e));
    assert_ok(f, ledger_put_address(f->l, &a, &f->e));
    assert_ok(f, ledger_put_address(f->l, &b, &f->e));
    assert_ok(f, ledger_commit(f->l, &f->e));
    assert_ok(f, table_follow(t, f->l, &seq, &f->e));
    a.suppression_count = 0;
    assert_ok(f, ledger_begin(f->l, &f->e));
    assert_ok(f, ledger_put_address(f->l, &a, &f->e));
    assert_ok(f, ledger_commit(f->l, &f->e));
    for (int i = 0; i < 2; i++)
        assert_ok(f, ledger_prune(f->l, &r, NOON, encode_nothing, NULL, &removed, &f->e));
    assert_ok(f, table_follow(t, f->l, &seq, &f->e));
    assert_false(check(t, "t", "", "a@x.example").suppressed);
    assert_true(check(t, "t", "", "b@x.example").suppressed);
    assert_int_equal(table_count(t), 1);
    table_free(&t);
}

/* ---- readers beside the writer ---- */

enum { STAYING = 500, MOVING = 20000, READERS = 2 };

struct shared {
    const struct table *t;
    atomic_bool stop;
    atomic_size_t missed, checked;
};

static void *read_on(void *ctx)
{
    struct shared *s = ctx;
    char text[32];
    size_t missed = 0, checked = 0;
    while (!atomic_load(&s->stop))
        for (size_t i = 0; i < STAYING; i++, checked++)
            missed += !table_check(s->t, none, none, numbered(text, i), NOON).suppressed;
    atomic_fetch_add(&s->missed, missed);
    atomic_fetch_add(&s->checked, checked);
    return NULL;
}

static void readers_never_miss_what_stays(void **state)
{
    (void)state;
    struct table *t = made(0); /* so that it grows under them */
    struct shared s = {.t = t};
    pthread_t readers[READERS];
    char text[32];
    err e;
    for (size_t i = 0; i < STAYING; i++)
        assert_int_equal(table_put(t, SCOPE_GLOBAL, none, none, numbered(text, i), CAUSE_HARD, TIME_NONE, &e), OK);
    for (size_t i = 0; i < READERS; i++)
        assert_int_equal(pthread_create(&readers[i], NULL, read_on, &s), 0);
    for (size_t round = 0; round < 3; round++) {
        for (size_t i = 0; i < MOVING; i++)
            assert_int_equal(
                table_put(t, SCOPE_GLOBAL, none, none, numbered(text, STAYING + i), CAUSE_HARD, TIME_NONE, &e), OK);
        for (size_t i = 0; i < MOVING; i++)
            table_remove(t, SCOPE_GLOBAL, none, none, numbered(text, STAYING + i));
    }
    atomic_store(&s.stop, true);
    for (size_t i = 0; i < READERS; i++)
        assert_int_equal(pthread_join(readers[i], NULL), 0);
    assert_int_equal(atomic_load(&s.missed), 0);
    assert_int_equal(table_count(t), STAYING);
    table_free(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(scopes_answer_in_their_order),
        cmocka_unit_test(expiry_is_rounded_up_to_the_hour),
        cmocka_unit_test(holds_what_was_put),
        cmocka_unit_test_setup_teardown(follows_the_ledger, fixture_memory, fixture_end),
        cmocka_unit_test_setup_teardown(sleeper_starts_anew, fixture_memory, fixture_end),
        cmocka_unit_test(readers_never_miss_what_stays),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
