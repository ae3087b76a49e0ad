/* The server of SMTP and LMTP, spoken to over a connection without a socket. */
#include "base/time.h"
#include "check.h"
#include "net/smtp_server.h"

#define MAX_TURNS 12

/* ---- a server, a connection, and what came of it ---- */

static int64_t clock_us;

static int64_t test_clock(void)
{
    return clock_us;
}

struct world {
    struct smtp_options o;
    struct smtp_server *server;
    struct conn *c;
    buf wrote;  /* since the last turn */
    buf mails;  /* "sender|recipient,recipient|content;" */
    bool later; /* mails are answered when the test says so */
    struct smtp_mail *waiting;
    slice answer;
};

static void wrote(void *ctx, slice bytes)
{
    buf_add(&((struct world *)ctx)->wrote, bytes);
}

static slice on_recipient(void *ctx, const struct smtp_mail *m, const struct smtp_recipient *r)
{
    (void)ctx;
    (void)m;
    if (slice_eq(r->domain, S("bounces.example")) || slice_eq(r->address, S("postmaster")))
        return S("250 2.1.5 ok");
    return S("550 5.7.1 relaying denied");
}

static void answer(struct world *w)
{
    struct smtp_mail *m = w->waiting;
    w->waiting = NULL;
    if (m->recipient_count > 1)
        m->recipients[1].answer = S("452 4.3.1 not this one");
    smtp_answer(m, w->answer);
}

static void on_message(void *ctx, struct smtp_mail *m)
{
    struct world *w = ctx;
    buf_printf(&w->mails, "%.*s|", SLICE_FMT(m->sender));
    for (size_t i = 0; i < m->recipient_count; i++)
        buf_printf(&w->mails, "%s%.*s", i ? "," : "", SLICE_FMT(m->recipients[i].address));
    buf_printf(&w->mails, "|%.*s;", SLICE_FMT(buf_slice(&m->content)));
    w->waiting = m;
    if (!w->later)
        answer(w);
}

static void world_init(struct world *w)
{
    *w = (struct world){.answer = S("250 2.0.0 taken")};
    w->o = (struct smtp_options){
        .hostname = S("mx.example"),
        .max_message_bytes = 1000,
        .max_recipients = 3,
        .max_errors = 4,
        .now_us = test_clock,
        .hooks = {.recipient = on_recipient, .message = on_message},
    };
    buf_init(&w->wrote, 0);
    buf_init(&w->mails, 0);
    clock_us = TIME_HOUR;
}

static void world_connect(struct world *w)
{
    err e;
    w->o.ctx = w;
    if (!w->server)
        assert_int_equal(smtp_server_new(&w->o, &w->server, &e), OK);
    w->c = conn_fake(smtp_server_protocol(w->server), w->server, wrote, w);
}

static void world_fini(struct world *w)
{
    conn_fake_free(&w->c);
    if (w->waiting)
        answer(w);
    assert_int_equal(smtp_server_counts(w->server)->sessions, 0);
    assert_int_equal(smtp_server_counts(w->server)->held_bytes, 0);
    smtp_server_free(&w->server);
    buf_fini(&w->wrote);
    buf_fini(&w->mails);
}

/* Gives bytes; when a mail waits for its answer, it is answered, and the rest goes on. */
static void give(struct world *w, slice bytes)
{
    (void)conn_fake_input(w->c, bytes);
    while (w->waiting) {
        answer(w);
        (void)conn_fake_input(w->c, SLICE_EMPTY);
    }
}

/* What is said, then everything that was answered. */
static void say(struct world *w, slice bytes, slice want)
{
    buf_clear(&w->wrote);
    give(w, bytes);
    assert_slice(buf_slice(&w->wrote), want);
}

#define GREETING "220 mx.example ESMTP ready\r\n"
#define EHLO                                                                                                       \
    "250-mx.example\r\n250-PIPELINING\r\n250-SIZE 1000\r\n250-8BITMIME\r\n250-SMTPUTF8\r\n250-ENHANCEDSTATUSCODES" \
    "\r\n250-DSN\r\n250 CHUNKING\r\n"

