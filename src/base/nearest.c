#include "base/nearest.h"

static size_t least(size_t a, size_t b)
{
    return a < b ? a : b;
}

static size_t edits(slice a, slice b)
{
    size_t rows[3][NEAREST_MAX_WORD];
    size_t *older = rows[0], *old = rows[1], *row = rows[2];
    for (size_t j = 0; j <= b.n; j++)
        old[j] = older[j] = j;
    for (size_t i = 1; i <= a.n; i++) {
        row[0] = i;
        for (size_t j = 1; j <= b.n; j++) {
            row[j] = least(old[j - 1] + (a.p[i - 1] != b.p[j - 1]), least(row[j - 1], old[j]) + 1);
            if (i > 1 && j > 1 && a.p[i - 1] == b.p[j - 2] && a.p[i - 2] == b.p[j - 1])
                row[j] = least(row[j], older[j - 2] + 1);
        }
        size_t *spare = older;
        older = old;
        old = row;
        row = spare;
    }
    return old[b.n];
}

size_t nearest_distance(slice word, slice known)
{
    if (word.n >= 3 && slice_starts(known, word))
        return slice_eq(word, known) ? 0 : 1;
    if (word.n >= NEAREST_MAX_WORD || known.n >= NEAREST_MAX_WORD)
        return SIZE_MAX;
    size_t d = edits(word, known);
    return d < word.n / 3 + 2 ? d : SIZE_MAX;
}

const char *nearest_word(slice word, const char *const *words)
{
    const char *best = NULL;
    size_t best_distance = SIZE_MAX;
    for (; *words; words++) {
        size_t d = nearest_distance(word, slice_str(*words));
        if (d < best_distance) {
            best = *words;
            best_distance = d;
        }
    }
    return best;
}
