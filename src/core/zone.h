/* The zone of this machine (TZ, /etc/localtime) as a table that pure code can use for stamps without zone.
 */
#ifndef CORE_ZONE_H
#define CORE_ZONE_H

#include "base/arena.h"
#include "feed/syslog.h"

/* Every change of the offset within [from_us, to_us]. False when the arena refused memory. */
NODISCARD bool zone_local(arena *a, int64_t from_us, int64_t to_us, struct zone *out);

#endif
