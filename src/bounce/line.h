/* Walking over the lines of a message: LF, CRLF, CR CR LF (twice converted) and CR alone end a line, mixed as they
 * come.
 *
 * Unlike slice_line it takes CR CR LF as one line end, which would otherwise look like the end of a header. Linear over
 * any input: the next LF is remembered, so that a text with CR only is not searched again for each line.
 */
#ifndef BOUNCE_LINE_H
#define BOUNCE_LINE_H

#include "base/slice.h"

#define LINE_MAX_CR \
    3 /* CRs in front of an LF that belong to the line end; bounded, so that a run of CRs stays linear */

struct lines {
    const char *p, *end; /* what is left */
    const char *lf;      /* next LF at or behind p; end for none, NULL when not searched yet */
};

static inline struct lines lines_of(slice s)
{
    return (struct lines){s.p, s.p + s.n, NULL};
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
    const char *start = l->p;
    if (l->lf == NULL || l->lf < start) {
        l->lf = memchr(start, '\n', (size_t)(l->end - start));
        if (l->lf == NULL)
            l->lf = l->end;
    }
    const char *cr = l->lf > start ? memchr(start, '\r', (size_t)(l->lf - start)) : NULL;
    const char *stop = cr != NULL ? cr : l->lf;
    l->p = stop + line_end_span((slice){stop, (size_t)(l->end - stop)});
    *line = slice_of(start, (size_t)(stop - start));
    return true;
}

#endif
