#include "net/smtp_session.h"

#include "base/text.h"

static const slice no_memory = SLICE_INIT("452 4.3.1 no memory, come again later");
static const slice no_argument = SLICE_INIT("501 5.5.4 this command takes no argument");

/* ---- EHLO, LHLO, HELO ---- */

static bool take_name(struct smtp_session *s, slice args)
{
    slice name;
    if (!slice_word(&args, &name) || name.n > SMTP_MAX_NAME_BYTES || !text_safe(name))
        return false;
    memcpy(s->helo, name.p, name.n);
    s->helo[name.n] = '\0';
    return true;
}

/* A mail that was begun is dropped (RFC 5321 4.1.4). */
static bool hello(struct smtp_session *s, slice args, bool extended)
{
    if (!take_name(s, args)) {
        smtp_error(s, S("501 5.5.4 a name of your host is needed"));
        return false;
    }
    smtp_mail_drop(s);
    s->greeted = true;
    s->extended = extended;
    return true;
}

static void run_ehlo(struct smtp_session *s, slice args)
{
    if (!hello(s, args, true))
        return;
    buf_add(&s->out, s->server->ehlo);
    if (conn_can_starttls(s->conn))
        buf_adds(&s->out, "250-STARTTLS\r\n");
    smtp_reply(s, S("250 CHUNKING"));
}

static void run_helo(struct smtp_session *s, slice args)
{
    if (hello(s, args, false))
        buf_printf(&s->out, "250 %.*s\r\n", SLICE_FMT(s->server->o.hostname));
}

/* ---- the envelope ---- */

/* Takes "FROM:" or "TO:" off. */
static bool take_word(slice *args, slice word)
{
    if (!slice_starts_ci(*args, word))
        return false;
    *args = slice_from(*args, word.n);
    return true;
}

/* RFC 6531 3.5; RFC 1870 6.1. */
static slice refuse_sender(const struct smtp_session *s, const struct smtp_path *path, const struct smtp_params *p)
{
    if (path->utf8 && !p->utf8)
        return S("553 5.6.7 that address needs SMTPUTF8");
    if (p->size > s->server->o.max_message_bytes)
        return S("552 5.3.4 that mail is too large");
    return SLICE_EMPTY;
}

static void begin_mail(struct smtp_session *s, const struct smtp_path *path)
{
    struct smtp_mail *m = smtp_mail_new(s);
    if (!m) {
        smtp_reply(s, no_memory);
        return;
    }
    slice refusal = smtp_mail_params(path->rest, &m->a, &m->params);
    if (slice_empty(refusal))
        refusal = refuse_sender(s, path, &m->params);
    m->sender = arena_dup(&m->a, path->address);
    m->params.envid = arena_dup(&m->a, m->params.envid);
    if (slice_empty(refusal) && m->a.limited)
        refusal = no_memory;
    if (!slice_empty(refusal)) {
        smtp_mail_drop(s);
        smtp_error(s, refusal);
    } else {
        smtp_reply(s, S("250 2.1.0 ok"));
    }
}

static void run_mail(struct smtp_session *s, slice args)
{
    struct smtp_path path;
    if (s->mail) {
        smtp_error(s, S("503 5.5.1 a mail was begun already"));
    } else if (s->server->draining) {
        smtp_hang_up(s, S("421 4.3.2 going down, come again later"));
    } else if (!take_word(&args, S("FROM:")) || !smtp_path_parse(args, &path)) {
        smtp_error(s, S("501 5.1.7 MAIL FROM:<address> is needed"));
    } else if (!smtp_may_mail(s)) {
        smtp_hang_up(s, S("421 4.7.0 too many mails from your address, come again later"));
    } else {
        begin_mail(s, &path);
    }
}

/* A place for one more; NULL when memory is refused. */
static struct smtp_recipient *next_recipient(struct smtp_mail *m)
{
    struct smtp_recipient *list =
        arena_grow(&m->a, m->recipients, m->recipient_count, &m->recipient_room, sizeof(*list));
    if (!list)
        return NULL;
    m->recipients = list;
    return &list[m->recipient_count];
}

