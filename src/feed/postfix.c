#include "feed/postfix.h"

#include <stdlib.h>

#include "feed/postfix_record.h"
#include "feed/queue.h"

#define QUEUE_ID_MIN_BYTES 5u
#define MAX_FIELD_BYTES 2048u /* Message-ID, addresses: Postfix cuts lines at 2000 */
#define MAX_HEADER_VALUE_BYTES 256u
#define MAX_STATUS_BYTES 32u

static const slice memory_magic = SLICE_INIT("PF1");
static const slice default_campaign_headers[] = {SLICE_INIT("X-Campaign"),   SLICE_INIT("X-Campaign-ID"),
                                                 SLICE_INIT("X-CampaignID"), SLICE_INIT("X-Campaign-Name"),
                                                 SLICE_INIT("X-Job"),        SLICE_INIT("X-Mailing-ID")};
static const slice default_stream_headers[] = {SLICE_INIT("X-Stream"), SLICE_INIT("X-Mail-Stream")};

struct names {
    const slice *items;
    size_t n;
};

struct postfix {
    arena fixed; /* copies of the options */
    struct names relays, campaign_headers, stream_headers;
    slice host, tenant;
    buf feed;
    struct stamp_clock clock;
    struct queue queue;
    struct postfix_counts counts;
};

enum daemon {
    DAEMON_NONE,
    DAEMON_SMTP,
    DAEMON_LMTP,
    DAEMON_LOCAL,
    DAEMON_VIRTUAL,
    DAEMON_PIPE,
    DAEMON_OTHER_AGENT,
    DAEMON_QMGR,
    DAEMON_CLEANUP,
    DAEMON_POSTSUPER
};

/* A line on its way through the dialect. */
struct work {
    struct postfix *p;
    const struct syslog_line *line;
    enum daemon daemon;
    struct queue_key key;
    slice rest; /* behind "QID: " */
    arena *arena;
    struct feed_list *out;
};

/* ---- life ---- */

static bool copy_names(arena *a, const slice *given, size_t n, const slice *usual, size_t usual_n, struct names *out)
{
    if (!given) {
        given = usual;
        n = usual_n;
    }
    slice *items = arena_calloc(a, n, sizeof *items);
    if (!items)
        return false;
    for (size_t i = 0; i < n; i++)
        items[i] = arena_dup(a, given[i]);
    *out = (struct names){items, n};
    return true;
}

static bool copy_zone(arena *a, const struct zone *zone, struct zone *out)
{
    *out = (struct zone){0};
    if (!zone)
        return true;
    struct zone_shift *shifts = arena_calloc(a, zone->n, sizeof *shifts);
    if (!shifts)
        return false;
    if (zone->n)
        memcpy(shifts, zone->shifts, zone->n * sizeof *shifts);
    *out = (struct zone){zone->offset_s, shifts, zone->n};
    return true;
}

static bool copy_options(struct postfix *p, const struct postfix_options *o)
{
    arena *a = &p->fixed;
    struct zone zone;
    if (!copy_zone(a, o->zone, &zone) || !copy_names(a, o->relays, o->relay_count, o->relays, 0, &p->relays) ||
        !copy_names(a, o->campaign_headers, o->campaign_header_count, default_campaign_headers,
                    ARRAY_LEN(default_campaign_headers), &p->campaign_headers) ||
        !copy_names(a, o->stream_headers, o->stream_header_count, default_stream_headers,
                    ARRAY_LEN(default_stream_headers), &p->stream_headers))
        return false;
    p->host = arena_dup(a, o->host.p ? o->host : SLICE_EMPTY);
    p->tenant = arena_dup(a, o->tenant.p ? o->tenant : SLICE_EMPTY);
    stamp_clock_init(&p->clock, o->reference_us, &zone);
    queue_init(&p->queue, o->max_memory_bytes ? o->max_memory_bytes : POSTFIX_MAX_MEMORY_BYTES,
               o->max_age_us ? o->max_age_us : POSTFIX_MAX_AGE_US);
    buf_add(&p->feed, o->feed.p ? o->feed : SLICE_EMPTY);
    return !a->limited && !p->feed.failed;
}

