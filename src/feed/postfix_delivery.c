#include "feed/postfix_record.h"
#include "feed/postfix_work.h"

/* ---- where a mail went ---- */

/* The next hop is on this machine and puts the mail into a queue of this machine again. */
static bool next_hop_is_ours(enum daemon daemon, const struct postfix_relay *relay)
{
    return relay->loopback || relay->socket || daemon == DAEMON_LOCAL || daemon == DAEMON_PIPE;
}

static enum bounce_kind kind_of_sent(const struct work *w, enum daemon daemon, const struct postfix_record *r,
                                     const struct postfix_relay *relay)
{
    bool queued = slice_find(r->text, S("queued as ")) != SLICE_NPOS;
    bool ours = relay->loopback || relay->socket;
    if (daemon == DAEMON_LOCAL)
        return slice_starts(r->text, S("forwarded as ")) ? BOUNCE_KIND_EXPANDED : BOUNCE_KIND_DELIVERED;
    if (daemon == DAEMON_VIRTUAL)
        return BOUNCE_KIND_DELIVERED;
    if (daemon == DAEMON_OTHER_AGENT) /* discard(8): nobody has it */
        return BOUNCE_KIND_RELAYED;
    if (work_is_relay(w->log, relay->name, relay->inside) || !slice_empty(postfix_ses_id(r->text)))
        return BOUNCE_KIND_RELAYED;
    if (daemon == DAEMON_PIPE)
        return BOUNCE_KIND_DELIVERED;
    if (daemon == DAEMON_LMTP) /* a mailbox server, or a filter that says that it queued the mail */
        return ours && queued ? BOUNCE_KIND_RELAYED : BOUNCE_KIND_DELIVERED;
    return ours ? BOUNCE_KIND_RELAYED : BOUNCE_KIND_DELIVERED;
}

/* ---- content filters: the mail goes on under another queue id ---- */

static bool inherit(struct queue *q, struct queue_mail *mail, struct kept *to, const struct kept *from)
{
    return to->n > 0 || queue_set(q, mail, to, kept_slice(*from));
}

static bool keep_alias(struct queue *q, struct queue_mail *mail, slice to, slice orig_to)
{
    const slice texts[RCPT_TEXTS] = {to, orig_to, SLICE_EMPTY, SLICE_EMPTY, SLICE_EMPTY};
    if (slice_empty(orig_to) || queue_rcpt(mail, to))
        return true;
    return queue_put_rcpt(q, mail, texts) != NULL;
}

/* Bequeaths what is known of `mail` to the queue id that the next hop named. */
static bool follow(const struct work *w, struct queue_mail *mail, slice next_id, slice to, slice orig_to)
{
    struct queue *q = &w->log->queue;
    const struct queue_key key = {w->key.host, w->key.instance, next_id};
    if (slice_eq(next_id, w->key.id) || next_id.n < POSTFIX_QUEUE_ID_MIN_BYTES || next_id.n > QUEUE_MAX_ID_BYTES)
        return true;
    struct queue_mail *next = queue_open(q, &key, QUEUE_AGENT, work_time(w));
    if (!next)
        return false;
    bool good = next->root.n > 0 || queue_set(q, next, &next->root, work_queue_path(w, mail));
    good = good && keep_alias(q, next, to, orig_to);
    if (mail) {
        good = good && inherit(q, next, &next->message_id, &mail->message_id) &&
               inherit(q, next, &next->campaign, &mail->campaign) && inherit(q, next, &next->stream, &mail->stream);
        if (good && !next->has_sender && mail->has_sender) {
            next->has_sender = true;
            good = queue_set(q, next, &next->sender, kept_slice(mail->sender));
        }
    }
    return good;
}

/* ---- deliveries ---- */

enum fate { FATE_SENT, FATE_FAILED, FATE_DEFERRED, FATE_PROBE_GOOD, FATE_PROBE_BAD };

static bool fate_of(slice status, enum fate *out)
{
    static const struct {
        slice word;
        enum fate fate;
    } words[] = {
        {SLICE_INIT("sent"), FATE_SENT},
        {SLICE_INIT("deferred"), FATE_DEFERRED},
        {SLICE_INIT("bounced"), FATE_FAILED},
        {SLICE_INIT("SOFTBOUNCE"), FATE_DEFERRED},
        {SLICE_INIT("deliverable"), FATE_PROBE_GOOD},
        {SLICE_INIT("undeliverable"), FATE_PROBE_BAD},
        {SLICE_INIT("undeliverable-but-not-cached"), FATE_PROBE_BAD},
    };
    for (size_t i = 0; i < ARRAY_LEN(words); i++) {
        if (slice_eq(status, words[i].word)) {
            *out = words[i].fate;
            return true;
        }
    }
    return false;
}

