#include "check.h"

#include <stdlib.h>

#include "base/text.h"
#include "bounce/charset.h"

struct fixture {
    struct charsets *cs;
    arena a;
};

static int set_up(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);
    assert_non_null(f);
    f->cs = charsets_new();
    assert_non_null(f->cs);
    arena_init(&f->a, 0);
    *state = f;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;
    charsets_free(&f->cs);
    arena_fini(&f->a);
    free(f);
    return 0;
}

static const struct {
    const char *name, *in;
    size_t n;
    const char *out;
    bool errors, unknown;
} cases[] = {
#define IN(lit) lit, sizeof lit - 1
    {"us-ascii", IN("abc"), "abc", false, false},
    {"utf-8", IN("\xc3\xa4"), "\xc3\xa4", false, false},
    {"UTF8",
     IN("\xef\xbb\xbf"
        "a"),
     "a", false, false},
    {"utf-8",
     IN("a\xff"
        "b\xc3"),
     "a\xef\xbf\xbd"
     "b\xef\xbf\xbd",
     true, false},
    {"us-ascii", IN("\xc3\xa4"), "\xc3\xa4", true, false},
    {"us-ascii", IN("\xe4"), "\xc3\xa4", true, false},
    {"", IN("\xe4"), "\xc3\xa4", false, false},
    {"", IN("550 \xd0\xcf\xcc\xd8\xda\xcf\xd7\xc1\xd4\xc5\xcc\xd8 \xce\xc5 \xce\xc1\xca\xc4\xc5\xce"), /* KOI8-R */
     "550 пользователь не найден", false, false},
    {"", IN("550 \xef\xee\xeb\xfc\xe7\xee\xe2\xe0\xf2\xe5\xeb\xfc \xed\xe5 \xed\xe0\xe9\xe4\xe5\xed"), /* 1251 */
     "550 пользователь не найден", false, false},
    {"",
     IN("Empf\xe4nger f\xfcr \xf6"
        "ffentliche K\xfc"
        "chen gel\xf6scht \xfc"), /* letters that stand alone */
     "Empfänger für öffentliche Küchen gelöscht ü", false, false},
    {"", IN("\xc3\xa4"), "\xc3\xa4", false, false},
    {"", IN("\x1b$B$\"\x1b(B"), "\xe3\x81\x82", false, false},
    {"no-such-thing", IN("\xe4"), "\xc3\xa4", false, true},
    {"no-such-thing", IN("abc"), "abc", false, true},
    {"unknown-8bit", IN("\xe4"), "\xc3\xa4", false, false},
    {"iso-8859-1", IN("\xe4\x93"), "\xc3\xa4\xe2\x80\x9c", false, false},
    {"ISO_8859-1", IN("\xe4"), "\xc3\xa4", false, false},
    {"iso8859-1", IN("\xe4"), "\xc3\xa4", false, false},
    {"latin1", IN("\xe4"), "\xc3\xa4", false, false},
    {"windows-1252", IN("\x80\x81"), "\xe2\x82\xac\xef\xbf\xbd", true, false},
    {"iso-8859-2", IN("\xb1"), "\xc4\x85", false, false},
    {"iso-8859-15", IN("\xa4"), "\xe2\x82\xac", false, false},
    {"windows-1250", IN("\xb9"), "\xc4\x85", false, false},
    {"windows-1251", IN("\xf2\xe5\xf1\xf2"), "\xd1\x82\xd0\xb5\xd1\x81\xd1\x82", false, false},
    {"cp-1251", IN("\xf2"), "\xd1\x82", false, false},
    {"windows-1255", IN("\xe0"), "\xd7\x90", false, false}, /* held back for a combining mark until flushed */
    {"windows-1256", IN("\xc7"), "\xd8\xa7", false, false},
    {"koi8-r", IN("\xd4\xc5\xd3\xd4"), "\xd1\x82\xd0\xb5\xd1\x81\xd1\x82", false, false},
    {"koi8-u", IN("\xa4"), "\xd1\x94", false, false},
    {"iso-2022-jp", IN("\x1b$B$\"\x1b(B"), "\xe3\x81\x82", false, false},
    {"shift_jis", IN("\x82\xa0"), "\xe3\x81\x82", false, false},
    {"x-sjis", IN("\x82\xa0"), "\xe3\x81\x82", false, false},
    {"euc-jp", IN("\xa4\xa2"), "\xe3\x81\x82", false, false},
    {"euc-kr", IN("\xb0\xa1"), "\xea\xb0\x80", false, false},
    {"ks_c_5601-1987", IN("\xb0\xa1"), "\xea\xb0\x80", false, false},
    {"iso-2022-kr",
     IN("\x1b$)C\x0e"
        "0!\x0f"),
     "\xea\xb0\x80", false, false},
    {"gb2312", IN("\xd6\xd0"), "\xe4\xb8\xad", false, false},
    {"gbk", IN("\xd6\xd0"), "\xe4\xb8\xad", false, false},
    {"gb18030", IN("\xd6\xd0"), "\xe4\xb8\xad", false, false},
    {"big5", IN("\xa4\xa4"), "\xe4\xb8\xad", false, false},
    {"utf-7", IN("+AOQ-"), "\xc3\xa4", false, false},
    {"unicode-1-1-utf-7", IN("a+AOQ-b"),
     "a\xc3\xa4"
     "b",
     false, false},
    {"utf-16",
     IN("\xff\xfe"
        "a\0"),
     "a", false, false},
    {"utf-16", IN("\xfe\xff\0a"), "a", false, false},
    {"utf-16", IN("a\0b\0"), "ab", false, false},
    {"utf-16", IN("\0a\0b"), "ab", false, false},
    {"utf-16le", IN("\xe4\0"), "\xc3\xa4", false, false},
    {"shift_jis", IN("a\x82"), "a\xef\xbf\xbd", true, false}, /* cut in the middle of a character */
    {"euc-jp",
     IN("\xa4\xff"
        "b"),
     "\xef\xbf\xbd\xef\xbf\xbd"
     "b",
     true, false},
    {"iso-2022-jp", IN("\xe3\x81\x82"), "\xe3\x81\x82", true, false}, /* the label was left behind */
    {"iso-2022-jp", IN("\x82\xa0"), "\xe3\x81\x82", true, false},     /* Shift_JIS */
    {"iso-2022-jp", IN("\xa4\xa2"), "\xe3\x81\x82", true, false},     /* EUC-JP */
    {"iso-2022-jp", IN("\xff\xff"), "\xef\xbf\xbd\xef\xbf\xbd", true, false},
    {"gb2312", IN("\xd6\xd0 \xff"), "\xe4\xb8\xad \xef\xbf\xbd", true, false},
    {"tis-620", IN("\xa1"), "\xe0\xb8\x81", false, false},
    {"uft-8", IN("\xc3\xa4"), "\xc3\xa4", false, false},
    {"../../etc/passwd", IN("a"), "a", false, true},
    {"UTF-8//TRANSLIT", IN("\xc3\xa4"), "\xc3\xa4", false, true},
    {"a-name-that-is-far-too-long-to-be-that-of-any-charset", IN("a"), "a", false, true},
#undef IN
};

