/* Walking over the lines of a message: LF, CRLF, CR CR LF (twice converted) and CR alone end a line, mixed as they
 * come.
 *
 * Unlike slice_line it takes CR CR LF as one line end, which would otherwise look like the end of a header.
 */
#ifndef BOUNCE_LINE_H
#define BOUNCE_LINE_H

#include "base/slice.h"

#define LINE_MAX_CR \
    3 /* CRs in front of an LF that belong to the line end; bounded, so that a run of CRs stays linear */

struct lines {
    const char *p, *end; /* what is left */
};

static inline struct lines lines_of(slice s)
{
    return (struct lines){s.p, s.p + s.n};
}

static inline slice lines_rest(const struct lines *l)
{
    return slice_of(l->p, (size_t)(l->end - l->p));
}

/* Octets of the line end at s: CRs in front of an LF belong to it, else one CR is a line end. 0 when none stands there. */
static inline size_t line_end_span(slice s)
{
    size_t i = 0;
    while (i < s.n && i < LINE_MAX_CR && s.p[i] == '\r')
        i++;
    if (i < s.n && s.p[i] == '\n')
        return i + 1;
    return i > 0 ? 1 : 0;
}

/* Takes the next line without its end; false when none is left. */
static inline bool lines_next(struct lines *l, slice *line)
{
    if (l->p == l->end)
        return false;
    size_t left = (size_t)(l->end - l->p), n = slice_line_end((slice){l->p, left});
    *line = (slice){l->p, n};
    l->p += n;
    l->p += n < left && *l->p == '\n' ? 1 : line_end_span((slice){l->p, left - n});
    return true;
}

#endif
