#include "bounce/lexicon.h"

#include <stdlib.h>

struct lexicon {
    struct phrase_set *sets[PLACES];
};

static const struct phrase in_subject[] = {
#define SUBJECT(meaning, text) {text, meaning},
#define FROM(meaning, text)
#define TEXT(meaning, text)
#define NEAR(meaning, text)
#include "bounce/lexicon.def"
#undef SUBJECT
#undef FROM
#undef TEXT
#undef NEAR
};

static const struct phrase in_from[] = {
#define SUBJECT(meaning, text)
#define FROM(meaning, text) {text, meaning},
#define TEXT(meaning, text)
#define NEAR(meaning, text)
#include "bounce/lexicon.def"
#undef SUBJECT
#undef FROM
#undef TEXT
#undef NEAR
};

static const struct phrase in_text[] = {
#define SUBJECT(meaning, text)
#define FROM(meaning, text)
#define TEXT(meaning, text) {text, meaning},
#define NEAR(meaning, text)
#include "bounce/lexicon.def"
#undef SUBJECT
#undef FROM
#undef TEXT
#undef NEAR
};

static const struct phrase near_address[] = {
#define SUBJECT(meaning, text)
#define FROM(meaning, text)
#define TEXT(meaning, text)
#define NEAR(meaning, text) {text, meaning},
#include "bounce/lexicon.def"
#undef SUBJECT
#undef FROM
#undef TEXT
#undef NEAR
};

static const struct {
    const struct phrase *rows;
    size_t n;
} tables[PLACES] = {
    [PLACE_SUBJECT] = {in_subject, ARRAY_LEN(in_subject)},
    [PLACE_FROM] = {in_from, ARRAY_LEN(in_from)},
    [PLACE_TEXT] = {in_text, ARRAY_LEN(in_text)},
    [PLACE_NEAR] = {near_address, ARRAY_LEN(near_address)},
};

struct lexicon *lexicon_new(void)
{
    struct lexicon *w = calloc(1, sizeof(*w));
    if (!w)
        return NULL;
    for (size_t i = 0; i < PLACES; i++) {
        w->sets[i] = phrase_set_new(tables[i].rows, tables[i].n);
        if (!w->sets[i]) {
            lexicon_free(&w);
            return NULL;
        }
    }
    return w;
}

void lexicon_free(struct lexicon **w)
{
    if (!*w)
        return;
    for (size_t i = 0; i < PLACES; i++)
        if ((*w)->sets[i])
            phrase_set_free(&(*w)->sets[i]);
    free(*w);
    *w = NULL;
}

unsigned lexicon_in(const struct lexicon *w, enum word_place place, slice text)
{
    return phrase_tags(w->sets[place], text);
}

unsigned lexicon_next(const struct lexicon *w, enum word_place place, unsigned meanings, slice text, size_t *pos)
{
    size_t len;
    for (const struct phrase *row; (row = phrase_next(w->sets[place], text, pos, &len)); ++*pos) {
        if (!(row->tag & meanings))
            continue;
        *pos += len;
        return row->tag;
    }
    return 0;
}
