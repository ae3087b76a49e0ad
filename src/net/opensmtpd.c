#include "net/opensmtpd.h"

#include <stdlib.h>

#include "base/map.h"

#define MAX_ID_BYTES 32u

struct session {
    char id[MAX_ID_BYTES];
    size_t id_bytes;
    buf client, user, sender;
};

struct opensmtpd {
    struct opensmtpd_options o;
    map sessions;
    bool registered;
};

/* A line, taken apart: "filter|0.6|TIME|smtp-in|rcpt-to|SESSION|TOKEN|PARAMETERS"; a report has no token. */
struct told {
    unsigned version; /* 4 to 7, of 0.4 to 0.7 */
    slice event, session, rest;
};

struct opensmtpd *opensmtpd_new(const struct opensmtpd_options *options)
{
    struct opensmtpd *o = calloc(1, sizeof *o);
    if (o) {
        o->o = *options;
        map_init(&o->sessions, &options->key);
    }
    return o;
}

static void session_free(struct session *s)
{
    if (!s)
        return;
    buf_fini(&s->client);
    buf_fini(&s->user);
    buf_fini(&s->sender);
    free(s);
}

void opensmtpd_free(struct opensmtpd **o)
{
    if (!*o)
        return;
    size_t i = 0;
    for (struct map_slot *slot; (slot = map_next(&(*o)->sessions, &i));)
        session_free(slot->value);
    map_fini(&(*o)->sessions);
    free(*o);
    *o = NULL;
}

size_t opensmtpd_sessions(const struct opensmtpd *o)
{
    return o->sessions.n;
}

/* The session of this id, made when it is not known; NULL when there are too many. */
static struct session *session_put(struct opensmtpd *o, slice id)
{
    struct session *s = map_get(&o->sessions, id);
    if (s || id.n == 0 || id.n > MAX_ID_BYTES || o->sessions.n >= OPENSMTPD_MAX_SESSIONS)
        return s;
    s = calloc(1, sizeof *s);
    if (!s)
        return NULL;
    memcpy(s->id, id.p, id.n);
    s->id_bytes = id.n;
    buf_init(&s->client, ASK_MAX_ADDRESS_BYTES);
    buf_init(&s->user, ASK_MAX_ADDRESS_BYTES);
    buf_init(&s->sender, ASK_MAX_ADDRESS_BYTES);
    void **place = map_put(&o->sessions, slice_of(s->id, s->id_bytes));
    if (!place) {
        session_free(s);
        return NULL;
    }
    *place = s;
    return s;
}

static void set(buf *what, slice text)
{
    buf_clear(what);
    buf_add(what, text);
}

/* "192.0.2.7:4711", "[2001:db8::1]:4711", "unix:/var/run/smtpd.sock", "local": without the port. */
static slice client_of(slice source)
{
    if (slice_starts(source, S("unix:")) || slice_starts(source, S("local")))
        return S("unix");
    if (source.n > 0 && source.p[0] == '[') {
        size_t end = slice_chr(source, ']');
        slice inside = slice_sub(source, 1, end == SLICE_NPOS ? 0 : end - 1);
        return slice_starts_ci(inside, S("IPv6:")) ? slice_from(inside, 5) : inside;
    }
    size_t colon = slice_rchr(source, ':');
    return colon == SLICE_NPOS ? source : slice_sub(source, 0, colon);
}

/* rdns|fcrdns|source|destination */
static void take_connect(struct opensmtpd *o, const struct told *t)
{
    struct session *s = session_put(o, t->session);
    slice rest = t->rest, field = SLICE_EMPTY;
    for (int i = 0; i < 3; i++)
        if (!slice_split(&rest, '|', &field))
            return;
    if (s)
        set(&s->client, client_of(field));
}

static void take_disconnect(struct opensmtpd *o, const struct told *t)
{
    session_free(map_remove(&o->sessions, t->session));
}

/* user|result; since 0.7 result|user. Either may be what it is not: only a "pass" at its place counts. */
static void take_auth(struct opensmtpd *o, const struct told *t)
{
    struct session *s = session_put(o, t->session);
    bool first = t->version >= 7;
    size_t bar = first ? slice_chr(t->rest, '|') : slice_rchr(t->rest, '|');
    if (!s || bar == SLICE_NPOS)
        return;
    slice before = slice_sub(t->rest, 0, bar), behind = slice_from(t->rest, bar + 1);
    if (slice_eq(first ? before : behind, S("pass")))
        set(&s->user, first ? behind : before);
}

/* message|result|sender; before 0.6 message|sender|result */
static void take_mail(struct opensmtpd *o, const struct told *t)
{
    struct session *s = session_put(o, t->session);
    slice rest = t->rest, message, result;
    if (!s || !slice_split(&rest, '|', &message) || !rest.p)
        return;
    size_t bar = t->version >= 6 ? slice_chr(rest, '|') : slice_rchr(rest, '|');
    if (bar == SLICE_NPOS)
        return;
    result = t->version >= 6 ? slice_sub(rest, 0, bar) : slice_from(rest, bar + 1);
    if (slice_eq(result, S("ok")))
        set(&s->sender, ask_address(t->version >= 6 ? slice_from(rest, bar + 1) : slice_sub(rest, 0, bar)));
}

