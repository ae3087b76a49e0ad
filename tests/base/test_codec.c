#include <stdlib.h>

#include "base/codec.h"
#include "check.h"

struct example {
    slice text, want;
};

static void test_base64_decode(void **state)
{
    (void)state;
    static const struct example cases[] = {
        {SLICE_INIT(""), SLICE_INIT("")},
        {SLICE_INIT("Zg=="), SLICE_INIT("f")},
        {SLICE_INIT("Zm8="), SLICE_INIT("fo")},
        {SLICE_INIT("Zm9v"), SLICE_INIT("foo")},
        {SLICE_INIT("Zm9vYmFy"), SLICE_INIT("foobar")},
        {SLICE_INIT("Zm9v\r\nYmFy\r\n"), SLICE_INIT("foobar")},
        {SLICE_INIT("Z m-9*v!Y.mFy"), SLICE_INIT("foobar")},
        {SLICE_INIT("Z"), SLICE_INIT("")}, /* cut short */
        {SLICE_INIT("Zm"), SLICE_INIT("f")},
        {SLICE_INIT("Zm9"), SLICE_INIT("fo")},
        {SLICE_INIT("Zm9vY"), SLICE_INIT("foo")},
        {SLICE_INIT("===="), SLICE_INIT("")},
        {SLICE_INIT("Zg==Zm8="), SLICE_INIT("ffo")}, /* more groups behind the padding */
        {SLICE_INIT("Zg==\r\n\r\n"), SLICE_INIT("f")},
        {SLICE_INIT("//79"), SLICE_INIT("\xff\xfe\xfd")},
        {SLICE_INIT("AAAA"), SLICE_INIT("\0\0\0")},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        char out[64];
        size_t n = base64_decode(cases[i].text, out);
        assert_slice((slice){out, n}, cases[i].want);
        assert_true(n <= cases[i].text.n / 4 * 3 + 3);
    }
}

static void test_base64_encode(void **state)
{
    (void)state;
    static const struct example cases[] = {
        {SLICE_INIT(""), SLICE_INIT("")},
        {SLICE_INIT("f"), SLICE_INIT("Zg==")},
        {SLICE_INIT("fo"), SLICE_INIT("Zm8=")},
        {SLICE_INIT("foo"), SLICE_INIT("Zm9v")},
        {SLICE_INIT("foob"), SLICE_INIT("Zm9vYg==")},
        {SLICE_INIT("\xff\xfe\xfd"), SLICE_INIT("//79")},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        char out[64];
        assert_slice((slice){out, base64_encode(cases[i].text, out)}, cases[i].want);
    }
}

static void test_qp_decode(void **state)
{
    (void)state;
    static const struct example cases[] = {
        {SLICE_INIT(""), SLICE_INIT("")},
        {SLICE_INIT("plain_text"), SLICE_INIT("plain_text")},
        {SLICE_INIT("=C3=9c=3d"), SLICE_INIT("\xc3\x9c=")},
        {SLICE_INIT("soft=\r\n break=\nagain=\rend"), SLICE_INIT("soft breakagainend")},
        {SLICE_INIT("soft= \t\r\nbreak"), SLICE_INIT("softbreak")},
        {SLICE_INIT("a \t\r\nb  \nc\r\rd"), SLICE_INIT("a\nb\nc\n\nd")}, /* white space that a transport added */
        {SLICE_INIT("a =\r\nb"), SLICE_INIT("a b")},
        {SLICE_INIT("a =\r\n  \r\nb"), SLICE_INIT("a \nb")},
        {SLICE_INIT("a=20\r\nb=09 \r\n"), SLICE_INIT("a \nb\t\n")}, /* encoded white space stays */
        {SLICE_INIT("end  "), SLICE_INIT("end")},
        {SLICE_INIT("end="), SLICE_INIT("end")}, /* the line end belongs to the boundary */
        {SLICE_INIT("end= "), SLICE_INIT("end")},
        {SLICE_INIT("=4"), SLICE_INIT("=4")}, /* broken escapes */
        {SLICE_INIT("=G1=1G=="), SLICE_INIT("=G1=1G=")},
        {SLICE_INIT("=?utf-8?"), SLICE_INIT("=?utf-8?")},
        {SLICE_INIT("==41"), SLICE_INIT("=A")},
        {SLICE_INIT("= x"), SLICE_INIT("= x")},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        char out[64];
        assert_slice((slice){out, qp_decode(cases[i].text, false, out)}, cases[i].want);
    }
}

