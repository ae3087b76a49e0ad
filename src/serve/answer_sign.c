#include "serve/answer_sign.h"

#include "bounce/verp.h"

/* The newest key signs, all verify. Empty when no path can be made. */
static slice make_path(struct answerer *w, const struct knowledge *k, const struct ask *q, slice key, int64_t now_us,
                       slice *opaque)
{
    const struct answer_listener *l = &w->listener;
    slice path = SLICE_EMPTY;
    if (k->verp_key_count == 0)
        return SLICE_EMPTY;
    struct bounce_verp what = {.tenant = l->tenant,
                               .recipient = key,
                               .message = slice_empty(q->message_id) ? q->queue_id : q->message_id,
                               .opaque = SLICE_EMPTY,
                               .day = (uint32_t)(now_us / TIME_DAY)};
    enum bounce_status st = bounce_verp_make(&k->verp_keys[k->verp_key_count - 1], &what, l->sender_prefix,
                                             l->sender_domain, &w->a, &path, opaque);
    return st == BOUNCE_OK ? path : SLICE_EMPTY;
}

static slice signed_path(struct answerer *w, const struct ask *q, slice key, int64_t now_us)
{
    slice opaque = SLICE_EMPTY;
    if (slice_empty(key) || !w->knowledge)
        return SLICE_EMPTY;
    const struct knowledge *k = knowledge_hold(w->knowledge);
    slice path = make_path(w, k, q, key, now_us, &opaque);
    knowledge_release(&k);
    if (!slice_empty(path) && !slice_empty(opaque) && w->remember)
        w->remember(w->remember_ctx, w->listener.tenant, opaque, key);
    return path;
}

void answer_sign(struct answerer *w, const struct ask *q, slice key, int64_t now_us, struct ask_answer *out)
{
    struct verp_parts ours;
    if (verp_split(q->sender, &ours))
        return;
    slice path = signed_path(w, q, key, now_us);
    w->counts[slice_empty(path) ? ANSWER_UNSIGNED : ANSWER_SIGNED]++;
    if (slice_empty(path))
        return;
    if (w->listener.change_sender)
        out->new_sender = path;
    if (w->listener.reference && out->header_count < ASK_MAX_HEADERS)
        out->headers[out->header_count++] = (struct ask_header){S(ANSWER_REF_HEADER), path};
}
