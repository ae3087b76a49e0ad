/* The milter protocol: a mail server's side, played by hand. */
#include <stdlib.h>

#include "talk.h"

#include "net/milter.h"
#include "net/milter_wire.h"

#define ALL_ACTIONS 0x1ffu
#define ALL_STEPS 0xffbffu /* no SMFIP_HDR_LEADSPC */

static struct talk talk;
static struct milter milter;

/* Packets as text: the command, then its data, NULs shown as "/", numbers of the negotiation in hex. */
static void show(slice bytes, buf *out)
{
    buf_clear(out);
    while (bytes.n >= 5) {
        size_t n = milter_get_u32(bytes.p);
        assert_true(n >= 1 && n <= bytes.n - 4);
        slice data = slice_sub(bytes, 5, n - 1);
        buf_addc(out, bytes.p[4]);
        for (size_t i = 0; i < data.n; i++)
            if (data.p[i] == '\0')
                buf_addc(out, '/');
            else
                buf_printf(out, data.p[i] < ' ' || data.p[i] > '~' ? "<%02x>" : "%c", (unsigned char)data.p[i]);
        buf_addc(out, '\n');
        bytes = slice_from(bytes, n + 4);
    }
    assert_int_equal(bytes.n, 0);
}

static void add(buf *out, char command, slice data)
{
    milter_add_u32(out, (uint32_t)data.n + 1);
    buf_addc(out, command);
    buf_add(out, data);
}

#define D(lit) ((slice){"" lit, sizeof(lit)}) /* with its NUL */

static void offer(buf *out, uint32_t version, uint32_t actions, uint32_t steps)
{
    milter_add_u32(out, 13);
    buf_addc(out, 'O');
    milter_add_u32(out, version);
    milter_add_u32(out, actions);
    milter_add_u32(out, steps);
}

static struct conn *begin(bool asks_message)
{
    talk_clear(&talk);
    talk.rename = asks_message;
    milter = (struct milter){.asker = &talk.asker, .asks_message = asks_message};
    return conn_fake(&milter_protocol, &milter, talk_wrote, &talk);
}

/* Gives `in`, and holds what came back against `want`. */
static void says(struct conn *c, buf *in, const char *want)
{
    buf shown;
    buf_init(&shown, 0);
    buf_clear(&talk.said);
    assert_int_equal(conn_fake_input(c, buf_slice(in)), 0);
    show(buf_slice(&talk.said), &shown);
    assert_slice(buf_slice(&shown), slice_str(want));
    buf_clear(in);
    buf_fini(&shown);
}

static struct conn *agreed(bool asks_message, buf *in, uint32_t actions, uint32_t steps)
{
    struct conn *c = begin(asks_message);
    offer(in, 6, actions, steps);
    assert_int_equal(conn_fake_input(c, buf_slice(in)), 0);
    assert_false(conn_fake_closed(c));
    buf_clear(in);
    return c;
}

static void connects(buf *in, const char *address)
{
    char data[64] = "host\0"
                    "4\x12\x34";
    memcpy(data + 8, address, strlen(address) + 1);
    add(in, 'C', slice_of(data, 8 + strlen(address) + 1));
}

static void negotiation_takes_what_is_offered(void **state)
{
    static const struct {
        uint32_t version, actions, steps;
        const char *answer;
    } offers[] = {
        {6, 0x1ff, 0xffbff,
         "O///<06>//<01>I/<0f>s<f2>////{client_addr}////<02>i {auth_authen}////<03>i {auth_authen}////<05>i/\n"},
        {2, 0x3f, 0x7f, "O///<02>///<09>///r\n"},
        {9, 0, 0, "O///<06>////////\n"},
    };
    (void)state;
    buf in;
    buf_init(&in, 0);
    for (size_t i = 0; i < ARRAY_LEN(offers); i++) {
        struct conn *c = begin(false);
        offer(&in, offers[i].version, offers[i].actions, offers[i].steps);
        says(c, &in, offers[i].answer);
        conn_fake_free(&c);
    }
    buf_fini(&in);
}

