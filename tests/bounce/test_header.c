#include "check.h"

#include <stdlib.h>

#include "bounce/charset.h"
#include "bounce/field_index.h"

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
    assert_null(f->cs);
    arena_fini(&f->a);
    free(f);
    return 0;
}

/* Fields as "name=value|name=value", then "#bad lines", then the rest. */
static slice shown(arena *a, slice text)
{
    struct header h;
    assert_true(header_read(&text, a, &h));
    slice out = SLICE_EMPTY;
    for (size_t i = 0; i < h.n; i++)
        out = arena_printf(a, "%.*s%.*s=%.*s|", SLICE_FMT(out), SLICE_FMT(h.fields[i].name),
                           SLICE_FMT(h.fields[i].value));
    return arena_printf(a, "%.*s#%u %.*s", SLICE_FMT(out), h.bad_lines, SLICE_FMT(text));
}

static const struct {
    const char *text, *want;
} headers[] = {
    {"", "#0 "},
    {"A: 1\nB: 2\n\nbody\n", "A=1|B=2|#0 body\n"},
    {"A: 1\r\nB: 2\r\n\r\nbody", "A=1|B=2|#0 body"},
    {"A: 1\rB: 2\r\rbody", "A=1|B=2|#0 body"},
    {"A: 1\r\r\nB: 2\r\r\n\r\r\nbody", "A=1|B=2|#0 body"},
    {"A: 1\nB: 2\rC: 3\r\n\rbody\r\n", "A=1|B=2|C=3|#0 body\r\n"},
    {"A: 1\n 2\n\t3\nB:x\n", "A=1\n 2\n\t3|B=x|#0 "},
    {"A:\n 1\n\nb", "A=1|#0 b"},
    {"A: 1\n   \nbody", "A=1|#0 body"},
    {"A: 1\n  \n 2\n\nbody", "A=1\n  \n 2|#0 body"},
    {"Subject : x\nB\t: y\n\n", "Subject=x|B=y|#0 "},
    {"\n\r\n  \nA: 1\n\nb", "A=1|#0 b"},
    {"From a@b Mon Jan  1 00:00:00 2024\nA: 1\n\nb", "A=1|#0 b"},
    {">From a@b Mon Jan  1 00:00:00 2024\nA: 1\n>From x\nB: 2\n\nb", "A=1|B=2|#0 b"},
    {"A: 1\nnonsense\nB: 2\n\nb", "A=1|B=2|#1 b"},
    {"A: 1\nno field\nno field either\nB: 2", "A=1|B=2|#2 "},
    {"A: 1\nB:\nfold\n\nbody", "A=1|B=|#1 body"},
    {"A: 1\nno field\nno field either\n\nB: 2", "A=1|#2 no field\nno field either\n\nB: 2"},
    {"A: 1\na\nb\nc\nd\ne\nf\ng\nB: 2\n\nb", "A=1|B=2|#7 b"},
    {"A: 1\na\nb\nc\nd\ne\nf\ng\nh\nB: 2\n", "A=1|#8 a\nb\nc\nd\ne\nf\ng\nh\nB: 2\n"},
    {"Hi. This is the mail program.\nA: 1\n", "#1 Hi. This is the mail program.\nA: 1\n"},
    {"A: 1\n--boundary\nContent-Type: x/y\n\nb", "A=1|#1 --boundary\nContent-Type: x/y\n\nb"},
    {"A:\nB: \n\n", "A=|B=|#0 "},
    {"A: 1", "A=1|#0 "},
    {"A: x:y:z\n", "A=x:y:z|#0 "},
    {": x\nA: 1\n", "#1 : x\nA: 1\n"},
    {"A: 1\nSubje", "A=1|#1 Subje"},
};

static void test_read(void **state)
{
    struct fixture *f = *state;
    for (size_t i = 0; i < ARRAY_LEN(headers); i++)
        assert_slice(shown(&f->a, slice_str(headers[i].text)), slice_str(headers[i].want));
}

static void read_prefix(slice prefix, void *data)
{
    struct fixture *f = data;
    struct header h;
    arena_reset(&f->a);
    size_t before = prefix.n;
    slice start = prefix;
    assert_true(header_read(&prefix, &f->a, &h));
    assert_true(prefix.n <= before);
    for (size_t i = 0; i < h.n; i++) {
        assert_true(h.fields[i].name.p >= start.p && h.fields[i].name.p + h.fields[i].name.n <= start.p + start.n);
        (void)header_text(f->cs, &f->a, h.fields[i].value, S("koi8-r"));
        (void)header_main_value(&f->a, h.fields[i].value);
        (void)header_param(f->cs, &f->a, h.fields[i].value, S("name"));
    }
}

static void test_every_prefix(void **state)
{
    static const char text[] =
        "From x\r\nSubject: =?utf-8?B?w6Q=?= =?iso-8859-1?Q?=FC_x?=\r\n =?x?q?y?=\r\n"
        "Content-Type: text/plain; name*0*=utf-8''%C3%A4; name*1=\"b\\\"c\"; (a (b) c) charset=x\r\n"
        "Bad line\r\nX: \xff\xfe \x1b$B\r\n\r\nbody";
    guard_prefixes((slice){text, sizeof text - 1}, read_prefix, *state);
}