static void test_cases(void **state)
{
    struct fixture *f = *state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        bool errors = false;
        bool unknown = false;
        slice in = {cases[i].in, cases[i].n};
        assert_slice(charset_decode(f->cs, &f->a, slice_str(cases[i].name), in, &errors, &unknown),
                     slice_str(cases[i].out));
        if (errors != cases[i].errors || unknown != cases[i].unknown)
            fail_msg("row %zu (%s): errors %d, unknown %d", i, cases[i].name, errors, unknown);
    }
}

/* A text that ends in the middle of a shifted state must not change how the next one is read. */
static void test_state_is_forgotten(void **state)
{
    struct fixture *f = *state;
    (void)charset_decode(f->cs, &f->a, S("iso-2022-jp"), S("\x1b$B$\""), NULL, NULL);
    assert_slice(charset_decode(f->cs, &f->a, S("iso-2022-jp"), S("plain"), NULL, NULL), S("plain"));
    (void)charset_decode(f->cs, &f->a, S("utf-7"), S("+AO"), NULL, NULL);
    assert_slice(charset_decode(f->cs, &f->a, S("utf-7"), S("abcd"), NULL, NULL), S("abcd"));
}

static void test_input_is_not_copied(void **state)
{
    struct fixture *f = *state;
    slice in = S("plain ASCII");
    assert_ptr_equal(charset_decode(f->cs, &f->a, S("utf-8"), in, NULL, NULL).p, in.p);
    assert_ptr_equal(charset_decode(f->cs, &f->a, S("iso-8859-2"), in, NULL, NULL).p, in.p);
    assert_ptr_equal(charset_decode(f->cs, &f->a, S("iso-2022-jp"), in, NULL, NULL).p, in.p);
    assert_ptr_not_equal(charset_decode(f->cs, &f->a, S("utf-7"), in, NULL, NULL).p, in.p);
    assert_ptr_equal(charset_decode(f->cs, &f->a, S("windows-1252"), in, NULL, NULL).p, in.p);
}

