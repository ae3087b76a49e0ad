#include "bounce/mime.h"

#include "base/codec.h"
#include "base/text.h"
#include "bounce.h"
#include "bounce/html.h"
#include "bounce/line.h"

#define MIME_MAX_BOUNDARY 4000 /* octets; RFC 2046 5.1.1 allows 70 */
#define MIME_MAX_SEARCH 1000   /* lines starting with "--" that are tried in place of a boundary that never occurs */

/* The usual ones, whole and in lower case; only what is not among them is searched for the words below. */
static const struct {
    slice media;
    enum part_type type;
} usual_types[] = {
    {SLICE_INIT("text/plain"), PART_TEXT},
    {SLICE_INIT("message/rfc822"), PART_MESSAGE},
    {SLICE_INIT("message/delivery-status"), PART_DELIVERY_STATUS},
    {SLICE_INIT("multipart/report"), PART_MULTIPART},
    {SLICE_INIT("multipart/mixed"), PART_MULTIPART},
    {SLICE_INIT("multipart/alternative"), PART_MULTIPART},
    {SLICE_INIT("text/html"), PART_HTML},
    {SLICE_INIT("text/rfc822-headers"), PART_HEADERS},
};

/* Which media type is what. Substrings, because the subtypes come misspelt ("message/xdelivery-status"). First match
 * wins. */
static const struct {
    slice words;
    enum part_type type;
} media_types[] = {
    {SLICE_INIT("multipart/"), PART_MULTIPART},
    {SLICE_INIT("delivery-status"), PART_DELIVERY_STATUS},
    {SLICE_INIT("delivery_status"), PART_DELIVERY_STATUS},
    {SLICE_INIT("deliverystatus"), PART_DELIVERY_STATUS},
    {SLICE_INIT("feedback-report"), PART_FEEDBACK_REPORT},
    {SLICE_INIT("disposition-notification"), PART_DISPOSITION},
    {SLICE_INIT("rfc822-header"), PART_HEADERS},
    {SLICE_INIT("rfc822header"), PART_HEADERS},
    {SLICE_INIT("global-header"), PART_HEADERS},
    {SLICE_INIT("text/rfc822"), PART_HEADERS},
    {SLICE_INIT("message/rfc822"), PART_MESSAGE},
    {SLICE_INIT("message/rfc-822"), PART_MESSAGE},
    {SLICE_INIT("message/rfc5322"), PART_MESSAGE},
    {SLICE_INIT("message/global"), PART_MESSAGE},
    {SLICE_INIT("message/news"), PART_MESSAGE},
    {SLICE_INIT("text/html"), PART_HTML},
    {SLICE_INIT("application/xhtml"), PART_HTML},
    {SLICE_INIT("text/"), PART_TEXT},
};

struct reading {
    arena *a;
    struct mime *out;
    size_t room;
};

/* Where a part stands: what parse_part and the functions below it need to know of its surroundings. */
struct place {
    slice raw;                   /* header and body */
    const struct header *header; /* when it was read already (raw is the body then); NULL otherwise */
    size_t parent;
    unsigned depth, message_depth;
    bool digest;       /* RFC 2046 5.1.5: message/rfc822 is the default */
    bool may_be_blank; /* an empty first line means "no header" */
};

static bool parse_part(struct reading *r, const struct place *where);

/* ---- Content-Type --------------------------------------------------------------------------------------------- */

/* Takes a type of the table that is written as it stands there, with parameters or without: nothing has to be copied. */
static bool usual_type(struct part *p)
{
    size_t semicolon = slice_chr(p->content_type, ';');
    slice media = semicolon == SLICE_NPOS ? p->content_type : slice_rtrim(slice_sub(p->content_type, 0, semicolon));
    for (size_t i = 0; i < ARRAY_LEN(usual_types); i++) {
        if (!slice_eq_ci(media, usual_types[i].media))
            continue;
        p->media = usual_types[i].media;
        p->type = usual_types[i].type;
        return true;
    }
    return false;
}

static enum part_type type_of(slice media)
{
    if (media.n == 0)
        return PART_TEXT;
    for (size_t i = 0; i < ARRAY_LEN(media_types); i++)
        if (slice_find(media, media_types[i].words) != SLICE_NPOS)
            return media_types[i].type;
    return slice_chr(media, '/') == SLICE_NPOS ? PART_TEXT : PART_OTHER; /* RFC 2045 5.2: unreadable is text/plain */
}

