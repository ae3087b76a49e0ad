#include "core/rates.h"

/* The refusals that older guides list as hard although a later message may pass (TAXONOMY: the pitfall named first). */
static bool guide_calls_hard(enum bounce_reason reason)
{
    switch (reason) {
    case BOUNCE_REASON_RELAY_DENIED:
    case BOUNCE_REASON_MESSAGE_TOO_LARGE:
    case BOUNCE_REASON_SENDER_IP_LISTED:
    case BOUNCE_REASON_SENDER_DOMAIN_LISTED:
    case BOUNCE_REASON_POLICY:
    case BOUNCE_REASON_SPAM_CONTENT:
    case BOUNCE_REASON_RECIPIENT_REFUSED:
        return true;
    default:
        return bounce_reason_class(reason) == BOUNCE_CLASS_HARD;
    }
}

static void add_failure(struct rates *r, enum bounce_reason reason, int64_t count)
{
    if (reason == BOUNCE_REASON_UPSTREAM_SUPPRESSED) {
        r->upstream += count;
        return;
    }
    if (reason == BOUNCE_REASON_LOCAL_ERROR) {
        r->local += count;
        return;
    }
    if (guide_calls_hard(reason))
        r->guide_hard += count;
    if (reason == BOUNCE_REASON_UNKNOWN)
        r->unknown += count;
    switch (bounce_reason_class(reason)) {
    case BOUNCE_CLASS_HARD:
        r->hard += count;
        break;
    case BOUNCE_CLASS_BLOCK:
        r->block += count;
        break;
    default:
        r->soft += count;
    }
}

void rates_add(struct rates *r, enum bounce_kind kind, enum bounce_reason reason, int64_t count)
{
    if (bounce_kind_final(kind))
        add_failure(r, reason, count);
    else if (bounce_kind_attempt(kind))
        r->deferred += count;
    else if (kind == BOUNCE_KIND_DELIVERED)
        r->delivered += count;
    else if (kind == BOUNCE_KIND_RELAYED)
        r->relayed += count;
    else if (kind == BOUNCE_KIND_COMPLAINT)
        r->complaint += count;
    else if (kind == BOUNCE_KIND_UNSUBSCRIBED)
        r->unsubscribed += count;
}

int64_t rates_sent(const struct rates *r)
{
    return r->delivered + r->relayed + r->hard + r->soft + r->block;
}

int64_t rates_ppm(int64_t part, int64_t whole)
{
    return whole > 0 ? (part * 1000000 + whole / 2) / whole : 0;
}
