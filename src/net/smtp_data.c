#include <stdlib.h>

#include "net/smtp_session.h"

/* ---- the mail under way ---- */

struct smtp_mail *smtp_mail_new(struct smtp_session *s)
{
    struct smtp_mail *m = calloc(1, sizeof(*m));
    if (!m)
        return NULL;
    arena_init(&m->a, SMTP_MAX_ENVELOPE_BYTES);
    buf_init(&m->content, s->server->o.max_message_bytes);
    m->session = s;
    m->peer = arena_dup(&m->a, conn_peer(s->conn)->name);
    m->helo = arena_dup(&m->a, slice_str(s->helo));
    m->tls = s->tls;
    m->extended = s->extended;
    m->sender = SLICE_EMPTY;
    s->mail = m;
    s->chunks = false;
    s->refusal = SLICE_EMPTY;
    return m;
}

void smtp_mail_drop(struct smtp_session *s)
{
    struct smtp_mail *m = s->mail;
    s->server->counts.held_bytes -= s->held;
    s->held = 0;
    s->mail = NULL;
    s->chunks = false;
    s->refusal = SLICE_EMPTY;
    if (!m)
        return;
    buf_fini(&m->content);
    arena_fini(&m->a);
    free(m);
}

/* ---- answers ---- */

static void count_answer(struct smtp_counts *n, slice reply, bool *accepted)
{
    bool good = slice_starts(reply, S("2"));
    if (good && !*accepted)
        n->accepted++;
    *accepted |= good;
    n->postponed += slice_starts(reply, S("4"));
    n->refused += slice_starts(reply, S("5"));
}

/* One for the mail, or in LMTP one for each recipient (RFC 2033 4.2). True when somebody's was 250. */
static bool answer_all(struct smtp_session *s, const struct smtp_mail *m, slice reply)
{
    bool accepted = false;
    size_t n = s->server->o.lmtp ? m->recipient_count : 1;
    for (size_t i = 0; i < n; i++) {
        slice own = s->server->o.lmtp ? m->recipients[i].answer : SLICE_EMPTY;
        slice text = slice_empty(own) ? reply : own;
        count_answer(&s->server->counts, text, &accepted);
        if (s->conn)
            smtp_reply(s, text);
    }
    return accepted;
}

void smtp_answer(struct smtp_mail *m, slice reply)
{
    struct smtp_session *s = m->session;
    MUST(s->state == SMTP_ANSWER && s->mail == m);
    if (answer_all(s, m, reply))
        s->errors = 0;
    s->idle_commands = 0;
    s->server->counts.waiting--;
    smtp_mail_drop(s);
    s->state = SMTP_COMMAND;
    if (!s->conn) {
        smtp_session_free(s);
        return;
    }
    if (s->server->draining)
        smtp_hang_up(s, S("421 4.3.2 going down, come again later"));
    if (!s->paused)
        return; /* inside of hooks.message */
    s->paused = false;
    if (s->eof)
        s->state = SMTP_OVER;
    conn_resume(s->conn);
    smtp_flush(s);
}

static void hand_over(struct smtp_session *s)
{
    struct smtp_server *v = s->server;
    v->counts.mails++;
    v->counts.waiting++;
    s->state = SMTP_ANSWER;
    s->mail->bare = s->content.bare;
    v->o.hooks.message(v->o.ctx, s->mail);
    if (s->state != SMTP_ANSWER)
        return;
    s->paused = true;
    conn_pause(s->conn);
}

/* ---- content ---- */

/* Each block has its time, and all of them together have theirs: a peer cannot hold a mail open byte by byte. */
static void begin_content(struct smtp_session *s, bool dots)
{
    smtp_content_init(&s->content, dots);
    conn_deadline(s->conn, s->server->o.content_us);
}

/* The clocks of commands. */
static void end_content(struct smtp_session *s)
{
    conn_deadline(s->conn, 0);
    conn_idle(s->conn, s->server->o.command_us);
    s->state = SMTP_COMMAND;
}

void smtp_begin_data(struct smtp_session *s)
{
    begin_content(s, true);
    s->state = SMTP_DATA;
    conn_idle(s->conn, s->server->o.data_us);
    smtp_reply(s, S("354 end with CR LF . CR LF"));
}

