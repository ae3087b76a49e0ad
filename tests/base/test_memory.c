/* arena, buf, err, map: what holds memory, and what happens when it is refused. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/map.h"
#include "base/pages.h"
#include "check.h"

static void test_arena_pieces(void **state)
{
    (void)state;
    arena a;
    arena_init(&a, 0);
    assert_null(a.block);
    char *pieces[200];
    for (size_t i = 0; i < ARRAY_LEN(pieces); i++) {
        pieces[i] = arena_alloc(&a, i * 7);
        assert_non_null(pieces[i]);
        assert_int_equal((uintptr_t)pieces[i] % 16, 0);
        memset(pieces[i], (int)i, i * 7);
    }
    for (size_t i = 0; i < ARRAY_LEN(pieces); i++)
        for (size_t k = 0; k < i * 7; k++)
            assert_int_equal((unsigned char)pieces[i][k], i);
    assert_false(a.limited);
    arena_fini(&a);
    assert_null(a.block);
}

static void test_arena_large(void **state)
{
    (void)state;
    arena a;
    arena_init(&a, 0);
    char *small = arena_alloc(&a, 8);
    char *large = arena_alloc(&a, 3 << 20); /* larger than any ordinary block */
    char *next = arena_alloc(&a, 8);
    assert_true(small && large && next);
    memset(large, 1, 3 << 20);
    assert_true(next > small && next - small < 4096); /* the block in use keeps its room */
    arena_reset(&a);
    assert_int_equal(a.used, 0);
    assert_non_null(a.block);
    assert_non_null(arena_alloc(&a, 4000));
    arena_fini(&a);
}

static void test_arena_only_large(void **state)
{
    (void)state;
    arena a;
    arena_init(&a, 0);
    assert_non_null(arena_alloc(&a, 2 << 20));
    arena_reset(&a); /* a block that large is not kept */
    assert_null(a.block);
    assert_non_null(arena_alloc(&a, 10));
    arena_fini(&a);
}

static void test_arena_cap(void **state)
{
    (void)state;
    arena a;
    arena_init(&a, 64);
    assert_non_null(arena_alloc(&a, 48));
    assert_null(arena_alloc(&a, 17));
    assert_true(a.limited);
    assert_int_equal(a.used, 48);
    assert_non_null(arena_alloc(&a, 16)); /* what still fits is given */
    assert_null(arena_alloc(&a, 0));
    assert_true(a.limited);
    arena_reset(&a);
    assert_false(a.limited);
    assert_non_null(arena_alloc(&a, 64));
    arena_fini(&a);
    assert_int_equal(a.cap, 64);
}

static void test_arena_overflow(void **state)
{
    (void)state;
    arena a;
    arena_init(&a, 0);
    assert_null(arena_alloc(&a, SIZE_MAX));
    assert_null(arena_alloc(&a, SIZE_MAX - 15));
    assert_null(arena_alloc(&a, SIZE_MAX / 2));
    assert_true(a.limited);
    arena_reset(&a);
    assert_null(arena_calloc(&a, SIZE_MAX / 2, 3));
    assert_true(a.limited);
    arena_reset(&a);
    assert_slice(arena_dup(&a, (slice){"x", SIZE_MAX}), SLICE_EMPTY);
    assert_non_null(arena_alloc(&a, 1));
    arena_fini(&a);
}

static void test_arena_text(void **state)
{
    (void)state;
    arena a;
    arena_init(&a, 0);
    memset(arena_alloc(&a, 64), 0xff, 64);
    arena_reset(&a);
    static const char zeros[64];
    assert_memory_equal(arena_calloc(&a, 8, 8), zeros, 64);
    slice s = arena_dup(&a, S("abc"));
    assert_slice(s, S("abc"));
    assert_int_equal(s.p[3], 0);
    s = arena_dup(&a, (slice){NULL, 0});
    assert_int_equal(s.n, 0);
    assert_int_equal(s.p[0], 0);
    assert_slice(arena_printf(&a, "%d-%s", 7, "x"), S("7-x"));
    assert_slice(arena_printf(&a, "%s", ""), SLICE_EMPTY);
    int *number = ARENA_NEW(&a, int);
    assert_int_equal(*number, 0);
    arena_fini(&a);
    arena_init(&a, 16);
    assert_slice(arena_dup(&a, S("0123456789abcdef")), SLICE_EMPTY);
    assert_slice(arena_printf(&a, "%s", "0123456789abcdef"), SLICE_EMPTY);
    assert_slice(arena_printf(&a, "%s", "0123456789abcde"), S("0123456789abcde"));
    assert_true(a.limited);
    arena_fini(&a);
}

