/* What the mail server is made of: content as it comes, paths and parameters, rates of peers. */
#include "base/time.h"
#include "check.h"
#include "net/peer_rate.h"
#include "net/smtp_content.h"
#include "net/smtp_path.h"

/* ---- content ---- */

struct content_case {
    slice in, out, left; /* left: what stands behind the end */
    bool ended, bare;
};

static const struct content_case of_data[] = {
    {SLICE_INIT("a\r\nb\r\n.\r\n"), SLICE_INIT("a\nb\n"), SLICE_INIT(""), true, false},
    {SLICE_INIT(".\r\nQUIT\r\n"), SLICE_INIT(""), SLICE_INIT("QUIT\r\n"), true, false},
    {SLICE_INIT("..\r\n...x\r\n.\r\n"), SLICE_INIT(".\n..x\n"), SLICE_INIT(""), true, false},
    {SLICE_INIT("\r\n\r\n.\r\n"), SLICE_INIT("\n\n"), SLICE_INIT(""), true, false},
    {SLICE_INIT(".a\r\n.\r\n"), SLICE_INIT("a\n"), SLICE_INIT(""), true, false},
    {SLICE_INIT("a\r\n."), SLICE_INIT("a\n"), SLICE_INIT(""), false, false},
    {SLICE_INIT("a\r\n.\r"), SLICE_INIT("a\n"), SLICE_INIT(""), false, false},
    /* every way to write an end that is none (CVE-2023-51764, -51765, -51766) */
    {SLICE_INIT("a\n.\n"), SLICE_INIT("a\n.\n"), SLICE_INIT(""), false, true},
    {SLICE_INIT("a\n.\r\n"), SLICE_INIT("a\n.\n"), SLICE_INIT(""), false, true},
    {SLICE_INIT("a\r\n.\nb"), SLICE_INIT("a\n\nb"), SLICE_INIT(""), false, true},
    {SLICE_INIT("a\r.\r\n"), SLICE_INIT("a\r.\n"), SLICE_INIT(""), false, true},
    {SLICE_INIT("a\r\n.\rb"), SLICE_INIT("a\n\rb"), SLICE_INIT(""), false, true},
    {SLICE_INIT("a\r.\r"), SLICE_INIT("a\r."), SLICE_INIT(""), false, true},
    {SLICE_INIT("a\r\r\n.\r\n"), SLICE_INIT("a\r\n"), SLICE_INIT(""), true, true},
    {SLICE_INIT("a\r\n.\r\r\n.\r\n"), SLICE_INIT("a\n\r\n"), SLICE_INIT(""), true, true},
    {SLICE_INIT("a\0.\r\n.\r\n"), SLICE_INIT("a\0.\n"), SLICE_INIT(""), true, false},
    {SLICE_INIT("a\n\r\n.\r\n"), SLICE_INIT("a\n\n"), SLICE_INIT(""), true, true},
};

static void take_pieces(const struct content_case *c, slice head, slice tail)
{
    struct smtp_content content;
    buf out;
    buf_init(&out, 1000);
    smtp_content_init(&content, true);
    size_t used = smtp_content_take(&content, head, &out);
    slice left = slice_from(head, used);
    if (slice_empty(left))
        left = slice_from(tail, smtp_content_take(&content, tail, &out));
    else
        left = slice_from(c->in, used); /* the end was in the head */
    assert_slice(buf_slice(&out), c->out);
    assert_slice(left, c->left);
    assert_int_equal(content.ended, c->ended);
    assert_int_equal(content.bare, c->bare);
    assert_int_equal(content.seen, c->in.n - c->left.n);
    buf_fini(&out);
}

static void split_content(slice head, slice tail, void *data)
{
    take_pieces(data, head, tail);
}

static void content_of_data_however_it_is_cut(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(of_data); i++) {
        struct content_case c = of_data[i];
        guard_splits(c.in, split_content, &c);
    }
}

static void content_of_chunks_has_no_dots_and_no_end(void **state)
{
    struct smtp_content content;
    buf out;
    (void)state;
    buf_init(&out, 0);
    smtp_content_init(&content, false);
    assert_int_equal(smtp_content_take(&content, S("..a\r\n.\r\nb\r"), &out), 10);
    assert_int_equal(smtp_content_take(&content, S("\nc\r"), &out), 3);
    smtp_content_end(&content, &out);
    assert_slice(buf_slice(&out), S("..a\n.\nb\nc\r"));
    assert_true(content.bare && content.ended);
    buf_fini(&out);
}

