#include "bounce/dialect.h"

#include <stdlib.h>

#include "bounce/phrase.h"

enum where { FROM, MAILER, TEXT, PLACES_OF_DIALECTS };

enum { TEXT_BYTES = 2048 }; /* of the text are looked at */

static const struct {
    enum where where;
    slice name;
    const char *phrase;
} dialects[] = {
#define DIALECT(name, where, phrase) {where, SLICE_INIT(name), phrase},
#include "bounce/dialects.def"
#undef DIALECT
};

/* The phrases of one place each; a tag is the row in the table. */
struct dialects {
    struct phrase rows[PLACES_OF_DIALECTS][ARRAY_LEN(dialects)];
    struct phrase_set *sets[PLACES_OF_DIALECTS];
};

struct dialects *dialects_new(void)
{
    struct dialects *d = calloc(1, sizeof(*d));
    if (!d)
        return NULL;
    for (size_t place = 0; place < PLACES_OF_DIALECTS; place++) {
        size_t n = 0;
        for (unsigned i = 0; i < ARRAY_LEN(dialects); i++)
            if (dialects[i].where == (enum where)place)
                d->rows[place][n++] = (struct phrase){.text = dialects[i].phrase, .tag = i};
        d->sets[place] = phrase_set_new(d->rows[place], n);
        if (!d->sets[place]) {
            dialects_free(&d);
            return NULL;
        }
    }
    return d;
}

void dialects_free(struct dialects **d)
{
    if (!*d)
        return;
    for (size_t place = 0; place < PLACES_OF_DIALECTS; place++)
        if ((*d)->sets[place])
            phrase_set_free(&(*d)->sets[place]);
    free(*d);
    *d = NULL;
}

slice dialect_name(struct reading *r)
{
    const slice texts[] = {
        [FROM] = r->facts.from,
        [MAILER] = r->facts.field[FACT_X_MAILER],
        [TEXT] = slice_sub(reading_text(r), 0, TEXT_BYTES),
    };
    unsigned best = ARRAY_LEN(dialects);
    for (size_t place = 0; place < PLACES_OF_DIALECTS; place++) {
        size_t pos = 0, len;
        for (const struct phrase *row; (row = phrase_next(r->dialects->sets[place], texts[place], &pos, &len)); pos++)
            if (row->tag < best)
                best = row->tag;
    }
    return best < ARRAY_LEN(dialects) ? dialects[best].name : S("text");
}