struct postfix *postfix_new(const struct postfix_options *o)
{
    struct postfix *p = calloc(1, sizeof *p);
    if (!p)
        return NULL;
    arena_init(&p->fixed, 0);
    buf_init(&p->feed, 0);
    if (!copy_options(p, o))
        postfix_free(&p);
    return p;
}

void postfix_free(struct postfix **p)
{
    if (!*p)
        return;
    buf_fini(&(*p)->feed);
    queue_fini(&(*p)->queue);
    arena_fini(&(*p)->fixed);
    free(*p);
    *p = NULL;
}

void postfix_file(struct postfix *p, slice feed, int64_t reference_us)
{
    buf_clear(&p->feed);
    buf_add(&p->feed, feed);
    p->clock.reference_us = reference_us;
    p->clock.cached_us = TIME_NONE;
}

const struct postfix_counts *postfix_counts(const struct postfix *p)
{
    return &p->counts;
}

size_t postfix_open(const struct postfix *p)
{
    return p->queue.n;
}

bool postfix_changed(const struct postfix *p)
{
    return p->queue.changed;
}

/* ---- memory ---- */

void postfix_export(struct postfix *p, buf *out)
{
    buf_add(out, memory_magic);
    for (unsigned i = 0; i < 8; i++)
        buf_addc(out, (char)((uint64_t)p->clock.last_us >> (8 * i)));
    queue_export(&p->queue, out);
    if (!out->failed)
        p->queue.changed = false;
}

bool postfix_import(struct postfix *p, slice memory)
{
    uint64_t last = 0;
    queue_fini(&p->queue);
    p->clock.cached_us = TIME_NONE;
    bool good = memory.n >= memory_magic.n + 8 && slice_starts(memory, memory_magic);
    if (good) {
        for (unsigned i = 8; i-- > 0;)
            last = last << 8 | (unsigned char)memory.p[memory_magic.n + i];
        good = queue_import(&p->queue, slice_from(memory, memory_magic.n + 8));
    }
    if (!good)
        queue_fini(&p->queue);
    p->clock.last_us = good ? (int64_t)last : TIME_NONE;
    p->queue.changed = false;
    return good;
}

/* ---- observations ---- */

/* a/b/c in the arena */
static slice join_path(arena *a, slice x, slice y, slice z)
{
    size_t n = x.n + y.n + z.n + 2;
    char *p = arena_alloc(a, n);
    if (!p)
        return SLICE_EMPTY;
    memcpy(p, x.p, x.n);
    p[x.n] = '/';
    memcpy(p + x.n + 1, y.p, y.n);
    p[x.n + 1 + y.n] = '/';
    memcpy(p + x.n + y.n + 2, z.p, z.n);
    return slice_of(p, n);
}

static slice queue_path(const struct work *w, const struct queue_mail *mail)
{
    if (!mail)
        return join_path(w->arena, w->key.host, w->key.instance, w->key.id);
    if (mail->root.n)
        return arena_dup(w->arena, kept_slice(mail->root));
    return join_path(w->arena, mail->host, kept_slice(mail->instance), mail->id);
}

/* The line as its writer wrote it; never a path, a year of ours or a pid. */
static struct hash128 source_key(const struct work *w, slice recipient)
{
    struct hash128 h = hash128(w->key.host);
    h = hash128_more(h, w->key.instance);
    h = hash128_more(h, w->line->stamp);
    h = hash128_more(h, w->line->message);
    return slice_empty(recipient) ? h : hash128_more(h, recipient);
}