static void test_arena_grow(void **state)
{
    (void)state;
    arena a;
    arena_init(&a, 4096);
    int *numbers = NULL;
    size_t n = 0, cap = 0;
    for (;;) {
        int *moved = arena_grow(&a, numbers, n, &cap, sizeof *numbers);
        if (!moved)
            break;
        numbers = moved;
        numbers[n] = (int)n;
        n++;
    }
    assert_true(a.limited);
    assert_int_equal(n, cap);
    assert_true(n >= 256);
    for (size_t i = 0; i < n; i++)
        assert_int_equal(numbers[i], i);
    cap = SIZE_MAX / 2 + 1;
    assert_null(arena_grow(&a, numbers, cap, &cap, 1));
    arena_fini(&a);
}

static void test_buf_append(void **state)
{
    (void)state;
    buf b;
    buf_init(&b, 0);
    assert_string_equal(b.p, "");
    assert_slice(buf_slice(&b), SLICE_EMPTY);
    buf_add(&b, SLICE_EMPTY);
    buf_adds(&b, "a");
    buf_addc(&b, '\0');
    buf_addu(&b, UINT64_MAX);
    buf_addc(&b, ' ');
    buf_addi(&b, INT64_MIN);
    buf_addi(&b, 0);
    buf_addi(&b, -1);
    buf_printf(&b, "<%s>", "x");
    assert_slice(buf_slice(&b), S("a\0"
                                  "18446744073709551615 -92233720368547758080-1<x>"));
    assert_int_equal(b.p[b.n], 0);
    assert_false(b.failed);
    buf_clear(&b);
    assert_string_equal(b.p, "");
    buf_fini(&b);
    assert_string_equal(b.p, "");
    buf_addc(&b, 'y');
    assert_string_equal(b.p, "y");
    buf_fini(&b);
}

static void test_buf_printf_lengths(void **state)
{
    (void)state;
    char text[1025];
    memset(text, 'z', sizeof text);
    for (int n = 0; n <= 1024; n++) { /* around every size at which the buffer grows */
        buf b;
        buf_init(&b, 0);
        buf_printf(&b, "%.*s", n, text);
        assert_int_equal(b.n, n);
        assert_int_equal(strlen(b.p), n);
        buf_fini(&b);
    }
}

static void test_buf_cap(void **state)
{
    (void)state;
    buf b;
    buf_init(&b, 5);
    buf_adds(&b, "abc");
    buf_adds(&b, "def");
    assert_true(b.failed);
    assert_string_equal(b.p, "abc");
    buf_printf(&b, "%s", "ghi");
    assert_string_equal(b.p, "abc");
    buf_adds(&b, "de");
    assert_string_equal(b.p, "abcde");
    buf_addc(&b, 'f');
    assert_string_equal(b.p, "abcde");
    assert_false(buf_reserve(&b, 1));
    assert_true(buf_reserve(&b, 0));
    buf_clear(&b);
    assert_false(b.failed);
    assert_true(buf_reserve(&b, 5));
    assert_false(buf_reserve(&b, SIZE_MAX));
    assert_false(buf_reserve(&b, SIZE_MAX - 1));
    buf_fini(&b);
    buf_init(&b, 0);
    assert_false(buf_reserve(&b, SIZE_MAX));
    assert_false(buf_reserve(&b, SIZE_MAX / 2));
    assert_true(b.failed);
    buf_fini(&b);
}

static void test_buf_consume(void **state)
{
    (void)state;
    buf b;
    buf_init(&b, 0);
    buf_consume(&b, 3);
    buf_adds(&b, "abcdef");
    buf_consume(&b, 0);
    buf_consume(&b, 2);
    assert_string_equal(b.p, "cdef");
    buf_consume(&b, 9);
    assert_string_equal(b.p, "");
    assert_int_equal(b.n, 0);
    buf_fini(&b);
}

