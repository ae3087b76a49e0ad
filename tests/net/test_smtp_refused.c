/* Memory refused at each place of the mail server: a mail is handed over whole or not at all, and never answered with 250 otherwise. */
#include "base/time.h"
#include "check.h"
#include "net/smtp_server.h"
#include "refuse.h"

struct seen {
    char said[4096];
    size_t n;
    unsigned mails, halves;
};

static int64_t no_clock(void)
{
    return TIME_HOUR;
}

static void wrote(void *ctx, slice bytes)
{
    struct seen *s = ctx;
    size_t n = bytes.n < sizeof(s->said) - s->n ? bytes.n : sizeof(s->said) - s->n;
    memcpy(s->said + s->n, bytes.p, n);
    s->n += n;
}

static slice on_recipient(void *ctx, const struct smtp_mail *m, const struct smtp_recipient *r)
{
    (void)ctx;
    (void)m;
    return slice_eq(r->address, S("b@bounces.example")) ? S("250 2.1.5 ok") : S("550 5.7.1 relaying denied");
}

static void on_message(void *ctx, struct smtp_mail *m)
{
    struct seen *s = ctx;
    bool whole = m->recipient_count == 1 && slice_eq(m->recipients[0].address, S("b@bounces.example")) &&
                 slice_eq(m->recipients[0].orcpt, S("a+b@c.example")) && slice_eq(m->params.envid, S("e=1")) &&
                 slice_eq(m->sender, S("a@x.example")) && slice_eq(buf_slice(&m->content), S("Subject: x\n\n.y\n")) &&
                 slice_eq(m->helo, S("a.example"));
    s->mails++;
    s->halves += !whole;
    smtp_answer(m, S("250 2.0.0 taken"));
}

/* One session, the server included, with everything refused behind the n-th allocation; true when nothing was. */
static bool session(unsigned n, bool chunks)
{
    static const char *const turns[] = {
        "EHLO a.example\r\n",
        "MAIL FROM:<a@x.example> ENVID=e+3D1\r\nRCPT TO:<b@bounces.example> ORCPT=rfc822;a+2Bb@c.example\r\n",
    };
    struct seen s = {.n = 0};
    const struct smtp_options o = {
        .hostname = S("mx.example"),
        .now_us = no_clock,
        .max_connects = 10,
        .hooks = {.recipient = on_recipient, .message = on_message},
        .ctx = &s,
    };
    struct smtp_server *server;
    err e;
    refuse_after(n);
    if (smtp_server_new(&o, &server, &e) != OK) {
        assert_int_equal(e.status, E_MEMORY);
        return !refuse_end();
    }
    bool early = refuse_end();
    struct conn *c =
        conn_fake(smtp_server_protocol(server), server, wrote, &s); /* its own memory is not what is tested */
    refuse_after(n);
    for (size_t i = 0; i < ARRAY_LEN(turns); i++)
        (void)conn_fake_input(c, slice_str(turns[i]));
    if (chunks) {
        (void)conn_fake_input(c, S("BDAT 14\r\nSubject: x\r\n\r\nBDAT 4 LAST\r\n.y\r\n"));
    } else {
        (void)conn_fake_input(c, S("DATA\r\n"));
        (void)conn_fake_input(c, S("Subject: x\r\n\r\n..y\r\n.\r\n"));
    }
    bool refused = refuse_end() || early;
    bool taken = slice_find(slice_of(s.said, s.n), S("250 2.0.0 taken")) != SLICE_NPOS;
    assert_int_equal(s.halves, 0);
    assert_true(s.mails <= 1 && taken <= (s.mails == 1));
    assert_true(refused || taken);
    conn_fake_free(&c);
    assert_int_equal(smtp_server_counts(server)->sessions, 0);
    assert_int_equal(smtp_server_counts(server)->held_bytes, 0);
    smtp_server_free(&server);
    return !refused;
}

static void memory_refused_everywhere(void **state)
{
    (void)state;
    for (int chunks = 0; chunks < 2; chunks++) {
        unsigned n = 0;
        while (!session(n, chunks))
            n++;
        assert_true(n > 5); /* there was something to refuse */
    }
}

/* No memory for a content is no fault of the mail: it is told to come again (452), not that it is too large. */
static void no_memory_is_for_now(void **state)
{
    struct seen s = {.n = 0};
    const struct smtp_options o = {
        .hostname = S("mx.example"),
        .now_us = no_clock,
        .hooks = {.recipient = on_recipient, .message = on_message},
        .ctx = &s,
    };
    struct smtp_server *server;
    err e;
    (void)state;
    assert_int_equal(smtp_server_new(&o, &server, &e), OK);
    struct conn *c = conn_fake(smtp_server_protocol(server), server, wrote, &s);
    (void)conn_fake_input(c, S("EHLO a.example\r\n"));
    (void)conn_fake_input(c, S("MAIL FROM:<>\r\nRCPT TO:<b@bounces.example>\r\nDATA\r\n"));
    refuse_after(0);
    (void)conn_fake_input(c, S("Subject: x\r\n"));
    assert_true(refuse_end());
    s.n = 0;
    (void)conn_fake_input(c, S("\r\ny\r\n.\r\n"));
    assert_slice(slice_of(s.said, s.n), S("452 4.3.1 no memory, come again later\r\n"));
    assert_int_equal(s.mails, 0);
    assert_int_equal(smtp_server_counts(server)->too_large, 0);
    conn_fake_free(&c);
    smtp_server_free(&server);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(memory_refused_everywhere),
        cmocka_unit_test(no_memory_is_for_now),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
