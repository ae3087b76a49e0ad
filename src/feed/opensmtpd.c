#include "feed/dialects.h"

/* Three forms, by version (mta.c, mda.c, queue.c of OpenSMTPD 5.x, 6.x, 7.x):
 *
 *   SESSION mta delivery evpid=ID from=<a> to=<b> rcpt=<-> source="ip" relay="ip (host)" delay=0s result="Ok" stat="250 ok"
 *   SESSION mda delivery evpid=ID from=<a> to=<b> rcpt=<b> user=u delay=0s result=Ok stat=Delivered
 *   relay: PermFail for ID: session=S, from=<a>, to=<b>, rcpt=<->, source=ip, relay=ip (host), delay=0s, stat=550 no
 *
 * Of the third form is what newer ones say of an envelope that waits: Expire, Remove. No form has the Message-ID; the first
 * 8 digits of the envelope's id are those of the message, which the Received field that was added tells too.
 */

#define ID_DIGITS 16u
#define MESSAGE_DIGITS 8u

struct smtpd_record {
    slice evpid;
    slice from, to, rcpt; /* without brackets; rcpt "-" is empty */
    slice source, relay, result, stat;
    int64_t delay_us; /* TIME_NONE */
    bool local;       /* given to a mailbox, not to a host */
};

bool opensmtpd_claims_tag(const struct syslog_line *line)
{
    return slice_eq(line->tag, S("smtpd"));
}

/* ---- reading a record ---- */

static bool is_id(slice s)
{
    if (s.n < ID_DIGITS)
        return false;
    for (size_t i = 0; i < ID_DIGITS; i++)
        if (!ascii_digit(s.p[i]) && (s.p[i] < 'a' || s.p[i] > 'f'))
            return false;
    return true;
}

/* "6d5h44s" */
static int64_t delay_of(slice s)
{
    static const struct {
        char unit;
        int64_t us;
    } units[] = {{'d', TIME_DAY}, {'h', TIME_HOUR}, {'m', TIME_MINUTE}, {'s', TIME_SECOND}};
    int64_t sum = 0;
    while (s.n) {
        size_t n = 0, i = 0;
        uint64_t v;
        while (n < s.n && ascii_digit(s.p[n]))
            n++;
        while (i < ARRAY_LEN(units) && (n == s.n || units[i].unit != s.p[n]))
            i++;
        if (i == ARRAY_LEN(units) || !slice_u64(slice_sub(s, 0, n), &v) || v > 100000)
            return TIME_NONE;
        sum += (int64_t)v * units[i].us;
        s = slice_from(s, n + 1);
    }
    return sum;
}

/* A value off the front of *s: <...> or "..." or a word that ends at `separator`. */
static slice take_value(slice *s, slice separator)
{
    char close = s->n && s->p[0] == '<' ? '>' : s->n && s->p[0] == '"' ? '"' : 0;
    size_t from = close != 0;
    for (size_t i = from; i <= s->n; i++) {
        slice rest = slice_from(*s, close ? i + 1 : i);
        if (close && (i >= s->n || s->p[i] != close))
            continue;
        if (rest.n && !slice_starts(rest, separator))
            continue;
        slice value = slice_sub(*s, from, i - from);
        *s = slice_from(rest, separator.n);
        return value;
    }
    slice value = slice_from(*s, from);
    *s = SLICE_EMPTY;
    return value;
}

