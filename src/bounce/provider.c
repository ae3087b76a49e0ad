#include "bounce/provider.h"

#include <stdlib.h>

#define MAX_HOST_BYTES 255u
#define MAX_HINT_BYTES 128u

struct provider_row {
    slice word, names, domains, marks;
};

static const struct provider_row rows[] = {
#define PROVIDER(word, names, domains, marks) \
    {SLICE_INIT(word), SLICE_INIT(names), SLICE_INIT(domains), SLICE_INIT(marks)},
#include "bounce/providers.def"
#undef PROVIDER
};
_Static_assert(ARRAY_LEN(rows) < PROVIDER_MAX, "rules keep providers in 128 bits");

unsigned provider_count(void)
{
    return (unsigned)ARRAY_LEN(rows);
}

slice provider_word(unsigned provider)
{
    return provider == PROVIDER_NONE || provider > ARRAY_LEN(rows) ? SLICE_EMPTY : rows[provider - 1].word;
}

slice provider_marks(unsigned provider)
{
    return provider == PROVIDER_NONE || provider > ARRAY_LEN(rows) ? SLICE_EMPTY : rows[provider - 1].marks;
}

unsigned provider_by_word(slice word)
{
    for (unsigned i = 0; i < ARRAY_LEN(rows); i++)
        if (slice_eq_ci(rows[i].word, word))
            return i + 1;
    return PROVIDER_NONE;
}

static bool index_row(struct provider_index *index, unsigned i)
{
    slice rest = rows[i].domains, domain;
    while (slice_word(&rest, &domain)) {
        void **place = map_put(&index->domains, domain);
        if (!place)
            return false;
        *place = (void *)(uintptr_t)(i + 1);
    }
    return true;
}

static int name_order(const void *a, const void *b)
{
    const struct provider_name *x = a, *y = b;
    return slice_cmp(x->name, y->name);
}

static size_t add_names(struct provider_name *names, size_t n, unsigned i)
{
    slice rest = rows[i].names, name;
    while (slice_split(&rest, '|', &name))
        if (!slice_empty(name))
            names[n++] = (struct provider_name){name, i + 1};
    return n;
}

static bool index_names(struct provider_index *index)
{
    size_t n = 0, most = 0;
    for (unsigned i = 0; i < ARRAY_LEN(rows); i++)
        most += rows[i].names.n;
    index->names = calloc(most, sizeof *index->names);
    if (!index->names)
        return false;
    for (unsigned i = 0; i < ARRAY_LEN(rows); i++)
        n = add_names(index->names, n, i);
    qsort(index->names, n, sizeof *index->names, name_order);
    for (size_t i = 0; i < n; i++)
        index->first[(unsigned char)index->names[i].name.p[0] + 1]++;
    for (size_t c = 1; c < ARRAY_LEN(index->first); c++)
        index->first[c] = (uint16_t)(index->first[c] + index->first[c - 1]);
    return true;
}

bool provider_index_init(struct provider_index *index)
{
    /* The keys are ours and strangers can only look up, so the key need not be secret. */
    static const struct sip_key key = {0x626f756e63656421, 0x70726f7669646572};
    *index = (struct provider_index){.names = NULL};
    map_init(&index->domains, &key);
    for (unsigned i = 0; i < ARRAY_LEN(rows); i++)
        if (!index_row(index, i))
            return false;
    return index_names(index);
}

void provider_index_fini(struct provider_index *index)
{
    map_fini(&index->domains);
    free(index->names);
    index->names = NULL;
}

unsigned provider_by_domain(const struct provider_index *index, slice domain)
{
    char lower[MAX_HOST_BYTES];
    if (domain.n && domain.p[domain.n - 1] == '.')
        domain.n--;
    if (domain.n == 0 || domain.n > sizeof lower)
        return PROVIDER_NONE;
    for (size_t i = 0; i < domain.n; i++)
        lower[i] = ascii_lower(domain.p[i]);
    slice rest = slice_of(lower, domain.n);
    while (rest.n) {
        void *found = map_get(&index->domains, rest);
        if (found)
            return (unsigned)(uintptr_t)found;
        size_t dot = slice_chr(rest, '.');
        if (dot == SLICE_NPOS)
            break;
        rest = slice_from(rest, dot + 1);
    }
    return PROVIDER_NONE;
}

/* Names are looked for as whole words in the hint, so that "sky" does not find "skynet". */
static bool name_at(slice hint, size_t at, slice name)
{
    if (hint.n - at < name.n || memcmp(hint.p + at, name.p, name.n) != 0)
        return false;
    return at + name.n == hint.n || !ascii_alnum(hint.p[at + name.n]);
}

static unsigned by_name(const struct provider_index *index, slice hint)
{
    char words[MAX_HINT_BYTES];
    size_t n = 0;
    for (size_t i = 0; i < hint.n && n < sizeof words; i++) {
        char c = ascii_lower(hint.p[i]);
        if (!ascii_alnum(c) && c != '.')
            c = ' ';
        if (c != ' ' || (n && words[n - 1] != ' '))
            words[n++] = c;
    }
    const struct provider_name none = {SLICE_EMPTY, PROVIDER_NONE}, *best = &none;
    for (size_t at = 0; at < n; at++) {
        if (at > 0 && ascii_alnum(words[at - 1]))
            continue;
        unsigned char c = (unsigned char)words[at];
        for (size_t i = index->first[c]; i < index->first[c + 1]; i++) {
            const struct provider_name *p = &index->names[i];
            bool better = p->name.n > best->name.n || (p->name.n == best->name.n && p->provider < best->provider);
            if (better && name_at(slice_of(words, n), at, p->name))
                best = p;
        }
    }
    return best->provider;
}

static bool looks_like_host(slice s)
{
    for (size_t i = 0; i < s.n; i++)
        if (!ascii_alnum(s.p[i]) && s.p[i] != '.' && s.p[i] != '-' && s.p[i] != '_')
            return false;
    return slice_chr(s, '.') != SLICE_NPOS;
}

unsigned provider_by_hint(const struct provider_index *index, slice hint)
{
    hint = slice_trim(hint);
    if (slice_empty(hint))
        return PROVIDER_NONE;
    if (looks_like_host(hint))
        return provider_by_domain(index, hint);
    unsigned provider = provider_by_word(hint);
    return provider ? provider : by_name(index, hint);
}
