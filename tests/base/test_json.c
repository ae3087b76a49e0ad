#include <math.h>

#include "base/json.h"
#include "base/time.h"
#include "check.h"

static void test_structure(void **state)
{
    (void)state;
    buf b;
    struct jsonw j;
    buf_init(&b, 0);
    jsonw_init(&j, &b);
    jsonw_object(&j);
    jsonw_kstr(&j, "a", S("x"));
    jsonw_kstr_opt(&j, "b", SLICE_EMPTY);
    jsonw_kstr_opt(&j, "c", S("y"));
    jsonw_ki64(&j, "d", 0);
    jsonw_ki64_opt(&j, "e", 0);
    jsonw_ki64_opt(&j, "f", -5);
    jsonw_kbool(&j, "g", false);
    jsonw_ktime_opt(&j, "h", TIME_NONE);
    jsonw_ktime_opt(&j, "i", 0);
    jsonw_key(&j, "list");
    jsonw_array(&j);
    jsonw_null(&j);
    jsonw_bool(&j, true);
    jsonw_time(&j, TIME_NONE);
    jsonw_time(&j, 1500 * TIME_SECOND / 1000);
    jsonw_array(&j);
    jsonw_end_array(&j);
    jsonw_object(&j);
    jsonw_end_object(&j);
    jsonw_i64(&j, INT64_MIN);
    jsonw_i64(&j, INT64_MAX);
    jsonw_end_array(&j);
    jsonw_kstr(&j, "z", SLICE_EMPTY);
    jsonw_end_object(&j);
    assert_slice(buf_slice(&b),
                 S("{\"a\":\"x\",\"c\":\"y\",\"d\":0,\"f\":-5,\"g\":false,\"i\":\"1970-01-01T00:00:00Z\",\"list\":["
                   "null,true,null,"
                   "\"1970-01-01T00:00:01.500Z\",[],{},-9223372036854775808,9223372036854775807],\"z\":\"\"}"));
    buf_fini(&b);
}

static slice written(buf *b, slice s)
{
    struct jsonw j;
    buf_clear(b);
    jsonw_init(&j, b);
    jsonw_str(&j, s);
    return buf_slice(b);
}

static void test_strings(void **state)
{
    (void)state;
    static const struct {
        slice text, want;
    } cases[] = {
        {SLICE_INIT(""), SLICE_INIT("\"\"")},
        {SLICE_INIT("plain text"), SLICE_INIT("\"plain text\"")},
        {SLICE_INIT("a\"b\\c/d"), SLICE_INIT("\"a\\\"b\\\\c/d\"")},
        {SLICE_INIT("\b\f\n\r\t"), SLICE_INIT("\"\\b\\f\\n\\r\\t\"")},
        {SLICE_INIT("\0\x01\x1f\x0b"), SLICE_INIT("\"\\u0000\\u0001\\u001f\\u000b\"")},
        {SLICE_INIT("\x7f"), SLICE_INIT("\"\x7f\"")},
        {SLICE_INIT("\xc3\xa9\xf0\x9f\x93\xa7"), SLICE_INIT("\"\xc3\xa9\xf0\x9f\x93\xa7\"")},
        {SLICE_INIT("\xe4\xed\xa0\x80"), SLICE_INIT("\"\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\"")},
    };
    buf b;
    buf_init(&b, 0);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        assert_slice(written(&b, cases[i].text), cases[i].want);
    buf_fini(&b);
}

/* Every byte at every place of the eight that are looked at together. */
static void test_every_byte(void **state)
{
    (void)state;
    buf b;
    buf_init(&b, 0);
    for (int c = 0; c < 256; c++)
        for (size_t at = 0; at < 17; at++) {
            char text[17];
            memset(text, 'x', sizeof text);
            text[at] = (char)c;
            slice out = written(&b, (slice){text, sizeof text});
            size_t len = c == '"' || c == '\\' || (c && c < 32 && strchr("\b\f\n\r\t", c)) ? 2
                         : c < 32                                                          ? 6
                         : c < 128                                                         ? 1
                                                                                           : 3;
            assert_int_equal(out.n, 2 + sizeof text - 1 + len);
            assert_int_equal(out.p[at], 'x' * (at == 0 ? 0 : 1) + '"' * (at == 0));
            assert_int_equal(out.p[1 + at], len == 1 ? c : len == 3 ? '\xef' : '\\');
        }
    buf_fini(&b);
}

static void test_f64(void **state)
{
    (void)state;
    static const struct {
        double v;
        const char *want;
    } cases[] = {
        {0, "0"},
        {-0.0, "0"},
        {1, "1"},
        {-1.5, "-1.5"},
        {0.1, "0.1"},
        {0.000001, "0.000001"},
        {0.0000004, "0"},
        {-0.0000004, "0"},
        {1.9999999, "2"},
        {0.050, "0.05"},
        {123.456789, "123.456789"},
        {100, "100"},
        {1e12, "1000000000000"},
        {9.9e17, "990000000000000000"},
        {-1e15, "-1000000000000000"},
        {1e18, "100000000000000000e1"},
        {INFINITY, "null"},
        {-INFINITY, "null"},
        {NAN, "null"},
    };
    buf b;
    buf_init(&b, 0);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct jsonw j;
        buf_clear(&b);
        jsonw_init(&j, &b);
        jsonw_f64(&j, cases[i].v);
        assert_string_equal(b.p, cases[i].want);
    }
    struct jsonw j;
    buf_clear(&b);
    jsonw_init(&j, &b);
    jsonw_f64(&j, 1.7976931348623157e308); /* comes out as a number, about right */
    assert_true(b.n < 24);
    assert_true(slice_ends_ci(buf_slice(&b), S("e291")));
    buf_fini(&b);
}

static void write_it(slice s, void *data)
{
    (void)written(data, s);
}

static void test_prefixes(void **state)
{
    (void)state;
    buf b;
    buf_init(&b, 0);
    guard_prefixes(S("plain \"text\"\\ \x01 \xc3\xa9 \xe2\x82\xac \xf0\x9f\x93\xa7 and so on"), write_it, &b);
    buf_fini(&b);
}

static void test_refused(void **state)
{
    (void)state;
    buf b;
    struct jsonw j;
    buf_init(&b, 8);
    jsonw_init(&j, &b);
    jsonw_str(&j, S("longer than eight"));
    assert_true(b.failed);
    assert_true(b.n <= 8);
    buf_fini(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_structure), cmocka_unit_test(test_strings),  cmocka_unit_test(test_every_byte),
        cmocka_unit_test(test_f64),       cmocka_unit_test(test_prefixes), cmocka_unit_test(test_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
