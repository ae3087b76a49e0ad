#include "bounce/phrase.h"

#include <endian.h>
#include <stdlib.h>

#include "base/text.h"

enum {
    HEAD_BITS = 13,
    MIN_BYTES = 3, /* of a phrase */
    MIN_SKIP_BITS = 8,
    MAX_SKIP_BITS = 13,
    SKIP_ROOM = 8,  /* places of the table for each of its entries, so that few share one */
    WIDE_WINDOW = 7 /* from it on its last four bytes tell how far the next place is, below it three */
};

struct entry {
    const char *text;     /* without the anchor */
    uint64_t start, mask; /* its first eight bytes (or all) as bytes_at gives them, and which of them count */
    uint16_t row;         /* in the table that the caller gave */
    uint16_t next;        /* in the chain, 0 ends it; entry i is stored at i + 1 */
    uint8_t n;
    bool anchored;
};

/* What is looked for in one pass. */
struct table {
    size_t n;
    size_t key_bytes;  /* phrases are entered under a hash of so many first bytes: 8, or what the shortest has */
    uint64_t key_mask; /* these bytes of bytes_at */
    uint64_t any[1u << (HEAD_BITS - 6)]; /* which heads are not 0: 1 KB, so that it stays in the nearest cache */
    uint16_t heads[1u << HEAD_BITS];
    /* Wu and Manber: a window is as wide as the shortest phrase that is not anchored, and moves over the text by what its
     * last bytes allow; 0 where a phrase may begin with the window. */
    size_t window, gram; /* octets; so many at its end are looked at, 3 or 4 */
    unsigned skip_shift; /* of a hash of 32 bits; small sets have small tables, which stay in the nearest cache */
    uint8_t skip[1u << MAX_SKIP_BITS];
    struct entry entries[];
};

/* The phrases of one script each: most texts are ASCII and need but one pass, and its window is wider for it (the shortest
 * phrases are two ideographs). */
struct phrase_set {
    const struct phrase *rows;
    struct table *ascii, *foreign; /* NULL where there is none */
};

/* Eight bytes, upper and lower case alike (bit 5 is set in all; what else that maps together only costs a comparison). */
static inline uint64_t bytes_at(slice text, size_t at)
{
    uint64_t bytes = 0;
    if (text.n - at >= sizeof bytes)
        memcpy(&bytes, text.p + at, sizeof bytes);
    else
        memcpy(&bytes, text.p + at, text.n - at);
    return le64toh(bytes) | 0x2020202020202020u;
}

static inline unsigned key_hash(const struct table *t, uint64_t bytes)
{
    return (unsigned)((bytes & t->key_mask) * UINT64_C(0x9e3779b97f4a7c15) >> (64 - HEAD_BITS));
}

/* Of the `gram` bytes in front of `end`, upper and lower case alike; four can be read there. */
static inline unsigned skip_hash(const struct table *t, const char *end)
{
    uint32_t bytes;
    memcpy(&bytes, end - sizeof bytes, sizeof bytes);
    bytes = (le32toh(bytes) | 0x20202020u) >> 8 * (sizeof bytes - t->gram);
    return bytes * 2654435761u >> t->skip_shift;
}

/* The first n of eight bytes. */
static uint64_t mask_of(size_t n)
{
    return n < sizeof(uint64_t) ? (UINT64_C(1) << 8 * n) - 1 : UINT64_MAX;
}

/* Chains run from the longest phrase to the shortest, equal ones in the order of the rows. */
static void enter(struct table *t, const struct phrase *row, uint16_t number)
{
    struct entry *e = &t->entries[t->n];
    e->row = number;
    e->anchored = row->text[0] == '^';
    e->text = row->text + e->anchored;
    size_t len = strlen(e->text);
    MUST(len <= UINT8_MAX);
    e->n = (uint8_t)len;
    e->mask = mask_of(len);
    e->start = bytes_at((slice){e->text, len}, 0) & e->mask;
    unsigned hash = key_hash(t, e->start);
    t->any[hash >> 6] |= UINT64_C(1) << (hash & 63);
    uint16_t *link = &t->heads[hash];
    while (*link && t->entries[*link - 1].n >= e->n)
        link = &t->entries[*link - 1].next;
    e->next = *link;
    *link = (uint16_t)++t->n;
}

