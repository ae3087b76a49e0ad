/* UTF-8 and making untrusted text safe. What goes into an arena comes back as the empty slice when memory is refused.
 */
#ifndef BASE_TEXT_H
#define BASE_TEXT_H

#include "base/arena.h"
#include "base/buf.h"

/* Length of the valid UTF-8 sequence at s (1 to 4), 0 when it is not one (RFC 3629: no surrogates, no overlong forms).
 */
size_t utf8_len(slice s);
bool utf8_valid(slice s);
bool text_is_ascii(slice s);
/* Decodes the sequence at s, which must be valid. */
uint32_t utf8_get(slice s, size_t *len);
/* Encodes cp (<= 0x10FFFF) and returns its length. */
size_t utf8_put(uint32_t cp, char out[4]);

/* True for bytes that may be shown as they are: text_add_safe would change nothing. */
bool text_safe(slice s);
/* Appends `s` made safe for a terminal, log line or database: control characters (C0, DEL, C1, U+2028, U+2029) become
 * spaces (a run of them, with the spaces that follow, one space), each byte of invalid UTF-8 becomes U+FFFD, direction
 * overrides and other invisible format characters (U+202A..E, U+2066..9, U+FEFF) are dropped. At most max_bytes come
 * out: what is longer is cut at a character and ends in "...", which is counted (and left out when max_bytes is below
 * 3). */
void text_add_safe(buf *b, slice s, size_t max_bytes);
/* The same into an arena; returns s itself where nothing had to be changed. */
slice text_safe_dup(arena *a, slice s, size_t max_bytes);
/* Lower-cases ASCII letters into the arena; s itself where there are none. */
slice text_lower(arena *a, slice s);
/* Joins lines into one: every run of white space becomes one space, ends trimmed. */
slice text_squeeze(arena *a, slice s);
/* Bytes of the comment at the start of `s`, which is "(", with those inside of it (RFC 5322 3.2.2); all when it does not end. */
size_t text_comment_span(slice s);

#endif
