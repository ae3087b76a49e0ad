#include "check.h"

#include <fcntl.h>
#include <unistd.h>

#include "base/text.h"
#include "serve/log.h"

/* What comes out of the other end of a pipe. */
struct pipe_end {
    int fds[2];
    char text[2 * LOG_MAX_LINE_BYTES];
};

static struct log *open_log(struct pipe_end *p, struct log_setup o)
{
    assert_int_equal(pipe(p->fds), 0);
    o.fd = p->fds[1];
    struct log *l = log_new(&o);
    assert_non_null(l);
    return l;
}

static slice close_log(struct pipe_end *p, struct log **l)
{
    log_free(l);
    close(p->fds[1]);
    ssize_t n = read(p->fds[0], p->text, sizeof p->text);
    assert_true(n >= 0);
    close(p->fds[0]);
    return slice_of(p->text, (size_t)n);
}

static void test_a_line(void **state)
{
    (void)state;
    struct pipe_end p;
    struct log *l = open_log(&p, (struct log_setup){.level = LOG_LEVEL_INFO});
    log_event(l, LOG_LEVEL_DEBUG, "not.told", "a=%d", 1);
    log_event(l, LOG_LEVEL_WARN, "commit.failed", "status=%s waiting=%d", "io", 3);
    log_event(l, LOG_LEVEL_INFO, "daemon.ready", "%s", "");
    log_set_level(l, LOG_LEVEL_DEBUG);
    log_event(l, LOG_LEVEL_DEBUG, "told", "a=%d", 1);
    assert_slice(close_log(&p, &l), S("warn commit.failed status=io waiting=3\ninfo daemon.ready\ndebug told a=1\n"));
}

static void test_priority_and_stamp(void **state)
{
    (void)state;
    struct pipe_end p;
    struct log *l = open_log(&p, (struct log_setup){.priority = true, .stamps = true});
    log_event(l, LOG_LEVEL_ERROR, "x", "a=1");
    slice line = close_log(&p, &l);
    assert_true(slice_starts(line, S("<3>2")));
    assert_true(slice_ends_ci(line, S("Z error x a=1\n")));
}

static void test_json(void **state)
{
    (void)state;
    struct pipe_end p;
    struct log *l = open_log(&p, (struct log_setup){.json = true});
    struct log_quoted q;
    log_event(l, LOG_LEVEL_WARN, "mail.odd", "n=-3 big=12345678901234567890 id=007 from=%s word=abc",
              log_text(&q, S("a \"b\"\n=\\ c")));
    assert_slice(
        close_log(&p, &l),
        S("{\"level\":\"warn\",\"event\":\"mail.odd\",\"n\":-3,\"big\":\"12345678901234567890\",\"id\":\"007\","
          "\"from\":\"a \\\"b\\\"\\\\x0a=\\\\ c\",\"word\":\"abc\"}\n"));
}

struct quoting {
    slice text;
    const char *shown;
};

static const struct quoting quotings[] = {
    {SLICE_INIT("a@example.com"), "a@example.com"},
    {SLICE_INIT(""), "\"\""},
    {SLICE_INIT("a b"), "\"a b\""},
    {SLICE_INIT("a=b"), "\"a=b\""},
    {SLICE_INIT("x\ninfo fake.event a=b"), "\"x\\x0ainfo fake.event a=b\""},
    {SLICE_INIT("x\r\0y"), "\"x\\x0d\\x00y\""},
    {SLICE_INIT("\x1b[31m"), "\"\\x1b[31m\""},
    {SLICE_INIT("\"\\"), "\"\\\"\\\\\""},
    {SLICE_INIT("\xff\xc3\xa4"), "\"\\xff\xc3\xa4\""},
    {SLICE_INIT("a\xe2\x80\xae"
                "b"),
     "\"a\\u{202e}b\""}, /* right-to-left override */
    {SLICE_INIT("a\xe2\x80\xa8"
                "b"),
     "\"a\\u{2028}b\""}, /* line separator */
    {SLICE_INIT("\xc2\x85"), "\"\\u{85}\""},
};

