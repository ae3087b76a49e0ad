#include "net/milter.h"

#include <stdlib.h>

#include "base/arena.h"
#include "net/milter_wire.h"

/* What is known of one message; gone with its arena. */
struct message {
    arena a;
    slice queue_id, user;
    slice sender, message_id;
    slice kept;       /* the first recipient that will get it, as the mail server wrote it */
    slice *discarded; /* those that will not: delrcpt must name them as they were written */
    size_t kept_count, discarded_count, room;
    struct ask_header headers[ASK_MAX_HEADERS];
    size_t header_count;
};

struct session {
    struct milter *milter;
    bool agreed;
    uint32_t actions, steps; /* as agreed */
    size_t pass;             /* bytes to pass over of a packet */
    char passing;            /* its command */
    bool quit;
    arena a; /* of the SMTP session: what follows */
    slice client, user;
    struct message m;
};

static buf *out_of(struct session *s)
{
    return &s->milter->asker->out;
}

static void message_reset(struct message *m)
{
    arena_reset(&m->a);
    *m = (struct message){.a = m->a,
                          .queue_id = SLICE_EMPTY,
                          .user = SLICE_EMPTY,
                          .sender = SLICE_EMPTY,
                          .message_id = SLICE_EMPTY,
                          .kept = SLICE_EMPTY};
}

static void session_reset(struct session *s)
{
    message_reset(&s->m);
    arena_reset(&s->a);
    s->client = SLICE_EMPTY;
    s->user = SLICE_EMPTY;
}

/* ---- the commands; each returns false when the connection makes no sense any more ---- */

/* Which macros we would like, where the server lets us choose: a stage, then the names (SMFIF_SETSYMLIST). */
static const struct {
    enum milter_stage stage;
    slice names;
} wanted_macros[] = {
    {MILTER_AT_CONNECT, SLICE_INIT("{client_addr}")},
    {MILTER_AT_MAIL, SLICE_INIT("i {auth_authen}")},
    {MILTER_AT_RCPT, SLICE_INIT("i {auth_authen}")},
    {MILTER_AT_END, SLICE_INIT("i")},
};

static const uint32_t steps_unwanted =
    MILTER_NO_HELO | MILTER_NO_BODY | MILTER_NO_END_HEADERS | MILTER_NO_UNKNOWN | MILTER_NO_DATA;
static const uint32_t steps_silent = MILTER_SILENT_CONNECT | MILTER_SILENT_HELO | MILTER_SILENT_MAIL |
                                     MILTER_SILENT_DATA | MILTER_SILENT_UNKNOWN | MILTER_SILENT_END_HEADERS |
                                     MILTER_SILENT_BODY | MILTER_SILENT_HEADER;

static bool negotiate(struct session *s, slice data)
{
    buf *out = out_of(s);
    if (data.n < 12 || milter_get_u32(data.p) < MILTER_VERSION_MIN)
        return false;
    uint32_t version = milter_get_u32(data.p), offered = milter_get_u32(data.p + 4);
    s->actions = offered & (MILTER_MAY_ADD_HEADERS | MILTER_MAY_DEL_RCPT | MILTER_MAY_CHANGE_FROM);
    s->steps = milter_get_u32(data.p + 8) & (steps_unwanted | steps_silent);
    if (!s->milter->asks_message)
        s->steps |= milter_get_u32(data.p + 8) & MILTER_NO_HEADERS;
    s->agreed = true;
    size_t begun = milter_begin(out, MILTER_AGREE);
    milter_add_u32(out, version < MILTER_VERSION ? version : MILTER_VERSION);
    milter_add_u32(out, s->actions | (offered & MILTER_MAY_CHOOSE_MACROS));
    milter_add_u32(out, s->steps);
    for (size_t i = 0; i < ARRAY_LEN(wanted_macros) && (offered & MILTER_MAY_CHOOSE_MACROS); i++) {
        milter_add_u32(out, wanted_macros[i].stage);
        milter_add_text(out, wanted_macros[i].names);
    }
    milter_end(out, begun);
    return true;
}

/* Answers "continue", unless this step was agreed to have no answer. */
static bool go_on(struct session *s, uint32_t silent)
{
    if (!(s->steps & silent))
        milter_add(out_of(s), MILTER_CONTINUE);
    return true;
}

