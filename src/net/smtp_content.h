/* The content of a mail as it comes, in whatever pieces: dots unstuffed, line ends made LF, up to a cap. Pure.
 *
 * Only CR LF "." CR LF ends the content of DATA (RFC 5321 4.1.1.4), and only CR LF ends a line, so that a dot behind a bare LF or
 * a bare CR is a dot like any other: nothing that one server takes for the end and another for content can carry a second mail
 * through (SMTP smuggling, CVE-2023-51764). A bare LF is kept as a line end of the content, a bare CR as it is; both are told.
 *
 * A content over the cap is looked at to its end, and not kept.
 */
#ifndef NET_SMTP_CONTENT_H
#define NET_SMTP_CONTENT_H

#include "base/buf.h"

struct smtp_content {
    enum smtp_content_at {
        SMTP_AT_START,  /* of a line */
        SMTP_AT_LINE,   /* inside of one */
        SMTP_AT_CR,     /* behind a CR */
        SMTP_AT_DOT,    /* behind a dot that begins a line */
        SMTP_AT_DOT_CR, /* and its CR */
    } at;
    bool dots;      /* DATA; else BDAT, which has no dots and whose end is counted (RFC 3030 2) */
    bool ended;     /* the last dot was seen */
    bool bare;      /* a LF without CR or a CR without LF */
    bool dropped;   /* nothing is kept any more: the cap of the buffer would be passed, or memory was refused */
    bool no_memory; /* the latter */
    uint64_t seen;  /* bytes given */
};

void smtp_content_init(struct smtp_content *c, bool dots);
/* Appends what `in` adds to *out and returns how much of it was used: all, or up to and with the last dot. */
size_t smtp_content_take(struct smtp_content *c, slice in, buf *out);
/* The end of BDAT. */
void smtp_content_end(struct smtp_content *c, buf *out);

#endif
