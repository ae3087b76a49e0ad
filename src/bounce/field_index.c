#include "bounce/field_index.h"

#include <stdlib.h>

/* Chains of the names that share a hash; a number is the place of a name plus 1, 0 ends a chain. */
struct field_index {
    const struct field_name *names;
    size_t n;
    uint8_t first[UINT8_MAX + 1];
    uint8_t next[FIELD_INDEX_MAX];
};

struct field_index *field_index_new(const struct field_name *names, size_t n)
{
    MUST(n <= FIELD_INDEX_MAX);
    struct field_index *x = calloc(1, sizeof(*x));
    if (!x)
        return NULL;
    x->names = names;
    x->n = n;
    for (size_t i = 0; i < n; i++) {
        x->next[i] = x->first[names[i].hash];
        x->first[names[i].hash] = (uint8_t)(i + 1);
    }
    return x;
}

void field_index_free(struct field_index **x)
{
    free(*x);
    *x = NULL;
}

/* The place of a field's name plus 1; 0 when it is not among the names. */
static inline size_t place_of(const struct field_index *x, const struct field *f)
{
    size_t i = x->first[f->hash];
    while (i && !slice_eq_ci(x->names[i - 1].name, f->name))
        i = x->next[i - 1];
    return i;
}

void field_index_take(const struct field_index *x, const struct header *h, bool filled, slice *out)
{
    uint64_t seen[FIELD_INDEX_MAX / 64] = {0};
    for (size_t i = 0; i < x->n; i++)
        out[i] = SLICE_EMPTY;
    for (size_t i = 0; i < h->n; i++) {
        const struct field *f = &h->fields[i];
        size_t place = place_of(x, f);
        if (!place || (filled && slice_empty(f->value)))
            continue;
        uint64_t *word = &seen[(place - 1) / 64], bit = UINT64_C(1) << (place - 1) % 64;
        if (!(*word & bit))
            out[place - 1] = f->value;
        *word |= bit;
    }
}
