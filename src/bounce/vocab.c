#include "base/defs.h"
#include "bounce.h"

static const char *const names[BOUNCE_VOCABULARIES] = {"ses", "sparkpost", "powermta", "kumomta", "sisimai", "plain"};

static const char *const words[BOUNCE_REASONS][BOUNCE_VOCABULARIES] = {
#define VOCAB(reason, ...) [BOUNCE_REASON_##reason] = {__VA_ARGS__},
#include "bounce/vocab.def"
#undef VOCAB
};

const char *bounce_vocab(enum bounce_vocabulary v, enum bounce_reason reason)
{
    MUST(v < BOUNCE_VOCABULARIES && reason < BOUNCE_REASONS);
    return words[reason][v];
}

const char *bounce_vocab_name(enum bounce_vocabulary v)
{
    MUST(v < BOUNCE_VOCABULARIES);
    return names[v];
}