static void test_long_texts(void **state)
{
    struct fixture *f = *state;
    size_t n = 100000;
    char *p = malloc(n);
    assert_non_null(p);
    memset(p, '\xc1', n); /* KOI8-R: a, two octets of UTF-8 */
    f->a.used = 0;
    slice out = charset_decode(f->cs, &f->a, S("koi8-r"), (slice){p, n}, NULL, NULL);
    assert_int_equal(out.n, 2 * n);
    assert_true(f->a.used < 2 * n + 1000); /* measured first, not guessed */
    assert_true(utf8_valid(out));
    memset(p, '\xff', n); /* no character of EUC-JP */
    bool errors = false;
    out = charset_decode(f->cs, &f->a, S("euc-jp"), (slice){p, n}, &errors, NULL);
    assert_true(errors && out.n == 3 * n && utf8_valid(out));
    free(p);
}

static void test_without_converters(void **state)
{
    struct fixture *f = *state;
    bool unknown = false;
    assert_slice(charset_decode(NULL, &f->a, S("latin1"), S("\xe4"), NULL, &unknown), S("\xc3\xa4"));
    assert_false(unknown);
    assert_slice(charset_decode(NULL, &f->a, S("koi8-r"), S("\xe4"), NULL, &unknown), S("\xc3\xa4"));
    assert_true(unknown);
}

static void test_memory_refused(void **state)
{
    struct fixture *f = *state;
    arena small;
    arena_init(&small, 4);
    assert_slice(charset_decode(f->cs, &small, S("koi8-r"), S("\xd4\xc5\xd3\xd4\xd4\xc5\xd3\xd4"), NULL, NULL),
                 SLICE_EMPTY);
    assert_slice(charset_decode(f->cs, &small, S(""), S("\xd4\xc5\xd3\xd4\xd4\xc5\xd3\xd4"), NULL, NULL), SLICE_EMPTY);
    assert_true(small.limited);
    arena_fini(&small);
}

/* The table is searched by halves: a row out of order could never be found. */
static void test_every_alias_is_found(void **state)
{
    struct fixture *f = *state;
    static const char *const names[] = {
#define ALIAS(name, symbol) name,
#include "bounce/charsets.def"
#undef ALIAS
    };
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        bool unknown = false;
        (void)charset_decode(f->cs, &f->a, slice_str(names[i]), S("abcd"), NULL, &unknown);
        if (unknown)
            fail_msg("%s is not found", names[i]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_cases),
        cmocka_unit_test(test_state_is_forgotten),
        cmocka_unit_test(test_long_texts),
        cmocka_unit_test(test_input_is_not_copied),
        cmocka_unit_test(test_memory_refused),
        cmocka_unit_test(test_without_converters),
        cmocka_unit_test(test_every_alias_is_found),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