static void each_recipient_is_answered(void **state)
{
    (void)state;
    buf in;
    buf_init(&in, 0);
    struct conn *c = agreed(false, &in, ALL_ACTIONS, ALL_STEPS);
    connects(&in, "192.0.2.7");
    add(&in, 'D',
        D("Mi\0"
          "4ABC\0{auth_authen}\0ada"));
    add(&in, 'M', D("<a@b.test>\0SIZE=12"));
    says(c, &in, "");
    add(&in, 'R', D("<send@x.test>"));
    says(c, &in, "c\n");
    add(&in, 'R', D("<reject@x.test>\0NOTIFY=NEVER"));
    says(c, &in, "y550 5.7.1 no more/\n");
    add(&in, 'R', D("<defer@x.test>"));
    says(c, &in, "y450 4.7.1 no more/\n");
    add(&in, 'R', D("<hostile@x.test>"));
    says(c, &in, "y550 5.7.1 a b c, done%%| \?\?/\n");
    assert_slice(slice_sub(buf_slice(&talk.asked), 0, slice_chr(buf_slice(&talk.asked), '\n')),
                 S("send@x.test a@b.test ada 192.0.2.7 4ABC 0 0"));
    add(&in, 'E', SLICE_EMPTY);
    says(c, &in, "c\n");
    assert_int_equal(milter.messages, 1);
    conn_fake_free(&c);
    buf_fini(&in);
}

static void discarded_recipients_are_removed_at_the_end(void **state)
{
    (void)state;
    buf in;
    buf_init(&in, 0);
    struct conn *c = agreed(false, &in, ALL_ACTIONS, ALL_STEPS);
    add(&in, 'M', D("<a@b.test>"));
    add(&in, 'R', D("<discard@x.test>"));
    add(&in, 'R', D("<discard+2@x.test>"));
    add(&in, 'R', D("<send@x.test>"));
    add(&in, 'E', SLICE_EMPTY);
    says(c, &in, "c\nc\nc\n-<discard@x.test>/\n-<discard+2@x.test>/\nc\n");
    /* the next message knows nothing of it */
    add(&in, 'M', D("<a@b.test>"));
    add(&in, 'R', D("<send@x.test>"));
    add(&in, 'E', SLICE_EMPTY);
    says(c, &in, "c\nc\n");
    add(&in, 'M', D("<a@b.test>"));
    add(&in, 'R', D("<discard@x.test>"));
    add(&in, 'E', SLICE_EMPTY);
    says(c, &in, "c\nd\n");
    conn_fake_free(&c);
    buf_fini(&in);
}

static void what_is_not_offered_is_not_asked_for(void **state)
{
    (void)state;
    buf in;
    buf_init(&in, 0);
    struct conn *c = agreed(true, &in, 0, ALL_STEPS);
    add(&in, 'M', D("<a@b.test>"));
    add(&in, 'R', D("<discard@x.test>"));
    says(c, &in, "y550 5.7.1 no more/\n"); /* no delrcpt: refused */
    add(&in, 'R', D("<tag@x.test>"));
    add(&in, 'E', SLICE_EMPTY);
    says(c, &in, "c\nc\n");
    assert_int_equal(milter.not_offered, 4);
    conn_fake_free(&c);
    buf_fini(&in);
}