static void test_texts_cannot_forge_a_line(void **state)
{
    (void)state;
    struct log_quoted q;
    for (size_t i = 0; i < ARRAY_LEN(quotings); i++)
        assert_slice(slice_str(log_text(&q, quotings[i].text)), slice_str(quotings[i].shown));
}

static void test_long_texts_are_cut(void **state)
{
    (void)state;
    struct log_quoted q;
    char text[3 * LOG_MAX_TEXT_BYTES];
    memset(text, 'x', sizeof text);
    assert_int_equal(strlen(log_text(&q, slice_of(text, LOG_MAX_TEXT_BYTES))), LOG_MAX_TEXT_BYTES);
    assert_int_equal(strlen(log_text(&q, slice_of(text, LOG_MAX_TEXT_BYTES + 1))), LOG_MAX_TEXT_BYTES + 5);
    for (size_t n = 0; n < sizeof text; n++) { /* of every length, all bytes of the worst kinds */
        memset(text, '\n', n);
        assert_true(strlen(log_text(&q, slice_of(text, n))) < sizeof q.text);
        memset(text, 0xff, n);
        assert_true(strlen(log_text(&q, slice_of(text, n))) < sizeof q.text);
        memset(text, '"', n);
        assert_true(strlen(log_text(&q, slice_of(text, n))) < sizeof q.text);
        for (size_t i = 0; i + 2 < n; i += 3)
            memcpy(text + i, "\xe2\x80\xae", 3);
        const char *shown = log_text(&q, slice_of(text, n));
        assert_true(strlen(shown) < sizeof q.text && utf8_valid(slice_str(shown)));
    }
    memset(text, 'x', sizeof text);
    memcpy(text + LOG_MAX_TEXT_BYTES - 1, "\xc3\xa4", 2); /* a cut falls within a character */
    assert_true(slice_ends_ci(slice_str(log_text(&q, slice_of(text, sizeof text))), S("x...\"")));
}

static void test_raw_texts_stay_in_their_line(void **state)
{
    (void)state;
    struct pipe_end p;
    struct log *l = open_log(&p, (struct log_setup){.level = LOG_LEVEL_INFO});
    log_event(l, LOG_LEVEL_INFO, "x", "a=%s", "b\nerror forged c=1\x1b");
    assert_slice(close_log(&p, &l), S("info x a=b error forged c=1 \n"));
}

static void test_long_lines_are_cut(void **state)
{
    (void)state;
    struct pipe_end p;
    char text[2 * LOG_MAX_LINE_BYTES];
    memset(text, 'x', sizeof text);
    text[sizeof text - 1] = 0;
    struct log *l = open_log(&p, (struct log_setup){.json = true});
    log_event(l, LOG_LEVEL_INFO, "x", "a=\"%s", text);
    slice line = close_log(&p, &l);
    assert_in_range(line.n, LOG_MAX_LINE_BYTES - 10, LOG_MAX_LINE_BYTES + 100);
    assert_true(slice_ends_ci(line, S("\"}\n")));
}

static void test_what_cannot_be_written_is_counted(void **state)
{
    (void)state;
    struct log_setup o = {.fd = open("/dev/full", O_WRONLY)};
    if (o.fd < 0)
        skip();
    struct log *l = log_new(&o);
    log_event(l, LOG_LEVEL_INFO, "x", "a=1");
    assert_int_equal(log_lost(l), 1);
    log_free(&l);
    close(o.fd);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_line),
        cmocka_unit_test(test_priority_and_stamp),
        cmocka_unit_test(test_json),
        cmocka_unit_test(test_texts_cannot_forge_a_line),
        cmocka_unit_test(test_long_texts_are_cut),
        cmocka_unit_test(test_raw_texts_stay_in_their_line),
        cmocka_unit_test(test_long_lines_are_cut),
        cmocka_unit_test(test_what_cannot_be_written_is_counted),
    };
    return cmocka_run_group_tests_name("log", tests, NULL, NULL);
}
