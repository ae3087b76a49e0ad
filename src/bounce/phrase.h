/* Many literal phrases looked for in one pass over a text, ASCII case ignored (bytes >= 0x80 as they are).
 *
 * Not for patterns; those are the rules' business. A phrase is 3 to 255 bytes of lower-case text; "^" in front anchors
 * it at the start of the text. The set copies nothing: the rows must live as long as it does (they are static tables).
 */
#ifndef BOUNCE_PHRASE_H
#define BOUNCE_PHRASE_H

#include "base/slice.h"

struct phrase {
    const char *text;
    uint64_t tag; /* what the caller wants to know when it is found */
};

struct phrase_set;

/* NULL when memory is refused. */
struct phrase_set *phrase_set_new(const struct phrase *rows, size_t n);
void phrase_set_free(struct phrase_set **set);

/* The next row that stands at or after *pos in `text`; *pos becomes the offset of its first byte (call again with *pos
 * + 1), *len its length. NULL at the end. Of several rows at one place the longest is given. */
const struct phrase *phrase_next(const struct phrase_set *set, slice text, size_t *pos, size_t *len);
/* The longest row that stands at the start of `text`; NULL when none does. */
const struct phrase *phrase_at_start(const struct phrase_set *set, slice text, size_t *len);
/* The tags of all rows that stand anywhere in `text`, or-ed. */
uint64_t phrase_tags(const struct phrase_set *set, slice text);

#endif