static void the_message_is_changed_at_its_end(void **state)
{
    (void)state;
    buf in;
    buf_init(&in, 0);
    struct conn *c = agreed(true, &in, ALL_ACTIONS, ALL_STEPS);
    add(&in, 'M', D("<a@b.test>"));
    add(&in, 'R', D("<tag@x.test>"));
    add(&in, 'R', D("<discard@x.test>"));
    add(&in, 'L', D("Subject\0hello"));
    add(&in, 'L', D("message-id\0 <1@b.test>"));
    add(&in, 'E', SLICE_EMPTY);
    says(c, &in,
         "c\nc\ne<b+signed@bounces.example>/\n-<discard@x.test>/\nhX-Bounced-Suppressed/hard/\n"
         "hX-Bounced-Ref/b+signed@bounces.example/\nc\n");
    assert_true(slice_find(buf_slice(&talk.asked), S("message tag@x.test a@b.test   4")) == SLICE_NPOS);
    assert_true(slice_find(buf_slice(&talk.asked), S("message tag@x.test a@b.test")) != SLICE_NPOS);
    /* of several recipients none is named */
    add(&in, 'M', D("<a@b.test>"));
    add(&in, 'R', D("<tag@x.test>"));
    add(&in, 'R', D("<tag+2@x.test>"));
    add(&in, 'E', SLICE_EMPTY);
    buf_clear(&talk.asked);
    says(c, &in,
         "c\nc\ne<b+signed@bounces.example>/\nhX-Bounced-Suppressed/hard/\nhX-Bounced-Ref/b+signed@bounces.example/"
         "\nc\n");
    assert_true(slice_find(buf_slice(&talk.asked), S("message  a@b.test    0 2\n")) != SLICE_NPOS);
    conn_fake_free(&c);
    buf_fini(&in);
}

/* Without the step bits of version 6 each command has its answer. */
static void an_old_server_gets_every_answer(void **state)
{
    (void)state;
    buf in;
    buf_init(&in, 0);
    struct conn *c = begin(false);
    offer(&in, 2, 0x3f, 0);
    says(c, &in, "O///<02>///<09>////\n");
    connects(&in, "192.0.2.7");
    add(&in, 'H', D("host"));
    add(&in, 'M', D("<a@b.test>"));
    add(&in, 'T', SLICE_EMPTY);
    add(&in, 'L', D("A\0b"));
    add(&in, 'N', SLICE_EMPTY);
    add(&in, 'B', S("text"));
    add(&in, 'U', D("VRFY"));
    add(&in, 'E', SLICE_EMPTY);
    says(c, &in, "c\nc\nc\nc\nc\nc\nc\nc\nc\n");
    conn_fake_free(&c);
    buf_fini(&in);
}

static void abort_and_new_sessions_forget(void **state)
{
    (void)state;
    buf in;
    buf_init(&in, 0);
    struct conn *c = agreed(false, &in, ALL_ACTIONS, ALL_STEPS);
    connects(&in, "192.0.2.7");
    add(&in, 'M', D("<a@b.test>"));
    add(&in, 'R', D("<discard@x.test>"));
    add(&in, 'A', SLICE_EMPTY);
    add(&in, 'M', D("<c@b.test>"));
    add(&in, 'R', D("<send@x.test>"));
    add(&in, 'E', SLICE_EMPTY);
    says(c, &in, "c\nc\nc\n");
    buf_clear(&talk.asked);
    add(&in, 'K', SLICE_EMPTY);
    add(&in, 'M', D("<c@b.test>"));
    add(&in, 'R', D("<send@x.test>"));
    says(c, &in, "c\n");
    assert_slice(buf_slice(&talk.asked), S("send@x.test c@b.test    0 0\n")); /* no client */
    assert_false(conn_fake_closed(c));
    add(&in, 'Q', SLICE_EMPTY);
    add(&in, 'R', D("<reject@x.test>"));
    says(c, &in, "");
    assert_true(conn_fake_closed(c));
    assert_int_equal(talk.troubles, 0);
    conn_fake_free(&c);
    buf_fini(&in);
}

