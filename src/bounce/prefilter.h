/* Finds which of some thousand literals occur in a folded text, in one pass.
 *
 * The literal of a pattern is its anchor, with the words around it where they make it rarer. Each literal is filed under the
 * rarest of its windows of four bytes; a bitmap of window hashes that fits the first-level cache says no for nearly every
 * position of a text. Words of two or three letters are filed with the blanks around them. Immutable once built.
 */
#ifndef BOUNCE_PREFILTER_H
#define BOUNCE_PREFILTER_H

#include "bounce/pattern.h"

struct prefilter;

/* Who waits for a literal: number of the pattern and its owner, where its anchor is in the literal, and what is cheap to know
 * of its neighbours: groups of letters with which the word before may end and the word behind may begin. */
struct prefilter_user {
    uint64_t before, behind;
    uint32_t pattern, owner;
    uint16_t offset; /* of the anchor in the literal */
    uint16_t bytes;  /* of the anchor; of the whole pattern where the literal is it */
    uint16_t weight; /* the literal is the whole pattern, with so many bytes of its words; 0: it is not */
    uint16_t lead;   /* bytes of the whole pattern before the anchor */
};

/* One of the literals: n users wait for it, then come those of late patterns. Half a line of the processor's cache: those that are
 * filed together are looked at together. */
struct prefilter_literal {
    uint64_t first, last; /* its first and last eight bytes; both the whole of a shorter one */
    uint16_t length;      /* it may have blanks at its ends */
    uint16_t offset;      /* of the window under which it is filed */
    uint32_t user, n, late;
};

/* A literal stands in the text. */
struct prefilter_hit {
    const struct prefilter_literal *literal;
    const struct prefilter_user *users;
    size_t at;
};

/* Builds the filter over the anchors of patterns[0..n), owned by owners[0..n), whatever those numbers are. Patterns from number
 * `late` on are looked at only when others have matched. `samples` are folded texts from which the frequency of windows is taken
 * (the text may be empty); each pattern is given the anchor that occurs least in them. NULL when memory is refused. */
struct prefilter *prefilter_build(arena *a, struct pattern *const *patterns, const uint32_t *owners, size_t n,
                                  size_t late, slice samples);

/* Notes the literals, at most `max`, in the next piece of the text from *at on, and moves *at behind it; the text is done when
 * *at is not below its length. `text` is one of fold_text(): some bytes behind it are read. */
size_t prefilter_scan(const struct prefilter *f, slice text, size_t *at, struct prefilter_hit *hits, size_t max);

/* False when the pattern of a user cannot stand where its literal does. */
bool prefilter_fits(slice text, const struct prefilter_hit *hit, const struct prefilter_user *user);

/* Where the literal is the whole pattern: fills *out for the anchor at `at`. False where it is only a part, which is to be
 * matched yet. */
static inline bool prefilter_whole(const struct prefilter_user *user, size_t at, struct pattern_match *out)
{
    if (user->weight)
        *out = (struct pattern_match){at - user->lead, at - user->lead + user->bytes, user->weight};
    return user->weight != 0;
}

/* For statistics: how many different literals there are. */
size_t prefilter_literals(const struct prefilter *f);

#endif
