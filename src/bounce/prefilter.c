#include "bounce/prefilter.h"

#include <stdlib.h>

#include "bounce/eight.h"
#include "bounce/fold.h"

#define BITMAP_BITS 17u /* 16 KB */
#define SLOT_BITS 13u   /* 32 KB */
#define BITMAP_WORDS (1u << (BITMAP_BITS - 6))
#define MAX_SPELLINGS 48 /* of one pattern, where its anchor is joined with its neighbours */
#define CHUNK 64u        /* windows looked up at once */
#define CACHE_LINE 64u
#define ENDS_BYTES 16u /* of a literal are compared without a branch, which nobody could foresee */

struct entry { /* while building: one literal of one pattern */
    slice text;
    struct prefilter_user user;
};

struct prefilter {
    uint64_t bitmap[BITMAP_WORDS];
    uint32_t first[(1u << SLOT_BITS) + 1]; /* literal of each slot; of the next one: where they end */
    struct prefilter_literal *literals;
    const char **texts; /* of each literal; asked for the middle of long ones only */
    size_t n;
    struct prefilter_user *users;
    size_t late; /* patterns from this number on are late */
};

static uint32_t window_at(const char *p)
{
    uint32_t w;
    memcpy(&w, p, sizeof w);
    return w;
}

static uint32_t window_hash(uint32_t w)
{
    return (w * 2654435761u) >> (32 - BITMAP_BITS);
}

static int entry_order(const void *a, const void *b)
{
    const struct entry *x = a, *y = b;
    int order = slice_cmp(x->text, y->text);
    if (order == 0 && x->user.pattern != y->user.pattern)
        order = x->user.pattern < y->user.pattern ? -1 : 1;
    if (order == 0)
        order = (x->user.offset > y->user.offset) - (x->user.offset < y->user.offset);
    return order;
}

/* ---- anchors ---------------------------------------------------------------------------------------------------- */

/* Short words are looked for with the blanks around them. */
static slice padded(arena *a, slice literal)
{
    if (literal.n >= 4)
        return literal;
    return arena_printf(a, literal.n == 3 ? " %.*s" : " %.*s ", SLICE_FMT(literal));
}

static uint16_t *count_windows(arena *a, slice samples)
{
    uint16_t *counts = arena_calloc(a, 1u << BITMAP_BITS, sizeof *counts);
    for (size_t i = 0; counts && i + 4 <= samples.n; i++) {
        uint16_t *c = &counts[window_hash(window_at(samples.p + i))];
        *c = (uint16_t)(*c + (*c < UINT16_MAX));
    }
    return counts;
}

/* How often the rarest window of a literal occurs in the samples. */
static uint32_t rarity(slice literal, const uint16_t *counts)
{
    uint32_t rarest = UINT32_MAX;
    for (size_t i = 0; i + 4 <= literal.n; i++) {
        uint32_t c = counts[window_hash(window_at(literal.p + i))];
        rarest = c < rarest ? c : rarest;
    }
    return rarest;
}

/* Expected looks at a pattern if item i were its anchor; a little for each literal, which costs cache. */
static uint64_t anchor_cost(arena *a, const struct pattern_item *item, const uint16_t *counts)
{
    uint64_t cost = 0;
    for (size_t k = 0; k < item->n; k++)
        cost += 8 * (uint64_t)rarity(padded(a, item->by_first.v[k]), counts) + 1;
    return cost;
}

static void choose_anchor(arena *a, struct pattern *p, const uint16_t *counts)
{
    uint64_t least = UINT64_MAX;
    for (uint16_t i = 0; i < p->n; i++) {
        uint64_t cost = pattern_can_anchor(p, i) ? anchor_cost(a, &p->items[i], counts) : UINT64_MAX;
        if (cost < least) {
            least = cost;
            p->anchor = i;
        }
    }
}

/* ---- neighbours ------------------------------------------------------------------------------------------------ */

#define CUT_BIT (UINT64_C(1) << 63) /* the word goes on */
#define ALL_GROUPS (CUT_BIT - 1)