/* Keeps a copy where the value is another one; macros come with every recipient again. */
static void keep(arena *a, slice *what, slice value)
{
    if (!slice_eq(*what, value))
        *what = arena_dup(a, value);
}

static void take_macro(struct session *s, bool of_session, slice name, slice value)
{
    name = slice_unwrap(name, '{', '}');
    if (slice_eq(name, S("client_addr")))
        keep(&s->a, &s->client, value);
    else if (slice_eq(name, S("auth_authen")))
        keep(of_session ? &s->a : &s->m.a, of_session ? &s->user : &s->m.user, value);
    else if (slice_eq(name, S("i")) && !of_session)
        keep(&s->m.a, &s->m.queue_id, value);
}

/* The command that they are for, then names and values. */
static bool take_macros(struct session *s, slice data)
{
    slice name, value, pairs = slice_from(data, 1);
    if (data.n == 0)
        return false;
    bool of_session = data.p[0] == MILTER_CONNECT || data.p[0] == MILTER_HELO;
    while (milter_take_text(&pairs, &name) && milter_take_text(&pairs, &value))
        take_macro(s, of_session, name, value);
    return true;
}

/* host NUL family port(2) address NUL; families "4", "6", "L" (a unix socket), "U" (not known). */
static bool take_connect(struct session *s, slice data)
{
    slice host, address, rest;
    if (milter_take_text(&data, &host) && data.n > 0 && data.p[0] == 'L')
        keep(&s->a, &s->client, S("unix"));
    rest = slice_from(data, 3);
    if (data.n > 0 && (data.p[0] == '4' || data.p[0] == '6') && milter_take_text(&rest, &address))
        keep(&s->a, &s->client, slice_starts_ci(address, S("IPv6:")) ? slice_from(address, 5) : address);
    return go_on(s, MILTER_SILENT_CONNECT);
}

static bool take_helo(struct session *s, slice data)
{
    (void)data;
    return go_on(s, MILTER_SILENT_HELO);
}

/* <sender> NUL parameters */
static bool take_mail(struct session *s, slice data)
{
    slice written;
    s->m.kept_count = s->m.discarded_count = s->m.header_count = 0;
    s->m.message_id = SLICE_EMPTY;
    if (!milter_take_text(&data, &written))
        return false;
    s->m.sender = arena_dup(&s->m.a, ask_address(written));
    return go_on(s, MILTER_SILENT_MAIL);
}

static struct ask question(const struct session *s, enum ask_stage stage, slice recipient)
{
    struct ask q = ask_blank(stage);
    q.tells = ASK_TELLS_CLIENT | ASK_TELLS_SENDER;
    q.recipient = ask_address(recipient);
    q.sender = s->m.sender;
    q.sasl_user = slice_empty(s->m.user) ? s->user : s->m.user;
    q.client_address = s->client;
    q.queue_id = s->m.queue_id;
    q.message_id = s->m.message_id;
    q.recipient_count = (unsigned)s->m.kept_count;
    return q;
}

static bool may(struct session *s, enum milter_action action)
{
    bool offered = (s->actions & action) != 0;
    s->milter->not_offered += !offered;
    return offered;
}

/* Remembers a header for the end of the message, once. */
static void keep_header(struct session *s, const struct ask_header *h)
{
    struct message *m = &s->m;
    for (size_t i = 0; i < m->header_count; i++)
        if (slice_eq(m->headers[i].name, h->name) && slice_eq(m->headers[i].value, h->value))
            return;
    if (m->header_count < ASK_MAX_HEADERS && may(s, MILTER_MAY_ADD_HEADERS))
        m->headers[m->header_count++] = (struct ask_header){arena_dup(&m->a, h->name), arena_dup(&m->a, h->value)};
}

static void keep_recipient(struct session *s, slice written)
{
    if (s->m.kept_count++ == 0)
        s->m.kept = arena_dup(&s->m.a, written);
}

static bool discard(struct session *s, slice written)
{
    struct message *m = &s->m;
    if (!may(s, MILTER_MAY_DEL_RCPT) || m->discarded_count == MILTER_MAX_RECIPIENTS)
        return false;
    slice *grown = arena_grow(&m->a, m->discarded, m->discarded_count, &m->room, sizeof *m->discarded);
    if (!grown)
        return false;
    m->discarded = grown;
    m->discarded[m->discarded_count++] = arena_dup(&m->a, written);
    return !m->a.limited;
}

