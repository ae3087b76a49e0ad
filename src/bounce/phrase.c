#include "bounce/phrase.h"

#include <endian.h>
#include <stdlib.h>

enum {
    HEAD_BITS = 13,
    MIN_BYTES = 3, /* of a phrase */
    SKIP_BITS = 13,
    SKIP_BYTES = 3 /* so many at the end of a window tell how far the next one is */
};

struct entry {
    const char *text;     /* without the anchor */
    uint64_t start, mask; /* its first eight bytes (or all) as bytes_at gives them, and which of them count */
    uint16_t next;        /* in the chain, 0 ends it; entry i is stored at i + 1 */
    uint8_t n;
    bool anchored;
};

struct phrase_set {
    const struct phrase *rows;
    size_t key_bytes;  /* phrases are entered under a hash of so many first bytes: 8, or what the shortest has */
    uint64_t key_mask; /* these bytes of bytes_at */
    uint64_t any[1u << (HEAD_BITS - 6)]; /* which heads are not 0: 1 KB, so that it stays in the nearest cache */
    uint16_t heads[1u << HEAD_BITS];
    /* Wu and Manber: a window is as wide as the shortest phrase that is not anchored, and moves over the text by what its
     * last bytes allow; 0 where a phrase may begin with the window. */
    size_t window;
    uint8_t skip[1u << SKIP_BITS];
    struct entry entries[];
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

static inline unsigned key_hash(const struct phrase_set *set, uint64_t bytes)
{
    return (unsigned)((bytes & set->key_mask) * UINT64_C(0x9e3779b97f4a7c15) >> (64 - HEAD_BITS));
}

/* Of the SKIP_BYTES at p, upper and lower case alike. */
static inline unsigned skip_hash(const char *p)
{
    uint32_t bytes = 0;
    memcpy(&bytes, p, SKIP_BYTES);
    return (bytes | 0x20202020u) * 2654435761u >> (32 - SKIP_BITS);
}

/* The first n of eight bytes. */
static uint64_t mask_of(size_t n)
{
    return n < sizeof(uint64_t) ? (UINT64_C(1) << 8 * n) - 1 : UINT64_MAX;
}

/* Chains run from the longest phrase to the shortest, equal ones in table order. */
static void enter(struct phrase_set *set, uint16_t i)
{
    struct entry *e = &set->entries[i];
    const char *text = set->rows[i].text;
    e->anchored = text[0] == '^';
    e->text = text + e->anchored;
    size_t len = strlen(e->text);
    MUST(len <= UINT8_MAX);
    e->n = (uint8_t)len;
    e->mask = mask_of(len);
    e->start = bytes_at((slice){e->text, len}, 0) & e->mask;
    unsigned hash = key_hash(set, e->start);
    set->any[hash >> 6] |= UINT64_C(1) << (hash & 63);
    uint16_t *link = &set->heads[hash];
    while (*link && set->entries[*link - 1].n >= e->n)
        link = &set->entries[*link - 1].next;
    e->next = *link;
    *link = (uint16_t)(i + 1);
}

/* No window may move past a place where its last bytes are in a phrase. */
static void fill_skips(struct phrase_set *set, size_t n)
{
    set->window = UINT8_MAX;
    for (size_t i = 0; i < n; i++)
        if (!set->entries[i].anchored && set->entries[i].n < set->window)
            set->window = set->entries[i].n;
    memset(set->skip, (int)(set->window - SKIP_BYTES + 1), sizeof set->skip);
    for (size_t i = 0; i < n; i++) {
        const struct entry *e = &set->entries[i];
        size_t last = set->window - SKIP_BYTES;
        for (size_t back = 0; !e->anchored && back <= last; back++) {
            uint8_t *skip = &set->skip[skip_hash(e->text + last - back)];
            *skip = *skip < back ? *skip : (uint8_t)back;
        }
    }
}

struct phrase_set *phrase_set_new(const struct phrase *rows, size_t n)
{
    MUST(n < UINT16_MAX);
    struct phrase_set *set = calloc(1, sizeof(*set) + n * sizeof(struct entry));
    if (!set)
        return NULL;
    set->rows = rows;
    set->key_bytes = sizeof set->key_mask;
    for (size_t i = 0; i < n; i++) {
        size_t len = strlen(rows[i].text) - (rows[i].text[0] == '^');
        set->key_bytes = len < set->key_bytes ? len : set->key_bytes;
    }
    MUST(set->key_bytes >= MIN_BYTES);
    set->key_mask = mask_of(set->key_bytes);
    for (size_t i = 0; i < n; i++)
        enter(set, (uint16_t)i);
    fill_skips(set, n);
    return set;
}

void phrase_set_free(struct phrase_set **set)
{
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
static inline uint16_t head_of(const struct phrase_set *set, uint64_t bytes)
{
    unsigned hash = key_hash(set, bytes);
    return set->any[hash >> 6] >> (hash & 63) & 1 ? set->heads[hash] : 0;
}

/* Number of the longest row at `at` plus 1, 0 when none stands there. */
static inline uint16_t longest_at(const struct phrase_set *set, slice text, size_t at)
{
    uint64_t bytes = bytes_at(text, at);
    uint16_t i = head_of(set, bytes);
    while (i && !stands_at(&set->entries[i - 1], bytes, text, at))
        i = set->entries[i - 1].next;
    return i;
}

const struct phrase *phrase_at_start(const struct phrase_set *set, slice text, size_t *len)
{
    uint16_t i = text.n < set->key_bytes ? 0 : longest_at(set, text, 0);
    if (!i)
        return NULL;
    *len = set->entries[i - 1].n;
    return &set->rows[i - 1];
}

/* The next place at or after `at` where a phrase may stand; text.n when there is none. */
static inline size_t next_place(const struct phrase_set *set, slice text, size_t at)
{
    if (at == 0) /* the anchored ones */
        return 0;
    size_t tail = set->window - SKIP_BYTES;
    while (at + set->window <= text.n) {
        size_t skip = set->skip[skip_hash(text.p + at + tail)];
        if (skip == 0)
            return at;
        at += skip;
    }
    return text.n;
}

const struct phrase *phrase_next(const struct phrase_set *set, slice text, size_t *pos, size_t *len)
{
    for (size_t at = next_place(set, text, *pos); at + set->key_bytes <= text.n; at = next_place(set, text, at + 1)) {
        uint16_t i = longest_at(set, text, at);
        if (i) {
            *pos = at;
            *len = set->entries[i - 1].n;
            return &set->rows[i - 1];
        }
    }
    *pos = text.n;
    return NULL;
}

unsigned phrase_tags(const struct phrase_set *set, slice text)
{
    unsigned tags = 0;
    for (size_t at = next_place(set, text, 0); at + set->key_bytes <= text.n; at = next_place(set, text, at + 1)) {
        uint64_t bytes = bytes_at(text, at);
        for (uint16_t i = head_of(set, bytes); i; i = set->entries[i - 1].next)
            if ((set->rows[i - 1].tag & ~tags) && stands_at(&set->entries[i - 1], bytes, text, at))
                tags |= set->rows[i - 1].tag;
    }
    return tags;
}
