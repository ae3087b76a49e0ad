/* The grammar of tolerances: what is read, what is refused, what is printed and said, and how many it takes. */
#include "check.h"

#include "policy/tolerance.h"

static struct tolerance parsed(const char *text)
{
    struct tolerance t;
    err e;
    if (tolerance_parse(slice_str(text), &t, &e) != OK)
        fail_msg("%s: %s", text, e.text);
    return t;
}

static void test_what_is_read(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        struct tolerance value;
    } table[] = {
        {"never", {.count = 0}},
        {" Never ", {.count = 0}},
        {"3", {.count = 3}},
        {"3 over 0", {.count = 3}},
        {"3 over 10d", {.count = 3, .span_us = 10 * TIME_DAY}},
        {"3  OVER  1d 12h", {.count = 3, .span_us = 36 * TIME_HOUR}},
        {"7 engaged 15", {.count = 7, .engaged_count = 15}},
        {"5 gap 24h", {.count = 5, .gap_us = TIME_DAY}},
        {"5 within 30d over 10d", {.count = 5, .window_us = 30 * TIME_DAY, .span_us = 10 * TIME_DAY}},
        {"5 stale 7d keep", {.count = 5, .stale_us = 7 * TIME_DAY, .keeps = true}},
        {"3 resets opens", {.count = 3, .engaged_resets = true}},
        {"40", {.count = 40}},
    };
    for (size_t i = 0; i < ARRAY_LEN(table); i++) {
        struct tolerance t = parsed(table[i].text);
        if (!tolerance_same(&t, &table[i].value))
            fail_msg("%s is read as something else", table[i].text);
    }
}

static void test_what_is_refused(void **state)
{
    (void)state;
    static const struct {
        const char *text, *why;
    } table[] = {
        {"", "expected \"COUNT over SPAN\""},
        {"0", "expected \"COUNT over SPAN\""},
        {"41", "from 1 to 40"},
        {"-3", "expected"},
        {"3x", "expected"},
        {"often", "expected"},
        {"never 3", "expected"},
        {"3 over", "\"over\" wants a span"},
        {"3 over 10", "\"over\" wants a span"},
        {"3 over 10w", "not \"10w\""},
        {"3 over -1d", "not \"-1d\""},
        {"3 over 36501d", "\"over\" wants a span"},
        {"3 over 36500d 1s", "\"over\" wants a span"},
        {"3 over 10d over 5d", "twice"},
        {"3 engaged", "\"engaged\" wants one count"},
        {"3 engaged 4 engaged 5", "\"engaged\" wants one count"},
        {"3 engaged 2", "sooner than others"},
        {"3 in 10d", "\"in\" is none of its words"},
        {"3 resets", "wants \"opens\""},
        {"3 keep resets opens", "exclude each other"},
        {"3 over 10d within 5d", "could never suppress"},
        {"5 gap 7d within 27d", "could never suppress"},
        {"5 gap 8d stale 7d", "could never suppress"},
    };
    for (size_t i = 0; i < ARRAY_LEN(table); i++) {
        struct tolerance t;
        err e;
        assert_int_equal(tolerance_parse(slice_str(table[i].text), &t, &e), E_INVALID);
        if (!strstr(e.text, table[i].why))
            fail_msg("%s: says \"%s\"", table[i].text, e.text);
    }
}

static void test_what_is_printed_reads_the_same(void **state)
{
    (void)state;
    static const char *const table[] = {
        "never",
        "1",
        "3 over 10d",
        "3 engaged 9 over 36h gap 90min within 30d stale 14d keep",
        "3 over 15d resets opens",
        "5 stale 7d",
        "2 over 1ms",
    };
    buf b;
    buf_init(&b, 0);
    for (size_t i = 0; i < ARRAY_LEN(table); i++) {
        struct tolerance t = parsed(table[i]);
        buf_clear(&b);
        tolerance_print(&t, &b);
        assert_slice(buf_slice(&b), slice_str(table[i]));
    }
    buf_fini(&b);
}

static void test_every_prefix(void **state)
{
    (void)state;
    static const char text[] = "3 engaged 9 over 36h gap 90min within 30d stale 14d resets opens keep";
    for (size_t n = 0; n <= sizeof text; n++) {
        struct tolerance t;
        (void)!tolerance_parse(slice_of(text, n < sizeof text ? n : n - 1), &t, NULL);
    }
}

static void test_how_many_it_takes(void **state)
{
    (void)state;
    struct tolerance three = parsed("3"), mailchimp = parsed("7 engaged 15"), never = parsed("never"),
                     many = parsed("30");
    assert_int_equal(tolerance_needed(&three, false, true, false), 3);
    assert_int_equal(tolerance_needed(&three, true, true, false), 6);
    assert_int_equal(tolerance_needed(&three, true, false, false), 3);
    assert_int_equal(tolerance_needed(&three, false, true, true), 2);
    assert_int_equal(tolerance_needed(&mailchimp, true, true, false), 15);
    assert_int_equal(tolerance_needed(&mailchimp, true, true, true), 8);
    assert_int_equal(tolerance_needed(&many, true, true, false), POLICY_MAX_COUNT);
    assert_int_equal(tolerance_needed(&never, true, true, true), 0);
}

static void test_what_is_said(void **state)
{
    (void)state;
    static const struct {
        const char *text, *said;
    } table[] = {
        {"never", "never"},
        {"3 over 10d",
         "3 failures in a row, the last at least 10 days behind the first; 6 for an address that opened or clicked "
         "within 90 days; a delivery begins the row anew"},
        {"7 engaged 7 keep", "7 failures in all; nothing begins it anew"},
        {"5 engaged 5 gap 24h stale 7d", "5 failures in a row, at least 1 day apart; 7 days without a failure begin "
                                         "the row anew; a delivery begins the row anew"},
        {"1 engaged 1 resets opens", "1 failure; a delivery, an open or a click begins the row anew"},
    };
    buf b;
    buf_init(&b, 0);
    for (size_t i = 0; i < ARRAY_LEN(table); i++) {
        struct tolerance t = parsed(table[i].text);
        buf_clear(&b);
        tolerance_say(&t, "failure", true, 90 * TIME_DAY, &b);
        assert_slice(buf_slice(&b), slice_str(table[i].said));
    }
    buf_fini(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_is_read),
        cmocka_unit_test(test_what_is_refused),
        cmocka_unit_test(test_what_is_printed_reads_the_same),
        cmocka_unit_test(test_every_prefix),
        cmocka_unit_test(test_how_many_it_takes),
        cmocka_unit_test(test_what_is_said),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
