#include "bounce/header.h"

#include "bounce/line.h"

#ifdef __SSE2__
#include <emmintrin.h>
#endif

#define HEADER_MAX_FIELDS 2000 /* more are not kept; real ones stay below 300 */
#define HEADER_MAX_NAME 100    /* octets of a field name */
#define HEADER_FIRST_FIELDS 32 /* room for so many at first */
#define HEADER_MAX_BAD 8       /* lines in a row that are no field (folds that lost their blanks); more are a body */

/* Octets of a field name at the start of a line: printable ASCII (RFC 5322 3.6.8) without the colon. */
static inline size_t name_span(slice line)
{
    size_t i = 0;
#ifdef __SSE2__
    const __m128i blank = _mm_set1_epi8(32), del = _mm_set1_epi8(127), colon = _mm_set1_epi8(':');
    for (; line.n - i >= sizeof blank; i += sizeof blank) { /* octets from 128 on are less than a blank */
        __m128i bytes = _mm_loadu_si128((const __m128i *)(const void *)(line.p + i));
        __m128i text = _mm_and_si128(_mm_cmpgt_epi8(bytes, blank), _mm_cmpgt_epi8(del, bytes));
        unsigned name = (unsigned)_mm_movemask_epi8(_mm_andnot_si128(_mm_cmpeq_epi8(bytes, colon), text));
        if (name != 0xffff)
            return i + (unsigned)__builtin_ctz(~name);
    }
#endif
    while (i < line.n && line.p[i] > 32 && line.p[i] < 127 && line.p[i] != ':')
        i++;
    return i;
}

/* Blanks between the name and the colon are allowed. */
static inline bool field_split(slice line, struct field *f)
{
    size_t name = name_span(line.n < HEADER_MAX_NAME ? line : (slice){line.p, HEADER_MAX_NAME}), i = name;
    while (i < line.n && (line.p[i] == ' ' || line.p[i] == '\t'))
        i++;
    if (name == 0 || i == line.n || line.p[i] != ':')
        return false;
    f->name = (slice){line.p, name};
    f->value = (slice){line.p + i + 1, line.n - i - 1}; /* points into the line even when empty */
    f->hash = field_hash(f->name);
    return true;
}

static inline bool is_mbox_line(slice line)
{
    return (line.p[0] == 'F' && slice_starts(line, S("From "))) ||
           (line.p[0] == '>' && slice_starts(line, S(">From ")));
}

static inline bool is_folded(const struct lines *l)
{
    return l->p < l->end && (*l->p == ' ' || *l->p == '\t');
}

static inline bool is_blank(slice line)
{
    size_t i = 0;
    while (i < line.n && ascii_space(line.p[i]))
        i++;
    return i == line.n;
}

/* Lengthens the value over the folded lines that follow. */
static inline void take_folded(struct lines *l, struct field *f)
{
    slice line;
    while (is_folded(l)) {
        struct lines before = *l;
        if (!lines_next(l, &line))
            break;
        if (is_blank(line) && !is_folded(l)) {
            *l = before; /* a line of blanks only is the empty line that ends the header */
            break;
        }
        f->value.n = (size_t)(line.p + line.n - f->value.p);
    }
    f->value = slice_trim(f->value);
}

static void skip_lead(struct lines *l)
{
    struct lines before = *l;
    slice line;
    while (lines_next(l, &line) && (is_blank(line) || is_mbox_line(line)))
        before = *l;
    *l = before;
}

struct reading {
    struct field *fields;
    uint64_t names[4];
    size_t n, room;
    unsigned bad_lines, bad_row; /* all; in a row */
    struct lines bad_at;         /* where the row begins */
};

/* A line that is no field. Returns true when it, or the row that it ends, belongs to the body. */
static bool bad_line(struct reading *r, const struct lines *before, slice line)
{
    r->bad_lines++;
    if (r->bad_row++ == 0)
        r->bad_at = *before;
    return r->n == 0 || slice_starts(line, S("--")) || r->bad_row >= HEADER_MAX_BAD;
}

static inline bool keep_field(struct reading *r, arena *a, const struct field *f)
{
    if (r->n >= HEADER_MAX_FIELDS)
        return true;
    struct field *grown = r->fields;
    if (r->room == 0) {
        grown = arena_alloc(a, HEADER_FIRST_FIELDS * sizeof *grown);
        r->room = HEADER_FIRST_FIELDS;
    } else {
        grown = arena_grow(a, grown, r->n, &r->room, sizeof *grown);
    }
    if (grown == NULL)
        return false;
    grown[r->n++] = *f;
    r->names[f->hash >> 6] |= UINT64_C(1) << (f->hash & 63);
    r->fields = grown;
    return true;
}

static bool read_fields(struct lines *l, arena *a, struct reading *r)
{
    slice line;
    struct field f;
    struct lines before = *l;
    unsigned allowed = 0; /* bad lines before the end that are still of the header */
    for (; lines_next(l, &line); before = *l) {
        if (is_blank(line)) {
            allowed = 1; /* a last field whose fold lost its blanks */
            break;
        }
        if (is_mbox_line(line))
            continue;
        if (!field_split(line, &f)) {
            if (!bad_line(r, &before, line))
                continue;
            *l = r->bad_at;
            return true;
        }
        r->bad_row = 0;
        take_folded(l, &f);
        if (!keep_field(r, a, &f))
            return false;
    }
    if (r->bad_row > allowed) /* no field came behind them: a body without an empty line before it */
        *l = r->bad_at;
    return true;
}

bool header_read(slice *rest, arena *a, struct header *out)
{
    struct lines l = lines_of(*rest);
    struct reading r = {0};
    skip_lead(&l);
    bool ok = read_fields(&l, a, &r);
    *out = (struct header){.fields = r.fields, .n = r.n, .bad_lines = r.bad_lines};
    memcpy(out->names, r.names, sizeof out->names);
    *rest = lines_rest(&l);
    return ok;
}

const struct field *header_find(const struct header *h, slice name, uint8_t hash)
{
    const struct field *end = h->fields + h->n;
    for (const struct field *f = h->fields; f < end; f++)
        if (f->hash == hash && slice_eq_ci(f->name, name))
            return f;
    return NULL;
}

slice header_get_last(const struct header *h, slice name)
{
    for (size_t i = h->n; i-- > 0;)
        if (slice_eq_ci(h->fields[i].name, name))
            return h->fields[i].value;
    return SLICE_EMPTY;
}

slice header_unfold(arena *a, slice value)
{
    if (slice_chr(value, '\n') == SLICE_NPOS && slice_chr(value, '\r') == SLICE_NPOS)
        return value;
    size_t run = slice_line_end(value), n = 0;
    char *out = arena_alloc(a, value.n);
    if (out == NULL)
        return SLICE_EMPTY;
    for (size_t i = 0; i < value.n; i += run + 1, run = slice_line_end(slice_from(value, i))) {
        memcpy(out + n, value.p + i, run);
        n += run;
    }
    return slice_of(out, n);
}