/* `outer` is the first or last byte of a word, `inner` the one next to it; what is not ASCII counts as one. */
static uint64_t group_bit(char outer, char inner)
{
    uint32_t a = (unsigned char)outer, b = inner & 0x80 ? 0x80 : (unsigned char)inner;
    uint32_t hash = (a * 2654435761u) + (b * 2246822519u);
    return UINT64_C(1) << ((uint64_t)hash * 63 >> 32);
}

/* The groups of a literal of one letter, behind or before which something else than a letter stands. */
static uint64_t letter_bits(char c)
{
    return ascii_alnum(c) ? group_bit(c, ' ') | group_bit(c, '.') | group_bit(c, '\x80') : ALL_GROUPS;
}

static uint64_t item_mask(const struct pattern_item *item, bool last, bool open)
{
    uint64_t mask = 0;
    for (size_t k = 0; k < item->n; k++) {
        slice l = item->by_first.v[k];
        if (l.n > 1)
            mask |= last ? group_bit(l.p[l.n - 1], l.p[l.n - 2]) : group_bit(l.p[0], l.p[1]);
        else
            mask |= open ? ALL_GROUPS : letter_bits(l.p[0]);
    }
    return mask;
}

/* What may stand before item `from`: all where something unknown may. */
static uint64_t mask_before(const struct pattern *p, size_t from)
{
    uint64_t mask = 0;
    if (from == 0 && p->open_left)
        return UINT64_MAX;
    for (size_t i = from; i > 0; i--) {
        if (p->items[i].gap)
            return ALL_GROUPS;
        mask |= item_mask(&p->items[i - 1], true, i == 1 && p->open_left);
        if (!p->items[i - 1].optional)
            return mask;
    }
    return ALL_GROUPS;
}

static uint64_t mask_behind(const struct pattern *p, size_t to)
{
    uint64_t mask = 0;
    if (to == p->n && p->open_right)
        return UINT64_MAX;
    for (size_t i = to; i < p->n; i++) {
        if (p->items[i].gap)
            return ALL_GROUPS;
        mask |= item_mask(&p->items[i], false, i + 1u == p->n && p->open_right);
        if (!p->items[i].optional)
            return mask;
    }
    return ALL_GROUPS;
}

/* ---- spellings ------------------------------------------------------------------------------------------------- */

/* All ways to write items [from, to) of a pattern, the anchor among them: the more words a literal has, the rarer it is. */
struct spelling {
    const struct pattern *p;
    size_t from, to;
    char *text;
    const uint16_t *counts;
    uint64_t cost;       /* of all so far */
    arena *a;            /* entries are made when it is given */
    struct entry *entry; /* the next one */
    size_t anchor;       /* bytes of the anchor as it is spelled now */
    struct prefilter_user user;
};

static void set_whole(struct spelling *s, size_t n, size_t weight)
{
    bool whole = s->to - s->from == s->p->n && !s->p->re;
    s->user.weight = (uint16_t)(whole ? weight : 0);
    s->user.lead = (uint16_t)(whole ? s->user.offset : 0);
    s->user.bytes = (uint16_t)(whole ? n : s->anchor);
}

static void spell_end(struct spelling *s, size_t n, size_t weight)
{
    size_t pad = n < 4; /* short words are looked for with the blanks around them */
    s->text[n + 1] = ' ';
    slice text = slice_of(s->text + 1 - pad, n + pad + (n < 3));
    s->cost += 8 * (uint64_t)rarity(text, s->counts) + 1;
    if (!s->a)
        return;
    set_whole(s, n, weight);
    *s->entry = (struct entry){arena_dup(s->a, text), s->user};
    s->entry->user.offset = (uint16_t)(s->entry->user.offset + pad);
    s->entry++;
}

/* n bytes are written, `weight` of them are no blanks between items. */
static void spell(struct spelling *s, size_t item, size_t n, size_t weight)
{
    if (item == s->to) {
        spell_end(s, n, weight);
        return;
    }
    const struct pattern_item *it = &s->p->items[item];
    size_t at = n + (n > 0);
    if (it->optional)
        spell(s, item + 1, n, weight);
    for (size_t k = 0; k < it->n; k++) {
        slice l = it->by_first.v[k];
        s->text[n + 1 - (n == 0)] = ' ';
        memcpy(s->text + 1 + at, l.p, l.n);
        if (item == s->p->anchor) {
            s->anchor = l.n;
            s->user.offset = (uint16_t)at;
        }
        spell(s, item + 1, at + l.n, weight + l.n);
    }
}

