#include "net/socketmap.h"

#include "net/access.h"

#define MAX_DIGITS 5u

enum taken { TAKEN, TAKE_MORE, TAKE_NOTHING };

/* The netstring at the start of `in`: its text and all its bytes. Leading zeros are none of netstrings, nor are lengths that a
 * query cannot have: nothing has to be gathered to find that out. */
static enum taken take_netstring(slice in, slice *text, size_t *bytes)
{
    size_t length = 0, i = 0;
    for (; i < in.n && i <= MAX_DIGITS && ascii_digit(in.p[i]); i++)
        length = length * 10 + (size_t)(in.p[i] - '0');
    if (i > MAX_DIGITS || length > SOCKETMAP_MAX_QUERY_BYTES || (i > 1 && in.p[0] == '0'))
        return TAKE_NOTHING;
    if (i == in.n)
        return TAKE_MORE;
    if (i == 0 || in.p[i] != ':')
        return TAKE_NOTHING;
    i++;
    if (in.n - i < length + 1)
        return TAKE_MORE;
    if (in.p[i + length] != ',')
        return TAKE_NOTHING;
    *text = slice_sub(in, i, length);
    *bytes = i + length + 1;
    return TAKEN;
}

static void add_netstring(buf *out, slice text)
{
    buf_addu(out, text.n);
    buf_addc(out, ':');
    buf_add(out, text);
    buf_addc(out, ',');
}

static void answer(struct asker *a, slice query)
{
    slice map;
    struct ask_answer found;
    struct ask question = ask_blank(ASK_RECIPIENT);
    if (slice_split(&query, ' ', &map) && query.p)
        question.recipient = ask_address(query);
    asker_answer(a, &question, &found);
    buf_clear(&a->piece);
    buf_add(&a->piece, S("OK "));
    bool some = access_add(&a->piece, &found, slice_eq(map, S("transport")) ? ACCESS_TRANSPORT : ACCESS_ACTION);
    add_netstring(&a->out,
                  some ? buf_slice(&a->piece) : S("NOTFOUND ")); /* the blank belongs to it: socketmap_table(5) */
}

static void *open_session(void *ctx, struct conn *c)
{
    (void)c;
    return ctx;
}

static size_t input(void *session, struct conn *c, slice in)
{
    struct asker *a = session;
    size_t used = 0, bytes;
    slice query;
    enum taken t;
    while ((t = take_netstring(slice_from(in, used), &query, &bytes)) == TAKEN) {
        answer(a, query);
        used += bytes;
    }
    asker_flush(a, c);
    if (t == TAKE_MORE)
        return used;
    asker_sends_away(a, c, "not a netstring of a query");
    return in.n;
}

static void closed(void *session)
{
    (void)session;
}

const struct protocol socketmap_protocol = {
    .name = "socketmap", .open = open_session, .input = input, .closed = closed};