/* An observation with all that the line and the mail tell, no matter of which status. */
static struct observation *observe(const struct work *w, const struct queue_mail *mail)
{
    struct observation *o = feed_add(w->out, w->arena);
    if (!o)
        return NULL;
    arena *a = w->arena;
    o->tenant = arena_dup(a, w->p->tenant);
    o->feed = arena_dup(a, buf_slice(&w->p->feed));
    o->format = S("postfix");
    o->trust = TRUST_PROVEN;
    o->time_us = stamp_time(&w->p->clock, w->line);
    o->reporting_mta = arena_dup(a, w->key.host);
    o->ids[ID_QUEUE] = queue_path(w, mail);
    if (mail) {
        o->ids[ID_MESSAGE] = arena_dup(a, kept_slice(mail->message_id));
        o->sender = mail->has_sender && mail->sender.n == 0 ? S("<>") : arena_dup(a, kept_slice(mail->sender));
        o->campaign = arena_dup(a, kept_slice(mail->campaign));
        o->stream = arena_dup(a, kept_slice(mail->stream));
    }
    w->p->counts.observations++;
    return o;
}

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
    if (slice_eq(next_id, w->key.id) || next_id.n < QUEUE_ID_MIN_BYTES || next_id.n > QUEUE_MAX_ID_BYTES)
        return true;
    struct queue_mail *next = queue_open(q, &key, QUEUE_AGENT, stamp_time(&w->p->clock, w->line));
    if (!next)
        return false;
    bool good = next->root.n > 0 || queue_set(q, &next->root, queue_path(w, mail));
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
    o->source_key = source_key(w, SLICE_EMPTY);
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

