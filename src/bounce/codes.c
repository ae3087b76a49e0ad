#include "bounce/codes.h"

#include "bounce/provider.h"

static const struct {
    uint16_t subject, detail;
    enum bounce_reason temporary, permanent;
    unsigned certainty;
} enhanced_codes[] = {
#define ENHANCED(subject, detail, temporary, permanent, certainty) \
    {subject, detail, BOUNCE_REASON_##temporary, BOUNCE_REASON_##permanent, certainty},
#include "bounce/codes.def"
#undef ENHANCED
};

static const struct {
    slice provider;
    uint16_t klass, subject, first, last;
    enum bounce_reason reason;
    unsigned certainty;
} provider_codes[] = {
#define PROVIDER_ENHANCED(provider, klass, subject, first, last, reason, certainty) \
    {SLICE_INIT(provider), klass, subject, first, last, BOUNCE_REASON_##reason, certainty},
#include "bounce/codes.def"
#undef PROVIDER_ENHANCED
};

static const struct {
    uint16_t code;
    enum bounce_reason reason;
    unsigned certainty;
} reply_codes[] = {
#define REPLY(code, reason, certainty) {code, BOUNCE_REASON_##reason, certainty},
#include "bounce/codes.def"
#undef REPLY
};

static const struct code_verdict nothing = {BOUNCE_REASON_UNKNOWN, 0};

static struct code_verdict of_provider(struct bounce_enhanced e, slice provider)
{
    for (size_t i = 0; i < ARRAY_LEN(provider_codes); i++)
        if (slice_eq(provider_codes[i].provider, provider) && provider_codes[i].subject == e.subject &&
            e.detail >= provider_codes[i].first && e.detail <= provider_codes[i].last &&
            (provider_codes[i].klass == 0 || provider_codes[i].klass == e.klass))
            return (struct code_verdict){provider_codes[i].reason, provider_codes[i].certainty};
    return nothing;
}

struct code_verdict code_of_enhanced(struct bounce_enhanced e, unsigned provider)
{
    if (e.klass != 4 && e.klass != 5)
        return nothing;
    struct code_verdict v = provider ? of_provider(e, provider_word(provider)) : nothing;
    if (v.reason != BOUNCE_REASON_UNKNOWN)
        return v;
    for (size_t i = 0; i < ARRAY_LEN(enhanced_codes); i++)
        if (enhanced_codes[i].subject == e.subject && enhanced_codes[i].detail == e.detail)
            return (struct code_verdict){e.klass == 4 ? enhanced_codes[i].temporary : enhanced_codes[i].permanent,
                                         enhanced_codes[i].certainty};
    return nothing;
}

/* At connect, greeting and HELO nobody has spoken of a recipient yet; at MAIL FROM it is about the sender; behind DATA about
 * the message. */
static struct code_verdict in_phase(struct code_verdict v, enum bounce_phase phase)
{
    bool recipient = bounce_reason_blame(v.reason) == BOUNCE_BLAME_RECIPIENT;
    if (!recipient || phase == BOUNCE_PHASE_NONE || phase == BOUNCE_PHASE_RCPT)
        return v;
    if (phase == BOUNCE_PHASE_MAIL && v.reason == BOUNCE_REASON_MAILBOX_FULL) /* SIZE= of RFC 1870 is too much */
        return (struct code_verdict){BOUNCE_REASON_MESSAGE_TOO_LARGE, v.certainty};
    if (phase == BOUNCE_PHASE_MAIL)
        return (struct code_verdict){BOUNCE_REASON_SENDER_REFUSED, v.certainty};
    return phase >= BOUNCE_PHASE_DATA && v.reason == BOUNCE_REASON_MAILBOX_FULL ? v : nothing;
}

struct code_verdict code_in_phase(struct code_verdict v, enum bounce_phase phase)
{
    bool hard = bounce_reason_class(v.reason) == BOUNCE_CLASS_HARD;
    return hard && phase == BOUNCE_PHASE_MAIL ? in_phase(v, phase) : v;
}

struct code_verdict code_of_reply(unsigned code, enum bounce_phase phase)
{
    for (size_t i = 0; i < ARRAY_LEN(reply_codes); i++)
        if (reply_codes[i].code == code)
            return in_phase((struct code_verdict){reply_codes[i].reason, reply_codes[i].certainty}, phase);
    return nothing;
}
