/* What a section says of the mails it takes: whose they are, how far they are trusted, where those go that are no report.
 */
#ifndef SERVE_MAIL_SOURCE_H
#define SERVE_MAIL_SOURCE_H

#include "serve/mail.h"

/* Fills feed ("lmtp:NAME", in the arena) and opens the folder of [aside] for this section. The texts of the section are set by the
 * caller before. Below the rights of root: what is made here belongs to the daemon. */
NODISCARD enum status mail_source_open(const struct settings *s, const struct section *section, arena *a,
                                       struct mail_source *out, err *e);
void mail_source_close(struct mail_source *m);

#endif
