/* The head of an HTTP/1.x request (RFC 9112 2 to 6), read strictly: what two programs might read in two ways is refused, since
 * that is what request smuggling lives on. Pure: no socket, no clock.
 *
 * Refused, with the status to answer: bare LF, CR elsewhere than in CRLF, NUL and other control bytes, continued lines (obs-fold),
 * blanks before the colon, names that are no token, more than one Content-Length (also a list, also the same one twice), a
 * Content-Length that is not digits alone, Content-Length beside Transfer-Encoding, any Transfer-Encoding but exactly "chunked",
 * Transfer-Encoding in HTTP/1.0, no Host or two or one that is none, targets that are not a path ("absolute-form", "*",
 * "authority-form"), more than one blank in the request line. RFC 9112 3.2.2 would have servers take absolute-form: nothing that
 * speaks to us sends it, and it brings a second host.
 *
 * The head is scanned once while it comes (http_head_find), then read whole (http_head_parse); texts are slices of it.
 */
#ifndef NET_HTTP_HEAD_H
#define NET_HTTP_HEAD_H

#include "base/slice.h"

#define HTTP_MAX_HEAD_BYTES (16u * 1024) /* 431 above it */
#define HTTP_MAX_TARGET_BYTES 4096u      /* 414 */
#define HTTP_MAX_HEADERS 64u             /* 431 */

enum http_method { HTTP_GET, HTTP_HEAD, HTTP_POST, HTTP_PUT, HTTP_PATCH, HTTP_DELETE, HTTP_OPTIONS, HTTP_METHODS };

struct http_field {
    slice name, value; /* value without blanks at its ends */
};

struct http_head {
    enum http_method method;
    unsigned minor; /* of HTTP/1.x: 0 or 1 */
    slice target;   /* as sent: begins with "/" */
    slice host;
    struct http_field fields[HTTP_MAX_HEADERS];
    size_t field_count;
    bool has_length, chunked; /* never both */
    uint64_t length;          /* of the body; 0 without has_length */
    bool close;               /* the peer wants no further request on this connection */
    bool expects_continue;
};

/* The end of the head (behind its empty line) in `in`, 0 when it is not there yet. *scanned is where to look on, 0 in the beginning
 * and kept by the caller between calls. *status becomes 400 (a line that does not end in CRLF) or 431, 414 (too long) when it
 * never will be there. One empty line before the request line is let pass (RFC 9112 2.2). */
size_t http_head_find(slice in, size_t *scanned, unsigned *status);
/* Reads a whole head, as found. Returns 0, or the status to answer: 400, 414, 417, 431, 501, 505. */
unsigned http_head_parse(slice in, struct http_head *out);
/* The value of the first field of that name (case ignored); empty when there is none. */
slice http_head_value(const struct http_field *fields, size_t count, slice name);
/* "GET"; an enum, in the order of http_method. */
const char *http_method_name(enum http_method m);
/* Whether this is one field line without its CRLF; also for trailers. */
bool http_field_parse(slice line, struct http_field *out);
/* Whether it can be sent and read in one way: a token, and a value without control bytes and without blanks at its ends. */
bool http_field_good(const struct http_field *f);
/* Whether `token` is among the comma-separated ones of a list (case ignored). */
bool http_list_has(slice list, slice token);

#endif