static size_t count_spellings(const struct pattern *p, size_t from, size_t to)
{
    size_t n = 1;
    for (size_t i = from; i < to && n <= PATTERN_MAX_ALTERNATIVES; i++)
        n *= p->items[i].n + (size_t)p->items[i].optional;
    return n;
}

static size_t longest_spelling(const struct pattern *p)
{
    size_t sum = 3;
    for (size_t i = 0; i < p->n; i++) {
        size_t longest = 0;
        for (size_t k = 0; k < p->items[i].n; k++)
            if (p->items[i].by_first.v[k].n > longest)
                longest = p->items[i].by_first.v[k].n;
        sum += longest + 1;
    }
    return sum;
}

/* True when exactly one blank stands between what items `left` and `left + 1` match. */
static bool one_blank(const struct pattern *p, size_t left)
{
    const struct pattern_item *l = &p->items[left], *r = &p->items[left + 1];
    bool high = false;
    for (size_t k = 0; k < l->n; k++)
        high |= (l->by_first.v[k].p[l->by_first.v[k].n - 1] & 0x80) != 0;
    for (size_t k = 0; k < r->n; k++)
        high |= (r->by_first.v[k].p[0] & 0x80) != 0;
    return !high && r->gap == 0;
}

/* Chooses the items around the anchor that are looked for together: those whose spellings are rarest. */
static void choose_run(struct spelling *s)
{
    const struct pattern *p = s->p;
    size_t first = p->anchor;
    size_t last = first, best_from = first, best_to = first + 1u;
    uint64_t least = UINT64_MAX;
    while (first > 0 && one_blank(p, first - 1))
        first--;
    while (last + 1u < p->n && one_blank(p, last))
        last++;
    for (size_t from = p->anchor + 1u; from-- > first;)
        for (size_t to = p->anchor + 1u; to <= last + 1; to++) {
            bool plain = from == p->anchor && to == p->anchor + 1u;
            if (!plain &&
                (p->items[from].optional || p->items[to - 1].optional || count_spellings(p, from, to) > MAX_SPELLINGS))
                continue;
            s->from = from;
            s->to = to;
            s->cost = 0;
            spell(s, from, 0, 0);
            if (s->cost < least) {
                least = s->cost;
                best_from = from;
                best_to = to;
            }
        }
    s->from = best_from;
    s->to = best_to;
}

/* Returns NULL when memory is refused. */
static struct entry *make_entries(arena *a, struct pattern *const *patterns, const uint32_t *owners, size_t n,
                                  const uint16_t *counts, size_t *count)
{
    _Static_assert(PATTERN_MAX_ITEMS * (PATTERN_MAX_WORD_BYTES + 1) + 2 <= UINT16_MAX, "the longest spelling");
    struct spelling *s = arena_calloc(a, n + 1, sizeof *s);
    *count = 0;
    for (size_t i = 0; s && i < n; i++) {
        s[i] = (struct spelling){.p = patterns[i], .counts = counts};
        s[i].text = arena_calloc(a, longest_spelling(patterns[i]), 1);
        if (!s[i].text)
            return NULL;
        s[i].text[0] = ' ';
        choose_run(&s[i]);
        *count += count_spellings(patterns[i], s[i].from, s[i].to);
    }
    struct entry *entries = arena_calloc(a, *count + 1, sizeof *entries), *next = entries;
    for (size_t i = 0; s && entries && i < n; i++) {
        s[i].a = a;
        s[i].entry = next;
        s[i].user.pattern = (uint32_t)i;
        s[i].user.owner = owners[i];
        s[i].user.before = mask_before(patterns[i], s[i].from);
        s[i].user.behind = mask_behind(patterns[i], s[i].to);
        spell(&s[i], s[i].from, 0, 0);
        next = s[i].entry;
    }
    return s ? entries : NULL;
}

/* The offset of the rarest window. */
static size_t choose_window(slice text, const uint16_t *counts)
{
    uint32_t rarest = UINT32_MAX;
    size_t offset = 0;
    for (size_t i = 0; i + 4 <= text.n; i++) {
        uint32_t count = counts[window_hash(window_at(text.p + i))];
        if (count < rarest) {
            rarest = count;
            offset = i;
        }
    }
    return offset;
}