static slice known_orig_to(struct queue_mail *mail, const struct postfix_record *r)
{
    struct queue_rcpt *known = mail && slice_empty(r->orig_to) ? queue_rcpt(mail, r->to) : NULL;
    return known ? queue_rcpt_text(known, RCPT_ORIG_TO) : r->orig_to;
}

static void fill_delivery(const struct work *w, const struct postfix_record *r, const struct postfix_relay *relay,
                          struct observation *o)
{
    o->recipient = r->to;
    o->reply = work_reply(w, r->text);
    o->status = slice_sub(r->dsn, 0, LOG_MAX_STATUS_BYTES);
    o->phase = postfix_phase(r->text);
    o->tried_nothing = postfix_suspended(r->text);
    o->remote_mta = relay->name;
    if (slice_empty(relay->name) || slice_eq(relay->name, S("none")))
        o->remote_mta = postfix_text_host(r->text);
    o->remote_mta = slice_sub(o->remote_mta, 0, QUEUE_MAX_HOST_BYTES);
    if (o->time_us != TIME_NONE && r->delay_us != TIME_NONE)
        o->sent_us = o->time_us - r->delay_us;
    o->source_key = work_source_key(w, SLICE_EMPTY);
}

static bool sent(const struct work *w, enum daemon daemon, struct queue_mail *mail, const struct postfix_record *r,
                 const struct postfix_relay *relay, slice orig_to, struct observation *o)
{
    slice next_id = postfix_next_id(r->text);
    o->kind = kind_of_sent(w, daemon, r, relay);
    o->ids[ID_PROVIDER] = postfix_ses_id(r->text);
    bool good = true;
    if (!slice_empty(next_id) && o->kind != BOUNCE_KIND_DELIVERED && next_hop_is_ours(daemon, relay))
        good = follow(w, mail, next_id, r->to, orig_to);
    else if (o->kind == BOUNCE_KIND_RELAYED && slice_empty(o->ids[ID_PROVIDER]))
        o->ids[ID_PROVIDER] = next_id;
    return good;
}

static bool read_record(slice s, struct postfix_record *r, enum fate *fate)
{
    if (!postfix_record_parse(s, r) || !fate_of(r->status, fate))
        return false;
    if (slice_chr(r->orig_to, '@') == SLICE_NPOS) /* "postmaster": nobody sends to that from outside */
        r->orig_to = SLICE_EMPTY;
    return r->to.n <= LOG_MAX_FIELD_BYTES && r->orig_to.n <= LOG_MAX_FIELD_BYTES;
}

bool postfix_delivery(struct work *w, enum daemon daemon)
{
    if (!slice_starts(w->rest, S("to=<")))
        return true;
    struct postfix_record r;
    struct postfix_relay relay;
    enum fate fate;
    slice copy = arena_dup(w->arena, w->rest);
    if (copy.n != w->rest.n)
        return false;
    if (!read_record(copy, &r, &fate)) {
        work_odd(w, "a delivery record that is cut off or damaged");
        return true;
    }
    w->log->counts.probes += fate == FATE_PROBE_GOOD || fate == FATE_PROBE_BAD;
    if (fate == FATE_PROBE_GOOD)
        return true;
    struct queue_mail *mail = queue_find(&w->log->queue, &w->key, QUEUE_AGENT);
    struct observation *o = work_observe(w, mail);
    if (!o)
        return false;
    slice orig_to = arena_dup(w->arena, known_orig_to(mail, &r));
    o->sent_to = orig_to;
    postfix_relay_parse(r.relay, &relay);
    fill_delivery(w, &r, &relay, o);
    o->kind = fate == FATE_FAILED ? BOUNCE_KIND_FAILED : BOUNCE_KIND_DEFERRED;
    o->tried_nothing |= fate == FATE_PROBE_BAD;
    if (fate == FATE_DEFERRED) {
        const slice texts[RCPT_TEXTS] = {r.to, orig_to, o->reply, o->status, o->remote_mta};
        return work_remember(w, texts, o);
    }
    bool good = fate != FATE_SENT || sent(w, daemon, mail, &r, &relay, orig_to, o);
    work_forget(w, mail, r.to);
    return good;
}