/* The text may become a format of sendmail's: "%" is doubled (smfi_setreply). */
static void refuse(struct session *s, const struct ask_answer *found)
{
    buf *out = out_of(s), *reply = &s->milter->asker->piece;
    buf_clear(reply);
    ask_add_reply(reply, found);
    size_t begun = milter_begin(out, MILTER_REPLY_CODE);
    for (size_t i = 0; i < reply->n; i++) {
        if (reply->p[i] == '%')
            buf_addc(out, '%');
        buf_addc(out, reply->p[i]);
    }
    buf_addc(out, '\0');
    milter_end(out, begun);
}

/* <recipient> NUL parameters */
static bool take_rcpt(struct session *s, slice data)
{
    slice written;
    struct ask_answer found;
    if (!milter_take_text(&data, &written))
        return false;
    struct ask q = question(s, ASK_RECIPIENT, written);
    asker_answer(s->milter->asker, &q, &found);
    bool refused = found.word == ASK_REJECT || found.word == ASK_DEFER;
    bool discarded = found.word == ASK_DISCARD && discard(s, written);
    if (refused || (found.word == ASK_DISCARD && !discarded)) {
        refuse(s, &found);
        return true;
    }
    if (!discarded)
        keep_recipient(s, written);
    const struct ask_header *tag = ask_tag(&found);
    if (tag)
        keep_header(s, tag);
    return go_on(s, 0);
}

/* name NUL value NUL */
static bool take_header(struct session *s, slice data)
{
    slice name, value;
    if (milter_take_text(&data, &name) && milter_take_text(&data, &value) && slice_eq_ci(name, S("Message-ID")) &&
        slice_empty(s->m.message_id))
        s->m.message_id = arena_dup(&s->m.a, ask_address(value));
    return go_on(s, MILTER_SILENT_HEADER);
}

static bool take_data(struct session *s, slice data)
{
    (void)data;
    return go_on(s, MILTER_SILENT_DATA);
}

static bool take_end_headers(struct session *s, slice data)
{
    (void)data;
    return go_on(s, MILTER_SILENT_END_HEADERS);
}

static bool take_body(struct session *s, slice data)
{
    (void)data;
    return go_on(s, MILTER_SILENT_BODY);
}

static bool take_unknown(struct session *s, slice data)
{
    (void)data;
    return go_on(s, MILTER_SILENT_UNKNOWN);
}

static void ask_message(struct session *s)
{
    struct ask_answer found;
    struct ask q = question(s, ASK_MESSAGE, s->m.kept_count == 1 ? s->m.kept : SLICE_EMPTY);
    asker_answer(s->milter->asker, &q, &found);
    for (size_t i = 0; i < found.header_count; i++)
        keep_header(s, &found.headers[i]);
    if (slice_empty(found.new_sender) || !may(s, MILTER_MAY_CHANGE_FROM))
        return;
    buf *out = out_of(s);
    size_t begun = milter_begin(out, MILTER_CHANGE_FROM);
    buf_addc(out, '<');
    ask_add_text(out, found.new_sender, ASK_MAX_ADDRESS_BYTES);
    buf_add(out, (slice){">", 2}); /* and its NUL */
    milter_end(out, begun);
}

static void add_changes(struct session *s)
{
    const struct message *m = &s->m;
    buf *out = out_of(s);
    for (size_t i = 0; i < m->discarded_count; i++) {
        size_t begun = milter_begin(out, MILTER_DEL_RCPT);
        milter_add_text(out, m->discarded[i]);
        milter_end(out, begun);
    }
    for (size_t i = 0; i < m->header_count; i++) {
        size_t begun = milter_begin(out, MILTER_ADD_HEADER);
        milter_add_text(out, m->headers[i].name);
        ask_add_text(out, slice_trim(m->headers[i].value), ASK_MAX_TEXT_BYTES);
        buf_addc(out, '\0');
        milter_end(out, begun);
    }
}

static bool take_end(struct session *s, slice data)
{
    (void)data;
    s->milter->messages++;
    if (s->m.kept_count == 0 && s->m.discarded_count > 0) {
        milter_add(out_of(s), MILTER_DISCARD);
    } else {
        if (s->milter->asks_message)
            ask_message(s);
        add_changes(s);
        milter_add(out_of(s), MILTER_CONTINUE);
    }
    bool sound = !s->m.a.limited;
    message_reset(&s->m);
    return sound;
}

