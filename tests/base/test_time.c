#include <stdio.h>
#include <time.h>

#include "base/time.h"
#include "check.h"

#define AT UINT64_C(1795293804) /* 2026-11-21T20:43:24Z */
#define US(s) ((int64_t)(s)*TIME_SECOND)

static void test_civil(void **state)
{
    (void)state;
    assert_int_equal(civil_days(1970, 1, 1), 0);
    assert_int_equal(civil_days(1969, 12, 31), -1);
    assert_int_equal(civil_days(2000, 3, 1), 11017);
    assert_int_equal(civil_days(9999, 12, 31), 2932896);
    struct civil c = {2026, 11, 21, 20, 43, 24};
    assert_true(civil_to_us(&c) == US(AT));
    static const struct civil refused[] = {
        {1969, 12, 31, 23, 59, 59}, {10000, 1, 1, 0, 0, 0}, {2026, 0, 1, 0, 0, 0},  {2026, 13, 1, 0, 0, 0},
        {2026, 1, 0, 0, 0, 0},      {2026, 4, 31, 0, 0, 0}, {2026, 2, 29, 0, 0, 0}, {2100, 2, 29, 0, 0, 0},
        {2026, 1, 1, 24, 0, 0},     {2026, 1, 1, -1, 0, 0}, {2026, 1, 1, 0, 60, 0}, {2026, 1, 1, 0, -1, 0},
        {2026, 1, 1, 0, 0, 61},     {2026, 1, 1, 0, 0, -1},
    };
    for (size_t i = 0; i < ARRAY_LEN(refused); i++)
        assert_true(civil_to_us(&refused[i]) == TIME_NONE);
    c = (struct civil){2000, 2, 29, 0, 0, 60}; /* a leap second runs into the next minute */
    assert_true(civil_to_us(&c) == US(951782460));
}

/* Against the C library, a day and a bit at a time. */
static void test_civil_model(void **state)
{
    (void)state;
    for (int64_t s = -62135596800; s < 253402300800; s += 86400 * 3 + 3607) {
        struct civil c;
        struct tm tm;
        time_t t = s;
        assert_non_null(gmtime_r(&t, &tm));
        civil_from_us(US(s) + 999999, &c);
        assert_int_equal(c.year, tm.tm_year + 1900);
        assert_int_equal(c.month, tm.tm_mon + 1);
        assert_int_equal(c.day, tm.tm_mday);
        assert_int_equal(c.hour, tm.tm_hour);
        assert_int_equal(c.minute, tm.tm_min);
        assert_int_equal(c.second, tm.tm_sec);
        assert_int_equal(civil_days(c.year, c.month, c.day), s / 86400 - (s % 86400 < 0));
        if (s >= 0)
            assert_true(civil_to_us(&c) == US(s));
    }
    struct civil c;
    civil_from_us(INT64_MIN, &c);
    assert_int_equal(c.year, -290308);
    civil_from_us(INT64_MAX, &c);
    assert_int_equal(c.year, 294247);
}

struct example {
    const char *text;
    int64_t seconds; /* -1: no date */
};

