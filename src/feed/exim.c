#include "feed/dialects.h"
#include "feed/exim_record.h"

/* ---- which lines are ours ---- */

bool exim_claims_line(const struct maillog *m, const struct syslog_line *line)
{
    (void)m;
    struct syslog_line l = *line;
    slice id;
    bool has_id = exim_line(&l, &id);
    return l.form == STAMP_LOCAL && (has_id || slice_starts(l.message, S("exim ")));
}

bool exim_claims_tag(const struct syslog_line *line)
{
    return slice_starts(line->tag, S("exim"));
}

/* Syslog gets long lines in pieces, "[1/3] " or "[2\3] " in front: the first one has what matters. */
static bool skip_piece_mark(slice *message)
{
    slice s = *message;
    if (s.n < 6 || s.p[0] != '[' || !ascii_digit(s.p[1]))
        return true;
    size_t mark = slice_either(s, '/', '\\'), close = slice_chr(s, ']');
    if (close == SLICE_NPOS || mark > close || mark > 4)
        return true;
    if (mark != 2 || s.p[1] != '1')
        return false;
    *message = slice_ltrim(slice_from(s, close + 1));
    return true;
}

/* ---- deliveries ---- */

static bool is_address(slice s)
{
    return s.n > 0 && !memchr("|/>:", s.p[0], 4) && slice_chr(s, '@') != SLICE_NPOS;
}

static enum bounce_kind kind_of_success(const struct work *w, const struct exim_record *r)
{
    bool loopback = slice_starts(r->ip, S("127.")) || slice_eq(r->ip, S("::1"));
    if (r->to.p[0] == '>') /* an automatic reply was made of it */
        return BOUNCE_KIND_EXPANDED;
    if (r->to.p[0] == ':') /* :blackhole: nobody has it */
        return BOUNCE_KIND_RELAYED;
    if (loopback || (r->host.n && work_is_relay(w->log, r->host, r->ip)))
        return BOUNCE_KIND_RELAYED;
    return BOUNCE_KIND_DELIVERED;
}

/* The retry time or the patience for frozen messages is over. */
static bool gave_up(slice text)
{
    static const slice words[] = {SLICE_INIT("retry timeout exceeded"), SLICE_INIT("message timed out"),
                                  SLICE_INIT("timeout_frozen_after")};
    for (size_t i = 0; i < ARRAY_LEN(words); i++)
        if (slice_find(text, words[i]) != SLICE_NPOS)
            return true;
    return false;
}

/* An observation for the recipient of the record; NULL when memory was refused. */
static struct observation *observe(const struct work *w, const struct queue_mail *mail, const struct exim_record *r)
{
    struct observation *o = work_observe(w, mail);
    if (!o)
        return NULL;
    arena *a = w->arena;
    bool plain = is_address(r->to);
    o->recipient = exim_unescape(a, plain || slice_empty(r->parent) ? r->to : r->parent);
    if (plain && slice_chr(r->parent, '@') != SLICE_NPOS && !slice_eq_ci(r->parent, r->to))
        o->sent_to = exim_unescape(a, r->parent);
    o->remote_mta = arena_dup(a, slice_sub(r->host, 0, QUEUE_MAX_HOST_BYTES));
    if (r->has_sender)
        o->sender = slice_empty(r->sender) ? S("<>") : arena_dup(a, r->sender);
    o->source_key = work_source_key(w, SLICE_EMPTY);
    return o;
}

static bool delivered(struct work *w, const struct exim_record *r)
{
    struct queue_mail *mail = queue_find(&w->log->queue, &w->key, QUEUE_AGENT);
    struct observation *o = observe(w, mail, r);
    if (!o)
        return false;
    o->kind = kind_of_success(w, r);
    o->reply = work_reply(w, exim_unescape(w->arena, r->confirmation));
    work_forget(w, mail, o->recipient);
    return true;
}

static void fill_failure(struct work *w, const struct exim_record *r, struct observation *o)
{
    o->reply = work_reply(w, exim_unescape(w->arena, r->text));
    o->phase = exim_phase(r->text, r->defer);
    o->tried_nothing = exim_tried_nothing(r);
}

