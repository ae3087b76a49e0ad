/* A mail filter as Postfix (smtpd_milters, non_smtpd_milters) and sendmail (INPUT_MAIL_FILTER) know them: asked for every recipient,
 * and once more at the end of the message, when it may change what the other protocols cannot.
 *
 *   reject, defer  the one recipient is refused ("y" with code and text)
 *   discard        the recipient is taken and removed at the end; when all were, so is the message
 *   tag, headers   added at the end, each once
 *   new_sender     at the end, asked for with ASK_MESSAGE, which names the recipient only when it is the only one left
 *
 * Versions 2 to 6. Steps that nobody looks at are negotiated away, macros asked for where the server lets one choose ({auth_authen},
 * {client_addr}, i ...). Several messages a session, several sessions a connection (K).
 *
 * Limits: a packet of MILTER_MAX_PACKET_BYTES, longer header fields are passed over; MILTER_MAX_RECIPIENTS discarded recipients a
 * message (more are refused); MILTER_MAX_MEMORY_BYTES of texts a message and as much a session. What breaks the protocol closes the
 * connection; the mail server's milter_default_action says what becomes of the mail.
 */
#ifndef NET_MILTER_H
#define NET_MILTER_H

#include "net/ask.h"

#define MILTER_MAX_RECIPIENTS 10000u
#define MILTER_MAX_MEMORY_BYTES (4u * 1024 * 1024)

/* ctx: struct milter */
extern const struct protocol milter_protocol;

struct milter {
    struct asker *asker;
    bool asks_message; /* ASK_MESSAGE is wanted, and for it the message id */
    /* Told by the sessions. */
    uint64_t messages;
    uint64_t not_offered; /* a change was wished for that the mail server does not offer */
};

#endif
