#include "feed/form.h"

#include "base/codec.h"

static slice decode(slice s, arena *a)
{
    char *out = arena_alloc(a, s.n);
    size_t n = 0, one;
    if (!out)
        return SLICE_EMPTY;
    for (size_t i = 0; i < s.n; i++) {
        char c = s.p[i] == '+' ? ' ' : s.p[i];
        if (c == '%' && i + 2 < s.n && hex_decode(slice_sub(s, i + 1, 2), &c, &one))
            i += 2;
        out[n++] = c;
    }
    return slice_of(out, n);
}

bool form_next(slice *rest, arena *a, struct form_pair *out)
{
    slice field;
    do {
        if (!rest->n || !slice_split(rest, '&', &field))
            return false;
    } while (slice_empty(field));
    size_t eq = slice_chr(field, '=');
    out->name = decode(slice_sub(field, 0, eq), a);
    out->value = eq == SLICE_NPOS ? SLICE_EMPTY : decode(slice_from(field, eq + 1), a);
    return !a->limited;
}

slice form_get(slice body, slice name, arena *a)
{
    struct form_pair pair;
    slice rest = body, value = SLICE_EMPTY;
    for (size_t i = 0; i < FORM_MAX_PAIRS && form_next(&rest, a, &pair); i++)
        if (slice_eq(pair.name, name))
            value = pair.value;
    return value;
}
