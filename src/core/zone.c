#include "core/zone.h"

#include <time.h>

static int32_t offset_at(int64_t us)
{
    time_t t = (time_t)(us / TIME_SECOND);
    struct tm tm;
    return localtime_r(&t, &tm) ? (int32_t)tm.tm_gmtoff : 0;
}

/* The first second in (before, after] that has another offset than `before`. */
static int64_t find_shift(int64_t before, int64_t after)
{
    int32_t offset_s = offset_at(before);
    while (after - before > TIME_SECOND) {
        int64_t middle = before + (after - before) / (2 * TIME_SECOND) * TIME_SECOND;
        if (offset_at(middle) == offset_s)
            before = middle;
        else
            after = middle;
    }
    return after;
}

bool zone_local(arena *a, int64_t from_us, int64_t to_us, struct zone *out)
{
    struct zone_shift *shifts = NULL;
    size_t n = 0, cap = 0;
    tzset();
    from_us -= from_us % TIME_SECOND;
    int32_t offset_s = offset_at(from_us);
    *out = (struct zone){.offset_s = offset_s};
    for (int64_t at = from_us; at < to_us; at += TIME_DAY) {
        int32_t next_s = offset_at(at + TIME_DAY);
        if (next_s == offset_s)
            continue;
        struct zone_shift *grown = arena_grow(a, shifts, n, &cap, sizeof *shifts);
        if (!grown)
            return false;
        shifts = grown;
        shifts[n++] = (struct zone_shift){find_shift(at, at + TIME_DAY), next_s};
        offset_s = next_s;
    }
    out->shifts = shifts;
    out->n = n;
    return true;
}
