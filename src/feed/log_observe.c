#include "base/text.h"
#include "feed/log_work.h"

#define MAX_ODD_WORD_BYTES 80u

int64_t work_time(const struct work *w)
{
    return stamp_time(&w->log->clock, w->line);
}

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

slice work_queue_path(const struct work *w, const struct queue_mail *mail)
{
    if (!mail)
        return join_path(w->arena, w->key.host, w->key.instance, w->key.id);
    if (mail->root.n)
        return arena_dup(w->arena, kept_slice(mail->root));
    return join_path(w->arena, mail->host, kept_slice(mail->instance), mail->id);
}

struct hash128 work_source_key(const struct work *w, slice recipient)
{
    struct hash128 h = hash128(w->key.host);
    h = hash128_more(h, w->key.instance);
    h = hash128_more(h, w->line->stamp);
    h = hash128_more(h, w->line->message);
    return slice_empty(recipient) ? h : hash128_more(h, recipient);
}

slice work_feed(const struct work *w)
{
    return w->log->feed.n ? arena_dup(w->arena, buf_slice(&w->log->feed)) : w->dialect;
}

struct observation *work_observe(const struct work *w, const struct queue_mail *mail)
{
    struct observation *o = feed_add(w->out, w->arena);
    if (!o)
        return NULL;
    arena *a = w->arena;
    o->tenant = arena_dup(a, w->log->tenant);
    o->feed = work_feed(w);
    o->format = w->dialect;
    o->trust = TRUST_PROVEN;
    o->time_us = work_time(w);
    o->reporting_mta = arena_dup(a, w->key.host);
    o->ids[ID_QUEUE] = work_queue_path(w, mail);
    if (mail) {
        o->ids[ID_MESSAGE] = arena_dup(a, kept_slice(mail->message_id));
        o->sender = mail->has_sender && mail->sender.n == 0 ? S("<>") : arena_dup(a, kept_slice(mail->sender));
        o->campaign = arena_dup(a, kept_slice(mail->campaign));
        o->stream = arena_dup(a, kept_slice(mail->stream));
    }
    w->log->counts.observations++;
    return o;
}

slice work_reply(const struct work *w, slice text)
{
    text = charset_decode(w->log->charsets, w->arena, SLICE_EMPTY, slice_sub(text, 0, LOG_MAX_REPLY_BYTES), NULL, NULL);
    return slice_sub(text, 0, LOG_MAX_REPLY_BYTES);
}

void work_odd_word(const struct work *w, slice word, const char *what)
{
    w->log->counts.odd++;
    buf_clear(&w->log->odd);
    text_add_safe(&w->log->odd, word, MAX_ODD_WORD_BYTES);
    buf_adds(&w->log->odd, slice_empty(word) ? "" : " ");
    buf_adds(&w->log->odd, what);
}

void work_odd(const struct work *w, const char *what)
{
    work_odd_word(w, SLICE_EMPTY, what);
}

/* ---- next hops ---- */

static bool names_host(slice name, slice host)
{
    if (name.n && name.p[0] == '.')
        return slice_ends_ci(host, name);
    return slice_eq_ci(slice_unwrap(name, '[', ']'), host);
}

bool work_is_relay(const struct maillog *m, slice host, slice ip)
{
    for (size_t i = 0; i < m->relays.n; i++)
        if (names_host(m->relays.items[i], host) || (ip.n && names_host(m->relays.items[i], ip)))
            return true;
    return false;
}

/* ---- deferrals ---- */

bool work_remember(const struct work *w, const slice texts[RCPT_TEXTS], const struct observation *o)
{
    struct queue *q = &w->log->queue;
    struct queue_mail *mail = queue_open(q, &w->key, QUEUE_AGENT, o->time_us);
    if (!mail)
        return false;
    struct queue_rcpt *rcpt = queue_rcpt(mail, texts[RCPT_TO]);
    bool tells_less = o->tried_nothing || (slice_empty(o->reply) && rcpt && rcpt->bytes[RCPT_REPLY]);
    if (rcpt && rcpt->waits && rcpt->tried && tells_less) /* the last real reply tells more */
        return true;
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

void work_forget(const struct work *w, struct queue_mail *mail, slice to)
{
    struct queue_rcpt *rcpt = mail ? queue_rcpt(mail, to) : NULL;
    if (rcpt)
        queue_drop_rcpt(&w->log->queue, mail, rcpt);
}

/* ---- expiries ---- */

bool work_expire(const struct work *w, struct queue_mail *mail)
{
    size_t waiting = 0;
    for (uint32_t i = 0; mail && i < mail->rcpt_count; i++) {
        struct queue_rcpt *r = &mail->rcpts[i];
        if (!r->waits)
            continue;
        waiting++;
        struct observation *o = work_observe(w, mail);
        if (!o)
            return false;
        o->kind = BOUNCE_KIND_EXPIRED;
        o->recipient = arena_dup(w->arena, queue_rcpt_text(r, RCPT_TO));
        o->sent_to = arena_dup(w->arena, queue_rcpt_text(r, RCPT_ORIG_TO));
        o->reply = arena_dup(w->arena, queue_rcpt_text(r, RCPT_REPLY));
        o->status = arena_dup(w->arena, queue_rcpt_text(r, RCPT_STATUS));
        o->remote_mta = arena_dup(w->arena, queue_rcpt_text(r, RCPT_RELAY));
        o->phase = r->phase;
        o->source_key = work_source_key(w, o->recipient);
    }
    w->log->counts.orphans += waiting == 0;
    for (uint32_t i = 0; mail && i < mail->rcpt_count; i++)
        mail->rcpts[i].waits = false;
    if (waiting > 0)
        queue_touch(&w->log->queue, mail);
    return true;
}

void work_last_deferral(const struct work *w, struct queue_mail *mail, struct observation *o)
{
    const struct queue_rcpt *last = mail ? queue_rcpt(mail, o->recipient) : NULL;
    if (!last || !last->waits) {
        w->log->counts.orphans++;
        return;
    }
    o->reply = arena_dup(w->arena, queue_rcpt_text(last, RCPT_REPLY));
    o->phase = last->phase;
    if (slice_empty(o->status))
        o->status = arena_dup(w->arena, queue_rcpt_text(last, RCPT_STATUS));
    if (slice_empty(o->remote_mta))
        o->remote_mta = arena_dup(w->arena, queue_rcpt_text(last, RCPT_RELAY));
    if (slice_empty(o->sent_to))
        o->sent_to = arena_dup(w->arena, queue_rcpt_text(last, RCPT_ORIG_TO));
}
