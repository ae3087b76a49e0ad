#include "net/http_own.h"

/* A pattern is walked beside the segments of the path; "{...}" takes any one that is not empty. */
static bool fits(const char *pattern, const struct http_target *t, slice *params)
{
    slice rest = slice_str(pattern), piece;
    size_t at = 0, param = 0;
    MUST(rest.n > 0 && rest.p[0] == '/');
    rest = slice_from(rest, 1);
    if (rest.n == 0)
        return t->segment_count == 0;
    while (slice_split(&rest, '/', &piece)) {
        if (at == t->segment_count)
            return false;
        slice segment = t->segments[at++];
        if (piece.n > 0 && piece.p[0] == '{') {
            MUST(param < HTTP_MAX_PARAMS);
            if (segment.n == 0)
                return false;
            params[param++] = segment;
        } else if (!slice_eq(piece, segment)) {
            return false;
        }
    }
    return at == t->segment_count;
}

const struct http_route *http_route_find(const struct http_route *routes, enum http_method m,
                                         const struct http_target *t, slice *params, unsigned *status, unsigned *allow)
{
    enum http_method wanted = m == HTTP_HEAD ? HTTP_GET : m;
    *allow = 0;
    for (const struct http_route *r = routes; r->pattern; r++) {
        if (!fits(r->pattern, t, params))
            continue;
        if (r->method == wanted)
            return r;
        *allow |= 1U << r->method;
    }
    *status = *allow ? 405 : 404;
    return NULL;
}
