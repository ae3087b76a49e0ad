/* UTF-8 and making untrusted text safe.
 */
#ifndef BASE_TEXT_H
#define BASE_TEXT_H

#include "base/arena.h"
#include "base/buf.h"

/* Length of the valid UTF-8 sequence at s (1 to 4), 0 when it is not one (RFC 3629: no surrogates, no overlong forms). */
size_t utf8_len(slice s);
bool utf8_valid(slice s);
/* Decodes the sequence at s, which must be valid. */
uint32_t utf8_get(slice s, size_t *len);
/* Encodes cp (<= 0x10FFFF) and returns its length. */
size_t utf8_put(uint32_t cp, char out[4]);

/* True for bytes that may be shown as they are: no control bytes, valid UTF-8. */
bool text_safe(slice s);
/* Appends `s` made safe for a terminal, log line or database: control bytes become spaces (runs one space), invalid
 * UTF-8 becomes U+FFFD, direction overrides and other invisible format characters (U+202A..E, U+2066..9, U+FEFF) are dropped,
 * at most max_bytes come out (cut at a character, then "..." is added). */
void text_add_safe(buf *b, slice s, size_t max_bytes);
/* The same into an arena; returns s itself where nothing had to be changed. */
slice text_safe_dup(arena *a, slice s, size_t max_bytes);
/* Lower-cases ASCII letters into the arena; s itself where there are none. */
slice text_lower(arena *a, slice s);
/* Joins lines into one: every run of white space becomes one space, ends trimmed. */
slice text_squeeze(arena *a, slice s);

#endif
