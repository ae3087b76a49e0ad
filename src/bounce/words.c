#include "bounce.h"

#include <string.h>

#include "base/slice.h"

struct reason_row {
    const char *word, *text;
    enum bounce_class class_;
    enum bounce_blame blame;
    enum bounce_counts counts;
};

enum failure { FAILURE_NONE, FAILURE_FINAL, FAILURE_ATTEMPT };

struct kind_row {
    const char *word;
    enum failure failure;
};

static const struct reason_row reasons[BOUNCE_REASONS] = {
#define REASON(symbol, word, c, b, n, text) \
    [BOUNCE_REASON_##symbol] = {word, text, BOUNCE_CLASS_##c, BOUNCE_BLAME_##b, BOUNCE_COUNTS_##n},
#include "bounce/reasons.def"
#undef REASON
};

static const struct kind_row kinds[BOUNCE_KINDS] = {
#define KIND(symbol, word, f) [BOUNCE_KIND_##symbol] = {word, FAILURE_##f},
#include "bounce/kinds.def"
#undef KIND
};

/* The public enums are written out for readers of bounce.h; here they are held against the tables, row by row. */
enum {
#define REASON(symbol, word, c, b, n, text) ROW_REASON_##symbol,
#include "bounce/reasons.def"
#undef REASON
    ROW_REASONS
};
enum {
#define KIND(symbol, word, f) ROW_KIND_##symbol,
#include "bounce/kinds.def"
#undef KIND
    ROW_KINDS
};
#define REASON(symbol, word, c, b, n, text)                                                             \
    _Static_assert((int)ROW_REASON_##symbol == (int)BOUNCE_REASON_##symbol, "order of reasons.def and " \
                                                                            "bounce.h: " word);
#include "bounce/reasons.def"
#undef REASON
#define KIND(symbol, word, f) \
    _Static_assert((int)ROW_KIND_##symbol == (int)BOUNCE_KIND_##symbol, "order of kinds.def and bounce.h: " word);
#include "bounce/kinds.def"
#undef KIND
_Static_assert((int)ROW_REASONS == (int)BOUNCE_REASONS, "reasons.def and bounce.h have as many rows");
_Static_assert((int)ROW_KINDS == (int)BOUNCE_KINDS, "kinds.def and bounce.h have as many rows");

static const char *const classes[] = {
    [BOUNCE_CLASS_HARD] = "hard",
    [BOUNCE_CLASS_SOFT] = "soft",
    [BOUNCE_CLASS_BLOCK] = "block",
    [BOUNCE_CLASS_INFO] = "info",
};
static const char *const blames[] = {
    [BOUNCE_BLAME_RECIPIENT] = "recipient", [BOUNCE_BLAME_DOMAIN] = "domain",   [BOUNCE_BLAME_SENDER] = "sender",
    [BOUNCE_BLAME_MESSAGE] = "message",     [BOUNCE_BLAME_NETWORK] = "network", [BOUNCE_BLAME_NONE] = "none",
};
static const char *const counts_words[] = {
    [BOUNCE_COUNTS_AT_ONCE] = "at once", [BOUNCE_COUNTS_QUOTA] = "quota", [BOUNCE_COUNTS_CAMPAIGN] = "campaign",
    [BOUNCE_COUNTS_SLOW] = "slow",       [BOUNCE_COUNTS_NEVER] = "never", [BOUNCE_COUNTS_PLATFORM] = "platform",
};
static const char *const phases[BOUNCE_PHASES] = {
    [BOUNCE_PHASE_NONE] = "",     [BOUNCE_PHASE_CONNECT] = "connect",
    [BOUNCE_PHASE_HELO] = "helo", [BOUNCE_PHASE_STARTTLS] = "starttls",
    [BOUNCE_PHASE_AUTH] = "auth", [BOUNCE_PHASE_MAIL] = "mail",
    [BOUNCE_PHASE_RCPT] = "rcpt", [BOUNCE_PHASE_DATA] = "data",
    [BOUNCE_PHASE_END] = "end",
};
static const struct {
    const char *word;
    enum bounce_phase phase;
} phase_aliases[] = {
    {"ehlo", BOUNCE_PHASE_HELO},       {"mail from", BOUNCE_PHASE_MAIL}, {"rcpt to", BOUNCE_PHASE_RCPT},
    {"end of data", BOUNCE_PHASE_END}, {"dot", BOUNCE_PHASE_END},
};

const char *bounce_kind_word(enum bounce_kind kind)
{
    MUST((unsigned)kind < BOUNCE_KINDS);
    return kinds[kind].word;
}

const char *bounce_reason_word(enum bounce_reason reason)
{
    MUST((unsigned)reason < BOUNCE_REASONS);
    return reasons[reason].word;
}

const char *bounce_reason_text(enum bounce_reason reason)
{
    MUST((unsigned)reason < BOUNCE_REASONS);
    return reasons[reason].text;
}

const char *bounce_class_word(enum bounce_class c)
{
    MUST((unsigned)c < ARRAY_LEN(classes));
    return classes[c];
}

const char *bounce_blame_word(enum bounce_blame blame)
{
    MUST((unsigned)blame < ARRAY_LEN(blames));
    return blames[blame];
}

const char *bounce_counts_word(enum bounce_counts counts)
{
    MUST((unsigned)counts < ARRAY_LEN(counts_words));
    return counts_words[counts];
}

const char *bounce_phase_word(enum bounce_phase phase)
{
    MUST((unsigned)phase < BOUNCE_PHASES);
    return phases[phase];
}

enum bounce_kind bounce_kind_find(struct bounce_slice word)
{
    unsigned i = 0;
    while (i < BOUNCE_KINDS && !slice_eq(word, slice_str(kinds[i].word)))
        i++;
    return (enum bounce_kind)i;
}

enum bounce_reason bounce_reason_find(struct bounce_slice word)
{
    unsigned i = 0;
    while (i < BOUNCE_REASONS && !slice_eq(word, slice_str(reasons[i].word)))
        i++;
    return (enum bounce_reason)i;
}

enum bounce_phase bounce_phase_find(struct bounce_slice word)
{
    for (unsigned i = BOUNCE_PHASE_CONNECT; i < BOUNCE_PHASES; i++)
        if (slice_eq_ci(word, slice_str(phases[i])))
            return (enum bounce_phase)i;
    for (size_t i = 0; i < ARRAY_LEN(phase_aliases); i++)
        if (slice_eq_ci(word, slice_str(phase_aliases[i].word)))
            return phase_aliases[i].phase;
    return BOUNCE_PHASES;
}

enum bounce_class bounce_reason_class(enum bounce_reason reason)
{
    MUST((unsigned)reason < BOUNCE_REASONS);
    return reasons[reason].class_;
}

enum bounce_blame bounce_reason_blame(enum bounce_reason reason)
{
    MUST((unsigned)reason < BOUNCE_REASONS);
    return reasons[reason].blame;
}

enum bounce_counts bounce_reason_counts(enum bounce_reason reason)
{
    MUST((unsigned)reason < BOUNCE_REASONS);
    return reasons[reason].counts;
}

bool bounce_kind_final(enum bounce_kind kind)
{
    MUST((unsigned)kind < BOUNCE_KINDS);
    return kinds[kind].failure == FAILURE_FINAL;
}

bool bounce_kind_attempt(enum bounce_kind kind)
{
    MUST((unsigned)kind < BOUNCE_KINDS);
    return kinds[kind].failure == FAILURE_ATTEMPT;
}
