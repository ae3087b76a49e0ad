/* Finds which of some thousand literals occur in a folded text, in one pass.
 *
 * Each literal is filed under the rarest of its windows of four bytes; a bitmap of window hashes that fits the first-level
 * cache says no for nearly every position of a text. Words of two or three
 * letters are filed with the blanks around them. Immutable once built.
 */
#ifndef BOUNCE_PREFILTER_H
#define BOUNCE_PREFILTER_H

#include "bounce/pattern.h"

struct prefilter;

/* Who waits for a literal: number of the pattern, which alternative of its anchor the literal is, and what is cheap to know
 * of its neighbours: groups of bytes (PATTERN_GROUPS) with which the word before may end and the word behind may begin. */
struct prefilter_user {
    uint64_t before, behind;
    uint32_t pattern;
    uint32_t alternative;
    uint32_t offset; /* of the alternative in the literal, which may have the words around it too */
};

/* Builds the filter over the anchors of patterns[0..n). `samples` are folded texts from which the frequency of windows is
 * taken (the text may be empty); each pattern is given the anchor that occurs least in them. NULL when memory is refused. */
struct prefilter *prefilter_build(arena *a, struct pattern *const *patterns, size_t n, slice samples);

/* Calls found(arg, user, at) for each literal at each place, until it returns false. */
typedef bool (*prefilter_found)(void *arg, const struct prefilter_user *user, size_t at);
void prefilter_scan(const struct prefilter *f, slice text, prefilter_found found, void *arg);

/* For statistics: how many different literals there are. */
size_t prefilter_literals(const struct prefilter *f);

#endif
