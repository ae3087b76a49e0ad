/* The zone of log stamps that name none: the machine's own, a name of the zone database, or a fixed offset.
 */
#ifndef CORE_ZONE_H
#define CORE_ZONE_H

#include "base/err.h"
#include "feed/syslog.h"

#define ZONE_MAX_SHIFTS 64u /* summer time of 30 years; older shifts are left out */

struct known_zone {
    struct zone zone;
    struct zone_shift shifts[ZONE_MAX_SHIFTS];
};

/* `name` NULL or "": the machine's zone (TZ, /etc/localtime); "UTC", "+02:00", "-0330", "Europe/Berlin". Shifts are
 * those of the years around `now_us`. E_INVALID for a name that the zone database does not have. Changes TZ of the
 * process. */
NODISCARD enum status zone_find(const char *name, int64_t now_us, struct known_zone *out, err *e);

#endif
