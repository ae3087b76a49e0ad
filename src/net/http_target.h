/* The target of a request: a path whose segments are decoded once and cannot be read in two ways, and a query. Pure.
 *
 * Refused: empty segments ("//"), "." and "..", also encoded; an encoded "/", "\" or control byte; a broken escape; what is no
 * UTF-8 when decoded. A trailing "/" is part of the path and so matches no route without it.
 */
#ifndef NET_HTTP_TARGET_H
#define NET_HTTP_TARGET_H

#include "base/arena.h"

#define HTTP_MAX_SEGMENTS 16u
#define HTTP_MAX_QUERY_FIELDS 64u

struct http_target {
    slice path;                        /* decoded, for logs */
    slice segments[HTTP_MAX_SEGMENTS]; /* decoded; "/" has none */
    size_t segment_count;
    slice query; /* as sent, checked: every escape is whole and decodes to no control byte but TAB, CR, LF */
};

/* `text` begins with "/" and has the characters of a target only (http_head_parse). Texts are slices of `text`, or of the arena where
 * something was encoded. False: 400. */
NODISCARD bool http_target_parse(slice text, arena *a, struct http_target *out);
/* The first value of `name` in a query or a form (application/x-www-form-urlencoded): "+" is a space, escapes are decoded. False:
 * it is not there. A value that is broken (in a form, which nobody checked before) is taken as it stands. */
bool http_query_get(slice query, slice name, arena *a, slice *value);

#endif
