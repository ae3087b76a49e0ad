#include "core/typo.h"

#define MAX_BYTES 64u

struct known {
    slice name;
    bool wanted; /* may be proposed */
};

static const struct known KNOWN[] = {
#define DOMAIN(name) {SLICE_INIT(name), true},
#define EXISTS(name) {SLICE_INIT(name), false},
#include "core/typo_domains.def"
#undef DOMAIN
#undef EXISTS
};

/* Where the two begin to differ, seen from the front and from the end: the rest between says how. */
static bool one_slip(slice a, slice b)
{
    size_t front = 0, back = 0, shorter = a.n < b.n ? a.n : b.n;
    while (front < shorter && a.p[front] == b.p[front])
        front++;
    while (back < shorter - front && a.p[a.n - 1 - back] == b.p[b.n - 1 - back])
        back++;
    size_t in_a = a.n - front - back, in_b = b.n - front - back;
    if (in_a + in_b == 1 || (in_a == 1 && in_b == 1)) /* one more, less or other */
        return true;
    return in_a == 2 && in_b == 2 && a.p[front] == b.p[front + 1] && a.p[front + 1] == b.p[front]; /* swapped */
}

slice typo_domain(slice domain)
{
    slice found = SLICE_EMPTY;
    if (domain.n < TYPO_MIN_BYTES || domain.n > MAX_BYTES)
        return SLICE_EMPTY;
    for (size_t i = 0; i < ARRAY_LEN(KNOWN); i++) {
        if (slice_eq(KNOWN[i].name, domain))
            return SLICE_EMPTY;
        if (!KNOWN[i].wanted || !one_slip(domain, KNOWN[i].name))
            continue;
        if (!slice_empty(found)) /* which one was meant? */
            return SLICE_EMPTY;
        found = KNOWN[i].name;
    }
    return found;
}

slice typo_large(size_t i)
{
    for (size_t k = 0; k < ARRAY_LEN(KNOWN); k++)
        if (KNOWN[k].wanted && i-- == 0)
            return KNOWN[k].name;
    return SLICE_EMPTY;
}

bool typo_exists(slice domain)
{
    for (size_t i = 0; i < ARRAY_LEN(KNOWN); i++)
        if (slice_eq(KNOWN[i].name, domain))
            return true;
    return false;
}
