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

enum { MOST = 64 }; /* phrases of one place: a bit each */

/* The phrases of one place each, in the order of the table. */
struct dialects {
    struct place {
        struct phrase phrases[MOST];
        unsigned rows[MOST]; /* of these phrases in the table */
        size_t n;
        struct phrase_set *set;
    } places[PLACES_OF_DIALECTS];
};

static void take_rows(struct place *p, enum where where)
{
    for (unsigned i = 0; i < ARRAY_LEN(dialects); i++) {
        if (dialects[i].where != where)
            continue;
        MUST(p->n < MOST);
        p->phrases[p->n] = (struct phrase){.text = dialects[i].phrase, .tag = UINT64_C(1) << p->n};
        p->rows[p->n++] = i;
    }
}

struct dialects *dialects_new(void)
{
    struct dialects *d = calloc(1, sizeof(*d));
    if (!d)
        return NULL;
    for (size_t i = 0; i < PLACES_OF_DIALECTS; i++) {
        struct place *p = &d->places[i];
        take_rows(p, (enum where)i);
        p->set = phrase_set_new(p->phrases, p->n);
        if (!p->set) {
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
    for (size_t i = 0; i < PLACES_OF_DIALECTS; i++)
        if ((*d)->places[i].set)
            phrase_set_free(&(*d)->places[i].set);
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
    for (size_t i = 0; i < PLACES_OF_DIALECTS; i++) {
        const struct place *p = &r->dialects->places[i];
        uint64_t found = phrase_tags(p->set, texts[i]);
        if (found && p->rows[__builtin_ctzll(found)] < best)
            best = p->rows[__builtin_ctzll(found)];
    }
    return best < ARRAY_LEN(dialects) ? dialects[best].name : S("text");
}