static void begin(struct world *w)
{
    world_connect(w);
    assert_slice(buf_slice(&w->wrote), w->o.lmtp ? S("220 mx.example LMTP ready\r\n") : S(GREETING));
    say(w, w->o.lmtp ? S("LHLO a.example\r\n") : S("EHLO a.example\r\n"), S(EHLO));
}

/* ---- whole sessions, however they are cut ---- */

struct turn {
    const char *send, *want;
};
struct session {
    const char *name;
    bool lmtp;
    struct turn turns[MAX_TURNS];
    const char *mails;
};

static const struct session sessions[] = {
    {"one mail",
     false,
     {{"", GREETING},
      {"EHLO a.example\r\n", EHLO},
      {"MAIL FROM:<>\r\n", "250 2.1.0 ok\r\n"},
      {"RCPT TO:<b@bounces.example>\r\n", "250 2.1.5 ok\r\n"},
      {"DATA\r\n", "354 end with CR LF . CR LF\r\n"},
      {"Subject: x\r\n\r\n..y\r\n.\r\n", "250 2.0.0 taken\r\n"},
      {"QUIT\r\n", "221 2.0.0 bye\r\n"}},
     "|b@bounces.example|Subject: x\n\n.y\n;"},
    {"two mails in groups",
     false,
     {{"", GREETING},
      {"EHLO a.example\r\n", EHLO},
      {"mail from:<a@x.example> SIZE=20 ret=full\r\nRCPT TO:<b@bounces.example> NOTIFY=NEVER\r\nrcpt "
       "to:<c@other.example>\r\nDATA\r\n",
       "250 2.1.0 ok\r\n250 2.1.5 ok\r\n550 5.7.1 relaying denied\r\n354 end with CR LF . CR LF\r\n"},
      {"1\r\n.\r\nRSET\r\nMAIL FROM:<>\r\nRCPT TO:<b@bounces.example>\r\nDATA\r\n",
       "250 2.0.0 taken\r\n250 2.0.0 ok\r\n250 2.1.0 ok\r\n250 2.1.5 ok\r\n354 end with CR LF . CR LF\r\n"},
      {"2\r\n.\r\nQUIT\r\n", "250 2.0.0 taken\r\n221 2.0.0 bye\r\n"}},
     "a@x.example|b@bounces.example|1\n;|b@bounces.example|2\n;"},
    {"chunks, and a mail behind them",
     false,
     {{"", GREETING},
      {"EHLO a.example\r\n", EHLO},
      {"MAIL FROM:<>\r\nRCPT TO:<b@bounces.example>\r\nBDAT 4\r\n.\r\n.BDAT 3 LAST\r\n\r\nxMAIL FROM:<>\r\nRCPT "
       "TO:<c@bounces.example>\r\nBDAT 2\r\nzzBDAT 0 last\r\nNOOP\r\n",
       "250 2.1.0 ok\r\n250 2.1.5 ok\r\n250 2.0.0 go on\r\n250 2.0.0 taken\r\n250 2.1.0 ok\r\n250 2.1.5 ok\r\n250 "
       "2.0.0 go on\r\n250 2.0.0 taken\r\n250 2.0.0 ok\r\n"}},
     "|b@bounces.example|.\n.\nx;|c@bounces.example|zz;"},
    {"LMTP answers each recipient",
     true,
     {{"", "220 mx.example LMTP ready\r\n"},
      {"LHLO a.example\r\n", EHLO},
      {"MAIL FROM:<>\r\nRCPT TO:<a@bounces.example>\r\nRCPT TO:<x@other.example>\r\nRCPT "
       "TO:<b@bounces.example>\r\nDATA\r\n",
       "250 2.1.0 ok\r\n250 2.1.5 ok\r\n550 5.7.1 relaying denied\r\n250 2.1.5 ok\r\n354 end with CR LF . CR LF\r\n"},
      {"x\r\n.\r\nMAIL FROM:<>\r\nRCPT TO:<a@bounces.example>\r\nRCPT TO:<b@bounces.example>\r\nBDAT 1 LAST\r\ny",
       "250 2.0.0 taken\r\n452 4.3.1 not this one\r\n250 2.1.0 ok\r\n250 2.1.5 ok\r\n250 2.1.5 ok\r\n250 2.0.0 "
       "taken\r\n452 4.3.1 not this one\r\n"},
      {"QUIT\r\n", "221 2.0.0 bye\r\n"}},
     "|a@bounces.example,b@bounces.example|x\n;|a@bounces.example,b@bounces.example|y;"},
    {"HELO, and what is said for nothing",
     false,
     {{"", GREETING},
      {"NOOP\r\nHELP\r\nVRFY root\r\nRSET\r\n",
       "250 2.0.0 ok\r\n214 2.0.0 RFC 5321\r\n252 2.0.0 send a mail and see\r\n250 2.0.0 ok\r\n"},
      {"HELO a.example\r\n", "250 mx.example\r\n"},
      {"MAIL FROM:<>\r\nRCPT TO:<postmaster>\r\nRCPT TO:<j\xc3\xbc@bounces.example>\r\n",
       "250 2.1.0 ok\r\n250 2.1.5 ok\r\n553 5.6.7 that address needs SMTPUTF8\r\n"},
      {"RSET\r\nMAIL FROM:<j\xc3\xbc@x.example>\r\nMAIL FROM:<j\xc3\xbc@x.example> SMTPUTF8\r\nRCPT "
       "TO:<j\xc3\xbc@bounces.example> ORCPT=utf-8;j\\x{FC}@bounces.example\r\n",
       "250 2.0.0 ok\r\n553 5.6.7 that address needs SMTPUTF8\r\n250 2.1.0 ok\r\n250 2.1.5 ok\r\n"}},
     ""},
    {"a long line is dropped, and nothing of it is read",
     false,
     {{"", GREETING},
      {"EHLO a.example\r\n", EHLO},
      {"LONG:RSET\rRSET\nRSET\r\r\nNOOP\r\n", "500 5.5.2 the line is too long\r\n250 2.0.0 ok\r\n"}},
     ""},
};

