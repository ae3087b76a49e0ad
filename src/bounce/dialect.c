#include "bounce/dialect.h"

enum where { FROM, MAILER, TEXT };

enum { TEXT_BYTES = 2048 }; /* of the text are looked at */

static const struct {
    slice name;
    enum where where;
    slice phrase;
} dialects[] = {
#define DIALECT(name, where, phrase) {SLICE_INIT(name), where, SLICE_INIT(phrase)},
#include "bounce/dialects.def"
#undef DIALECT
};

slice dialect_name(struct reading *r)
{
    const slice place[] = {
        [FROM] = r->facts.from,
        [MAILER] = r->facts.field[FACT_X_MAILER],
        [TEXT] = slice_sub(reading_text(r), 0, TEXT_BYTES),
    };
    for (size_t i = 0; i < ARRAY_LEN(dialects); i++)
        if (slice_find_ci(place[dialects[i].where], dialects[i].phrase) != SLICE_NPOS)
            return dialects[i].name;
    return S("text");
}
