#include "bounce/pattern.h"

#include "bounce/fold.h"

#define MISPLACED_STAR "a * stands at the ends of a pattern only"

/* ---- compiling ------------------------------------------------------------------------------------------------- */

struct alternatives {
    slice v[PATTERN_MAX_ALTERNATIVES];
    size_t n;
    bool optional;
};

static bool is_set_name(slice s)
{
    if (s.n < 2 || !(s.p[0] >= 'A' && s.p[0] <= 'Z'))
        return false;
    for (size_t i = 0; i < s.n; i++)
        if (!(s.p[i] >= 'A' && s.p[i] <= 'Z') && s.p[i] != '_' && !ascii_digit(s.p[i]))
            return false;
    return true;
}

static const char *add_alternative(struct alternatives *alts, slice s)
{
    if (slice_empty(s)) {
        alts->optional = true;
        return NULL;
    }
    for (size_t i = 0; i < alts->n; i++)
        if (slice_eq(alts->v[i], s))
            return NULL;
    if (alts->n == PATTERN_MAX_ALTERNATIVES)
        return "too many alternatives";
    if (s.n > PATTERN_MAX_WORD_BYTES)
        return "words too long";
    alts->v[alts->n++] = s;
    return NULL;
}

static const char *add_set(struct alternatives *alts, const struct pattern_set *set)
{
    if (!set)
        return "no such set";
    const char *wrong = NULL;
    for (size_t i = 0; i < set->n && !wrong; i++)
        wrong = add_alternative(alts, set->members[i]);
    return wrong;
}

static const char *add_member(arena *a, slice member, pattern_find_set find, void *arg, struct alternatives *alts)
{
    member = slice_trim(member);
    slice name = slice_unwrap(member, '{', '}');
    if (is_set_name(name))
        return add_set(alts, find(arg, name));
    slice folded = fold_literal(a, member);
    if (slice_empty(folded) && !slice_empty(member))
        return "nothing but punctuation";
    return add_alternative(alts, folded);
}

static const char *add_members(arena *a, slice text, pattern_find_set find, void *arg, struct alternatives *alts)
{
    slice rest = text, member;
    const char *wrong = NULL;
    if (slice_empty(text))
        return "empty group";
    while (!wrong && slice_split(&rest, '|', &member))
        wrong = add_member(a, member, find, arg, alts);
    return wrong;
}

static size_t group_of(slice s, bool last)
{
    return (unsigned char)s.p[last ? s.n - 1 : 0] % PATTERN_GROUPS;
}

static bool stands_before(slice a, slice b, bool last)
{
    size_t x = group_of(a, last), y = group_of(b, last);
    return x != y ? x < y : a.n > b.n;
}

static bool build_index(arena *a, const struct alternatives *alts, bool last, struct pattern_index *out)
{
    slice *v = arena_calloc(a, alts->n, sizeof *v);
    uint16_t *group = arena_calloc(a, PATTERN_GROUPS + 1, sizeof *group);
    if (!v || !group)
        return false;
    for (size_t i = 0; i < alts->n; i++) {
        size_t k = i;
        for (; k > 0 && stands_before(alts->v[i], v[k - 1], last); k--)
            v[k] = v[k - 1];
        v[k] = alts->v[i];
        group[group_of(alts->v[i], last) + 1]++;
        out->mask |= UINT64_C(1) << group_of(alts->v[i], last);
    }
    for (size_t g = 0; g < PATTERN_GROUPS; g++)
        group[g + 1] = (uint16_t)(group[g + 1] + group[g]);
    out->v = v;
    out->group = group;
    return true;
}

static const char *add_item(arena *a, struct alternatives *alts, uint16_t gap, struct pattern *out)
{
    if (alts->n == 0)
        return "group without words";
    if (out->n == PATTERN_MAX_ITEMS)
        return "pattern too long";
    struct pattern_item *item = &out->items[out->n];
    *item = (struct pattern_item){.n = (uint16_t)alts->n, .gap = gap, .optional = alts->optional};
    if (!build_index(a, alts, false, &item->by_first) || !build_index(a, alts, true, &item->by_last))
        return "out of memory";
    out->n++;
    return NULL;
}