/* "LONG:" stands for 2,100 characters. */
static slice expand(buf *b, const char *text)
{
    slice s = slice_str(text);
    buf_clear(b);
    if (slice_starts(s, S("LONG:"))) {
        for (int i = 0; i < 2100; i++)
            buf_addc(b, 'x');
        s = slice_from(s, 5);
    }
    buf_add(b, s);
    return buf_slice(b);
}

enum cut { WHOLE, SPLIT, BYTES };

/* Plays one session; the turn `t` is split at `at`. */
static void play(const struct session *s, enum cut cut, size_t t, size_t at, bool later)
{
    struct world w;
    struct guard g;
    buf text;
    world_init(&w);
    guard_init(&g, 8192);
    buf_init(&text, 0);
    w.o.lmtp = s->lmtp;
    w.later = later;
    world_connect(&w);
    for (size_t i = 0; i < MAX_TURNS && s->turns[i].send; i++) {
        slice send = expand(&text, s->turns[i].send);
        size_t step = cut == BYTES ? 1 : cut == SPLIT && i == t ? at : send.n;
        while (send.n) {
            give(&w, guard_put(&g, slice_sub(send, 0, step)));
            send = slice_from(send, step);
            step = cut == BYTES ? 1 : send.n;
        }
        check_slice(s->name, (int)i, buf_slice(&w.wrote), slice_str(s->turns[i].want));
        buf_clear(&w.wrote);
    }
    check_slice(s->name, 0, buf_slice(&w.mails), slice_str(s->mails));
    world_fini(&w);
    guard_fini(&g);
    buf_fini(&text);
}