static void read_fields(slice s, slice separator, struct smtpd_record *out)
{
    const struct {
        slice key;
        slice *value;
    } wanted[] = {
        {SLICE_INIT("evpid"), &out->evpid},   {SLICE_INIT("from"), &out->from},     {SLICE_INIT("to"), &out->to},
        {SLICE_INIT("rcpt"), &out->rcpt},     {SLICE_INIT("source"), &out->source}, {SLICE_INIT("relay"), &out->relay},
        {SLICE_INIT("result"), &out->result},
    };
    while (s.n) {
        size_t equals = slice_chr(s, '=');
        if (equals == SLICE_NPOS)
            return;
        slice key = slice_of(s.p, equals);
        s = slice_from(s, equals + 1);
        if (slice_eq(key, S("stat"))) { /* the last one: all that is left */
            out->stat = slice_unwrap(s, '"', '"');
            return;
        }
        slice value = take_value(&s, separator);
        if (slice_eq(key, S("delay")))
            out->delay_us = delay_of(value);
        for (size_t i = 0; i < ARRAY_LEN(wanted); i++)
            if (slice_eq(key, wanted[i].key))
                *wanted[i].value = value;
    }
}

/* "relay: PermFail for ID: session=..., stat=..." */
static bool read_with_colons(slice s, struct smtpd_record *out)
{
    size_t space = slice_chr(s, ' '), middle = slice_find(s, S(" for "));
    slice rest = middle == SLICE_NPOS ? SLICE_EMPTY : slice_from(s, middle + 5);
    if (space == SLICE_NPOS || middle <= space || !is_id(rest) || !slice_starts(slice_from(rest, ID_DIGITS), S(": ")))
        return false;
    out->local = slice_starts(s, S("delivery: "));
    out->result = slice_sub(s, space + 1, middle - space - 1);
    out->evpid = slice_sub(rest, 0, ID_DIGITS);
    read_fields(slice_from(rest, ID_DIGITS + 2), S(", "), out);
    return true;
}

/* 1: a record; 0: some other line; -1: a record that is damaged. */
static int read_record(slice s, struct smtpd_record *out)
{
    *out = (struct smtpd_record){.evpid = SLICE_EMPTY,
                                 .from = SLICE_EMPTY,
                                 .to = SLICE_EMPTY,
                                 .rcpt = SLICE_EMPTY,
                                 .source = SLICE_EMPTY,
                                 .relay = SLICE_EMPTY,
                                 .result = SLICE_EMPTY,
                                 .stat = SLICE_EMPTY,
                                 .delay_us = TIME_NONE};
    slice words = slice_from(s, ID_DIGITS);
    if (is_id(s) && (slice_starts(words, S(" mta delivery ")) || slice_starts(words, S(" mda delivery ")))) {
        out->local = words.p[2] == 'd';
        read_fields(slice_from(words, S(" mta delivery ").n), S(" "), out);
    } else if (!slice_starts(s, S("relay: ")) && !slice_starts(s, S("delivery: "))) {
        return 0;
    } else if (!read_with_colons(s, out)) {
        return slice_find(s, S(" for ")) == SLICE_NPOS ? 0 : -1;
    }
    if (slice_eq(out->rcpt, S("-")))
        out->rcpt = SLICE_EMPTY;
    return is_id(out->evpid) && out->to.n > 0 && out->to.n <= LOG_MAX_FIELD_BYTES &&
                   out->from.n <= LOG_MAX_FIELD_BYTES && out->rcpt.n <= LOG_MAX_FIELD_BYTES && out->result.n > 0
               ? 1
               : -1;
}

/* "198.51.100.10 (mx.corp.example.com)": the host; before a host was chosen only the domain stands there. */
static void read_relay(const struct smtpd_record *r, slice *host, slice *ip)
{
    size_t open = slice_find(r->relay, S(" ("));
    *ip = open == SLICE_NPOS ? SLICE_EMPTY : slice_sub(r->relay, 0, open);
    *host = open == SLICE_NPOS ? SLICE_EMPTY : slice_unwrap(slice_from(r->relay, open + 1), '(', ')');
}

/* ---- what it tells ---- */

