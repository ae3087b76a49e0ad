#include "check.h"

static void test_str(void **state)
{
    (void)state;
    assert_int_equal(slice_str(NULL).n, 0);
    assert_non_null(slice_str(NULL).p);
    assert_slice(slice_str("abc"), S("abc"));
    assert_non_null(slice_of(NULL, 0).p);
    assert_true(slice_empty(SLICE_EMPTY));
}

static void test_sub(void **state)
{
    (void)state;
    static const struct {
        size_t from, n;
        const char *want;
    } cases[] = {
        {0, 0, ""},
        {0, 6, "abcdef"},
        {0, 7, "abcdef"},
        {2, 2, "cd"},
        {5, 1, "f"},
        {6, 1, ""},
        {7, 1, ""},
        {3, SLICE_NPOS, "def"},
        {SLICE_NPOS, SLICE_NPOS, ""},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        assert_slice(slice_sub(S("abcdef"), cases[i].from, cases[i].n), slice_str(cases[i].want));
    assert_slice(slice_from(S("abc"), 1), S("bc"));
    assert_slice(slice_from(S("abc"), 3), SLICE_EMPTY);
    assert_slice(slice_from(S("abc"), 9), SLICE_EMPTY);
    assert_non_null(slice_from(S("abc"), 9).p);
}

static void test_compare(void **state)
{
    (void)state;
    assert_true(slice_eq(S("a"), S("a")));
    assert_true(slice_eq((slice){NULL, 0}, S("")));
    assert_false(slice_eq(S("a"), S("A")));
    assert_true(slice_eq_ci(S("aZ@["), S("Az@[")));
    assert_false(slice_eq_ci(S("@"), S("`")));
    assert_false(slice_eq_ci(S("["), S("{")));
    assert_false(slice_eq_ci(S("\xc3\x84"), S("\xc3\xa4"))); /* bytes from 0x80 on have no case */
    assert_true(slice_starts(S("abc"), S("")));
    assert_true(slice_starts(S("abc"), S("abc")));
    assert_false(slice_starts(S("abc"), S("abcd")));
    assert_true(slice_starts_ci(S("ABc"), S("aB")));
    assert_false(slice_starts_ci(S("ABc"), S("ac")));
    assert_true(slice_ends_ci(S("x.COM"), S(".com")));
    assert_true(slice_ends_ci(S("x"), S("")));
    assert_false(slice_ends_ci(S("com"), S(".com")));
    assert_true(slice_cmp(S("a"), S("b")) < 0);
    assert_true(slice_cmp(S("b"), S("a")) > 0);
    assert_true(slice_cmp(S("a"), S("ab")) < 0);
    assert_true(slice_cmp(S("ab"), S("a")) > 0);
    assert_int_equal(slice_cmp(S("ab"), S("ab")), 0);
    assert_true(slice_cmp(S("\x7f"), S("\x80")) < 0); /* bytes are unsigned */
    assert_int_equal(slice_cmp(S(""), (slice){NULL, 0}), 0);
}

static void test_find(void **state)
{
    (void)state;
    static const struct {
        const char *text, *needle;
        size_t at, at_ci;
    } cases[] = {
        {"", "", 0, 0},
        {"abc", "", 0, 0},
        {"", "a", SLICE_NPOS, SLICE_NPOS},
        {"abc", "abc", 0, 0},
        {"abc", "abcd", SLICE_NPOS, SLICE_NPOS},
        {"abcabd", "abd", 3, 3},
        {"ABCabc", "abc", 3, 0},
        {"aaAb", "aab", SLICE_NPOS, 1},
        {"xXxY", "XY", SLICE_NPOS, 2},
        {"550 5.1.1 User Unknown", "user unknown", SLICE_NPOS, 10},
        {"a@B", "@b", SLICE_NPOS, 1},
        {"abc", "d", SLICE_NPOS, SLICE_NPOS},
        {"abC", "c", SLICE_NPOS, 2},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        slice text = slice_str(cases[i].text), needle = slice_str(cases[i].needle);
        assert_int_equal(slice_find(text, needle), cases[i].at);
        assert_int_equal(slice_find_ci(text, needle), cases[i].at_ci);
    }
    assert_int_equal(slice_find(S("a\0b"), S("\0b")), 1);
    assert_int_equal(slice_find_ci(S("a\0B"), S("\0b")), 1);
    assert_int_equal(slice_find((slice){NULL, 0}, S("")), 0);
    assert_int_equal(slice_find_ci((slice){NULL, 0}, S("a")), SLICE_NPOS);
}

/* Against a search byte by byte, in texts of few letters: many places look right and are not. */
static void test_find_everywhere(void **state)
{
    enum { ROUNDS = 20000, TEXT = 200, NEEDLE = 12 };
    static const char letters[] = "aAbB@`";
    uint64_t seed = 7;
    (void)state;
    for (unsigned round = 0; round < ROUNDS; round++) {
        char text[TEXT], needle[NEEDLE];
        unsigned kinds = 2 + round % (sizeof letters - 2);
        for (size_t i = 0; i < TEXT + NEEDLE; i++) {
            seed = seed * 6364136223846793005u + 1442695040888963407u;
            *(i < TEXT ? &text[i] : &needle[i - TEXT]) = letters[(seed >> 40) % kinds];
        }
        slice s = {text, (seed >> 33) % (TEXT + 1)}, n = {needle, 1 + (seed >> 50) % NEEDLE};
        size_t at = SLICE_NPOS, at_ci = SLICE_NPOS;
        for (size_t i = s.n; i-- > 0;) {
            at = slice_starts(slice_from(s, i), n) ? i : at;
            bool alike = s.n - i >= n.n;
            for (size_t k = 0; alike && k < n.n; k++)
                alike = ascii_lower(text[i + k]) == ascii_lower(needle[k]);
            at_ci = alike ? i : at_ci;
        }
        assert_int_equal(slice_find(s, n), at);
        assert_int_equal(slice_find_ci(s, n), at_ci);
    }
}

static void test_eq_ci_of_every_byte(void **state)
{
    (void)state;
    for (int a = 0; a < 256; a++) {
        for (int b = 0; b < 256; b++) {
            char x[9] = "ABCDEFGHI", y[9] = "abcdefghi";
            x[a % 9] = (char)a;
            y[a % 9] = (char)b;
            bool alike = ascii_lower((char)a) == ascii_lower((char)b);
            assert_int_equal(slice_eq_ci((slice){x, 9}, (slice){y, 9}), alike);
            assert_int_equal(slice_starts_ci((slice){x, 9}, (slice){y, 8}), alike || a % 9 == 8);
        }
    }
}

static void test_chr(void **state)
{
    (void)state;
    assert_int_equal(slice_chr(S("abab"), 'b'), 1);
    assert_int_equal(slice_rchr(S("abab"), 'b'), 3);
    assert_int_equal(slice_chr(S("abab"), 'c'), SLICE_NPOS);
    assert_int_equal(slice_rchr(S("abab"), 'c'), SLICE_NPOS);
    assert_int_equal(slice_chr(S("a\0"), '\0'), 1);
    assert_int_equal(slice_chr(SLICE_EMPTY, '\0'), SLICE_NPOS);
    assert_int_equal(slice_rchr((slice){NULL, 0}, 'a'), SLICE_NPOS);
}

static void test_trim(void **state)
{
    (void)state;
    assert_slice(slice_trim(S(" \t\r\n\v\f a b \t\r\n\v\f")), S("a b"));
    assert_slice(slice_ltrim(S("  a ")), S("a "));
    assert_slice(slice_rtrim(S(" a  ")), S(" a"));
    assert_slice(slice_trim(S(" \n ")), SLICE_EMPTY);
    assert_slice(slice_trim(SLICE_EMPTY), SLICE_EMPTY);
    assert_slice(slice_trim(S("\xc2\xa0x")), S("\xc2\xa0x"));
    assert_slice(slice_unwrap(S("<a>"), '<', '>'), S("a"));
    assert_slice(slice_unwrap(S("<<a>>"), '<', '>'), S("<a>"));
    assert_slice(slice_unwrap(S("<>"), '<', '>'), SLICE_EMPTY);
    assert_slice(slice_unwrap(S("<"), '<', '<'), S("<"));
    assert_slice(slice_unwrap(S("<a"), '<', '>'), S("<a"));
    assert_slice(slice_unwrap(SLICE_EMPTY, '<', '>'), SLICE_EMPTY);
}

/* Joins what a taking function gives with '|', so that a whole walk is one text. */
static slice walk_lines(slice rest, char *out)
{
    slice line;
    size_t n = 0;
    while (slice_line(&rest, &line)) {
        if (line.n)
            memcpy(out + n, line.p, line.n);
        n += line.n;
        out[n++] = '|';
    }
    assert_int_equal(line.n, 0);
    return (slice){out, n};
}

static void test_line(void **state)
{
    (void)state;
    static const struct {
        slice text, want;
    } cases[] = {
        {SLICE_INIT(""), SLICE_INIT("")},
        {SLICE_INIT("a"), SLICE_INIT("a|")},
        {SLICE_INIT("a\n"), SLICE_INIT("a|")},
        {SLICE_INIT("a\r\nb\nc\rd"), SLICE_INIT("a|b|c|d|")},
        {SLICE_INIT("\n\n"), SLICE_INIT("||")},
        {SLICE_INIT("\r\n\r\n"), SLICE_INIT("||")},
        {SLICE_INIT("\r\r\n\n"), SLICE_INIT("|||")},
        {SLICE_INIT("a\n\rb"), SLICE_INIT("a||b|")},
    };
    char out[64];
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        assert_slice(walk_lines(cases[i].text, out), cases[i].want);
}

/* Lines longer than the window in which line ends are looked for, with the end at and around its edge. */
static void test_line_window(void **state)
{
    (void)state;
    static char text[1200];
    for (size_t n = 500; n < 1100; n++) {
        memset(text, 'x', sizeof text);
        text[n] = '\r';
        text[n + 1] = '\n';
        slice rest = {text, sizeof text}, line;
        assert_true(slice_line(&rest, &line));
        assert_int_equal(line.n, n);
        assert_int_equal(rest.n, sizeof text - n - 2);
    }
}

static void test_split(void **state)
{
    (void)state;
    slice rest = S("a,,b,"), field;
    assert_true(slice_split(&rest, ',', &field));
    assert_slice(field, S("a"));
    assert_true(slice_split(&rest, ',', &field));
    assert_slice(field, SLICE_EMPTY);
    assert_true(slice_split(&rest, ',', &field));
    assert_slice(field, S("b"));
    assert_true(slice_split(&rest, ',', &field)); /* the empty last field */
    assert_slice(field, SLICE_EMPTY);
    assert_null(rest.p);
    assert_false(slice_split(&rest, ',', &field));
    assert_false(slice_split(&rest, ',', &field));

    rest = SLICE_EMPTY;
    assert_true(slice_split(&rest, ',', &field));
    assert_non_null(field.p);
    assert_false(slice_split(&rest, ',', &field));
}

static void test_word(void **state)
{
    (void)state;
    slice rest = S("  ab\tc \r\n"), word;
    assert_true(slice_word(&rest, &word));
    assert_slice(word, S("ab"));
    assert_true(slice_word(&rest, &word));
    assert_slice(word, S("c"));
    assert_false(slice_word(&rest, &word));
    assert_true(slice_empty(word));
    assert_false(slice_word(&rest, &word));
}

static void test_u64(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        bool ok;
        uint64_t value;
    } cases[] = {
        {"0", true, 0},
        {"007", true, 7},
        {"18446744073709551615", true, UINT64_MAX},
        {"18446744073709551616", false, 0},
        {"99999999999999999999", false, 0},
        {"", false, 0},
        {"+1", false, 0},
        {"-1", false, 0},
        {" 1", false, 0},
        {"1 ", false, 0},
        {"1a", false, 0},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        uint64_t v = 0;
        assert_int_equal(slice_u64(slice_str(cases[i].text), &v), cases[i].ok);
        assert_true(v == cases[i].value);
    }
}

