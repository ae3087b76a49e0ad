#include <stdlib.h>

#include "base/time.h"
#include "net/smtp_session.h"

/* ---- replies ---- */

void smtp_reply(struct smtp_session *s, slice text)
{
    buf_add(&s->out, text);
    buf_adds(&s->out, "\r\n");
}

void smtp_hang_up(struct smtp_session *s, slice text)
{
    if (s->state == SMTP_OVER)
        return;
    smtp_reply(s, text);
    s->state = SMTP_OVER;
}

void smtp_error(struct smtp_session *s, slice text)
{
    s->server->counts.errors++;
    if (++s->errors <= s->server->o.max_errors) {
        smtp_reply(s, text);
        return;
    }
    s->server->counts.too_many_errors++;
    smtp_hang_up(s, S("421 4.7.0 too many errors, closing"));
}

void smtp_flush(struct smtp_session *s)
{
    bool over = s->state == SMTP_OVER;
    struct conn *c = s->conn;
    if (s->out.n)
        conn_write(c, buf_slice(&s->out));
    bool lost = s->out.failed; /* a reply that is missing would shift all that follow */
    buf_clear(&s->out);
    if (lost)
        conn_abort(c);
    else if (over)
        conn_close(c);
}

/* ---- a session ---- */

static bool limited_by_rate(const struct smtp_session *s)
{
    const struct conn_peer *p = conn_peer(s->conn);
    return !p->unix_socket && (!p->loopback || s->server->o.rate_loopback);
}

/* Takes a token of the peer, where its rate is limited at all. */
static bool within(struct smtp_session *s, struct peer_rate *rate)
{
    struct smtp_server *v = s->server;
    if (!limited_by_rate(s) || peer_rate_take(rate, conn_peer(s->conn)->address, v->o.now_us()))
        return true;
    v->counts.too_often++;
    return false;
}

bool smtp_may_mail(struct smtp_session *s)
{
    return within(s, s->server->mails);
}

static void greet(struct smtp_session *s)
{
    const struct smtp_server *v = s->server;
    if (!within(s, s->server->connects)) {
        smtp_hang_up(s, S("421 4.7.0 too many connections from your address, come again later"));
        return;
    }
    if (v->draining) {
        smtp_hang_up(s, S("421 4.3.2 going down, come again later"));
        return;
    }
    buf_printf(&s->out, "220 %.*s %s ready\r\n", SLICE_FMT(v->o.hostname), v->o.lmtp ? "LMTP" : "ESMTP");
}

static void *on_open(void *ctx, struct conn *c)
{
    struct smtp_server *v = ctx;
    struct smtp_session *s = calloc(1, sizeof(*s));
    if (!s)
        return NULL;
    s->server = v;
    s->conn = c;
    s->tls = conn_peer(c)->tls;
    s->refusal = s->behind = SLICE_EMPTY;
    buf_init(&s->out, 0);
    s->next = v->first;
    if (v->first)
        v->first->before = s;
    v->first = s;
    v->counts.connections++;
    v->counts.sessions++;
    conn_idle(c, v->o.command_us);
    greet(s);
    smtp_flush(s);
    return s;
}

void smtp_session_free(struct smtp_session *s)
{
    struct smtp_server *v = s->server;
    if (s->next)
        s->next->before = s->before;
    if (s->before)
        s->before->next = s->next;
    else
        v->first = s->next;
    v->counts.sessions--;
    smtp_mail_drop(s);
    buf_fini(&s->out);
    free(s);
}

static void on_closed(void *session)
{
    struct smtp_session *s = session;
    s->conn = NULL;
    if (s->state != SMTP_ANSWER)
        smtp_session_free(s);
}

static void on_eof(void *session, struct conn *c)
{
    struct smtp_session *s = session;
    s->eof = true;
    if (s->state != SMTP_ANSWER)
        conn_close(c);
}

static void on_timeout(void *session, struct conn *c)
{
    struct smtp_session *s = session;
    (void)c;
    s->server->counts.timeouts++;
    smtp_hang_up(s, S("421 4.4.2 too slow, closing"));
    smtp_flush(s);
}

/* What was said in clear is forgotten (RFC 3207 4.2). */
static void on_secured(void *session, struct conn *c)
{
    struct smtp_session *s = session;
    (void)c;
    s->server->counts.secured++;
    smtp_mail_drop(s);
    s->state = SMTP_COMMAND;
    s->tls = true;
    s->greeted = s->extended = false;
    s->helo[0] = '\0';
}

/* ---- framing ---- */

/* TLS spoken in clear, and whatever else is not even text. */
static bool is_foreign(slice in)
{
    return !ascii_alpha(in.p[0]) && in.p[0] != '\r' && in.p[0] != ' ';
}

static size_t too_long(struct smtp_session *s)
{
    s->state = SMTP_DROP;
    s->dropped = 0;
    smtp_error(s, S("500 5.5.2 the line is too long"));
    return 0;
}

static size_t take_line(struct smtp_session *s, slice in)
{
    if (!s->spoken && is_foreign(in)) {
        s->server->counts.foreign++;
        smtp_hang_up(s, S("421 4.7.0 this is no port for that protocol, closing"));
        return in.n;
    }
    s->spoken = true;
    size_t n = slice_find(slice_sub(in, 0, SMTP_MAX_LINE_BYTES + 2), S("\r\n"));
    if (n == SLICE_NPOS)
        return in.n >= SMTP_MAX_LINE_BYTES + 2 ? too_long(s) : 0;
    slice line = slice_sub(in, 0, n);
    s->behind = slice_from(in, n + 2);
    if (slice_line_end(line) < line.n || slice_chr(line, '\0') != SLICE_NPOS)
        smtp_error(s, S("500 5.5.2 a bare LF, CR or NUL in a command"));
    else
        smtp_command(s, line);
    return n + 2;
}