static void test_err(void **state)
{
    (void)state;
    err e;
    assert_int_equal(err_set(&e, E_INVALID, "a: %d\nb\t%s", 7, "c"), E_INVALID);
    assert_int_equal(e.status, E_INVALID);
    assert_string_equal(e.text, "a: 7 b c");
    assert_int_equal(err_set(NULL, E_BUSY, "x"), E_BUSY);
    char name[1000];
    memset(name, 'n', sizeof name);
    name[999] = '\0';
    (void)err_set(&e, E_IO, "%s", name);
    assert_int_equal(strlen(e.text), sizeof e.text - 1);
}

static void test_err_os(void **state)
{
    (void)state;
    static const struct {
        int errnum;
        enum status want;
    } cases[] = {{ENOSPC, E_FULL},   {EDQUOT, E_FULL}, {ENOENT, E_NOT_FOUND},
                 {ENOMEM, E_MEMORY}, {EIO, E_IO},      {EACCES, E_ACCESS}};
    err e;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        assert_int_equal(err_os(&e, cases[i].errnum, "f"), cases[i].want);
        assert_int_equal(err_os(NULL, cases[i].errnum, "f"), cases[i].want);
        assert_int_equal(e.status, cases[i].want);
    }
    assert_string_equal(e.text, "f: Permission denied");
    (void)err_os(&e, 99999, "f");
    assert_string_equal(e.text, "f: error 99999 of the system");
    char name[1000]; /* a long name does not push out the cause */
    memset(name, 'n', sizeof name);
    name[999] = '\0';
    (void)err_os(&e, EACCES, "%s", name);
    assert_int_equal(strlen(e.text), sizeof e.text - 1);
    assert_true(slice_ends_ci(slice_str(e.text), S("nn: Permission denied")));
    (void)err_os(&e, EACCES, "%s", "");
    assert_string_equal(e.text, ": Permission denied");
}

static void test_status_word(void **state)
{
    (void)state;
    static const char *const words[] = {"ok",   "io",      "memory",      "not-found", "invalid", "busy",
                                        "full", "corrupt", "unsupported", "denied",    "access",  "unknown"};
    for (size_t i = 0; i < ARRAY_LEN(words); i++)
        assert_string_equal(status_word((enum status)i), words[i]);
}

static const struct sip_key key = {1, 2};

static void test_map(void **state)
{
    (void)state;
    enum { N = 5000 };
    arena a;
    map m;
    arena_init(&a, 0);
    map_init(&m, &key);
    assert_null(map_get(&m, S("0")));
    assert_null(map_remove(&m, S("0")));
    int *values = arena_calloc(&a, N, sizeof *values);
    for (size_t i = 0; i < N; i++) {
        void **place = map_put(&m, arena_printf(&a, "%zu", i));
        assert_non_null(place);
        assert_null(*place);
        *place = &values[i];
    }
    assert_int_equal(m.n, N);
    for (size_t i = 0; i < N; i += 3)
        assert_ptr_equal(map_remove(&m, arena_printf(&a, "%zu", i)), &values[i]);
    for (size_t i = 0; i < N; i++)
        assert_ptr_equal(map_get(&m, arena_printf(&a, "%zu", i)), i % 3 ? &values[i] : NULL);
    size_t at = 0, seen = 0;
    for (struct map_slot *slot; (slot = map_next(&m, &at));) {
        ++*(int *)slot->value;
        seen++;
    }
    assert_int_equal(seen, m.n);
    assert_int_equal(seen, N - (N + 2) / 3);
    for (size_t i = 0; i < N; i++)
        assert_int_equal(values[i], i % 3 != 0);
    map_clear(&m);
    at = 0;
    assert_null(map_next(&m, &at));
    assert_null(map_get(&m, S("1")));
    map_fini(&m);
    arena_fini(&a);
}

