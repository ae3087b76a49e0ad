/* Bounces and complaints by SMTP and LMTP: the roles of the sections [smtp NAME] and [lmtp NAME].
 *
 * A mail is answered with 250 when what it told is durable: its reports in the ledger, or itself in the folder of [aside]. It is
 * never sent back. When the disk is full or the writer behind, its server keeps it and comes again (451, 452).
 */
#include <stdio.h>
#include <stdlib.h>
#include <sys/random.h>
#include <unistd.h>

#include "net/smtp_server.h"
#include "net/tls.h"
#include "serve/accepted.h"
#include "serve/certificate.h"
#include "serve/clock.h"
#include "serve/mail_source.h"
#include "serve/roles.h"

/* Both sections have the same rows in the same order (conf_inbox.def), and so the same struct. */
typedef struct conf_smtp conf_inbox;
_Static_assert(sizeof(struct conf_smtp) == sizeof(struct conf_lmtp), "[smtp] and [lmtp] have other settings");

enum { TLS_NO, TLS_STARTTLS, TLS_ALWAYS }; /* the words of tls */

struct inbox {
    struct daemon *d;
    const struct section *section; /* that it was opened with */
    arena a;
    struct accepted *accepted;
    struct mail_source source;
    struct smtp_server *server;
    struct listener *listener;
    size_t under_way; /* mails that workers and the writer have */
    bool closed;      /* the last of them frees it */
    uint64_t reports, aside, looped;
    uint64_t failed[E_ACCESS + 1]; /* mails, by status */
    enum status state;             /* of the last mail */
};

/* One mail that was handed over, in the memory of its envelope. */
struct arrival {
    struct mail mail; /* first: the mail is the arrival */
    struct inbox *inbox;
    struct smtp_mail *smtp;
};

static const conf_inbox *conf(const struct section *section)
{
    return section->values;
}

/* ---- a mail ---- */

static slice reply_of(const struct mail *m)
{
    switch (m->fate) {
    case MAIL_COMMITTED:
        return S("250 2.0.0 taken");
    case MAIL_ASIDE:
        return S("250 2.0.0 kept for a person");
    case MAIL_LOOPED:
        return S("554 5.4.6 too many hops");
    case MAIL_FAILED:
        break;
    }
    if (m->status == E_FULL || m->status == E_MEMORY)
        return S("452 4.3.1 no room, come again later");
    return S("451 4.3.0 come again later");
}

/* A trouble is told when it begins, changes and ends: mails come by the thousand. */
static void tell(struct inbox *b, const struct mail *m)
{
    struct log_quoted text;
    if (m->status == b->state)
        return;
    b->state = m->status;
    if (m->status == OK)
        log_event(b->d->log, LOG_LEVEL_INFO, "mail.again", "feed=%.*s", SLICE_FMT(b->source.feed));
    else
        log_event(b->d->log, LOG_LEVEL_WARN, "mail.trouble", "feed=%.*s status=%s cause=%s", SLICE_FMT(b->source.feed),
                  status_word(m->status), log_text(&text, slice_str(m->error.text)));
}

static void tell_odd(struct inbox *b, const struct arrival *a)
{
    struct log_quoted peer, sender, recipient;
    const struct mail *m = &a->mail;
    log_event(b->d->log, LOG_LEVEL_INFO, m->fate == MAIL_LOOPED ? "mail.looped" : "mail.aside",
              "feed=%.*s peer=%s sender=%s recipient=%s bytes=%zu", SLICE_FMT(b->source.feed),
              log_text(&peer, a->smtp->peer), log_text(&sender, m->sender), log_text(&recipient, m->recipients[0]),
              m->bytes.n);
}

static void count(struct inbox *b, const struct arrival *a)
{
    const struct mail *m = &a->mail;
    b->failed[m->status] += m->fate == MAIL_FAILED;
    b->reports += m->fate == MAIL_COMMITTED ? m->reports : 0;
    b->aside += m->fate == MAIL_ASIDE;
    b->looped += m->fate == MAIL_LOOPED;
    tell(b, m);
    if (m->fate == MAIL_ASIDE || m->fate == MAIL_LOOPED)
        tell_odd(b, a);
}

static void inbox_free(struct inbox *b)
{
    smtp_server_free(&b->server);
    mail_source_close(&b->source);
    accepted_free(&b->accepted);
    arena_fini(&b->a);
    free(b);
}

/* The arrival is gone afterwards: it lies in the memory of its envelope. */
static void answer(struct arrival *a)
{
    struct inbox *b = a->inbox;
    slice reply = reply_of(&a->mail);
    count(b, a);
    smtp_answer(a->smtp, reply);
    b->under_way--;
    if (b->closed && !b->under_way)
        inbox_free(b);
}

static void arrival_done(struct mail *m)
{
    struct arrival *a = (struct arrival *)(void *)m;
    mail_fini(m);
    answer(a);
}

static slice *recipients_of(struct smtp_mail *smtp)
{
    slice *list = arena_calloc(&smtp->a, smtp->recipient_count, sizeof(*list));
    for (size_t i = 0; list && i < smtp->recipient_count; i++)
        list[i] = smtp->recipients[i].address;
    return list;
}