static void test_q_decode(void **state)
{
    (void)state;
    static const struct example cases[] = {
        {SLICE_INIT(""), SLICE_INIT("")},          {SLICE_INIT("a_b=5F=5f"), SLICE_INIT("a b__")},
        {SLICE_INIT("=E4_"), SLICE_INIT("\xe4 ")}, {SLICE_INIT("=4"), SLICE_INIT("=4")},
        {SLICE_INIT("=zz="), SLICE_INIT("=zz=")},  {SLICE_INIT("a \r\nb "), SLICE_INIT("a \r\nb ")},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        char out[64];
        assert_slice((slice){out, qp_decode(cases[i].text, true, out)}, cases[i].want);
    }
}

static void test_base32(void **state)
{
    (void)state;
    static const struct example cases[] = {
        {SLICE_INIT(""), SLICE_INIT("")},
        {SLICE_INIT("f"), SLICE_INIT("my")},
        {SLICE_INIT("fo"), SLICE_INIT("mzxq")},
        {SLICE_INIT("foo"), SLICE_INIT("mzxw6")},
        {SLICE_INIT("foob"), SLICE_INIT("mzxw6yq")},
        {SLICE_INIT("fooba"), SLICE_INIT("mzxw6ytb")},
        {SLICE_INIT("foobar"), SLICE_INIT("mzxw6ytboi")},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        char out[64], back[64];
        size_t n = base32_encode(cases[i].text, out), m;
        assert_slice((slice){out, n}, cases[i].want);
        assert_int_equal(n, (cases[i].text.n * 8 + 4) / 5);
        assert_true(base32_decode((slice){out, n}, back, &m));
        assert_slice((slice){back, m}, cases[i].text);
    }
    char out[8];
    size_t n;
    assert_true(base32_decode(S("MZxW6"), out, &n));
    assert_slice((slice){out, n}, S("foo"));
    assert_false(base32_decode(S("my=="), out, &n));
    assert_int_equal(n, 0);
    assert_false(base32_decode(S("m0"), out, &n));
    assert_false(base32_decode(S("m1"), out, &n));
    assert_false(base32_decode(S("\xff"), out, &n));
}

static void test_hex(void **state)
{
    (void)state;
    char out[16];
    size_t n;
    assert_slice((slice){out, hex_encode(S("\x00\x1f\xa0\xff"), out)}, S("001fa0ff"));
    assert_true(hex_decode(S("001FA0ff"), out, &n));
    assert_slice((slice){out, n}, S("\x00\x1f\xa0\xff"));
    assert_true(hex_decode(SLICE_EMPTY, out, &n));
    assert_int_equal(n, 0);
    assert_false(hex_decode(S("0"), out, &n));
    assert_false(hex_decode(S("0g"), out, &n));
    assert_false(hex_decode(S("g0"), out, &n));
    assert_false(hex_decode(S("0011x1"), out, &n));
    assert_int_equal(n, 0);
}

static void test_xtext(void **state)
{
    (void)state;
    static const struct example cases[] = {
        {SLICE_INIT(""), SLICE_INIT("")},
        {SLICE_INIT("user+2Btag@example.org"), SLICE_INIT("user+tag@example.org")},
        {SLICE_INIT("a+3db"), SLICE_INIT("a=b")},
        {SLICE_INIT("a+b"), SLICE_INIT("a+b")}, /* written without encoding */
        {SLICE_INIT("a+2"), SLICE_INIT("a+2")},
        {SLICE_INIT("a+"), SLICE_INIT("a+")},
        {SLICE_INIT("+2B2B"), SLICE_INIT("+2B")},
        {SLICE_INIT("\\x{E9}\\x{20ac}\\X{1F4E7}"), SLICE_INIT("\xc3\xa9\xe2\x82\xac\xf0\x9f\x93\xa7")},
        {SLICE_INIT("\\x{10FFFF}"), SLICE_INIT("\xf4\x8f\xbf\xbf")},
        {SLICE_INIT("\\x{110000}"), SLICE_INIT("\\x{110000}")},
        {SLICE_INIT("\\x{D800}"), SLICE_INIT("\\x{D800}")},
        {SLICE_INIT("\\x{}"), SLICE_INIT("\\x{}")},
        {SLICE_INIT("\\x{41"), SLICE_INIT("\\x{41")},
        {SLICE_INIT("\\x{0000041}"), SLICE_INIT("\\x{0000041}")},
        {SLICE_INIT("\\y"), SLICE_INIT("\\y")},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        char out[64];
        size_t n = xtext_decode(cases[i].text, out);
        assert_slice((slice){out, n}, cases[i].want);
        assert_true(n <= cases[i].text.n);
    }
}

