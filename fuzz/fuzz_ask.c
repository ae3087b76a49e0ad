/* Any bytes said to the protocols of the check: what comes back has the form of the protocol, whatever the texts of answers are, and
 * how the bytes were cut changes nothing. The first byte chooses the protocol and the size of the pieces.
 */
#include "base/buf.h"
#include "fuzz.h"
#include "net/line.h"
#include "net/milter.h"
#include "net/milter_wire.h"
#include "net/opensmtpd.h"
#include "net/postfix_policy.h"
#include "net/socketmap.h"
#include "net/tcp_table.h"

enum { SOCKETMAP, TCP_TABLE, POLICY, LINE, MILTER, OPENSMTPD, PROTOCOLS };

struct talk {
    struct asker asker;
    struct tcp_table tcp_table;
    struct milter milter;
    buf said;
};

/* The answer hangs on the length of the recipient; its texts are what the mail server said, the worst there is. */
static void answer(void *ctx, const struct ask *q, struct ask_answer *out)
{
    (void)ctx;
    MUST(q->recipient.p && q->sender.p && q->sasl_user.p && q->client_address.p && q->queue_id.p && q->message_id.p);
    MUST(q->recipient.n <= ASK_MAX_ADDRESS_BYTES);
    out->word = (enum ask_word)(q->recipient.n % ASK_WORDS);
    out->code = out->word == ASK_DEFER ? 450 : 550;
    out->enhanced = q->recipient.n & 8 ? q->sender : S("5.7.1");
    out->text = q->recipient;
    out->headers[0] = (struct ask_header){q->recipient.n & 16 ? q->sender : S("X-Bounced-Suppressed"), q->recipient};
    out->header_count = 1;
    if (q->stage == ASK_MESSAGE) {
        out->new_sender = q->message_id;
        out->warning = q->sender;
    }
}

static void wrote(void *ctx, slice bytes)
{
    buf_add(&((struct talk *)ctx)->said, bytes);
}

static void talk_init(struct talk *t)
{
    *t = (struct talk){.said = {.n = 0}};
    asker_init(&t->asker, answer, NULL, NULL);
    t->tcp_table = (struct tcp_table){&t->asker, ACCESS_ACTION};
    t->milter = (struct milter){.asker = &t->asker, .asks_message = true};
    buf_init(&t->said, 0);
}

static void talk_fini(struct talk *t)
{
    asker_fini(&t->asker);
    buf_fini(&t->said);
}

static bool said_to(struct talk *t, const struct protocol *p, void *ctx, slice in, size_t piece)
{
    struct conn *c = conn_fake(p, ctx, wrote, t);
    for (size_t i = 0; i < in.n && !conn_fake_closed(c); i += piece)
        (void)conn_fake_input(c, slice_sub(in, i, piece));
    bool closed = conn_fake_closed(c);
    conn_fake_eof(c);
    conn_fake_free(&c);
    return closed;
}

static bool lines_to_filter(struct talk *t, slice in)
{
    struct opensmtpd_options o = {.asker = &t->asker, .key = {1, 2}, .discard_to = S("null@x.test")};
    struct opensmtpd *machine = opensmtpd_new(&o);
    slice line;
    bool sound = true;
    MUST(machine && opensmtpd_line(machine, S("config|ready")));
    buf_clear(&t->asker.out);
    while (sound && slice_split(&in, '\n', &line))
        sound = opensmtpd_line(machine, line);
    buf_add(&t->said, buf_slice(&t->asker.out));
    opensmtpd_free(&machine);
    return !sound;
}

static bool talk(struct talk *t, unsigned which, slice in, size_t piece)
{
    switch (which) {
    case SOCKETMAP:
        return said_to(t, &socketmap_protocol, &t->asker, in, piece);
    case TCP_TABLE:
        return said_to(t, &tcp_table_protocol, &t->tcp_table, in, piece);
    case POLICY:
        return said_to(t, &postfix_policy_protocol, &t->asker, in, piece);
    case LINE:
        return said_to(t, &line_protocol, &t->asker, in, piece);
    case MILTER:
        return said_to(t, &milter_protocol, &t->milter, in, piece);
    default:
        return lines_to_filter(t, in);
    }
}

static void check_netstrings(slice said)
{
    while (said.n > 0) {
        uint64_t n;
        size_t colon = slice_chr(said, ':');
        MUST(colon != SLICE_NPOS && slice_u64(slice_sub(said, 0, colon), &n) && n < said.n - colon - 1);
        slice text = slice_sub(said, colon + 1, n);
        MUST(said.p[colon + 1 + n] == ',');
        MUST(slice_eq(text, S("NOTFOUND ")) || slice_starts(text, S("OK ")));
        said = slice_from(said, colon + n + 2);
    }
}

static void check_packets(slice said)
{
    while (said.n > 0) {
        MUST(said.n >= 5);
        size_t n = milter_get_u32(said.p);
        MUST(n > 0 && n <= said.n - 4 && memchr("-Ocdehy", said.p[4], 7));
        MUST(said.p[4] == 'c' || said.p[4] == 'd' || said.p[4] == 'O' || said.p[4 + n - 1] == '\0' || n == 1);
        said = slice_from(said, n + 4);
    }
}

/* Every line begins with one of the words of its protocol and is printable. */
static void check_lines(unsigned which, slice said)
{
    static const char *const words[PROTOCOLS][8] = {
        [TCP_TABLE] = {"200 ", "400 ", "500 "},
        [POLICY] = {"action=", ""},
        [LINE] = {"send", "reject ", "defer ", "discard ", "tag ", "error "},
        [OPENSMTPD] = {"filter-result|"},
    };
    slice line;
    MUST(said.n == 0 || said.p[said.n - 1] == '\n');
    while (slice_split(&said, '\n', &line) && said.p) {
        bool known = false;
        for (size_t i = 0; words[which][i]; i++)
            known = known || slice_starts(line, slice_str(words[which][i]));
        MUST(known);
        for (size_t i = 0; i < line.n && which != OPENSMTPD; i++) /* which gives tokens back as they were given */
            MUST(line.p[i] >= ' ' && line.p[i] < 0x7f);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct talk whole, pieces;
    if (size == 0)
        return 0;
    unsigned which = data[0] % PROTOCOLS;
    size_t piece = 1 + data[0] / PROTOCOLS;
    slice in = fuzz_input(data + 1, size - 1);
    talk_init(&whole);
    talk_init(&pieces);
    bool closed = talk(&whole, which, in, in.n + 1);
    MUST(talk(&pieces, which, in, piece) == closed);
    MUST(slice_eq(buf_slice(&whole.said), buf_slice(&pieces.said)));
    if (which == SOCKETMAP)
        check_netstrings(buf_slice(&whole.said));
    else if (which == MILTER)
        check_packets(buf_slice(&whole.said));
    else
        check_lines(which, buf_slice(&whole.said));
    talk_fini(&whole);
    talk_fini(&pieces);
    return 0;
}
