#include "bounce/reports.h"
#include "check.h"

#include <stdlib.h>

static const char bounce[] =
    "Return-Path: <>\nDelivered-To: bounce+joe=example.net@us.example.com\n"
    "From: MAILER-DAEMON@mx.example.org\nTo: bounce+joe=example.net@us.example.com\n"
    "Date: Thu, 1 Jan 2026 00:00:00 +0000\nMessage-ID: <1@mx.example.org>\n"
    "Subject: failure notice\n\nIt could not be delivered.\n\n<joe@example.net>:\n550 User unknown\n\n"
    "--- Below this line is a copy of the message.\n\nReturn-Path: <us@example.com>\n"
    "Message-ID: <7@example.com>\nFrom: us@example.com\nTo: joe@example.net\nSubject: Hi\n"
    "List-Id: News <news.example.com>\n\nHi\n";

static void test_result(void **state)
{
    struct reports_fixture *f = *state;
    struct bounce_result r;
    arena_reset(&f->arena);
    assert_int_equal(bounce_read(f->reader, slice_str(bounce), NULL, &f->arena, &r), BOUNCE_OK);
    assert_int_equal(r.report_count, 1);
    assert_slice(r.subject, S("failure notice"));
    assert_slice(r.message_id, S("1@mx.example.org"));
    assert_slice(r.delivered_to, S("bounce+joe=example.net@us.example.com"));
    assert_slice(r.verp_recipient, S("joe@example.net"));
    assert_slice(r.returned.message_id, S("7@example.com"));
    assert_slice(r.returned.subject, S("Hi"));
    assert_slice(r.returned.list_id, S("news.example.com"));
    assert_true(r.date_us == INT64_C(1767225600000000));
    assert_int_equal(r.diag & ~(unsigned)BOUNCE_DIAG_NO_CONTENT_TYPE, 0);
}

static void test_verp_names_who(void **state)
{
    slice mail =
        S("Return-Path: <>\nDelivered-To: bounce+joe=example.net@us.example.com\nFrom: MAILER-DAEMON@x.example\n"
          "Subject: Mail could not be delivered\n\nYour mail could not be delivered.\n");
    assert_slice(reports_shown(*state, mail, ""), S("failed joe@example.net"));
}

static void test_mbox_and_mark(void **state)
{
    slice mbox = S("From MAILER-DAEMON Thu Jan  1 00:00:00 2026\nFrom: x@mx.example.org\nSubject: failure notice\n\n"
                   "It could not be delivered.\n\n<joe@example.net>:\nNo such user\n");
    assert_slice(reports_shown(*state, mbox, ""), S("failed joe@example.net"));
    slice mark = S("\xef\xbb\xbf"
                   "From: MAILER-DAEMON@mx.example.org\nSubject: failure notice\n\n<joe@example.net>:\n"
                   "It could not be delivered: No such user\n");
    assert_slice(reports_shown(*state, mark, ""), S("failed joe@example.net"));
}

static void test_nobody(void **state)
{
    struct reports_fixture *f = *state;
    struct bounce_result r;
    arena_reset(&f->arena);
    slice mail = S("Return-Path: <>\nFrom: MAILER-DAEMON@x.example\nSubject: Mail could not be delivered\n\n"
                   "Your mail could not be delivered.\n");
    assert_int_equal(bounce_read(f->reader, mail, NULL, &f->arena, &r), BOUNCE_OK);
    assert_int_equal(r.report_count, 1);
    assert_true(r.diag & BOUNCE_DIAG_NO_RECIPIENT);
}

static void test_cut(void **state)
{
    struct reports_fixture *f = *state;
    struct bounce_result r;
    struct bounce_options options = {.max_message_bytes = 100};
    arena_reset(&f->arena);
    assert_int_equal(bounce_read(f->reader, slice_str(bounce), &options, &f->arena, &r), BOUNCE_OK);
    assert_true(r.diag & BOUNCE_DIAG_TRUNCATED);
    assert_int_equal(r.report_count, 0);
}

/* Whatever the cap of the arena: an answer, and no report that is half made. */
static void test_little_memory(void **state)
{
    struct reports_fixture *f = *state;
    for (size_t cap = 0; cap < 65536; cap = cap * 2 + 16) {
        struct bounce_arena *a = bounce_arena_new(cap ? cap : 1);
        struct bounce_result r;
        enum bounce_status s = bounce_read(f->reader, slice_str(bounce), NULL, a, &r);
        assert_true(s == BOUNCE_OK || s == BOUNCE_LIMIT);
        for (size_t i = 0; i < r.report_count; i++) {
            assert_non_null(r.reports[i].recipient.p);
            assert_non_null(r.reports[i].diagnostic.p);
            assert_non_null(r.reports[i].action.p);
        }
        bounce_arena_free(&a);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_result),        cmocka_unit_test(test_verp_names_who),
        cmocka_unit_test(test_mbox_and_mark), cmocka_unit_test(test_nobody),
        cmocka_unit_test(test_cut),           cmocka_unit_test(test_little_memory),
    };
    return cmocka_run_group_tests(tests, reports_set_up, reports_tear_down);
}
