/* Sending one whole mail to people through a section [notify NAME] of type mail, to the recipients that stand there.
 *
 * The message is RFC 5322 with its own header (From, To, Date, Message-ID, Subject, MIME-Version, ...), line ends LF or CRLF.
 * notify_mail_to gives the recipients for a To field.
 */
#ifndef SERVE_NOTIFY_MAIL_H
#define SERVE_NOTIFY_MAIL_H

#include "serve/daemon.h"

/* Whether it was taken by the mail server; on the loop. */
typedef void (*notify_mail_fn)(void *ctx, enum status st, slice why);
/* By the daemon. E_NOT_FOUND: there is no such section of type mail (or was none at the start); done is not called then. */
NODISCARD enum status notify_mail(struct daemon *d, slice name, slice message, notify_mail_fn done, void *ctx, err *e);
/* By a command, at once, blocking: the same without a daemon. */
NODISCARD enum status notify_mail_now(const struct settings *s, slice name, slice message, err *e);
/* The section; an empty name: the first one of type mail. NULL: there is none. */
const struct section *notify_mail_section(const struct settings *s, slice name);
/* "a@example.org, b@example.org" and the sender, of that section. */
void notify_mail_to(const struct section *s, buf *to, slice *from);

#endif
