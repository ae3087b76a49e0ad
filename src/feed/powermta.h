/* Columns of a PowerMTA accounting file, between the dialect and the memory of a file at hand. For no file outside of this
 * folder.
 */
#ifndef FEED_POWERMTA_H
#define FEED_POWERMTA_H

#include <stdbool.h>
#include <stdint.h>

#define POWERMTA_MAX_COLUMNS 200u

/* What stands in each column, by enum in powermta.c; n 0: no line of names was seen. */
struct powermta_columns {
    uint8_t what[POWERMTA_MAX_COLUMNS];
    unsigned n;
    bool
        fixed; /* the file's first bytes are known: only its first line names columns, so that reading may go on anywhere */
};

#endif
