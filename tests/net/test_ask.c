/* The protocols of the check: what each answers, in every split of its bytes; what breaks them. */
#include "talk.h"

#include "net/access.h"
#include "net/line.h"
#include "net/postfix_policy.h"
#include "net/socketmap.h"
#include "net/tcp_table.h"

static struct talk talk;
static struct tcp_table actions, transports;

enum speaks { SOCKETMAP, TCP_TABLE, TCP_TRANSPORT, POLICY, LINE };

static struct conn *begin(enum speaks s)
{
    static const struct protocol *const protocols[] = {
        [SOCKETMAP] = &socketmap_protocol,   [TCP_TABLE] = &tcp_table_protocol, [TCP_TRANSPORT] = &tcp_table_protocol,
        [POLICY] = &postfix_policy_protocol, [LINE] = &line_protocol,
    };
    void *ctx = s == TCP_TABLE ? (void *)&actions : s == TCP_TRANSPORT ? (void *)&transports : (void *)&talk.asker;
    talk_clear(&talk);
    return conn_fake(protocols[s], ctx, talk_wrote, &talk);
}

/* What is said and what comes back; `closes`: the connection is closed for it, and the peer is told of as trouble. */
struct exchange {
    const char *name;
    enum speaks speaks;
    slice said, answered;
    bool closes;
};

#define RCPT "request=smtpd_access_policy\nprotocol_state=RCPT\n"