static void sessions_in_one_piece(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(sessions); i++)
        for (int later = 0; later < 2; later++)
            play(&sessions[i], WHOLE, 0, 0, later);
}

static void sessions_byte_by_byte(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(sessions); i++)
        for (int later = 0; later < 2; later++)
            play(&sessions[i], BYTES, 0, 0, later);
}

static void sessions_split_everywhere(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(sessions); i++)
        for (size_t t = 0; t < MAX_TURNS && sessions[i].turns[t].send; t++)
            for (size_t at = 1; at < strlen(sessions[i].turns[t].send); at++)
                play(&sessions[i], SPLIT, t, at, at & 1);
}

/* ---- what must not be ---- */

/* Sent right behind the greeting of EHLO; what is answered, and whether the connection lives on. */
struct hostile {
    const char *name, *send, *want;
    bool closed;
};

#define READY "MAIL FROM:<>\r\nRCPT TO:<b@bounces.example>\r\n"
#define READY_OK "250 2.1.0 ok\r\n250 2.1.5 ok\r\n"

static const struct hostile hostile[] = {
    {"no relay",
     "MAIL FROM:<>\r\nRCPT TO:<a@b.example>\r\nRCPT TO:<a%b.example@c.example>\r\nRCPT "
     "TO:<@bounces.example:a@b.example>\r\nDATA\r\n",
     "250 2.1.0 ok\r\n550 5.7.1 relaying denied\r\n550 5.7.1 relaying denied\r\n550 5.7.1 relaying denied\r\n503 5.5.1 "
     "no recipient was accepted\r\n",
     false},
    {"a recipient is no null path", "MAIL FROM:<>\r\nRCPT TO:<>\r\n",
     "250 2.1.0 ok\r\n501 5.1.3 RCPT TO:<address> is needed\r\n", false},
    {"commands in the wrong order", "RCPT TO:<b@bounces.example>\r\nDATA\r\n",
     "503 5.5.1 MAIL comes first\r\n503 5.5.1 no recipient was accepted\r\n", false},
    {"MAIL in a mail", "MAIL FROM:<>\r\nMAIL FROM:<>\r\n", "250 2.1.0 ok\r\n503 5.5.1 a mail was begun already\r\n",
     false},
    {"a bare LF ends no command", "NOOP\nQUIT\r\n", "500 5.5.2 a bare LF, CR or NUL in a command\r\n", false},
    {"a bare CR ends no command", "NOOP\rQUIT\r\n", "500 5.5.2 a bare LF, CR or NUL in a command\r\n", false},
    {"an empty line", "\r\n", "500 5.5.2 an empty line is no command\r\n", false},
    {"unknown words", "XYZZY\r\nLHLO x\r\nAUTH PLAIN AAAA\r\nSTARTTLS\r\n",
     "500 5.5.1 no such command\r\n500 5.5.1 no such command\r\n502 5.5.1 not here\r\n502 5.5.1 no TLS here\r\n",
     false},
    {"too many errors", "A\r\nB\r\nC\r\nD\r\nE\r\nNOOP\r\n",
     "500 5.5.1 no such command\r\n500 5.5.1 no such command\r\n500 5.5.1 no such command\r\n500 5.5.1 no such "
     "command\r\n421 4.7.0 too many errors, closing\r\n",
     true},
    {"too many recipients",
     READY "RCPT TO:<b@bounces.example>\r\nRCPT TO:<b@bounces.example>\r\nRCPT TO:<b@bounces.example>\r\n",
     READY_OK "250 2.1.5 ok\r\n250 2.1.5 ok\r\n452 4.5.3 too many recipients\r\n", false},
    {"too large, told before", "MAIL FROM:<> SIZE=1001\r\n", "552 5.3.4 that mail is too large\r\n", false},
    {"BINARYMIME", "MAIL FROM:<> BODY=BINARYMIME\r\n", "501 5.5.4 a parameter makes no sense\r\n", false},
    {"a post from a page", "POST / HTTP/1.1\r\nHost: x\r\n\r\n",
     "421 4.7.0 this is no port for that protocol, closing\r\n", true},
    {"a line of a request", "Host: x\r\nEHLO x\r\n", "421 4.7.0 this is no port for that protocol, closing\r\n", true},
    {"content before 354", READY "DATA\r\nSubject: x\r\n", READY_OK "554 5.5.0 wait for the answer, closing\r\n", true},
    {"BDAT without a mail is read", "BDAT 6\r\nQUIT\r\nNOOP\r\n",
     "503 5.5.1 no recipient was accepted\r\n250 2.0.0 ok\r\n", false},
    {"BDAT without recipients is read", "MAIL FROM:<>\r\nBDAT 6 LAST\r\nQUIT\r\nNOOP\r\n",
     "250 2.1.0 ok\r\n503 5.5.1 no recipient was accepted\r\n250 2.0.0 ok\r\n", false},
    {"BDAT without a size", READY "BDAT\r\nx", READY_OK "501 5.5.4 BDAT needs a size, closing\r\n", true},
    {"BDAT of a negative size", READY "BDAT -1 LAST\r\nx", READY_OK "501 5.5.4 BDAT needs a size, closing\r\n", true},
    {"BDAT with a tail", READY "BDAT 1 LAST 2\r\nx", READY_OK "501 5.5.4 BDAT size [LAST], closing\r\n", true},
    {"BDAT of all the world", READY "BDAT 18446744073709551615\r\nx",
     READY_OK "552 5.3.4 that chunk is too large, closing\r\n", true},
    {"DATA in chunks", READY "BDAT 1\r\nxDATA\r\n",
     READY_OK "250 2.0.0 go on\r\n503 5.5.1 this mail comes with BDAT\r\n", false},
    {"QUIT is the end", "QUIT\r\nNOOP\r\n", "221 2.0.0 bye\r\n", true},
    {"a name of control bytes", "EHLO \x1b[31m\r\n", "501 5.5.4 a name of your host is needed\r\n", false},
};