/* What the last bytes of a window say that are e->text[at..at + gram). */
static uint8_t *skip_of(struct table *t, const struct entry *e, size_t at)
{
    char bytes[sizeof(uint32_t)] = {0};
    memcpy(bytes + sizeof bytes - t->gram, e->text + at, t->gram);
    return &t->skip[skip_hash(t, bytes + sizeof bytes)];
}

/* No window may move past a place where its last bytes are in a phrase. */
static void fill_skips(struct table *t)
{
    t->window = UINT8_MAX;
    for (size_t i = 0; i < t->n; i++)
        if (!t->entries[i].anchored && t->entries[i].n < t->window)
            t->window = t->entries[i].n;
    t->gram = t->window < WIDE_WINDOW ? 3 : 4;
    size_t last = t->window - t->gram;
    unsigned bits = MIN_SKIP_BITS;
    while (bits < MAX_SKIP_BITS && (size_t)1 << bits < SKIP_ROOM * t->n * (last + 1))
        bits++;
    t->skip_shift = 32 - bits;
    memset(t->skip, (int)last + 1, sizeof t->skip);
    for (size_t i = 0; i < t->n; i++)
        for (size_t back = 0; !t->entries[i].anchored && back <= last; back++) {
            uint8_t *skip = skip_of(t, &t->entries[i], last - back);
            *skip = *skip < back ? *skip : (uint8_t)back;
        }
}

static bool is_ascii(const struct phrase *row)
{
    return text_is_ascii(slice_str(row->text));
}

/* A table of the rows that are ASCII, or of those that are not; *out is NULL when there are none. False when memory is
 * refused. */
static bool table_new(const struct phrase *rows, size_t n, bool ascii, struct table **out)
{
    size_t count = 0, shortest = sizeof(uint64_t);
    *out = NULL;
    for (size_t i = 0; i < n; i++) {
        if (is_ascii(&rows[i]) != ascii)
            continue;
        size_t len = strlen(rows[i].text) - (rows[i].text[0] == '^');
        shortest = len < shortest ? len : shortest;
        count++;
    }
    if (!count)
        return true;
    MUST(shortest >= MIN_BYTES);
    struct table *t = calloc(1, sizeof(*t) + count * sizeof(struct entry));
    if (!t)
        return false;
    t->key_bytes = shortest;
    t->key_mask = mask_of(shortest);
    for (size_t i = 0; i < n; i++)
        if (is_ascii(&rows[i]) == ascii)
            enter(t, &rows[i], (uint16_t)i);
    fill_skips(t);
    *out = t;
    return true;
}

struct phrase_set *phrase_set_new(const struct phrase *rows, size_t n)
{
    MUST(n < UINT16_MAX);
    struct phrase_set *set = calloc(1, sizeof(*set));
    if (!set)
        return NULL;
    set->rows = rows;
    if (!table_new(rows, n, true, &set->ascii) || !table_new(rows, n, false, &set->foreign))
        phrase_set_free(&set);
    return set;
}

void phrase_set_free(struct phrase_set **set)
{
    free((*set)->ascii);
    free((*set)->foreign);
    free(*set);
    *set = NULL;
}

static bool is_whole(const struct entry *e, slice text, size_t pos)
{
    return e->n <= text.n - pos && !(e->anchored && pos) && bytes_same_ci(text.p + pos, e->text, e->n);
}

static inline bool stands_at(const struct entry *e, uint64_t bytes, slice text, size_t pos)
{
    return (bytes & e->mask) == e->start && is_whole(e, text, pos);
}

/* Head of the chain of `bytes`; 0 for most. */
static inline uint16_t head_of(const struct table *t, uint64_t bytes)
{
    unsigned hash = key_hash(t, bytes);
    return t->any[hash >> 6] >> (hash & 63) & 1 ? t->heads[hash] : 0;
}

/* The longest phrase of the table at `at`; NULL when none stands there. */
static inline const struct entry *longest_at(const struct table *t, slice text, size_t at)
{
    uint64_t bytes = bytes_at(text, at);
    uint16_t i = head_of(t, bytes);
    while (i && !stands_at(&t->entries[i - 1], bytes, text, at))
        i = t->entries[i - 1].next;
    return i ? &t->entries[i - 1] : NULL;
}

/* The next place at or after `at` and before `end` where a phrase may stand; text.n when there is none. */
static inline size_t next_place(const struct table *t, slice text, size_t at, size_t end)
{
    if (at == 0) /* the anchored ones */
        return 0;
    while (at < end &&
           at + t->window <= text.n) { /* at > 0: four bytes stand in front of the end of the narrowest window */
        size_t skip = t->skip[skip_hash(t, text.p + at + t->window)];
        if (skip == 0)
            return at;
        at += skip;
    }
    return text.n;
}