static void read_content_fields(struct reading *r, struct part *p, bool digest)
{
    p->content_type = header_unfold(r->a, header_get(&p->header, S("Content-Type")));
    if (!usual_type(p)) {
        p->media = text_lower(r->a, header_main_value(r->a, p->content_type));
        p->type = p->media.n == 0 && digest ? PART_MESSAGE : type_of(p->media);
    }
    p->encoding = text_lower(r->a, header_main_value(r->a, header_get(&p->header, S("Content-Transfer-Encoding"))));
}

/* ---- transfer encodings --------------------------------------------------------------------------------------- */

/* Declared base64 is often none: then the first line has a blank or a colon in it. */
static bool looks_base64(slice s)
{
    slice line = slice_ltrim(s);
    size_t end = 0;
    while (end < line.n && !ascii_space(line.p[end])) {
        char c = line.p[end++];
        if (!ascii_alnum(c) && c != '+' && c != '/' && c != '=')
            return false;
    }
    return end == line.n || line.p[end] == '\r' || line.p[end] == '\n';
}

static bool is_encoded(const struct part *p)
{
    return slice_eq(p->encoding, S("base64")) || slice_eq(p->encoding, S("quoted-printable"));
}

static slice undo_encoding(arena *a, const struct part *p, slice raw)
{
    bool base64 = slice_eq(p->encoding, S("base64"));
    if (!is_encoded(p) || (base64 && !looks_base64(raw)))
        return raw;
    char *out = arena_alloc(a, raw.n + 3);
    if (out == NULL)
        return SLICE_EMPTY;
    return slice_of(out, base64 ? base64_decode(raw, out) : qp_decode(raw, false, out));
}

/* ---- boundaries ----------------------------------------------------------------------------------------------- */

struct delimiter {
    size_t start; /* of the line end in front of it, or of the line */
    size_t next;  /* behind its line */
    bool close;   /* "--boundary--" */
};

/* Does the text at s.p[at..], behind "--boundary", complete a delimiter line? */
static bool delimiter_tail(slice s, size_t at, struct delimiter *d)
{
    d->close = slice_starts(slice_from(s, at), S("--"));
    if (d->close)
        at += 2;
    while (at < s.n && (s.p[at] == ' ' || s.p[at] == '\t'))
        at++;
    if (at < s.n && s.p[at] != '\r' && s.p[at] != '\n')
        return false;
    d->next = at + line_end_span(slice_from(s, at));
    return true;
}

/* The next line of s at or after `from` that is "--boundary"; `mark` has the two hyphens. */
static bool delimiter_find(slice s, size_t from, slice mark, struct delimiter *d)
{
    for (;;) {
        size_t at = slice_find(slice_from(s, from), mark);
        if (from >= s.n || at == SLICE_NPOS)
            return false;
        at += from;
        from = at + 1;
        if (at > 0 && s.p[at - 1] != '\n' && s.p[at - 1] != '\r')
            continue;
        if (!delimiter_tail(s, at + mark.n, d))
            continue;
        d->start = at;
        bool lf = d->start > 0 && s.p[d->start - 1] == '\n';
        d->start -= lf || at > 0 ? 1 : 0;
        for (unsigned i = 0; lf && i < LINE_MAX_CR && d->start > 0 && s.p[d->start - 1] == '\r'; i++)
            d->start--;
        return true;
    }
}

/* A line "--something" in front of a "Content-..." field serves when the declared boundary never occurs. The mark with
 * its hyphens, or empty. With `first`, only the first line that is not blank may be it. */
static slice mark_guess(slice s, bool first)
{
    struct lines l = lines_of(s);
    slice line;
    unsigned tried = 0;
    while (tried < MIME_MAX_SEARCH && lines_next(&l, &line)) {
        if (!slice_starts(line, S("--")) || line.n < 3 || line.n > MIME_MAX_BOUNDARY) {
            if (first && !slice_empty(slice_trim(line)))
                break;
            continue;
        }
        tried++;
        if (slice_starts_ci(lines_rest(&l), S("Content-")))
            return slice_rtrim(line);
        if (first)
            break;
    }
    return SLICE_EMPTY;
}

static slice mark_from(arena *a, slice boundary)
{
    char *out = boundary.n == 0 || boundary.n > MIME_MAX_BOUNDARY ? NULL : arena_alloc(a, boundary.n + 2);
    if (out == NULL)
        return SLICE_EMPTY;
    memcpy(out, "--", 2);
    memcpy(out + 2, boundary.p, boundary.n);
    return slice_of(out, boundary.n + 2);
}

