#include "feed/dialects.h"

/* Lines of sendmail 8 (deliver.c logdelivery, envelope.c logsender, savemail.c):
 *
 *   QID: from=<a>, size=1, class=0, nrcpts=1, msgid=<x>, ...
 *   QID: to=<b>,<c>, ctladdr=<a> (0/0), delay=1+00:00:01, xdelay=.., mailer=esmtp, pri=1, relay=h. [ip], dsn=5.1.1,
 *        reply=550 no, stat=User unknown
 *   QID: NEWQID: sender notify: Cannot send message for 5 days         (DSN, return to sender, postmaster notify)
 *   QID: NEWQID: clone: owner=a
 */

#define QUEUE_ID_MIN_BYTES 7u
#define QUEUE_ID_MAX_BYTES 24u
#define MAX_RCPTS_IN_LINE 2000u

struct sendmail_record {
    slice to; /* list as written */
    slice mailer, host, ip, dsn, reply, stat;
    int64_t delay_us; /* TIME_NONE */
};

bool sendmail_claims_tag(const struct syslog_line *line)
{
    return slice_starts(line->tag, S("sendmail")) || slice_starts(line->tag, S("sm-"));
}

/* ---- reading ---- */

static size_t queue_id_bytes(slice s)
{
    size_t n = 0;
    while (n < s.n && ascii_alnum(s.p[n]))
        n++;
    bool good = n >= QUEUE_ID_MIN_BYTES && n <= QUEUE_ID_MAX_BYTES && slice_starts(slice_from(s, n), S(": "));
    return good ? n : 0;
}

/* "00:00:03" or "1+02:03:04" */
static int64_t delay_of(slice s)
{
    uint64_t days = 0, part, sum = 0;
    size_t plus = slice_chr(s, '+');
    if (plus != SLICE_NPOS && (!slice_u64(slice_sub(s, 0, plus), &days) || days > 100000))
        return TIME_NONE;
    s = plus == SLICE_NPOS ? s : slice_from(s, plus + 1);
    for (slice field; slice_split(&s, ':', &field);) {
        if (!slice_u64(field, &part) || part > 100000)
            return TIME_NONE;
        sum = sum * 60 + part;
    }
    return (int64_t)days * TIME_DAY + (int64_t)sum * TIME_SECOND;
}

/* "mx.corp.example.com. [198.51.100.10]" */
static void read_relay(slice v, struct sendmail_record *out)
{
    size_t open = slice_chr(v, '['), close = slice_chr(v, ']');
    out->host = slice_trim(slice_sub(v, 0, open));
    if (out->host.n && out->host.p[out->host.n - 1] == '.')
        out->host.n--;
    if (open != SLICE_NPOS && close != SLICE_NPOS && close > open)
        out->ip = slice_of(v.p + open + 1, close - open - 1);
}

/* ", name=" at or behind `from`: where its value begins; SLICE_NPOS. */
static size_t value_at(slice s, slice name)
{
    size_t at = slice_find(s, name);
    return at == SLICE_NPOS ? SLICE_NPOS : at + name.n;
}

static slice short_value(slice s, slice name)
{
    size_t at = value_at(s, name);
    slice v = at == SLICE_NPOS ? SLICE_EMPTY : slice_from(s, at);
    return slice_sub(v, 0, slice_find(v, S(", ")));
}

/* End of the list of recipients: ", " outside of brackets and quotes. */
static size_t list_bytes(slice s)
{
    bool quoted = false, inside = false;
    for (size_t i = 0; i < s.n; i++) {
        char c = s.p[i];
        if (c == '\\' && quoted)
            i++;
        else if (c == '"')
            quoted = !quoted;
        else if (!quoted && (c == '<' || c == '>'))
            inside = c == '<';
        else if (!quoted && !inside && c == ',' && (i + 1 == s.n || s.p[i + 1] == ' '))
            return i;
    }
    return s.n;
}

/* Where the value of stat= begins, in what stands behind the recipients; SLICE_NPOS. Strangers write the reply, and again
 * what follows "Deferred: " or "Sent "; stat= itself is the last field. */
static size_t stat_at(slice s, size_t reply)
{
    const slice name = S(", stat=");
    if (reply == SLICE_NPOS)
        return value_at(s, name);
    size_t found = SLICE_NPOS;
    for (size_t at = reply;;) {
        size_t next = value_at(slice_from(s, at), name);
        if (next == SLICE_NPOS)
            return found;
        at += next;
        found = at;
        slice said = slice_sub(s, reply, at - name.n - reply), stat = slice_from(s, at);
        if (slice_starts(stat, S("Deferred: ")) && slice_eq(slice_from(stat, S("Deferred: ").n), said))
            return found;
    }
}

