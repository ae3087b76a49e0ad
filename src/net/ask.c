#include "net/ask.h"

#define MAX_HEADER_NAME_BYTES 76u

void asker_init(struct asker *a, void (*ask)(void *, const struct ask *, struct ask_answer *),
                void (*trouble)(void *, const struct conn_peer *, const char *), void *ctx)
{
    *a = (struct asker){.ask = ask, .trouble = trouble, .ctx = ctx};
    buf_init(&a->out, ASK_MAX_OUT_BYTES);
    buf_init(&a->piece, ASK_MAX_OUT_BYTES);
    buf_init(&a->key, ASK_MAX_OUT_BYTES);
}

void asker_fini(struct asker *a)
{
    buf_fini(&a->out);
    buf_fini(&a->piece);
    buf_fini(&a->key);
}

struct ask ask_blank(enum ask_stage stage)
{
    return (struct ask){.stage = stage,
                        .recipient = SLICE_EMPTY,
                        .sender = SLICE_EMPTY,
                        .sasl_user = SLICE_EMPTY,
                        .client_address = SLICE_EMPTY,
                        .queue_id = SLICE_EMPTY,
                        .message_id = SLICE_EMPTY};
}

struct ask_answer ask_answer_blank(void)
{
    return (struct ask_answer){.word = ASK_SEND,
                               .enhanced = SLICE_EMPTY,
                               .text = SLICE_EMPTY,
                               .new_sender = SLICE_EMPTY,
                               .warning = SLICE_EMPTY};
}

void asker_answer(struct asker *a, const struct ask *question, struct ask_answer *out)
{
    struct ask q = *question;
    slice *cut[] = {&q.sender, &q.sasl_user, &q.client_address, &q.queue_id, &q.message_id};
    for (size_t i = 0; i < ARRAY_LEN(cut); i++)
        *cut[i] = slice_sub(*cut[i], 0, ASK_MAX_ADDRESS_BYTES);
    *out = ask_answer_blank();
    if (q.recipient.n <= ASK_MAX_ADDRESS_BYTES)
        a->ask(a->ctx, &q, out);
}

void asker_flush(struct asker *a, struct conn *c)
{
    if (a->out.failed)
        asker_sends_away(a, c, "the answers do not fit into memory");
    else if (a->out.n > 0)
        conn_write(c, buf_slice(&a->out));
    buf_clear(&a->out);
}

void asker_sends_away(struct asker *a, struct conn *c, const char *what)
{
    if (a->trouble)
        a->trouble(a->ctx, conn_peer(c), what);
    conn_close(c);
}

const char *ask_word(enum ask_word w)
{
    static const char *const words[ASK_WORDS] = {"send", "reject", "defer", "discard", "tag"};
    return (unsigned)w < ASK_WORDS ? words[w] : "";
}

static bool printable(char c)
{
    return c > ' ' && c < 0x7f;
}

void ask_add_text(buf *out, slice text, size_t max_bytes)
{
    text = slice_sub(text, 0, max_bytes);
    for (size_t i = 0; i < text.n;) {
        size_t plain = i;
        while (plain < text.n && (printable(text.p[plain]) || text.p[plain] == ' '))
            plain++;
        buf_add(out, slice_sub(text, i, plain - i));
        if (plain == text.n)
            break;
        bool control = (unsigned char)text.p[plain] < 0x80;
        buf_addc(out, control ? ' ' : '?');
        i = plain + 1;
        while (control && i < text.n && (unsigned char)text.p[i] < ' ')
            i++;
    }
}

void ask_add_reply(buf *out, const struct ask_answer *a)
{
    buf_addu(out, a->code);
    buf_addc(out, ' ');
    if (!slice_empty(a->enhanced)) {
        ask_add_text(out, a->enhanced, ASK_MAX_ENHANCED_BYTES);
        buf_addc(out, ' ');
    }
    ask_add_text(out, a->text, ASK_MAX_TEXT_BYTES);
}

static bool header_sound(const struct ask_header *h)
{
    for (size_t i = 0; i < h->name.n; i++)
        if (!printable(h->name.p[i]) || h->name.p[i] == ':')
            return false;
    return h->name.n > 0 && h->name.n <= MAX_HEADER_NAME_BYTES && !slice_empty(slice_trim(h->value));
}

bool ask_add_header(buf *out, const struct ask_header *h)
{
    if (!header_sound(h))
        return false;
    buf_add(out, h->name);
    buf_adds(out, ": ");
    ask_add_text(out, slice_trim(h->value), ASK_MAX_TEXT_BYTES);
    return true;
}

const struct ask_header *ask_tag(const struct ask_answer *a)
{
    return a->word == ASK_TAG && a->header_count > 0 && header_sound(&a->headers[0]) ? &a->headers[0] : NULL;
}

slice ask_address(slice written)
{
    return slice_unwrap(slice_trim(written), '<', '>');
}
