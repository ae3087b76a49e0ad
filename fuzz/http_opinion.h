/* What http_parser, another reader of HTTP/1.1, makes of a request. A file of its own: both have an enum http_method.
 */
#ifndef FUZZ_HTTP_OPINION_H
#define FUZZ_HTTP_OPINION_H

#include "base/buf.h"

struct http_opinion {
    const char *method;
    buf target, body; /* the caller's, also on false */
};

/* False: it is none, or it does not end where `request` ends. */
bool http_opinion(slice request, struct http_opinion *out);

#endif
