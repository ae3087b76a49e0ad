/* The filter protocol of OpenSMTPD: versions, reports, answers. */
#include "talk.h"

#include "net/opensmtpd.h"

static struct talk talk;

static struct opensmtpd *begin(slice discard_to)
{
    talk_clear(&talk);
    buf_clear(&talk.asker.out);
    struct opensmtpd_options options = {&talk.asker, {1, 2}, discard_to};
    struct opensmtpd *o = opensmtpd_new(&options);
    assert_non_null(o);
    return o;
}

static bool all(struct opensmtpd *o, const char *lines)
{
    slice rest = slice_str(lines), line;
    bool sound = true;
    while (slice_line(&rest, &line))
        sound = opensmtpd_line(o, line) && sound;
    return sound;
}

#define READY "config|smtpd-version|6.8.0\nconfig|smtp-session-timeout|300\nconfig|subsystem|smtp-in\nconfig|ready\n"

static struct opensmtpd *ready(slice discard_to)
{
    struct opensmtpd *o = begin(discard_to);
    assert_true(all(o, READY));
    buf_clear(&talk.asker.out);
    return o;
}

static void it_registers_when_smtpd_is_ready(void **state)
{
    (void)state;
    struct opensmtpd *o = begin(SLICE_EMPTY);
    assert_true(all(o, READY));
    assert_slice(buf_slice(&talk.asker.out), S("register|report|smtp-in|link-connect\n"
                                               "register|report|smtp-in|link-auth\n"
                                               "register|report|smtp-in|tx-mail\n"
                                               "register|report|smtp-in|link-disconnect\n"
                                               "register|filter|smtp-in|rcpt-to\n"
                                               "register|ready\n"));
    opensmtpd_free(&o);
}

static void each_word_has_its_answer(void **state)
{
    static const struct {
        const char *recipient;
        slice answer, answer_discarding;
    } words[] = {
        {"<send@x.test>", SLICE_INIT("proceed"), SLICE_INIT("proceed")},
        {"reject@x.test", SLICE_INIT("reject|550 5.7.1 no more"), SLICE_INIT("reject|550 5.7.1 no more")},
        {"<defer@x.test> NOTIFY=NEVER", SLICE_INIT("reject|450 4.7.1 no more"), SLICE_INIT("reject|450 4.7.1 no more")},
        {"<discard@x.test>", SLICE_INIT("reject|550 5.7.1 no more"), SLICE_INIT("rewrite|null@x.test")},
        {"<tag@x.test>", SLICE_INIT("proceed"), SLICE_INIT("proceed")},
        {"<hostile@x.test>", SLICE_INIT("reject|550 5.7.1 " HOSTILE_SHOWN),
         SLICE_INIT("reject|550 5.7.1 " HOSTILE_SHOWN)},
    };
    (void)state;
    buf line, want;
    buf_init(&line, 0);
    buf_init(&want, 0);
    for (size_t i = 0; i < 2 * ARRAY_LEN(words); i++) {
        bool discarding = i % 2;
        struct opensmtpd *o = ready(discarding ? S("null@x.test") : SLICE_EMPTY);
        buf_clear(&line);
        buf_printf(&line, "filter|0.6|1576146008.006099|smtp-in|rcpt-to|7641|1ef1|%s", words[i / 2].recipient);
        assert_true(opensmtpd_line(o, buf_slice(&line)));
        buf_clear(&want);
        buf_printf(&want, "filter-result|7641|1ef1|%s\n",
                   discarding ? words[i / 2].answer_discarding.p : words[i / 2].answer.p);
        assert_slice(buf_slice(&talk.asker.out), buf_slice(&want));
        opensmtpd_free(&o);
    }
    buf_fini(&line);
    buf_fini(&want);
}