static void clients_are_known_by_their_family(void **state)
{
    static const struct {
        slice data;
        const char *client;
    } clients[] = {
        {{"h\0"
          "4\0\x19"
          "192.0.2.7",
          15},
         "192.0.2.7"},
        {{"h\0"
          "6\0\x19"
          "IPv6:::1",
          14},
         "::1"},
        {{"h\0"
          "6\0\x19"
          "2001:db8::1",
          17},
         "2001:db8::1"},
        {{"h\0"
          "L\0\0"
          "/run/x",
          12},
         "unix"},
        {{"h\0"
          "U",
          4},
         ""},
        {{"", 0}, ""},
        {{"h", 1}, ""},
        {{"h\0"
          "4",
          3},
         ""},
    };
    (void)state;
    buf in, want;
    buf_init(&in, 0);
    buf_init(&want, 0);
    for (size_t i = 0; i < ARRAY_LEN(clients); i++) {
        struct conn *c = agreed(false, &in, ALL_ACTIONS, ALL_STEPS);
        add(&in, 'C', clients[i].data);
        add(&in, 'M', D("<a@b.test>"));
        add(&in, 'R', D("<send@x.test>"));
        says(c, &in, "c\n");
        buf_clear(&want);
        buf_printf(&want, "send@x.test a@b.test  %s  0 0\n", clients[i].client);
        assert_slice(buf_slice(&talk.asked), buf_slice(&want));
        conn_fake_free(&c);
    }
    buf_fini(&in);
    buf_fini(&want);
}

static void a_session(buf *in)
{
    offer(in, 6, ALL_ACTIONS, ALL_STEPS & ~0x4000u);
    connects(in, "192.0.2.7");
    add(in, 'D', D("M{auth_authen}\0ada"));
    add(in, 'M', D("<a@b.test>"));
    add(in, 'R', D("<discard@x.test>"));
    add(in, 'R', D("<tag@x.test>"));
    add(in, 'L', D("Message-ID\0<1@b.test>"));
    add(in, 'E', SLICE_EMPTY);
}

static void in_two(slice head, slice tail, void *data)
{
    const buf *want = data;
    struct conn *c = begin(true);
    (void)conn_fake_input(c, head);
    (void)conn_fake_input(c, tail);
    assert_slice(buf_slice(&talk.said), buf_slice(want));
    conn_fake_free(&c);
}

static void every_split_says_the_same(void **state)
{
    (void)state;
    buf in, want;
    buf_init(&in, 0);
    buf_init(&want, 0);
    a_session(&in);
    struct conn *c = begin(true);
    (void)conn_fake_input(c, buf_slice(&in));
    buf_add(&want, buf_slice(&talk.said));
    assert_true(want.n > 100);
    conn_fake_free(&c);
    guard_splits(buf_slice(&in), in_two, &want);
    c = begin(true);
    for (size_t i = 0; i < in.n; i++)
        (void)conn_fake_input(c, slice_sub(buf_slice(&in), i, 1));
    assert_slice(buf_slice(&talk.said), buf_slice(&want));
    conn_fake_free(&c);
    buf_fini(&in);
    buf_fini(&want);
}

/* Long header fields and pieces of the body are passed over, in whatever pieces they come. */
static void long_data_is_passed_over(void **state)
{
    static const size_t lengths[] = {MILTER_MAX_PACKET_BYTES - 1, MILTER_MAX_PACKET_BYTES, 1000000};
    (void)state;
    buf in;
    char *much = calloc(1, 1000000);
    assert_non_null(much);
    buf_init(&in, 0);
    for (size_t i = 0; i < ARRAY_LEN(lengths); i++) {
        struct conn *c = agreed(true, &in, ALL_ACTIONS, ALL_STEPS & ~0x80090u); /* bodies and headers are answered */
        add(&in, 'M', D("<a@b.test>"));
        add(&in, 'R', D("<send@x.test>"));
        says(c, &in, "c\n");
        add(&in, 'B', slice_of(much, lengths[i]));
        add(&in, 'L', slice_of(much, lengths[i]));
        buf_clear(&talk.said);
        for (size_t at = 0; at < in.n; at += 50000)
            (void)conn_fake_input(c, slice_sub(buf_slice(&in), at, 50000));
        assert_int_equal(talk.said.n, 10);
        buf_clear(&in);
        assert_false(conn_fake_closed(c));
        conn_fake_free(&c);
    }
    free(much);
    buf_fini(&in);
}

