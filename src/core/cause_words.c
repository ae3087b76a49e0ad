#include "core/cause_words.h"

#define WORD_MAX 40u

struct cause_name {
    const char *word;
    enum cause cause;
};

static const struct cause_name NAMES[] = {
#define WORD(word, cause) {word, CAUSE_##cause},
#include "core/cause_words.def"
#undef WORD
};

/* Lower case, letters and digits only; returns its length. */
static size_t squeeze(slice word, char out[WORD_MAX])
{
    size_t n = 0;
    for (size_t i = 0; i < word.n && n < WORD_MAX; i++)
        if (ascii_alnum(word.p[i]))
            out[n++] = ascii_lower(word.p[i]);
    return n;
}

enum cause cause_of_word(slice word)
{
    char plain[WORD_MAX];
    slice w = slice_of(plain, squeeze(word, plain));
    for (size_t i = 0; i < ARRAY_LEN(NAMES); i++)
        if (slice_eq(w, slice_str(NAMES[i].word)))
            return NAMES[i].cause;
    return CAUSES;
}