static struct prefilter_literal literal_of(slice text, const uint16_t *counts)
{
    char first[8] = {0}, last[8] = {0};
    size_t n = text.n < 8 ? text.n : 8;
    memcpy(first, text.p, n);
    memcpy(last, text.p + text.n - n, n);
    return (struct prefilter_literal){.first = eight_get(first),
                                      .last = eight_get(last),
                                      .length = (uint16_t)text.n,
                                      .offset = (uint16_t)choose_window(text, counts)};
}

/* ---- building -------------------------------------------------------------------------------------------------- */

/* While building: literals in the order of their texts. */
struct list {
    struct prefilter_literal *literals;
    const char **texts;
};

static void add_literals(struct prefilter *f, const struct list *all, const struct entry *entries, size_t count,
                         const uint16_t *counts)
{
    for (size_t i = 0; i < count; i++) {
        f->users[i] = entries[i].user;
        if (i == 0 || !slice_eq(entries[i].text, entries[i - 1].text)) {
            all->literals[f->n] = literal_of(entries[i].text, counts);
            all->literals[f->n].user = (uint32_t)i;
            all->texts[f->n++] = entries[i].text.p;
        }
        if (entries[i].user.pattern < f->late)
            all->literals[f->n - 1].n++;
        else
            all->literals[f->n - 1].late++;
    }
}

static uint32_t slot_of(uint32_t window)
{
    return window_hash(window) >> (BITMAP_BITS - SLOT_BITS);
}

static void file_literals(struct prefilter *f, const struct list *all)
{
    for (size_t i = 0; i < f->n; i++) {
        uint32_t w = window_at(all->texts[i] + all->literals[i].offset), bit = window_hash(w);
        f->bitmap[bit >> 6] |= UINT64_C(1) << (bit & 63);
        f->first[slot_of(w)]++;
    }
    for (size_t k = 1; k < ARRAY_LEN(f->first); k++)
        f->first[k] += f->first[k - 1];
    for (size_t i = 0; i < f->n; i++) { /* the last first, as counting left the ends */
        uint32_t at = --f->first[slot_of(window_at(all->texts[i] + all->literals[i].offset))];
        f->literals[at] = all->literals[i];
        f->texts[at] = all->texts[i];
    }
}

static bool list_init(arena *a, size_t n, struct list *out)
{
    char *room = arena_calloc(a, n + 2, sizeof *out->literals);
    if (!room)
        return false;
    out->literals = (struct prefilter_literal *)(void *)(room + (-(uintptr_t)room & (CACHE_LINE - 1)));
    out->texts = arena_calloc(a, n + 1, sizeof *out->texts);
    return out->texts != NULL;
}

struct prefilter *prefilter_build(arena *a, struct pattern *const *patterns, const uint32_t *owners, size_t n,
                                  size_t late, slice samples)
{
    struct prefilter *f = ARENA_NEW(a, struct prefilter);
    uint16_t *counts = count_windows(a, samples);
    if (!f || !counts)
        return NULL;
    f->late = late;
    for (size_t i = 0; i < n; i++)
        choose_anchor(a, patterns[i], counts);
    size_t count;
    struct entry *entries = make_entries(a, patterns, owners, n, counts, &count);
    if (!entries)
        return NULL;
    qsort(entries, count, sizeof *entries, entry_order);
    struct list all, filed;
    f->users = arena_calloc(a, count + 1, sizeof *f->users);
    if (!f->users || !list_init(a, count, &all) || !list_init(a, count, &filed) || a->limited)
        return NULL;
    f->literals = filed.literals;
    f->texts = filed.texts;
    add_literals(f, &all, entries, count, counts);
    file_literals(f, &all);
    return f;
}

/* ---- looking --------------------------------------------------------------------------------------------------- */

/* The group of the end of the word before `at`; all where it is not set off by a blank. */
static uint64_t bit_before(slice text, size_t at)
{
    if (at < 3 || text.p[at - 1] != ' ')
        return ALL_GROUPS;
    return group_bit(text.p[at - 2], text.p[at - 3]);
}

