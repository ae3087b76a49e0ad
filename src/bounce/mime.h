/* A message as a flat list of its parts in document order (RFC 2045, 2046), forgiving about boundaries.
 *
 * Knows nothing of reports. Returned messages (message/rfc822, message/global, text/rfc822-headers, and what follows
 * "--- Original message follows" in text, see below) are parts too: their header is parsed, their body is a child. One
 * pass over the bytes; nothing is copied before part_text asks for decoded text.
 */
#ifndef BOUNCE_MIME_H
#define BOUNCE_MIME_H

#include "bounce/charset.h"
#include "bounce/header.h"

#define MIME_MAX_DEPTH 16
#define MIME_MAX_PARTS 1000

enum part_type {
    PART_TEXT, /* text/plain, text/anything, no Content-Type */
    PART_HTML,
    PART_MULTIPART,
    PART_MESSAGE,         /* message/rfc822, message/global: `inner` is its header */
    PART_HEADERS,         /* text/rfc822-headers, message/global-headers, message/rfc822-headers: `inner` too */
    PART_DELIVERY_STATUS, /* message/delivery-status, message/global-delivery-status (and misspelt forms) */
    PART_FEEDBACK_REPORT, /* message/feedback-report, and application/... kin */
    PART_DISPOSITION,     /* message/disposition-notification (RFC 8098) */
    PART_OTHER
};

struct part {
    enum part_type type;
    slice content_type;     /* unfolded; "" when there was none */
    slice media;            /* "text/plain", lower case, "" when there was no Content-Type */
    struct header header;   /* of the part */
    struct header inner;    /* PART_MESSAGE and PART_HEADERS: the header of the message inside */
    slice raw;              /* body as it stands, transfer encoding not undone, without the boundary's line end */
    slice encoding;         /* lower case; "" for none */
    unsigned depth;         /* 0 for the message itself */
    unsigned message_depth; /* how many returned messages it lies in; parts of the report itself have 0 */
    size_t parent;          /* index of the part that contains it (itself for index 0) */
    bool split;             /* PART_MULTIPART: a boundary was found, its parts follow */
    bool decoded;           /* `text` is what part_text gives */
    slice text;
};

struct mime {
    struct part *parts; /* parts[0] is the message itself */
    size_t n;
    unsigned diag; /* bits of enum bounce_diag */
};

/* Reads a whole message. Returns false when memory was refused: what was found is there. */
NODISCARD bool mime_read(slice message, arena *a, struct mime *out);
/* The same when its header was read already: `body` is the rest of `message` behind it. */
NODISCARD bool mime_read_behind(slice message, const struct header *header, slice body, arena *a, struct mime *out);
/* The same for a returned message that stands in a text (no MIME part of its own): fields first, then a body. */
NODISCARD bool mime_read_at(slice message, unsigned message_depth, arena *a, struct mime *out);

/* The part's text: transfer encoding undone, UTF-8, line ends LF, at most BOUNCE_MAX_PART_BYTES (cut: *diag gets the
 * bit). HTML becomes text (tags dropped, block tags and <br> become line ends, entities decoded, style and script left
 * out). For multiparts, the preamble when no boundary was ever found. Decoded once; call as often as you like. */
slice part_text(struct charsets *cs, arena *a, struct part *p, unsigned *diag);

#endif
