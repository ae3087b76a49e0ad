#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

#include <cmocka.h>

#include "base/buf.h"
#include "feed/journal.h"
#include "feed/syslog.h"
#include "guard.h"

/* Berlin, 2025 and 2026. */
static const struct zone_shift berlin_shifts[] = {{INT64_C(1743296400) * TIME_SECOND, 7200},
                                                  {INT64_C(1761440400) * TIME_SECOND, 3600},
                                                  {INT64_C(1774746000) * TIME_SECOND, 7200},
                                                  {INT64_C(1792890000) * TIME_SECOND, 3600}};
static const struct zone berlin = {3600, berlin_shifts, ARRAY_LEN(berlin_shifts)};

static int64_t when(const char *iso)
{
    int64_t us = time_parse_iso(slice_str(iso), 0);
    assert_true(us != TIME_NONE);
    return us;
}

static int64_t read_stamp(struct stamp_clock *c, const char *stamp)
{
    char line[128];
    struct syslog_line parsed;
    snprintf(line, sizeof line, "%s m postfix/smtp[1]: x", stamp);
    assert_true(syslog_parse(slice_str(line), &parsed));
    return stamp_time(c, &parsed);
}

static void bsd_stamps_get_their_year(void **state)
{
    (void)state;
    static const struct {
        const char *reference, *stamp, *expected;
    } cases[] = {
        {"2026-01-02T00:00:00Z", "Dec 31 23:59:59", "2025-12-31T23:59:59Z"},
        {"2026-01-02T00:00:00Z", "Jan  1 00:00:00", "2026-01-01T00:00:00Z"},
        {"2026-01-02T00:00:00Z", "Jan  2 23:00:00", "2026-01-02T23:00:00Z"}, /* a clock that is fast */
        {"2026-01-02T00:00:00Z", "Jan  3 01:00:00", "2025-01-03T01:00:00Z"},
        {"2025-12-31T23:59:00Z", "Jan  1 00:00:30", "2026-01-01T00:00:30Z"}, /* the next year has begun */
        {"2026-06-01T00:00:00Z", "Feb 29 12:00:00", "2024-02-29T12:00:00Z"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct stamp_clock c;
        stamp_clock_init(&c, when(cases[i].reference), NULL);
        assert_int_equal(read_stamp(&c, cases[i].stamp), when(cases[i].expected));
    }
}

static void zones_and_the_hour_that_comes_twice(void **state)
{
    (void)state;
    static const char *const rows[][2] = {
        {"Oct 25 12:00:00", "2025-10-25T12:00:00+02:00"}, {"Oct 26 01:59:59", "2025-10-26T01:59:59+02:00"},
        {"Oct 26 02:10:00", "2025-10-26T02:10:00+02:00"}, {"Oct 26 02:59:59", "2025-10-26T02:59:59+02:00"},
        {"Oct 26 02:00:00", "2025-10-26T02:00:00+01:00"}, {"Oct 26 02:30:00", "2025-10-26T02:30:00+01:00"},
        {"Oct 26 03:00:00", "2025-10-26T03:00:00+01:00"}, {"Nov  1 00:00:00", "2025-11-01T00:00:00+01:00"},
    };
    struct stamp_clock c;
    stamp_clock_init(&c, when("2025-11-21T00:00:00Z"), &berlin);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        assert_int_equal(read_stamp(&c, rows[i][0]), when(rows[i][1]));
    /* the old file once more: from its beginning, the first reading */
    stamp_clock_init(&c, when("2025-11-21T00:00:00Z"), &berlin);
    c.last_us = when("2025-11-20T00:00:00Z");
    assert_int_equal(read_stamp(&c, "Oct 26 02:10:00"), when("2025-10-26T02:10:00+02:00"));
    /* the hour that does not exist */
    assert_int_equal(read_stamp(&c, "Mar 30 02:30:00"), when("2025-03-30T02:30:00+01:00"));
}

static void stamps_with_zone_and_fraction(void **state)
{
    (void)state;
    struct stamp_clock c;
    stamp_clock_init(&c, TIME_NONE, NULL);
    assert_int_equal(read_stamp(&c, "2026-11-21T20:43:24.123456+01:00"), when("2026-11-21T19:43:24.123456Z"));
    assert_int_equal(read_stamp(&c, "2026-11-21T20:43:24+0100"), when("2026-11-21T19:43:24Z"));
    assert_int_equal(read_stamp(&c, "2026-11-21 20:43:24Z"), when("2026-11-21T20:43:24Z"));
    assert_true(read_stamp(&c, "Nov 21 20:43:24") == TIME_NONE);
}

static void outside_of_lines(void **state)
{
    (void)state;
    static const struct {
        const char *line, *host, *tag, *message;
    } cases[] = {
        {"Nov 21 20:43:24 mx postfix/smtp[12]: hello: you \r", "mx", "postfix/smtp", "hello: you"},
        {"Nov  1 20:43:24 postfix/smtp[12]: hello", "", "postfix/smtp", "hello"},
        {"<22>Nov  1 20:43:24 mx a/b: hello", "mx", "a/b", "hello"},
        {"<22>1 2026-11-21T20:43:24Z mx a/b 12 - - \xef\xbb\xbfhello", "mx", "a/b", "hello"},
        {"2026-11-21T20:43:24Z mx kernel: [1.2] x", "mx", "kernel", "[1.2] x"},
        {"Nov 21 20:43:24 mx last message repeated 3 times", NULL, NULL, NULL},
        {"-- Boot 1234 --", NULL, NULL, NULL},
        {"", NULL, NULL, NULL},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct syslog_line line;
        bool good = syslog_parse(slice_str(cases[i].line), &line);
        assert_int_equal(good, cases[i].host != NULL);
        if (!good)
            continue;
        assert_true(slice_eq(line.host, slice_str(cases[i].host)));
        assert_true(slice_eq(line.tag, slice_str(cases[i].tag)));
        assert_true(slice_eq(line.message, slice_str(cases[i].message)));
    }
}

#define ENTRIES                                                                                                     \
    "__CURSOR=c1\n__REALTIME_TIMESTAMP=1741608177617059\n_HOSTNAME=mx\nSYSLOG_IDENTIFIER=postfix/"                  \
    "smtp\nMESSAGE=one\n\n"                                                                                         \
    "__CURSOR=c2\n__REALTIME_TIMESTAMP=1741608177617060\nMESSAGE\n\x08\0\0\0\0\0\0\0two\n\nx=y\nSYSLOG_IDENTIFIER=" \
    "a\n\n"

static void journal_entries(void **state)
{
    (void)state;
    slice rest = S(ENTRIES);
    struct journal_entry e;
    assert_int_equal(journal_next(&rest, false, &e), 1);
    assert_true(slice_eq(e.line.host, S("mx")) && slice_eq(e.line.tag, S("postfix/smtp")));
    assert_true(slice_eq(e.line.message, S("one")) && slice_eq(e.cursor, S("c1")));
    assert_int_equal(journal_next(&rest, false, &e), 1);
    assert_true(slice_eq(e.line.message, S("two\n\nx=y")) && slice_eq(e.line.tag, S("a")));
    assert_int_equal(journal_next(&rest, false, &e), 0);
    assert_int_equal(rest.n, 0);
}

static void entries_of_prefix(slice prefix, void *data)
{
    size_t *most = data;
    for (int last = 0; last < 2; last++) {
        slice rest = prefix;
        struct journal_entry e;
        size_t n = 0;
        int more;
        while ((more = journal_next(&rest, last, &e)) != 0)
            n += more > 0;
        if (!last)
            assert_true(n >= *most); /* a longer prefix has no fewer whole entries */
        if (!last && n > *most)
            *most = n;
        if (last)
            assert_int_equal(rest.n, 0);
    }
}

static void journal_prefixes(void **state)
{
    (void)state;
    size_t most = 0;
    guard_prefixes(S(ENTRIES), entries_of_prefix, &most);
    assert_int_equal(most, 2);
    slice rest = S("A\n\xff\xff\xff\xff\xff\xff\xff\xff"
                   "x\n\n");
    struct journal_entry e;
    assert_int_equal(journal_next(&rest, false, &e), 0);
    assert_int_equal(journal_next(&rest, true, &e), -1);
    assert_int_equal(journal_next(&rest, true, &e), 0);
    rest = S("A\n\x01\0\0\0\0\0\0\0xy\n\nB=c\n\n");
    assert_int_equal(journal_next(&rest, false, &e), -1);
    assert_int_equal(journal_next(&rest, false, &e), 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bsd_stamps_get_their_year),
        cmocka_unit_test(zones_and_the_hour_that_comes_twice),
        cmocka_unit_test(stamps_with_zone_and_fraction),
        cmocka_unit_test(outside_of_lines),
        cmocka_unit_test(journal_entries),
        cmocka_unit_test(journal_prefixes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
