/* The settings as C: one struct per kind of section, made from conf.def, and the table that describes their members.
 *
 *   const struct conf_ledger *c = settings_of(s, "ledger");
 *   open(c->path.p, ...)       texts have a NUL behind them
 */
#ifndef SERVE_CONF_H
#define SERVE_CONF_H

#include "base/slice.h"
#include "base/time.h"
#include "policy/policy.h"

struct conf_list {
    const slice *v;
    size_t n;
};

/* Empty: not given, the preset says. */
struct conf_tolerance {
    bool given;
    struct tolerance value;
};

// clang-format off
#define SECTION(id, kind, form, help) struct conf_##id {
#define END };
#define TEXT(name, otherwise, when, help) slice name;
#define PATH(name, otherwise, when, help) slice name;
#define PATHS(name, otherwise, when, help) struct conf_list name;
#define LIST(name, otherwise, when, help) struct conf_list name;
#define SECRET(name, otherwise, when, help) slice name;
#define LISTEN(name, otherwise, when, help) slice name;
#define SWITCH(name, otherwise, when, help) bool name;
#define NUMBER(name, otherwise, low, high, when, help) int64_t name;
#define SIZE(name, otherwise, low, high, when, help) int64_t name##_bytes;
#define SPAN(name, otherwise, low, high, when, help) int64_t name##_us;
#define PERCENT(name, otherwise, low, high, when, help) int64_t name##_ppm;
#define WORD(name, otherwise, words, when, help) unsigned name;
#define TOLERANCE(name, otherwise, when, help) struct conf_tolerance name;
#include "serve/conf.def"
#include "serve/conf_undef.h"
// clang-format on

enum conf_type {
    CONF_TEXT,
    CONF_PATH,
    CONF_PATHS,
    CONF_LIST,
    CONF_SECRET,
    CONF_LISTEN,
    CONF_SWITCH,
    CONF_NUMBER,
    CONF_SIZE,
    CONF_SPAN,
    CONF_PERCENT,
    CONF_WORD,
    CONF_TOLERANCE
};

enum conf_flag { CONF_LIVE = 1, CONF_START = 2, CONF_NEEDED = 4 };

/* One setting. */
struct conf_row {
    const char *name;
    enum conf_type type;
    size_t at;             /* offset of the member */
    const char *otherwise; /* the default, as it would be written */
    int64_t low, high;     /* of numbers, in the unit of the member */
    const char *words;     /* CONF_WORD: "first|second" */
    unsigned flags;
    const char *help;
};

/* One kind of section; both tables end with a row whose name or kind is NULL. */
struct conf_section {
    const char *kind;
    bool named;
    size_t size; /* of the struct */
    const struct conf_row *(*rows)(void);
    const char *help;
};

extern const struct conf_section conf_sections[];

/* NULL when there is none. */
const struct conf_section *conf_section_find(slice kind);
const struct conf_row *conf_row_find(const struct conf_section *s, slice name);

#endif
