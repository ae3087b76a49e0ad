#include "check.h"

#include "bounce/returned.h"

static struct bounce_returned read_text(arena *a, const char *text, const struct bounce_options *options)
{
    struct charsets *cs = charsets_new();
    struct header h;
    struct bounce_returned r;
    slice rest = slice_str(text);
    struct field_index *index = returned_index_new();
    assert_non_null(cs);
    assert_non_null(index);
    assert_true(header_read(&rest, a, &h));
    returned_read(index, cs, a, &h, options, &r);
    field_index_free(&index);
    charsets_free(&cs);
    return r;
}

static void test_fields(void **state)
{
    (void)state;
    arena a;
    arena_init(&a, 0);
    struct bounce_returned r =
        read_text(&a,
                  "Return-Path: <b+u=e.com@l.example>\n"
                  "Message-ID:\n <id.1@host.example>\n"
                  "Subject: =?utf-8?Q?Gr=C3=BC=C3=9Fe?=\n an alle\n"
                  "From: =?iso-8859-1?Q?J=F6rg?= <j@e.com>\n"
                  "To: u@e.com\nDate: Mon, 1 Jan 2024\n 00:00:00 +0000\n"
                  "List-Id: The list <list.e.com>\nList-Unsubscribe: <mailto:x@e.com>,\n <https://e.com/u>\n"
                  "Feedback-ID: 1:2:3:esp\nX-Campaign: c47\nX-Rcpt-To: <u@e.com>\n\n",
                  NULL);
    assert_slice(r.message_id, S("id.1@host.example"));
    assert_slice(r.subject, S("Gr\xc3\xbc\xc3\x9f"
                              "e an alle"));
    assert_slice(r.from, S("J\xc3\xb6rg <j@e.com>"));
    assert_slice(r.to, S("u@e.com"));
    assert_slice(r.date, S("Mon, 1 Jan 2024 00:00:00 +0000"));
    assert_slice(r.list_id, S("list.e.com"));
    assert_slice(r.list_unsubscribe, S("<mailto:x@e.com>, <https://e.com/u>"));
    assert_slice(r.feedback_id, S("1:2:3:esp"));
    assert_slice(r.campaign, S("c47"));
    assert_slice(r.recipient_header, S("u@e.com"));
    assert_slice(r.return_path, S("b+u=e.com@l.example"));
    arena_fini(&a);
}

static const struct {
    const char *text, *id;
} ids[] = {
    {"Message-Id: <a@b> (added by x)\n\n", "a@b"},
    {"Message-ID: a@b\n\n", "a@b"},
    {"Message-ID: <a@b\n\n", "a@b"},
    {"Message-ID: \n\n", ""},
    {"X-Message-ID: <a@b>\n\n", "a@b"},
    {"Message-ID: > <\n\n", ">"},
};

static void test_message_ids(void **state)
{
    (void)state;
    arena a;
    arena_init(&a, 0);
    for (size_t i = 0; i < ARRAY_LEN(ids); i++)
        assert_slice(read_text(&a, ids[i].text, NULL).message_id, slice_str(ids[i].id));
    arena_fini(&a);
}

static const struct {
    const char *text, *campaign;
} campaigns[] = {
    {"X-Job: 1\nX-Campaign-ID: 2\n\n", "2"},
    {"X-Campaign:\nX-Job: 1\n\n", "1"},
    {"X-MSYS-API: {\"options\": {}, \"campaign_id\": \"spring\"}\n\n", "spring"},
    {"X-SMTPAPI: {\"category\": [\"news\", \"x\"]}\n\n", "news"},
    {"X-SMTPAPI: {\"to\": []}\n\n", ""},
    {"X-SMTPAPI: {\"category\": \n\n", ""},
    {"X-SMTPAPI: {\"category\"\n\n", ""},
    {"Subject: x\n\n", ""},
};

static void test_campaigns(void **state)
{
    (void)state;
    arena a;
    arena_init(&a, 0);
    for (size_t i = 0; i < ARRAY_LEN(campaigns); i++)
        assert_slice(read_text(&a, campaigns[i].text, NULL).campaign, slice_str(campaigns[i].campaign));
    const slice names[] = {S("X-Ours"), S("X-Job")};
    struct bounce_options options = {
        .campaign_headers = names, .campaign_header_count = 2, .recipient_headers = names, .recipient_header_count = 1};
    struct bounce_returned r =
        read_text(&a, "X-Campaign: no\nX-Rcpt-To: no@e.com\nX-Job: 7\nX-Ours: \"u\" <u@e.com>\n\n", &options);
    assert_slice(r.campaign, S("\"u\" <u@e.com>"));
    assert_slice(r.recipient_header, S("u@e.com"));
    arena_fini(&a);
}

static void test_nothing(void **state)
{
    (void)state;
    arena a;
    arena_init(&a, 0);
    struct bounce_returned r = read_text(&a, "\n", NULL);
    assert_non_null(r.message_id.p);
    assert_non_null(r.envelope_id.p);
    assert_slice(r.recipient_header, SLICE_EMPTY);
    arena_fini(&a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_fields),
        cmocka_unit_test(test_message_ids),
        cmocka_unit_test(test_campaigns),
        cmocka_unit_test(test_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