static const struct example mail[] = {
    {"Sat, 21 Nov 2026 20:43:24 +0000", AT},
    {"Sat, 21 Nov 2026 20:43:24 -0000", AT},
    {"Sat, 21 Nov 2026 22:13:24 +0130", AT},
    {"Sat, 21 Nov 2026 13:13:24 -0730 (somewhere)", AT},
    {"Sun, 22 Nov 2026 01:43:24 +0500", AT},
    {"Sat, 21 Nov 2026 20:43:24 GMT", AT},
    {"Sat, 21 Nov 2026 20:43:24 UT", AT},
    {"Sat, 21 Nov 2026 20:43:24 Z", AT},
    {"Sat, 21 Nov 2026 15:43:24 EST", AT},
    {"Sat, 21 Nov 2026 12:43:24 PST", AT},
    {"Sat, 21 Nov 2026 22:43:24 CEST", AT},
    {"Sat, 21 Nov 2026 20:43:24 XYZ", AT},
    {"Sat, 21 Nov 2026 20:43:24 A", AT}, /* RFC 5322 4.3: military zones are -0000 */
    {"Sat, 21 Nov 2026 22:43:24 GMT+0200", AT},
    {"Sat, 21 Nov 2026 22:43:24 GMT+02:00", AT},
    {"Sat, 21 Nov 2026 22:43:24 +02:00", AT},
    {"Sat, 21 Nov 2026 22:43:24 +02", AT},
    {"Sat, 21 Nov 2026 22:43:24 +0200 (CEST)", AT},
    {"Sat, 21 Nov 2026 20:43:24", AT},
    {"21 Nov 2026 20:43:24 +0000", AT},
    {"21 Nov 26 20:43:24 +0000", AT},
    {"21 Nov 126 20:43:24 +0000", AT}, /* years since 1900 */
    {"21 Nov 1999 00:00:00 +0000", 943142400},
    {"21 Nov 99 00:00:00 +0000", 943142400},
    {"21 Nov 70 00:00:00 +0000", 27993600},
    {"21 Nov 69 00:00:00 +0000", -1}, /* 1969 */
    {"Sat, 21 Nov 2026 20:43 +0000", AT - 24},
    {"Sat,21 Nov 2026 20:43:24+0000", AT},
    {"sat, 21 nov 2026 20:43:24 gmt", AT},
    {"Saturday, 21-Nov-26 20:43:24 GMT", AT},
    {"Sat, 21-Nov-2026 20:43:24 GMT", AT},
    {"Sat, 21 November 2026 20:43:24 +0000", AT},
    {"Sat, 21 Nov. 2026 20:43:24 +0000", AT},
    {"Sat, 21 Nov 2026 20.43.24 +0000", AT},
    {"Sat, 21 Nov 2026 20:43:24.75 +0000", AT},
    {"Sat Nov 21 20:43:24 2026", AT},
    {"Sat Nov 21 20:43:24 UTC 2026", AT},
    {"Sat Nov 21 21:43:24 CET 2026", AT},
    {"Nov 21, 2026 8:43:24 PM", AT},
    {"Saturday, November 21, 2026 at 8:43:24 PM", AT},
    {"21 Nov 2026 12:00:00 AM", 1795219200},
    {"21 Nov 2026 12:00:00 pm", 1795262400},
    {"21 Nov 2026 13:00:00 PM", 1795266000}, /* a clock of 24 hours in spite of the word */
    {" (a (nested) \\) comment) Sat (x), 21 (y) Nov 2026 20:43:24 (z) +0000 ", AT},
    {"Sat,\r\n 21 Nov 2026\r\n\t20:43:24 +0000\r\n", AT},
    {"Sat, 1 Jan 2000 0:0:0 +0000", 946684800},
    {"31 Dec 1998 23:59:60 +0000", 915148800},
    {"Sat, 21 Nov 2026 20:43:24 +0000; and something", AT},
    {"21 Nov 2026", 1795219200},
    {"2026-11-21 20:43:24 +0000", AT},
    {"2026-11-21T20:43:24Z", AT},
    {"", -1},
    {"now", -1},
    {"Sat", -1},
    {"Sat, 21 Nov", -1},
    {"21 2026 20:43:24", -1},
    {"Nov 2026 20:43:24", -1},
    {"32 Nov 2026 20:43:24 +0000", -1},
    {"31 Nov 2026 20:43:24 +0000", -1},
    {"21 Foo 2026 20:43:24 +0000", -1},
    {"21 Nov 2026 24:43:24 +0000", -1},
    {"21 Nov 2026 20:60:24 +0000", -1},
    {"21 Nov 2026 20:43:61 +0000", -1},
    {"21 Nov 20260 20:43:24 +0000", -1},
    {"21/11/2026 20:43:24", -1}, /* which is the month? */
    {"21.11.2026 20:43:24", -1},
    {"99999999999999999999", -1},
    {"1 Jan 1970 00:00:00 +0100", -1}, /* before 1970 */
    {"31 Dec 9999 23:59:59 -0100", -1},
    {"(comment without end", -1},
};

static void test_mail(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(mail); i++) {
        int64_t us = time_parse_mail(slice_str(mail[i].text));
        int64_t seconds = us == TIME_NONE ? -1 : us / TIME_SECOND;
        if (seconds != mail[i].seconds)
            fail_msg("\"%s\": got %lld, want %lld", mail[i].text, (long long)seconds, (long long)mail[i].seconds);
    }
    assert_true(time_parse_mail(S("Sat, 21 Nov 2026 20:43:24.75 +0000")) == US(AT) + 750000);
}