static void hostile_sessions(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(hostile); i++) {
        struct world w;
        world_init(&w);
        begin(&w);
        buf_clear(&w.wrote);
        give(&w, slice_str(hostile[i].send));
        check_slice(hostile[i].name, (int)i, buf_slice(&w.wrote), slice_str(hostile[i].want));
        assert_int_equal(conn_fake_closed(w.c), hostile[i].closed);
        assert_int_equal(w.mails.n, 0);
        world_fini(&w);
    }
}

/* Contents with an end that is none, and a second mail behind it: one mail comes of it, whatever this server or the one before
 * took for the end. */
static void smuggled_mails_stay_content(void **state)
{
    static const char *const ends[] = {"\n.\n", "\n.\r\n", "\r.\r\n", "\r\n.\n", "\r\n.\r", "\r.\r", "\n.\r"};
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(ends); i++)
        for (int strict = 0; strict < 2; strict++) {
            struct world w;
            buf text;
            world_init(&w);
            buf_init(&text, 0);
            w.o.strict = strict;
            begin(&w);
            say(&w, S(READY "DATA\r\n"), S(READY_OK "354 end with CR LF . CR LF\r\n"));
            buf_printf(&text, "x%sMAIL FROM:<>\r\nRCPT TO:<evil@bounces.example>\r\nDATA\r\ny\r\n.\r\n", ends[i]);
            say(&w, buf_slice(&text),
                strict ? S("550 5.5.2 a bare LF or CR in the mail\r\n") : S("250 2.0.0 taken\r\n"));
            assert_int_equal(smtp_server_counts(w.server)->bare, 1);
            assert_int_equal(smtp_server_counts(w.server)->mails, strict ? 0 : 1);
            assert_false(slice_starts(buf_slice(&w.mails), S("|evil")));
            buf_fini(&text);
            world_fini(&w);
        }
}

