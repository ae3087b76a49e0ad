#include <event2/event.h>
#include <sys/time.h>

#include "base/time.h"
#include "serve/daemon.h"

int64_t daemon_now(const struct daemon *d)
{
    struct timeval tv;
    if (event_base_gettimeofday_cached(d->base, &tv) != 0)
        gettimeofday(&tv, NULL);
    return (int64_t)tv.tv_sec * TIME_SECOND + tv.tv_usec;
}