static void test_get(void **state)
{
    struct fixture *f = *state;
    struct header h;
    slice text = S("Received: 1\nX-A: a\nRECEIVED: 2\n\n");
    assert_true(header_read(&text, &f->a, &h));
    assert_slice(header_get(&h, S("received")), S("1"));
    assert_slice(header_get_last(&h, S("received")), S("2"));
    assert_slice(header_get(&h, S("nothing")), SLICE_EMPTY);
    assert_true(header_has(&h, S("x-a")));
    assert_false(header_has(&h, S("x-")));
    assert_slice(header_unfold(&f->a, S("a\r\n b\n\tc")), S("a b\tc"));
}

static void test_index(void **state)
{
    struct fixture *f = *state;
    static const struct field_name names[] = {FIELD_NAME("x"),  FIELD_NAME("z"),   FIELD_NAME("Received"),
                                              FIELD_NAME("to"), FIELD_NAME("Two"), FIELD_NAME("4hq")};
    slice text = S("X: \nReceived: 1\nx: 2\nX: 3\nZ:\nTo : a@b\nQh4: no\nRECEIVED: 2\nTwo: \n b\n\n");
    struct header h;
    slice first[ARRAY_LEN(names)], filled[ARRAY_LEN(names)];
    struct field_index *x = field_index_new(names, ARRAY_LEN(names));
    assert_non_null(x);
    assert_true(header_read(&text, &f->a, &h));
    field_index_take(x, &h, false, first);
    field_index_take(x, &h, true, filled);
    static const char *const want[] = {"", "", "1", "a@b", "b", ""};
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        assert_slice(first[i], slice_str(want[i]));
        assert_slice(first[i], header_get(&h, names[i].name));
        assert_slice(filled[i], slice_str(i == 0 ? "2" : want[i]));
    }
    field_index_take(x, &(struct header){.n = 0}, false, first);
    assert_slice(first[2], SLICE_EMPTY);
    field_index_free(&x);
    assert_null(x);
}

static void test_limits(void **state)
{
    struct fixture *f = *state;
    arena small;
    struct header h;
    arena_init(&small, 200);
    slice text = S("A: 1\nB: 1\nC: 1\nD: 1\nE: 1\nF: 1\nG: 1\nH: 1\nI: 1\nJ: 1\nK: 1\nL: 1\n\n");
    assert_false(header_read(&text, &small, &h));
    arena_fini(&small);
    char *many = arena_alloc(&f->a, 30000);
    assert_non_null(many);
    for (size_t i = 0; i < 30000; i += 3)
        memcpy(many + i, "a:\n", 3);
    text = (slice){many, 30000};
    assert_true(header_read(&text, &f->a, &h));
    assert_int_equal(h.n, 2000);
    assert_int_equal(text.n, 0);
}

static const struct {
    const char *value, *fallback, *want;
} texts[] = {
    {"plain", "", "plain"},
    {"=?utf-8?Q?Z=C3=BCrich?=", "", "Z\xc3\xbcrich"},
    {"=?UTF-8?b?WsO8cmljaA==?= rest", "", "Z\xc3\xbcrich rest"},
    {"a =?iso-8859-1?q?=FC?= b", "", "a \xc3\xbc b"},
    {"=?utf-8?Q?a?= =?utf-8?Q?b?=\r\n =?utf-8?Q?c?=", "", "abc"},
    {"=?utf-8?Q?a?= =?iso-8859-1?Q?=E4?=", "", "a\xc3\xa4"},
    {"=?utf-8?B?ww==?= =?utf-8?B?qQ==?=", "", "\xc3\xa9"},
    {"=?utf-8?Q?=C3?= =?utf-8?Q?=A9?=", "", "\xc3\xa9"}, /* a character split between words */
    {"=?utf-8?Q?two words?=", "", "two words"},
    {"=?utf-8?Q?a_b=5F?=", "", "a b_"},
    {"(=?utf-8?Q?x?=)", "", "(x)"},
    {"=?utf-8*en?Q?lang?=", "", "lang"},
    {"=?utf-8?Q?=3D?=", "", "="},
    {"=?utf-8?Q?cut=20off", "", "cut off"},
    {"=?utf-8?X?no?=", "", "=?utf-8?X?no?="},
    {"=?broken", "", "=?broken"},
    {"=?", "", "=?"},
    {"=??Q?x?=", "", "=??Q?x?="},
    {"=?utf-8?Q?a=0D=0Ab?=", "", "a  b"}, /* no line end comes through */
    {"=?iso-2022-jp?B?GyRCJCIbKEI=?=", "", "\xe3\x81\x82"},
    {"raw \xc3\xbc", "", "raw \xc3\xbc"},
    {"raw \xfc", "", "raw \xc3\xbc"},
    {"\xd4\xc5\xd3\xd4", "koi8-r", "\xd1\x82\xd0\xb5\xd1\x81\xd1\x82"},
    {"\xc3\xbc", "koi8-r", "\xc3\xbc"}, /* valid UTF-8 goes before the fallback */
    {"folded\r\n line", "", "folded line"},
};

