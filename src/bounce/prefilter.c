#include "bounce/prefilter.h"

#include <stdlib.h>

#define BITMAP_BITS 17u /* 16 KB */
#define SLOT_SHARE 4u   /* slots per literal */

struct literal {
    slice text;
    uint32_t window;  /* the four bytes it is filed under */
    uint32_t offset;  /* of the window in the literal */
    uint32_t user, n; /* its users */
    uint32_t next;    /* in its slot; 0 is the end */
};

struct entry { /* while building: one literal of one pattern */
    slice text;
    struct prefilter_user user;
};

struct prefilter {
    uint64_t bitmap[1u << (BITMAP_BITS - 6)];
    uint32_t *slots; /* index into literals + 1 */
    uint32_t slot_bits;
    struct literal *literals;
    size_t n;
    struct prefilter_user *users;
};

static uint32_t window_at(const char *p)
{
    uint32_t w;
    memcpy(&w, p, sizeof w);
    return w;
}

static uint32_t window_hash(uint32_t w, uint32_t bits)
{
    return (w * 2654435761u) >> (32 - bits);
}

static int entry_order(const void *a, const void *b)
{
    const struct entry *x = a, *y = b;
    int order = slice_cmp(x->text, y->text);
    if (order == 0 && x->user.pattern != y->user.pattern)
        order = x->user.pattern < y->user.pattern ? -1 : 1;
    return order;
}

static size_t count_entries(struct pattern *const *patterns, size_t n)
{
    size_t count = 0;
    for (size_t i = 0; i < n; i++)
        count += patterns[i]->items[patterns[i]->anchor].n;
    return count;
}

/* Short words are looked for with the blanks around them. */
static slice padded(arena *a, slice literal)
{
    if (literal.n >= 4)
        return literal;
    return arena_printf(a, literal.n == 3 ? " %.*s" : " %.*s ", SLICE_FMT(literal));
}

/* All bytes when something unknown may stand there. */
static uint64_t mask_before(const struct pattern *p)
{
    uint64_t mask = 0;
    for (size_t i = p->anchor; i > 0; i--) {
        if (p->items[i].gap)
            return UINT64_MAX;
        mask |= p->items[i - 1].by_last.mask;
        if (!p->items[i - 1].optional)
            return mask;
    }
    return UINT64_MAX;
}

static uint64_t mask_behind(const struct pattern *p)
{
    uint64_t mask = 0;
    for (size_t i = p->anchor + 1u; i < p->n; i++) {
        if (p->items[i].gap)
            return UINT64_MAX;
        mask |= p->items[i].by_first.mask;
        if (!p->items[i].optional)
            return mask;
    }
    return UINT64_MAX;
}

static void fill_entries(arena *a, struct pattern *const *patterns, size_t n, struct entry *entries)
{
    size_t e = 0;
    for (size_t i = 0; i < n; i++) {
        const struct pattern_item *item = &patterns[i]->items[patterns[i]->anchor];
        uint64_t before = mask_before(patterns[i]), behind = mask_behind(patterns[i]);
        for (size_t k = 0; k < item->n; k++)
            entries[e++] = (struct entry){padded(a, item->by_first.v[k]), {before, behind, (uint32_t)i, (uint32_t)k}};
    }
}

static uint16_t *count_windows(arena *a, slice samples)
{
    uint16_t *counts = arena_calloc(a, 1u << BITMAP_BITS, sizeof *counts);
    for (size_t i = 0; counts && i + 4 <= samples.n; i++) {
        uint16_t *c = &counts[window_hash(window_at(samples.p + i), BITMAP_BITS)];
        *c = (uint16_t)(*c + (*c < UINT16_MAX));
    }
    return counts;
}

static void choose_window(struct literal *l, const uint16_t *counts)
{
    uint32_t rarest = UINT32_MAX;
    for (uint32_t i = 0; i + 4 <= l->text.n; i++) {
        uint32_t w = window_at(l->text.p + i);
        if (counts[window_hash(w, BITMAP_BITS)] < rarest) {
            rarest = counts[window_hash(w, BITMAP_BITS)];
            l->window = w;
            l->offset = i;
        }
    }
}

static void file_literal(struct prefilter *f, size_t i)
{
    struct literal *l = &f->literals[i];
    uint32_t bit = window_hash(l->window, BITMAP_BITS), slot = window_hash(l->window, f->slot_bits);
    f->bitmap[bit >> 6] |= UINT64_C(1) << (bit & 63);
    l->next = f->slots[slot];
    f->slots[slot] = (uint32_t)i + 1;
}

