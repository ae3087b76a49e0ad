/* The header of a message or part (RFC 5322 2.2, 3.6), as lenient as bounce mail demands.
 *
 * Takes LF, CRLF, CR and mixed line ends, folded lines, "Name :" with blanks, lines that are no field (told, skipped),
 * an mbox "From " line and blank lines before the first field, escaped ">From ". Slices point into the message.
 */
#ifndef BOUNCE_HEADER_H
#define BOUNCE_HEADER_H

#include "base/arena.h"

struct field {
    slice name;   /* as written, without the colon */
    slice value;  /* raw: still folded, trimmed at both ends */
    uint8_t hash; /* field_hash of the name */
};

struct header {
    const struct field *fields;
    size_t n;
    unsigned bad_lines;
    uint64_t names[4]; /* a set of hashes of the names, by which header_get knows most of those that are not there */
};

/* Reads fields from *rest up to and with the empty line (or the end). Lines that are no field are skipped where a field
 * follows soon; else, and at a line that begins with "--", the body begins there. Returns false when the arena refused memory: what
 * was read is there. */
NODISCARD bool header_read(slice *rest, arena *a, struct header *out);

/* One of 256 for a name of n letters, the same for upper and lower case: by its middle and its last letter. */
#define FIELD_HASH(middle, last, n) \
    ((uint8_t)(((unsigned char)(middle) | 0x20u) + 29 * ((unsigned char)(last) | 0x20u) + 83 * (unsigned)(n)))

/* A name in a table of names that are looked for in every mail. */
struct field_name {
    slice name;
    uint8_t hash;
};
#define FIELD_NAME(s)                                                                          \
    {                                                                                          \
        SLICE_INIT(s), FIELD_HASH((s)[(sizeof(s) - 1) / 2], (s)[sizeof(s) - 2], sizeof(s) - 1) \
    }

/* False for most names that are not there. */
static inline bool header_may_have(const struct header *h, uint8_t hash)
{
    return h->names[hash >> 6] >> (hash & 63) & 1;
}

static inline uint8_t field_hash(slice name)
{
    return FIELD_HASH(name.p[name.n / 2], name.p[name.n - 1], name.n);
}

/* The first field of that name, case ignored; NULL when there is none. `hash` is field_hash of it. */
const struct field *header_find(const struct header *h, slice name, uint8_t hash);

/* Raw value of the first (last) field of that name, case ignored; empty when there is none. */
static inline slice header_get(const struct header *h, slice name)
{
    uint8_t hash = name.n ? field_hash(name) : 0;
    const struct field *f = name.n && header_may_have(h, hash) ? header_find(h, name, hash) : NULL;
    return f ? f->value : SLICE_EMPTY;
}
slice header_get_last(const struct header *h, slice name);

static inline bool header_has(const struct header *h, slice name)
{
    uint8_t hash = name.n ? field_hash(name) : 0;
    return name.n && header_may_have(h, hash) && header_find(h, name, hash) != NULL;
}

/* Unfolded to one line (value itself when it is one line already). */
slice header_unfold(arena *a, slice value);

struct charsets;
/* Unfolded and decoded to UTF-8: RFC 2047 words (also where they should not stand, split in the middle of a character,
 * with spaces inside), raw 8-bit bytes guessed (UTF-8, else the charset given by `fallback`, else windows-1252). */
slice header_text(struct charsets *cs, arena *a, slice value, slice fallback);

/* A parameter of a structured field ("text/plain; charset=x", "rfc822; a@b"): the value before the first ";" and one
 * parameter by name, quotes and RFC 2231 forms (charset'lang'..., name*0*=) undone. Comments are skipped. */
slice header_main_value(arena *a, slice value);
slice header_param(struct charsets *cs, arena *a, slice value, slice name);

#endif