static void test_map_same_key(void **state)
{
    (void)state;
    map m;
    int one = 1;
    map_init(&m, &key);
    *map_put(&m, S("")) = &one;
    *map_put(&m, (slice){NULL, 0}) = &one; /* the same key */
    assert_int_equal(m.n, 1);
    assert_ptr_equal(map_get(&m, SLICE_EMPTY), &one);
    assert_null(map_get(&m, S("\0")));
    assert_ptr_equal(map_remove(&m, S("")), &one);
    assert_null(map_remove(&m, S("")));
    assert_int_equal(m.n, 0);
    map_fini(&m);
    *map_put(&m, S("again")) = &one;
    assert_ptr_equal(map_get(&m, S("again")), &one);
    map_fini(&m);
}

/* Puts and removes in a random order against a plain array. */
static void test_map_model(void **state)
{
    (void)state;
    static const char names[] = "abcdefghijklmnopqrstuvwxyz0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ";
    bool there[sizeof names] = {false};
    uint64_t seed = 42;
    map m;
    map_init(&m, &key);
    for (int step = 0; step < 20000; step++) {
        seed = seed * UINT64_C(6364136223846793005) + 1442695040888963407U;
        size_t i = (size_t)(seed >> 33) % (sizeof names - 1);
        slice name = {names + i, 1};
        bool put = seed >> 63;
        if (put)
            *map_put(&m, name) = &there[i];
        else
            assert_ptr_equal(map_remove(&m, name), there[i] ? &there[i] : NULL);
        there[i] = put;
        for (size_t k = 0; k < sizeof names - 1; k++)
            assert_ptr_equal(map_get(&m, (slice){names + k, 1}), there[k] ? &there[k] : NULL);
    }
    map_fini(&m);
}

/* Whether the kernel was asked for large pages under p (proc(5), VmFlags of smaps). */
static bool is_large(const void *p)
{
    char line[1024];
    unsigned long long from, to;
    bool inside = false, large = false;
    FILE *f = fopen("/proc/self/smaps", "r");
    assert_non_null(f);
    while (fgets(line, sizeof line, f)) {
        if (sscanf(line, "%llx-%llx ", &from, &to) == 2)
            inside = (uintptr_t)p >= from && (uintptr_t)p < to;
        else if (inside && strncmp(line, "VmFlags:", 8) == 0)
            large = strstr(line, " hg") != NULL;
    }
    fclose(f);
    return large;
}

/* A large buffer and a large piece stand in large pages, as far as the system has them; their bytes stay. */
static void test_large_pages(void **state)
{
    (void)state;
    if (access("/sys/kernel/mm/transparent_hugepage/enabled", R_OK) != 0 || access("/proc/self/smaps", R_OK) != 0) {
        print_message("skipped: this kernel has no large pages to ask for\n");
        skip();
    }
    buf b;
    arena a;
    buf_init(&b, 0);
    arena_init(&a, 0);
    for (unsigned i = 0; b.room < 4 * PAGES_LARGE_BYTES; i++)
        buf_printf(&b, "%07u\n", i);
    char *piece = arena_alloc(&a, PAGES_LARGE_BYTES);
    assert_non_null(piece);
    assert_true(is_large(b.p + b.room / 2));
    assert_true(is_large(piece + PAGES_LARGE_BYTES / 2));
    for (size_t i = 0; i < b.n / 8; i += 1000) {
        char number[32];
        snprintf(number, sizeof number, "%07zu\n", i);
        assert_memory_equal(b.p + i * 8, number, 8);
    }
    arena_fini(&a);
    buf_fini(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_arena_pieces),
        cmocka_unit_test(test_arena_large),
        cmocka_unit_test(test_arena_only_large),
        cmocka_unit_test(test_arena_cap),
        cmocka_unit_test(test_arena_overflow),
        cmocka_unit_test(test_arena_text),
        cmocka_unit_test(test_arena_grow),
        cmocka_unit_test(test_buf_append),
        cmocka_unit_test(test_buf_printf_lengths),
        cmocka_unit_test(test_buf_cap),
        cmocka_unit_test(test_buf_consume),
        cmocka_unit_test(test_large_pages),
        cmocka_unit_test(test_err),
        cmocka_unit_test(test_err_os),
        cmocka_unit_test(test_status_word),
        cmocka_unit_test(test_map),
        cmocka_unit_test(test_map_same_key),
        cmocka_unit_test(test_map_model),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
