/* Bringing a message to people, as [notify NAME] says: by a program (its arguments are those of the settings, no shell reads them, the
 * message is on its standard input), by sendmail(1) of this machine, or by SMTP. Blocking, with a time limit: for the helper process of
 * the daemon (runner.h) and for commands.
 */
#ifndef SERVE_DELIVER_H
#define SERVE_DELIVER_H

#include "serve/settings.h"

#define DELIVER_MAX_WORDS 64u /* of a program, its arguments among them */
#define DELIVER_MAX_MESSAGE_BYTES (16u * 1024 * 1024)

struct delivery {
    const char *words[DELIVER_MAX_WORDS + 1]; /* of the program, NULL behind the last; none: SMTP */
    const char *server, *from;
    const char *to[DELIVER_MAX_WORDS];
    size_t to_count;
    int64_t timeout_us;
    bool mail; /* the message is a mail; else JSON */
};

/* From a section of kind "notify", whose texts must live as long. E_INVALID says what makes no sense. */
NODISCARD enum status delivery_of(const struct section *s, struct delivery *out, err *e);
/* E_IO: it was refused, ended with another status than 0, or took too long; the text has what it said last. */
NODISCARD enum status deliver(const struct delivery *d, slice message, err *e);

#endif
