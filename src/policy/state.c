#include "policy/state.h"

struct cause_row {
    enum cause cause;
    const char *word, *text;
    enum cause_lift lift;
};

static const struct cause_row CAUSE_TABLE[] = {
#define CAUSE(symbol, word, lift, text) {CAUSE_##symbol, word, text, LIFT_##lift},
#include "policy/causes.def"
#undef CAUSE
};

static unsigned cause_index(enum cause c)
{
    for (unsigned i = 0; i < ARRAY_LEN(CAUSE_TABLE); i++)
        if (CAUSE_TABLE[i].cause == c)
            return i;
    return ARRAY_LEN(CAUSE_TABLE) - 1;
}

const char *cause_word(enum cause c)
{
    return CAUSE_TABLE[cause_index(c)].word;
}

const char *cause_text(enum cause c)
{
    return CAUSE_TABLE[cause_index(c)].text;
}

unsigned cause_rank(enum cause c)
{
    return cause_index(c);
}

enum cause_lift cause_lift(enum cause c)
{
    return CAUSE_TABLE[cause_index(c)].lift;
}

enum cause cause_find(slice word)
{
    for (unsigned i = 0; i < ARRAY_LEN(CAUSE_TABLE); i++)
        if (word.n && slice_eq_ci(slice_str(CAUSE_TABLE[i].word), word))
            return CAUSE_TABLE[i].cause;
    return CAUSES;
}

static const char *word_at(const char *const *words, size_t n, size_t i)
{
    return i < n ? words[i] : "";
}

const char *state_word(enum address_state s)
{
    static const char *const words[] = {"active", "soft", "held", "suppressed"};
    return word_at(words, ARRAY_LEN(words), s);
}

const char *scope_word(enum scope s)
{
    static const char *const words[] = {"global", "tenant", "stream"};
    return word_at(words, ARRAY_LEN(words), s);
}

const char *mark_word(enum mark m)
{
    static const char *const words[MARKS + 1] = {"provider", "text", "feed", ""};
    return words[m <= MARKS ? m : MARKS];
}

uint32_t policy_mark(slice name)
{
    if (slice_empty(name))
        return 0;
    uint32_t h = (uint32_t)hash128(name).lo;
    return h ? h : 1;
}

const char *hold_word(enum hold h)
{
    static const char *const words[] = {"", "second-look", "trust", "incident", "breaker"};
    return word_at(words, ARRAY_LEN(words), h);
}

const char *event_word(enum event_what w)
{
    static const char *const words[] = {"observed", "suppress", "lift",  "vouch",
                                        "dismiss",  "baseline", "erase", "reclassify"};
    return word_at(words, ARRAY_LEN(words), w);
}