static void content_over_the_cap_is_not_kept_but_read_to_its_end(void **state)
{
    struct smtp_content content;
    buf out;
    (void)state;
    buf_init(&out, 10);
    smtp_content_init(&content, true);
    assert_int_equal(smtp_content_take(&content, S("12345678\r\n9\r\n.\r\nQUIT"), &out), 16);
    assert_true(content.dropped && !content.no_memory && content.ended);
    assert_int_equal(out.n, 0);
    buf_fini(&out);
}

/* ---- paths ---- */

struct path_case {
    slice in, address, domain, rest;
};

static const struct path_case paths[] = {
    {SLICE_INIT("<>"), SLICE_INIT(""), SLICE_INIT(""), SLICE_INIT("")},
    {SLICE_INIT("<> SIZE=1"), SLICE_INIT(""), SLICE_INIT(""), SLICE_INIT(" SIZE=1")},
    {SLICE_INIT("<a@b.example>"), SLICE_INIT("a@b.example"), SLICE_INIT("b.example"), SLICE_INIT("")},
    {SLICE_INIT(" <a@b.example> X"), SLICE_INIT("a@b.example"), SLICE_INIT("b.example"), SLICE_INIT(" X")},
    {SLICE_INIT("a@b.example BODY=7BIT"), SLICE_INIT("a@b.example"), SLICE_INIT("b.example"), SLICE_INIT(" BODY=7BIT")},
    {SLICE_INIT("<postmaster>"), SLICE_INIT("postmaster"), SLICE_INIT(""), SLICE_INIT("")},
    {SLICE_INIT("<@x.example,@y.example:a@b.example>"), SLICE_INIT("a@b.example"), SLICE_INIT("b.example"),
     SLICE_INIT("")},
    {SLICE_INIT("<\"a b>\\\" @\"@b.example>"), SLICE_INIT("\"a b>\\\" @\"@b.example"), SLICE_INIT("b.example"),
     SLICE_INIT("")},
    {SLICE_INIT("<a@[192.0.2.1]>"), SLICE_INIT("a@[192.0.2.1]"), SLICE_INIT("[192.0.2.1]"), SLICE_INIT("")},
    {SLICE_INIT("<a@[IPv6:2001:db8::1]>"), SLICE_INIT("a@[IPv6:2001:db8::1]"), SLICE_INIT("[IPv6:2001:db8::1]"),
     SLICE_INIT("")},
    {SLICE_INIT("<a..b.@b.example>"), SLICE_INIT("a..b.@b.example"), SLICE_INIT("b.example"), SLICE_INIT("")},
    {SLICE_INIT("<b+u=x.example-1@b.example>"), SLICE_INIT("b+u=x.example-1@b.example"), SLICE_INIT("b.example"),
     SLICE_INIT("")},
    {SLICE_INIT("<j\xc3\xbcrgen@b\xc3\xbcro.example>"), SLICE_INIT("j\xc3\xbcrgen@b\xc3\xbcro.example"),
     SLICE_INIT("b\xc3\xbcro.example"), SLICE_INIT("")},
};

static const slice no_paths[] = {
    SLICE_INIT(""),
    SLICE_INIT(" "),
    SLICE_INIT("<"),
    SLICE_INIT("<a@b.example"),
    SLICE_INIT("<a@b.example>X"),
    SLICE_INIT("<a@>"),
    SLICE_INIT("<@b.example>"),
    SLICE_INIT("<a b@c.example>"),
    SLICE_INIT("<a@b.example\0>"),
    SLICE_INIT("<a\0@b.example>"),
    SLICE_INIT("<a@b.example, c@d.example>"),
    SLICE_INIT("<<a@b.example>>"),
    SLICE_INIT("<\"a\x01\"@b.example>"),
    SLICE_INIT("<\"a@b.example>"),
    SLICE_INIT("<a@b@c.example>"),
    SLICE_INIT("<a@[b>"),
    SLICE_INIT("<a@[]>"),
    SLICE_INIT("<\xff@b.example>"),
    SLICE_INIT("<a\x7f@b.example>"),
    SLICE_INIT("<a@b.exa/mple>"),
    SLICE_INIT("<a@../../etc/passwd>"),
    SLICE_INIT("<a@b;rm>"),
    SLICE_INIT("a@b.example>"),
};