/* "--" and the declared boundary, where it occurs in the body; else what serves in its place. */
static slice mark_of(struct reading *r, const struct part *p, struct delimiter *first)
{
    slice boundary = header_param(NULL, r->a, p->content_type, S("boundary"));
    slice mark = mark_from(r->a, boundary);
    if (mark.n > 0 && delimiter_find(p->raw, 0, mark, first))
        return mark;
    r->out->diag |= BOUNCE_DIAG_BOUNDARY_MISSING;
    mark = mark_guess(p->raw, false);
    return mark.n > 0 && delimiter_find(p->raw, 0, mark, first) ? mark : SLICE_EMPTY;
}

/* Reads the parts between the delimiters. */
static bool split_parts(struct reading *r, size_t index, slice mark, struct delimiter d)
{
    const struct part p = r->out->parts[index];
    struct place where = {.parent = index,
                          .depth = p.depth + 1,
                          .message_depth = p.message_depth,
                          .digest = slice_eq(p.media, S("multipart/digest")),
                          .may_be_blank = true};
    r->out->parts[index].split = true;
    while (!d.close && d.next < p.raw.n) {
        size_t start = d.next;
        bool more = delimiter_find(p.raw, start, mark, &d);
        size_t end = more ? d.start : p.raw.n;
        where.raw = start < end ? slice_sub(p.raw, start, end - start) : SLICE_EMPTY;
        if (!parse_part(r, &where))
            return false;
        if (!more) {
            r->out->diag |= BOUNCE_DIAG_BOUNDARY_MISSING;
            break;
        }
    }
    return true;
}

static bool parse_multipart(struct reading *r, size_t index)
{
    struct delimiter first = {0};
    slice mark = mark_of(r, &r->out->parts[index], &first);
    return mark.n == 0 || split_parts(r, index, mark, first);
}

/* A message that lost its Content-Type, but begins with a boundary. */
static bool parse_undeclared(struct reading *r, size_t index)
{
    struct part *p = &r->out->parts[index];
    struct delimiter first = {0};
    slice mark = mark_guess(p->raw, true);
    if (mark.n == 0 || !delimiter_find(p->raw, 0, mark, &first))
        return true;
    p->type = PART_MULTIPART;
    p->media = S("multipart/mixed");
    return split_parts(r, index, mark, first);
}

/* ---- returned messages ---------------------------------------------------------------------------------------- */

/* The message inside becomes a part of its own; its header is kept here too. */
static bool parse_returned(struct reading *r, size_t index)
{
    struct part *p = &r->out->parts[index];
    struct place where = {.parent = index, .depth = p->depth + 1, .message_depth = p->message_depth + 1};
    where.raw = is_encoded(p) ? undo_encoding(r->a, p, p->raw) : p->raw;
    if (p->type == PART_HEADERS) {
        slice rest = where.raw;
        bool ok = header_read(&rest, r->a, &p->inner);
        if (!ok || slice_empty(slice_ltrim(rest)))
            return ok;
    }
    size_t child = r->out->n;
    bool ok = parse_part(r, &where);
    if (r->out->n > child)
        r->out->parts[index].inner = r->out->parts[child].header;
    return ok;
}

/* ---- parts ---------------------------------------------------------------------------------------------------- */

static struct part *new_part(struct reading *r, const struct place *where)
{
    struct part *grown = arena_grow(r->a, r->out->parts, r->out->n, &r->room, sizeof *grown);
    if (grown == NULL)
        return NULL;
    r->out->parts = grown;
    struct part *p = &grown[r->out->n++];
    *p = (struct part){.depth = where->depth,
                       .message_depth = where->message_depth,
                       .parent = where->parent,
                       .content_type = SLICE_EMPTY,
                       .media = SLICE_EMPTY,
                       .raw = SLICE_EMPTY,
                       .encoding = SLICE_EMPTY,
                       .text = SLICE_EMPTY};
    return p;
}

static bool starts_blank(slice s)
{
    return s.n == 0 || s.p[0] == '\n' || s.p[0] == '\r';
}

/* Reads header and body of p. */
static bool read_part(struct reading *r, struct part *p, const struct place *where)
{
    bool ok = true;
    slice rest = where->raw;
    if (where->header)
        p->header = *where->header;
    else if (where->may_be_blank && starts_blank(rest))
        rest = slice_from(rest, line_end_span(rest));
    else
        ok = header_read(&rest, r->a, &p->header);
    p->raw = rest;
    read_content_fields(r, p, where->digest);
    if (p->header.bad_lines > 0 && where->message_depth == 0)
        r->out->diag |= BOUNCE_DIAG_BAD_HEADER;
    return ok;
}