/* What was reported of the session stands in the question, in the order of fields of each version. */
static void versions_differ_in_the_order_of_fields(void **state)
{
    static const struct {
        const char *lines;
        slice asked, answered;
    } versions[] = {
        {"report|0.4|1.1|smtp-in|link-connect|7641|mail.test|pass|192.0.2.7:4711|192.0.2.1:25\n"
         "report|0.4|1.1|smtp-in|tx-mail|7641|abcd|a|b@b.test|ok\n"
         "filter|0.4|1.1|smtp-in|rcpt-to|7641|1ef1|send@x.test\n",
         SLICE_INIT("send@x.test a|b@b.test  192.0.2.7  0 0\n"), SLICE_INIT("filter-result|1ef1|7641|proceed\n")},
        {"report|0.5|1.1|smtp-in|link-connect|7641|mail.test|pass|[2001:db8::1]:4711|[::1]:25\n"
         "report|0.5|1.1|smtp-in|tx-mail|7641|abcd|a@b.test|ok\n"
         "filter|0.5|1.1|smtp-in|rcpt-to|7641|1ef1|send@x.test\n",
         SLICE_INIT("send@x.test a@b.test  2001:db8::1  0 0\n"), SLICE_INIT("filter-result|7641|1ef1|proceed\n")},
        {"report|0.6|1.1|smtp-in|link-connect|7641|localhost|pass|unix:/var/run/smtpd.sock|unix:/var/run/smtpd.sock\n"
         "report|0.6|1.1|smtp-in|link-auth|7641|ada|pass\n"
         "report|0.6|1.1|smtp-in|tx-mail|7641|abcd|ok|a@b.test\n"
         "filter|0.6|1.1|smtp-in|rcpt-to|7641|1ef1|send@x.test\n",
         SLICE_INIT("send@x.test a@b.test ada unix  0 0\n"), SLICE_INIT("filter-result|7641|1ef1|proceed\n")},
        {"report|0.7|1.1|smtp-in|link-connect|7641|mail.test|pass|[IPv6:2001:db8::1]:4711|192.0.2.1:25\n"
         "report|0.7|1.1|smtp-in|link-auth|7641|pass|ada|x\n"
         "report|0.7|1.1|smtp-in|tx-mail|7641|abcd|ok|<a|b@b.test>\n"
         "filter|0.7|1.1|smtp-in|rcpt-to|7641|1ef1|send@x.test\n",
         SLICE_INIT("send@x.test a|b@b.test ada|x 2001:db8::1  0 0\n"),
         SLICE_INIT("filter-result|7641|1ef1|proceed\n")},
        {"report|0.7|1.1|smtp-in|link-connect|7641|mail.test|pass|192.0.2.7:4711|192.0.2.1:25\n"
         "report|0.7|1.1|smtp-in|link-auth|7641|fail|ada\n"
         "report|0.7|1.1|smtp-in|tx-mail|7641|abcd|permfail|a@b.test\n"
         "filter|0.7|1.1|smtp-in|rcpt-to|7641|1ef1|<a|b@x.test>\n",
         SLICE_INIT("a|b@x.test   192.0.2.7  0 0\n"), SLICE_INIT("filter-result|7641|1ef1|proceed\n")},
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(versions); i++) {
        struct opensmtpd *o = ready(SLICE_EMPTY);
        assert_true(all(o, versions[i].lines));
        assert_slice(buf_slice(&talk.asked), versions[i].asked);
        assert_slice(buf_slice(&talk.asker.out), versions[i].answered);
        opensmtpd_free(&o);
    }
}