/* What the content is answered with when its owner is not asked. */
static slice refuse_content(const struct smtp_session *s)
{
    if (!slice_empty(s->refusal))
        return s->refusal;
    if (s->content.bare && s->server->o.strict)
        return S("550 5.5.2 a bare LF or CR in the mail");
    return SLICE_EMPTY;
}

static void end_mail(struct smtp_session *s)
{
    slice refusal = refuse_content(s);
    s->server->counts.bare += s->content.bare;
    s->server->counts.bytes += s->content.seen;
    end_content(s);
    if (slice_empty(refusal)) {
        hand_over(s);
        return;
    }
    answer_all(s, s->mail, refusal);
    smtp_mail_drop(s);
}

static void end_chunk(struct smtp_session *s)
{
    if (s->mail && s->chunk_last) {
        smtp_content_end(&s->content, &s->mail->content);
        end_mail(s);
        return;
    }
    end_content(s);
    if (!slice_empty(s->refusal))
        smtp_error(s, s->refusal);
    else
        smtp_reply(s, S("250 2.0.0 go on"));
    if (!s->mail || !s->mail->recipient_count)
        s->refusal = SLICE_EMPTY;
}

void smtp_begin_chunk(struct smtp_session *s, uint64_t size, bool last, slice refusal)
{
    if (!s->chunks)
        begin_content(s, false);
    else
        conn_deadline(s->conn, s->server->o.content_us);
    s->chunks = slice_empty(refusal);
    s->chunk_left = size;
    s->chunk_last = last && s->chunks;
    if (!slice_empty(refusal))
        s->refusal = refusal;
    s->state = SMTP_CHUNK;
    conn_idle(s->conn, s->server->o.data_us);
    if (size > s->server->o.max_message_bytes + SMTP_MAX_EXCESS_BYTES)
        smtp_hang_up(s, S("552 5.3.4 that chunk is too large, closing"));
    else if (size == 0)
        end_chunk(s);
}

/* Content over a cap is not kept; all servers' mails share one. */
static void account(struct smtp_session *s)
{
    struct smtp_counts *n = &s->server->counts;
    size_t held = s->mail->content.n;
    n->held_bytes = n->held_bytes - s->held + held;
    s->held = held;
    if (s->content.no_memory && slice_empty(s->refusal)) {
        s->refusal = S("452 4.3.1 no memory, come again later");
    } else if (s->content.dropped && slice_empty(s->refusal)) {
        n->too_large++;
        s->refusal = S("552 5.3.4 the mail is too large");
    }
    if (n->held_bytes > s->server->o.max_held_bytes && slice_empty(s->refusal)) {
        s->refusal = S("452 4.3.1 too many mails at once, come again later");
        s->content.dropped = true;
        buf_fini(&s->mail->content);
        n->held_bytes -= s->held;
        s->held = 0;
    }
}

static size_t take_data(struct smtp_session *s, slice in)
{
    size_t used = smtp_content_take(&s->content, in, &s->mail->content);
    account(s);
    if (s->content.ended)
        end_mail(s);
    return used;
}

static size_t take_chunk(struct smtp_session *s, slice in)
{
    slice piece = slice_sub(in, 0, s->chunk_left < in.n ? (size_t)s->chunk_left : in.n);
    s->chunk_left -= piece.n;
    if (s->mail && s->chunks) {
        (void)smtp_content_take(&s->content, piece, &s->mail->content);
        account(s);
    }
    if (!s->chunk_left)
        end_chunk(s);
    return piece.n;
}

size_t smtp_take_content(struct smtp_session *s, slice in)
{
    const struct smtp_options *o = &s->server->o;
    size_t used = s->state == SMTP_DATA ? take_data(s, in) : take_chunk(s, in);
    if (s->content.seen > o->max_message_bytes + SMTP_MAX_EXCESS_BYTES &&
        (s->state == SMTP_DATA || s->state == SMTP_CHUNK))
        smtp_hang_up(s, S("552 5.3.4 the mail is too large, closing"));
    return used;
}
