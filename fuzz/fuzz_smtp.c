/* Any bytes said to the mail server: replies are replies, mails have an envelope that was allowed, and how the bytes were cut
 * changes nothing. The first byte chooses the server and the size of the pieces; 0xff ends a turn, behind which a client would wait.
 */
#include "base/buf.h"
#include "base/time.h"
#include "fuzz.h"
#include "net/smtp_server.h"

struct talk {
    struct smtp_server *server;
    struct conn *c;
    struct smtp_mail *waiting;
    bool later;
    buf said, mails;
};

static int64_t no_clock(void)
{
    return TIME_HOUR;
}

static slice on_recipient(void *ctx, const struct smtp_mail *m, const struct smtp_recipient *r)
{
    (void)ctx;
    MUST(m->sender.p && r->address.n > 0 && r->domain.n < r->address.n);
    return slice_eq_ci(r->domain, S("b.example")) ? S("250 2.1.5 ok") : S("550 5.7.1 relaying denied");
}

static void answer(struct talk *t)
{
    struct smtp_mail *m = t->waiting;
    t->waiting = NULL;
    smtp_answer(m, S("250 2.0.0 taken"));
}

static void on_message(void *ctx, struct smtp_mail *m)
{
    struct talk *t = ctx;
    MUST(m->recipient_count > 0 && m->recipient_count <= 5 && m->content.n <= 4096);
    for (size_t i = 0; i < m->recipient_count; i++)
        MUST(slice_eq_ci(m->recipients[i].domain, S("b.example")));
    buf_printf(&t->mails, "%zu:", m->content.n);
    buf_add(&t->mails, buf_slice(&m->content));
    t->waiting = m;
    if (!t->later)
        answer(t);
}

static void wrote(void *ctx, slice bytes)
{
    buf_add(&((struct talk *)ctx)->said, bytes);
}

/* Every line is "250-..." or "250 ...", and nothing of the peer stands in it. */
static void check_replies(slice said)
{
    slice line;
    while (slice_line(&said, &line)) {
        MUST(line.n > 4 && ascii_digit(line.p[0]) && ascii_digit(line.p[1]) && ascii_digit(line.p[2]));
        MUST(line.p[3] == ' ' || line.p[3] == '-');
        for (size_t i = 0; i < line.n; i++)
            MUST(line.p[i] >= ' ' && line.p[i] < 0x7f);
    }
}

/* One turn, in pieces. */
static void say(struct talk *t, slice in, size_t piece)
{
    for (; in.n && !conn_fake_closed(t->c); in = slice_from(in, piece)) {
        (void)conn_fake_input(t->c, slice_sub(in, 0, piece));
        for (; t->waiting; (void)conn_fake_input(t->c, SLICE_EMPTY))
            answer(t);
    }
}

/* Piece 0: each turn at once. */
static struct smtp_counts talk(struct talk *t, slice in, unsigned how, size_t piece)
{
    slice turn;
    struct smtp_options o = {
        .lmtp = how & 1,
        .strict = how & 2,
        .hostname = S("mx.example"),
        .max_message_bytes = 4096,
        .max_held_bytes = 16384,
        .max_recipients = 5,
        .max_errors = 10,
        .now_us = no_clock,
        .hooks = {.recipient = on_recipient, .message = on_message},
        .ctx = t,
    };
    err e;
    t->later = how & 4;
    MUST(smtp_server_new(&o, &t->server, &e) == OK);
    t->c = conn_fake(smtp_server_protocol(t->server), t->server, wrote, t);
    if (how & 8)
        conn_fake_offer_tls(t->c);
    while (slice_split(&in, '\xff', &turn))
        say(t, turn, piece ? piece : turn.n);
    conn_fake_free(&t->c);
    struct smtp_counts counts = *smtp_server_counts(t->server);
    MUST(counts.sessions == 0 && counts.held_bytes == 0 && counts.waiting == 0);
    smtp_server_free(&t->server);
    check_replies(buf_slice(&t->said));
    return counts;
}

static void talk_init(struct talk *t)
{
    *t = (struct talk){.server = NULL};
    buf_init(&t->said, 0);
    buf_init(&t->mails, 0);
}

static void talk_fini(struct talk *t)
{
    buf_fini(&t->said);
    buf_fini(&t->mails);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct talk whole, pieces;
    if (size < 1)
        return 0;
    unsigned how = data[0] & 15;
    size_t piece = (data[0] >> 4) + 1;
    slice in = fuzz_input(data + 1, size - 1);
    talk_init(&whole);
    talk_init(&pieces);
    struct smtp_counts n = talk(&whole, in, how, 0);
    (void)talk(&pieces, in, how, piece);
    /* what came behind STARTTLS or before an answer that must be waited for depends on when it came */
    if (!n.impatient && !n.secured) {
        MUST(slice_eq(buf_slice(&whole.said), buf_slice(&pieces.said)));
        MUST(slice_eq(buf_slice(&whole.mails), buf_slice(&pieces.mails)));
    }
    talk_fini(&whole);
    talk_fini(&pieces);
    return 0;
}