static void paths_as_strangers_write_them(void **state)
{
    struct guard g;
    struct smtp_path p;
    (void)state;
    guard_init(&g, 4096);
    for (size_t i = 0; i < ARRAY_LEN(paths); i++) {
        assert_true(smtp_path_parse(guard_put(&g, paths[i].in), &p));
        assert_slice(p.address, paths[i].address);
        assert_slice(p.domain, paths[i].domain);
        assert_slice(p.rest, paths[i].rest);
    }
    for (size_t i = 0; i < ARRAY_LEN(no_paths); i++)
        if (smtp_path_parse(guard_put(&g, no_paths[i]), &p))
            fail_msg("taken as a path: %.*s", SLICE_FMT(no_paths[i]));
    guard_fini(&g);
}

static void paths_have_a_length(void **state)
{
    char text[700];
    struct smtp_path p;
    (void)state;
    memset(text, 'a', sizeof(text));
    text[256] = '@';
    assert_true(smtp_path_parse(slice_of(text, 257 + 255), &p));
    assert_false(smtp_path_parse(slice_of(text, 257 + 256), &p));
    assert_false(smtp_path_parse(slice_of(text + 257, 257), &p));
}

/* ---- parameters ---- */

static void parameters_of_mail(void **state)
{
    arena a;
    struct smtp_params p;
    (void)state;
    arena_init(&a, 0);
    assert_slice(smtp_mail_params(S(" SIZE=1234 BODY=8bitmime SMTPUTF8 RET=hdrs ENVID=QQ+2B314159"), &a, &p),
                 SLICE_EMPTY);
    assert_int_equal(p.size, 1234);
    assert_int_equal(p.body, SMTP_BODY_8BITMIME);
    assert_int_equal(p.ret, SMTP_RET_HDRS);
    assert_true(p.utf8);
    assert_slice(p.envid, S("QQ+314159"));
    assert_slice(smtp_mail_params(SLICE_EMPTY, &a, &p), SLICE_EMPTY);
    assert_int_equal(p.size, 0);
    arena_fini(&a);
}

static void parameters_of_rcpt(void **state)
{
    arena a;
    struct smtp_params p;
    (void)state;
    arena_init(&a, 0);
    assert_slice(smtp_rcpt_params(S(" NOTIFY=SUCCESS,delay ORCPT=rfc822;a+2Bb@c.example"), &a, &p), SLICE_EMPTY);
    assert_int_equal(p.notify, SMTP_NOTIFY_SUCCESS | SMTP_NOTIFY_DELAY);
    assert_slice(p.orcpt_type, S("rfc822"));
    assert_slice(p.orcpt, S("a+b@c.example"));
    assert_slice(smtp_rcpt_params(S("ORCPT=utf-8;j\\x{FC}@c.example"), &a, &p), SLICE_EMPTY);
    assert_slice(p.orcpt, S("j\xc3\xbc@c.example"));
    arena_fini(&a);
}

static void parameters_that_make_no_sense(void **state)
{
    static const slice of_mail[] = {
        SLICE_INIT("SIZE="),         SLICE_INIT("SIZE=x"),
        SLICE_INIT("SIZE=-1"),       SLICE_INIT("SIZE=99999999999999999999999"),
        SLICE_INIT("SIZE=1 SIZE=1"), SLICE_INIT("BODY=BINARYMIME"),
        SLICE_INIT("SMTPUTF8=1"),    SLICE_INIT("RET=ALL"),
        SLICE_INIT("ENVID="),        SLICE_INIT("ENVID=a+0D+0Ab"),
        SLICE_INIT("ENVID=+00"),     SLICE_INIT("SIZE"),
    };
    static const slice of_rcpt[] = {
        SLICE_INIT("NOTIFY="),       SLICE_INIT("NOTIFY=NEVER,DELAY"), SLICE_INIT("NOTIFY=DELAY,DELAY"),
        SLICE_INIT("NOTIFY=DELAY,"), SLICE_INIT("ORCPT=a@b.example"),  SLICE_INIT("ORCPT=;a"),
        SLICE_INIT("ORCPT=rfc822;"), SLICE_INIT("ORCPT=rfc822;a+0A"),  SLICE_INIT("ORCPT=r\x01;a"),
    };
    arena a;
    struct smtp_params p;
    (void)state;
    arena_init(&a, 0);
    for (size_t i = 0; i < ARRAY_LEN(of_mail); i++)
        assert_slice(smtp_mail_params(of_mail[i], &a, &p), S("501 5.5.4 a parameter makes no sense"));
    for (size_t i = 0; i < ARRAY_LEN(of_rcpt); i++)
        assert_slice(smtp_rcpt_params(of_rcpt[i], &a, &p), S("501 5.5.4 a parameter makes no sense"));
    assert_slice(smtp_mail_params(S("XCLIENT=1"), &a, &p), S("555 5.5.4 a parameter is not known here"));
    assert_slice(smtp_rcpt_params(S("SIZE=1"), &a, &p), S("555 5.5.4 a parameter is not known here"));
    arena_fini(&a);
}

