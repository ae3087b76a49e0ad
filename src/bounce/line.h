/* Walking over the lines of a message: LF, CRLF, CR CR LF (twice converted) and CR alone end a line, mixed as they
 * come.
 *
 * Unlike slice_line it takes CR CR LF as one line end, which would otherwise look like the end of a header. Linear over
 * any input: the next LF is remembered, so that a text with CR only is not searched again for each line.
 */
#ifndef BOUNCE_LINE_H
#define BOUNCE_LINE_H

#include "base/slice.h"

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
    const char *stop = l->lf;
    while (stop > start && stop[-1] == '\r')
        stop--;
    const char *cr = stop > start ? memchr(start, '\r', (size_t)(stop - start)) : NULL;
    if (cr != NULL) {
        stop = cr;
        l->p = cr + 1;
    } else if (l->lf == l->end && stop < l->end) {
        l->p = stop + 1; /* trailing CRs are a line end each */
    } else {
        l->p = l->lf < l->end ? l->lf + 1 : l->end;
    }
    *line = slice_of(start, (size_t)(stop - start));
    return true;
}

#endif
