/* Memory refused at every allocation in turn: nothing breaks, what was there stays, and it is told. */
#include "base/arena.h"
#include "base/buf.h"
#include "base/map.h"
#include "base/text.h"
#include "check.h"
#include "refuse.h"

enum { PIECES = 64 };

static bool fill_arena(arena *a)
{
    char *pieces[PIECES];
    size_t n = 0;
    for (; n < PIECES; n++) {
        size_t size = (size_t)100 << (n % 12); /* some larger than the block in use */
        pieces[n] = arena_alloc(a, size);
        if (!pieces[n])
            break;
        memset(pieces[n], (int)n, size);
    }
    for (size_t i = 0; i < n; i++)
        assert_int_equal((unsigned char)pieces[i][(size_t)100 << (i % 12) >> 1], i);
    return n == PIECES;
}

static void test_arena(void **state)
{
    (void)state;
    bool refused = true;
    for (unsigned n = 0; refused; n++) {
        assert_true(n < 100);
        arena a;
        arena_init(&a, 0);
        refuse_after(n);
        bool whole = fill_arena(&a);
        refused = refuse_end();
        assert_int_equal(whole, !refused);
        assert_int_equal(a.limited, refused);
        arena_reset(&a);
        assert_true(fill_arena(&a)); /* it goes on once there is memory again */
        arena_fini(&a);
    }
}

static void test_arena_largest_blocks(void **state)
{
    (void)state;
    arena a;
    arena_init(&a, 0);
    for (int i = 0; i < 5000; i++) /* grows to blocks of 1 MB and on */
        assert_non_null(arena_alloc(&a, 1000));
    refuse_after(0);
    size_t before = a.used;
    while (arena_alloc(&a, 1000))
        ;
    assert_true(refuse_end());
    assert_true(a.used - before < 1 << 20);
    assert_null(arena_alloc(&a, SIZE_MAX / 4));
    arena_fini(&a);
}

static void test_arena_texts(void **state)
{
    (void)state;
    arena a;
    arena_init(&a, 0);
    refuse_after(0);
    assert_slice(arena_dup(&a, S("a")), SLICE_EMPTY);
    assert_slice(arena_printf(&a, "%d", 1), SLICE_EMPTY);
    assert_slice(text_lower(&a, S("A")), SLICE_EMPTY);
    assert_slice(text_squeeze(&a, S("a  b")), SLICE_EMPTY);
    assert_slice(text_safe_dup(&a, S("a\n"), 10), SLICE_EMPTY);
    assert_null(arena_calloc(&a, 1, 1));
    size_t cap = 0;
    assert_null(arena_grow(&a, NULL, 0, &cap, 1));
    assert_true(refuse_end());
    assert_int_equal(cap, 0);
    assert_true(a.limited);
    arena_fini(&a);
}

static void test_buf(void **state)
{
    (void)state;
    bool refused = true;
    for (unsigned n = 0; refused; n++) {
        assert_true(n < 100);
        buf b;
        size_t whole = 0;
        buf_init(&b, 0);
        refuse_after(n);
        for (int i = 0; i < 400; i++) {
            size_t before = b.n;
            buf_printf(&b, "%d,", i);
            buf_add(&b, S("0123456789"));
            whole += b.n - before >= 10;
            assert_int_equal(strlen(b.p), b.n);
        }
        refused = refuse_end();
        assert_int_equal(b.failed, refused);
        assert_int_equal(whole == 400, !refused);
        buf_clear(&b);
        buf_adds(&b, "again");
        assert_string_equal(b.p, "again");
        buf_fini(&b);
    }
}

static void test_map(void **state)
{
    (void)state;
    enum { N = 200 };
    static char names[N][4];
    static const struct sip_key key = {3, 4};
    bool refused = true;
    for (unsigned n = 0; refused; n++) {
        assert_true(n < 100);
        map m;
        size_t put = 0;
        map_init(&m, &key);
        refuse_after(n);
        for (; put < N; put++) {
            int len = snprintf(names[put], sizeof names[put], "%zu", put);
            void **place = map_put(&m, slice_of(names[put], (size_t)len));
            if (!place)
                break;
            *place = names[put];
        }
        refused = refuse_end();
        assert_int_equal(put == N, !refused);
        assert_int_equal(m.n, put);
        for (size_t i = 0; i < put; i++)
            assert_ptr_equal(map_get(&m, slice_str(names[i])), names[i]);
        map_fini(&m);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_arena),       cmocka_unit_test(test_arena_largest_blocks),
        cmocka_unit_test(test_arena_texts), cmocka_unit_test(test_buf),
        cmocka_unit_test(test_map),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