/* A CR at the end may belong to the next LF, and stays. */
static size_t take_dropped(struct smtp_session *s, slice in)
{
    size_t n = slice_find(in, S("\r\n"));
    size_t used = n != SLICE_NPOS ? n + 2 : in.n - (in.p[in.n - 1] == '\r');
    s->dropped += used;
    if (n != SLICE_NPOS)
        s->state = SMTP_COMMAND;
    else if (s->dropped > SMTP_MAX_DROPPED_BYTES)
        smtp_hang_up(s, S("421 4.7.0 that line has no end, closing"));
    return used;
}

static size_t take(struct smtp_session *s, slice in)
{
    switch (s->state) {
    case SMTP_COMMAND:
        return take_line(s, in);
    case SMTP_DROP:
        return take_dropped(s, in);
    case SMTP_DATA:
    case SMTP_CHUNK:
        return smtp_take_content(s, in);
    case SMTP_ANSWER:
        return 0;
    case SMTP_TLS:
    case SMTP_OVER:
        return in.n;
    }
    return in.n;
}

static size_t on_input(void *session, struct conn *c, slice in)
{
    struct smtp_session *s = session;
    size_t used = 0;
    (void)c;
    while (used < in.n) {
        enum smtp_state before = s->state;
        size_t n = take(s, slice_from(in, used));
        used += n;
        if (!n && s->state == before)
            break; /* needs more */
    }
    s->behind = SLICE_EMPTY;
    smtp_flush(s);
    return used;
}

static const struct protocol smtp = {
    .name = "smtp",
    .open = on_open,
    .input = on_input,
    .eof = on_eof,
    .timeout = on_timeout,
    .secured = on_secured,
    .closed = on_closed,
};
static const struct protocol lmtp = {
    .name = "lmtp",
    .open = on_open,
    .input = on_input,
    .eof = on_eof,
    .timeout = on_timeout,
    .secured = on_secured,
    .closed = on_closed,
};

/* ---- the server ---- */

static void set_defaults(struct smtp_options *o)
{
    o->max_message_bytes = o->max_message_bytes ? o->max_message_bytes : 50u * 1024 * 1024;
    o->max_held_bytes = o->max_held_bytes ? o->max_held_bytes : 256u * 1024 * 1024;
    o->max_recipients = o->max_recipients ? o->max_recipients : 100;
    o->max_errors = o->max_errors ? o->max_errors : 20;
    o->command_us = o->command_us ? o->command_us : 5 * TIME_MINUTE;
    o->data_us = o->data_us ? o->data_us : 3 * TIME_MINUTE;
    o->content_us = o->content_us ? o->content_us : 10 * TIME_MINUTE;
}

enum status smtp_server_new(const struct smtp_options *o, struct smtp_server **out, err *e)
{
    struct smtp_server *v = calloc(1, sizeof(*v));
    *out = NULL;
    if (!v)
        return err_set(e, E_MEMORY, "no memory for a mail server");
    v->o = *o;
    MUST(v->o.now_us && v->o.hooks.recipient && v->o.hooks.message);
    set_defaults(&v->o);
    arena_init(&v->a, 0);
    v->o.hostname = arena_dup(&v->a, o->hostname);
    v->ehlo = arena_printf(&v->a,
                           "250-%.*s\r\n250-PIPELINING\r\n250-SIZE %zu\r\n250-8BITMIME\r\n250-SMTPUTF8\r\n"
                           "250-ENHANCEDSTATUSCODES\r\n250-DSN\r\n",
                           SLICE_FMT(v->o.hostname), v->o.max_message_bytes);
    v->connects = peer_rate_new(o->max_connects, &o->key);
    v->mails = peer_rate_new(o->max_mails, &o->key);
    if (v->a.limited || !v->connects || !v->mails) {
        smtp_server_free(&v);
        return err_set(e, E_MEMORY, "no memory for a mail server");
    }
    *out = v;
    return OK;
}

void smtp_server_free(struct smtp_server **s)
{
    struct smtp_server *v = *s;
    *s = NULL;
    if (!v)
        return;
    MUST(!v->first);
    peer_rate_free(&v->connects);
    peer_rate_free(&v->mails);
    arena_fini(&v->a);
    free(v);
}

const struct protocol *smtp_server_protocol(const struct smtp_server *s)
{
    return s->o.lmtp ? &lmtp : &smtp;
}

const struct smtp_counts *smtp_server_counts(const struct smtp_server *s)
{
    return &s->counts;
}

void smtp_server_drain(struct smtp_server *v)
{
    v->draining = true;
    for (struct smtp_session *s = v->first, *next; s; s = next) {
        next = s->next;
        if (s->state != SMTP_COMMAND || s->mail || !s->conn)
            continue;
        smtp_hang_up(s, S("421 4.3.2 going down, come again later"));
        smtp_flush(s);
    }
}

bool smtp_server_busy(const struct smtp_server *v)
{
    for (const struct smtp_session *s = v->first; s; s = s->next)
        if (s->mail || s->state == SMTP_ANSWER || (s->conn && conn_unsent(s->conn)))
            return true;
    return false;
}