static bool parse_part(struct reading *r, const struct place *where)
{
    if (where->depth > MIME_MAX_DEPTH || r->out->n >= MIME_MAX_PARTS) {
        r->out->diag |= BOUNCE_DIAG_NESTED_TOO_DEEP;
        return true;
    }
    size_t index = r->out->n;
    struct part *p = new_part(r, where);
    if (p == NULL || !read_part(r, p, where))
        return false;
    if (p->type == PART_MULTIPART)
        return parse_multipart(r, index);
    if (p->type == PART_MESSAGE || p->type == PART_HEADERS)
        return parse_returned(r, index);
    if (p->media.n == 0 && (index == 0 || !where->may_be_blank))
        return parse_undeclared(r, index);
    return true;
}

static bool read_from(struct place where, arena *a, struct mime *out)
{
    struct reading r = {a, out, 0};
    *out = (struct mime){0};
    if (where.raw.n > BOUNCE_MAX_MESSAGE_BYTES) {
        where.raw = slice_sub(where.raw, 0, BOUNCE_MAX_MESSAGE_BYTES);
        out->diag |= BOUNCE_DIAG_TRUNCATED;
    }
    bool ok = parse_part(&r, &where);
    if (!ok)
        out->diag |= BOUNCE_DIAG_MEMORY;
    if (out->n > 0 && !header_has(&out->parts[0].header, S("Content-Type")))
        out->diag |= BOUNCE_DIAG_NO_CONTENT_TYPE;
    return ok;
}

bool mime_read_at(slice message, unsigned message_depth, arena *a, struct mime *out)
{
    return read_from((struct place){.raw = message, .message_depth = message_depth}, a, out);
}

bool mime_read(slice message, arena *a, struct mime *out)
{
    return mime_read_at(message, 0, a, out);
}

bool mime_read_behind(slice message, const struct header *header, slice body, arena *a, struct mime *out)
{
    if (message.n > BOUNCE_MAX_MESSAGE_BYTES) /* what is cut off may begin in the header */
        return mime_read(message, a, out);
    return read_from((struct place){.raw = body, .header = header}, a, out);
}

/* ---- text ----------------------------------------------------------------------------------------------------- */

static slice cut(slice s, size_t most, unsigned *diag)
{
    if (s.n > most)
        *diag |= BOUNCE_DIAG_PART_TRUNCATED;
    return slice_sub(s, 0, most);
}

/* Line ends to LF; s itself when there is no CR. */
static slice lf_only(arena *a, slice s)
{
    if (slice_chr(s, '\r') == SLICE_NPOS)
        return s;
    char *out = arena_alloc(a, s.n);
    if (out == NULL)
        return SLICE_EMPTY;
    struct lines l = lines_of(s);
    slice line;
    size_t n = 0;
    for (const char *start = l.p; lines_next(&l, &line); start = l.p) {
        memcpy(out + n, start, line.n);
        n += line.n;
        if (l.p > start + line.n)
            out[n++] = '\n';
    }
    return slice_of(out, n);
}

static slice decode_text(struct charsets *cs, arena *a, const struct part *p, unsigned *diag)
{
    bool errors = false;
    bool unknown = false;
    slice raw = cut(p->raw, (size_t)BOUNCE_MAX_PART_BYTES * (is_encoded(p) ? 2 : 1), diag);
    slice s = cut(undo_encoding(a, p, raw), BOUNCE_MAX_PART_BYTES, diag);
    slice charset = header_param(cs, a, p->content_type, S("charset"));
    if (charset.n == 0 && p->type == PART_HTML)
        charset = html_charset(s);
    s = charset_decode(cs, a, charset, s, &errors, &unknown);
    *diag |=
        (errors ? (unsigned)BOUNCE_DIAG_CHARSET_ERRORS : 0) | (unknown ? (unsigned)BOUNCE_DIAG_CHARSET_UNKNOWN : 0);
    s = lf_only(a, s);
    return p->type == PART_HTML ? html_text(a, s) : s;
}

slice part_text(struct charsets *cs, arena *a, struct part *p, unsigned *diag)
{
    unsigned ignored = 0;
    if (!p->decoded) {
        p->text = p->type == PART_MULTIPART && p->split ? SLICE_EMPTY : decode_text(cs, a, p, diag ? diag : &ignored);
        p->decoded = true;
    }
    return p->text;
}
