/* What every dialect gives: a list of observations in the arena of the batch.
 *
 * Everything an observation points to is copied into that arena, so that neither the line nor the dialect's memory has
 * to live as long.
 */
#ifndef FEED_FEED_H
#define FEED_FEED_H

#include "bounce/observation.h"

struct feed_list {
    struct observation *items;
    size_t n, cap;
};

/* A new observation at the end, cleared, texts empty, times TIME_NONE. NULL when the arena refused memory. */
struct observation *feed_add(struct feed_list *list, arena *a);

#endif