static void what_breaks_the_protocol_closes(void **state)
{
    static const slice broken[] = {
        SLICE_INIT("\0\0\0\0O"),                          /* no command */
        SLICE_INIT("\0\0\0\5R<a>\0"),                     /* before the negotiation */
        SLICE_INIT("\0\0\0\1O"),                          /* nothing offered */
        SLICE_INIT("\0\0\0\xdO\0\0\0\1\0\0\0\0\0\0\0\0"), /* version 1 */
        SLICE_INIT("GET / HTTP/1.1\r\n\r\n"),
        SLICE_INIT("\xff\xff\xff\xffO"),
    };
    static const struct {
        char command;
        size_t bytes;
    } too_long[] = {
        {'R', MILTER_MAX_PACKET_BYTES}, {'D', 100000}, {'B', MILTER_MAX_PASSED_BYTES}, {'?', 0}, {'D', 0}, {'M', 0}};
    (void)state;
    buf in;
    buf_init(&in, 0);
    for (size_t i = 0; i < ARRAY_LEN(broken); i++) {
        struct conn *c = begin(false);
        (void)conn_fake_input(c, broken[i]);
        assert_true(conn_fake_closed(c));
        assert_int_equal(talk.troubles, 1);
        conn_fake_free(&c);
    }
    for (size_t i = 0; i < ARRAY_LEN(too_long); i++) {
        struct conn *c = agreed(false, &in, ALL_ACTIONS, ALL_STEPS);
        milter_add_u32(&in, (uint32_t)too_long[i].bytes + 1);
        buf_addc(&in, too_long[i].command);
        (void)conn_fake_input(c, buf_slice(&in));
        assert_true(conn_fake_closed(c));
        buf_clear(&in);
        conn_fake_free(&c);
    }
    buf_fini(&in);
}

static void memory_of_a_message_is_bounded(void **state)
{
    (void)state;
    buf in;
    char long_name[60000];
    memset(long_name, 'a', sizeof long_name);
    memcpy(long_name, "discard+", 8);
    buf_init(&in, 0);
    struct conn *c = agreed(false, &in, ALL_ACTIONS, ALL_STEPS);
    add(&in, 'M', D("<a@b.test>"));
    size_t closed_after = 0;
    for (; closed_after < 1000 && !conn_fake_closed(c); closed_after++) {
        add(&in, 'D', slice_of("Mi\0", 3));
        char id[60000];
        memset(id, (int)('a' + closed_after % 26), sizeof id);
        memcpy(id, "Ri", 3);
        add(&in, 'D', slice_of(id, sizeof id));
        (void)conn_fake_input(c, buf_slice(&in));
        buf_clear(&in);
    }
    assert_true(closed_after < 100);
    conn_fake_free(&c);
    buf_fini(&in);
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
        cmocka_unit_test(negotiation_takes_what_is_offered),
        cmocka_unit_test(each_recipient_is_answered),
        cmocka_unit_test(discarded_recipients_are_removed_at_the_end),
        cmocka_unit_test(what_is_not_offered_is_not_asked_for),
        cmocka_unit_test(the_message_is_changed_at_its_end),
        cmocka_unit_test(an_old_server_gets_every_answer),
        cmocka_unit_test(abort_and_new_sessions_forget),
        cmocka_unit_test(clients_are_known_by_their_family),
        cmocka_unit_test(every_split_says_the_same),
        cmocka_unit_test(long_data_is_passed_over),
        cmocka_unit_test(what_breaks_the_protocol_closes),
        cmocka_unit_test(memory_of_a_message_is_bounded),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
