#include "feed/postfix_record.h"
#include "feed/postfix_work.h"

#define MAX_STATUS_BYTES 32u

static slice reply_of(slice text)
{
    return slice_sub(text, 0, POSTFIX_MAX_REPLY_BYTES);
}

/* ---- where a mail went ---- */

static bool names_host(slice name, slice host)
{
    if (name.n && name.p[0] == '.')
        return slice_ends_ci(host, name);
    return slice_eq_ci(slice_unwrap(name, '[', ']'), host);
}

static bool is_relay(const struct postfix *p, const struct postfix_relay *relay)
{
    for (size_t i = 0; i < p->relays.n; i++)
        if (names_host(p->relays.items[i], relay->name) ||
            (relay->inside.n && names_host(p->relays.items[i], relay->inside)))
            return true;
    return false;
}

/* The next hop is on this machine and puts the mail into a queue of this machine again. */
static bool next_hop_is_ours(const struct work *w, const struct postfix_relay *relay)
{
    return relay->loopback || relay->socket || w->daemon == DAEMON_LOCAL || w->daemon == DAEMON_PIPE;
}

static enum bounce_kind kind_of_sent(const struct work *w, const struct postfix_record *r,
                                     const struct postfix_relay *relay)
{
    bool queued = slice_find(r->text, S("queued as ")) != SLICE_NPOS;
    bool ours = relay->loopback || relay->socket;
    if (w->daemon == DAEMON_LOCAL)
        return slice_starts(r->text, S("forwarded as ")) ? BOUNCE_KIND_EXPANDED : BOUNCE_KIND_DELIVERED;
    if (w->daemon == DAEMON_VIRTUAL)
        return BOUNCE_KIND_DELIVERED;
    if (w->daemon == DAEMON_OTHER_AGENT) /* discard(8): nobody has it */
        return BOUNCE_KIND_RELAYED;
    if (is_relay(w->p, relay) || !slice_empty(postfix_ses_id(r->text)))
        return BOUNCE_KIND_RELAYED;
    if (w->daemon == DAEMON_PIPE)
        return BOUNCE_KIND_DELIVERED;
    if (w->daemon == DAEMON_LMTP) /* a mailbox server, or a filter that says that it queued the mail */
        return ours && queued ? BOUNCE_KIND_RELAYED : BOUNCE_KIND_DELIVERED;
    return ours ? BOUNCE_KIND_RELAYED : BOUNCE_KIND_DELIVERED;
}

/* ---- content filters: the mail goes on under another queue id ---- */

static bool inherit(struct queue *q, struct kept *to, const struct kept *from)
{
    return to->n > 0 || queue_set(q, to, kept_slice(*from));
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
    struct queue *q = &w->p->queue;
    const struct queue_key key = {w->key.host, w->key.instance, next_id};
    if (slice_eq(next_id, w->key.id) || next_id.n < POSTFIX_QUEUE_ID_MIN_BYTES || next_id.n > QUEUE_MAX_ID_BYTES)
        return true;
    struct queue_mail *next = queue_open(q, &key, QUEUE_AGENT, work_time(w));
    if (!next)
        return false;
    bool good = next->root.n > 0 || queue_set(q, &next->root, work_queue_path(w, mail));
    good = good && keep_alias(q, next, to, orig_to);
    if (mail) {
        good = good && inherit(q, &next->message_id, &mail->message_id) &&
               inherit(q, &next->campaign, &mail->campaign) && inherit(q, &next->stream, &mail->stream);
        if (good && !next->has_sender && mail->has_sender) {
            next->has_sender = true;
            good = queue_set(q, &next->sender, kept_slice(mail->sender));
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
    o->reply = reply_of(r->text);
    o->status = slice_sub(r->dsn, 0, MAX_STATUS_BYTES);
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

/* Keeps the deferral for an expiry, which will name neither recipient nor reply. */
static bool remember(const struct work *w, const struct postfix_record *r, slice orig_to, const struct observation *o)
{
    struct queue *q = &w->p->queue;
    struct queue_mail *mail = queue_open(q, &w->key, QUEUE_AGENT, o->time_us);
    if (!mail)
        return false;
    struct queue_rcpt *rcpt = queue_rcpt(mail, r->to);
    if (rcpt && rcpt->waits && rcpt->tried && o->tried_nothing) /* the last real reply tells more */
        return true;
    const slice texts[RCPT_TEXTS] = {r->to, orig_to, o->reply, o->status, o->remote_mta};
    if (!rcpt && mail->rcpt_count >= QUEUE_MAX_RCPTS) {
        q->evicted++;
        return true;
    }
    rcpt = queue_put_rcpt(q, mail, texts);
    if (!rcpt)
        return false;
    rcpt->waits = true;
    rcpt->tried = !o->tried_nothing;
    rcpt->phase = o->phase;
    return true;
}

static void forget(const struct work *w, struct queue_mail *mail, slice to)
{
    struct queue_rcpt *rcpt = mail ? queue_rcpt(mail, to) : NULL;
    if (rcpt)
        queue_drop_rcpt(&w->p->queue, mail, rcpt);
}

static bool sent(const struct work *w, struct queue_mail *mail, const struct postfix_record *r,
                 const struct postfix_relay *relay, slice orig_to, struct observation *o)
{
    slice next_id = postfix_next_id(r->text);
    o->kind = kind_of_sent(w, r, relay);
    o->ids[ID_PROVIDER] = postfix_ses_id(r->text);
    bool good = true;
    if (!slice_empty(next_id) && o->kind != BOUNCE_KIND_DELIVERED && next_hop_is_ours(w, relay))
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
    return r->to.n <= POSTFIX_MAX_FIELD_BYTES && r->orig_to.n <= POSTFIX_MAX_FIELD_BYTES;
}

bool work_delivery(struct work *w)
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
        w->p->counts.odd++;
        return true;
    }
    w->p->counts.probes += fate == FATE_PROBE_GOOD || fate == FATE_PROBE_BAD;
    if (fate == FATE_PROBE_GOOD)
        return true;
    struct queue_mail *mail = queue_find(&w->p->queue, &w->key, QUEUE_AGENT);
    struct observation *o = work_observe(w, mail);
    if (!o)
        return false;
    slice orig_to = arena_dup(w->arena, known_orig_to(mail, &r));
    o->sent_to = orig_to;
    postfix_relay_parse(r.relay, &relay);
    fill_delivery(w, &r, &relay, o);
    o->kind = fate == FATE_FAILED ? BOUNCE_KIND_FAILED : BOUNCE_KIND_DEFERRED;
    o->tried_nothing |= fate == FATE_PROBE_BAD;
    if (fate == FATE_DEFERRED)
        return remember(w, &r, orig_to, o);
    bool good = fate != FATE_SENT || sent(w, mail, &r, &relay, orig_to, o);
    forget(w, mail, r.to);
    return good;
}
