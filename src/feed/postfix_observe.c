#include "feed/postfix_work.h"

int64_t work_time(const struct work *w)
{
    return stamp_time(&w->p->clock, w->line);
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

struct observation *work_observe(const struct work *w, const struct queue_mail *mail)
{
    struct observation *o = feed_add(w->out, w->arena);
    if (!o)
        return NULL;
    arena *a = w->arena;
    o->tenant = arena_dup(a, w->p->tenant);
    o->feed = arena_dup(a, buf_slice(&w->p->feed));
    o->format = S("postfix");
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
    w->p->counts.observations++;
    return o;
}