static bool take_abort(struct session *s, slice data)
{
    (void)data;
    message_reset(&s->m);
    return true;
}

static bool take_quit_new(struct session *s, slice data)
{
    (void)data;
    session_reset(s);
    return true;
}

static bool take_quit(struct session *s, slice data)
{
    (void)data;
    session_reset(s);
    s->quit = true;
    return true;
}

static const struct {
    enum milter_command command;
    bool (*take)(struct session *s, slice data);
} commands[] = {
    {MILTER_RCPT, take_rcpt},
    {MILTER_MACROS, take_macros},
    {MILTER_HEADER, take_header},
    {MILTER_BODY, take_body},
    {MILTER_MAIL, take_mail},
    {MILTER_END, take_end},
    {MILTER_ABORT, take_abort},
    {MILTER_CONNECT, take_connect},
    {MILTER_HELO, take_helo},
    {MILTER_DATA, take_data},
    {MILTER_END_HEADERS, take_end_headers},
    {MILTER_NEGOTIATE, negotiate},
    {MILTER_QUIT_NEW, take_quit_new},
    {MILTER_QUIT, take_quit},
    {MILTER_UNKNOWN, take_unknown},
};

static bool take_command(struct session *s, char command, slice data)
{
    if (!s->agreed && command != MILTER_NEGOTIATE && command != MILTER_QUIT)
        return false;
    for (size_t i = 0; i < ARRAY_LEN(commands); i++)
        if (command == (char)commands[i].command)
            return commands[i].take(s, data) && !s->m.a.limited && !s->a.limited;
    return false;
}

/* ---- the connection ---- */

static void *open_session(void *ctx, struct conn *c)
{
    struct session *s = calloc(1, sizeof *s);
    if (!s)
        return NULL;
    s->milter = ctx;
    (void)c;
    arena_init(&s->a, MILTER_MAX_MEMORY_BYTES);
    arena_init(&s->m.a, MILTER_MAX_MEMORY_BYTES);
    session_reset(s);
    return s;
}

/* A header field or a piece of the body that is longer than we look at: it is passed over as it comes and answered at its end. */
static bool begin_passing(struct session *s, char command, size_t length)
{
    if (!s->agreed || length > MILTER_MAX_PASSED_BYTES || (command != MILTER_HEADER && command != MILTER_BODY))
        return false;
    s->pass = length - 1;
    s->passing = command;
    return true;
}

static void pass_over(struct session *s, slice in, size_t *used)
{
    size_t some = in.n - *used < s->pass ? in.n - *used : s->pass;
    *used += some;
    s->pass -= some;
    if (s->pass == 0)
        (void)take_command(s, s->passing, SLICE_EMPTY);
}

/* One packet at the start of in[*used]. 1: used, 0: more is needed, -1: makes no sense. */
static int take_packet(struct session *s, slice in, size_t *used)
{
    slice rest = slice_from(in, *used);
    if (rest.n < 5)
        return 0;
    size_t length = milter_get_u32(rest.p);
    if (length == 0)
        return -1;
    if (length > MILTER_MAX_PACKET_BYTES) {
        *used += 5;
        return begin_passing(s, rest.p[4], length) ? 1 : -1;
    }
    if (rest.n - 4 < length)
        return 0;
    *used += 4 + length;
    return take_command(s, rest.p[4], slice_sub(rest, 5, length - 1)) ? 1 : -1;
}

static size_t input(void *session, struct conn *c, slice in)
{
    struct session *s = session;
    size_t used = 0;
    int got = 1;
    while (got > 0 && !s->quit) {
        if (s->pass > 0)
            pass_over(s, in, &used);
        got = s->pass > 0 ? 0 : take_packet(s, in, &used);
    }
    asker_flush(s->milter->asker, c);
    if (got < 0)
        asker_sends_away(s->milter->asker, c, "not a packet of the milter protocol");
    else if (s->quit)
        conn_close(c);
    return got < 0 || s->quit ? in.n : used;
}

static void closed(void *session)
{
    struct session *s = session;
    arena_fini(&s->a);
    arena_fini(&s->m.a);
    free(s);
}

const struct protocol milter_protocol = {.name = "milter", .open = open_session, .input = input, .closed = closed};