/* `s` begins behind "to=". */
static bool read_record(slice s, struct sendmail_record *out)
{
    *out = (struct sendmail_record){.to = slice_sub(s, 0, list_bytes(s)),
                                    .mailer = SLICE_EMPTY,
                                    .host = SLICE_EMPTY,
                                    .ip = SLICE_EMPTY,
                                    .dsn = SLICE_EMPTY,
                                    .reply = SLICE_EMPTY,
                                    .stat = SLICE_EMPTY,
                                    .delay_us = TIME_NONE};
    slice rest = slice_from(s, out->to.n);
    size_t reply = value_at(rest, S(", reply=")), stat = stat_at(rest, reply);
    if (stat == SLICE_NPOS || out->to.n == 0)
        return false;
    out->stat = slice_from(rest, stat);
    if (reply != SLICE_NPOS)
        out->reply = slice_sub(rest, reply, stat - S(", stat=").n - reply);
    slice fields = slice_sub(rest, 0, reply == SLICE_NPOS ? stat : reply);
    out->mailer = short_value(fields, S(", mailer="));
    out->dsn = short_value(fields, S(", dsn="));
    out->delay_us = delay_of(short_value(fields, S(", delay=")));
    read_relay(short_value(fields, S(", relay=")), out);
    return true;
}

/* ---- deliveries ---- */

static bool starts_any(slice s, const slice *words, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (slice_starts(s, words[i]))
            return true;
    return false;
}

static enum bounce_kind kind_of(const struct work *w, const struct sendmail_record *r)
{
    static const slice waiting[] = {SLICE_INIT("Deferred"), SLICE_INIT("queued"), SLICE_INIT("held"),
                                    SLICE_INIT("quarantine")};
    static const slice spread[] = {SLICE_INIT("aliased"), SLICE_INIT("forwarded"), SLICE_INIT("expanded")};
    bool loopback = slice_starts(r->ip, S("127.")) || slice_eq(r->ip, S("::1"));
    if (starts_any(r->stat, waiting, ARRAY_LEN(waiting)))
        return BOUNCE_KIND_DEFERRED;
    if (starts_any(r->stat, spread, ARRAY_LEN(spread)))
        return BOUNCE_KIND_EXPANDED;
    if (!slice_starts(r->stat, S("Sent")))
        return BOUNCE_KIND_FAILED;
    bool relay = slice_eq(r->mailer, S("relay")) || loopback || (r->host.n && work_is_relay(w->log, r->host, r->ip));
    return relay ? BOUNCE_KIND_RELAYED : BOUNCE_KIND_DELIVERED;
}

/* What the far server said (control characters stand as \n and the like, also at the end), else sendmail's own words, but
 * for those that say less than dsn=. */
static slice reply_of(const struct sendmail_record *r)
{
    static const slice empty[] = {SLICE_INIT("Deferred"), SLICE_INIT("Sent"), SLICE_INIT("Service unavailable"),
                                  SLICE_INIT("queued")};
    slice reply = r->reply;
    if (reply.n > 2 && slice_eq(slice_from(reply, reply.n - 2), S("\\n")))
        reply.n -= 2;
    if (!slice_empty(reply))
        return slice_rtrim(reply);
    for (size_t i = 0; i < ARRAY_LEN(empty); i++)
        if (slice_eq(r->stat, empty[i]) && !slice_empty(r->dsn))
            return SLICE_EMPTY;
    if (slice_starts(r->stat, S("Sent ")))
        return slice_unwrap(slice_from(r->stat, 5), '(', ')');
    return r->stat;
}

static bool one_recipient(struct work *w, struct queue_mail **mail, const struct sendmail_record *r, slice to)
{
    struct observation *o = work_observe(w, *mail);
    if (!o)
        return false;
    o->kind = kind_of(w, r);
    o->recipient = arena_dup(w->arena, to);
    o->reply = work_reply(w, arena_dup(w->arena, reply_of(r)));
    o->status = arena_dup(w->arena, slice_sub(r->dsn, 0, LOG_MAX_STATUS_BYTES));
    o->remote_mta = arena_dup(w->arena, slice_sub(r->host, 0, QUEUE_MAX_HOST_BYTES));
    o->tried_nothing = o->kind == BOUNCE_KIND_DEFERRED && !slice_starts(r->stat, S("Deferred"));
    if (o->time_us != TIME_NONE && r->delay_us != TIME_NONE)
        o->sent_us = o->time_us - r->delay_us;
    o->source_key = work_source_key(w, o->recipient);
    if (o->kind == BOUNCE_KIND_DEFERRED) {
        const slice texts[RCPT_TEXTS] = {o->recipient, SLICE_EMPTY, o->reply, o->status, o->remote_mta};
        bool good = work_remember(w, texts, o);
        *mail = queue_find(&w->log->queue, &w->key, QUEUE_AGENT);
        return good;
    }
    work_forget(w, *mail, to);
    if (*mail && (*mail)->left > 0)
        (*mail)->left--;
    return true;
}