static void on_message(void *ctx, struct smtp_mail *smtp)
{
    struct inbox *b = ctx;
    struct arrival *a = arena_calloc(&smtp->a, 1, sizeof(*a));
    slice *recipients = a ? recipients_of(smtp) : NULL;
    if (!recipients) {
        smtp_answer(smtp, S("452 4.3.1 no memory, come again later"));
        return;
    }
    *a = (struct arrival){
        .mail = {.bytes = buf_slice(&smtp->content),
                 .sender = smtp->sender,
                 .recipients = recipients,
                 .recipient_count = smtp->recipient_count,
                 .source = &b->source,
                 .done = arrival_done},
        .inbox = b,
        .smtp = smtp,
    };
    b->under_way++;
    enum status st = mail_put(b->d, &a->mail);
    if (st == OK)
        return;
    mail_fini(&a->mail);
    a->mail.fate = MAIL_FAILED;
    a->mail.status = err_set(&a->mail.error, st, "too many mails wait to be read");
    answer(a);
}

static slice on_recipient(void *ctx, const struct smtp_mail *m, const struct smtp_recipient *r)
{
    const struct inbox *b = ctx;
    arena scratch;
    (void)m;
    arena_init(&scratch, 0);
    bool good = accepted_has(b->accepted, r->address, &scratch);
    arena_fini(&scratch);
    return good ? S("250 2.1.5 ok") : S("550 5.7.1 relaying denied");
}

/* ---- opening ---- */

static slice hostname(const conf_inbox *c, arena *a)
{
    char name[256] = "";
    if (!slice_empty(c->hostname))
        return c->hostname;
    return gethostname(name, sizeof(name) - 1) == 0 && name[0] ? arena_dup(a, slice_str(name)) : S("localhost");
}

static enum status open_server(struct inbox *b, bool lmtp, err *e)
{
    const conf_inbox *c = conf(b->section);
    struct smtp_options o = {
        .lmtp = lmtp,
        .hostname = hostname(c, &b->a),
        .strict = c->strict,
        .max_message_bytes = (size_t)c->max_message_bytes,
        .max_held_bytes = (size_t)c->max_held_bytes,
        .max_recipients = (unsigned)c->max_recipients,
        .max_errors = (unsigned)c->max_errors,
        .max_connects = (unsigned)c->connect_rate,
        .max_mails = (unsigned)c->mail_rate,
        .command_us = c->command_wait_us,
        .data_us = c->data_wait_us,
        .content_us = c->content_wait_us,
        .now_us = clock_monotonic_us,
        .hooks = {.recipient = on_recipient, .message = on_message},
        .ctx = b,
    };
    if (getrandom(&o.key, sizeof(o.key), 0) != (ssize_t)sizeof(o.key))
        return err_set(e, E_IO, "%.*s: no random key", SLICE_FMT(b->source.feed));
    return smtp_server_new(&o, &b->server, e);
}

static enum status open_listener(struct inbox *b, err *e)
{
    const conf_inbox *c = conf(b->section);
    struct ssl_ctx_st *tls = NULL;
    enum status st = c->tls == TLS_NO ? OK : certificate_load(b->d->settings, &tls, e);
    struct listen_options o = {
        .address = c->listen,
        .unix_group = c->group,
        .max_connections = (size_t)c->max_connections,
        .max_per_peer = (size_t)c->max_per_peer,
        .idle_us = c->command_wait_us,
        .frame_us = c->command_wait_us,
        .tls = tls,
        .tls_at_once = c->tls == TLS_ALWAYS,
        .protocol = smtp_server_protocol(b->server),
        .ctx = b->server,
    };
    if (st == OK)
        st = listener_open(&o, &b->listener, e);
    tls_server_free(&tls);
    return st;
}

static enum status learn_accepted(struct inbox *b, const struct section *section, err *e)
{
    char where[128];
    struct accepted *fresh;
    snprintf(where, sizeof(where), "[%s %.*s]", section->kind, SLICE_FMT(section->name));
    enum status st = accepted_new(&conf(section)->domains, &conf(section)->addresses, where, &fresh, e);
    if (st != OK)
        return st;
    accepted_free(&b->accepted);
    b->accepted = fresh;
    if (!fresh->domain_count && !fresh->address_count)
        log_event(b->d->log, LOG_LEVEL_WARN, "inbox.closed", "section=%s cause=\"no domains and no addresses are set\"",
                  where);
    return OK;
}

static enum status inbox_open(struct daemon *d, const struct section *section, bool lmtp, void **self, err *e)
{
    struct inbox *b = calloc(1, sizeof(*b));
    *self = b;
    if (!b)
        return err_set(e, E_MEMORY, "no memory for a mail server");
    arena_init(&b->a, 0);
    b->d = d;
    b->section = section;
    const conf_inbox *c = conf(section);
    b->source = (struct mail_source){
        .feed = SLICE_EMPTY,
        .tenant = c->tenant,
        .stream = c->stream,
        .campaign = c->campaign,
        .source = c->source,
        .vouched = c->vouched,
        .max_hops = (unsigned)c->max_hops,
    };
    enum status st = learn_accepted(b, section, e);
    if (st == OK)
        st = open_server(b, lmtp, e);
    return st == OK ? open_listener(b, e) : st;
}