static const struct {
    slice event;
    void (*take)(struct opensmtpd *o, const struct told *t);
} reports[] = {
    {SLICE_INIT("link-connect"), take_connect},
    {SLICE_INIT("link-auth"), take_auth},
    {SLICE_INIT("tx-mail"), take_mail},
    {SLICE_INIT("link-disconnect"), take_disconnect},
};

static void take_report(struct opensmtpd *o, const struct told *t)
{
    for (size_t i = 0; i < ARRAY_LEN(reports); i++)
        if (slice_eq(t->event, reports[i].event))
            reports[i].take(o, t);
}

/* "<a@b> NOTIFY=NEVER", "a@b". What stands in brackets may hold blanks. */
static slice recipient_of(slice parameter)
{
    parameter = slice_trim(parameter);
    if (parameter.n > 0 && parameter.p[0] == '<') {
        size_t end = slice_rchr(parameter, '>');
        return end == SLICE_NPOS ? SLICE_EMPTY : slice_sub(parameter, 1, end - 1);
    }
    return parameter;
}

static void ask_about(struct opensmtpd *o, slice session, slice recipient, struct ask_answer *found)
{
    const struct session *s = map_get(&o->sessions, session);
    struct ask q = ask_blank(ASK_RECIPIENT);
    q.tells = ASK_TELLS_CLIENT | (s ? ASK_TELLS_SENDER : 0u);
    q.recipient = recipient;
    if (s) {
        q.client_address = buf_slice(&s->client);
        q.sasl_user = buf_slice(&s->user);
        q.sender = buf_slice(&s->sender);
    }
    asker_answer(o->o.asker, &q, found);
}

static void add_verdict(struct opensmtpd *o, const struct ask_answer *a)
{
    buf *out = &o->o.asker->out;
    if (a->word == ASK_DISCARD && !slice_empty(o->o.discard_to)) {
        buf_adds(out, "rewrite|");
        ask_add_text(out, o->o.discard_to, ASK_MAX_ADDRESS_BYTES);
    } else if (a->word == ASK_SEND || a->word == ASK_TAG) {
        buf_adds(out, "proceed");
    } else {
        buf_adds(out, "reject|");
        ask_add_reply(out, a);
    }
    buf_addc(out, '\n');
}

/* Before version 0.5 the answer had token and session the other way round. */
static void answer(struct opensmtpd *o, const struct told *t)
{
    slice rest = t->rest, token;
    struct ask_answer found = ask_answer_blank();
    buf *out = &o->o.asker->out;
    if (!slice_split(&rest, '|', &token))
        return;
    if (slice_eq(t->event, S("rcpt-to")) && rest.p)
        ask_about(o, t->session, recipient_of(rest), &found);
    buf_adds(out, "filter-result|");
    buf_add(out, t->version >= 5 ? t->session : token);
    buf_addc(out, '|');
    buf_add(out, t->version >= 5 ? token : t->session);
    buf_addc(out, '|');
    add_verdict(o, &found);
}

static void register_all(struct opensmtpd *o)
{
    buf *out = &o->o.asker->out;
    for (size_t i = 0; i < ARRAY_LEN(reports); i++) {
        buf_adds(out, "register|report|smtp-in|");
        buf_add(out, reports[i].event);
        buf_addc(out, '\n');
    }
    buf_adds(out, "register|filter|smtp-in|rcpt-to\nregister|ready\n");
    o->registered = true;
}

/* VERSION|TIME|smtp-in|EVENT|SESSION|rest */
static bool take_apart(slice line, struct told *t)
{
    slice field[5];
    uint64_t minor;
    for (size_t i = 0; i < ARRAY_LEN(field); i++)
        if (!slice_split(&line, '|', &field[i]))
            return false;
    if (!slice_starts(field[0], S("0.")) || !slice_u64(slice_from(field[0], 2), &minor) || minor < 4 || minor > 99)
        return false;
    *t = (struct told){(unsigned)minor, field[3], field[4], line.p ? line : SLICE_EMPTY};
    return slice_eq(field[2], S("smtp-in")) || slice_eq(field[2], S("smtp-out"));
}

bool opensmtpd_line(struct opensmtpd *o, slice line)
{
    slice kind;
    struct told t;
    if (line.n > OPENSMTPD_MAX_LINE_BYTES || !slice_split(&line, '|', &kind) || !line.p)
        return false;
    if (slice_eq(kind, S("config"))) {
        if (slice_eq(line, S("ready")) && !o->registered)
            register_all(o);
        return true;
    }
    if (!o->registered || !take_apart(line, &t))
        return false;
    if (slice_eq(kind, S("report")))
        take_report(o, &t);
    else if (slice_eq(kind, S("filter")))
        answer(o, &t);
    else
        return false;
    return true;
}
