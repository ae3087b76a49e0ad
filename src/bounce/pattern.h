/* Patterns of rules: sequences of literals and word sets over folded text (bounce/fold.h).
 *
 *   "no such {NOUN}"            words one after the other; {NOUN} is any word or phrase of the set
 *   "mailbox {is|} full"        alternatives written in place; an empty one makes the group optional
 *   "exceed{s|ed|} quota"       endings of a word
 *   "user ... does not exist"   a gap of at most PATTERN_GAP_BYTES
 *   "несуществу*" "*postfach"   without word boundary at that end
 *
 * Everything lives in the arena of the rules and is immutable after compiling.
 */
#ifndef BOUNCE_PATTERN_H
#define BOUNCE_PATTERN_H

#include "base/arena.h"

#define PATTERN_MAX_ITEMS 24u
#define PATTERN_MAX_ALTERNATIVES 400u
#define PATTERN_MAX_WORD_BYTES 1000u /* of one alternative */
#define PATTERN_MAX_GAP_BYTES 1000u
#define PATTERN_GAP_BYTES 60u   /* "..." */
#define PATTERN_SEQ_BYTES 100u  /* between the literals of a seq that names no distance */
#define PATTERN_ANCHOR_BYTES 2u /* the shortest literal that the prefilter can look for, as a word of its own */
#define PATTERN_RE_LITERAL_BYTES 4u

#define PATTERN_GROUPS 64u /* alternatives are grouped by the low bits of a byte */

/* Alternatives in groups by one of their bytes; longest first in a group. */
struct pattern_index {
    const slice *v;
    uint64_t mask;         /* bit per group: not empty */
    const uint16_t *group; /* where each begins; PATTERN_GROUPS + 1 entries */
};

struct pattern_item {
    struct pattern_index by_first, by_last; /* folded */
    uint16_t n;
    uint16_t gap; /* bytes that may stand before it; 0: it follows directly */
    bool optional;
};

struct pattern {
    struct pattern_item *items;
    uint16_t n;
    uint16_t anchor;            /* the item whose literals the prefilter looks for */
    bool open_left, open_right; /* "*" */
    void *re;                   /* compiled PCRE2 code, for re: patterns; items then hold its longest literal */
    slice source;               /* as written */
};

struct pattern_match {
    size_t from, to;
    unsigned weight; /* literal bytes that matched */
};

/* Gives the members of a set, or NULL when there is none of that name. */
typedef const struct pattern_set *(*pattern_find_set)(void *arg, slice name);

struct pattern_set {
    slice name;
    const slice *members; /* folded; an empty one makes groups with this set optional */
    size_t n;
};

/* Compiles `text` behind what *out already holds; the first new item gets `gap`. Returns a static message when it makes no
 * sense, NULL when all is well. */
const char *pattern_add(arena *a, slice text, uint16_t gap, pattern_find_set find, void *arg, struct pattern *out);
/* Members of "a | b | {OTHER}" for a set. Same returns. */
const char *pattern_set_parse(arena *a, slice text, pattern_find_set find, void *arg, struct pattern_set *out);
/* True when the prefilter can look for item i. */
bool pattern_can_anchor(const struct pattern *p, uint16_t i);
/* Chooses an anchor (prefilter_build may choose a better one). Returns a message when no part of the pattern can be one. */
const char *pattern_finish(struct pattern *p);
/* Moves patterns close together, with what they have in common kept once: a text that is matched against many of them then
 * finds them in the cache. What was there before is left in its arena. False when memory is refused. */
NODISCARD bool pattern_pack(arena *a, struct pattern *const *patterns, size_t n);
/* The longest literal that every match of a regular expression must contain; empty when none is long enough. */
slice pattern_re_literal(arena *a, slice re);

/* The alternatives of the anchor, by number. */
static inline slice pattern_anchor(const struct pattern *p, size_t alternative)
{
    return p->items[p->anchor].by_first.v[alternative];
}
/* Tries the pattern around its anchor, an alternative of which must stand in the `n` bytes at `at`. */
bool pattern_match_at(const struct pattern *p, slice text, size_t at, size_t n, struct pattern_match *out);
/* Looks for the pattern anywhere, without a prefilter. */
bool pattern_search(const struct pattern *p, slice text, struct pattern_match *out);

#endif