/* The phrase of the table that begins next, at or after *pos and before `end`; NULL when there is none. */
static const struct entry *next_in(const struct table *t, slice text, size_t *pos, size_t end)
{
    size_t at = next_place(t, text, *pos, end);
    while (at + t->key_bytes <= text.n) {
        const struct entry *e = longest_at(t, text, at);
        *pos = at;
        if (e)
            return e;
        at = next_place(t, text, at + 1, end);
    }
    return NULL;
}

const struct phrase *phrase_at_start(const struct phrase_set *set, slice text, size_t *len)
{
    const struct entry *best = NULL;
    const struct table *const tables[] = {set->ascii, set->foreign};
    for (size_t i = 0; i < ARRAY_LEN(tables); i++) {
        const struct table *t = tables[i];
        const struct entry *e = t && text.n >= t->key_bytes ? longest_at(t, text, 0) : NULL;
        if (e && (!best || e->n > best->n))
            best = e;
    }
    if (!best)
        return NULL;
    *len = best->n;
    return &set->rows[best->row];
}

/* The phrase that begins first in [*pos, end), of several there the longest. */
static const struct entry *next_before(const struct phrase_set *set, slice text, size_t *pos, size_t end)
{
    size_t at = *pos, other_at = *pos;
    const struct entry *e = set->ascii ? next_in(set->ascii, text, &at, end) : NULL;
    if (set->foreign && !text_is_ascii(slice_sub(text, *pos, end - *pos + UINT8_MAX))) {
        const struct entry *other = next_in(set->foreign, text, &other_at, e ? at + 1 : end);
        if (other && (!e || other_at < at || other->n > e->n)) {
            e = other;
            at = other_at;
        }
    }
    *pos = at;
    return e;
}

const struct phrase *phrase_next(const struct phrase_set *set, slice text, size_t *pos, size_t *len)
{
    enum { STRETCH = 512 }; /* so that neither script is looked for far behind the other */
    for (size_t from = *pos, end; from < text.n; from = end) {
        end = text.n - from > STRETCH ? from + STRETCH : text.n;
        const struct entry *e = next_before(set, text, &from, end);
        if (!e)
            continue;
        *pos = from;
        *len = e->n;
        return &set->rows[e->row];
    }
    *pos = text.n;
    return NULL;
}

/* Adds the tags of the phrases at `at`. */
static inline void add_tags(const struct phrase_set *set, const struct table *t, slice text, size_t at, uint64_t *tags)
{
    uint64_t bytes = bytes_at(text, at);
    for (uint16_t i = head_of(t, bytes); i; i = t->entries[i - 1].next) {
        const struct entry *e = &t->entries[i - 1];
        if ((bytes & e->mask) == e->start && (set->rows[e->row].tag & ~*tags) && is_whole(e, text, at))
            *tags |= set->rows[e->row].tag;
    }
}

/* Looks at one place behind the first; returns how far the next one is. */
static inline size_t step(const struct phrase_set *set, const struct table *t, slice text, size_t at, uint64_t *tags)
{
    size_t skip = t->skip[skip_hash(t, text.p + at + t->window)];
    if (skip)
        return skip;
    add_tags(set, t, text, at, tags);
    return 1;
}

/* The order does not matter here: both halves of the text are walked at once, for each step waits for the one before it. */
static uint64_t tags_in(const struct phrase_set *set, const struct table *t, slice text)
{
    if (text.n < t->key_bytes)
        return 0;
    uint64_t tags = 0;
    add_tags(set, t, text, 0, &tags); /* the anchored ones too */
    size_t places = text.n < t->window ? 0 : text.n - t->window + 1, half = places / 2;
    size_t a = 1, b = half > 1 ? half : 1;
    while (a < half && b < places) {
        size_t move = step(set, t, text, a, &tags);
        b += step(set, t, text, b, &tags);
        a += move;
    }
    while (a < half)
        a += step(set, t, text, a, &tags);
    while (b < places)
        b += step(set, t, text, b, &tags);
    return tags;
}

uint64_t phrase_tags(const struct phrase_set *set, slice text)
{
    uint64_t tags = set->ascii ? tags_in(set, set->ascii, text) : 0;
    if (set->foreign && !text_is_ascii(text))
        tags |= tags_in(set, set->foreign, text);
    return tags;
}