static void nothing_goes_before_ehlo(void **state)
{
    struct world w;
    (void)state;
    world_init(&w);
    world_connect(&w);
    say(&w, S("MAIL FROM:<>\r\n"), S("503 5.5.1 EHLO comes first\r\n"));
    say(&w, S("EHLO a.example\r\nMAIL FROM:<>\r\n"), S("554 5.5.0 wait for the answer, closing\r\n"));
    assert_true(conn_fake_closed(w.c));
    assert_int_equal(smtp_server_counts(w.server)->impatient, 1);
    world_fini(&w);
}

static void tls_in_clear_is_foreign(void **state)
{
    struct world w;
    (void)state;
    world_init(&w);
    world_connect(&w);
    say(&w, S("\x16\x03\x01"), S("421 4.7.0 this is no port for that protocol, closing\r\n"));
    assert_int_equal(smtp_server_counts(w.server)->foreign, 1);
    world_fini(&w);
}

static void too_large_a_mail_is_read_and_refused(void **state)
{
    struct world w;
    char big[1500];
    (void)state;
    memset(big, 'x', sizeof(big));
    world_init(&w);
    w.o.lmtp = true;
    begin(&w);
    say(&w, S(READY "RCPT TO:<c@bounces.example>\r\nDATA\r\n"),
        S(READY_OK "250 2.1.5 ok\r\n354 end with CR LF . CR LF\r\n"));
    say(&w, slice_of(big, sizeof(big)), SLICE_EMPTY);
    say(&w, S("\r\n.\r\n"), S("552 5.3.4 the mail is too large\r\n552 5.3.4 the mail is too large\r\n"));
    say(&w, S(READY "BDAT 1500\r\n"), S(READY_OK));
    say(&w, slice_of(big, sizeof(big)), S("552 5.3.4 the mail is too large\r\n"));
    say(&w, S("BDAT 1 LAST\r\nx"), S("552 5.3.4 the mail is too large\r\n"));
    say(&w, S(READY), S(READY_OK));
    assert_int_equal(w.mails.n, 0);
    assert_int_equal(smtp_server_counts(w.server)->too_large, 2);
    world_fini(&w);
}

static void mails_share_the_memory(void **state)
{
    struct world w;
    struct conn *other;
    (void)state;
    world_init(&w);
    w.o.max_held_bytes = 20;
    begin(&w);
    say(&w, S(READY "DATA\r\n"), S(READY_OK "354 end with CR LF . CR LF\r\n"));
    say(&w, S("0123456789\r\n"), SLICE_EMPTY);
    other = w.c;
    buf_clear(&w.wrote);
    begin(&w);
    say(&w, S(READY "DATA\r\n"), S(READY_OK "354 end with CR LF . CR LF\r\n"));
    say(&w, S("0123456789\r\n.\r\n"), S("452 4.3.1 too many mails at once, come again later\r\n"));
    conn_fake_free(&other);
    say(&w, S(READY "DATA\r\n"), S(READY_OK "354 end with CR LF . CR LF\r\n"));
    say(&w, S("0123456789\r\n.\r\n"), S("250 2.0.0 taken\r\n"));
    world_fini(&w);
}

static void a_line_without_end_is_the_end(void **state)
{
    struct world w;
    char x[4096];
    (void)state;
    memset(x, 'x', sizeof(x));
    world_init(&w);
    begin(&w);
    for (int i = 0; i < 400 && !conn_fake_closed(w.c); i++)
        give(&w, slice_of(x, sizeof(x)));
    assert_true(conn_fake_closed(w.c));
    world_fini(&w);
}

static void idle_talk_is_bounded(void **state)
{
    struct world w;
    (void)state;
    world_init(&w);
    begin(&w);
    for (unsigned i = 0; i < SMTP_MAX_IDLE_COMMANDS + 3; i++)
        give(&w, S("NOOP\r\n"));
    assert_false(conn_fake_closed(w.c));
    give(&w, S("NOOP\r\nNOOP\r\n"));
    assert_true(conn_fake_closed(w.c));
    world_fini(&w);
}