/* Fills *r; returns the refusal, or what the owner says. */
static slice add_recipient(struct smtp_session *s, const struct smtp_path *path)
{
    struct smtp_mail *m = s->mail;
    struct smtp_params p;
    slice refusal = smtp_rcpt_params(path->rest, &m->a, &p);
    struct smtp_recipient *r = slice_empty(refusal) ? next_recipient(m) : NULL;
    if (!slice_empty(refusal))
        return refusal;
    if (path->utf8 && !m->params.utf8)
        return S("553 5.6.7 that address needs SMTPUTF8");
    if (!r)
        return no_memory;
    slice address = arena_dup(&m->a, path->address);
    *r = (struct smtp_recipient){
        .address = address,
        .domain = slice_from(address, address.n - path->domain.n),
        .notify = p.notify,
        .orcpt_type = arena_dup(&m->a, p.orcpt_type),
        .orcpt = p.orcpt,
        .answer = SLICE_EMPTY,
    };
    return m->a.limited ? no_memory : s->server->o.hooks.recipient(s->server->o.ctx, m, r);
}

static void run_rcpt(struct smtp_session *s, slice args)
{
    struct smtp_path path;
    if (!s->mail) {
        smtp_error(s, S("503 5.5.1 MAIL comes first"));
        return;
    }
    if (!take_word(&args, S("TO:")) || !smtp_path_parse(args, &path) || slice_empty(path.address)) {
        smtp_error(s, S("501 5.1.3 RCPT TO:<address> is needed"));
        return;
    }
    bool too_many = s->mail->recipient_count >= s->server->o.max_recipients;
    slice reply = too_many ? S("452 4.5.3 too many recipients") : add_recipient(s, &path);
    if (slice_starts(reply, S("2"))) {
        s->mail->recipient_count++;
        s->server->counts.recipients++;
        smtp_reply(s, reply);
        return;
    }
    s->server->counts.recipients_refused++;
    if (too_many) /* a client may find the limit so (RFC 5321 4.5.3.1.10) */
        smtp_reply(s, reply);
    else
        smtp_error(s, reply);
}

/* ---- the content ---- */

static const slice no_recipients = SLICE_INIT("503 5.5.1 no recipient was accepted");

static void run_data(struct smtp_session *s, slice args)
{
    (void)args;
    if (!s->mail || !s->mail->recipient_count)
        smtp_error(s, no_recipients);
    else if (s->chunks) /* RFC 3030 2 */
        smtp_error(s, S("503 5.5.1 this mail comes with BDAT"));
    else
        smtp_begin_data(s);
}

/* Without a size nobody knows where the next command begins. */
static void run_bdat(struct smtp_session *s, slice args)
{
    slice number, word;
    uint64_t size;
    if (!slice_word(&args, &number) || number.n > 20 || !slice_u64(number, &size)) {
        smtp_hang_up(s, S("501 5.5.4 BDAT needs a size, closing"));
        return;
    }
    bool more = slice_word(&args, &word);
    if (more && (!slice_eq_ci(word, S("LAST")) || slice_word(&args, &word))) {
        smtp_hang_up(s, S("501 5.5.4 BDAT size [LAST], closing"));
        return;
    }
    bool open = s->mail && s->mail->recipient_count;
    smtp_begin_chunk(s, size, more, open ? SLICE_EMPTY : no_recipients);
}

/* ---- the rest ---- */

static void run_rset(struct smtp_session *s, slice args)
{
    (void)args;
    smtp_mail_drop(s);
    smtp_reply(s, S("250 2.0.0 ok"));
}

static void run_noop(struct smtp_session *s, slice args)
{
    (void)args;
    smtp_reply(s, S("250 2.0.0 ok"));
}

