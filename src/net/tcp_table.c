#include "net/tcp_table.h"

#include "base/codec.h"

static bool bare(char c)
{
    return c > ' ' && c < 0x7f && c != '%';
}

static void add_coded(buf *out, slice text)
{
    for (size_t i = 0; i < text.n; i++)
        if (bare(text.p[i]))
            buf_addc(out, text.p[i]);
        else
            buf_printf(out, "%%%02X", (unsigned char)text.p[i]);
}

/* False on a "%" without two hex digits behind it. */
static bool add_plain(buf *out, slice coded)
{
    for (size_t i = 0; i < coded.n; i++) {
        char byte = coded.p[i];
        size_t n;
        if (byte == '%') {
            slice digits = slice_sub(coded, i + 1, 2);
            if (digits.n != 2 || !hex_decode(digits, &byte, &n))
                return false;
            i += 2;
        }
        buf_addc(out, byte);
    }
    return true;
}

static void answer(struct tcp_table *t, slice line)
{
    struct asker *a = t->asker;
    slice verb;
    struct ask question = ask_blank(ASK_RECIPIENT);
    struct ask_answer found;
    buf_clear(&a->key);
    if (!slice_split(&line, ' ', &verb) || !slice_eq(verb, S("get")) || !line.p || !add_plain(&a->key, line)) {
        buf_add(&a->out, S("400 get%20and%20an%20address%20are%20understood\n"));
        return;
    }
    question.recipient = ask_address(buf_slice(&a->key));
    asker_answer(a, &question, &found);
    buf_clear(&a->piece);
    if (!access_add(&a->piece, &found, t->form)) {
        buf_add(&a->out, S("500 not%20found\n"));
        return;
    }
    buf_add(&a->out, S("200 "));
    add_coded(&a->out, buf_slice(&a->piece));
    buf_addc(&a->out, '\n');
}

static void *open_session(void *ctx, struct conn *c)
{
    (void)c;
    return ctx;
}

static size_t input(void *session, struct conn *c, slice in)
{
    struct tcp_table *t = session;
    size_t used = 0, end;
    slice rest = in;
    while ((end = slice_chr(rest, '\n')) != SLICE_NPOS && end < TCP_TABLE_MAX_LINE_BYTES) {
        answer(t, slice_rtrim(slice_sub(rest, 0, end)));
        used += end + 1;
        rest = slice_from(in, used);
    }
    asker_flush(t->asker, c);
    if (rest.n < TCP_TABLE_MAX_LINE_BYTES)
        return used;
    asker_sends_away(t->asker, c, "a line of tcp_table that is too long");
    return in.n;
}

static void closed(void *session)
{
    (void)session;
}

const struct protocol tcp_table_protocol = {
    .name = "tcp_table", .open = open_session, .input = input, .closed = closed};