static enum status smtp_open(struct daemon *d, const struct section *section, void **self, err *e)
{
    return inbox_open(d, section, false, self, e);
}

static enum status lmtp_open(struct daemon *d, const struct section *section, void **self, err *e)
{
    return inbox_open(d, section, true, self, e);
}

static enum status inbox_start(void *self, err *e)
{
    struct inbox *b = self;
    enum status st = mail_source_open(b->d->settings, b->section, &b->a, &b->source, e);
    return st == OK ? listener_start(b->listener, b->d->base, e) : st;
}

/* ---- reload and end ---- */

static void inbox_reload(void *self, const struct section *section)
{
    struct inbox *b = self;
    struct log_quoted text;
    struct ssl_ctx_st *tls = NULL;
    err e;
    enum status st = section ? learn_accepted(b, section, &e) : OK;
    if (st == OK && conf(b->section)->tls != TLS_NO)
        st = certificate_load(b->d->settings, &tls, &e);
    if (tls)
        listener_set_tls(b->listener, tls);
    tls_server_free(&tls);
    if (st != OK)
        log_event(b->d->log, LOG_LEVEL_ERROR, "inbox.reload", "feed=%.*s cause=%s", SLICE_FMT(b->source.feed),
                  log_text(&text, slice_str(e.text)));
}

static void inbox_drain(void *self)
{
    struct inbox *b = self;
    listener_stop(b->listener);
    smtp_server_drain(b->server);
}

static bool inbox_idle(const void *self)
{
    const struct inbox *b = self;
    return !b->under_way && !smtp_server_busy(b->server);
}

static void inbox_close(void **self)
{
    struct inbox *b = *self;
    *self = NULL;
    if (!b)
        return;
    if (b->listener)
        listener_close(&b->listener);
    b->closed = true;
    if (!b->under_way)
        inbox_free(b);
}

/* ---- what is told ---- */

struct figure {
    const char *name, *text;
    uint64_t value;
};

static size_t figures(const struct inbox *b, struct figure *out)
{
    const struct smtp_counts *c = smtp_server_counts(b->server);
    size_t n = 0;
#define COUNT(member, told) out[n++] = (struct figure){#member, told, c->member};
#include "net/smtp_counts.def"
#undef COUNT
    out[n++] = (struct figure){"reports", "reports in mails that were taken", b->reports};
    out[n++] = (struct figure){"aside", "mails kept for a person", b->aside};
    out[n++] = (struct figure){"looped", "mails with too many hops", b->looped};
    return n;
}
#define MAX_FIGURES 24

static void inbox_status(const void *self, struct jsonw *w)
{
    const struct inbox *b = self;
    const struct smtp_counts *c = smtp_server_counts(b->server);
    struct figure list[MAX_FIGURES];
    struct aside_counts kept = {.mails = 0};
    size_t n = figures(b, list);
    if (b->source.aside)
        aside_counts(b->source.aside, &kept);
    jsonw_kstr(w, "listen", listener_address(b->listener));
    jsonw_kstr(w, "state", slice_str(b->state == OK ? "ok" : status_word(b->state)));
    jsonw_ki64(w, "sessions", (int64_t)c->sessions);
    jsonw_ki64(w, "under_way", (int64_t)b->under_way);
    jsonw_ki64(w, "aside_mails", (int64_t)kept.mails);
    jsonw_ki64(w, "aside_bytes", (int64_t)kept.bytes);
    for (size_t i = 0; i < n; i++)
        jsonw_ki64(w, list[i].name, (int64_t)list[i].value);
}

static void inbox_metrics(const void *self, buf *out)
{
    const struct inbox *b = self;
    struct figure list[MAX_FIGURES];
    size_t n = figures(b, list);
    for (size_t i = 0; i < n; i++)
        buf_printf(out, "bounced_inbox_%s_total{feed=\"%.*s\"} %llu\n", list[i].name, SLICE_FMT(b->source.feed),
                   (unsigned long long)list[i].value);
    for (size_t i = 1; i < ARRAY_LEN(b->failed); i++)
        buf_printf(out, "bounced_inbox_failed_total{feed=\"%.*s\",status=\"%s\"} %llu\n", SLICE_FMT(b->source.feed),
                   status_word((enum status)i), (unsigned long long)b->failed[i]);
}

const struct role smtp_role = {
    .name = "smtp",
    .section = "smtp",
    .open = smtp_open,
    .start = inbox_start,
    .drain = inbox_drain,
    .idle = inbox_idle,
    .close = inbox_close,
    .reload = inbox_reload,
    .status = inbox_status,
    .metrics = inbox_metrics,
};

const struct role lmtp_role = {
    .name = "lmtp",
    .section = "lmtp",
    .open = lmtp_open,
    .start = inbox_start,
    .drain = inbox_drain,
    .idle = inbox_idle,
    .close = inbox_close,
    .reload = inbox_reload,
    .status = inbox_status,
    .metrics = inbox_metrics,
};