/* ---- rates ---- */

static const struct sip_key key = {1, 2};

static void rate_lets_a_peer_do_so_often_in_a_minute(void **state)
{
    struct peer_rate *r = peer_rate_new(3, &key);
    int64_t now = 1000 * TIME_SECOND;
    (void)state;
    assert_non_null(r);
    for (int i = 0; i < 3; i++)
        assert_true(peer_rate_take(r, S("192.0.2.1"), now));
    assert_false(peer_rate_take(r, S("192.0.2.1"), now));
    assert_true(peer_rate_take(r, S("192.0.2.2"), now));
    assert_true(peer_rate_take(r, SLICE_EMPTY, now));
    now += 20 * TIME_SECOND;
    assert_true(peer_rate_take(r, S("192.0.2.1"), now));
    assert_false(peer_rate_take(r, S("192.0.2.1"), now));
    assert_false(peer_rate_take(r, S("192.0.2.1"), now - TIME_HOUR)); /* a clock that went back gives nothing */
    peer_rate_free(&r);
}

static void rate_takes_a_network_of_ipv6_as_one(void **state)
{
    struct peer_rate *r = peer_rate_new(1, &key);
    (void)state;
    assert_non_null(r);
    assert_true(peer_rate_take(r, S("2001:db8::1"), TIME_HOUR));
    assert_false(peer_rate_take(r, S("2001:db8::2"), TIME_HOUR));
    assert_true(peer_rate_take(r, S("2001:db8:0:1::1"), TIME_HOUR));
    assert_true(peer_rate_take(r, S("::ffff:192.0.2.1"), TIME_HOUR));
    assert_true(peer_rate_take(r, S("::ffff:192.0.2.2"), TIME_HOUR));
    peer_rate_free(&r);
}

static void rate_holds_with_more_peers_than_slots(void **state)
{
    struct peer_rate *r = peer_rate_new(1, &key);
    char name[32];
    (void)state;
    assert_non_null(r);
    for (unsigned i = 0; i < 3 * PEER_RATE_SLOTS; i++) {
        int n = snprintf(name, sizeof(name), "10.%u.%u.%u", i >> 16, i >> 8 & 255, i & 255);
        assert_true(peer_rate_take(r, slice_of(name, (size_t)n), TIME_HOUR + (int64_t)i));
    }
    assert_false(peer_rate_take(r, slice_str(name), TIME_HOUR + 4 * PEER_RATE_SLOTS));
    peer_rate_free(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(content_of_data_however_it_is_cut),
        cmocka_unit_test(content_of_chunks_has_no_dots_and_no_end),
        cmocka_unit_test(content_over_the_cap_is_not_kept_but_read_to_its_end),
        cmocka_unit_test(paths_as_strangers_write_them),
        cmocka_unit_test(paths_have_a_length),
        cmocka_unit_test(parameters_of_mail),
        cmocka_unit_test(parameters_of_rcpt),
        cmocka_unit_test(parameters_that_make_no_sense),
        cmocka_unit_test(rate_lets_a_peer_do_so_often_in_a_minute),
        cmocka_unit_test(rate_takes_a_network_of_ipv6_as_one),
        cmocka_unit_test(rate_holds_with_more_peers_than_slots),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