static void test_ascii(void **state)
{
    (void)state;
    for (int i = 0; i < 256; i++) {
        char c = (char)i;
        bool upper = i >= 'A' && i <= 'Z', lower = i >= 'a' && i <= 'z', digit = i >= '0' && i <= '9';
        assert_int_equal(ascii_lower(c), upper ? (char)(i + 32) : c);
        assert_int_equal(ascii_alpha(c), upper || lower);
        assert_int_equal(ascii_digit(c), digit);
        assert_int_equal(ascii_alnum(c), upper || lower || digit);
        assert_int_equal(ascii_space(c), i != 0 && i < 128 && strchr(" \t\r\n\v\f", i) != NULL);
    }
}

static void use_all(slice s, void *data)
{
    (void)data;
    slice rest = s, piece;
    while (slice_line(&rest, &piece))
        ;
    rest = s;
    while (slice_split(&rest, ' ', &piece))
        ;
    rest = s;
    while (slice_word(&rest, &piece))
        ;
    (void)slice_trim(s);
    (void)slice_find(s, S("line two"));
    (void)slice_find_ci(s, S("LINE TWO!"));
    (void)slice_unwrap(s, '<', '>');
}

static void test_prefixes(void **state)
{
    (void)state;
    guard_prefixes(S("<line one\r\n line two \rline\n\n lInE tWo!>"), use_all, NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_str),
        cmocka_unit_test(test_sub),
        cmocka_unit_test(test_compare),
        cmocka_unit_test(test_find),
        cmocka_unit_test(test_find_everywhere),
        cmocka_unit_test(test_eq_ci_of_every_byte),
        cmocka_unit_test(test_chr),
        cmocka_unit_test(test_trim),
        cmocka_unit_test(test_line),
        cmocka_unit_test(test_line_window),
        cmocka_unit_test(test_split),
        cmocka_unit_test(test_word),
        cmocka_unit_test(test_u64),
        cmocka_unit_test(test_ascii),
        cmocka_unit_test(test_prefixes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