// clang-format off
static const struct exchange exchanges[] = {
    {"socketmap: a wrong length", SOCKETMAP, SLICE_INIT("15:rcpt send@x.test,"), SLICE_INIT(""), true},
    {"socketmap: send is not found", SOCKETMAP, SLICE_INIT("16:rcpt send@x.test,"), SLICE_INIT("9:NOTFOUND ,"), false},
    {"socketmap: reject", SOCKETMAP, SLICE_INIT("18:rcpt reject@x.test,"), SLICE_INIT("20:OK 550 5.7.1 no more,"), false},
    {"socketmap: defer", SOCKETMAP, SLICE_INIT("17:rcpt defer@x.test,"), SLICE_INIT("20:OK 450 4.7.1 no more,"), false},
    {"socketmap: discard for one is refusal", SOCKETMAP, SLICE_INIT("19:rcpt discard@x.test,"), SLICE_INIT("20:OK 550 5.7.1 no more,"), false},
    {"socketmap: tag", SOCKETMAP, SLICE_INIT("15:rcpt tag@x.test,"), SLICE_INIT("37:OK PREPEND X-Bounced-Suppressed: hard,"), false},
    {"socketmap: transport, reject", SOCKETMAP, SLICE_INIT("23:transport reject@x.test,"), SLICE_INIT("22:OK error:5.7.1 no more,"), false},
    {"socketmap: transport, defer", SOCKETMAP, SLICE_INIT("22:transport defer@x.test,"), SLICE_INIT("22:OK retry:4.7.1 no more,"), false},
    {"socketmap: transport, discard", SOCKETMAP, SLICE_INIT("24:transport discard@x.test,"), SLICE_INIT("18:OK discard:no more,"), false},
    {"socketmap: transport, tag is nothing", SOCKETMAP, SLICE_INIT("20:transport tag@x.test,"), SLICE_INIT("9:NOTFOUND ,"), false},
    {"socketmap: two at once", SOCKETMAP, SLICE_INIT("16:rcpt send@x.test,18:rcpt reject@x.test,"), SLICE_INIT("9:NOTFOUND ,20:OK 550 5.7.1 no more,"), false},
    {"socketmap: no key", SOCKETMAP, SLICE_INIT("4:rcpt,0:,5:rcpt ,"), SLICE_INIT("9:NOTFOUND ,9:NOTFOUND ,9:NOTFOUND ,"), false},
    {"socketmap: hostile", SOCKETMAP, SLICE_INIT("19:rcpt hostile@x.test,"), SLICE_INIT("29:OK 550 5.7.1 " HOSTILE_SHOWN ","), false},
    {"socketmap: a leading zero", SOCKETMAP, SLICE_INIT("016:rcpt send@x.test,"), SLICE_INIT(""), true},
    {"socketmap: no length", SOCKETMAP, SLICE_INIT(":rcpt send@x.test,"), SLICE_INIT(""), true},
    {"socketmap: a sign", SOCKETMAP, SLICE_INIT("-1:rcpt send@x.test,"), SLICE_INIT(""), true},
    {"socketmap: too long", SOCKETMAP, SLICE_INIT("10001:"), SLICE_INIT(""), true},
    {"socketmap: an overflowing length", SOCKETMAP, SLICE_INIT("99999999999999999999:"), SLICE_INIT(""), true},
    {"socketmap: no comma", SOCKETMAP, SLICE_INIT("16:rcpt send@x.test;"), SLICE_INIT(""), true},
    {"socketmap: garbage behind a query", SOCKETMAP, SLICE_INIT("16:rcpt send@x.test,GET / HTTP/1.1\r\n"), SLICE_INIT("9:NOTFOUND ,"), true},

    {"tcp_table: send", TCP_TABLE, SLICE_INIT("get send@x.test\n"), SLICE_INIT("500 not%20found\n"), false},
    {"tcp_table: reject", TCP_TABLE, SLICE_INIT("get reject@x.test\n"), SLICE_INIT("200 550%205.7.1%20no%20more\n"), false},
    {"tcp_table: a coded key", TCP_TABLE, SLICE_INIT("get %72eject%40x.test\r\nget send@x.test\n"), SLICE_INIT("200 550%205.7.1%20no%20more\n500 not%20found\n"), false},
    {"tcp_table: a broken code", TCP_TABLE, SLICE_INIT("get %zz@x.test\nget a%4\n"), SLICE_INIT("400 get%20and%20an%20address%20are%20understood\n400 get%20and%20an%20address%20are%20understood\n"), false},
    {"tcp_table: put", TCP_TABLE, SLICE_INIT("put a b\nget\n\n"), SLICE_INIT("400 get%20and%20an%20address%20are%20understood\n400 get%20and%20an%20address%20are%20understood\n400 get%20and%20an%20address%20are%20understood\n"), false},
    {"tcp_table: hostile", TCP_TABLE, SLICE_INIT("get hostile@x.test\n"), SLICE_INIT("200 550%205.7.1%20a%20b%20c,%20done%25|%20??\n"), false},
    {"tcp_table: transport", TCP_TRANSPORT, SLICE_INIT("get reject@x.test\nget tag@x.test\n"), SLICE_INIT("200 error:5.7.1%20no%20more\n500 not%20found\n"), false},

    {"policy: send", POLICY, SLICE_INIT(RCPT "recipient=send@x.test\n\n"), SLICE_INIT("action=DUNNO\n\n"), false},
    {"policy: reject", POLICY, SLICE_INIT(RCPT "recipient=reject@x.test\n\n"), SLICE_INIT("action=550 5.7.1 no more\n\n"), false},
    {"policy: discard for one is refusal", POLICY, SLICE_INIT(RCPT "recipient=discard@x.test\n\n"), SLICE_INIT("action=550 5.7.1 no more\n\n"), false},
    {"policy: tag", POLICY, SLICE_INIT(RCPT "recipient=tag@x.test\n\n"), SLICE_INIT("action=PREPEND X-Bounced-Suppressed: hard\n\n"), false},
    {"policy: two at once", POLICY, SLICE_INIT(RCPT "recipient=send@x.test\n\n" RCPT "recipient=defer@x.test\n\n"), SLICE_INIT("action=DUNNO\n\naction=450 4.7.1 no more\n\n"), false},
    {"policy: the first of two counts", POLICY, SLICE_INIT(RCPT "recipient=reject@x.test\nrecipient=send@x.test\n\n"), SLICE_INIT("action=550 5.7.1 no more\n\n"), false},
    {"policy: another state", POLICY, SLICE_INIT("request=smtpd_access_policy\nprotocol_state=MAIL\nrecipient=reject@x.test\n\n"), SLICE_INIT("action=DUNNO\n\n"), false},
    {"policy: nothing is refused at the end", POLICY, SLICE_INIT("request=smtpd_access_policy\nprotocol_state=END-OF-MESSAGE\nrecipient=reject@x.test\n\n"), SLICE_INIT("action=DUNNO\n\n"), false},
    {"policy: hostile", POLICY, SLICE_INIT(RCPT "recipient=hostile@x.test\n\n"), SLICE_INIT("action=550 5.7.1 " HOSTILE_SHOWN "\n\n"), false},
    {"policy: an unknown attribute", POLICY, SLICE_INIT(RCPT "new=1=2\nrecipient=reject@x.test\n\n"), SLICE_INIT("action=550 5.7.1 no more\n\n"), false},
    {"policy: no attribute", POLICY, SLICE_INIT("request=smtpd_access_policy\nGET / HTTP/1.1\n\n"), SLICE_INIT(""), true},
    {"policy: another request", POLICY, SLICE_INIT("request=dance\n\n"), SLICE_INIT(""), true},

    {"line: send", LINE, SLICE_INIT("check send@x.test\n"), SLICE_INIT("send\n"), false},
    {"line: reject", LINE, SLICE_INIT("check reject@x.test\r\n"), SLICE_INIT("reject 550 5.7.1 no more\n"), false},
    {"line: defer", LINE, SLICE_INIT("check <defer@x.test>\n"), SLICE_INIT("defer 450 4.7.1 no more\n"), false},
    {"line: discard", LINE, SLICE_INIT("check discard@x.test\n"), SLICE_INIT("discard 550 5.7.1 no more\n"), false},
    {"line: tag", LINE, SLICE_INIT("check tag@x.test\n"), SLICE_INIT("tag X-Bounced-Suppressed: hard\n"), false},
    {"line: many", LINE, SLICE_INIT("check send@x.test\ncheck reject@x.test\ncheck send@x.test\n"), SLICE_INIT("send\nreject 550 5.7.1 no more\nsend\n"), false},
    {"line: ask", LINE, SLICE_INIT("ask sender=a@b.test\trecipient=reject@x.test\tnew=1\n"), SLICE_INIT("reject 550 5.7.1 no more\n"), false},
    {"line: ask without a name", LINE, SLICE_INIT("ask reject@x.test\n"), SLICE_INIT("error check ADDRESS or ask NAME=VALUE is understood\n"), false},
    {"line: something else", LINE, SLICE_INIT("GET / HTTP/1.1\n\n"), SLICE_INIT("error check ADDRESS or ask NAME=VALUE is understood\nerror check ADDRESS or ask NAME=VALUE is understood\n"), false},
    {"line: hostile", LINE, SLICE_INIT("check hostile@x.test\n"), SLICE_INIT("reject 550 5.7.1 " HOSTILE_SHOWN "\n"), false},
};
// clang-format on

