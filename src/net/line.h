/* A line in, a line out: for ${readsocket} of Exim, for shells, for whoever can open a socket.
 *
 *   check ADDRESS                      may this address be sent to?
 *   ask NAME=VALUE <TAB> NAME=VALUE    the same with what is known besides: recipient, sender, user, client, queue-id
 *
 * The answer is one of
 *
 *   send
 *   reject 550 5.7.1 TEXT
 *   defer 450 4.7.1 TEXT
 *   discard 550 5.7.1 TEXT             throw it away for this recipient; who cannot, refuses with what follows
 *   tag NAME: VALUE                    send it with this header
 *   error TEXT                         the line was not understood; who asks should send
 *
 * A client may shut down its side when it has asked: what is unanswered is answered, also a last line without its end, and the
 * connection closed. Lines end in LF or CRLF. An address goes to the end of its line and may hold blanks; it holds no LF, and in `ask`
 * no TAB, which no address of SMTP does (RFC 5321 4.1.2).
 *
 * Limits: a line of LINE_MAX_BYTES; the rest of a longer one is passed over and it is answered by "error".
 */
#ifndef NET_LINE_H
#define NET_LINE_H

#include "net/ask.h"

#define LINE_MAX_BYTES 4096u
#define LINE_MAX_VALUE_BYTES \
    700u /* as a client writes it: five of them fit; longer than any address (RFC 5321 4.5.3.1) */

/* ctx: struct asker */
extern const struct protocol line_protocol;

/* What a client reads out of an answer line (without its end): slices into it. False when it is none, and for "error". Of the headers
 * of a tag there is one. */
bool line_read_answer(slice line, struct ask_answer *out);
/* Appends the line that asks `question` ("ask ..." and its end), its texts cut at LINE_MAX_VALUE_BYTES. False when one of them cannot
 * stand in a line. */
bool line_add_question(buf *out, const struct ask *question);

#endif
