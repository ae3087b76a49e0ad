#include "bounce/lexicon.h"

#include <stdlib.h>

static const struct {
    enum word_place place;
    struct phrase phrase;
} rows[] = {
#define SUBJECT(meaning, text) {PLACE_SUBJECT, {text, meaning}},
#define FROM(meaning, text) {PLACE_FROM, {text, meaning}},
#define TEXT(meaning, text) {PLACE_TEXT, {text, meaning}},
#define NEAR(meaning, text) {PLACE_NEAR, {text, meaning}},
#include "bounce/lexicon.def"
#undef SUBJECT
#undef FROM
#undef TEXT
#undef NEAR
};

struct lexicon {
    struct phrase phrases[2 * ARRAY_LEN(rows)]; /* place by place; the sets point into it */
    struct phrase_set *sets[PLACES];
};

static bool belongs(size_t row, enum word_place place)
{
    unsigned only = place == PLACE_EXPIRED ? WORD_EXPIRED : place == PLACE_QUOTE ? WORD_QUOTE : 0;
    if (only)
        return rows[row].place == PLACE_TEXT && (rows[row].phrase.tag & only);
    return rows[row].place == place;
}

struct lexicon *lexicon_new(void)
{
    struct lexicon *w = calloc(1, sizeof(*w));
    if (!w)
        return NULL;
    size_t n = 0;
    for (size_t place = 0; place < PLACES; place++) {
        size_t first = n;
        for (size_t i = 0; i < ARRAY_LEN(rows); i++)
            if (belongs(i, (enum word_place)place))
                w->phrases[n++] = rows[i].phrase;
        w->sets[place] = phrase_set_new(w->phrases + first, n - first);
        if (!w->sets[place]) {
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
    return (unsigned)phrase_tags(w->sets[place], text);
}

unsigned lexicon_next(const struct lexicon *w, enum word_place place, slice text, size_t *pos)
{
    size_t len;
    const struct phrase *row = phrase_next(w->sets[place], text, pos, &len);
    if (!row)
        return 0;
    *pos += len;
    return (unsigned)row->tag;
}