static const char *add_literal(arena *a, slice text, uint16_t *gap, struct pattern *out)
{
    struct alternatives alts = {.n = 0};
    slice folded = fold_literal(a, text);
    if (slice_empty(folded))
        return NULL;
    const char *wrong = add_alternative(&alts, folded);
    if (!wrong)
        wrong = add_item(a, &alts, *gap, out);
    *gap = 0;
    return wrong;
}

static const char *add_group(arena *a, slice text, uint16_t *gap, pattern_find_set find, void *arg, struct pattern *out)
{
    struct alternatives alts = {.n = 0};
    const char *wrong = is_set_name(text) ? add_set(&alts, find(arg, text)) : add_members(a, text, find, arg, &alts);
    if (!wrong)
        wrong = add_item(a, &alts, *gap, out);
    /* An optional item hands its gap on, or "a ... {the|} b" would want b directly behind a. */
    if (!alts.optional)
        *gap = 0;
    return wrong;
}

/* "exceed{s|ed|}": the group's words are endings of `stem`. */
static const char *add_endings(arena *a, slice stem, slice text, uint16_t *gap, struct pattern *out)
{
    struct alternatives alts = {.n = 0};
    const char *wrong = NULL;
    slice rest = text, ending;
    while (!wrong && slice_split(&rest, '|', &ending)) {
        slice word = arena_printf(a, "%.*s%.*s", SLICE_FMT(stem), SLICE_FMT(ending));
        wrong = add_alternative(&alts, fold_literal(a, word));
    }
    if (!wrong)
        wrong = add_item(a, &alts, *gap, out);
    *gap = 0;
    return wrong;
}

/* Length of the word that stands directly before a "{" at the end of `plain`; 0 when a blank does. */
static size_t stem_span(slice plain)
{
    size_t n = 0;
    while (n < plain.n && (ascii_alnum(plain.p[plain.n - 1 - n]) || (plain.p[plain.n - 1 - n] & 0x80)))
        n++;
    return n;
}

/* Length of plain text up to "{" or "...". */
static size_t plain_span(slice s)
{
    size_t i = 0;
    while (i < s.n && s.p[i] != '{' && !slice_starts(slice_from(s, i), S("...")))
        i++;
    return i;
}

/* Stars stand at the ends; elsewhere they would be punctuation, which is not what was meant. */
static slice take_stars(slice text, struct pattern *out)
{
    if (text.n && text.p[0] == '*') {
        out->open_left = out->n == 0;
        text = slice_from(text, 1);
    }
    out->open_right = text.n && text.p[text.n - 1] == '*';
    return out->open_right ? slice_sub(text, 0, text.n - 1) : text;
}

const char *pattern_add(arena *a, slice text, uint16_t gap, pattern_find_set find, void *arg, struct pattern *out)
{
    if (!out->items)
        out->items = arena_calloc(a, PATTERN_MAX_ITEMS, sizeof *out->items);
    if (!out->items)
        return "out of memory";
    text = slice_trim(text);
    if (out->n && (out->open_right || slice_starts(text, S("*")))) /* between the parts of a seq */
        return MISPLACED_STAR;
    text = take_stars(text, out);
    const char *wrong = slice_chr(text, '*') == SLICE_NPOS ? NULL : MISPLACED_STAR;
    while (text.n && !wrong) {
        size_t n = plain_span(text);
        if (n) {
            slice plain = slice_sub(text, 0, n);
            slice group = slice_from(text, n);
            size_t stem = group.n && group.p[0] == '{' ? stem_span(plain) : 0;
            wrong = add_literal(a, slice_sub(plain, 0, n - stem), &gap, out);
            size_t end = slice_chr(group, '}');
            if (stem && !wrong && end != SLICE_NPOS) {
                wrong = add_endings(a, slice_from(plain, n - stem), slice_sub(group, 1, end - 1), &gap, out);
                n += end + 1;
            }
        } else if (text.p[0] == '{') {
            n = slice_chr(text, '}');
            if (n == SLICE_NPOS)
                return "{ without }";
            wrong = add_group(a, slice_sub(text, 1, n - 1), &gap, find, arg, out);
            n++;
        } else {
            gap = PATTERN_GAP_BYTES;
            n = 3;
        }
        text = slice_from(text, n);
    }
    return wrong;
}

