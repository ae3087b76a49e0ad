/* application/x-www-form-urlencoded: name=value pairs with "&" between, "+" for a space, %XX (WHATWG URL 5.1). Pure.
 */
#ifndef FEED_FORM_H
#define FEED_FORM_H

#include "base/arena.h"

#define FORM_MAX_PAIRS 1000u

struct form_pair {
    slice name, value; /* decoded */
};

/* Takes the next pair from *rest; false when *rest is used up or memory is refused. A broken escape stays as it is. */
bool form_next(slice *rest, arena *a, struct form_pair *out);
/* The value of the last pair of that name; empty when there is none. At most FORM_MAX_PAIRS are looked at. */
slice form_get(slice body, slice name, arena *a);

#endif