static void test_iso(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int zone_s;
        int64_t us; /* -1: no date */
    } cases[] = {
        {"2026-11-21T20:43:24Z", 3600, US(AT)},
        {"2026-11-21t20:43:24z", 0, US(AT)},
        {"2026-11-21 20:43:24", 0, US(AT)},
        {"2026-11-21  20:43:24", 0, US(AT)},
        {"2026-11-21T21:43:24", 3600, US(AT)},
        {"2026-11-21T18:43:24", -7200, US(AT)},
        {"2026-11-21T21:43:24+01:00", 0, US(AT)},
        {"2026-11-21T21:43:24+0100", 0, US(AT)},
        {"2026-11-21T21:43:24+01", 0, US(AT)},
        {"2026-11-21T15:13:24-05:30", 0, US(AT)},
        {"2026-11-21 20:43:24 +0000", 0, US(AT)},
        {"2026-11-21 20:43:24 UTC", 3600, US(AT)},
        {"2026-11-21T20:43:24.5Z", 0, US(AT) + 500000},
        {"2026-11-21T20:43:24,123456789Z", 0, US(AT) + 123456},
        {"2026-11-21T20:43:24.0000001Z", 0, US(AT)},
        {"2026-11-21T20:43Z", 0, US(AT - 24)},
        {"2026-11-21", 0, US(1795219200)},
        {" 2026-11-21\r\n", 3600, US(1795215600)},
        {"1998-12-31T23:59:60Z", 0, US(915148800)},
        {"", 0, -1},
        {"2026", 0, -1},
        {"2026-11", 0, -1},
        {"2026-1-21", 0, -1},
        {"26-11-21", 0, -1},
        {"2026-13-21", 0, -1},
        {"2026-02-30", 0, -1},
        {"2026-11-21T", 0, -1},
        {"2026-11-21T20", 0, -1},
        {"2026-11-21T20:", 0, -1},
        {"2026-11-21T20:43:", 0, -1},
        {"2026-11-21T24:00:00Z", 0, -1},
        {"2026-11-21T20:43:24Zx", 0, -1},
        {"2026-11-21T20:43:24.Z", 0, -1},
        {"2026-11-21T20:43:24 EST", 0, -1},
        {"2026-11-21T20:43:24+", 0, -1},
        {"2026-11-21T20:43:24+24:00", 0, -1},
        {"2026-11-21T20:43:24+01:60", 0, -1},
        {"2026-11-21T20:43:24+01000", 0, -1},
        {"2026-11-21x20:43:24", 0, -1},
        {"20261-11-21", 0, -1},
        {"1970-01-01T00:00:00+01:00", 0, -1},
        {"1969-12-31T23:59:59Z", 0, -1},
        {"0000-01-01T00:00:00Z", 0, -1},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        int64_t us = time_parse_iso(slice_str(cases[i].text), cases[i].zone_s);
        if (us != (cases[i].us == -1 ? TIME_NONE : cases[i].us))
            fail_msg("\"%s\": got %lld, want %lld", cases[i].text, (long long)us, (long long)cases[i].us);
    }
}

static void test_any(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int64_t us;
    } cases[] = {
        {"0", 0},
        {"1795293804", US(AT)},
        {"1795293804.25", US(AT) + 250000},
        {" 1795293804\n", US(AT)},
        {"1795293804123", US(AT) + 123000},
        {"99999999999", US(INT64_C(99999999999))},
        {"100000000000", US(100000000)},
        {"253402300799999", US(INT64_C(253402300799)) + 999000},
        {"253402300800000", -1},
        {"18446744073709551615", -1},
        {"18446744073709551616", -1},
        {"-1", -1},
        {"1795293804x", -1},
        {"1795293804.", -1},
        {"Sat, 21 Nov 2026 20:43:24 +0000", US(AT)},
        {"2026-11-21T20:43:24Z", US(AT)},
        {"2026-11-21 20:43:24", US(AT)},
        {"2026-11-21", US(1795219200)},
        {"", -1},
        {"soon", -1},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        int64_t us = time_parse_any(slice_str(cases[i].text));
        if (us != (cases[i].us == -1 ? TIME_NONE : cases[i].us))
            fail_msg("\"%s\": got %lld, want %lld", cases[i].text, (long long)us, (long long)cases[i].us);
    }
}