const char *pattern_set_parse(arena *a, slice text, pattern_find_set find, void *arg, struct pattern_set *out)
{
    struct alternatives alts = {.n = 0};
    const char *wrong = slice_chr(text, '*') == SLICE_NPOS ? NULL : MISPLACED_STAR;
    if (!wrong)
        wrong = add_members(a, text, find, arg, &alts);
    if (wrong)
        return wrong;
    slice *members = arena_calloc(a, alts.n + 1, sizeof *members);
    if (!members)
        return "out of memory";
    memcpy(members, alts.v, alts.n * sizeof *members);
    members[alts.n] = SLICE_EMPTY;
    out->members = members;
    out->n = alts.n + alts.optional;
    return NULL;
}

static size_t shortest(const struct pattern_item *item)
{
    size_t n = SIZE_MAX;
    for (size_t i = 0; i < item->n; i++)
        if (item->by_first.v[i].n < n)
            n = item->by_first.v[i].n;
    return n;
}

bool pattern_can_anchor(const struct pattern *p, uint16_t i)
{
    return !p->items[i].optional && shortest(&p->items[i]) >= PATTERN_ANCHOR_BYTES;
}

const char *pattern_finish(struct pattern *p)
{
    size_t best = 0;
    for (uint16_t i = 0; i < p->n; i++) {
        size_t worth = pattern_can_anchor(p, i) ? shortest(&p->items[i]) : 0;
        if (worth > best) {
            best = worth;
            p->anchor = i;
        }
    }
    return best ? NULL : "no part that always stands there and has 2 letters or more";
}

static bool re_special(char c)
{
    return strchr(".^$|()[]{}*+?\\", c) != NULL;
}

slice pattern_re_literal(arena *a, slice re)
{
    slice best = SLICE_EMPTY;
    size_t depth = 0;
    for (size_t i = 0; i < re.n; i++) {
        char c = re.p[i];
        if (c == '|' && depth == 0)
            return SLICE_EMPTY;
        depth += c == '(' || c == '[';
        depth -= (c == ')' || c == ']') && depth > 0;
        if (c == '\\')
            i++;
        if (re_special(c) || depth)
            continue;
        size_t end = i;
        while (end < re.n && !re_special(re.p[end]))
            end++;
        size_t n = end - i;
        if (end < re.n && strchr("*?{", re.p[end]))
            n--;
        if (n > best.n)
            best = slice_sub(re, i, n);
        i = end - 1;
    }
    slice literal = fold_literal(a, best);
    return literal.n < PATTERN_RE_LITERAL_BYTES ? SLICE_EMPTY : literal;
}

/* ---- matching -------------------------------------------------------------------------------------------------- */

struct matcher {
    const struct pattern *p;
    slice text;
    unsigned weight;
    size_t from, to;
};

static bool stands_at(slice text, slice lit, size_t at)
{
    if (at > text.n || text.n - at < lit.n)
        return false;
    const char *p = text.p + at; /* literals are short: a loop is done before a call would have begun */
    for (size_t i = 0; i < lit.n; i++)
        if (p[i] != lit.p[i])
            return false;
    return true;
}

static bool bounded(const struct matcher *m, size_t item, size_t at, size_t n)
{
    bool first = item == 0, last = item + 1u == m->p->n;
    return ((first && m->p->open_left) || fold_between_words(m->text, at)) &&
           ((last && m->p->open_right) || fold_between_words(m->text, at + n));
}

static bool literal_at(const struct matcher *m, size_t item, slice lit, size_t at)
{
    return stands_at(m->text, lit, at) && bounded(m, item, at, lit.n);
}

/* Where the word behind `end` starts: behind one space, or directly where the script sets no spaces. */
static size_t next_start(slice text, size_t end)
{
    if (end < text.n && text.p[end] == ' ')
        return end + 1;
    return end < text.n && ((text.p[end] & 0x80) || (text.p[end - 1] & 0x80)) ? end : SLICE_NPOS;
}