static uint64_t bit_behind(slice text, size_t end)
{
    if (end + 2 >= text.n || text.p[end] != ' ')
        return ALL_GROUPS;
    return group_bit(text.p[end + 1], text.p[end + 2]);
}

bool prefilter_fits(slice text, const struct prefilter_hit *hit, const struct prefilter_user *user)
{
    size_t from = hit->at, end = from + hit->literal->length;
    from += text.p[from] == ' ';
    end -= text.p[end - 1] == ' ';
    if ((!fold_between_words(text, from) && !(user->before & CUT_BIT)) ||
        (!fold_between_words(text, end) && !(user->behind & CUT_BIT)))
        return false;
    return (user->before >= ALL_GROUPS || (user->before & bit_before(text, from))) &&
           (user->behind >= ALL_GROUPS || (user->behind & bit_behind(text, end)));
}

/* There are FOLD_SLACK bytes behind the text. */
static inline bool same_ends(const struct prefilter_literal *l, const char *p)
{
    _Static_assert(FOLD_SLACK >= 4, "of the eight bytes at a literal of four, so many stand behind the text");
    size_t spare = l->length < 8 ? 8u - l->length : 0; /* bytes that are none of its own */
    uint64_t other = (eight_get(p) ^ l->first) | (eight_get(p + l->length + spare - 8) ^ l->last);
    return other << (8 * spare) == 0;
}

/* Notes the literals whose window and ends stand at `at`, while there is room. */
static size_t check_slot(const struct prefilter *f, slice text, size_t at, struct prefilter_hit *hits, size_t max)
{
    uint32_t slot = slot_of(window_at(text.p + at));
    const struct prefilter_literal *l = &f->literals[f->first[slot]], *end = &f->literals[f->first[slot + 1]];
    size_t n = 0;
    for (; l < end && n < max; l++) {
        size_t from = at - l->offset;
        if (l->offset > at || from + l->length > text.n)
            continue;
        hits[n].literal = l;
        hits[n].at = from;
        n += same_ends(l, text.p + from); /* no branch */
    }
    return n;
}

/* Drops those of n hits whose middle is another one, and sends for the users of the others. */
static size_t check_middles(const struct prefilter *f, slice text, struct prefilter_hit *hits, size_t n)
{
    size_t kept = 0;
    for (size_t i = 0; i < n; i++) {
        const struct prefilter_literal *l = hits[i].literal;
        if (l->length > ENDS_BYTES && memcmp(text.p + hits[i].at, f->texts[l - f->literals], l->length) != 0)
            continue;
        hits[kept] = (struct prefilter_hit){l, &f->users[l->user], hits[i].at};
        __builtin_prefetch(hits[kept++].users);
    }
    return kept;
}

/* Bit n - 1 - i: the window at p + i may be one of a literal's. No branch depends on the text. */
static uint64_t check_bitmap(const struct prefilter *f, const char *p, size_t n)
{
    uint64_t found = 0;
    for (const char *end = p + n; p < end; p++) {
        uint32_t bit = window_hash(window_at(p));
        found = found << 1 | (f->bitmap[bit >> 6] >> (bit & 63) & 1);
    }
    return found;
}

size_t prefilter_scan(const struct prefilter *f, slice text, size_t *at, struct prefilter_hit *hits, size_t max)
{
    size_t windows = text.n < 4 ? 0 : text.n - 3, from = *at, n = 0;
    *at = from + CHUNK;
    if (from >= windows)
        return 0;
    size_t last = windows - from < CHUNK ? windows - from - 1 : CHUNK - 1;
    uint64_t found = check_bitmap(f, text.p + from, last + 1);
    for (uint64_t rest = found; rest; rest &= rest - 1) {
        const char *p = text.p + from + last - (unsigned)__builtin_ctzll(rest);
        __builtin_prefetch(&f->literals[f->first[slot_of(window_at(p))]]);
    }
    while (found) {
        unsigned bit = 63u - (unsigned)__builtin_clzll(found);
        found ^= UINT64_C(1) << bit;
        n += check_slot(f, text, from + last - bit, hits + n, max - n);
    }
    return check_middles(f, text, hits, n);
}

size_t prefilter_literals(const struct prefilter *f)
{
    return f->n;
}