/* Nobody learns here who exists (RFC 5321 7.3). */
static void run_vrfy(struct smtp_session *s, slice args)
{
    (void)args;
    smtp_reply(s, S("252 2.0.0 send a mail and see"));
}

static void run_help(struct smtp_session *s, slice args)
{
    (void)args;
    smtp_reply(s, S("214 2.0.0 RFC 5321"));
}

static void run_quit(struct smtp_session *s, slice args)
{
    (void)args;
    smtp_hang_up(s, S("221 2.0.0 bye"));
}

static void run_starttls(struct smtp_session *s, slice args)
{
    (void)args;
    if (s->tls) {
        smtp_error(s, S("503 5.5.1 TLS is there already"));
        return;
    }
    if (!conn_can_starttls(s->conn)) {
        smtp_error(s, S("502 5.5.1 no TLS here"));
        return;
    }
    smtp_reply(s, S("220 2.0.0 go ahead"));
    smtp_flush(s);
    s->state = SMTP_TLS;
    conn_starttls(s->conn);
}

static void run_unsupported(struct smtp_session *s, slice args)
{
    (void)args;
    smtp_error(s, S("502 5.5.1 not here"));
}

/* A page that posts to this port, or a client that mistook it, speaks on whatever we say: not with us. */
static void run_foreign(struct smtp_session *s, slice args)
{
    (void)args;
    s->server->counts.foreign++;
    smtp_hang_up(s, S("421 4.7.0 this is no port for that protocol, closing"));
}

enum verb_flag {
    VERB_GREETED = 1, /* not before EHLO */
    VERB_PLAIN = 2,   /* no argument */
    VERB_LAST = 4,    /* nothing may come behind it before it was answered (RFC 2920 3.1) */
    VERB_IDLE = 8,    /* brings no mail */
    VERB_SMTP = 16,   /* not in LMTP */
    VERB_LMTP = 32    /* not in SMTP */
};

struct verb {
    slice word;
    void (*run)(struct smtp_session *s, slice args);
    unsigned flags;
};

static const struct verb verbs[] = {
#define VERB(word, run, flags) {SLICE_INIT(word), run, flags},
#include "net/smtp_verbs.def"
#undef VERB
};

static const struct verb *find_verb(slice word, bool lmtp)
{
    for (size_t i = 0; i < ARRAY_LEN(verbs); i++) {
        bool other = verbs[i].flags & (lmtp ? VERB_SMTP : VERB_LMTP);
        if (!other && slice_eq_ci(word, verbs[i].word))
            return &verbs[i];
    }
    return NULL;
}

/* False when the command must not run now; it was answered then. */
static bool may_run(struct smtp_session *s, const struct verb *v, slice args)
{
    if ((v->flags & VERB_LAST) && s->behind.n) {
        s->server->counts.impatient++;
        smtp_hang_up(s, S("554 5.5.0 wait for the answer, closing"));
        return false;
    }
    if ((v->flags & VERB_IDLE) && ++s->idle_commands > SMTP_MAX_IDLE_COMMANDS) {
        smtp_error(s, S("450 4.7.0 too many commands without a mail"));
        return false;
    }
    if ((v->flags & VERB_GREETED) && !s->greeted) {
        smtp_error(s, s->server->o.lmtp ? S("503 5.5.1 LHLO comes first") : S("503 5.5.1 EHLO comes first"));
        return false;
    }
    if ((v->flags & VERB_PLAIN) && args.n) {
        smtp_error(s, no_argument);
        return false;
    }
    return true;
}

void smtp_command(struct smtp_session *s, slice line)
{
    slice args = line, word;
    if (!slice_word(&args, &word)) {
        smtp_error(s, S("500 5.5.2 an empty line is no command"));
        return;
    }
    const struct verb *v = find_verb(word, s->server->o.lmtp);
    args = slice_trim(args);
    if (!v)
        smtp_error(s, S("500 5.5.1 no such command"));
    else if (may_run(s, v, args))
        v->run(s, args);
}