static void test_add_iso(void **state)
{
    (void)state;
    static const struct {
        int64_t us;
        const char *want;
    } cases[] = {
        {US(AT), "2026-11-21T20:43:24Z"},
        {US(AT) + 120000, "2026-11-21T20:43:24.120Z"},
        {US(AT) + 7, "2026-11-21T20:43:24.000007Z"},
        {0, "1970-01-01T00:00:00Z"},
        {-1, "1969-12-31T23:59:59.999999Z"},
        {US(INT64_C(-62167219200)), "0000-01-01T00:00:00Z"},
        {US(INT64_C(-62167219201)), "-0001-12-31T23:59:59Z"},
        {INT64_MAX, "294247-01-10T04:00:54.775807Z"},
        {TIME_NONE, ""},
    };
    buf b;
    buf_init(&b, 0);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        buf_clear(&b);
        time_add_iso(&b, cases[i].us);
        assert_string_equal(b.p, cases[i].want);
        if (cases[i].us >= 0 && b.n < 28)
            assert_true(time_parse_iso(buf_slice(&b), 0) == cases[i].us);
    }
    buf_fini(&b);
}

static void test_span(void **state)
{
    (void)state;
    static const struct {
        int64_t us;
        const char *want;
    } cases[] = {
        {0, "0 s"},
        {1, "1 us"},
        {1500, "1500 us"},
        {250000, "250 ms"},
        {TIME_SECOND, "1 s"},
        {90 * TIME_SECOND, "90 s"},
        {5 * TIME_MINUTE, "5 min"},
        {TIME_HOUR, "1 h"},
        {TIME_HOUR + TIME_MINUTE, "1 h"},
        {TIME_HOUR - TIME_MINUTE, "1 h"},
        {TIME_HOUR + 2 * TIME_MINUTE + 3 * TIME_SECOND, "62 min"},
        {36 * TIME_HOUR, "36 h"},
        {TIME_DAY, "1 day"},
        {12 * TIME_DAY, "12 days"},
        {72 * TIME_HOUR + TIME_MINUTE, "3 days"},
        {-36 * TIME_HOUR, "-36 h"},
        {INT64_MIN, "-106751991 days"},
        {INT64_MAX, "106751991 days"},
    };
    buf b;
    buf_init(&b, 0);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        buf_clear(&b);
        time_add_span(&b, cases[i].us);
        assert_string_equal(b.p, cases[i].want);
    }
    buf_fini(&b);
}

static void test_month(void **state)
{
    (void)state;
    static const char names[] = "janfebmaraprmayjunjulaugsepoctnovdec";
    for (int i = 0; i < 12; i++)
        assert_int_equal(month_from_name(slice_of(names + (size_t)i * 3, 3)), i + 1);
    assert_int_equal(month_from_name(S("DEC")), 12);
    assert_int_equal(month_from_name(S("De")), 0);
    assert_int_equal(month_from_name(S("Decem")), 0);
    assert_int_equal(month_from_name(S("foo")), 0);
    assert_int_equal(month_from_name(SLICE_EMPTY), 0);
}

/* The usual form has a reader of its own; behind a comment the one for everything takes it. */
static void test_usual_and_words_agree(void **state)
{
    static const char *const usual[] = {"Thu, 21 Nov 2026 20:43:24 +0100", "1 Feb 2026 00:00:60 -0030 (NST)"};
    static const char other[] = " :+-,.0a9MP(\x80\t";
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(usual); i++)
        for (size_t at = 0; at < strlen(usual[i]); at++)
            for (size_t k = 0; k < sizeof other - 1; k++) {
                char text[64];
                int n = snprintf(text, sizeof text, "() %s", usual[i]);
                text[3 + at] = other[k];
                slice all = {text, (size_t)n};
                if (time_parse_mail(all) != time_parse_mail(slice_from(all, 3)))
                    fail_msg("%s", text);
            }
}

static void parse_it(slice s, void *data)
{
    (void)data;
    (void)time_parse_mail(s);
    (void)time_parse_iso(s, 0);
    (void)time_parse_any(s);
    (void)month_from_name(s);
}

static void test_prefixes(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(mail); i++)
        guard_prefixes(slice_str(mail[i].text), parse_it, NULL);
    guard_prefixes(S("1795293804.123456"), parse_it, NULL);
    guard_prefixes(S("2026-11-21T20:43:24.123456+01:30"), parse_it, NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_civil),    cmocka_unit_test(test_civil_model),
        cmocka_unit_test(test_mail),     cmocka_unit_test(test_iso),
        cmocka_unit_test(test_any),      cmocka_unit_test(test_add_iso),
        cmocka_unit_test(test_span),     cmocka_unit_test(test_month),
        cmocka_unit_test(test_prefixes), cmocka_unit_test(test_usual_and_words_agree),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
