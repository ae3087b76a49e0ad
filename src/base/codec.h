/* Codecs of mail: base64, quoted-printable, base32, hex, xtext. All lenient on input as mail demands: junk is skipped
 * never refused; the decoders of base32 and hex, which read what we wrote ourselves, are the strict ones.
 *
 * Output goes to memory that the caller gives; each function says how much it needs at most. Decoders may write over
 * their own input (out == s.p).
 */
#ifndef BASE_CODEC_H
#define BASE_CODEC_H

#include "base/arena.h"

/* RFC 2045 6.8. Needs at most s.n / 4 * 3 + 3 bytes. Ignores characters outside of the alphabet; padding ends a group,
 * and what follows it starts the next (several encoded texts behind each other). Of a group cut short the whole bytes
 * come out. Returns bytes written. */
size_t base64_decode(slice s, char *out);
/* RFC 4648 4, padded, no line breaks; needs (s.n + 2) / 3 * 4 bytes. */
size_t base64_encode(slice s, char *out);
/* RFC 2045 6.7: soft line breaks, =XX in either case; a broken escape stays as it is. `header` selects the Q encoding
 * of RFC 2047 4.2 ("_" is a space), which has no line ends. Needs at most s.n bytes. Line ends (CRLF, LF, CR) come out
 * as LF without white space that stood literally before them; a "=" at the end of the text is a soft line break. */
size_t qp_decode(slice s, bool header, char *out);
/* RFC 4648 6 base32, lower case, no padding; needs (s.n * 8 + 4) / 5 bytes. */
size_t base32_encode(slice s, char *out);
/* Either case; returns false on a character outside of the alphabet. Needs s.n * 5 / 8 bytes; *n is what came out (0 on
 * false, though out was written to). Bits left over at the end are ignored. */
NODISCARD bool base32_decode(slice s, char *out, size_t *n);
/* Lower case; needs s.n * 2 bytes. */
size_t hex_encode(slice s, char *out);
/* Either case; false on an odd length or another character. Needs s.n / 2 bytes. */
NODISCARD bool hex_decode(slice s, char *out, size_t *n);
/* xtext of RFC 3461 4 ("+2B" is "+") and the \x{HEX} of utf-8-addr-xtext (RFC 6533 3). Needs at most s.n bytes;
 * a broken escape (also of a surrogate or above U+10FFFF) stays as it is. Returns bytes written. */
size_t xtext_decode(slice s, char *out);

#endif
