#include "core/distance.h"

static unsigned least(unsigned a, unsigned b)
{
    return a < b ? a : b;
}

/* One row of the table: from the two rows above it. Returns the least value in it: distances never fall from row to row by more than a
 * swap needs, so that two rows above `most` end the search. */
static unsigned next_row(slice a, slice b, size_t i, const unsigned *two_up, const unsigned *up, unsigned *row)
{
    unsigned lowest = row[0] = (unsigned)i;
    for (size_t k = 1; k <= b.n; k++) {
        unsigned other = a.p[i - 1] == b.p[k - 1] ? 0 : 1;
        row[k] = least(least(up[k] + 1, row[k - 1] + 1), up[k - 1] + other);
        if (i > 1 && k > 1 && a.p[i - 1] == b.p[k - 2] && a.p[i - 2] == b.p[k - 1])
            row[k] = least(row[k], two_up[k - 2] + 1);
        lowest = least(lowest, row[k]);
    }
    return lowest;
}

unsigned distance(slice a, slice b, unsigned most)
{
    unsigned rows[3][DISTANCE_MAX_BYTES + 1], lowest = 0, before;
    size_t longer = a.n > b.n ? a.n : b.n, apart = a.n > b.n ? a.n - b.n : b.n - a.n;
    if (longer > DISTANCE_MAX_BYTES || apart > most)
        return most + 1;
    for (size_t k = 0; k <= b.n; k++)
        rows[0][k] = rows[1][k] = rows[2][k] = (unsigned)k;
    for (size_t i = 1; i <= a.n; i++) {
        before = lowest;
        lowest = next_row(a, b, i, rows[(i + 1) % 3], rows[(i + 2) % 3], rows[i % 3]);
        if (lowest > most && before > most)
            return most + 1;
    }
    return least(rows[a.n % 3][b.n], most + 1);
}
