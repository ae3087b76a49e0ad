#include "base/text.h"
#include "check.h"

static void test_utf8_len(void **state)
{
    (void)state;
    static const struct {
        slice text;
        size_t len;
    } cases[] = {
        {SLICE_INIT(""), 0},
        {SLICE_INIT("\0"), 1},
        {SLICE_INIT("a\xff"), 1},
        {SLICE_INIT("\x7f"), 1},
        {SLICE_INIT("\x80"), 0},
        {SLICE_INIT("\xbf"), 0},
        {SLICE_INIT("\xc0\x80"), 0}, /* overlong */
        {SLICE_INIT("\xc1\xbf"), 0},
        {SLICE_INIT("\xc2\x80"), 2},
        {SLICE_INIT("\xc2"), 0},
        {SLICE_INIT("\xc2\x7f"), 0},
        {SLICE_INIT("\xc2\xc0"), 0},
        {SLICE_INIT("\xdf\xbfx"), 2},
        {SLICE_INIT("\xe0\x9f\xbf"), 0}, /* overlong */
        {SLICE_INIT("\xe0\xa0\x80"), 3},
        {SLICE_INIT("\xe0\xa0"), 0},
        {SLICE_INIT("\xed\x9f\xbf"), 3},
        {SLICE_INIT("\xed\xa0\x80"), 0}, /* surrogates */
        {SLICE_INIT("\xed\xbf\xbf"), 0},
        {SLICE_INIT("\xee\x80\x80"), 3},
        {SLICE_INIT("\xef\xbf\xbf"), 3},
        {SLICE_INIT("\xf0\x8f\xbf\xbf"), 0}, /* overlong */
        {SLICE_INIT("\xf0\x90\x80\x80"), 4},
        {SLICE_INIT("\xf0\x90\x80"), 0},
        {SLICE_INIT("\xf0\x90\x80\x7f"), 0},
        {SLICE_INIT("\xf4\x8f\xbf\xbf"), 4},
        {SLICE_INIT("\xf4\x90\x80\x80"), 0}, /* above U+10FFFF */
        {SLICE_INIT("\xf5\x80\x80\x80"), 0},
        {SLICE_INIT("\xff"), 0},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        assert_int_equal(utf8_len(cases[i].text), cases[i].len);
}

static void test_utf8_round_trip(void **state)
{
    (void)state;
    for (uint32_t cp = 0; cp <= 0x10FFFF; cp++) {
        char out[4];
        size_t n = utf8_put(cp, out), len = 0;
        bool surrogate = cp >= 0xD800 && cp <= 0xDFFF;
        assert_int_equal(utf8_len((slice){out, n}), surrogate ? 0 : n);
        if (surrogate)
            continue;
        assert_int_equal(utf8_get((slice){out, n}, &len), cp);
        assert_int_equal(len, n);
        assert_true(n == 1 || utf8_len((slice){out, n - 1}) == 0);
    }
}

static void test_utf8_valid(void **state)
{
    (void)state;
    assert_true(utf8_valid(SLICE_EMPTY));
    assert_true(utf8_valid(S("plain text of some length")));
    assert_true(utf8_valid(S("Zustellung an \xc3\x9c unm\xc3\xb6glich \xe2\x82\xac \xf0\x9f\x93\xa7")));
    /* a broken byte at every place of the eight that are looked at together */
    for (size_t at = 0; at < 20; at++) {
        char text[20];
        memset(text, 'a', sizeof text);
        text[at] = '\xe4';
        assert_false(utf8_valid((slice){text, sizeof text}));
    }
}

static const struct {
    slice text;
    size_t max;
    slice want;
} safe_cases[] = {
    {SLICE_INIT(""), 10, SLICE_INIT("")},
    {SLICE_INIT("plain"), 5, SLICE_INIT("plain")},
    {SLICE_INIT("a  b"), 10, SLICE_INIT("a  b")},
    {SLICE_INIT("a\r\nb"), 10, SLICE_INIT("a b")},
    {SLICE_INIT("a\r\n \t b"), 10, SLICE_INIT("a b")},
    {SLICE_INIT("a \r\nb"), 10, SLICE_INIT("a b")},
    {SLICE_INIT("\x1b[31m\0x\x7f"), 20, SLICE_INIT(" [31m x ")},
    {SLICE_INIT("a\xc2\x85\xc2\x9f"
                "b"),
     20, SLICE_INIT("a b")}, /* C1 */
    {SLICE_INIT("a\xe2\x80\xa8"
                "b\xe2\x80\xa9"
                "c"),
     20, SLICE_INIT("a b c")}, /* U+2028, U+2029 */
    {SLICE_INIT("a\xe4"
                "b"),
     20,
     SLICE_INIT("a\xef\xbf\xbd"
                "b")},
    {SLICE_INIT("\xe2\x82"), 20, SLICE_INIT("\xef\xbf\xbd\xef\xbf\xbd")},
    {SLICE_INIT("\xe2\x80\xae"
                "x\xe2\x81\xa6y\xef\xbb\xbf"),
     20, SLICE_INIT("xy")},
    {SLICE_INIT("\xe2\x80\xaa\xe2\x80\xab\xe2\x80\xac\xe2\x80\xad\xe2\x81\xa7\xe2\x81\xa8\xe2\x81\xa9"), 20,
     SLICE_INIT("")},
    {SLICE_INIT("\xe2\x80\xa9\xe2\x80\xaf\xe2\x81\xa5"), 20,
     SLICE_INIT(" \xe2\x80\xaf\xe2\x81\xa5")}, /* next to them */
    {SLICE_INIT("a\n\xe2\x80\xae b"), 20, SLICE_INIT("a b")},
    {SLICE_INIT("abcdefgh"), 8, SLICE_INIT("abcdefgh")},
    {SLICE_INIT("abcdefgh"), 7, SLICE_INIT("abcd...")},
    {SLICE_INIT("abcdefgh"), 3, SLICE_INIT("...")},
    {SLICE_INIT("abcdefgh"), 2, SLICE_INIT("")},
    {SLICE_INIT("abcdefgh"), 0, SLICE_INIT("")},
    {SLICE_INIT("\xe2\x82\xac\xe2\x82\xac\xe2\x82\xac"), 9, SLICE_INIT("\xe2\x82\xac\xe2\x82\xac\xe2\x82\xac")},
    {SLICE_INIT("\xe2\x82\xac\xe2\x82\xac\xe2\x82\xac"), 8, SLICE_INIT("\xe2\x82\xac...")}, /* not within a character */
    {SLICE_INIT("\xe4\xe4\xe4"), 8, SLICE_INIT("\xef\xbf\xbd...")},
    {SLICE_INIT("abc\n\n\n\n\n"), 4, SLICE_INIT("abc ")},
};

static void test_safe(void **state)
{
    (void)state;
    arena a;
    arena_init(&a, 0);
    for (size_t i = 0; i < ARRAY_LEN(safe_cases); i++) {
        slice text = safe_cases[i].text, want = safe_cases[i].want;
        buf b;
        buf_init(&b, 0);
        buf_adds(&b, ">");
        text_add_safe(&b, text, safe_cases[i].max);
        assert_slice(slice_from(buf_slice(&b), 1), want);
        assert_int_equal(b.p[b.n], 0);
        buf_fini(&b);
        slice dup = text_safe_dup(&a, text, safe_cases[i].max);
        assert_slice(dup, want);
        if (slice_eq(text, want))
            assert_ptr_equal(dup.p, text.p);
        assert_true(text_safe(want));
        assert_int_equal(text_safe(text), slice_eq(text_safe_dup(&a, text, 1000), text));
    }
    arena_fini(&a);
}

static void test_refused(void **state)
{
    (void)state;
    arena a;
    arena_init(&a, 1);
    assert_slice(text_safe_dup(&a, S("a\nb"), 10), SLICE_EMPTY);
    assert_slice(text_lower(&a, S("A")), SLICE_EMPTY);
    assert_slice(text_squeeze(&a, S("a  b")), SLICE_EMPTY);
    assert_true(a.limited);
    arena_fini(&a);
    buf b;
    buf_init(&b, 2);
    buf_addc(&b, 'x');
    text_add_safe(&b, S("a\nb"), 10);
    assert_true(b.failed);
    assert_string_equal(b.p, "x");
    buf_fini(&b);
}

static void test_lower(void **state)
{
    (void)state;
    arena a;
    arena_init(&a, 0);
    slice same = S("abc-1@\xc3\x84");
    assert_ptr_equal(text_lower(&a, same).p, same.p);
    assert_null(a.block);
    assert_slice(text_lower(&a, S("User@EXAMPLE.org")), S("user@example.org"));
    assert_slice(text_lower(&a, SLICE_EMPTY), SLICE_EMPTY);
    arena_fini(&a);
}

static void test_ascii(void **state)
{
    char text[80];
    (void)state;
    memset(text, 'a', sizeof text);
    for (size_t n = 0; n <= sizeof text; n++) {
        assert_true(text_is_ascii((slice){text, n}));
        for (size_t i = 0; i < n; i++) {
            text[i] = '\x80';
            assert_false(text_is_ascii((slice){text, n}));
            text[i] = 'a';
        }
    }
}

static void test_squeeze(void **state)
{
    (void)state;
    static const struct {
        slice text, want;
    } cases[] = {
        {SLICE_INIT(""), SLICE_INIT("")},
        {SLICE_INIT(" \r\n "), SLICE_INIT("")},
        {SLICE_INIT("a"), SLICE_INIT("a")},
        {SLICE_INIT(" a b "), SLICE_INIT("a b")},
        {SLICE_INIT("a\tb"), SLICE_INIT("a b")},
        {SLICE_INIT("a  b"), SLICE_INIT("a b")},
        {SLICE_INIT("550-5.1.1 No\r\n 550 5.1.1  such \v\f user\n"), SLICE_INIT("550-5.1.1 No 550 5.1.1 such user")},
    };
    arena a;
    arena_init(&a, 0);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        assert_slice(text_squeeze(&a, cases[i].text), cases[i].want);
    slice same = S("  a b c ");
    assert_ptr_equal(text_squeeze(&a, same).p, same.p + 2);
    arena_fini(&a);
}

static void use_all(slice s, void *data)
{
    arena *a = data;
    (void)utf8_len(s);
    (void)utf8_valid(s);
    (void)text_lower(a, s);
    (void)text_squeeze(a, s);
    for (size_t max = 0; max < s.n + 4; max++) {
        slice safe = text_safe_dup(a, s, max);
        assert_true(safe.n <= max);
        assert_true(text_safe(safe));
    }
    /* from every place too, so that sequences are cut at both ends */
    for (size_t i = 0; i < s.n; i++)
        (void)utf8_len(slice_from(s, i));
    arena_reset(a);
}

static void test_prefixes(void **state)
{
    (void)state;
    arena a;
    arena_init(&a, 0);
    guard_prefixes(S("Zustellung \xc3\x9c\r\n \xe2\x82\xac\xf0\x9f\x93\xa7 \xe4\xf0\x90 A\x1b[0m\xe2\x80\xae.  "),
                   use_all, &a);
    arena_fini(&a);
}

static void test_comment_span(void **state)
{
    (void)state;
    static const struct {
        slice text;
        size_t span;
    } cases[] = {{SLICE_INIT("(a) b"), 3},    {SLICE_INIT("(a (b) c) d)"), 9}, {SLICE_INIT("(a \\) b) c"), 8},
                 {SLICE_INIT("(a (b) c"), 8}, {SLICE_INIT("()"), 2},           {SLICE_INIT("(\\"), 2}};
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        assert_int_equal(text_comment_span(cases[i].text), cases[i].span);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_utf8_len),     cmocka_unit_test(test_utf8_round_trip), cmocka_unit_test(test_utf8_valid),
        cmocka_unit_test(test_safe),         cmocka_unit_test(test_refused),         cmocka_unit_test(test_lower),
        cmocka_unit_test(test_ascii),        cmocka_unit_test(test_squeeze),         cmocka_unit_test(test_prefixes),
        cmocka_unit_test(test_comment_span),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