static enum bounce_kind kind_of_success(const struct work *w, const struct smtpd_record *r)
{
    slice host, ip;
    read_relay(r, &host, &ip);
    bool loopback = slice_starts(ip, S("127.")) || slice_eq(ip, S("::1"));
    bool relay = !r->local && (loopback || work_is_relay(w->log, host, ip));
    return relay ? BOUNCE_KIND_RELAYED : BOUNCE_KIND_DELIVERED;
}

static bool kind_of(const struct work *w, const struct smtpd_record *r, enum bounce_kind *out)
{
    static const struct {
        slice word;
        enum bounce_kind kind;
    } results[] = {{SLICE_INIT("Ok"), BOUNCE_KIND_DELIVERED},
                   {SLICE_INIT("TempFail"), BOUNCE_KIND_DEFERRED},
                   {SLICE_INIT("PermFail"), BOUNCE_KIND_FAILED},
                   {SLICE_INIT("Expire"), BOUNCE_KIND_EXPIRED}};
    for (size_t i = 0; i < ARRAY_LEN(results); i++) {
        if (!slice_eq(r->result, results[i].word))
            continue;
        *out = results[i].kind == BOUNCE_KIND_DELIVERED ? kind_of_success(w, r) : results[i].kind;
        return true;
    }
    return false;
}

static struct observation *observe(struct work *w, const struct queue_mail *mail, const struct smtpd_record *r)
{
    struct observation *o = work_observe(w, mail);
    slice host, ip;
    if (!o)
        return NULL;
    arena *a = w->arena;
    read_relay(r, &host, &ip);
    o->recipient = arena_dup(a, r->to);
    o->sent_to = slice_eq_ci(r->rcpt, r->to) ? SLICE_EMPTY : arena_dup(a, r->rcpt);
    o->sender = slice_empty(r->from) ? S("<>") : arena_dup(a, r->from);
    o->reply = work_reply(w, arena_dup(a, r->stat));
    o->remote_mta = arena_dup(a, slice_sub(host, 0, QUEUE_MAX_HOST_BYTES));
    o->ids[ID_PROVIDER] = arena_printf(a, "opensmtpd/%.*s", SLICE_FMT(w->key.id));
    if (o->time_us != TIME_NONE && r->delay_us != TIME_NONE)
        o->sent_us = o->time_us - r->delay_us;
    o->source_key = work_source_key(w, SLICE_EMPTY);
    return o;
}

/* The recipient has its end; a message without others that wait is closed. */
static void end(struct work *w, struct queue_mail *mail, slice to)
{
    work_forget(w, mail, to);
    if (mail && mail->rcpt_count == 0)
        queue_close(&w->log->queue, mail);
}

bool opensmtpd_read(struct work *w)
{
    struct smtpd_record r;
    enum bounce_kind kind;
    int got = read_record(w->line->message, &r);
    if (got < 0)
        work_odd(w, "a delivery record that is cut off or damaged");
    if (got <= 0)
        return true;
    w->key.id = slice_sub(r.evpid, 0, MESSAGE_DIGITS);
    struct queue_mail *mail = queue_find(&w->log->queue, &w->key, QUEUE_AGENT);
    if (!kind_of(w, &r, &kind)) {
        if (slice_eq(r.result, S("Remove"))) /* by its administrator */
            end(w, mail, r.to);
        return true;
    }
    struct observation *o = observe(w, mail, &r);
    if (!o)
        return false;
    o->kind = kind;
    if (r.local && kind == BOUNCE_KIND_FAILED) /* so its reports say, and the log does not */
        o->status = S("5.3.0");
    if (r.local && kind == BOUNCE_KIND_DEFERRED)
        o->status = S("4.3.0");
    if (kind == BOUNCE_KIND_DEFERRED) {
        const slice texts[RCPT_TEXTS] = {o->recipient, o->sent_to, o->reply, o->status, o->remote_mta};
        return work_remember(w, texts, o);
    }
    if (kind == BOUNCE_KIND_EXPIRED)
        work_last_deferral(w, mail, o);
    end(w, mail, r.to);
    return true;
}