static void sessions_end_when_clients_leave(void **state)
{
    (void)state;
    struct opensmtpd *o = ready(SLICE_EMPTY);
    assert_true(all(o, "report|0.7|1|smtp-in|link-connect|a|h|pass|192.0.2.7:1|192.0.2.1:25\n"
                       "report|0.7|1|smtp-in|link-connect|b|h|pass|192.0.2.7:2|192.0.2.1:25\n"));
    assert_int_equal(opensmtpd_sessions(o), 2);
    assert_true(all(o, "report|0.7|1|smtp-in|link-disconnect|a\nreport|0.7|1|smtp-in|link-disconnect|a\n"));
    assert_int_equal(opensmtpd_sessions(o), 1);
    /* of a session that is not known nothing is told but that it could be */
    assert_true(all(o, "filter|0.7|1|smtp-in|rcpt-to|a|t|send@x.test\n"));
    assert_slice(buf_slice(&talk.asked), S("send@x.test     0 0\n"));
    opensmtpd_free(&o);
}

/* Phases that were not registered must be answered, or smtpd waits for ever. */
static void another_phase_goes_on(void **state)
{
    (void)state;
    struct opensmtpd *o = ready(SLICE_EMPTY);
    assert_true(all(o, "filter|0.7|1|smtp-in|ehlo|a|t|reject@x.test\nfilter|0.7|1|smtp-in|commit|a|t\n"
                       "filter|0.7|1|smtp-in|rcpt-to|a|t\n"));
    assert_slice(buf_slice(&talk.asker.out),
                 S("filter-result|a|t|proceed\nfilter-result|a|t|proceed\nfilter-result|a|t|proceed\n"));
    assert_int_equal(talk.questions, 0);
    opensmtpd_free(&o);
}

static void another_protocol_ends_the_filter(void **state)
{
    static const char *const broken[] = {
        "",
        "hello",
        "dance|0.7|1|smtp-in|rcpt-to|a|t|b@x.test",
        "filter|1.0|1|smtp-in|rcpt-to|a|t|b@x.test",
        "filter|0.3|1|smtp-in|rcpt-to|a|t|b@x.test",
        "filter|0.7|1|smtp-in|rcpt-to",
        "filter|0.7|1|pop3|rcpt-to|a|t|b@x.test",
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(broken); i++) {
        struct opensmtpd *o = ready(SLICE_EMPTY);
        assert_false(opensmtpd_line(o, slice_str(broken[i])));
        opensmtpd_free(&o);
    }
    struct opensmtpd *o = begin(SLICE_EMPTY);
    assert_false(opensmtpd_line(o, S("filter|0.7|1|smtp-in|rcpt-to|a|t|b@x.test"))); /* before config|ready */
    opensmtpd_free(&o);
}

static unsigned taken;

static void take_prefix(slice prefix, void *data)
{
    struct opensmtpd *o = data;
    taken += opensmtpd_line(o, prefix);
}

static void no_prefix_is_read_too_far(void **state)
{
    (void)state;
    struct opensmtpd *o = ready(SLICE_EMPTY);
    guard_prefixes(S("report|0.7|1.1|smtp-in|link-connect|7641|mail.test|pass|[2001:db8::1]:4711|192.0.2.1:25"),
                   take_prefix, o);
    guard_prefixes(S("report|0.7|1.1|smtp-in|link-auth|7641|pass|ada"), take_prefix, o);
    guard_prefixes(S("report|0.6|1.1|smtp-in|tx-mail|7641|abcd|ok|<a@b.test>"), take_prefix, o);
    guard_prefixes(S("filter|0.7|1.1|smtp-in|rcpt-to|7641|1ef1|<send@x.test> NOTIFY=NEVER"), take_prefix, o);
    assert_true(taken > 100);
    opensmtpd_free(&o);
}

static int set_up(void **state)
{
    (void)state;
    talk_init(&talk);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    talk_fini(&talk);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_registers_when_smtpd_is_ready),
        cmocka_unit_test(each_word_has_its_answer),
        cmocka_unit_test(versions_differ_in_the_order_of_fields),
        cmocka_unit_test(sessions_end_when_clients_leave),
        cmocka_unit_test(another_phase_goes_on),
        cmocka_unit_test(another_protocol_ends_the_filter),
        cmocka_unit_test(no_prefix_is_read_too_far),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
