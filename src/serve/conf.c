#include "serve/conf.h"

/* The words of conf.def. */
enum { SINGLE = 0, NAMED = 1 };
enum { LIVE = CONF_LIVE, START = CONF_START, NEEDED = CONF_NEEDED };

/* One function per kind of section, since only in a function "the struct of this section" can have a name. */
// clang-format off
#define SECTION(id, kind, form, help)                \
    static const struct conf_row *rows_of_##id(void) \
    {                                                \
        typedef struct conf_##id here;               \
        static const struct conf_row rows[] = {
#define END                                                  \
            {NULL, CONF_TEXT, 0, NULL, 0, 0, NULL, 0, NULL}, \
        };                                                   \
        return rows;                                         \
    }
#define ROW(type, name, member, otherwise, low, high, words, when, help) \
    {#name, type, offsetof(here, member), otherwise, low, high, words, when, help},
#define TEXT(name, otherwise, when, help) ROW(CONF_TEXT, name, name, otherwise, 0, 0, NULL, when, help)
#define PATH(name, otherwise, when, help) ROW(CONF_PATH, name, name, otherwise, 0, 0, NULL, when, help)
#define PATHS(name, otherwise, when, help) ROW(CONF_PATHS, name, name, otherwise, 0, 0, NULL, when, help)
#define LIST(name, otherwise, when, help) ROW(CONF_LIST, name, name, otherwise, 0, 0, NULL, when, help)
#define SECRET(name, otherwise, when, help) ROW(CONF_SECRET, name, name, otherwise, 0, 0, NULL, when, help)
#define LISTEN(name, otherwise, when, help) ROW(CONF_LISTEN, name, name, otherwise, 0, 0, NULL, when, help)
#define SWITCH(name, otherwise, when, help) ROW(CONF_SWITCH, name, name, otherwise, 0, 0, NULL, when, help)
#define NUMBER(name, otherwise, low, high, when, help) ROW(CONF_NUMBER, name, name, otherwise, low, high, NULL, when, help)
#define SIZE(name, otherwise, low, high, when, help) ROW(CONF_SIZE, name, name##_bytes, otherwise, low, high, NULL, when, help)
#define SPAN(name, otherwise, low, high, when, help) ROW(CONF_SPAN, name, name##_us, otherwise, low, high, NULL, when, help)
#define PERCENT(name, otherwise, low, high, when, help) ROW(CONF_PERCENT, name, name##_ppm, otherwise, low, high, NULL, when, help)
#define WORD(name, otherwise, words, when, help) ROW(CONF_WORD, name, name, otherwise, 0, 0, words, when, help)
#define TOLERANCE(name, otherwise, when, help) ROW(CONF_TOLERANCE, name, name, otherwise, 0, POLICY_MAX_SPAN_US, NULL, when, help)
#include "serve/conf.def"
#include "serve/conf_undef.h"

#define SECTION(id, kind, form, help) {kind, form, sizeof(struct conf_##id), rows_of_##id, help},
#define END
#define TEXT(...)
#define PATH(...)
#define PATHS(...)
#define LIST(...)
#define SECRET(...)
#define LISTEN(...)
#define SWITCH(...)
#define NUMBER(...)
#define SIZE(...)
#define SPAN(...)
#define PERCENT(...)
#define WORD(...)
#define TOLERANCE(...)
const struct conf_section conf_sections[] = {
#include "serve/conf.def"
    {NULL, false, 0, NULL, NULL},
};
// clang-format on

const struct conf_section *conf_section_find(slice kind)
{
    for (const struct conf_section *s = conf_sections; s->kind; s++)
        if (slice_eq(kind, slice_str(s->kind)))
            return s;
    return NULL;
}

const struct conf_row *conf_row_find(const struct conf_section *s, slice name)
{
    for (const struct conf_row *r = s->rows(); r->name; r++)
        if (slice_eq(name, slice_str(r->name)))
            return r;
    return NULL;
}
