#include "core/rates.h"

/* What older guides list as hard although a later message may pass (docs/taxonomy.md): every refusal for good. Of block those that
 * were deferred until the server gave up (4xx) are not: guides call them soft as we do. */
static bool guide_calls_hard(enum bounce_kind kind, enum bounce_reason reason)
{
    enum bounce_class c = bounce_reason_class(reason);
    if (c == BOUNCE_CLASS_HARD)
        return true;
    return kind == BOUNCE_KIND_FAILED && (c == BOUNCE_CLASS_BLOCK || reason == BOUNCE_REASON_RELAY_DENIED ||
                                          reason == BOUNCE_REASON_MESSAGE_TOO_LARGE);
}

static void add_failure(struct rates *r, enum bounce_kind kind, enum bounce_reason reason, int64_t count)
{
    if (reason == BOUNCE_REASON_UPSTREAM_SUPPRESSED) {
        r->upstream += count;
        return;
    }
    if (reason == BOUNCE_REASON_LOCAL_ERROR) {
        r->local += count;
        return;
    }
    if (guide_calls_hard(kind, reason))
        r->guide_hard += count;
    if (reason == BOUNCE_REASON_UNKNOWN)
        r->unknown += count;
    switch (bounce_reason_class(reason)) {
    case BOUNCE_CLASS_HARD:
        r->hard += count;
        break;
    case BOUNCE_CLASS_BLOCK:
        r->block += count;
        r->block_refused += kind == BOUNCE_KIND_FAILED ? count : 0;
        break;
    default:
        r->soft += count;
    }
}

void rates_add(struct rates *r, enum bounce_kind kind, enum bounce_reason reason, int64_t count)
{
    if (bounce_kind_final(kind))
        add_failure(r, kind, reason, count);
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

void rates_sum(struct rates *r, const struct rates *more)
{
    r->delivered += more->delivered;
    r->relayed += more->relayed;
    r->hard += more->hard;
    r->soft += more->soft;
    r->block += more->block;
    r->block_refused += more->block_refused;
    r->guide_hard += more->guide_hard;
    r->unknown += more->unknown;
    r->upstream += more->upstream;
    r->local += more->local;
    r->deferred += more->deferred;
    r->complaint += more->complaint;
    r->unsubscribed += more->unsubscribed;
}

int64_t rates_bounced(const struct rates *r)
{
    return r->hard + r->soft + r->block;
}

int64_t rates_sent(const struct rates *r)
{
    return r->delivered + r->relayed + rates_bounced(r);
}

int64_t rates_ppm(int64_t part, int64_t whole)
{
    return whole > 0 ? (part * 1000000 + whole / 2) / whole : 0;
}
