/* The working copy of a reply that rules are matched against, and the one form in which patterns are kept.
 *
 * A folded text is words with exactly one space between, before the first and behind the last one. Letters are lower case;
 * Latin letters lose their marks ("Empfänger" is "empfanger", "ß" is "ss"), Greek and Cyrillic are lower-cased, full-width
 * forms become ASCII. Punctuation separates words; a dot inside a word stays ("5.7.1", "spamhaus.org"), an apostrophe inside
 * a word goes away ("doesn't" is "doesnt"; behind a single letter it separates: "n'existe" is "n existe"). An address is one
 * word "@", an IPv4 address "#", so that no name chosen by a stranger is ever read as words. `\n` written out separates.
 * A text that begins with a colon, where others write an address before it, begins with the word "noaddress".
 * Bytes that are not UTF-8 are read as Latin-1.
 */
#ifndef BOUNCE_FOLD_H
#define BOUNCE_FOLD_H

#include "base/arena.h"

#define FOLD_MAX_BYTES 4096u /* of a reply; the rest is not looked at */
#define FOLD_SLACK 8u        /* bytes behind a folded text that may be read, whatever they are */

/* Folds a reply; the empty slice when memory is refused. FOLD_SLACK bytes stand behind it. */
slice fold_text(arena *a, slice s);
/* Folds a literal of a pattern: "@" and "#" standing alone are the placeholders. No spaces at the ends. */
slice fold_literal(arena *a, slice s);

/* Letters and digits, as they are in folded texts. */
extern const bool fold_word_byte[256];

/* Where a word may start, and where the one before may end: not between two letters. */
static inline bool fold_between_words(slice text, size_t at)
{
    return at == 0 || at >= text.n ||
           !(fold_word_byte[(unsigned char)text.p[at - 1]] & fold_word_byte[(unsigned char)text.p[at]]);
}

#endif