static void expect(const struct exchange *x, struct conn *c)
{
    assert_slice(buf_slice(&talk.said), x->answered);
    assert_int_equal(conn_fake_closed(c), x->closes);
    assert_int_equal(talk.troubles, x->closes);
}

static void whole(const struct exchange *x)
{
    struct conn *c = begin(x->speaks);
    (void)conn_fake_input(c, x->said);
    expect(x, c);
    conn_fake_free(&c);
}

static void in_two(slice head, slice tail, void *data)
{
    const struct exchange *x = data;
    struct conn *c = begin(x->speaks);
    (void)conn_fake_input(c, head);
    (void)conn_fake_input(c, tail);
    expect(x, c);
    conn_fake_free(&c);
}

static void one_by_one(const struct exchange *x)
{
    struct conn *c = begin(x->speaks);
    for (size_t i = 0; i < x->said.n; i++)
        (void)conn_fake_input(c, slice_sub(x->said, i, 1));
    expect(x, c);
    conn_fake_free(&c);
}

static void every_exchange_in_every_split(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(exchanges); i++) {
        print_message("%s\n", exchanges[i].name);
        whole(&exchanges[i]);
        one_by_one(&exchanges[i]);
        guard_splits(exchanges[i].said, in_two, (void *)(uintptr_t)&exchanges[i]);
    }
}

static void what_policy_tells_is_asked(void **state)
{
    (void)state;
    struct conn *c = begin(POLICY);
    talk.warn = true;
    (void)conn_fake_input(c, S("request=smtpd_access_policy\nprotocol_state=END-OF-MESSAGE\nsender=a@b.test\n"
                               "recipient=<send@x.test>\nrecipient_count=1\nclient_address=192.0.2.7\n"
                               "sasl_username=ada\nqueue_id=4ABC\nsize=123456\n\n"));
    talk.warn = false;
    assert_slice(buf_slice(&talk.asked), S("message send@x.test a@b.test ada 192.0.2.7 4ABC 123456 1\n"));
    assert_slice(buf_slice(&talk.said), S("action=WARN a large message\n\n"));
    conn_fake_free(&c);
}

static void what_a_line_tells_is_asked(void **state)
{
    (void)state;
    struct conn *c = begin(LINE);
    (void)conn_fake_input(c, S("ask client=192.0.2.7\tuser=ada\tqueue-id=1x\tsender=<>\trecipient=\"a b\"@x.test\n"));
    assert_slice(buf_slice(&talk.asked), S("\"a b\"@x.test  ada 192.0.2.7 1x 0 0\n"));
    conn_fake_free(&c);
}

