/* What to do about refusals, and where providers say so. */
#include "core/health.h"

static const struct health_action actions[] = {
#define ACTION(symbol, slower, about, text) {BOUNCE_REASON_##symbol, HEALTH_SLOWER_##slower, about, text},
#include "core/health_actions.def"
#undef ACTION
};

// clang-format off
static const struct health_page pages[] = {
#define PAGE(provider, what, url) {SLICE_INIT(provider), what, url},
#define PAUSE(provider, seconds, from)
#include "core/health_pages.def"
#undef PAGE
#undef PAUSE
};

static const struct {
    slice provider, from;
    int64_t seconds;
} pauses[] = {
#define PAGE(provider, what, url)
#define PAUSE(provider, seconds, from) {SLICE_INIT(provider), SLICE_INIT(from), seconds},
#include "core/health_pages.def"
#undef PAGE
#undef PAUSE
};
// clang-format on

const struct health_action *health_action(enum bounce_reason reason)
{
    for (size_t i = 0; i < ARRAY_LEN(actions); i++)
        if (actions[i].reason == reason)
            return &actions[i];
    return NULL;
}

const struct health_page *health_page(slice provider, size_t *i)
{
    while (*i < ARRAY_LEN(pages)) {
        const struct health_page *p = &pages[(*i)++];
        if (slice_eq(p->provider, provider))
            return p;
    }
    return NULL;
}

int64_t health_pause(slice provider, slice *from)
{
    for (size_t i = 0; i < ARRAY_LEN(pauses); i++)
        if (slice_eq(pauses[i].provider, provider)) {
            *from = pauses[i].from;
            return pauses[i].seconds;
        }
    *from = S("RFC 5321 4.5.4.1: at least 30 minutes");
    return HEALTH_PAUSE_S;
}

const char *health_span_word(enum health_span s)
{
    static const char *const words[HEALTH_SPANS] = {"24 hours", "7 days", "30 days"};
    MUST(s < HEALTH_SPANS);
    return words[s];
}

int64_t health_span_days(enum health_span s)
{
    static const int64_t days[HEALTH_SPANS] = {1, 7, 30};
    MUST(s < HEALTH_SPANS);
    return days[s];
}
