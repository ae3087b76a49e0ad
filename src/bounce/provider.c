#include "bounce/provider.h"

#define MAX_HOST_BYTES 255u
#define MAX_HINT_BYTES 128u

struct provider_row {
    slice word, names, domains, marks;
};

static const struct provider_row rows[] = {
#define PROVIDER(word, names, domains, marks)                                                                          \
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

bool provider_index_init(struct provider_index *index)
{
    /* The keys are ours and strangers can only look up, so the key need not be secret. */
    static const struct sip_key key = {0x626f756e63656421, 0x70726f7669646572};
    map_init(&index->domains, &key);
    for (unsigned i = 0; i < ARRAY_LEN(rows); i++)
        if (!index_row(index, i))
            return false;
    return true;
}

void provider_index_fini(struct provider_index *index)
{
    map_fini(&index->domains);
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
static bool names_word(slice hint, slice name)
{
    for (size_t at = 0; at + name.n <= hint.n; at++) {
        if (!slice_eq(slice_sub(hint, at, name.n), name))
            continue;
        bool left = at == 0 || !ascii_alnum(hint.p[at - 1]);
        bool right = at + name.n == hint.n || !ascii_alnum(hint.p[at + name.n]);
        if (left && right)
            return true;
    }
    return false;
}

/* Length of the longest name of a row in the hint. */
static size_t row_in_hint(const struct provider_row *row, slice hint)
{
    slice rest = row->names, name;
    size_t longest = 0;
    while (slice_split(&rest, '|', &name))
        if (name.n > longest && names_word(hint, name))
            longest = name.n;
    return longest;
}

static unsigned by_name(slice hint)
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
    size_t longest = 0;
    unsigned found = PROVIDER_NONE;
    for (unsigned i = 0; i < ARRAY_LEN(rows); i++) {
        size_t length = row_in_hint(&rows[i], slice_of(words, n));
        if (length > longest) {
            longest = length;
            found = i + 1;
        }
    }
    return found;
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
    return provider ? provider : by_name(hint);
}
