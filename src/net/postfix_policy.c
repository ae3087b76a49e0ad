#include "net/postfix_policy.h"

#include "net/access.h"

struct request {
    slice request, state, sender, recipient, recipient_count, client_address, sasl_username, queue_id, size;
};

static const struct {
    slice name;
    size_t offset;
} attributes[] = {
    {SLICE_INIT("request"), offsetof(struct request, request)},
    {SLICE_INIT("protocol_state"), offsetof(struct request, state)},
    {SLICE_INIT("sender"), offsetof(struct request, sender)},
    {SLICE_INIT("recipient"), offsetof(struct request, recipient)},
    {SLICE_INIT("recipient_count"), offsetof(struct request, recipient_count)},
    {SLICE_INIT("client_address"), offsetof(struct request, client_address)},
    {SLICE_INIT("sasl_username"), offsetof(struct request, sasl_username)},
    {SLICE_INIT("queue_id"), offsetof(struct request, queue_id)},
    {SLICE_INIT("size"), offsetof(struct request, size)},
};

static slice *attribute(struct request *r, slice name)
{
    for (size_t i = 0; i < ARRAY_LEN(attributes); i++)
        if (slice_eq(attributes[i].name, name))
            return (slice *)(void *)((char *)r + attributes[i].offset);
    return NULL;
}

/* False when a line is no attribute. Of one that is given twice the first counts: an address cannot bring in a second one. */
static bool read_request(slice lines, struct request *r)
{
    slice line;
    *r = (struct request){.request = SLICE_EMPTY,
                          .state = SLICE_EMPTY,
                          .sender = SLICE_EMPTY,
                          .recipient = SLICE_EMPTY,
                          .recipient_count = SLICE_EMPTY,
                          .client_address = SLICE_EMPTY,
                          .sasl_username = SLICE_EMPTY,
                          .queue_id = SLICE_EMPTY,
                          .size = SLICE_EMPTY};
    while (slice_split(&lines, '\n', &line) && !slice_empty(line)) {
        size_t equals = slice_chr(line, '=');
        if (equals == SLICE_NPOS || equals == 0)
            return false;
        slice *value = attribute(r, slice_sub(line, 0, equals));
        if (value && slice_empty(*value))
            *value = slice_from(line, equals + 1);
    }
    return slice_eq(r->request, S("smtpd_access_policy"));
}

static void ask_about(struct asker *a, const struct request *r, bool whole, struct ask_answer *found)
{
    struct ask question = ask_blank(whole ? ASK_MESSAGE : ASK_RECIPIENT);
    uint64_t number = 0;
    question.tells = ASK_TELLS_SENDER | ASK_TELLS_CLIENT;
    question.recipient = ask_address(r->recipient);
    question.sender = ask_address(r->sender);
    question.sasl_user = r->sasl_username;
    question.client_address = r->client_address;
    question.queue_id = r->queue_id;
    if (slice_u64(r->recipient_count, &number))
        question.recipient_count = number > UINT32_MAX ? UINT32_MAX : (unsigned)number;
    if (slice_u64(r->size, &number))
        question.size_bytes = number;
    asker_answer(a, &question, found);
}

/* At END-OF-MESSAGE nothing is refused any more (it would be for all recipients) and PREPEND is not allowed: access(5). */
static void add_action(struct asker *a, const struct request *r)
{
    struct ask_answer found;
    bool whole = slice_eq(r->state, S("END-OF-MESSAGE"));
    bool done = false;
    if (whole || slice_eq(r->state, S("RCPT"))) {
        ask_about(a, r, whole, &found);
        done = !whole && access_add(&a->out, &found, ACCESS_ACTION);
        if (!done && !slice_empty(found.warning)) {
            buf_add(&a->out, S("WARN "));
            ask_add_text(&a->out, found.warning, ASK_MAX_TEXT_BYTES);
            done = true;
        }
    }
    if (!done)
        buf_add(&a->out, S("DUNNO"));
}

static bool answer(struct asker *a, slice lines)
{
    struct request r;
    if (!read_request(lines, &r))
        return false;
    buf_add(&a->out, S("action="));
    add_action(a, &r);
    buf_add(&a->out, S("\n\n"));
    return true;
}

static void *open_session(void *ctx, struct conn *c)
{
    (void)c;
    return ctx;
}

static size_t input(void *session, struct conn *c, slice in)
{
    struct asker *a = session;
    size_t used = 0, end;
    slice rest = in;
    bool sound = true;
    while (sound && (end = slice_find(rest, S("\n\n"))) != SLICE_NPOS && end < POLICY_MAX_REQUEST_BYTES) {
        sound = answer(a, slice_sub(rest, 0, end));
        used += end + 2;
        rest = slice_from(in, used);
    }
    asker_flush(a, c);
    if (sound && rest.n < POLICY_MAX_REQUEST_BYTES)
        return used;
    asker_sends_away(a, c, sound ? "a policy request that is too long" : "not a policy request");
    return in.n;
}

static void closed(void *session)
{
    (void)session;
}

const struct protocol postfix_policy_protocol = {
    .name = "postfix-policy", .open = open_session, .input = input, .closed = closed};
