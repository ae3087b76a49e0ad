#include "feed/esp_map.h"

static const char *const field_names[ESP_FIELDS] = {
#define FIELD(symbol, name, what) [ESP_FIELD_##symbol] = name,
#include "feed/esp_fields.def"
#undef FIELD
};

const char *esp_field_name(enum esp_field field)
{
    MUST((size_t)field < ESP_FIELDS);
    return field_names[field];
}

enum esp_field esp_field_find(slice name)
{
    size_t i = 0;
    while (i < ESP_FIELDS && !slice_eq(slice_str(field_names[i]), name))
        i++;
    return (enum esp_field)i;
}

const char *esp_map_path(const struct esp_map *m, enum esp_field field)
{
    for (; m; m = m->base)
        if (m->paths[field])
            return m->paths[field];
    return NULL;
}

static bool part_fits(slice pattern, slice part)
{
    if (slice_eq(pattern, S("*")))
        return true;
    if (slice_starts(pattern, S("~")))
        return slice_find_ci(part, slice_from(pattern, 1)) != SLICE_NPOS;
    return slice_eq_ci(pattern, part);
}

/* How many parts the pattern has, 0 when it does not fit. */
static size_t fits(const char *pattern, const slice parts[ESP_WORD_PARTS])
{
    slice rest = slice_str(pattern), part;
    size_t n = 0;
    while (n < ESP_WORD_PARTS && slice_split(&rest, '/', &part)) {
        if (!part_fits(part, parts[n]))
            return 0;
        n++;
    }
    return n;
}

const struct esp_word *esp_map_word(const struct esp_map *m, const slice parts[ESP_WORD_PARTS])
{
    const struct esp_word *best = NULL;
    size_t most = 0;
    for (; m && !best; m = m->base)
        for (size_t i = 0; i < m->word_count; i++) {
            size_t n = fits(m->words[i].pattern, parts);
            if (n > most) {
                most = n;
                best = &m->words[i];
            }
        }
    return best;
}