/* ---- the answer ---- */

static void the_connection_waits_for_the_answer(void **state)
{
    struct world w;
    (void)state;
    world_init(&w);
    w.later = true;
    begin(&w);
    say(&w, S(READY "DATA\r\n"), S(READY_OK "354 end with CR LF . CR LF\r\n"));
    buf_clear(&w.wrote);
    (void)conn_fake_input(w.c, S("x\r\n.\r\nNOOP\r\n"));
    assert_int_equal(w.wrote.n, 0);
    assert_int_equal(smtp_server_counts(w.server)->waiting, 1);
    w.answer = S("451 4.3.0 come again later");
    answer(&w);
    (void)conn_fake_input(w.c, SLICE_EMPTY);
    assert_slice(buf_slice(&w.wrote), S("451 4.3.0 come again later\r\n250 2.0.0 ok\r\n"));
    assert_int_equal(smtp_server_counts(w.server)->postponed, 1);
    world_fini(&w);
}

static void a_peer_that_has_gone_is_not_answered(void **state)
{
    struct world w;
    (void)state;
    world_init(&w);
    w.later = true;
    begin(&w);
    say(&w, S(READY "DATA\r\n"), S(READY_OK "354 end with CR LF . CR LF\r\n"));
    (void)conn_fake_input(w.c, S("x\r\n.\r\n"));
    conn_fake_free(&w.c);
    assert_int_equal(smtp_server_counts(w.server)->sessions, 1);
    answer(&w);
    assert_int_equal(smtp_server_counts(w.server)->sessions, 0);
    world_fini(&w);
}

static void a_peer_that_says_no_more_is_answered(void **state)
{
    struct world w;
    (void)state;
    world_init(&w);
    w.later = true;
    begin(&w);
    say(&w, S(READY "DATA\r\n"), S(READY_OK "354 end with CR LF . CR LF\r\n"));
    buf_clear(&w.wrote);
    (void)conn_fake_input(w.c, S("x\r\n.\r\n"));
    conn_fake_eof(w.c);
    assert_false(conn_fake_closed(w.c));
    answer(&w);
    assert_slice(buf_slice(&w.wrote), S("250 2.0.0 taken\r\n"));
    assert_true(conn_fake_closed(w.c));
    world_fini(&w);
}

static void an_end_in_the_middle_of_a_mail_drops_it(void **state)
{
    struct world w;
    (void)state;
    world_init(&w);
    begin(&w);
    say(&w, S(READY "DATA\r\n"), S(READY_OK "354 end with CR LF . CR LF\r\n"));
    say(&w, S("x\r\n."), SLICE_EMPTY);
    conn_fake_eof(w.c);
    assert_int_equal(w.mails.n, 0);
    world_fini(&w);
}

static void draining_finishes_what_was_begun(void **state)
{
    struct world w;
    struct conn *quiet;
    (void)state;
    world_init(&w);
    w.later = true;
    begin(&w);
    quiet = w.c;
    buf_clear(&w.wrote);
    begin(&w);
    say(&w, S(READY "DATA\r\n"), S(READY_OK "354 end with CR LF . CR LF\r\n"));
    (void)conn_fake_input(w.c, S("x\r\n.\r\n"));
    buf_clear(&w.wrote);
    smtp_server_drain(w.server);
    assert_slice(buf_slice(&w.wrote), S("421 4.3.2 going down, come again later\r\n"));
    assert_true(conn_fake_closed(quiet));
    buf_clear(&w.wrote);
    answer(&w);
    assert_slice(buf_slice(&w.wrote), S("250 2.0.0 taken\r\n421 4.3.2 going down, come again later\r\n"));
    assert_true(conn_fake_closed(w.c));
    conn_fake_free(&quiet);
    world_fini(&w);
}

/* ---- TLS and clocks ---- */