static bool deferred(struct work *w, const struct exim_record *r)
{
    struct observation *o = observe(w, queue_find(&w->log->queue, &w->key, QUEUE_AGENT), r);
    if (!o)
        return false;
    o->kind = BOUNCE_KIND_DEFERRED;
    fill_failure(w, r, o);
    const slice texts[RCPT_TEXTS] = {o->recipient, o->sent_to, o->reply, o->status, o->remote_mta};
    return work_remember(w, texts, o);
}

static bool failed(struct work *w, const struct exim_record *r)
{
    struct queue_mail *mail = queue_find(&w->log->queue, &w->key, QUEUE_AGENT);
    struct observation *o = observe(w, mail, r);
    if (!o)
        return false;
    bool late = gave_up(r->text);
    o->kind = late ? BOUNCE_KIND_EXPIRED : BOUNCE_KIND_FAILED;
    fill_failure(w, r, o);
    if (late)
        work_last_deferral(w, mail, o);
    work_forget(w, mail, o->recipient);
    return true;
}

/* ---- the life of a message ---- */

static bool arrived(struct work *w)
{
    struct exim_arrival in;
    struct queue *q = &w->log->queue;
    if (!exim_arrival_parse(w->rest, &in)) {
        work_odd(w, "an arrival without a sender");
        return true;
    }
    struct queue_mail *mail = queue_open(q, &w->key, QUEUE_CLEANUP, work_time(w));
    if (!mail)
        return false;
    mail->has_sender = true;
    return queue_set(q, mail, &mail->sender, slice_sub(in.sender, 0, LOG_MAX_FIELD_BYTES)) &&
           queue_set(q, mail, &mail->message_id, slice_sub(in.message_id, 0, LOG_MAX_FIELD_BYTES));
}

static bool ends(slice message)
{
    static const slice words[] = {SLICE_INIT("Completed"), SLICE_INIT("Message abandoned"), SLICE_INIT("removed by ")};
    for (size_t i = 0; i < ARRAY_LEN(words); i++)
        if (slice_starts(message, words[i]))
            return true;
    return false;
}

static void completed(struct work *w)
{
    struct queue_mail *mail = queue_find(&w->log->queue, &w->key, QUEUE_MANAGER);
    if (mail)
        queue_close(&w->log->queue, mail);
}

typedef bool (*record_handler)(struct work *w, const struct exim_record *r);

static const struct flag_row {
    slice flag;
    record_handler handle; /* NULL: nothing happened to a recipient */
} flags[] = {
    {SLICE_INIT("=> "), delivered}, {SLICE_INIT("-> "), delivered}, {SLICE_INIT(">> "), delivered},
    {SLICE_INIT("** "), failed},    {SLICE_INIT("== "), deferred},  {SLICE_INIT("*> "), NULL}, /* -N, or suppressed */
};

static bool read_message(struct work *w)
{
    slice message = w->rest;
    if (slice_starts(message, S("<= "))) {
        w->rest = slice_from(message, 3);
        return arrived(w);
    }
    for (size_t i = 0; i < ARRAY_LEN(flags); i++) {
        struct exim_record r;
        if (!slice_starts(message, flags[i].flag) || !flags[i].handle)
            continue;
        if (exim_record_parse(slice_from(message, flags[i].flag.n), &r) && r.to.n <= LOG_MAX_FIELD_BYTES &&
            r.parent.n <= LOG_MAX_FIELD_BYTES && r.sender.n <= LOG_MAX_FIELD_BYTES)
            return flags[i].handle(w, &r);
        work_odd(w, "a delivery without an address, or with one that is too long");
        return true;
    }
    if (ends(message))
        completed(w);
    return true;
}

bool exim_read(struct work *w)
{
    struct work mine = *w;
    struct syslog_line line = *w->line;
    if (line.tag.n && !skip_piece_mark(&line.message))
        return true;
    if (!exim_line(&line, &mine.key.id))
        return true;
    mine.rest = line.message;
    /* the id belongs to the source key */
    line.message = slice_of(mine.key.id.p, (size_t)(mine.rest.p + mine.rest.n - mine.key.id.p));
    mine.line = &line;
    return read_message(&mine);
}