static void test_text(void **state)
{
    struct fixture *f = *state;
    for (size_t i = 0; i < ARRAY_LEN(texts); i++)
        assert_slice(header_text(f->cs, &f->a, slice_str(texts[i].value), slice_str(texts[i].fallback)),
                     slice_str(texts[i].want));
}

static const struct {
    const char *value, *name, *want;
} params[] = {
    {"text/plain; charset=utf-8", "charset", "utf-8"},
    {"text/plain; CharSet=\"utf-8\"", "charset", "utf-8"},
    {"text/plain; charset=us-ascii (Plain text)", "charset", "us-ascii"},
    {"text/plain; (c ; x=y) charset=utf-8", "charset", "utf-8"},
    {"text/plain charset=utf-8", "charset", "utf-8"},
    {"multipart/mixed; boundary=a type=b", "boundary", "a"},
    {"multipart/mixed; boundary=\"a b;c\"; x=y", "boundary", "a b;c"},
    {"multipart/mixed; boundary=\"a\\\"b\"", "boundary", "a\"b"},
    {"multipart/mixed; boundary=\"unclosed", "boundary", "unclosed"},
    {"multipart/mixed;\r\n\tboundary=\"----=_Part.1\"", "boundary", "----=_Part.1"},
    {"multipart/mixed; boundary = x", "boundary", "x"},
    {"multipart/mixed; boundary=----=_P(1)", "boundary", "----=_P(1)"},
    {"a/b; filename*=utf-8'en'%C3%A4%20b", "filename", "\xc3\xa4 b"},
    {"a/b; filename*=iso-8859-1''%E4", "filename", "\xc3\xa4"},
    {"a/b; filename*1=c; filename*0=ab", "filename", "abc"},
    {"a/b; filename*0*=utf-8''%C3; filename*1*=%A4; filename*2=\"%41\"", "filename", "\xc3\xa4%41"},
    {"a/b; filename=plain; filename*=utf-8''ext", "filename", "ext"},
    {"a/b; filename*99=x; filename=y", "filename", "y"},
    {"a/b; filename=\"=?utf-8?Q?=C3=A4?=\"", "filename", "\xc3\xa4"},
    {"a/b; xname=1; name=2", "name", "2"},
    {"a/b; name=1; name=2", "name", "1"},
    {"a/b; name=", "name", ""},
    {"a/b; name", "name", ""},
    {"a/b;;;; name=z", "name", "z"},
    {"a/b", "name", ""},
    {"", "name", ""},
};

static void test_params(void **state)
{
    struct fixture *f = *state;
    for (size_t i = 0; i < ARRAY_LEN(params); i++)
        assert_slice(header_param(f->cs, &f->a, slice_str(params[i].value), slice_str(params[i].name)),
                     slice_str(params[i].want));
}

static const struct {
    const char *value, *want;
} mains[] = {
    {"Text/Plain; charset=x", "Text/Plain"}, {"(c) text/plain (d) ; x=y", "text/plain"},
    {"text/plain charset=x", "text/plain"},  {"rfc822; a@b", "rfc822"},
    {"5.1.1 (bad mailbox)", "5.1.1"},        {"  ", ""},
};

static void test_main_value(void **state)
{
    struct fixture *f = *state;
    for (size_t i = 0; i < ARRAY_LEN(mains); i++)
        assert_slice(header_main_value(&f->a, slice_str(mains[i].value)), slice_str(mains[i].want));
}

/* Inputs made to be slow or hungry: each must stay near linear in time and memory. */
static void test_hostile(void **state)
{
    struct fixture *f = *state;
    static const char *const units[] = {"=?a?q?", "=?a?q?b?= ", "=?a?q?b?==?c?q?d?=", "=?", "(", "\"",
                                        ";a*0*=", "a=\"\\\""};
    size_t n = 200000;
    char *p = malloc(n);
    assert_non_null(p);
    for (size_t u = 0; u < ARRAY_LEN(units); u++) {
        size_t width = strlen(units[u]);
        for (size_t i = 0; i < n; i++)
            p[i] = units[u][i % width];
        arena_reset(&f->a);
        (void)header_text(f->cs, &f->a, (slice){p, n}, SLICE_EMPTY);
        (void)header_param(f->cs, &f->a, (slice){p, n}, S("a"));
        (void)header_main_value(&f->a, (slice){p, n});
        assert_true(f->a.used < 60 * n);
    }
    free(p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_read),   cmocka_unit_test(test_every_prefix), cmocka_unit_test(test_get),
        cmocka_unit_test(test_index),  cmocka_unit_test(test_limits),       cmocka_unit_test(test_text),
        cmocka_unit_test(test_params), cmocka_unit_test(test_main_value),   cmocka_unit_test(test_hostile),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
