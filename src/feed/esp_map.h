/* How the events of a platform become observations: paths for the fields, rows for the words. The same for the built-in
 * platforms and for mapping files.
 */
#ifndef FEED_ESP_MAP_H
#define FEED_ESP_MAP_H

#include "feed/esp.h"

enum esp_field {
#define FIELD(symbol, name, what) ESP_FIELD_##symbol,
#include "feed/esp_fields.def"
#undef FIELD
    ESP_FIELDS
};
#define ESP_WORD_PARTS 3 /* WORD_1 .. WORD_3 */

/* The name of a field in mapping files; and back, ESP_FIELDS when there is none. */
const char *esp_field_name(enum esp_field field);
enum esp_field esp_field_find(slice name);

enum esp_row {
    ROW_SKIP, /* tells nothing about an address */
    ROW_INFO, /* no failure */
    ROW_FAIL, /* what it says decides only where no reply and no status is told */
    ROW_OWN   /* the platform itself did not send: what it says decides */
};

/* One word of a platform. The pattern has up to three parts with "/" between, compared without case: "*" fits anything,
 * "~text" what contains the text. The row with the most parts is taken, of those the first. */
struct esp_word {
    const char *pattern;
    enum esp_row row;
    enum bounce_kind kind;
    enum bounce_reason reason;
    unsigned certainty;
    const char *cause; /* observation.platform_cause of ROW_OWN; "": the word itself */
};

struct esp_map {
    const char *const *paths; /* ESP_FIELDS of them; NULL: none */
    const struct esp_word *words;
    size_t word_count;
    const struct esp_map *base;                    /* its paths and words count where these say nothing; NULL: none */
    void (*tidy)(struct observation *o, arena *a); /* what no path can say; may be NULL */
};

/* The path of a field, in the map or its bases; NULL when there is none. */
const char *esp_map_path(const struct esp_map *m, enum esp_field field);
/* The row of a word given in parts; NULL when no row fits. */
const struct esp_word *esp_map_word(const struct esp_map *m, const slice parts[ESP_WORD_PARTS]);

#endif