/* ${readsocket} shuts its side down; its line may lack the end. */
static void a_client_that_shuts_down_is_answered(void **state)
{
    (void)state;
    struct conn *c = begin(LINE);
    (void)conn_fake_input(c, S("check send@x.test\ncheck rej"));
    (void)conn_fake_input(c, S("ect@x.test"));
    assert_slice(buf_slice(&talk.said), S("send\n"));
    conn_fake_eof(c);
    assert_slice(buf_slice(&talk.said), S("send\nreject 550 5.7.1 no more\n"));
    assert_true(conn_fake_closed(c));
    conn_fake_free(&c);
    c = begin(LINE);
    conn_fake_eof(c);
    assert_slice(buf_slice(&talk.said), S(""));
    assert_true(conn_fake_closed(c));
    conn_fake_free(&c);
}

static void a_line_that_is_too_long_is_passed_over(void **state)
{
    (void)state;
    struct conn *c = begin(LINE);
    char many[3000];
    memset(many, 'a', sizeof many);
    (void)conn_fake_input(c, S("check "));
    for (int i = 0; i < 100; i++)
        assert_int_equal(conn_fake_input(c, slice_of(many, sizeof many)), 0);
    (void)conn_fake_input(c, S("\ncheck reject@x.test\n"));
    assert_slice(buf_slice(&talk.said), S("error the line is too long\nreject 550 5.7.1 no more\n"));
    assert_int_equal(talk.questions, 1);
    conn_fake_free(&c);
}

static void endless_frames_close(void **state)
{
    static const struct {
        enum speaks speaks;
        size_t most;
        const char *begin;
    } endless[] = {
        {TCP_TABLE, TCP_TABLE_MAX_LINE_BYTES, "get "},
        {POLICY, POLICY_MAX_REQUEST_BYTES, "request=smtpd_access_policy\nsender="},
    };
    (void)state;
    char many[1000];
    memset(many, 'a', sizeof many);
    for (size_t i = 0; i < ARRAY_LEN(endless); i++) {
        struct conn *c = begin(endless[i].speaks);
        (void)conn_fake_input(c, slice_str(endless[i].begin));
        for (size_t n = 0; n < endless[i].most; n += sizeof many)
            (void)conn_fake_input(c, slice_of(many, sizeof many));
        assert_true(conn_fake_closed(c));
        assert_int_equal(talk.troubles, 1);
        assert_slice(buf_slice(&talk.said), S(""));
        conn_fake_free(&c);
    }
}

/* An address that no mail server would take is not asked about. */
static void a_key_that_is_too_long_is_sent_to(void **state)
{
    (void)state;
    struct conn *c = begin(SOCKETMAP);
    char query[2048];
    memset(query, 'a', sizeof query);
    memcpy(query, "2000:rcpt reject+", 17);
    query[2005] = ',';
    (void)conn_fake_input(c, slice_of(query, 2006));
    assert_slice(buf_slice(&talk.said), S("9:NOTFOUND ,"));
    assert_int_equal(talk.questions, 0);
    conn_fake_free(&c);
}

static void a_long_sender_hides_no_recipient(void **state)
{
    (void)state;
    struct conn *c = begin(POLICY);
    char sender[20000];
    memset(sender, 'a', sizeof sender);
    (void)conn_fake_input(c, S(RCPT "sender="));
    (void)conn_fake_input(c, slice_of(sender, sizeof sender));
    (void)conn_fake_input(c, S("\nsasl_username="));
    (void)conn_fake_input(c, slice_of(sender, 5000));
    (void)conn_fake_input(c, S("\nrecipient=reject@x.test\n\n"));
    assert_slice(buf_slice(&talk.said), S("action=550 5.7.1 no more\n\n"));
    conn_fake_free(&c);
    struct ask q = ask_blank(ASK_RECIPIENT);
    q.tells = ASK_TELLS_CLIENT | ASK_TELLS_SENDER;
    q.recipient = S("reject@x.test");
    q.sender = q.sasl_user = q.client_address = q.queue_id = slice_of(sender, sizeof sender);
    buf line;
    buf_init(&line, 0);
    assert_true(line_add_question(&line, &q));
    c = begin(LINE);
    (void)conn_fake_input(c, buf_slice(&line));
    assert_slice(buf_slice(&talk.said), S("reject 550 5.7.1 no more\n"));
    conn_fake_free(&c);
    buf_fini(&line);
}

