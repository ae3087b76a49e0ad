#include "core/lists.h"

struct format {
    const char *word;
    bool import, export;
};

static const struct format FORMATS[] = {
#define FORMAT(symbol, word, import, export) [LIST_##symbol] = {word, import, export},
#include "core/list_formats.def"
#undef FORMAT
};

_Static_assert(ARRAY_LEN(FORMATS) == LIST_FORMATS, "a row for each format");

const char *list_format_word(enum list_format f)
{
    return f < LIST_FORMATS ? FORMATS[f].word : "";
}

enum list_format list_format_find(slice word)
{
    for (unsigned i = 0; i < LIST_FORMATS; i++)
        if (slice_eq_ci(slice_str(FORMATS[i].word), word))
            return (enum list_format)i;
    return LIST_FORMATS;
}

bool list_format_importable(enum list_format f)
{
    return f < LIST_FORMATS && FORMATS[f].import;
}

bool list_format_exportable(enum list_format f)
{
    return f < LIST_FORMATS && FORMATS[f].export;
}