static void build_literals(struct prefilter *f, const struct entry *entries, size_t count, const uint16_t *counts)
{
    for (size_t i = 0; i < count; i++) {
        f->users[i] = entries[i].user;
        if (i == 0 || !slice_eq(entries[i].text, entries[i - 1].text)) {
            f->literals[f->n] = (struct literal){.text = entries[i].text, .user = (uint32_t)i};
            choose_window(&f->literals[f->n++], counts);
        }
        f->literals[f->n - 1].n++;
    }
    for (size_t i = 0; i < f->n; i++)
        file_literal(f, i);
}

/* How often the rarest window of a literal occurs in the samples. */
static uint32_t rarity(slice literal, const uint16_t *counts)
{
    uint32_t rarest = UINT32_MAX;
    for (size_t i = 0; i + 4 <= literal.n; i++) {
        uint32_t c = counts[window_hash(window_at(literal.p + i), BITMAP_BITS)];
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

struct prefilter *prefilter_build(arena *a, struct pattern *const *patterns, size_t n, slice samples)
{
    struct prefilter *f = ARENA_NEW(a, struct prefilter);
    uint16_t *counts = count_windows(a, samples);
    if (!f || !counts)
        return NULL;
    for (size_t i = 0; i < n; i++)
        choose_anchor(a, patterns[i], counts);
    size_t count = count_entries(patterns, n);
    struct entry *entries = arena_calloc(a, count + 1, sizeof *entries);
    if (!entries)
        return NULL;
    fill_entries(a, patterns, n, entries);
    qsort(entries, count, sizeof *entries, entry_order);
    for (f->slot_bits = 8; f->slot_bits < 20 && (1u << f->slot_bits) < count * SLOT_SHARE; f->slot_bits++)
        ;
    f->slots = arena_calloc(a, (size_t)1 << f->slot_bits, sizeof *f->slots);
    f->literals = arena_calloc(a, count + 1, sizeof *f->literals);
    f->users = arena_calloc(a, count + 1, sizeof *f->users);
    if (!f->slots || !f->literals || !f->users)
        return NULL;
    build_literals(f, entries, count, counts);
    return f;
}

/* The group of the last byte of the word before `at`; all where it is not set off by a blank. */
static uint64_t bit_before(slice text, size_t at)
{
    if (at < 2 || text.p[at - 1] != ' ')
        return UINT64_MAX;
    return UINT64_C(1) << ((unsigned char)text.p[at - 2] % PATTERN_GROUPS);
}

static uint64_t bit_behind(slice text, size_t end)
{
    if (end + 1 >= text.n || text.p[end] != ' ')
        return UINT64_MAX;
    return UINT64_C(1) << ((unsigned char)text.p[end + 1] % PATTERN_GROUPS);
}

/* Literals are short: a loop is done before a call would have begun. */
static bool same_bytes(const char *a, const char *b, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (a[i] != b[i])
            return false;
    return true;
}

/* False when `found` wants no more. */
static bool check_window(const struct prefilter *f, slice text, size_t at, uint32_t w, prefilter_found found, void *arg)
{
    for (uint32_t i = f->slots[window_hash(w, f->slot_bits)]; i; i = f->literals[i - 1].next) {
        const struct literal *l = &f->literals[i - 1];
        if (l->window != w || l->offset > at)
            continue;
        size_t from = at - l->offset;
        if (text.n - from < l->text.n || !same_bytes(text.p + from, l->text.p, l->text.n))
            continue;
        uint64_t before = bit_before(text, from + (l->text.p[0] == ' '));
        uint64_t behind = bit_behind(text, from + l->text.n - (l->text.p[l->text.n - 1] == ' '));
        for (uint32_t k = 0; k < l->n; k++) {
            const struct prefilter_user *user = &f->users[l->user + k];
            if ((user->before & before) && (user->behind & behind) && !found(arg, user, from + (l->text.p[0] == ' ')))
                return false;
        }
    }
    return true;
}

void prefilter_scan(const struct prefilter *f, slice text, prefilter_found found, void *arg)
{
    for (size_t at = 0; at + 4 <= text.n; at++) {
        uint32_t w = window_at(text.p + at), bit = window_hash(w, BITMAP_BITS);
        if ((f->bitmap[bit >> 6] & (UINT64_C(1) << (bit & 63))) && !check_window(f, text, at, w, found, arg))
            return;
    }
}

size_t prefilter_literals(const struct prefilter *f)
{
    return f->n;
}