static void a_long_text_is_cut(void **state)
{
    (void)state;
    char text[2000];
    memset(text, 'x', sizeof text);
    struct ask_answer a = ask_answer_blank();
    buf out;
    buf_init(&out, 0);
    a.word = ASK_REJECT;
    a.code = 550;
    a.enhanced = S("5.7.1234567890");
    a.text = slice_of(text, sizeof text);
    assert_true(access_add(&out, &a, ACCESS_ACTION));
    assert_true(out.n <= 500);
    buf_fini(&out);
}

static void a_tag_that_is_no_header_is_nothing(void **state)
{
    static const struct ask_header broken[] = {{SLICE_INIT(""), SLICE_INIT("x")},
                                               {SLICE_INIT("A B"), SLICE_INIT("x")},
                                               {SLICE_INIT("A:"), SLICE_INIT("x")},
                                               {SLICE_INIT("A"), SLICE_INIT(" \r\n ")},
                                               {SLICE_INIT("A\n"), SLICE_INIT("x")}};
    (void)state;
    buf out;
    buf_init(&out, 0);
    for (size_t i = 0; i < ARRAY_LEN(broken); i++) {
        struct ask_answer a = ask_answer_blank();
        a.word = ASK_TAG;
        a.headers[0] = broken[i];
        a.header_count = 1;
        assert_false(access_add(&out, &a, ACCESS_ACTION));
        assert_int_equal(out.n, 0);
    }
    buf_fini(&out);
}

static void lines_are_read_back(void **state)
{
    (void)state;
    struct ask_answer a;
    assert_true(line_read_answer(S("send"), &a));
    assert_int_equal(a.word, ASK_SEND);
    assert_true(line_read_answer(S("reject 550 5.7.1 no more"), &a));
    assert_int_equal(a.word, ASK_REJECT);
    assert_int_equal(a.code, 550);
    assert_slice(a.enhanced, S("5.7.1"));
    assert_slice(a.text, S("no more"));
    assert_true(line_read_answer(S("defer 450 later"), &a));
    assert_slice(a.enhanced, S(""));
    assert_slice(a.text, S("later"));
    assert_true(line_read_answer(S("tag X-A: b c\r"), &a));
    assert_slice(a.headers[0].name, S("X-A"));
    assert_slice(a.headers[0].value, S("b c"));
    static const char *const wrong[] = {"",    "error x", "sendx",  "reject", "reject 250 ok", "reject 5500 a",
                                        "tag", "tag a",   "tag : b"};
    for (size_t i = 0; i < ARRAY_LEN(wrong); i++)
        assert_false(line_read_answer(slice_str(wrong[i]), &a));
}

static void a_question_is_written_as_it_is_read(void **state)
{
    (void)state;
    struct ask q = ask_blank(ASK_RECIPIENT);
    q.tells = ASK_TELLS_CLIENT;
    q.recipient = S("reject@x.test");
    q.sasl_user = S("ada");
    buf_clear(&talk.asker.piece);
    assert_true(line_add_question(&talk.asker.piece, &q));
    assert_slice(buf_slice(&talk.asker.piece), S("ask recipient=reject@x.test\tuser=ada\tclient=\tqueue-id=\n"));
    struct conn *c = begin(LINE);
    (void)conn_fake_input(c, S("ask recipient=reject@x.test\tuser=ada\tclient=\tqueue-id=\n"));
    assert_slice(buf_slice(&talk.asked), S("reject@x.test  ada   0 0\n"));
    conn_fake_free(&c);
    q.recipient = S("a\n@x.test");
    assert_false(line_add_question(&talk.asker.piece, &q));
}

static int set_up(void **state)
{
    (void)state;
    talk_init(&talk);
    actions = (struct tcp_table){&talk.asker, ACCESS_ACTION};
    transports = (struct tcp_table){&talk.asker, ACCESS_TRANSPORT};
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
        cmocka_unit_test(every_exchange_in_every_split),
        cmocka_unit_test(what_policy_tells_is_asked),
        cmocka_unit_test(what_a_line_tells_is_asked),
        cmocka_unit_test(a_client_that_shuts_down_is_answered),
        cmocka_unit_test(a_line_that_is_too_long_is_passed_over),
        cmocka_unit_test(endless_frames_close),
        cmocka_unit_test(a_key_that_is_too_long_is_sent_to),
        cmocka_unit_test(a_long_sender_hides_no_recipient),
        cmocka_unit_test(a_long_text_is_cut),
        cmocka_unit_test(a_tag_that_is_no_header_is_nothing),
        cmocka_unit_test(lines_are_read_back),
        cmocka_unit_test(a_question_is_written_as_it_is_read),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