/* What was encoded comes back, for all lengths and bytes. */
static void test_round_trips(void **state)
{
    (void)state;
    char text[300], code[600], back[600];
    for (size_t n = 0; n <= sizeof text; n++) {
        for (size_t i = 0; i < n; i++)
            text[i] = (char)(i * 7 + n);
        slice s = {text, n};
        size_t m;
        assert_slice((slice){back, base64_decode((slice){code, base64_encode(s, code)}, back)}, s);
        assert_true(base32_decode((slice){code, base32_encode(s, code)}, back, &m));
        assert_slice((slice){back, m}, s);
        assert_true(hex_decode((slice){code, hex_encode(s, code)}, back, &m));
        assert_slice((slice){back, m}, s);
    }
}

typedef size_t decoder(slice s, char *out);

static size_t qp_body(slice s, char *out)
{
    return qp_decode(s, false, out);
}

static size_t qp_header(slice s, char *out)
{
    return qp_decode(s, true, out);
}

static size_t base32(slice s, char *out)
{
    size_t n;
    return base32_decode(s, out, &n) ? n : 0;
}

static size_t hex(slice s, char *out)
{
    size_t n;
    return hex_decode(s, out, &n) ? n : 0;
}

static size_t base64_need(size_t n)
{
    return n / 4 * 3 + 3;
}
static size_t same_need(size_t n)
{
    return n;
}
static size_t base32_need(size_t n)
{
    return n * 5 / 8;
}
static size_t hex_need(size_t n)
{
    return n / 2;
}
static size_t base64_out(size_t n)
{
    return (n + 2) / 3 * 4;
}
static size_t base32_out(size_t n)
{
    return (n * 8 + 4) / 5;
}
static size_t hex_out(size_t n)
{
    return n * 2;
}

static const struct {
    decoder *run;
    size_t (*need)(size_t n);
    bool decodes;
} codecs[] = {
    {base64_decode, base64_need, true}, {qp_body, same_need, true},         {qp_header, same_need, true},
    {xtext_decode, same_need, true},    {base32, base32_need, true},        {hex, hex_need, true},
    {base64_encode, base64_out, false}, {base32_encode, base32_out, false}, {hex_encode, hex_out, false},
};

/* Input and output flush against unreadable pages: no byte more is read or written than promised, and decoding in place
 * gives the same. */
static void run_codecs(slice s, void *data)
{
    struct guard *out_guard = data;
    static char zeros[256], again[256];
    for (size_t i = 0; i < ARRAY_LEN(codecs); i++) {
        size_t need = codecs[i].need(s.n);
        slice room = guard_put(out_guard, slice_of(zeros, need));
        char *out = out_guard->map + (room.p - out_guard->map);
        size_t n = codecs[i].run(s, out);
        assert_true(n <= need);
        if (codecs[i].decodes && s.n) {
            memcpy(again, s.p, s.n);
            size_t m = codecs[i].run((slice){again, s.n}, again);
            assert_slice(slice_of(again, m), slice_of(out, n));
        }
    }
}

static void test_prefixes(void **state)
{
    (void)state;
    static const slice texts[] = {
        SLICE_INIT("Zm9v\r\nYmFyZm9vYmFy Zg==Zm8=\r\nZm9vYmFy=Q=Q"),
        SLICE_INIT("=C3=9cber \t\r\n=\r\nx= \r\n==4=41_ =\r"),
        SLICE_INIT("+2B+3D+\\x{E9}\\x{10FFFF}\\x{110000}+4"),
        SLICE_INIT("mzxw6ytboimzxw6ytboimzxw6ytboi"),
        SLICE_INIT("00112233445566778899aAbBcCdDeEfF"),
    };
    struct guard out;
    guard_init(&out, 256);
    for (size_t i = 0; i < ARRAY_LEN(texts); i++)
        guard_prefixes(texts[i], run_codecs, &out);
    guard_fini(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_base64_decode), cmocka_unit_test(test_base64_encode), cmocka_unit_test(test_qp_decode),
        cmocka_unit_test(test_q_decode),      cmocka_unit_test(test_base32),        cmocka_unit_test(test_hex),
        cmocka_unit_test(test_xtext),         cmocka_unit_test(test_round_trips),   cmocka_unit_test(test_prefixes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