static size_t previous_end(slice text, size_t start)
{
    if (start > 0 && text.p[start - 1] == ' ')
        return start - 1;
    return start > 0 && ((text.p[start] & 0x80) || (text.p[start - 1] & 0x80)) ? start : SLICE_NPOS;
}

static bool in_group(uint64_t mask, char c)
{
    return mask >> ((unsigned char)c % PATTERN_GROUPS) & 1;
}

static bool match_forward(struct matcher *m, size_t item, size_t end);

static bool match_item_at(struct matcher *m, size_t item, size_t at)
{
    const struct pattern_index *x = &m->p->items[item].by_first;
    size_t g = (unsigned char)m->text.p[at] % PATTERN_GROUPS;
    for (size_t k = x->group[g]; k < x->group[g + 1]; k++) {
        slice lit = x->v[k];
        if (literal_at(m, item, lit, at) && match_forward(m, item + 1, at + lit.n)) {
            m->weight += (unsigned)lit.n;
            return true;
        }
    }
    return false;
}

/* Items from `item` on, behind `end`. */
static bool match_forward(struct matcher *m, size_t item, size_t end)
{
    if (item == m->p->n) {
        m->to = end;
        return true;
    }
    const struct pattern_item *it = &m->p->items[item];
    size_t at = next_start(m->text, end);
    if (at != SLICE_NPOS && at < m->text.n && match_item_at(m, item, at))
        return true;
    for (size_t skip = 1; it->gap && skip <= it->gap && end + skip < m->text.n; skip++)
        if (in_group(it->by_first.mask, m->text.p[end + skip]) && fold_between_words(m->text, end + skip) &&
            match_item_at(m, item, end + skip))
            return true;
    return it->optional && match_forward(m, item + 1, end);
}

static bool match_backward(struct matcher *m, size_t item, size_t start, uint16_t gap);

static bool match_item_before(struct matcher *m, size_t item, size_t end)
{
    const struct pattern_index *x = &m->p->items[item - 1].by_last;
    size_t g = (unsigned char)m->text.p[end - 1] % PATTERN_GROUPS;
    for (size_t k = x->group[g]; k < x->group[g + 1]; k++) {
        slice lit = x->v[k];
        if (lit.n <= end && literal_at(m, item - 1, lit, end - lit.n) &&
            match_backward(m, item - 1, end - lit.n, m->p->items[item - 1].gap)) {
            m->weight += (unsigned)lit.n;
            return true;
        }
    }
    return false;
}

/* Items before `item`; what follows them starts at `start`, with `gap` bytes that may stand before it. */
static bool match_backward(struct matcher *m, size_t item, size_t start, uint16_t gap)
{
    if (item == 0) {
        m->from = start;
        return true;
    }
    const struct pattern_item *it = &m->p->items[item - 1];
    size_t end = previous_end(m->text, start);
    if (end != SLICE_NPOS && end > 0 && match_item_before(m, item, end))
        return true;
    for (size_t skip = 1; gap && skip <= gap && skip < start; skip++)
        if (in_group(it->by_last.mask, m->text.p[start - skip - 1]) && fold_between_words(m->text, start - skip) &&
            match_item_before(m, item, start - skip))
            return true;
    return it->optional && match_backward(m, item - 1, start, gap);
}

bool pattern_match_at(const struct pattern *p, slice text, size_t at, size_t n, struct pattern_match *out)
{
    struct matcher m = {.p = p, .text = text};
    if (!bounded(&m, p->anchor, at, n) || !match_forward(&m, p->anchor + 1u, at + n) ||
        !match_backward(&m, p->anchor, at, p->items[p->anchor].gap))
        return false;
    *out = (struct pattern_match){m.from, m.to, m.weight + (unsigned)n};
    return true;
}

bool pattern_search(const struct pattern *p, slice text, struct pattern_match *out)
{
    const struct pattern_item *it = &p->items[p->anchor];
    for (size_t at = 0; at < text.n; at++)
        for (size_t k = 0; k < it->n; k++)
            if (stands_at(text, pattern_anchor(p, k), at) && pattern_match_at(p, text, at, pattern_anchor(p, k).n, out))
                return true;
    return false;
}
