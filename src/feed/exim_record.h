/* One line of Exim's mainlog and the words in it: pure reading, no memory. Slices point into the line.
 *
 *   2025-03-04 08:00:02[.776] [+0000] [[pid]] ID FLAG ADDRESS [(local)] [<parent>] KEY=VALUE... [defer (N)][:] text
 *
 * Exim specification, chapter "Log files". Fields that log_selector adds and that are new to us are skipped.
 */
#ifndef FEED_EXIM_RECORD_H
#define FEED_EXIM_RECORD_H

#include "base/arena.h"
#include "bounce.h"
#include "feed/syslog.h"

/* Stamp and id off the front: out->stamp (form STAMP_LOCAL, or as it was when the line had none), *id, and
 * out->message: what follows the id. The id is 1RwtmW-000MsX-CK or, since 4.97, 16VDhn-000000001bo-D342. False when there
 * is no id; out->message is then what follows the stamp. */
bool exim_line(struct syslog_line *out, slice *id);

struct exim_record {
    slice to,
        parent;     /* without brackets; to may be a pipe, a file, ":blackhole:" or ">address" of an automatic reply */
    slice sender;   /* F= without brackets */
    slice host, ip; /* H= */
    slice confirmation;        /* C= without quotes */
    slice text;                /* what stands behind the last colon of the fields */
    int defer;                 /* the number in "defer (N)" */
    bool has_sender, deferred; /* F= is there, "defer" is there */
    bool confirmed;            /* C= is there */
};

/* What follows the flag of a delivery. False when there is no address. */
bool exim_record_parse(slice s, struct exim_record *out);

struct exim_arrival {
    slice sender;     /* without brackets: empty for the null sender */
    slice message_id; /* id= without brackets */
};
/* What follows "<= ". */
bool exim_arrival_parse(slice s, struct exim_arrival *out);

/* Where in the session the text says it happened. */
enum bounce_phase exim_phase(slice text, int defer);
/* No attempt was made: a retry time was not reached, or a limit of our own (src/macros.h, ERRNO_RRETRY to ERRNO_TRETRY). */
bool exim_tried_nothing(const struct exim_record *r);
/* The escapes of Exim's log undone (\n, \t, \r and three octal digits), in the arena. */
slice exim_unescape(arena *a, slice text);

#endif
