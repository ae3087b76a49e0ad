/* The bytes of an IMAP session: logged in by libcurl, then lines and literals.
 */
#ifndef NET_IMAP_WIRE_H
#define NET_IMAP_WIRE_H

#include <curl/curl.h>

#include "net/imap.h"

struct wire {
    CURL *curl;
    curl_socket_t socket;
    buf in;    /* received, not used */
    size_t at; /* used of it */
    int timeout_ms;
    const char *url; /* for messages; without password */
};

/* Connects and logs in. `password` NULL: ~/.netrc. */
NODISCARD enum status wire_open(struct wire *w, const struct imap_options *o, const char *password, err *e);
void wire_close(struct wire *w);
NODISCARD enum status wire_send(struct wire *w, slice text, err *e);
/* The next line without CRLF; valid until the next call. */
NODISCARD enum status wire_line(struct wire *w, slice *line, err *e);
/* The n bytes of a literal: the first `keep` of them are appended to *out. */
NODISCARD enum status wire_literal(struct wire *w, uint64_t n, size_t keep, buf *out, err *e);

#endif
