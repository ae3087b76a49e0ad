#include "base/text.h"
#include "check.h"
#include "feed/form.h"
#include "feed/json_read.h"

static arena memory;

static void odd_things_are_told(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        unsigned odd;
        bool there;
    } cases[] = {
        {"{}", 0, true},
        {" {\"a\":[1,-2.5e3,true,null,\"\\u00e9\"]}\r\n", 0, true},
        {"", JSON_ODD_SYNTAX, false},
        {"{", JSON_ODD_SYNTAX, false},
        {"[1,2", JSON_ODD_SYNTAX, false},
        {"\"a", JSON_ODD_SYNTAX, false},
        {"\"a\\", JSON_ODD_SYNTAX, false},
        {"{\"a\" 1}", JSON_ODD_SYNTAX, false},
        {"/*\"*/[1]", JSON_ODD_SYNTAX, false}, /* json-c would take it */
        {"{'a':1}", JSON_ODD_SYNTAX, false},
        {"{\"a\":1,\"a\":2}", JSON_ODD_REPEATED, true},
        {"[{\"a\":{\"b\":1,\"b\":2}},{\"a\":1}]", JSON_ODD_REPEATED, true},
        {"[{\"a\":1},{\"a\":\"b:c\"}]", 0, true},
        {"[\"\xff\"]", JSON_ODD_UTF8, true},
        {"[1] [2]", JSON_ODD_BEHIND, true},
        {"[18446744073709551615]", JSON_ODD_NUMBER, true}, /* as many digits as the first that does not fit */
        {"[9007199254740993]", 0, true},
        {"[0.12345678901234567890123]", 0, true},
        {"[12345678901234567890.5]", 0, true},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        unsigned odd;
        struct json_object *o = json_read(slice_str(cases[i].text), &odd);
        if (odd != cases[i].odd || (o != NULL) != cases[i].there)
            print_error("%s: %x\n", cases[i].text, odd);
        assert_int_equal(odd, cases[i].odd);
        assert_int_equal(o != NULL, cases[i].there);
        json_object_put(o);
    }
}

static void read_nested(size_t depth, unsigned want)
{
    char text[2 * JSON_READ_MAX_DEPTH + 4];
    unsigned odd;
    memset(text, '[', depth);
    memset(text + depth, ']', depth);
    struct json_object *o = json_read(slice_of(text, 2 * depth), &odd);
    assert_int_equal(odd, want);
    assert_int_equal(o != NULL, want == 0);
    json_object_put(o);
}

static void depth_and_number_have_limits(void **state)
{
    (void)state;
    buf many;
    unsigned odd;
    read_nested(JSON_READ_MAX_DEPTH, 0);
    read_nested(JSON_READ_MAX_DEPTH + 1, JSON_ODD_DEEP);
    buf_init(&many, 0);
    buf_addc(&many, '[');
    for (size_t i = 0; i < JSON_READ_MAX_VALUES; i++)
        buf_adds(&many, "1,");
    buf_adds(&many, "1]");
    assert_null(json_read(buf_slice(&many), &odd));
    assert_int_equal(odd, JSON_ODD_MANY);
    buf_fini(&many);
}

static void paths_find_values(void **state)
{
    (void)state;
    static const char *const cases[][2] = {
        {"a", "1"},
        {"b.c", "two"},
        {"b . c", "two"},
        {"b.d.0", "x"},
        {"b.d.1", "y"},
        {"b.d.-1", "z"},
        {"b.d.-4", ""},
        {"b.d.3", ""},
        {"b.d.-", ""},
        {"b.d", "x"}, /* of an array the first */
        {"b", ""},    /* of an object nothing */
        {"nothing", ""},
        {"nothing.at.all", ""},
        {"nothing | empty | null | none | b.c", "two"},
        {"a | b.c", "1"},
        {" | | b.c | ", "two"},
        {"| ", ""},
        {"", ""},
        {"*.c", "two"}, /* the first member that is an object */
        {"x\\.y", "dotted"},
        {"\\*", "star"},
        {"p\\|q", "bar"},
        {"h.[name=message-id].value", "<1@x>"},
        {"h.[name=other].value", ""},
        {"h.[name].value", ""},
        {"h.[].value", ""},
        {"@", "at"},
        {"@ | a", "at"},
        {"@x | a", "1"},
        {"big", "9007199254740993"},
        {"price", "1.50"},
        {"yes", "true"},
        {"a.b", ""},
    };
    unsigned odd;
    struct json_object *root = json_read(
        S("{\"a\":1,\"b\":{\"c\":\"two\",\"d\":[\"x\",\"y\",\"z\"]},\"empty\":\"\",\"null\":null,\"none\":[],"
          "\"x.y\":\"dotted\",\"*\":\"star\",\"p|q\":\"bar\",\"big\":9007199254740993,\"price\":1.50,\"yes\":true,"
          "\"h\":[1,{\"name\":5},{\"name\":\"From\",\"value\":\"f\"},{\"name\":\"Message-ID\",\"value\":\"<1@x>\"}]}"),
        &odd);
    struct json_object *element = json_object_new_string("at");
    assert_non_null(root);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        slice got = json_text(json_find(root, element, cases[i][0]), &memory, 100);
        if (!slice_eq(got, slice_str(cases[i][1])))
            print_error("path %s\n", cases[i][0]);
        assert_slice(got, slice_str(cases[i][1]));
    }
    assert_null(json_find(NULL, NULL, "a.b"));
    assert_slice(json_text(json_find(root, NULL, "x\\.y"), &memory, 3), S("dot"));
    char path[3 * JSON_READ_MAX_NAME_BYTES];
    memset(path, 'a', sizeof path - 1);
    path[sizeof path - 1] = 0;
    assert_null(json_find(root, NULL, path));
    json_object_put(element);
    json_object_put(root);
}

static void forms_are_decoded(void **state)
{
    (void)state;
    static const struct {
        const char *text, *name, *value;
    } cases[] = {
        {"a=1&b=2", "b", "2"},     {"a=1&b=2", "a", "1"}, {"a=1&b=2", "c", ""},  {"a+b=c%20d", "a b", "c d"},
        {"a=%zz%4", "a", "%zz%4"}, {"a=%41%", "a", "A%"}, {"&&a=1&", "a", "1"},  {"a", "a", ""},
        {"=x", "", "x"},           {"a=b=c", "a", "b=c"}, {"a=1&a=2", "a", "2"}, {"a=%00b", "a", "\0b"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        slice want = i + 1 == ARRAY_LEN(cases) ? S("\0b") : slice_str(cases[i].value);
        assert_slice(form_get(slice_str(cases[i].text), slice_str(cases[i].name), &memory), want);
    }
}

static int set_up(void **state)
{
    (void)state;
    arena_init(&memory, 0);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    arena_fini(&memory);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(odd_things_are_told),
        cmocka_unit_test(depth_and_number_have_limits),
        cmocka_unit_test(paths_find_values),
        cmocka_unit_test(forms_are_decoded),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