static bool delivery(struct work *w)
{
    struct postfix_record r;
    struct postfix_relay relay;
    enum fate fate;
    slice copy = arena_dup(w->arena, w->rest);
    if (copy.n != w->rest.n)
        return false;
    if (!postfix_record_parse(copy, &r) || !fate_of(r.status, &fate) || r.to.n > MAX_FIELD_BYTES ||
        r.orig_to.n > MAX_FIELD_BYTES) {
        w->p->counts.odd++;
        return true;
    }
    w->p->counts.probes += fate == FATE_PROBE_GOOD || fate == FATE_PROBE_BAD;
    if (fate == FATE_PROBE_GOOD)
        return true;
    struct queue_mail *mail = queue_find(&w->p->queue, &w->key, QUEUE_AGENT);
    struct observation *o = observe(w, mail);
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

/* ---- the other lines of a mail ---- */

static bool expire(struct work *w, struct queue_mail *mail)
{
    size_t waiting = 0;
    for (uint32_t i = 0; mail && i < mail->rcpt_count; i++) {
        struct queue_rcpt *r = &mail->rcpts[i];
        if (!r->waits)
            continue;
        waiting++;
        struct observation *o = observe(w, mail);
        if (!o)
            return false;
        o->kind = BOUNCE_KIND_EXPIRED;
        o->recipient = arena_dup(w->arena, queue_rcpt_text(r, RCPT_TO));
        o->sent_to = arena_dup(w->arena, queue_rcpt_text(r, RCPT_ORIG_TO));
        o->reply = arena_dup(w->arena, queue_rcpt_text(r, RCPT_REPLY));
        o->status = arena_dup(w->arena, queue_rcpt_text(r, RCPT_STATUS));
        o->remote_mta = arena_dup(w->arena, queue_rcpt_text(r, RCPT_RELAY));
        o->phase = r->phase;
        o->source_key = source_key(w, o->recipient);
    }
    w->p->counts.orphans += waiting == 0;
    for (uint32_t i = 0; mail && i < mail->rcpt_count; i++)
        mail->rcpts[i].waits = false;
    w->p->queue.changed |= waiting > 0;
    return true;
}

/* qmgr: "from=<a@b>, size=1, nrcpt=1 (queue active)" or "from=<a@b>, status=expired, returned to sender" */
static bool queue_manager(struct work *w)
{
    slice sender, rest;
    struct queue *q = &w->p->queue;
    if (slice_starts(w->rest, S("removed"))) {
        struct queue_mail *mail = queue_find(q, &w->key, QUEUE_MANAGER);
        if (mail)
            queue_close(q, mail);
        return true;
    }
    if (!slice_starts(w->rest, S("from=")) || !postfix_bracketed(slice_from(w->rest, 5), &sender, &rest))
        return true;
    if (slice_starts(rest, S(", status=expired")) || slice_starts(rest, S(", status=force-expired")))
        return expire(w, queue_find(q, &w->key, QUEUE_MANAGER));
    struct queue_mail *mail = queue_open(q, &w->key, QUEUE_MANAGER, stamp_time(&w->p->clock, w->line));
    if (!mail)
        return false;
    mail->has_sender = true;
    return queue_set(q, &mail->sender, slice_sub(sender, 0, MAX_FIELD_BYTES));
}

static bool names_header(const struct names *names, slice name)
{
    for (size_t i = 0; i < names->n; i++)
        if (slice_eq_ci(names->items[i], name))
            return true;
    return false;
}

/* header_checks: "info: header X-Campaign: spring from localhost[127.0.0.1]; from=<a> to=<b> proto=ESMTP helo=<x>" */
static bool logged_header(struct work *w, slice s)
{
    struct queue *q = &w->p->queue;
    size_t colon = slice_chr(s, ':');
    if (colon == SLICE_NPOS)
        return true;
    slice name = slice_of(s.p, colon);
    bool campaign = names_header(&w->p->campaign_headers, name);
    if (!campaign && !names_header(&w->p->stream_headers, name))
        return true;
    slice value = slice_from(s, colon + 1);
    size_t end = slice_find(value, S("; from=<"));
    if (end != SLICE_NPOS)
        value.n = end;
    for (size_t i = value.n; i-- > 0;) /* what stands in front of "; from=" is the client */
        if (slice_starts(slice_from(value, i), S(" from "))) {
            value.n = i;
            break;
        }
    struct queue_mail *mail = queue_open(q, &w->key, QUEUE_CLEANUP, stamp_time(&w->p->clock, w->line));
    value = slice_sub(slice_trim(value), 0, MAX_HEADER_VALUE_BYTES);
    return mail && queue_set(q, campaign ? &mail->campaign : &mail->stream, value);
}

static bool message_id(struct work *w, slice id, bool resent)
{
    id = slice_trim(id);
    if (id.n && id.p[0] == '<')
        id = slice_from(id, 1);
    if (id.n && id.p[id.n - 1] == '>')
        id.n--;
    struct queue_mail *mail = queue_open(&w->p->queue, &w->key, QUEUE_CLEANUP, stamp_time(&w->p->clock, w->line));
    if (!mail)
        return false;
    if (resent && mail->message_id.n)
        return true;
    return queue_set(&w->p->queue, &mail->message_id, slice_sub(id, 0, MAX_FIELD_BYTES));
}

static bool cleanup(struct work *w)
{
    static const slice headers[] = {SLICE_INIT("info: header "), SLICE_INIT("warning: header ")};
    if (slice_starts(w->rest, S("message-id=")))
        return message_id(w, slice_from(w->rest, 11), false);
    if (slice_starts(w->rest, S("resent-message-id=")))
        return message_id(w, slice_from(w->rest, 18), true);
    for (size_t i = 0; i < ARRAY_LEN(headers); i++)
        if (slice_starts(w->rest, headers[i]))
            return logged_header(w, slice_from(w->rest, headers[i].n));
    return true;
}

static bool agent(struct work *w)
{
    return slice_starts(w->rest, S("to=<")) ? delivery(w) : true;
}

/* ---- lines ---- */

typedef bool (*handler)(struct work *w);

static const struct daemon_row {
    slice name;
    enum daemon daemon;
    handler handle;
} daemons[] = {
    {SLICE_INIT("smtp"), DAEMON_SMTP, agent},          {SLICE_INIT("qmgr"), DAEMON_QMGR, queue_manager},
    {SLICE_INIT("cleanup"), DAEMON_CLEANUP, cleanup},  {SLICE_INIT("lmtp"), DAEMON_LMTP, agent},
    {SLICE_INIT("local"), DAEMON_LOCAL, agent},        {SLICE_INIT("virtual"), DAEMON_VIRTUAL, agent},
    {SLICE_INIT("pipe"), DAEMON_PIPE, agent},          {SLICE_INIT("error"), DAEMON_OTHER_AGENT, agent},
    {SLICE_INIT("retry"), DAEMON_OTHER_AGENT, agent},  {SLICE_INIT("discard"), DAEMON_OTHER_AGENT, agent},
    {SLICE_INIT("bounce"), DAEMON_OTHER_AGENT, agent}, {SLICE_INIT("oqmgr"), DAEMON_QMGR, queue_manager},
    {SLICE_INIT("nqmgr"), DAEMON_QMGR, queue_manager}, {SLICE_INIT("postsuper"), DAEMON_POSTSUPER, queue_manager},
};

static const struct daemon_row *find_daemon(slice name)
{
    for (size_t i = 0; i < ARRAY_LEN(daemons); i++)
        if (daemons[i].name.n == name.n && memcmp(daemons[i].name.p, name.p, name.n) == 0)
            return &daemons[i];
    return NULL;
}

/* "postfix/submission/smtpd": the instance is what stands before the first slash. */
static slice instance_of(slice tag)
{
    return slice_of(tag.p, slice_chr(tag, '/'));
}

/* Takes "QID: " off the message. Short ids are hexadecimal, long ones have 52 letters and digits. */
static bool take_queue_id(slice *message, slice *id)
{
    const char *colon =
        memchr(message->p, ':', message->n < QUEUE_MAX_ID_BYTES + 1 ? message->n : QUEUE_MAX_ID_BYTES + 1);
    size_t n = colon ? (size_t)(colon - message->p) : 0;
    if (n < QUEUE_ID_MIN_BYTES || n + 2 > message->n || message->p[n + 1] != ' ')
        return false;
    for (size_t i = 0; i < n; i++)
        if (!ascii_alnum(message->p[i]))
            return false;
    *id = slice_of(message->p, n);
    *message = slice_from(*message, n + 2);
    return true;
}

/* The syslog daemon or journald told that lines are missing. */
static bool is_drop_notice(slice message)
{
    static const slice words[] = {SLICE_INIT("begins to drop messages"), SLICE_INIT("begin to drop messages"),
                                  SLICE_INIT("messages lost due to rate-limiting"), SLICE_INIT("Missed ")};
    for (size_t i = 0; i < ARRAY_LEN(words); i++)
        if (slice_find(message, words[i]) != SLICE_NPOS)
            return true;
    return slice_find(message, S("uppressed ")) != SLICE_NPOS && slice_find(message, S(" messages")) != SLICE_NPOS;
}

static bool other_program(struct postfix *p, const struct syslog_line *line)
{
    if (slice_starts(line->tag, S("rsyslogd")) || slice_starts(line->tag, S("systemd-journal")) ||
        slice_starts(line->tag, S("journal")))
        p->counts.drop_notices += is_drop_notice(line->message);
    return true;
}

bool postfix_entry(struct postfix *p, const struct syslog_line *line, arena *a, struct feed_list *out)
{
    p->counts.lines++;
    size_t slash = slice_rchr(line->tag, '/');
    if (slash == SLICE_NPOS)
        return other_program(p, line);
    const struct daemon_row *row = find_daemon(slice_from(line->tag, slash + 1));
    p->counts.ours++;
    if (!row)
        return true;
    struct work w = {.p = p, .line = line, .daemon = row->daemon, .arena = a, .out = out, .rest = line->message};
    w.key.host = slice_empty(line->host) ? p->host : line->host;
    w.key.instance = instance_of(line->tag);
    if (!take_queue_id(&w.rest, &w.key.id))
        return true;
    if (w.key.host.n > QUEUE_MAX_HOST_BYTES || w.key.instance.n > QUEUE_MAX_HOST_BYTES) {
        p->counts.odd++;
        return true;
    }
    bool good = row->handle(&w);
    queue_trim(&p->queue);
    p->counts.evicted = p->queue.evicted;
    return good;
}

bool postfix_line(struct postfix *p, slice line, arena *a, struct feed_list *out)
{
    struct syslog_line parsed;
    if (!syslog_parse(line, &parsed)) {
        p->counts.lines++;
        return true;
    }
    return postfix_entry(p, &parsed, a, out);
}

bool postfix_block(struct postfix *p, slice lines, arena *a, struct feed_list *out)
{
    bool good = true;
    while (lines.n) {
        const char *end = memchr(lines.p, '\n', lines.n);
        size_t n = end ? (size_t)(end - lines.p) : lines.n;
        good &= postfix_line(p, slice_of(lines.p, n), a, out);
        lines = slice_from(lines, end ? n + 1 : n);
    }
    return good;
}

bool postfix_journal(struct postfix *p, slice entries, arena *a, struct feed_list *out)
{
    struct journal_entry e;
    bool good = true;
    for (int more; (more = journal_next(&entries, true, &e)) != 0;)
        if (more > 0)
            good &= postfix_entry(p, &e.line, a, out);
    return good;
}