/* "<a@x>,<b@x>" or "a@x, b@x" without brackets where an alias led there. What is no address is a local user, a pipe or a
 * file, to which nobody sends from outside. */
static bool each_recipient(struct work *w, const struct sendmail_record *r)
{
    struct queue_mail *mail = queue_find(&w->log->queue, &w->key, QUEUE_AGENT);
    bool known = mail && mail->left > 0, good = true;
    slice list = r->to;
    for (unsigned i = 0; good && list.n && i < MAX_RCPTS_IN_LINE; i++) {
        size_t n = 0;
        bool quoted = false;
        while (n < list.n && (quoted || list.p[n] != ',')) {
            quoted ^= list.p[n] == '"';
            n++;
        }
        slice to = slice_unwrap(slice_trim(slice_sub(list, 0, n)), '<', '>');
        list = slice_from(list, n + 1);
        if (slice_chr(to, '@') != SLICE_NPOS && to.n <= LOG_MAX_FIELD_BYTES && to.p[0] != '|')
            good = one_recipient(w, &mail, r, to);
    }
    if (mail && known && mail->left == 0 && mail->rcpt_count == 0)
        queue_done(&w->log->queue, mail, work_time(w));
    else if (mail && known)
        queue_touch(&w->log->queue, mail);
    return good;
}

static bool delivery(struct work *w)
{
    struct sendmail_record r;
    if (read_record(slice_from(w->rest, 3), &r))
        return each_recipient(w, &r);
    work_odd(w, "a delivery record that is cut off or damaged");
    return true;
}

/* ---- messages ---- */

static bool sender(struct work *w)
{
    struct queue *q = &w->log->queue;
    slice s = slice_from(w->rest, 5), from = slice_sub(s, 0, list_bytes(s));
    slice id = short_value(slice_from(s, from.n), S(", msgid="));
    uint64_t rcpts = 0;
    bool counted = slice_u64(short_value(slice_from(s, from.n), S(", nrcpts=")), &rcpts);
    if (counted && rcpts == 0) /* refused while it came in */
        return true;
    struct queue_mail *mail = queue_open(q, &w->key, QUEUE_CLEANUP, work_time(w));
    if (!mail)
        return false;
    mail->has_sender = true;
    mail->left = rcpts > QUEUE_MAX_RCPTS ? QUEUE_MAX_RCPTS : (uint32_t)rcpts;
    return queue_set(q, mail, &mail->sender, slice_sub(slice_unwrap(from, '<', '>'), 0, LOG_MAX_FIELD_BYTES)) &&
           queue_set(q, mail, &mail->message_id, slice_sub(slice_unwrap(id, '<', '>'), 0, LOG_MAX_FIELD_BYTES));
}

/* "QID: NEWQID: clone: owner=a": another envelope of the same message. */
static bool clone(struct work *w, slice next_id)
{
    struct queue *q = &w->log->queue;
    struct queue_mail *mail = queue_find(q, &w->key, QUEUE_CLEANUP);
    const struct queue_key key = {w->key.host, w->key.instance, next_id};
    if (!mail || slice_eq(next_id, w->key.id))
        return true;
    slice root = work_queue_path(w, mail), id = arena_dup(w->arena, kept_slice(mail->message_id));
    slice from = arena_dup(w->arena, kept_slice(mail->sender));
    struct queue_mail *next = queue_open(q, &key, QUEUE_CLEANUP, work_time(w));
    if (!next)
        return false;
    next->has_sender = mail->has_sender;
    return queue_set(q, next, &next->root, root) && queue_set(q, next, &next->message_id, id) &&
           queue_set(q, next, &next->sender, from);
}

/* "QID: NEWQID: ..." */
static bool linked(struct work *w, slice next_id, slice rest)
{
    static const slice reports[] = {SLICE_INIT("sender notify: Cannot send"), SLICE_INIT("DSN: Cannot send"),
                                    SLICE_INIT("return to sender: Cannot send"),
                                    SLICE_INIT("postmaster notify: Cannot send")};
    if (slice_starts(rest, S("clone: ")))
        return clone(w, next_id);
    if (!starts_any(rest, reports, ARRAY_LEN(reports)))
        return true;
    struct queue_mail *mail = queue_find(&w->log->queue, &w->key, QUEUE_MANAGER);
    bool good = work_expire(w, mail);
    if (mail)
        queue_close(&w->log->queue, mail);
    return good;
}

bool sendmail_read(struct work *w)
{
    slice s = w->line->message;
    size_t n = queue_id_bytes(s);
    if (n == 0)
        return true;
    w->key.id = slice_of(s.p, n);
    w->rest = slice_from(s, n + 2);
    if (slice_starts(w->rest, S("to=")))
        return delivery(w);
    if (slice_starts(w->rest, S("from=")))
        return sender(w);
    size_t next = queue_id_bytes(w->rest);
    return next == 0 || linked(w, slice_sub(w->rest, 0, next), slice_from(w->rest, next + 2));
}