static void tls_forgets_what_was_said_in_clear(void **state)
{
    struct world w;
    (void)state;
    world_init(&w);
    world_connect(&w);
    conn_fake_offer_tls(w.c);
    buf_clear(&w.wrote);
    give(&w, S("EHLO a.example\r\n"));
    assert_true(slice_find(buf_slice(&w.wrote), S("250-STARTTLS\r\n")) != SLICE_NPOS);
    /* what came behind STARTTLS was said by whoever stands between (CVE-2011-0411) */
    say(&w, S(READY "STARTTLS\r\nRSET\r\nNOOP\r\n"), S(READY_OK "220 2.0.0 go ahead\r\n"));
    say(&w, S("RCPT TO:<b@bounces.example>\r\n"), S("503 5.5.1 EHLO comes first\r\n"));
    say(&w, S("EHLO a.example\r\n"), S(EHLO));
    say(&w, S("STARTTLS\r\n"), S("503 5.5.1 TLS is there already\r\n"));
    assert_int_equal(smtp_server_counts(w.server)->secured, 1);
    world_fini(&w);
}

static void a_silent_peer_is_told(void **state)
{
    struct world w;
    (void)state;
    world_init(&w);
    begin(&w);
    buf_clear(&w.wrote);
    conn_fake_timeout(w.c);
    assert_slice(buf_slice(&w.wrote), S("421 4.4.2 too slow, closing\r\n"));
    assert_int_equal(smtp_server_counts(w.server)->timeouts, 1);
    world_fini(&w);
}

/* Under random bytes the server neither falls nor hands over what has no envelope. */
static void noise_does_no_harm(void **state)
{
    static const char *const words[] = {
        "EHLO x\r\n", READY, "DATA\r\n", "BDAT 3 LAST\r\n", "BDAT 9\r\n", "\r\n", ".\r\n",   "\r\n.\r\n", "\n", "\r",
        "RSET\r\n",   "x",   "\0",       "RCPT TO:",        "<",          ">",    "QUIT\r\n"};
    uint64_t seed = 12345;
    (void)state;
    for (int round = 0; round < 2000; round++) {
        struct world w;
        world_init(&w);
        w.o.lmtp = round & 1;
        w.later = round & 2;
        world_connect(&w);
        give(&w, w.o.lmtp ? S("LHLO x\r\n") : S("EHLO x\r\n"));
        for (int i = 0; i < 30; i++) {
            seed = seed * UINT64_C(6364136223846793005) + 1442695040888963407u;
            give(&w, slice_str(words[(seed >> 33) % ARRAY_LEN(words)]));
        }
        assert_false(slice_starts(buf_slice(&w.mails), S("||")));
        world_fini(&w);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sessions_in_one_piece),
        cmocka_unit_test(sessions_byte_by_byte),
        cmocka_unit_test(sessions_split_everywhere),
        cmocka_unit_test(hostile_sessions),
        cmocka_unit_test(smuggled_mails_stay_content),
        cmocka_unit_test(nothing_goes_before_ehlo),
        cmocka_unit_test(tls_in_clear_is_foreign),
        cmocka_unit_test(too_large_a_mail_is_read_and_refused),
        cmocka_unit_test(mails_share_the_memory),
        cmocka_unit_test(a_line_without_end_is_the_end),
        cmocka_unit_test(idle_talk_is_bounded),
        cmocka_unit_test(the_connection_waits_for_the_answer),
        cmocka_unit_test(a_peer_that_has_gone_is_not_answered),
        cmocka_unit_test(a_peer_that_says_no_more_is_answered),
        cmocka_unit_test(an_end_in_the_middle_of_a_mail_drops_it),
        cmocka_unit_test(draining_finishes_what_was_begun),
        cmocka_unit_test(tls_forgets_what_was_said_in_clear),
        cmocka_unit_test(a_silent_peer_is_told),
        cmocka_unit_test(noise_does_no_harm),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
